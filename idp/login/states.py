"""One login, in one direction: Requested -> Asked -> Decided -> Onward -> Released, or Refused. Frozen, no way back.

`Requested` and `Asked` travel sealed in a cookie and hold nothing about a person. `Decided` lies in a sealed form field and
holds only what may be released, in its form. A login at a city and one at a sending node have the same states.
"""

from dataclasses import dataclass, field, replace
from typing import TypeVar

from connectors.connector import Expectation
from connectors.resumed import RememberedSignIn
from idp.ledger.record_contents import DecidedBy
from idp.login.identity_links import LinkedIdentity
from idp.login.sealing import LoginId
from idp.login.state_codec import NEVER_DEFLATED, PLAIN_COOKIE, Codec
from policies.assurance import LevelOfAssurance
from policies.attributes import Attribute, AttributeName
from policies.authentication import Origin, ServiceRequest
from policies.errors import NotFound, RequestRefused
from policies.parties import ProviderId, PurposeId
from policies.persons import PersonKind
from policies.release import Decision

# In seconds
LOGIN_LIFE = 15 * 60
DECIDED_LIFE = 5 * 60
# How long after the decision a citizen may go on
ONWARD_LIFE = 5 * 60
ANSWER_LIFE = 60
CODE_LIFE = 60
ACCESS_TOKEN_LIFE = 5 * 60
RECEIPT_LIFE = 24 * 3600
# How a login is decided where an earlier approval counts
BY_APPROVAL = (DecidedBy.REMEMBERED, DecidedBy.UNASKED, DecidedBy.SILENT)


@dataclass(frozen=True, slots=True)
class Requested:
    """A service asked; the citizen has not chosen an identity provider yet."""

    login: LoginId
    began: int
    request: ServiceRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """We asked an identity provider, and remember what its answer must match.

    `acts` is how many acts of the switchboard were known before (`idp.login.suspension`). What comes of the answer
    carries it on.
    """

    login: LoginId
    began: int
    request: ServiceRequest
    expectation: Expectation
    acts: int = 0

    @property
    def exchanged(self) -> "Asked":
        """The same, once its answer was fetched: a code is exchanged once, so there is nothing left to fetch it with."""
        return replace(self, expectation=replace(self.expectation, secret=""))


