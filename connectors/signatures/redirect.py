"""Signed queries of the HTTP-Redirect binding (SAML Bindings 2.0 §3.4.4.1), ours and others'.

    SAMLRequest=value&RelayState=value&SigAlg=value&Signature=value

The signature covers the first three, in this order whatever the order in the query, with the very percent escapes that
came: two spellings of one value are two texts, so nothing is decoded before it is verified. The message has no Signature.
"""

import base64
import re
import zlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote_plus

from connectors.profiles import Profile
from connectors.signatures.algorithms import ALGORITHMS, SignatureAlgorithm
from connectors.signatures.parse import MAX_OCTETS, MAX_PARAMETER, canonical, ids, parse_message, strict_base64
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import DS
from connectors.signatures.signer import Signer, algorithm_for
from connectors.signatures.verification_result import Signed
from policies.errors import AssertionRejected, SignatureInvalid

MESSAGES = ("SAMLRequest", "SAMLResponse")
DEFLATE = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
# SAML Bindings 2.0 §3.4.3 has 80 octets; deployed senders have more, and our own signed cookies need none of theirs
MAX_RELAY_STATE = 1024
# DEFLATE makes up to a thousand octets of one (CVE-2025-25293, CVE-2025-54572). The limit of a form field would let 1 MiB
# come out; a message has no more by Redirect than by POST, so neither has what comes out. A profile may allow less.
MAX_INFLATED = MAX_OCTETS
# A request has a kilobyte: zlib's usual tables clear 256 KiB of memory for it. Any reader's window is at least as large
WINDOW, TABLES = 12, 5
# Everything that we read. SAMLEncoding is not signed, and may say nothing but what is so without it (§3.4.4).
_NAMES = frozenset({*MESSAGES, "RelayState", "SigAlg", "Signature", "SAMLEncoding"})
_QUOTED = {uri: quote(uri, safe="") for uri in ALGORITHMS}
_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~!$'()*,;:@/?+=]|%[0-9A-Fa-f]{2})*")


def signed_query(parameter: str, message: bytes, relay_state: str, signer: Signer, profile: Profile) -> str:
    """`SAMLRequest=…&RelayState=…&SigAlg=…&Signature=…` for XML without a Signature; an empty RelayState is left out.

    Raises `BrokerError` where the profile does not take the key.
    """
    algorithm = algorithm_for(signer, profile)
    deflater = zlib.compressobj(level=9, wbits=-WINDOW, memLevel=TABLES)
    deflated = deflater.compress(message) + deflater.flush()
    relayed = f"&RelayState={quote(relay_state, safe='')}" if relay_state else ""
    query = f"{parameter}={_quoted_base64(deflated)}{relayed}&SigAlg={_QUOTED[algorithm.uri]}"
    return f"{query}&Signature={_quoted_base64(signer.sign(query.encode('ascii'), algorithm))}"


def _quoted_base64(octets: bytes) -> str:
    """Base64, percent-encoded: three letters of its alphabet need an escape."""
    text = base64.b64encode(octets).decode("ascii")
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


