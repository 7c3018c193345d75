"""The engine of either database, and what is asserted of each connection: a commit that returned is on the disk.

    engine.connect()             reads
    single(engine).connect()     one statement: no transaction is begun and ended around it
    snapshot(engine)             reads that must see one state of the database, however long they take
    writing(engine).begin()      writes

SQLite is in WAL with full synchronous commits; a transaction that writes begins IMMEDIATE there, so that it waits for the
lock at its beginning and not in its middle. For PostgreSQL see `idp.store.postgres`.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # the DBAPI connection's own type; SQLAlchemy's events do not name it

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp.store.postgres import open_postgres, postgres_url, short
from idp.system.ownership import assert_own
from policies.errors import Misconfigured, Problem, StoreUnavailable

BUSY_MILLISECONDS = 5000
# More than the threads that a server answers with (40), so that none waits for a connection
POOL, OVERFLOW = 8, 56
# Pages of the write-ahead log (256 MB) after which a commit folds it into the file itself, and whoever commits waits
LOG_PAGES = 65536
FULL = 2  # PRAGMA synchronous: every commit is on the disk when it returns
IMMEDIATE, SINGLE = "ciconia_immediate", "ciconia_single"
POSTGRES_PORT = 5432
_FIX = "use sqlite:///PATH or postgresql://USER@HOST/NAME"


def open_engine(url: str, *, busy_milliseconds: int = BUSY_MILLISECONDS) -> Engine:
    """The engine for the URL of a SQLite file or of a PostgreSQL database. Raises `Misconfigured` for any other.

    `busy_milliseconds` is how long a statement waits for others before it is given up.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        return open_postgres(parsed, busy_milliseconds=busy_milliseconds)
    assert_own_file(database_file(url))
    # The driver takes bytes as they are. But where it does not find this, it asks them what they would rather be, by two
    # attributes that they do not have: for each of a login's fifty that costs more than to bind it
    sqlite3.register_adapter(bytes, bytes)
    # The connection that was given back last: it has the pages, while the others' are old since somebody wrote
    engine = create_engine(
        sqlite_url(url), hide_parameters=True, echo=False, pool_size=POOL, max_overflow=OVERFLOW, pool_use_lifo=True
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # Any: see the import
        _configure(connection, busy_milliseconds)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if SINGLE not in options:
            _begin(connection, "BEGIN IMMEDIATE" if IMMEDIATE in options else "BEGIN")

    return engine


def is_postgres(bind: Engine | Connection) -> bool:
    """Whether this is PostgreSQL; else it is SQLite."""
    return bind.dialect.name == "postgresql"


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(**{IMMEDIATE: True})


def single(engine: Engine) -> Engine:
    """The same engine, for a connection that reads by one statement, or by several that may see different states."""
    if is_postgres(engine):
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine.execution_options(**{SINGLE: True})


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection whose reads all see the database as it was at the first of them. They may take long."""
    if not is_postgres(engine):
        with engine.connect() as connection:  # a transaction of SQLite is one
            yield connection
        return
    with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        patiently(connection)
        yield connection


def patiently(connection: Connection) -> None:
    """Until this transaction ends, let a statement take long, and the transaction wait long for the next one.

    A copy waits for its other side's disk meanwhile, which may stand still for a while. Locks are waited for as ever.
    """
    if is_postgres(connection):
        for bound in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {bound} = 0")


Upsert = sqlite.Insert | postgresql.Insert


def upsert(bind: Engine | Connection, table: Table) -> Upsert:
    """An INSERT that can say ON CONFLICT, for this database: both spell it alike."""
    return postgresql.insert(table) if is_postgres(bind) else sqlite.insert(table)


def exclusively(connection: Connection, table: Table) -> None:
    """Be the only one who writes to this table until the transaction ends; others read on. SQLite has one writer anyway."""
    if is_postgres(connection):
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def database_name(url: str) -> str:
    """What people call the database: a file's path, or PostgreSQL's name and host. No password is in it."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        found = postgres_url(parsed)
        return f"{found.database} at {found.host or 'localhost'}:{found.port or POSTGRES_PORT}"
    return str(database_file(url))


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise Misconfigured((Problem("", 0, "database", "not the URL of a database.", _FIX),)) from None


def sqlite_url(url: str) -> str:
    """The URL, where it names a SQLite file: other databases, and a database in memory alone, are refused."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        raise Misconfigured((Problem("", 0, "database", f"{parsed.get_backend_name()} is not served here.", _FIX),))
    if parsed.database in (None, "", ":memory:"):
        raise Misconfigured((Problem("", 0, "database", "a database in memory loses every record.", _FIX),))
    return url


def database_file(url: str) -> Path:
    """The file of a SQLite URL."""
    return file_of(make_url(sqlite_url(url)))


def lies_at(url: str, path: Path) -> bool:
    """Whether a SQLite URL's file is `path` or in that folder, by their names alone: where a disk hangs, nobody waits."""
    try:
        file = Path(os.path.abspath(database_file(url)))  # noqa: PTH100  pathlib leaves `..` in
    except Misconfigured:  # it is no SQLite file
        return False
    return Path(os.path.abspath(path)) in {file, file.parent}  # noqa: PTH100


def file_of(url: URL) -> Path:
    """The file of the URL that an engine of SQLite has."""
    name = url.database or ""
    return Path(name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name)


def assert_own_file(file: Path) -> None:
    """Raise `Misconfigured` where this is root, and SQLite's file or its folder another account's.

    SQLite does what a journal beside its file says: as root it would delete any file that this journal names. Where this is
    a link, the journal is beside what it leads to.
    """
    file = _real(file)
    assert_own(file.parent, "database")
    assert_own(file, "database")


def url_of_file(file: Path) -> str:
    """The URL of a SQLite file, whose path may have any sign: `?` and `%` mean something else in a URL.

    Raises `Misconfigured` for a path whose octets are not UTF-8, of which there is no URL.
    """
    try:
        return URL.create("sqlite", database=str(_real(file))).render_as_string(hide_password=False)
    except UnicodeEncodeError:
        what = "its path is not UTF-8, as that of a SQLite file has to be."
        fix = "Give it, and the folders that it lies in, names in UTF-8."
        raise Misconfigured((Problem(str(file), 0, "database", what, fix),)) from None


def _real(file: Path) -> Path:
    """Where a file lies, whatever links lead to it. Links in a circle stay as they are: whoever opens them says so."""
    # Path.resolve() raises RuntimeError for them before Python 3.13
    return Path(os.path.realpath(file))


def create_file(url: str) -> None:
    """Make SQLite's file, readable to its owner alone (SQLite gives its log its owner and mode). An existing one stays.

    A database of PostgreSQL is made by whoever runs the server: there is nothing to do here.
    """
    if _parsed(url).get_backend_name() == "postgresql":
        return
    file = database_file(url)
    assert_own_file(file)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fix = "make room on its disk" if full else "name a folder that can be written to"
        raise Misconfigured((Problem(str(file), 0, "database", f"{error.strerror}.", fix),)) from error


@contextmanager
def reading() -> Iterator[None]:
    """Turn what the database cannot do into `StoreUnavailable`."""
    try:
        yield
    except DBAPIError as error:
        raise unavailable(error) from error
    except PoolTimeout as error:
        raise StoreUnavailable("no connection to the database is free") from error


def unavailable(error: DBAPIError) -> StoreUnavailable:
    """The refusal for a database error: the database's own word for it (SQLITE_FULL, an SQLSTATE), which holds no value."""
    original = error.orig
    if original is None:
        return StoreUnavailable(type(error).__name__)
    return StoreUnavailable(getattr(original, "sqlite_errorname", "") or short(original))


def _begin(connection: Connection, statement: str) -> None:
    """Begin by the driver itself: a statement that has no parameter and gives no row costs Core more than SQLite."""
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not SQLite's own driver")
    try:
        driver.execute(statement)
    except sqlite3.OperationalError as error:  # as Core raises it; not once more by Core, for it has waited long enough
        raise OperationalError(statement, None, error) from error
    except sqlite3.Error:
        connection.exec_driver_sql(statement)


def _configure(connection: Any, busy_milliseconds: int) -> None:  # Any: see the import
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError("not SQLite's own driver")
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute(f"PRAGMA busy_timeout = {busy_milliseconds:d}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # The sequencer folds the log into the file (`Store.fold`); a commit does it only where nobody else did for long
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES:d}")
    # Sealing keys and what they sealed are gone from the file once they are purged (Debian's SQLite does so anyway)
    connection.execute("PRAGMA secure_delete = ON")
    expected = {"journal_mode = WAL": "wal", "synchronous": FULL, "foreign_keys": 1, "secure_delete": 1}
    for pragma, value in expected.items():
        found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != value:
            what = f"SQLite answers {found} to PRAGMA {pragma.partition(' ')[0]}, and a commit would not be durable."
            raise Misconfigured((Problem("", 0, "database", what, "put the database on a local disk"),))