@dataclass(frozen=True, slots=True)
class Judged:
    """A role's judgement of an answer: what may go, under which identifier and level, and what the ledger keeps.

    `sub` is the service's own identifier of the person. `context` is the level as the answer names it; "" where the service
    named none. `subject` is the person's keyed index in the ledger; b"" at a sending node, which records nobody. `policy`
    and `notice` are digests of the purpose and of what the page shows. `arrived` names all that the source sent.
    `vouched` is the digest of what was approved of that node, or of a federation's member; "" of a pinned provider.
    `transfer` has the legal spheres of source and service and the ground, if it goes from one to another. `instead` has
    every answer that may go in its place, this one first: the citizen says for whom they act. () where there is one.
    `link` is the proof of the link to an earlier identity that `sub` is of (`idp.login.identity_links`). `identity` is the
    person's own, for the citizen's page alone.
    """

    sub: str = field(repr=False)
    loa: LevelOfAssurance
    context: str
    decision: Decision
    subject: bytes = field(default=b"", repr=False)
    policy: str = ""
    notice: str = ""
    arrived: tuple[AttributeName, ...] = ()
    vouched: str = ""
    # the kind of the sign-in; of whoever acts: the index of whom they act for, and the name that pages call those by
    kind: PersonKind = PersonKind.NATURAL
    represented: bytes = field(default=b"", repr=False)
    acting_for: str = field(default="", repr=False)
    transfer: tuple[str, ...] = ()
    instead: "tuple[Judged, ...]" = field(default=(), repr=False)
    link: bytes = field(default=b"", repr=False)
    identity: LinkedIdentity | None = field(default=None, repr=False)
    ends: int = 0  # of the answer of a register that ends first; 0 where none was used
    registers: tuple[str, ...] = ()  # the digests of the registrations of those whose word may go
    named_by: str = ""  # the mandate register that names the represented one; "" where the sign-in does
    number: str = field(default="", repr=False)  # tells two of whom the citizen may act for apart, beside their name

    def until(self, end: int) -> int:
        """This end, or that of what a register said if it comes before."""
        return min(end, self.ends or end)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An approval that the citizen let us remember: when it was given, and the boxes that were ticked.

    `same` says that what would go now is what went then.
    """

    given: int
    shared: tuple[AttributeName, ...]
    same: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """The policy decided what may be released; the citizen decides whether. Never the assertion, never a withheld value.

    `response` and `assertion` are SHA-256 over (issuer, id): the marks that the decision takes, until `marks_end`. `path`
    is the kind of page that asks.
    """

    login: LoginId
    began: int
    end: int
    request: ServiceRequest
    provider_id: ProviderId
    judged: Judged
    authenticated_at: int
    response: bytes
    assertion: bytes
    marks_end: int
    path: DecidedBy
    earlier: Earlier | None
    acts: int = 0
    deviations: tuple[str, ...] = ()  # the named deviations that the answer used
    authorities: tuple[str, ...] = ()  # who signed the citizen in behind the provider, for the record
    # of a service that shares its sign-ins: who signed in, for the session; and whether a session alone said so
    signed_in: RememberedSignIn | None = field(default=None, repr=False)
    resumed: bool = False
    stop: bytes = b""  # `ApprovalStanding.stop` at the answer: what the person took back since ends it
    more: int = 0  # the seconds by which the citizen moved `end`

    @property
    def heard(self) -> int:
        """When the answer came. If it came late in its login: a moment before that."""
        return self.end - self.more - DECIDED_LIFE

    def longer(self, now: int) -> "Decided":
        """The same question for five minutes from now, and never past the login's end, or a register's answer's."""
        end = max(self.end, self.judged.until(min(now + DECIDED_LIFE, self.began + LOGIN_LIFE)))
        return replace(self, end=end, more=end - self.end)

    def acting(self, choice: int) -> "Decided":
        """The same with the answer that the citizen chose, by its place on the page. Raises `RequestRefused`."""
        answers = self.judged.instead
        if not 0 <= choice < len(answers):
            raise RequestRefused("a choice of whom to act for that the page does not have", code="other_site")
        judged = answers[choice]
        signed_in = None if judged.kind.acts else self.signed_in
        return replace(self, judged=judged, end=judged.until(self.end), signed_in=signed_in)

    @property
    def decision(self) -> Decision:
        """The attributes that may be released."""
        return self.judged.decision

    @property
    def ticked(self) -> tuple[AttributeName, ...]:
        """The optional attributes that may go and that the citizen ticked before: the question shows these boxes ticked."""
        return tuple(name for name in self.decision.optional if name in (self.request.ticked or ()))

    def is_covered_by(self, earlier: Earlier | None) -> bool:
        """Whether an earlier approval is one of what would go now. Where this login offered boxes, their ticks count."""
        if earlier is None or not earlier.same or self.request.ask_anew:
            return False
        return self.request.ticked is None or {*self.ticked} == {*earlier.shared}

    @property
    def silent(self) -> bool:
        """Whether it is decided without a page, because the service takes none."""
        return self.path is DecidedBy.SILENT

    @property
    def informs(self) -> bool:
        """Whether its page informs, and does not ask."""
        return self.path is DecidedBy.INFORMED

    @property
    def shared(self) -> frozenset[AttributeName] | None:
        """The boxes of an earlier approval that count again; None where the page has boxes of its own."""
        again = self.path in BY_APPROVAL
        return frozenset(self.earlier.shared) if again and self.earlier else None


S = TypeVar("S", bound=Requested | Asked | Decided)


def speaking(state: S, language: str) -> S:
    """The same state of the same login, whose pages speak this language from here on, whatever the service wished."""
    return replace(state, request=replace(state.request, languages=(language,)))


