"""Records the steps of sign-ins, each on the leg of the party that it is about: service, broker, country.

Nothing is recorded but for an open incident, or in a test login of a service (`ciconia try`). Steps wait in memory, and a
thread writes them once a second: no request waits for that, and where nothing is recorded a sign-in costs nothing. A
process that is killed loses its last second.

A party's leg holds what that party may know. A service reads nothing of the country there, and hears the same of a refusal
and of an attribute that could not be had (docs/decisions/0079).
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from idp.monitoring.recorder.incidents import Incident, Incidents
from idp.monitoring.recorder.rows import RecordedStep, RecordedSteps
from idp.pages.wording import MOVES, Move, known_code
from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import StoreUnavailable
from policies.parties import Tenant

SERVICE, BROKER, COUNTRY = LEGS = ("service", "broker", "country")
# Steps beside those of `idp.monitoring.steps.LoginStep`
RECEIVED, TRIED, FAILED, DENIED, SENT = "received", "tried", "failed", "denied", "sent"
REGISTERS = "registers"
# The legs on which a step stands, and its name there
_PLACES: Mapping[str, Sequence[tuple[str, str]]] = {
    "begun": ((SERVICE, "begun"),),
    "asked": ((COUNTRY, "asked"),),
    RECEIVED: ((COUNTRY, RECEIVED),),
    "answered": ((COUNTRY, "answered"),),
    "blocked": ((COUNTRY, "answered"), (BROKER, "blocked")),
    "refused": ((BROKER, "refused"),),
    "cancelled": ((BROKER, "cancelled"),),
    "released": ((BROKER, "released"),),
    SENT: ((SERVICE, SENT),),
    # Not on the service's leg: of what is blocked nobody sees the citizen go on
    DENIED: ((BROKER, DENIED),),
    TRIED: ((BROKER, TRIED),),
    REGISTERS: ((BROKER, REGISTERS),),
    "token": ((SERVICE, "token"),),
}
LOOK_SECONDS, STOP_SECONDS = 1.0, 5.0
# Steps that wait in a worker; and of requests without a sign-in, how many it takes between two looks
MOST_WAITING, MOST_STRANGERS = 5_000, 20
KIB = 1024


class LoginParties(NamedTuple):
    """The parties of a sign-in, by the ids of our configuration. `provider` is "" until one was chosen."""

    service: str
    provider: str = ""
    trial: bool = False


class Recorder:
    """One tenant's, in one worker. Safe in any thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._open: tuple[Incident, ...] = ()
        self._waiting: deque[RecordedStep] = deque(maxlen=MOST_WAITING)
        self._strangers = MOST_STRANGERS

    def wants(self, parties: LoginParties) -> bool:
        """Whether the steps of this sign-in are recorded."""
        return parties.trial or (bool(self._open) and any(one.covers(*parties[:2]) for one in self._open))

    def step(self, reference: str, parties: LoginParties, step: str, octets: int = 0) -> None:
        """A sign-in came this far, by a message of so many octets."""
        if self.wants(parties):
            for leg, name in _PLACES[step]:
                self._add(reference, leg, parties, name, size=size_class(octets))

    def failed(self, reference: str, parties: LoginParties | None, code: str, check: str, peer: str) -> None:
        """Something was refused, by a code and a check of ours. `peer`: whom it is about, "" where nobody knows.

        `parties` is None where nobody showed that there is such a sign-in.
        """
        if not self._open and not (parties is not None and parties.trial):
            return
        about = parties or LoginParties(peer, peer)
        if not self.wants(about) or (parties is None and not self._room_for_stranger()):
            return
        move = MOVES[known_code(code)]
        if move in (Move.SERVICE, Move.NODE) and peer in ("", about.service):
            leg = SERVICE
        elif move is Move.PROVIDER or (about.provider and peer == about.provider and parties is not None):
            leg = COUNTRY
        else:
            leg = BROKER
        self._add(reference, leg, about, FAILED, code=code, check=check, opened=parties is not None)

    def refused_program(self, reference: str, service: str, code: str) -> None:
        """A service's own program was refused, after its sign-in had ended: by this code of OAuth."""
        if self.wants(parties := LoginParties(service)):
            self._add(reference, SERVICE, parties, FAILED, code=code)

    def follow(self, incidents: Sequence[Incident]) -> None:
        """Record for these from now on."""
        self._open, self._strangers = tuple(incidents), MOST_STRANGERS

    def taken(self) -> list[RecordedStep]:
        """Take the steps that wait."""
        found = list[RecordedStep]()
        with suppress(IndexError):
            while True:
                found.append(self._waiting.popleft())
        return found

    def put_back(self, steps: Sequence[RecordedStep]) -> None:
        """Have them wait on, before what came since."""
        self._waiting.extendleft(reversed(steps[: MOST_WAITING - len(self._waiting)]))

    def _room_for_stranger(self) -> bool:
        self._strangers -= 1
        return self._strangers >= 0

    def _add(
        self,
        reference: str,
        leg: str,
        parties: LoginParties,
        step: str,
        *,
        code: str = "",
        check: str = "",
        size: int = 0,
        opened: bool = True,
    ) -> None:
        party = {SERVICE: parties.service, COUNTRY: parties.provider}.get(leg, "")
        now = int(self._clock())
        self._waiting.append(RecordedStep(reference, now, leg, party, step, code, check, size, opened))


def size_class(octets: int) -> int:
    """The class of a message's size: the least of 1, 4, 16, ... KiB that holds it; 0 for none."""
    size = 1 if octets else 0
    while size * KIB < octets:
        size *= 4
    return size


class RecorderThread(Repeated):
    """Looks once a second which incidents are open, and writes what waits."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        incidents: Incidents,
        steps: RecordedSteps,
        tenant: Tenant,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("recorder", LOOK_SECONDS, STOP_SECONDS)
        self._recorder, self._incidents, self._steps = recorder, incidents, steps
        self._tenant, self._clock = tenant, clock
        self._known: tuple[Incident, ...] = ()

    def step(self) -> None:
        """Look once. Where the database does not answer, an incident that is known goes on to its end, and steps wait."""
        now = int(self._clock())
        known = self._known
        with suppress(StoreUnavailable):
            known = tuple(self._incidents.open(now))
        known = tuple(one for one in known if one.ends > now)
        self._say(known)
        self._known = known
        self._recorder.follow(known)
        if steps := self._recorder.taken():
            try:
                self._steps.add(steps)
            except StoreUnavailable:
                self._recorder.put_back(steps)

    def stop(self) -> None:
        """End, and write what waits as far as the database takes it."""
        super().stop()
        if self._thread.ident is not None:
            self.step()

    def _say(self, known: tuple[Incident, ...]) -> None:
        names = {one.name for one in self._known}, {one.name for one in known}
        for name in sorted(names[1] - names[0]):
            log_of(self._tenant).warning("recording", incident=name)
        for name in sorted(names[0] - names[1]):
            log_of(self._tenant).warning("recording_ended", incident=name)
