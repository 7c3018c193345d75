"""An act of a command on the database: it waits no longer than `ACT_SECONDS`, and knows what counts then.

A COMMIT that waits for a standby of PostgreSQL which is away never ends, and an emergency brake must not hang silently. So
an act runs in a thread that no process waits for; where its outcome is not known, the command says that.

Until the record of an act has its leaf in the tree, whoever writes to the database can take it away unseen. Where no server
runs nobody places it, so the command does.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from idp.config.settings import Settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.sequencer.sequencer import HALTING, Sequencer
from idp.sequencer.witness import Witness
from idp.store.engine import reading
from idp.store.faults import advice
from idp.store.store import Store, open_store
from idp.store.switches.switch import KEY, Switch
from idp.store.switches.switch_records import SwitchRecords
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import Switches, faults_of_switches
from idp.store.writer import COMMIT_SECONDS
from policies.errors import Misconfigured, StoreUnavailable

# An act commits twice: its record in the ledger, then what the record says
ACT_SECONDS = 2 * COMMIT_SECONDS
# So long a command waits for the place of its record: a server places within a second, one that was killed holds the lease
# for six
PLACE_SECONDS, LOOK_SECONDS = 8.0, 0.2
UNPLACED = (
    "Its record has no place in the release ledger yet: until it has, whoever can write to the database can take it away "
    "unseen. Start a server, or see why the one that runs places nothing: ciconia doctor."
)

_T = TypeVar("_T")


class Unsure(StoreUnavailable):
    """An act of which nobody knows whether it will count. `off`: whether the thing of a switch counts as off now."""

    def __init__(self, detail: str, *, off: bool | None = None) -> None:
        super().__init__(detail)
        self.off = off


def mend(detail: str, *, stops: bool = False) -> str:
    """Advice about an `Unsure` with this detail. `stops`: the act is to end something, and cannot wait."""
    what = "See that the database commits (is its standby away?)."
    # Only PostgreSQL has a standby
    if detail.startswith("SQLITE_"):
        what = advice(detail).strip() or "See that the database commits."
    return f"{what} Then try again.{' Where it cannot be mended at once, end the servers.' if stops else ''}"


def within(act: Callable[[], _T]) -> _T:
    """The result of an act. Raises what it raises, and `StoreUnavailable` where it takes longer than `ACT_SECONDS`.

    Raises `Unsure` where somebody interrupts the waiting: the act goes on.
    """
    told: Future[_T] = Future()

    def run() -> None:
        try:
            told.set_result(act())
        except BaseException as error:  # noqa: BLE001  whoever waits gets it
            told.set_exception(error)

    try:
        # What interrupts its start interrupts the waiting, too
        threading.Thread(target=run, name="act", daemon=True).start()
        return told.result(timeout=ACT_SECONDS)
    except TimeoutError:
        raise StoreUnavailable("the database is slow: whether it was written is not known") from None
    except KeyboardInterrupt:
        raise Unsure("the command was interrupted: whether it was written is not known") from None


def opened_store(settings: Settings, ledger: LedgerKeys) -> closing[Store]:
    """The store of a tenant, for one act: the first at a database writes whose it is. Raises as `within` does."""
    return closing(within(lambda: open_store(settings.database_url, tenant=settings.tenant, ledger_keys=ledger)))


@dataclass(frozen=True, slots=True)
class Act:
    """A switch that was set, and whether the record of that is known to have its place in the ledger."""

    switch: Switch
    placed: bool


def set_switch(
    settings: Settings, store: Store, ledger: LedgerKeys, kind: str, name: str, *, off: bool, reason: str, now: int
) -> Act:
    """Sets a switch as `Switchboard.set_switch` does, and waits some seconds for the place of its record.

    Raises `Unsure` where the database does not say in time whether it is so.
    """
    board = Switchboard(engine=store.engine, tenant=store.tenant, keys=ledger, commits=store)
    try:
        switch = within(lambda: board.set_switch(kind, name, off=off, reason=reason, now=now))
    except StoreUnavailable as error:
        raise Unsure(error.detail, off=_counts_as_off(store, ledger, kind, name)) from error
    try:
        return Act(switch, placed=within(lambda: place(settings, store, ledger, board.recorded)))
    except StoreUnavailable:
        return Act(switch, placed=False)


def standing(
    settings: Settings, store: Store, ledger: LedgerKeys, kind: str, name: str, *, off: bool = True, reason: str = ""
) -> Act | None:
    """The whole act by which a thing is off (or on) already, for this `reason` if there is one; None where nobody can say.

    A thing that was never switched is on since 0. To set a switch again would move a key's revocation to now, and end what
    is alive of a thing that is on.

    Raises `Unsure` where somebody interrupts the reading.
    """
    try:
        found = within(lambda: _found(store, ledger, kind, name))
    except Unsure:
        raise
    except StoreUnavailable:
        return None
    switch = found.switch
    if switch is None or switch.off != off or (reason and switch.reason != reason):
        return None
    try:
        # Whichever of them is its own
        waiting = [record for record in found.records if not _is_placed(store, record)]
        placed = all(within(partial(place, settings, store, ledger, record)) for record in waiting)
    except StoreUnavailable:
        placed = False
    return Act(switch, placed=placed)


@dataclass(frozen=True, slots=True)
class _Found:
    """A switch, None where its row and its record belong to different acts; and the records of all acts."""

    switch: Switch | None
    records: Sequence[bytes]


def _found(store: Store, ledger: LedgerKeys, kind: str, name: str) -> _Found:
    records = SwitchRecords(store.tenant, ledger)
    with reading(), store.engine.connect() as connection:
        changed = {each[:2] for each in faults_of_switches(connection, tenant=store.tenant, keys=ledger)}
        act = records.read(connection).get((kind, name))
    switch = Switches(engine=store.engine, tenant=store.tenant, keys=ledger).current().get((kind, name))
    if switch is None and act is None:
        switch = Switch(kind, name, off=False, reason="", since=0)
    # A key whose record is gone is not revoked since now
    elif switch is not None and kind != KEY and (act is None or act.off != switch.off):
        switch = None
    acts = [records.record(number) for number in range(records.next)]
    return _Found(None if (kind, name) in changed else switch, acts)


def place(settings: Settings, store: Store, ledger: LedgerKeys, record: bytes) -> bool:
    """Whether a record gets its leaf in the tree within some seconds. Places it where no server does."""
    sequencer = _sequencer(settings, store, ledger)
    end = time.monotonic() + PLACE_SECONDS
    try:
        while not (placed := _is_placed(store, record)) and time.monotonic() < end:
            try:
                if sequencer is None or not sequencer.step():
                    time.sleep(LOOK_SECONDS)
            except StoreUnavailable as error:
                if error.code in HALTING:
                    break
                time.sleep(LOOK_SECONDS)
        return placed or _is_placed(store, record)
    finally:
        if sequencer is not None:
            sequencer.stop()


def _is_placed(store: Store, record: bytes) -> bool:
    leaf = store.leaf_of(store.tenant, record)
    return leaf is not None and store.index_of(store.tenant, leaf) is not None


def _sequencer(settings: Settings, store: Store, ledger: LedgerKeys) -> Sequencer | None:
    """A server's sequencer; None where a key of the log cannot be loaded, since an older one must not sign in its place."""
    try:
        keys = load_ledger_keys(settings.key_folder, settings.origin)
    except Misconfigured:
        return None
    switches = Switches(engine=store.engine, tenant=store.tenant, keys=ledger)
    # The key that was revoked just now signs nothing any more
    keys.log.ring.obey(lambda key_id: switches.off_since(KEY, key_id))
    witness = None if settings.witness_path is None else Witness(settings.witness_path, keys)
    return Sequencer(store, keys, checkpoint_seconds=settings.checkpoint_seconds, witness=witness)


def _counts_as_off(store: Store, ledger: LedgerKeys, kind: str, name: str) -> bool | None:
    """Whether a worker would find it off now; None where that cannot be read."""
    switches = Switches(engine=store.engine, tenant=store.tenant, keys=ledger)
    try:
        return within(lambda: switches.off(kind, name))
    except StoreUnavailable:
        return None
