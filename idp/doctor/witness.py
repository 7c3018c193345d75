"""Whether anything would notice an older ledger: a restored backup, a snapshot, a replica that was behind."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from idp.doctor.case import Case
from idp.doctor.database import current, read_only
from idp.doctor.finding import Finding, Severity
from idp.doctor.keys import RENAMED, back
from idp.doctor.ledger import name_before
from idp.sequencer.witness import saw_nothing, unkept_at, witnessed
from idp.store import tables
from idp.store.reads import read_checkpoint
from idp.store.tree_state import read_state
from policies.errors import StoreUnavailable

_WHY = (
    "A restored backup or an old copy of a disk would be served as if nothing had been: it signs another history under the "
    "same name, and a key that was revoked since then, or a service that was switched off, is on again."
)
_UNSIGNED = (
    "No checkpoint is signed that it cannot keep: records wait for one, and a broker that starts and finds none there "
    "releases nothing."
)


def witness(case: Case) -> Iterator[Finding]:
    """A broker that is no demo, and has none. While nothing was signed yet it is a notice: it loses nothing so far.

    Of one that has a witness: whether a checkpoint can be kept there, and whether its ledger is as large as what that saw.
    """
    if case.settings.demo or not case.knows("demo", "witness"):
        return
    if case.settings.witness_path is not None:
        unkept = list(_unkept(case, case.settings.witness_path))
        yield from unkept
        yield from _older(case, empty=not unkept)
        return
    fix = 'Write witness = "DIR": a folder that exists, on another disk or machine.'
    if not _unsigned(case):
        first = "Put the newest checkpoint into it first: docs/back-up-and-restore.md."
        yield case.setting(Severity.WARNING, "witness", "there is none.", why=_WHY, fix=f"{fix} {first}")
        return
    what = "there is none yet, and nothing was signed so far."
    yield case.setting(Severity.NOTICE, "witness", what, why=_WHY, fix=fix)


def _unkept(case: Case, path: Path) -> Iterator[Finding]:
    try:
        unkept = unkept_at(path)
    except StoreUnavailable:
        return  # `_older` says it
    if unkept:
        fix = "Make or mount the folder, and let the account that serves write to it: until then nothing is signed."
        yield case.setting(Severity.ERROR, "witness", f"{unkept}.", why=_UNSIGNED, fix=fix)


def _older(case: Case, *, empty: bool) -> Iterator[Finding]:
    """What it saw; with `empty` also that it saw nothing of a ledger that was signed."""
    if case.ledger is None or not case.knows("issuer", "database"):
        return
    try:
        heads = witnessed(case.settings.witness_path, case.ledger)
    except StoreUnavailable as error:
        what = f"{error.detail}."
        fix = "See to it that it can be read, and has checkpoints of this ledger alone: until then nothing is signed."
        yield case.setting(Severity.ERROR, "witness", what, why=_WHY, fix=fix)
        return
    seen = max((head.size for head in heads), default=0)
    with read_only(case) as engine:
        if engine is None or not current(engine):
            return
        try:
            with engine.connect() as connection:
                row = read_state(connection, case.settings.tenant)
                last = read_checkpoint(connection, case.settings.tenant)
        except DBAPIError:
            return
    # Asked again: the first may have been signed meanwhile
    signed = row is not None and row.checkpoints
    if empty and not heads and signed and saw_nothing(case.settings.witness_path, case.ledger):
        before = name_before(last.note, case.ledger) if last is not None else ""
        if before:
            what = f"{case.settings.witness_path} has no checkpoint of {case.ledger.origin}: the ledger's are of {before}."
            yield case.setting(Severity.ERROR, "witness", what, why=RENAMED, fix=back(case, before))
            return
        what = f"the ledger has checkpoints, and the witness {case.settings.witness_path} has none."
        fix = "Mount it, or put the newest checkpoint into it first: until then nothing is signed."
        yield case.setting(Severity.ERROR, "witness", what, why=_WHY, fix=fix)
        return
    size = 0 if row is None else int(row.size)
    if size < seen:
        what = f"it saw a ledger of {seen} leaves, and the database has {size}."
        fix = "Restore a newer backup, or bring the newest database back: docs/back-up-and-restore.md."
        yield case.setting(Severity.ERROR, "witness", what, why=_WHY, fix=fix)


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
