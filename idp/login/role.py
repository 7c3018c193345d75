"""The steps of a login that depend on our role. A city asks the citizen what may go; a sending node informs them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from connectors.connector import Ask
from connectors.metadata.members import Member
from connectors.metadata.summaries import Summary
from idp.ledger.record_contents import DecidedBy
from idp.login.finish import Choice
from idp.login.sealing import LoginId
from idp.login.states import Decided, Judged
from idp.ports import ApprovalRows, RecordDraft
from policies.attributes import AttributeName
from policies.authentication import Assertion, Origin, ServiceRequest
from policies.load import Configuration
from policies.parties import IdentityProvider, ProviderId
from policies.release import Decision


class Reach(StrEnum):
    """Whether an identity provider can be asked now."""

    OPEN = "open"
    AWAY = "away"  # it did not answer when it was last asked for its metadata
    OFF = "off"  # our operator switched it off


# Each identity provider that may answer a request
Choices = Sequence[tuple[IdentityProvider, Reach]]


class Configurations(Protocol):
    """The configuration that is served, and those that were in force before: a login may have begun under another one."""

    @property
    def now(self) -> Configuration:
        """The configuration that is served."""

    @property
    def number(self) -> int:
        """Its number; 0 where nothing changes it."""

    def former(self, number: int) -> Configuration | None:
        """The configuration that was in force under this number; None where nobody knows. Raises `StoreUnavailable`."""


class Role(Protocol):
    """One tenant's. Services, purposes and providers are looked up at each call: a sealed state is no permission."""

    def release_word(self, path: DecidedBy) -> str:
        """The choice that releases, on a page of this kind."""

    def refusal_words(self, path: DecidedBy) -> Collection[str]:
        """The choices that end the login without a release."""

    def path(self, request: ServiceRequest) -> DecidedBy:
        """Whether the whole page asks or informs."""

    def recalled(self, decided: Decided, now: int, *, forced: bool) -> Decided:
        """The same with what is remembered of an earlier approval, and with the page that this leaves.

        `forced`: the citizen had to sign in anew in this login.
        """

    def remembered(self, decided: Decided, choice: Choice, now: int) -> ApprovalRows:
        """The rows of approvals that this choice writes, and rests on.

        Raises `RequestRefused` for a box that the page does not have, and as `check_standing`.
        """

    def check_standing(self, decided: Decided, now: int) -> None:
        """Raises `Replayed` for a release after the person took back what it rests on."""

    def forgotten(self, decided: Decided, now: int) -> ApprovalRows:
        """The rows that end an earlier approval; none where none can be."""

    @property
    def has_receipts(self) -> bool:
        """Whether a release leaves a receipt to the citizen and to the service."""

    def check_registered(self, request: ServiceRequest) -> None:
        """Raises `RequestRefused` where the service or its purpose is registered no more."""

    def completed(self, request: ServiceRequest) -> ServiceRequest:
        """The request with what it has to ask for, whatever it words. Raises `RequestRefused` as `check_registered`."""

    def check_service(self, origin: Origin) -> None:
        """Raises `Suspended` for a service that is switched off."""

    def check_reachable(self, request: ServiceRequest) -> None:
        """Raises `AssuranceTooLow` where no identity provider could ever answer this request."""

    def choices(self, request: ServiceRequest, now: int) -> Choices:
        """The identity providers that may answer this request, each with whether it can be reached now."""

    def members(self, request: ServiceRequest, takes: Callable[[Summary], bool]) -> Iterator[Member]:
        """The members of the families among `choices` that `takes` takes.

        Each that is shown is asked about with `provider` and `reach`.
        """

    def reach(self, provider: IdentityProvider, now: int) -> Reach:
        """Whether a provider can be asked now."""

    def provider(self, provider_id: ProviderId) -> IdentityProvider:
        """One of all that are configured. Raises `NotFound`, and `PeerUnavailable` for a member that left its family."""

    def going(self, request: ServiceRequest, provider_id: ProviderId, acts: int | None = None) -> IdentityProvider:
        """A provider that may answer this request. Neither it nor the service is switched off, or was since `acts`.

        Raises `NotFound`, `Suspended`, `Replayed`.
        """

    def question(self, login: LoginId, request: ServiceRequest, provider: IdentityProvider) -> Ask:
        """The question to the provider."""

    def judge(
        self, request: ServiceRequest, provider: IdentityProvider, assertion: Assertion, language: str, now: int
    ) -> Judged:
        """Decide what may go of this answer. Raises `AssertionRejected` and its kinds."""

    def waits(self, request: ServiceRequest) -> bool:
        """Whether registers are asked before an answer is judged."""

    def enforces(self, origin: Origin) -> bool:
        """Whether we end the logins of this service that fall short, and tell it of each as of a refusal."""

    def short_of(self, decided: Decided) -> tuple[AttributeName, ...]:
        """The attributes because of which we end this login, whatever is chosen; none where nothing is enforced."""

    def vouchers(self, decided: Decided) -> tuple[str, ...]:
        """The entity ids of those who signed the citizen in, if this service hears of them; none of any other."""

    def check_shown(self, decided: Decided) -> None:
        """Raises `Replayed` where what the page showed is not so any more."""

    def check_approvable(self, decided: Decided, now: int) -> None:
        """Raises `Suspended`, `PeerUnavailable` or `Replayed` where the source vouches no more as it did."""

    def notice(self, request: ServiceRequest, decision: Decision, language: str) -> str:
        """The hash of what the page shows in this language; "" where none is recorded."""

    def release_record(self, decided: Decided, chosen: Decision, evidence: Mapping[str, str], now: int) -> RecordDraft:
        """The record of a release: `chosen` is what stands after the choice, `evidence` is the frontend's."""

    def refusal_record(self, decided: Decided, word: str, now: int) -> RecordDraft:
        """The record of a login that the citizen ended by this word."""

    def unsent_record(self, origin: Origin, record: bytes, now: int) -> RecordDraft:
        """The record of an answer that could not be made, after `record`."""
