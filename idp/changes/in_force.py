"""Chooses what a process serves: its folder, or what the history has; and finds what was in force when a login began.

A process that starts compares its folder with what is in force. Where nothing ever was, the folder is taken. Where the
folder differs, somebody edited it: it is taken up, as a change of its own. Two things are not. A folder that was in force
before, and did not change while its server ran, is an older one of another machine. And a change that needs an approval
waits for it (`idp.changes.guard`). Then what is in force is served from the history.

While it serves, it looks at the newest number every half second, and takes up what somebody else put in force.
"""

import mmap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from idp.changes.assents import Assents
from idp.changes.bundle import Bundle
from idp.changes.guard import missing
from idp.changes.history import RELOAD, START, Applied, History, Overtaken
from idp.changes.plan import PlanBase, make_plan, settings_of
from idp.system.logs import log_of
from idp.system.repeated import Repeated
from policies.errors import Misconfigured, Problem, StoreUnavailable
from policies.load import Configuration, examine, load
from policies.parties import Tenant

LOOK_SECONDS = 0.5
# What could not be served may be served when its keys are there
AGAIN_SECONDS = 5.0
STOP_SECONDS = 5.0
# A try fails only if another process's change succeeds
ATTEMPTS = 20
NUMBER_BYTES = 8
# Configurations that a worker keeps in memory for the logins that began under them
REMEMBERED = 4
# A line of the log has so many sentences of what widens, or waits
LOGGED = 20
NOT_APPROVED = "Plan and apply it: a second person approves it (`ciconia plan`, `approve`, `apply`)."
UNREADABLE = ", which is in force, cannot be served by this version."
MEND = "Mend the folder, and put it in force: `ciconia plan`, `ciconia apply`. They need no server."
OLDER = "Bring the folder to what is in force, or put it in force: `ciconia plan`, `ciconia apply`."


class Settled:
    """The number under which a generation of workers began to serve, 0 until then. Made before the fork.

    The first worker's counts. A folder that was in force later than that is no edit of its server's next look.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, NUMBER_BYTES)

    @property
    def number(self) -> int:
        """The number."""
        return int.from_bytes(self._memory[:])

    def begin(self, number: int) -> None:
        """Say it, unless another worker did."""
        if not self.number:
            self._memory[:] = number.to_bytes(NUMBER_BYTES)


class FolderStanding(StrEnum):
    """How the folder stands to what is in force."""

    SAME = "same"
    OLDER = "older"
    NOT_APPROVED = "not_approved"


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration that is served: its change, its files, what they hold, and how the folder stands to it."""

    applied: Applied
    bundle: Bundle = field(repr=False)
    configuration: Configuration = field(repr=False)
    standing: FolderStanding = FolderStanding.SAME


def settle(
    history: History,
    assents: Assents,
    folder: Bundle,
    configuration: Configuration,
    *,
    judge: Callable[[], None],
    issuer: str,
    tenant: Tenant,
    since: int,
    now: int,
) -> InForce:
    """The configuration that a process serves when it starts. It may put its folder in force, with a record of its own.

    `since` is 0 at a start, and at a reload the number that was served at the server's look before, if the folder changed
    after that. `judge` raises `Misconfigured` where the folder cannot be served: then it is not put in force.
    Raises `StoreUnavailable`, and `Misconfigured` also where what is in force is lost or does not load.
    """
    for _ in range(ATTEMPTS):
        newest = history.newest()
        try:
            if newest is None:
                judge()
                # Else whoever deletes its row could begin with another one, and nobody would know
                guarded = folder.four_eyes or any(one.never for one in configuration.purposes.values())
                first = history.put(folder, who=START, now=now, before=None) if guarded else history.begin(folder, now=now)
                return InForce(first, folder, configuration)
            history.complete(newest)
            if newest.digest == folder.digest:
                return InForce(newest, folder, configuration)
            before = loaded(history, newest, InForce(newest, folder, configuration))
            if (last := history.last(folder.digest)) > newest.number:
                continue  # another process put it in force a moment ago
            if last > since:
                return _instead(before, FolderStanding.OLDER, tenant, OLDER)
            base = PlanBase(newest.number, newest.digest, before.configuration, settings_of(before.bundle))
            plan = make_plan(issuer, base, folder, configuration)
            agreed = assents.of(plan) if plan.needs else ()
            if left := missing(plan.needs, agreed):
                why = [text for need in left for text in need.why]
                return _instead(before, FolderStanding.NOT_APPROVED, tenant, NOT_APPROVED, needs=why)
            who, approved = RELOAD if since else START, sorted({one.who for one in agreed if not one.planner})
            judge()
            put = history.put(folder, who=who, now=now, before=newest, widened=plan.widened, approved=approved)
        except Overtaken:
            continue
        widens = _first(plan.widened)
        log_of(tenant).warning("configuration_taken_up", number=put.number, digest=put.digest, widens=widens, who=who)
        return InForce(put, folder, configuration)
    raise StoreUnavailable("the configuration changes again and again")


def loaded(history: History, applied: Applied, like: InForce | None = None) -> InForce:
    """A configuration of the history. What `like` has is taken from there. Raises `Misconfigured`."""
    bundle = history.bundle(applied.digest, like.bundle if like else None)
    if bundle is None:
        what = f"configuration {applied.number} cannot be read: a file of it is gone or was changed."
        fix = "Restore the database, or put the folder back as it was: `ciconia doctor` says more."
        raise Misconfigured((Problem("", 0, "database", what, fix),))
    try:
        found = load(bundle.files, (like.bundle.files, like.configuration) if like else None)
    except Misconfigured as error:
        # Its files are in the database: those of the same names in the folder may be in order
        there = f"configuration {applied.number}"
        problems = (Problem(f"{there}: {one.file}", one.line, one.key, one.what, one.fix) for one in error.problems)
        raise Misconfigured((*problems, Problem("", 0, "database", f"{there}{UNREADABLE}", MEND))) from None
    return InForce(applied, bundle, found)


