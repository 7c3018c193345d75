"""Forget in a running broker what was ever switched, for the next test: only from the inside can that be done."""

from idp.app import Application


def forget_switches(application: Application) -> None:
    """As if nothing had ever been switched: what is issued next was not issued before anything."""
    switches = application.switches
    switches._read = None
    switches.current()  # the acts of this test, so that they are not read later
    with application.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM switches")
    with switches._lock:
        switches._records._latest.clear()
        switches._rows.clear()
        switches._read = None
