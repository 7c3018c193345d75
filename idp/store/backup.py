"""Backup and restore: the rows of one tenant as a SQLite file with the same tables, whichever database they came from.

A backup has what cannot be made again: the ledger with its records, the marks of one-time things, other countries' nodes,
and switches. It has no sealing keys (decision 0000.4: erased after two hours, in no backup), nothing that was parked under
them, and no decisions of the last minute. It is taken in one snapshot while a broker serves. It has the fingerprint of the
keys, so that nobody serves what was restored with other keys than those that find its persons (`idp.store.installation`).

After a restore, marks that were taken since the backup are free again. Until everything that they guarded has ended by
itself, the store takes none (`RESTORED`; docs/decisions/0013).
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, Select, Table, bindparam, delete, func, insert, select
from sqlalchemy.exc import DBAPIError

from idp.keys.file import sync_folder
from idp.ports import ApprovalRow
from idp.store import tables
from idp.store.backup_check import is_plain
from idp.store.commits import confirmed
from idp.store.engine import (
    disposed,
    open_engine,
    patiently,
    reading,
    snapshot,
    unavailable,
    upsert,
    url_of_file,
    writing,
)
from idp.store.faults import explained
from idp.store.migrate import migrate, revision_of
from idp.store.records.backup_wrapping import BackupWrapping, KeyOfDay, unwrap
from idp.store.statements import CompiledStatement
from policies.errors import NotFound, StoreUnavailable
from policies.parties import Tenant

# Rows come before those that refer to them
COPIED = (
    tables.marks,
    tables.peers,
    tables.successes,
    tables.switches,
    tables.configurations,
    tables.applied,
    tables.erasures,
    tables.event_positions,
    tables.mandates,
    tables.subjects,
    tables.records,
    tables.staged,
    tables.leaves,
    tables.nodes,
    tables.trees,
    tables.checkpoints,
)
CHUNK = 500
# The beginning of a folder's name in which a copy is not whole yet
_HALF = ".ciconia-half-"
# The kind of the mark whose end is that of the time without marks
RESTORED = "restored"
# The longest life of anything that is taken once (15 minutes of a login), and a clock's skew (180 s): decision 0000.2
CLOSED_SECONDS = 15 * 60 + 180
# How far a clock may be behind the backup. A clock that was ahead wrote any later moment, which must not close a store for
# ever
AHEAD_SECONDS = 86400
# The beginning of a SQLite file (sqlite.org/fileformat.html §1.3); octets 18 and 19 say whether it has a write-ahead log
_SQLITE_HEAD, _WRITTEN_AS, _WITHOUT_LOG = 20, 18, b"\x01\x01"
# Faults of the disk under a copy of a backup; any other is a fault of the file that was given
_OF_THE_PLACE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_BUSY")


def back_up(
    engine: Engine, *, tenant: Tenant, file: Path, advance: Callable[[int], None], wrapping: BackupWrapping | None = None
) -> int:
    """Copy the tenant's rows into a new file of mode 0600, whole or not at all; returns how many.

    `wrapping` closes what leads to a person. Raises `OSError`, and `StoreUnavailable` if a database cannot do its part.
    """
    if file.exists():
        raise FileExistsError(17, "it exists already: name a new file", str(file))
    with fresh_file(file) as fresh:
        with _naming(file, StoreUnavailable):
            opened = _opened(fresh)
        with disposed(opened) as target:
            with reading(), snapshot(engine) as source, _naming(file), writing(target).begin() as out:
                count = _copy(source, out, tenant, advance, wrapping)
            with _naming(file), target.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                # One file: no log beside it that somebody could forget
                connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
                connection.exec_driver_sql("BEGIN")
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        file.hardlink_to(fresh)
    sync_folder(file.parent)
    return count


def _fits(_engine: Engine) -> None:
    """Every backup of this tenant's is taken."""