@dataclass(frozen=True, slots=True)
class Approved:
    """The approval that a later release without the citizen rests on, as far as the grant does not say it.

    `subject` is the person's keyed index in the ledger. `given` is when the approval was given that the citizen let us
    remember, 0 where none is remembered. `policy` and `notice` are digests of the purpose and of what the page showed.
    `transfer` is that of `Judged`.
    """

    subject: bytes = field(repr=False)
    given: int
    policy: str
    notice: str
    # `ApprovalStanding.stop` when they pressed the button: what they took back since ends it
    stop: bytes = b""
    transfer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """All that a service is given, whichever way its frontend gives it.

    `record` (hex) and `values_nonce` (base64) are for the service's receipt: the nonce opens the commitment to the values,
    and is kept nowhere else. Both are "" at a sending node. `cnf` is who may use what is issued: `jkt:` with the
    thumbprint of a key (RFC 9449), `x5t#S256:` with that of a certificate (RFC 8705), "" everybody.
    """

    origin: Origin
    purpose_id: PurposeId
    provider_id: ProviderId
    sub: str = field(repr=False)
    loa: LevelOfAssurance
    context: str
    authenticated_at: int
    attributes: tuple[Attribute, ...] = field(repr=False)
    record: str = ""
    values_nonce: str = field(default="", repr=False)
    # of the login, in the log
    reference: str = ""
    # of the login that it was issued in: what was switched off since ends it, on again or not
    acts: int = 0
    cnf: str = ""
    # None at a sending node, and of what is issued by a code or a refresh token
    approved: Approved | None = None
    # when the access token was issued, and the handle of the family that it ends with (base64url): 0 and "" of a code
    issued: int = 0
    family: str = field(default="", repr=False)
    # the service's own name of the session that it was issued in; "" where there is none
    sid: str = ""
    # who signed the person in, where the service hears of it
    authorities: tuple[str, ...] = ()
    # the kind of the sign-in: the service hears that `sub` is a company, or acts for another
    kind: PersonKind = PersonKind.NATURAL
    # the mandate register that names whom they act for
    named_by: str = ""
    # when the citizen decided; 0 of what an earlier version issued
    decided: int = 0
    # at a sending node alone: what could have gone, and the citizen left out
    left_out: tuple[AttributeName, ...] = ()


@dataclass(frozen=True, slots=True)
class CitizenReceipt:
    """The content of a citizen's handle, for a day: the record (hex), and the nonce of its values (base64)."""

    record: str
    values_nonce: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """The session that a release left in the browser: the handle in the cookie of its group, and its end.

    `left` names the session whose place it took, which ends; b"" where there was none.
    """

    group: str
    handle: str = field(repr=False)
    end: int
    left: bytes = b""


@dataclass(frozen=True, slots=True)
class Onward:
    """A login that was decided: all that its answer is made of. It lies parked while the citizen reads the last page.

    `word` is their choice. A release has `decided`, with nothing in it but what goes, and a refusal has `request` alone: no
    value of the person. `at` is the moment of the keys that are derived. `record` (hex) is the id of the record, "" where
    there is none.
    """

    word: str
    at: int
    record: str
    request: ServiceRequest | None = None
    decided: Decided | None = None
    approved: Approved | None = None
    values_nonce: str = field(default="", repr=False)
    # when the citizen decided
    pressed: int = 0

    @property
    def asked(self) -> ServiceRequest:
        """The service's request."""
        if self.decided is not None:
            return self.decided.request
        if self.request is None:
            raise NotFound("a decided login without a request")
        return self.request


@dataclass(frozen=True, slots=True)
class WaitingAnswer:
    """A login that is recorded and whose citizen has not gone on yet (decision 0074).

    `secret` is what the browser's Strict cookie has. `receipt` is this browser's handle of the citizen's receipt, ""
    where they have none. `first`: it was recorded just now.
    """

    login: LoginId
    onward: Onward
    secret: bytes = field(repr=False)
    receipt: str = field(default="", repr=False)
    session: BrowserSession | None = field(default=None, compare=False)
    first: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Released:
    """The release that goes to the service. Its frontend makes the answer of it.

    `answer_key` is 32 secret bytes of this choice in this browser: codes and ids that are derived from it are the same
    again for the same choice. `receipt` is the handle of the citizen's receipt, "" at a sending node. `record` is the id of
    the record; b"" where the same choice was recorded before.
    """

    grant: Grant
    answer_key: bytes = field(repr=False)
    receipt: str = field(default="", repr=False)
    record: bytes = field(default=b"", compare=False)
    session: BrowserSession | None = field(default=None, compare=False)

    @property
    def first(self) -> bool:
        """Whether it was recorded just now."""
        return bool(self.record)


@dataclass(frozen=True, slots=True)
class Refused:
    """The login ended without a release. `answer_key` and `record` as in `Released`."""

    origin: Origin
    answer_key: bytes = field(repr=False)
    record: bytes = field(default=b"", compare=False)


REQUESTED = Codec(Requested, plain=PLAIN_COOKIE)
ASKED = Codec(Asked, plain=PLAIN_COOKIE)
DECIDED = Codec(Decided, plain=NEVER_DEFLATED)
# Beside the citizen's values stands what whoever wrote the link chose (`Origin.protocol`)
GRANT = Codec(Grant, plain=NEVER_DEFLATED)
ONWARD = Codec(Onward, plain=NEVER_DEFLATED)
RECEIPT = Codec(CitizenReceipt)