# The plan. Each block below has its number.
#  1. Size and spelling; each name once and literally; no name that we do not know; one message, of the expected kind.
#     The piece of the query that is verified is the piece that is read: CVE-2025-27773 (SimpleSAMLphp) and CVE-2025-31335
#     (OpenSAML C++) came of two.
#  2. The profile's algorithm, by its name.
#  3. A pinned key verifies the text as it came; nothing is unpacked for those whom we do not know.
#  4. Base64 in one spelling, DEFLATE in one piece and bounded.
#  5. The whole plan of `parse.parse_message`; IDs stand once; no Signature inside, that somebody else might believe.
#  6. The canonical octets, which are parsed again and alone are read.
def verify_query(raw: str, parameter: str, keys: Sequence[PinnedKey], profile: Profile) -> tuple[Signed, str]:
    """Verify a signed query as it came (without its "?"): the message and its RelayState, "" where there is none.

    `parameter` is SAMLRequest or SAMLResponse. An unknown name is refused: nobody signed it. Raises `SignatureInvalid` and
    `AssertionRejected`; ValueError where no key is given.
    """
    if not keys:
        raise ValueError("a verification without keys")
    # 1. Spelling.
    parts = _parts(raw)
    if [name for name in MESSAGES if name in parts] != [parameter]:
        raise AssertionRejected("parameters", f"not exactly a {parameter}")
    if "Signature" not in parts or "SigAlg" not in parts:
        raise SignatureInvalid("signature_missing", "a query that nobody signed")
    if "SAMLEncoding" in parts and _text(parts["SAMLEncoding"]) != DEFLATE:
        raise AssertionRejected("deflate", "another encoding than DEFLATE")
    # 2. The algorithm.
    algorithm = detached_algorithm(_text(parts["SigAlg"]), profile)
    # 3. The signature, over the text as it came. An empty RelayState that is there is signed as it is there.
    covered = "&".join(f"{name}={parts[name]}" for name in (parameter, "RelayState", "SigAlg") if name in parts).encode()
    value = _base64(parts["Signature"], "signature_value")
    key = verifying_key(keys, profile, algorithm, value, covered)
    relay_state = _text(parts.get("RelayState", ""))
    if len(relay_state) > MAX_RELAY_STATE:
        raise AssertionRejected("parameters", f"a RelayState of {len(relay_state)} characters")
    # 4. Bytes.
    octets = _inflated(_base64(parts[parameter], "base64"), min(profile.max_octets, MAX_INFLATED))
    return unsigned_inside(octets, key), relay_state


def detached_algorithm(uri: str, profile: Profile) -> SignatureAlgorithm:
    """2. The profile's algorithm, by its name."""
    algorithm = ALGORITHMS.get(uri)
    if algorithm is None or algorithm.uri not in profile.signature_algorithms:
        raise SignatureInvalid("signature_algorithm", "a signature algorithm that we do not take")
    return algorithm


def verifying_key(
    keys: Sequence[PinnedKey], profile: Profile, algorithm: SignatureAlgorithm, value: bytes, covered: bytes
) -> PinnedKey:
    """3. The pinned key that made this signature over these octets."""
    key = next((key for key in keys if key.fits(profile) and key.verifies(algorithm, value, covered)), None)
    if key is None:
        raise SignatureInvalid("signature", f"a signature that none of {len(keys)} pinned keys made")
    return key


def unsigned_inside(octets: bytes, key: PinnedKey) -> Signed:
    """5. One tree without a Signature; 6. the octets that are read."""
    root = parse_message(octets)
    values = ids(root)
    if len(values) != len(set(values)):
        raise SignatureInvalid("duplicate_id", "an ID that stands twice")
    if next(root.iter(f"{{{DS}}}*"), None) is not None:
        raise SignatureInvalid("signature_place", "a Signature inside of a message that is signed beside it")
    return Signed(octets=canonical(root), key_id=key.key_id)


def _parts(raw: str) -> Mapping[str, str]:
    """Each parameter as it is spelled."""
    if len(raw) > MAX_PARAMETER:
        raise AssertionRejected("size", f"a query of {len(raw)} characters")
    parts: dict[str, str] = {}
    for piece in raw.split("&"):
        name, mark, value = piece.partition("=")
        # A name spelled with escapes is one name to this reader and another to the next.
        if not mark or name not in _NAMES or name in parts:
            raise AssertionRejected("parameters", "a parameter that is unknown, without a value, or there twice")
        if not _VALUE.fullmatch(value):
            raise AssertionRejected("parameters", "a parameter that no encoding gives")
        parts[name] = value
    return parts


def _text(value: str) -> str:
    """A value as forms encode it: "+" is a blank, the octets are UTF-8."""
    try:
        return unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        raise AssertionRejected("encoding", "a parameter that is not UTF-8") from None


def _base64(value: str, check: str) -> bytes:
    try:
        return strict_base64(_text(value))
    except ValueError:
        raise AssertionRejected(check, "a parameter that is not base64") from None


def _inflated(packed: bytes, most: int) -> bytes:
    """Raw DEFLATE, whole and alone, of at most `most` octets."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        octets = inflater.decompress(packed, most + 1)
    except zlib.error:
        raise AssertionRejected("deflate", "a message that is not DEFLATE") from None
    if len(octets) > most:
        raise AssertionRejected("size", f"a message of more than {most} octets")
    if not inflater.eof or inflater.unused_data:
        raise AssertionRejected("deflate", "a message that is cut off, or that something follows")
    return octets