@contextmanager
def opened_backup(
    file: Path,
    *,
    tenant: Tenant,
    beside: Path,
    key_of_day: KeyOfDay = lambda _day: None,
    judge: Callable[[Engine], None] = _fits,
) -> Iterator[Engine]:
    """A backup as a database: a copy of it in the folder `beside`, migrated to this program's revision and unwrapped.

    `judge` may refuse it before.

    Raises `NotFound` if the file is no backup of this tenant's, `Misconfigured` if a later program made it.
    """
    with file.open("rb") as given:
        if not given.seekable():
            raise NotFound("it is a pipe, and a backup is read more than once: name the file")
        head = given.read(_SQLITE_HEAD)
        if not head.startswith(b"SQLite format 3\0"):
            raise NotFound("the file is no backup: name one that `ciconia backup` wrote")
        if head[_WRITTEN_AS:] != _WITHOUT_LOG:
            # Its newest commits may lie in the log beside it
            raise NotFound("the file is a database that is served, or was, and no backup: make one with `ciconia backup`")
        with fresh_file(beside / "restored", beside) as copy:
            # Mode 0600 from its first octet: a copy that outlives a kill is as closed as the backup
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                left = given.seek(0, os.SEEK_END)
                given.seek(0)
                while chunk := given.read(min(left, 1 << 20)):
                    out.write(chunk)
                    left -= len(chunk)
            if not is_plain(copy):
                raise NotFound("the file is damaged, or cut short, or no backup of this version or an earlier one")
            with disposed(_opened(copy)) as engine:
                if not revision_of(engine):
                    raise NotFound("the file is an empty database, and no backup")
            try:
                migrate(url_of_file(copy))
            except StoreUnavailable as error:
                if not error.detail.startswith(_OF_THE_PLACE):
                    raise NotFound("the file is no backup: its tables are not of the version that it names") from error
                raise StoreUnavailable(f"{beside} cannot be written: {explained(error.detail)}") from error
            with disposed(_opened(copy)) as engine:
                with reading(), engine.connect() as connection:
                    others = {name for table in COPIED for name in connection.scalars(select(table.c.tenant).distinct())}
                if others - {tenant}:
                    raise NotFound("the backup is of another broker, or of several")
                judge(engine)
            unwrap(copy, tenant, key_of_day)
            with disposed(_opened(copy)) as engine:
                yield engine


def rows_of(engine: Engine, tenant: Tenant) -> int:
    """How many rows a copy will have. Raises `StoreUnavailable`."""
    with reading(), snapshot(engine) as connection:
        return sum(_count(connection, table, tenant) for table in COPIED)


def restore(
    source: Engine,
    target: Engine,
    *,
    tenant: Tenant,
    now: int,
    advance: Callable[[int], None],
    stops: Iterable[ApprovalRow] = (),
) -> int:
    """Copy a backup into a migrated database without rows of the tenant, in one transaction; returns how many rows.

    `stops` are rows of approvals that it has besides. The store takes no marks until `closing`.

    Raises `StoreUnavailable` if there are rows already or the database cannot take them, `Unconfirmed` if it has them and a
    standby may not.
    """
    with reading(), confirmed(writing(target)) as out, source.connect() as backup:
        patiently(out)
        if any(_has_rows(out, table, tenant) for table in (*COPIED, tables.approvals)):
            raise StoreUnavailable("the database is not empty: restore into one that is new")
        count = _copy(backup, out, tenant, advance)
        until = closing(newest_moment(backup, tenant, now), now)
        # A mark that ends later was never ours, and would keep everybody from signing in
        marks = tables.marks.c
        later = (marks.tenant == tenant, marks.kind == RESTORED, marks.ends > until)
        count -= out.execute(delete(tables.marks).where(*later)).rowcount
        closed = {"tenant": tenant, "kind": RESTORED, "digest": secrets.token_bytes(32), "unit": secrets.token_bytes(16)}
        out.execute(insert(tables.marks), [{**closed, "ends": until}])
        if more := [{"tenant": tenant, "digest": one.digest, "content": one.content, "ends": one.end} for one in stops]:
            out.execute(insert(tables.approvals), more)
    return count


def newest_moment(connection: Connection, tenant: Tenant, now: int) -> int:
    """The newest moment of a record or checkpoint, not more than `AHEAD_SECONDS` ahead of `now`; 0 if there is none."""
    found = [0]
    for table in (tables.records, tables.checkpoints):
        query = select(func.max(table.c.time)).where(table.c.tenant == tenant, table.c.time <= now + AHEAD_SECONDS)
        found.append(connection.scalar(query) or 0)
    return max(found)


