"""What is switched off: whether the rows of the switches are as the acts in the release ledger left them."""

from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from idp.doctor.case import Case
from idp.doctor.database import ours, place_of, read_only
from idp.doctor.finding import Finding, Severity
from idp.store.switches.switches import faults_of_switches, fix_of_switch
from policies.errors import StoreUnavailable

_WHY = "Somebody else wrote to the database, or a command died before its last step."
_LOST = "Run `ciconia ledger verify`, and restore the database from its backup."


def switches(case: Case) -> Iterator[Finding]:
    """Each switch whose row was deleted, turned back or changed."""
    if case.ledger is None or not case.knows("issuer", "database"):
        return
    with read_only(case) as engine:
        if engine is None or not ours(case, engine):
            return
        try:
            with engine.connect() as connection:
                for kind, name, what in faults_of_switches(connection, tenant=case.settings.tenant, keys=case.ledger):
                    fix = fix_of_switch(kind, name) if name else _LOST
                    yield Finding(Severity.ERROR, place_of(case), 0, f"{kind} {name}".strip(), what, _WHY, fix)
        except (DBAPIError, StoreUnavailable):
            return  # the check of the database names it
