"""A SAML response in a file, judged by the connector of its profile: the code that a login runs.

A file that begins with `<` is the XML itself, any other is the base64 of a POST parameter. XML goes to the connector as it
would come by POST, so what the server would refuse for its size is refused here, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.connector import Examined, Expectation, Inbound
from connectors.profiles import Profile
from connectors.signatures.parse import MAX_PARAMETER, attributes, from_post
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.xmldsig import Shape
from connectors.wire.names import UNSPECIFIED, saml
from idp.inspect.decrypting import Guard
from idp.inspect.opinion import Question
from idp.inspect.options import Options
from idp.inspect.outcome import ALWAYS_UNCHECKED, Said, Verdict
from idp.inspect.reading import issued_in, parameter, peek
from policies.assurance import LevelOfAssurance
from policies.parties import ProviderId


class ExaminingConnector(Protocol):
    """A connector of SAML: `SamlConnector` or `EidasConnector`."""

    def examine(self, inbound: Inbound, expectation: Expectation, now: int) -> Examined:
        """As `receive`, with what the message said in its own names."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A connector, whom it asks, the keys that it may decrypt with, and what its expectation leaves open."""

    connector: ExaminingConnector
    provider_id: ProviderId
    profile: Profile
    guard: Guard | None
    # the keys and the shape by which it verifies at a time, for another implementation to be asked
    keys: Callable[[int], Sequence[PinnedKey]] = field(repr=False)
    shape: Shape = field(repr=False)
    left_open: tuple[str, ...] = ()


class ResponseInspector:
    """Implements `Inspector` and `Asked`."""

    limit = MAX_PARAMETER
    public = ""

    def __init__(self, judge: Judge, options: Options) -> None:
        self._judge, self._options = judge, options

    @property
    def profile(self) -> str:
        """`saml2int` or `eidas`."""
        return self._judge.profile.name

    @property
    def not_checked(self) -> tuple[str, ...]:
        """As `Inspector` has it."""
        options = self._options
        given = {"request id": options.request_id, "minimum level": options.minimum_loa}
        absent = (name for name, value in given.items() if value is None)
        return (*ALWAYS_UNCHECKED, *absent, "authentication age", *self._judge.left_open)

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """As `Inspector` has it."""
        request_id = self._options.request_id
        if request_id is None:
            # Whatever it says it answers: both places that say so have to agree all the same
            root = peek(octets)
            request_id = attributes(root).get("InResponseTo", "") if root is not None else ""
        if self._judge.guard is not None:
            self._judge.guard.begin(digest)
        now = self._options.now
        expectation = Expectation(
            provider_id=self._judge.provider_id,
            request_id=request_id,
            issued_at=now,
            minimum_assurance=self._options.minimum_loa or LevelOfAssurance.LOW,
            force_authentication=False,
            name_id_format=UNSPECIFIED,
        )
        inbound = Inbound("post", {"SAMLResponse": parameter(octets)})
        found = self._judge.connector.examine(inbound, expectation, now)
        said = Said(
            issuer=found.assertion.issuer,
            subject_format=found.subject_format,
            subject=found.subject,
            loa=found.assertion.offered.loa.label,
            attributes=dict(found.attributes),
        )
        message: dict[str, object] = {
            "kind": "response",
            "profile": self.profile,
            "sha256": digest,
            "response_id": found.assertion.response_id,
            "assertion_id": found.assertion.assertion_id,
            "in_response_to": request_id or None,
            "authenticated": found.assertion.authenticated_at,
            "ends": found.assertion.not_on_or_after,
            "deviations": list(found.assertion.deviations),
        }
        return Verdict(said, message)

    def question(self, octets: bytes) -> Question:
        """As `Asked` has it: of what is decrypted nobody else is asked."""
        judge, xml, root = self._judge, from_post(parameter(octets)), peek(octets)
        hidden = root is not None and root.find(saml("EncryptedAssertion")) is not None
        left_open = ("second opinion of what is encrypted",) if hidden else ()
        return Question(xml, judge.keys(self._options.now), judge.shape, judge.profile, left_open)

    def unsigned(self, octets: bytes) -> bool:
        """As `Inspector` has it."""
        root = peek(octets)
        return root is not None and root.find(f".//{SIGNATURE}") is None

    def issued(self, octets: bytes) -> int | None:
        """As `Inspector` has it."""
        return issued_in(peek(octets))
