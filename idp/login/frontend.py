"""How services ask us and are answered: one protocol a frontend. Its counterpart for sources is `connectors.connector`.

To add a protocol, write one module with a class of this shape and add its line to a table of `idp.application.composition`.
A frontend judges and makes messages. It reads and writes no HTTP, and knows no person but by what it is given to answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.connector import Inbound, Outbound
from idp.login.states import Decided, Released
from idp.ports import ParkedRow, SessionRow
from policies.authentication import Origin, ServiceRequest
from policies.errors import BrokerError, RequestRefused
from policies.parties import ServiceId

# Counts a request of this service against its limits, and may raise `TooManyRequests`
Admit = Callable[[ServiceId], None]


@dataclass(frozen=True, slots=True)
class Received:
    """An accepted request. `ignored` is how many of its words mean nothing here: the log has their number.

    `deviations` are the named ones without which it would have been refused: the log has them.
    """

    request: ServiceRequest
    ignored: int = 0
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """A request that is refused, where the error may go back to: `origin` is verified.

    `at_once`: the browser goes back by itself; else a page of ours says first what is wrong.
    """

    origin: Origin
    error: BrokerError
    at_once: bool = False


class LoginEntrance(Protocol):
    """One address at which logins begin."""

    @property
    def path(self) -> str:
        """Where services send the citizen with a request, by GET and POST."""

    @property
    def signed(self) -> bool:
        """Whether services sign their requests: a query stays as it came, and bad ones count against the address."""

    @property
    def own_page(self) -> bool:
        """Whether a form on a page of ours is the request: then no other site may post one."""

    def receive(self, inbound: Inbound, now: int, admit: Admit) -> Received | Declined:
        """Judge a request. `admit` is asked before anything of ours is signed for it.

        Raises `RequestRefused` where nobody may be told but the person in front of the screen.
        """


class Frontend(LoginEntrance, Protocol):
    """One protocol in which services ask. Every method but `receive` gets what `receive` made."""

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the service or the address of the answer is registered no more."""

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """Raises `AllRevoked`, `PeerUnavailable` or `StoreUnavailable` where no answer (no `release`) could be made now."""

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """The values that bind the record of a release to this request: of a city `nonce`, which receipts have."""

    def session(self, decided: Decided, handle: bytes, now: int) -> SessionRow | None:
        """The row of the browser's session after this sign-in; None of a service that shares its sign-ins with none."""

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """The rows that the answer refers to: they are written with the release, in one unit."""

    def answer(self, released: Released, now: int) -> Outbound:
        """The answer to the service. Raises as `check_answerable`."""

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Outbound:
        """The answer that nothing goes: as much of `error` as the service may know. `ReleaseDenied`: by choice or policy.

        With `answer_key` the same choice gives the same answer. Raises as `check_answerable`.
        """


Frontends = Mapping[str, Frontend]


class NothingGoes:
    """The part of a frontend from whose sign-ins nothing is released. `what` names such a sign-in."""

    what = ""

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """Nothing is recorded. Raises `RequestRefused`."""
        raise self._refusal()

    def session(self, decided: Decided, handle: bytes, now: int) -> None:
        """No service shares this sign-in."""

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """Nothing is released. Raises `RequestRefused`."""
        raise self._refusal()

    def answer(self, released: Released, now: int) -> Outbound:
        """Nothing is released. Raises `RequestRefused`."""
        raise self._refusal()

    def _refusal(self) -> RequestRefused:
        return RequestRefused(f"{self.what} releases nothing")
