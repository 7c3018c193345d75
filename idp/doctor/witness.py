"""Whether anything would notice an older ledger: a restored backup, a snapshot, a replica that was behind."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from idp.doctor.case import Case
from idp.doctor.database import current, read_only
from idp.doctor.finding import Finding, Severity
from idp.store import tables

_WHY = (
    "A restored backup or an old copy of a disk would be served as if nothing had been: it signs another history under the "
    "same name, and a key that was revoked since then, or a service that was switched off, is on again."
)


def witness(case: Case) -> Iterator[Finding]:
    """A broker that is no demo, and has none. While nothing was signed yet it is a notice: it loses nothing so far."""
    if case.settings.demo or case.settings.witness or not case.knows("demo", "witness"):
        return
    fix = 'Write witness = "DIR": a folder that exists, on another disk or machine.'
    if not _unsigned(case):
        first = "Put the newest checkpoint into it first: docs/back-up-and-restore.md."
        yield case.setting(Severity.WARNING, "witness", "there is none.", why=_WHY, fix=f"{fix} {first}")
        return
    what = "there is none yet, and nothing was signed so far."
    yield case.setting(Severity.NOTICE, "witness", what, why=_WHY, fix=fix)


def _unsigned(case: Case) -> bool:
    """Whether the log has no checkpoint yet, as far as that can be seen."""
    if not case.knows("issuer", "database"):
        return False
    with read_only(case) as engine:
        if engine is None:
            return True
        if not current(engine):
            return False
        table = tables.checkpoints.c
        try:
            with engine.connect() as connection:
                return connection.scalar(select(table.number).where(table.tenant == case.settings.tenant).limit(1)) is None
        except DBAPIError:
            return False