def closing(newest: int, now: int) -> int:
    """Until when a store is closed that is restored `now` from a backup with this `newest_moment`.

    If the clock is behind, `now` alone would open it while what was used before the backup is still good.
    """
    return max(newest, now) + CLOSED_SECONDS


def _closed(_connection: Connection) -> Select[int]:
    # Not max(): SQLite would look for it in the index by end, through all marks that there are
    table = tables.marks.c
    return select(table.ends).where(table.tenant == bindparam("tenant"), table.kind == bindparam("kind"))


_CLOSED = CompiledStatement(_closed)


def closed_until(connection: Connection, tenant: Tenant) -> int:
    """Until when a restored store takes no marks; 0 if nothing was restored."""
    return max([int(ends) for (ends,) in _CLOSED.rows(connection, tenant=tenant, kind=RESTORED)], default=0)


def _copy(
    source: Connection,
    out: Connection,
    tenant: Tenant,
    advance: Callable[[int], None],
    wrapping: BackupWrapping | None = None,
) -> int:
    count = 0
    for table in COPIED:
        for rows in _chunks(source, table, tenant):
            given = [dict(row) for row in rows]
            out.execute(insert(table), given if wrapping is None else [wrapping.row(table.name, row) for row in given])
            count += len(rows)
            advance(len(rows))
    table = tables.installations
    with reading():
        found = source.scalar(select(table.c.fingerprint).where(table.c.tenant == tenant))
    if found is not None:
        fresh = upsert(out, table).values(tenant=tenant, fingerprint=found)
        out.execute(fresh.on_conflict_do_update(index_elements=[table.c.tenant], set_={"fingerprint": found}))
    return count


def _chunks(source: Connection, table: Table, tenant: Tenant) -> Iterator[Sequence[RowMapping]]:
    """The tenant's rows. Raises `StoreUnavailable`: a fault of the source is none of the target."""
    with reading():
        query = select(table).where(table.c.tenant == tenant)
        yield from source.execute(query, execution_options={"yield_per": CHUNK}).mappings().partitions()


@contextmanager
def _naming(place: Path, fault: type[DBAPIError] | type[StoreUnavailable] = DBAPIError) -> Iterator[None]:
    """Name `place` in a fault of the database that lies there."""
    try:
        yield
    except fault as error:
        detail = unavailable(error).detail if isinstance(error, DBAPIError) else error.detail
        raise StoreUnavailable(f"{place} cannot be written: {explained(detail)}") from error


def _count(connection: Connection, table: Table, tenant: Tenant) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(table.c.tenant == tenant)) or 0


def _has_rows(connection: Connection, table: Table, tenant: Tenant) -> bool:
    return connection.scalar(select(table.c.tenant).where(table.c.tenant == tenant).limit(1)) is not None


@contextmanager
def fresh_file(file: Path, told: Path | None = None) -> Iterator[Path]:
    """The name of a file in a folder beside `file`, which is gone with SQLite's own files when the block ends.

    A killed command's folder goes with the next command. An error about it, or about a full disk, names `told`, else
    `file`.
    """
    if not file.parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder: make it, or name another", str(file.parent))
    _remove_left(file.parent)
    own = file.parent / f"{_HALF}{secrets.token_hex(8)}"
    try:
        own.mkdir(0o700)
        with _held(own):
            yield own / "half"
    except OSError as error:
        full = error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or str(error.filename).startswith(str(own)):
            error.filename, error.filename2 = str(told or file), None
        raise
    finally:
        shutil.rmtree(own, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder of ours; False if another process holds it. The kernel's lock ends with a killed process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        except OSError:  # another's, or a file system of a network that locks no folder
            held = False
        yield held
    finally:
        os.close(descriptor)


def _remove_left(folder: Path) -> None:
    """Remove what killed commands left here: a half of a copy is as confidential as the whole."""
    for left in folder.glob(f"{_HALF}*"):
        with suppress(OSError), _held(left) as nobodys:
            if nobodys:
                shutil.rmtree(left)


def _opened(file: Path) -> Engine:
    if not file.exists():
        # Readable to its maker alone, whoever owns the folder
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        migrate(url_of_file(file))
    return open_engine(url_of_file(file))
