"""What nobody foresaw: the endpoints counted it, and here it is told, since nobody can mend it who does not hear of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from idp.doctor.case import Case
from idp.doctor.database import current, place_of, read_only
from idp.doctor.finding import Finding, Severity
from idp.selftest.versions import versions
from idp.store import tables
from idp.store.unforeseen import DAY, TOLD_DAYS

# More than these are one thing gone wrong
MAX_TOLD = 20
_WHY = "It was refused, so nothing was passed on; but it is a defect of this program, and whoever met it could not go on."


def unforeseen(case: Case) -> Iterator[Finding]:
    """A warning for each place and type of exception of the last thirty days."""
    if not case.knows("issuer", "database"):
        return
    table = tables.unforeseen.c
    times, last = func.sum(table.times), func.max(table.day)
    counted = (
        select(table.place, table.kind, times, last)
        .where(table.tenant == case.settings.tenant, table.day > case.now // DAY - TOLD_DAYS)
        .group_by(table.place, table.kind)
        .order_by(times.desc(), table.place, table.kind)
        .limit(MAX_TOLD)
    )
    with read_only(case) as engine:
        if engine is None or not current(engine):
            return
        try:
            with engine.connect() as connection:
                rows = connection.execute(counted).all()
        except DBAPIError:
            return  # a database that cannot be read is named where its file is looked at
    file = place_of(case)
    here = ", ".join(f"{name} {version}" for name, version in versions().items())
    for place, kind, number, day in rows:
        on = datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
        often = "once" if number == 1 else f"{number} times"
        what = f"{kind} at {place}, which nobody foresaw: {often} in {TOLD_DAYS} days, last on {on}."
        fix = (
            "Report it with these two names, the `frames` of the log's event `unforeseen`, and the versions: "
            f"{here}. `ciconia doctor --selftest` says whether these versions are at fault."
        )
        yield Finding(Severity.WARNING, file, 0, "unforeseen", what, _WHY, fix)