def _instead(
    served: InForce, standing: FolderStanding, tenant: Tenant, fix: str, needs: list[str] | None = None
) -> InForce:
    number, digest = served.applied.number, served.applied.digest
    more = {"needs": _first(needs)} if needs else {}
    log_of(tenant).error(f"folder_{standing}", serving=number, digest=digest, fix=fix, **more)
    return InForce(served.applied, served.bundle, served.configuration, standing)


def _first(sentences: Sequence[str]) -> list[str]:
    """The sentences for which a line of the log has room; the plan and the record have all."""
    left = len(sentences) - LOGGED
    return [*sentences[:LOGGED], *([f"and {left} more"] if left > 0 else [])]


class Memory:
    """The configurations of one tenant that this process knows, by number. Safe in any thread."""

    def __init__(self, history: History, now: InForce) -> None:
        self._history, self._lock = history, threading.Lock()
        self._known: dict[int, InForce] = {now.applied.number: now}
        self.now = now

    def newest(self) -> Applied | None:
        """The change in force, where that is not what is served. Raises `StoreUnavailable`."""
        with self._lock:
            newest = self._history.newest()
        return None if newest == self.now.applied else newest

    def loaded(self, applied: Applied) -> InForce:
        """The configuration that somebody put in force. Raises `StoreUnavailable` and `Misconfigured`."""
        with self._lock:
            return loaded(self._history, applied, self.now)

    def serve(self, found: InForce) -> None:
        """From now on this is served."""
        with self._lock:
            self.now = found
            self._remember(found)

    def configuration(self, number: int) -> Configuration | None:
        """The configuration that was in force under this number; None where that is lost. Raises `StoreUnavailable`."""
        known = self._known.get(number)
        if known is None:
            with self._lock:
                applied = self._history.at(number)
                try:
                    known = None if applied is None else loaded(self._history, applied, self.now)
                except Misconfigured:
                    known = None
                if known is None:
                    return None
                self._remember(known)
        return known.configuration

    def _remember(self, found: InForce) -> None:
        kept = {**self._known, found.applied.number: found}
        newest = sorted(kept)[-REMEMBERED:]
        self._known = {number: kept[number] for number in {*newest, self.now.applied.number}}


@dataclass(frozen=True, slots=True)
class Served:
    """`idp.login.role.Configurations` of a site that serves `found`."""

    found: InForce
    memory: Memory
    # adds to each configuration what stands in no folder
    also: Callable[[Configuration], Configuration] = lambda configuration: configuration

    @property
    def now(self) -> Configuration:
        """`Configurations.now`."""
        return self.found.configuration

    @property
    def number(self) -> int:
        """`Configurations.number`."""
        return self.found.applied.number

    def former(self, number: int) -> Configuration | None:
        """`Configurations.former`."""
        former = self.memory.configuration(number)
        return None if former is None else self.also(former)


class Follower(Repeated):
    """The thread that takes up what is put in force. `take_up` serves it, and raises `Misconfigured` where it cannot.

    `beside` looks first for what changes without a number. Raises the same.
    """

    def __init__(
        self,
        memory: Memory,
        take_up: Callable[[InForce], None],
        *,
        tenant: Tenant,
        seconds: float = LOOK_SECONDS,
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__("changes", seconds, STOP_SECONDS)
        self._memory, self._take_up, self._tenant = memory, take_up, tenant
        self._beside = beside
        self._said = ""
        # What could not be served, and until when it is not tried again
        self._refused: Applied | None = None
        self._not_before = 0.0

    def step(self) -> None:
        """Look once, and take up what is in force. What was served before goes on where that cannot be served."""
        try:
            self._beside()
            newest = self._memory.newest()
            if newest is None or (newest == self._refused and time.monotonic() < self._not_before):
                return
            self._refused, self._not_before = newest, time.monotonic() + AGAIN_SECONDS
            found = self._memory.loaded(newest)
            self._take_up(found)
            self._memory.serve(found)
            log_of(self._tenant).info("configuration_in_force", number=newest.number, who=newest.who)
        except StoreUnavailable:
            return  # the watch over the database says so
        except Misconfigured as error:
            self._say(configuration_refused=[str(problem) for problem in error.problems])
        except Exception as error:  # noqa: BLE001  a thread that died would take up nothing more, and nobody would know
            self._say(configuration_refused=[f"the broker has a defect: nobody foresaw a {type(error).__name__}"])
        else:
            self._said = ""

    def _say(self, configuration_refused: list[str]) -> None:
        if (text := "\n".join(configuration_refused)) != self._said:
            self._said = text
            log_of(self._tenant).error("configuration_refused", serving="as before", problems=configuration_refused)


def configurations_of(history: History, policy: str, began: int, decided: int) -> Iterator[tuple[Applied, Configuration]]:
    """Those that were in force between the two times (seconds), newest first, and have a file of this SHA-256 (hex).

    A login keeps the configuration under which it began, but for what was narrowed since. Raises `StoreUnavailable`.
    """
    newest = history.newest()
    ended = decided
    for number in range(newest.number if newest else 0, 0, -1):
        applied = history.at(number)
        if applied is None or applied.time > decided:
            continue
        if ended < began:
            return
        bundle = history.bundle(applied.digest)
        if bundle is not None and policy in bundle.hashes.values():
            yield applied, examine(bundle.files)[0]
        ended = applied.time
