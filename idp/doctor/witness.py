"""Whether anything would notice an older ledger: a restored backup, a snapshot, a replica that was behind."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from idp.doctor.database import current, our_rows, read_only
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.doctor.key_files import RENAMED, back
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


def witness(case: Examination) -> Iterator[DoctorFinding]:
    """Finds a broker without a witness, unless it is a demo; a notice while nothing was signed and so nothing can be lost.

    With a witness: checks that a checkpoint can be kept there, and that the ledger is as large as the one it saw.
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
        yield case.setting(WARNING, "witness", "there is none.", why=_WHY, fix=f"{fix} {first}")
        return
    what = "there is none yet, and nothing was signed so far."
    yield case.setting(NOTICE, "witness", what, why=_WHY, fix=fix)


def _unkept(case: Examination, path: Path) -> Iterator[DoctorFinding]:
    try:
        unkept = unkept_at(path)
    except StoreUnavailable:
        return  # `_older` says it
    if unkept:
        fix = "Make or mount the folder, and let the account that serves write to it: until then nothing is signed."
        yield case.setting(ERROR, "witness", f"{unkept}.", why=_UNSIGNED, fix=fix)


def _older(case: Examination, *, empty: bool) -> Iterator[DoctorFinding]:
    """Compares the ledger with what the witness saw; with `empty` a witness that saw nothing is a finding, too."""
    if case.ledger is None or not case.knows("issuer", "database"):
        return
    path = case.settings.witness_path
    try:
        heads = witnessed(path, case.ledger)
    except StoreUnavailable as error:
        fix = "See to it that it can be read, and has checkpoints of this ledger alone: until then nothing is signed."
        yield case.setting(ERROR, "witness", f"{error.detail}.", why=_WHY, fix=fix)
        return
    seen = max((head.size for head in heads), default=0)
    with our_rows(case, sealed=False) as found:
        if found is None:
            return
        engine, keys = found
        with engine.connect() as connection:
            row = read_state(connection, case.settings.tenant)
            last = read_checkpoint(connection, case.settings.tenant)
        size = 0 if row is None else int(row.size)
        # Asked again: the first may have been signed meanwhile
        signed = row is not None and row.checkpoints
        if empty and not heads and signed and saw_nothing(path, keys):
            before = name_before(last.note, keys) if last is not None else ""
            what = f"the ledger has checkpoints, and the witness {path} has none."
            fix, why = "Mount it, or put the newest checkpoint into it first: until then nothing is signed.", _WHY
            if before:
                what = f"{path} has no checkpoint of {keys.origin}: the ledger's are of {before}."
                fix, why = back(case, before), RENAMED
            yield case.setting(ERROR, "witness", what, why=why, fix=fix)
        elif size < seen:
            what = f"it saw a ledger of {seen} leaves, and the database has {size}."
            fix = "Restore a newer backup, or bring the newest database back: docs/back-up-and-restore.md."
            yield case.setting(ERROR, "witness", what, why=_WHY, fix=fix)


def _unsigned(case: Examination) -> bool:
    """Whether the log has no checkpoint yet, as far as one can see."""
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
