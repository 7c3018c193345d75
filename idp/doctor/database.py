"""The database: whether a commit lasts, which program made it, and who may read it. The checks write nothing to it."""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.doctor.postgres import postgres
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.engine import database_file, database_name, disposed, is_postgres, open_engine, unavailable
from idp.store.faults import meaning
from idp.store.installation import FIX, fault_of_keys, fingerprint_of_names
from idp.store.migrate import revision_of, revisions, serves
from idp.store.records.looking import is_postgres_url, looking
from idp.system.clock import system_clock
from idp.system.files import read_regular
from policies.errors import Misconfigured, StoreUnavailable

MAGIC = b"SQLite format 3\x00"
# https://sqlite.org/fileformat.html §1.3.3: the versions to write and to read, 2 in WAL mode
_WAL = b"\x02\x02"
_HEAD = 20  # to the end of these two
_RECORD = "It holds the record of every release: without it nothing is served, and nothing can be proved."
_STARTS_NOT = "`ciconia serve` does not start with it: each would refuse the other's rows as forged."
_LAST = "A release that was approved would be gone after a crash."


def database(case: Examination, clock: Callable[[], int] = system_clock) -> Iterator[DoctorFinding]:
    """Checks a file's journal, revision, and SQLite's own quick check; or PostgreSQL's settings, clock, and revision."""
    if not case.knows("database"):
        return
    if is_postgres_url(case.settings.database_url):
        found = list(postgres(case, clock))
        yield from found
        if not any(one.key == "database" and one.severity is ERROR for one in found):
            yield from _revision(case)
        return
    try:
        path = database_file(case.settings.database_url)
    except Misconfigured as error:
        for problem in error.problems:
            yield case.setting(ERROR, "database", problem.what, why=_RECORD, fix=problem.fix.rstrip(".") + ".")
        return
    if not path.exists():
        yield from _absent(case, path)
        return
    if path.is_dir():
        what, fix = "it is a folder.", "Name a file in `database`: it is made where there is none."
        yield case.setting(ERROR, "database", what, why=_RECORD, fix=fix)
        return
    yield from _file(case, path)
    try:
        head = read_regular(path, _HEAD)[:_HEAD]
    except OSError as error:
        yield ERROR(
            case.name(path), "database", f"it cannot be read ({error.strerror}).", _RECORD, "Let the broker read it."
        )
        return
    if head and not head.startswith(MAGIC):
        yield ERROR(case.name(path), "database", "it is no database of SQLite.", _RECORD, "Restore it from its backup.")
        return
    yield from _journal(case, path, head)
    yield from _revision(case)


def _absent(case: Examination, path: Path) -> Iterator[DoctorFinding]:
    if path.parent.is_dir() and not os.access(path.parent, os.W_OK | os.X_OK):
        what = f"there is none yet, and its folder {path.parent} cannot be written to: `ciconia serve` does not start."
        fix = "Let the broker's account write to it, or name a folder in which it may."
        yield case.setting(ERROR, "database", what, why=_RECORD, fix=fix)
    elif path.parent.is_dir():
        what, fix = "there is no database yet.", "`ciconia serve` makes it."
        yield NOTICE(case.name(path), "database", what, "Nothing was recorded so far.", fix)
    else:
        what = f"its folder {path.parent} is not there."
        yield case.setting(ERROR, "database", what, why=_RECORD, fix="Name a folder that can be written to.")


def _file(case: Examination, path: Path) -> Iterator[DoctorFinding]:
    mode = path.stat().st_mode
    if mode & 0o077:
        what = f"others than its owner may read it (mode {mode & 0o7777:o})."
        why = "It says when somebody signed in where, and holds what is sealed."
        yield WARNING(case.name(path), "permissions", what, why, f"chmod 600 {shlex.quote(str(path))}")
    if not os.access(path, os.W_OK):
        fix = "Let the broker write to it."
        yield ERROR(
            case.name(path), "database", "it cannot be written to.", "Nothing can be recorded, so nothing is released.", fix
        )


