"""How a command commits: it waits for the database no longer than `ACT_SECONDS`, and knows what counts then.

Of a COMMIT that waits for a standby of PostgreSQL which is away there is no end. Whoever pulls an emergency brake must not
sit before a command that says nothing: so an act runs in a thread that no process waits for, and where its outcome is not
known, that is what the command says.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from connectors.metadata.peers import Held
from idp.store.peers import RecordedCopies
from idp.store.store import Store
from idp.store.switches import Switch, Switchboard, Switches
from idp.store.writer import COMMIT_SECONDS
from idp.transparency.keys import LedgerKeys
from policies.errors import StoreUnavailable
from policies.parties import EntityId

# An act commits twice: its record in the ledger, then what the record says
ACT_SECONDS = 2 * COMMIT_SECONDS
MEND = "See that the database commits (is its standby away?), and try again."

_T = TypeVar("_T")


class Unsure(StoreUnavailable):
    """An act of which nobody knows whether it will count. `off`: whether the thing of a switch counts as off now."""

    def __init__(self, detail: str, *, off: bool | None = None) -> None:
        super().__init__(detail)
        self.off = off


def within(act: Callable[[], _T]) -> _T:
    """What an act returns, or raises. Raises `StoreUnavailable` where it takes longer than `ACT_SECONDS`: it is left."""
    told: Future[_T] = Future()

    def run() -> None:
        try:
            told.set_result(act())
        except BaseException as error:  # noqa: BLE001  whoever waits gets it
            told.set_exception(error)

    threading.Thread(target=run, name="act", daemon=True).start()
    try:
        return told.result(timeout=ACT_SECONDS)
    except TimeoutError:
        raise StoreUnavailable("the database is slow: whether it was written is not known") from None


def set_switch(store: Store, ledger: LedgerKeys, kind: str, name: str, *, off: bool, reason: str, now: int) -> Switch:
    """As `Switchboard.set_switch`. Raises `Unsure` where the database does not say in time whether it is so."""
    board = Switchboard(engine=store.engine, tenant=store.tenant, keys=ledger, commits=store)
    try:
        return within(lambda: board.set_switch(kind, name, off=off, reason=reason, now=now))
    except StoreUnavailable as error:
        raise Unsure(error.detail, off=_counts_as_off(store, ledger, kind, name)) from error


def _counts_as_off(store: Store, ledger: LedgerKeys, kind: str, name: str) -> bool | None:
    """What a worker would find at this moment; None where that cannot be read."""
    switches = Switches(engine=store.engine, tenant=store.tenant, keys=ledger)
    try:
        return within(lambda: switches.off(kind, name))
    except StoreUnavailable:
        return None


class PromptCopies:
    """`RecordedCopies` for a command. Where a write does not end in time, it raises `Unsure`."""

    def __init__(self, copies: RecordedCopies) -> None:
        self._copies = copies

    def held(self, entity_id: EntityId) -> Held | None:
        """As `PeerCopies` has it."""
        return self._copies.held(entity_id)

    def keep(self, held: Held, *, instead: Held | None = None) -> None:
        """As `PeerCopies` has it."""
        _written(lambda: self._copies.keep(held, instead=instead))

    def approve(self, held: Held, now: int, *, instead: Held | None = None) -> None:
        """As `RecordedCopies` has it."""
        _written(lambda: self._copies.approve(held, now, instead=instead))

    def forget(self, entity_id: EntityId, now: int) -> bool:
        """As `RecordedCopies` has it."""
        return _written(lambda: self._copies.forget(entity_id, now))


def _written(act: Callable[[], _T]) -> _T:
    try:
        return within(act)
    except StoreUnavailable as error:
        raise Unsure(error.detail) from error
