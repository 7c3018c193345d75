"""Switch in a running broker, and forget what was switched for the next test: only from the inside can that be done."""

from collections.abc import Callable

from idp.application.app import Application
from idp.store.switches.switchboard import Switchboard

Switch = Callable[..., None]


def switch_of(application: Application, clock: Callable[[], int]) -> Switch:
    """Switches something as another process does: the server hears of it by the database."""
    board = Switchboard(
        engine=application.store.engine,
        tenant=application.settings.tenant,
        keys=application.keys.ledger,
        commits=application.store,
    )

    def set_(kind: str, name: str, *, off: bool = True) -> None:
        board.set_switch(kind, name, off=off, reason="a test", now=clock())
        application.switches._read = None  # half a second later

    return set_


def forget_switches(application: Application) -> None:
    """Forget every switch: the next login comes after none."""
    switches = application.switches
    switches._read = None
    switches.current()  # the acts of this test, so that they are not read later
    with application.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM switches")
    with switches._lock:
        switches._records._latest.clear()
        switches._rows.clear()
        switches._read = None