def _journal(case: Examination, path: Path, head: bytes) -> Iterator[DoctorFinding]:
    """Checks the journal. In a file in WAL to ask for WAL changes nothing, and SQLite answers as it answers a server."""
    if head and head[18:20] != _WAL:
        what = "its journal is not WAL."
        why = (
            "The server changes it at its start: if the disk allows none, it does not start. Some other program wrote here."
        )
        fix = "Put it on a local disk, and let no other program write to it."
        yield WARNING(case.name(path), "journal_mode", what, why, fix)
        return
    if not head:
        return
    try:
        with disposed(open_engine(case.settings.database_url)) as engine, engine.connect():
            pass
    except Misconfigured as error:
        for problem in error.problems:
            yield ERROR(case.name(path), "synchronous", problem.what, _LAST, "Put the database on a local disk.")
    except DBAPIError:
        return  # its revision cannot be read either, which is named there


def _revision(case: Examination) -> Iterator[DoctorFinding]:
    place = place_of(case)
    with read_only(case) as engine:
        if engine is None:
            return
        try:
            found, served = revision_of(engine), serves(engine)
            others = _others(case, engine) if served else ""
            told = "ok"
            if not is_postgres(engine):
                with engine.connect() as connection:
                    told = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() or ""
        except (StoreUnavailable, DBAPIError) as error:
            detail = (error if isinstance(error, StoreUnavailable) else unavailable(error)).detail
            means, fix = meaning(detail)
            fix = fix or "Restore it from its backup; `ciconia ledger verify` says what of the record is left."
            what = f"it cannot be read ({detail}). {means}".rstrip()
            yield ERROR(place, "database", what, _RECORD, fix)
            return
    if others:
        yield ERROR(place, "database", others, _STARTS_NOT, f"{FIX[0].upper()}{FIX[1:]}.")
    yield from _of_revision(place, found, served=served)
    if told != "ok":
        fix = "Restore it from its backup; `ciconia ledger verify` says what of the record is left."
        yield ERROR(place, "quick_check", f"SQLite's own check says: {told}.", _RECORD, fix)


def _of_revision(place: str, found: str, *, served: bool) -> Iterator[DoctorFinding]:
    known = revisions()
    if found == known[0]:
        return
    if served:
        what = f"a later version of this program made it ({found}), and lets this one go on."
        yield NOTICE(place, "revision", what, "Two versions serve it.", "End the upgrade.")
    elif found not in known and found:
        what = f"a later version of this program made it: it has revision {found}, this program knows {known[0]}."
        yield ERROR(place, "revision", what, _RECORD, "Serve it with that version.")
    else:
        what = f"it has revision {found or 'none'}, this program needs {known[0]}."
        why = "The server migrates it at its start; until then nothing in it can be looked at with this version."
        fix = "Back it up, then run `ciconia migrate`."
        yield WARNING(place, "revision", what, why, fix)


def place_of(case: Examination) -> str:
    """The name of the database in findings."""
    url = case.settings.database_url
    return database_name(url) if is_postgres_url(url) else case.name(database_file(url))


def _others(case: Examination, engine: Engine) -> str:
    if case.ledger is None or not case.knows("issuer", "database"):
        return ""
    tenant, names = case.settings.tenant, b""
    if case.keys is not None:
        names = fingerprint_of_names(tenant, pairwise=case.keys.pairwise, index=case.keys.index)
    return fault_of_keys(engine, tenant, case.ledger, names)


def ours(case: Examination, engine: Engine) -> bool:
    """Whether this program made the tables, and these keys the rows: else no seal would hold."""
    try:
        return serves(engine) and not _others(case, engine)
    except (StoreUnavailable, DBAPIError):
        return False


def current(engine: Engine) -> bool:
    """Whether this program made the tables."""
    try:
        return serves(engine)
    except StoreUnavailable:
        return False


@contextmanager
def our_rows(case: Examination, *, sealed: bool = True) -> Iterator[tuple[Engine, LedgerKeys] | None]:
    """The database and the ledger's keys; None where either is missing, or others made the tables or the rows.

    With `sealed` false others may have made the rows. Ends the block where the database fails: its own check names that.
    """
    if case.ledger is None or not case.knows("issuer", "database"):
        yield None
        return
    with read_only(case) as engine:
        fits = engine is not None and (ours(case, engine) if sealed else current(engine))
        with suppress(DBAPIError):
            yield (engine, case.ledger) if engine is not None and fits else None


@contextmanager
def read_only(case: Examination) -> Iterator[Engine | None]:
    """The database, refusing every write; None where there is no file."""
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(looking(case.settings.database_url))
        except Misconfigured:
            engine = None
        yield engine
