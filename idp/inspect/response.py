"""A SAML response in a file, judged by the connector of its profile: the code that a login runs.

A file that begins with `<` is the XML itself, any other the base64 of a POST parameter. XML goes to the connector as it
would come by POST, so a response that the server refuses for its size is refused here, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.connector import Examined, Expectation, Inbound
from connectors.profiles import Profile
from connectors.signatures.parse import MAX_PARAMETER, attributes, from_post
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.xmldsig import Shape
from connectors.wire.names import UNSPECIFIED, saml
from idp.inspect.decryption_guard import Guard
from idp.inspect.message_files import Question, XmlInspector, parameter, peek
from idp.inspect.options import Options
from idp.inspect.result import ALWAYS_UNCHECKED, Accepted, MessageStatement
from policies.assurance import LevelOfAssurance
from policies.parties import ProviderId

# By the word for a check that was not made: the option without which nothing is expected
OPEN_ENDS = {"request id": "request_id", "minimum level": "minimum_loa"}


class ExaminingConnector(Protocol):
    """A connector of SAML: `SamlConnector` or `EidasConnector`."""

    def examine(self, inbound: Inbound, expectation: Expectation, now: int) -> Examined:
        """Does as `receive`; the result has the message's own names, too."""


@dataclass(frozen=True, slots=True)
class ResponseJudge:
    """A connector, the provider that it asks, the guard of its keys, and the words for what its expectation leaves open.

    `keys` (at a time) and `shape` are those by which the connector verifies, for a second implementation.
    """

    connector: ExaminingConnector
    provider_id: ProviderId
    profile: Profile
    guard: Guard | None
    keys: Callable[[int], Sequence[PinnedKey]] = field(repr=False)
    shape: Shape = field(repr=False)
    left_open: tuple[str, ...] = ()
    # the entity ids of public bodies in whose names its provider is asked
    bodies: frozenset[str] = frozenset()

    def body(self, octets: bytes) -> str:
        """The body that a response names as its audience, "" where it names none: so it was asked, or nobody asked it."""
        root = peek(octets) if self.bodies else None
        named = "" if root is None else next((one.text or "" for one in root.iter(saml("Audience"))), "")
        return named if named in self.bodies else ""


class ResponseInspector(XmlInspector):
    """Inspects SAML responses."""

    limit = MAX_PARAMETER

    def __init__(self, judge: ResponseJudge, options: Options) -> None:
        self._judge, self._options = judge, options
        self.not_checked = (*ALWAYS_UNCHECKED, *options.left_open(OPEN_ENDS), "authentication age", *judge.left_open)

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """See `Inspector`."""
        judge, options = self._judge, self._options
        request_id = options.request_id
        if request_id is None:
            # The request that it names: both places that name it must agree all the same
            root = peek(octets)
            request_id = attributes(root).get("InResponseTo", "") if root is not None else ""
        if judge.guard is not None:
            judge.guard.begin(digest)
        expectation = Expectation(
            provider_id=judge.provider_id,
            request_id=request_id,
            issued_at=options.now,
            minimum_assurance=options.minimum_loa or LevelOfAssurance.LOW,
            force_authentication=False,
            name_id_format=UNSPECIFIED,
            speaks_as=judge.body(octets),
        )
        inbound = Inbound("post", {"SAMLResponse": parameter(octets)})
        found = judge.connector.examine(inbound, expectation, options.now)
        assertion = found.assertion
        loa, said = assertion.offered.loa.label, dict(found.attributes)
        message: dict[str, object] = {
            "kind": "response",
            "profile": judge.profile.name,
            "sha256": digest,
            "response_id": assertion.response_id,
            "assertion_id": assertion.assertion_id,
            "in_response_to": request_id or None,
            "authenticated": assertion.authenticated_at,
            "ends": assertion.not_on_or_after,
            "deviations": list(assertion.deviations),
        }
        statement = MessageStatement(assertion.issuer, found.subject_format, found.subject, loa, said)
        return Accepted(statement, message, offered=assertion.offered)

    def question(self, octets: bytes) -> Question:
        """See `XmlInspector`. The second implementation does not get what was decrypted."""
        judge, xml, root = self._judge, from_post(parameter(octets)), peek(octets)
        hidden = root is not None and root.find(saml("EncryptedAssertion")) is not None
        left_open = ("second opinion of what is encrypted",) if hidden else ()
        return Question(xml, judge.keys(self._options.now), judge.shape, judge.profile, left_open)
