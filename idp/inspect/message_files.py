"""Files as they come: a path, a pipe or standard input, read up to a limit, so that 300 MB cost no more than 256 KiB."""

import base64
import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.formats.grammar import instant
from connectors.profiles import Profile
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import MAX_TOKEN, VerificationKey, from_base64url
from connectors.signatures.parse import Element, attributes, from_post, parse_message, strict_base64
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.xmldsig import Shape
from connectors.wire.claims import read_object
from idp.inspect.options import could_not
from idp.inspect.result import Inspector
from idp.system.files import read_upto
from policies.errors import AssertionRejected, BrokerError, SignatureInvalid

# A key, a certificate or a token: the largest of them is far smaller
MAX_SIDE_FILE = 1024 * 1024
# A form as it is sent: the name of a field, or a value in which base64 signs that no URL holds are escaped
_NAMED = re.compile(rb"(?:\s*|[^<]*&)SAML(?:Response|Request)=")
_ESCAPED = re.compile(rb"[A-Za-z0-9\s]*(?:%(?:2B|2F|3D|0D|0A)[A-Za-z0-9\s]*)+(?:&.*)?", flags=re.IGNORECASE | re.DOTALL)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]{1,65536})-----END CERTIFICATE-----")
# An editor's line end after a token or a query
LINE_END = 2


@dataclass(frozen=True, slots=True)
class Question:
    """A message as it came, and the keys, shape and profile of its signatures, for a second implementation.

    `left_open`: parts of the message that the second implementation does not get.
    """

    octets: bytes = field(repr=False)
    keys: Sequence[PinnedKey] = field(repr=False)
    shape: Shape
    profile: Profile
    left_open: tuple[str, ...] = ()


class XmlInspector(Inspector):
    """An inspector of XML messages with a signature in them."""

    @abstractmethod
    def question(self, octets: bytes) -> Question:
        """The question to a second implementation about a file. Raises `BrokerError` where it holds no message."""

    def unsigned(self, octets: bytes) -> bool:
        """Whether a refused file has no Signature."""
        root = peek(octets)
        return root is not None and root.find(f".//{SIGNATURE}") is None

    def issued(self, octets: bytes) -> int | None:
        """The IssueInstant. Raises `AssertionRejected`."""
        return issued_in(peek(octets))


class TokenInspector(Inspector):
    """An inspector of signed tokens."""

    limit = MAX_TOKEN + LINE_END

    def issued(self, octets: bytes) -> int | None:
        """The `iat` of a token (seconds since the epoch). Raises `AssertionRejected` where its claims cannot be read."""
        _, _, rest = one_line(octets).partition(".")
        try:
            issued = read_object(from_base64url(rest.partition(".")[0])).get("iat")
        except ValueError:
            return None
        return issued if isinstance(issued, int) and not isinstance(issued, bool) and issued >= 0 else None


def read_side_file(path: Path, what: str) -> bytes:
    """A file that the expectation names. Raises `BrokerError` where it cannot be read, or its size rules it out."""
    try:
        octets = read_upto(str(path), MAX_SIDE_FILE)
    except OSError as error:
        raise could_not(f"{what} {path} cannot be read ({error.strerror}).") from None
    if not 0 < len(octets) <= MAX_SIDE_FILE:
        raise could_not(f"{what} {path} is empty, or larger than {MAX_SIDE_FILE} octets.")
    return octets


def read_certificate(path: Path) -> bytes:
    """DER of the one certificate in a PEM file. Raises `BrokerError`."""
    found = _PEM.findall(read_side_file(path, "the certificate"))
    if len(found) != 1:
        raise could_not(f"{path} does not hold exactly one certificate in PEM.")
    try:
        return strict_base64("".join(found[0].decode("ascii", "replace").split()))
    except ValueError:
        raise could_not(f"{path} holds no certificate in PEM.") from None


def read_keys(path: Path, alg: str) -> Sequence[VerificationKey]:
    """The keys of a JWKS that may verify with one algorithm. Raises `BrokerError` where there is none."""
    text = read_side_file(path, "the JWKS").decode("utf-8", "replace")
    try:
        return keys_from_jwks(text, alg)
    except SignatureInvalid as error:
        raise could_not(f"the JWKS {path} cannot be used: {error.detail}.") from None


def one_line(octets: bytes) -> str:
    """A text of one line, without its end."""
    text = octets.decode("ascii", "replace")
    return text.removesuffix("\n").removesuffix("\r")


def parameter(octets: bytes) -> str:
    """The POST parameter that these octets are, or would be: a file that begins with `<` is XML.

    Raises `BrokerError` for a form as sent: the sender is not to blame that its field was not decoded.
    """
    if _NAMED.match(octets) or _ESCAPED.fullmatch(octets):
        detail = "this is the form as sent: take the field's decoded value."
        raise BrokerError(detail, code="as_sent", public="The file is not what was to be saved.")
    return base64.b64encode(octets).decode() if octets.startswith(b"<") else octets.decode("utf-8", "replace")


def peek(octets: bytes) -> Element | None:
    """The root of a file that may be anything: looked at for hints, believed in nothing."""
    try:
        return parse_message(octets if octets.startswith(b"<") else from_post(parameter(octets)))
    except AssertionRejected:
        return None


def issued_in(root: Element | None) -> int | None:
    """The IssueInstant of a SAML message (seconds since the epoch). Raises `AssertionRejected` where it is no time."""
    text = attributes(root).get("IssueInstant") if root is not None else None
    return instant(text, "IssueInstant") if text is not None else None
