"""One login, in one direction: Requested -> Asked -> Decided -> Released, or Refused. Frozen states, no way back.

`Requested` and `Asked` travel sealed in a cookie and hold nothing about a person. `Decided` lies in a sealed form field and
holds only what may be released, in its form. `Grant` is what a code stands for: it lies parked under the code.
"""

from dataclasses import dataclass, field, replace
from typing import TypeVar

from connectors.connector import Expectation
from idp.codec import NEVER_DEFLATED, PLAIN_COOKIE, Codec
from idp.seal import LoginId
from policies.assurance import LevelOfAssurance, highest_named
from policies.attributes import Attribute, AttributeName
from policies.authentication import AuthenticationRequest
from policies.parties import ClientId, ProviderId, PurposeId
from policies.release import Decision

# decisions.md A and design §2, in seconds
LOGIN_LIFE = 15 * 60
DECIDED_LIFE = 5 * 60
ANSWER_LIFE = 60
CODE_LIFE = 60
ACCESS_TOKEN_LIFE = 5 * 60
RECEIPT_LIFE = 24 * 3600


@dataclass(frozen=True, slots=True)
class Requested:
    """A relying party asked; the citizen has not chosen a country yet."""

    login: LoginId
    began: int
    request: AuthenticationRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """We asked an identity provider, and remember what its answer must match.

    `acts` is how many acts of the switchboard were known before (`idp.suspension`); what comes of the answer carries it on.
    """

    login: LoginId
    began: int
    request: AuthenticationRequest
    expectation: Expectation
    acts: int = 0  # where an older version sealed it: whatever was ever switched ends it


@dataclass(frozen=True, slots=True)
class Decided:
    """What may be released was decided; the citizen decides whether. Never the assertion, never a withheld value.

    `response` and `assertion` are SHA-256 over (issuer, id): the marks that the decision takes, until `marks_end`.
    `subject` is the keyed index of the person in the ledger, `sub` the pairwise identifier. `arrived` names what another
    country's node sent to this one: the page says what of it stays here. `vouched` is the digest of what was approved of
    that node, "" of a provider that is none.
    """

    login: LoginId
    end: int
    request: AuthenticationRequest
    provider_id: ProviderId
    sub: str = field(repr=False)
    subject: bytes = field(repr=False)
    loa: LevelOfAssurance
    authenticated_at: int
    decision: Decision
    policy: str
    notice: str
    response: bytes
    assertion: bytes
    marks_end: int
    arrived: tuple[AttributeName, ...]
    vouched: str = ""  # where an older version sealed it: of a node that holds for nothing
    acts: int = 0  # as above
    deviations: tuple[str, ...] = ()  # the named deviations that the answer used

    @property
    def heard(self) -> int:
        """When the answer was heard; of one late in its login, a moment before that."""
        return self.end - DECIDED_LIFE


S = TypeVar("S", bound=Requested | Asked | Decided)


def speaking(state: S, language: str) -> S:
    """The same state of the same login, whose pages speak this language from here on, whatever the service wished."""
    return replace(state, request=replace(state.request, ui_locales=(language,)))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for, and then an access token: all that the relying party is given.

    `in_id_token` names the attributes that travel in the id_token; all the others are for userinfo. `record` (hex) and
    `values_nonce` (base64) are for its receipt: the nonce opens the commitment to the values, and is kept nowhere else.
    """

    client_id: ClientId
    redirect_uri: str
    code_challenge: str
    nonce: str
    purpose_id: PurposeId
    provider_id: ProviderId
    sub: str = field(repr=False)
    loa: LevelOfAssurance
    authenticated_at: int
    attributes: tuple[Attribute, ...] = field(repr=False)
    in_id_token: tuple[AttributeName, ...]
    record: str = ""
    values_nonce: str = field(default="", repr=False)
    # how the id_token names the level, where the request gave names; "" names what was reached
    acr: str = ""
    # of the login, in the log
    reference: str = ""
    # of the login that it was issued in: what was switched off since ends it, on again or not
    acts: int = 0


@dataclass(frozen=True, slots=True)
class CitizenReceipt:
    """What the citizen's handle stands for, for a day: the record (hex), and the nonce of its values (base64)."""

    record: str
    values_nonce: str = field(repr=False)


def grant_of(decided: Decided, decision: Decision, held: CitizenReceipt, reference: str) -> Grant:
    """What a code stands for: `decision` is what stands after the citizen's choice, `held` what the receipt is made of."""
    request = decided.request
    return Grant(
        client_id=request.client_id,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        purpose_id=request.purpose_id,
        provider_id=decided.provider_id,
        sub=decided.sub,
        loa=decided.loa,
        acr=highest_named(request.acr, decided.loa),
        authenticated_at=decided.authenticated_at,
        attributes=decision.released,
        in_id_token=request.in_id_token,
        record=held.record,
        values_nonce=held.values_nonce,
        acts=decided.acts,
        reference=reference,
    )


@dataclass(frozen=True, slots=True)
class Released:
    """Recorded, durable, and on its way: the code that the relying party redeems, the handle of the citizen's receipt.

    `record` is the id of the record, empty where the same choice was recorded before.
    """

    request: AuthenticationRequest
    code: str = field(repr=False)
    receipt: str = field(default="", repr=False)
    record: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The login ended without a release: the relying party gets `access_denied`. `record` as in `Released`."""

    request: AuthenticationRequest
    record: bytes = field(default=b"", compare=False)


REQUESTED = Codec(Requested, plain=PLAIN_COOKIE)
ASKED = Codec(Asked, plain=PLAIN_COOKIE)
DECIDED = Codec(Decided, plain=NEVER_DEFLATED)
GRANT = Codec(Grant)
RECEIPT = Codec(CitizenReceipt)


class CityStates:
    """How `Requested` and `Asked` are written into a cookie: see `idp.endpoints.logins.States`."""

    def pack(self, state: Requested | Asked) -> tuple[str, bytes]:
        """`r` or `a`, and the state."""
        return ("a", ASKED.dump(state)) if isinstance(state, Asked) else ("r", REQUESTED.dump(state))

    def unpack(self, letter: str, payload: bytes) -> Requested | Asked:
        """The state of this letter. Raises `NotFound` where the bytes are not one."""
        return ASKED.load(payload) if letter == "a" else REQUESTED.load(payload)
