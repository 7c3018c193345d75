"""The engine of either database. Each of its connections is checked: a commit that returned is on the disk.

    engine.connect()             reads
    single(engine).connect()     one statement: no transaction begins and ends around it
    snapshot(engine)             reads that must see one state of the database, however long they take
    writing(engine).begin()      writes

SQLite runs in WAL with full synchronous commits. A transaction that writes begins IMMEDIATE there: it waits for the lock at
its beginning and not in its middle. For PostgreSQL see `idp.store.postgres`.
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
# Pages of the write-ahead log (256 MB) after which a commit folds it into the file itself, and takes longer
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
    # The driver takes bytes as they are. Without this it first asks each of them for two attributes that they do not have,
    # which costs more than binding it, fifty times a login
    sqlite3.register_adapter(bytes, bytes)
    # LIFO: the connection that was given back last has the newest pages
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


@contextmanager
def disposed(engine: Engine) -> Iterator[Engine]:
    """The engine; at the end of the block its connections are closed."""
    try:
        yield engine
    finally:
        engine.dispose()


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
    """A connection whose reads all see the database as it was at the first read. They may take long."""
    if not is_postgres(engine):
        with engine.connect() as connection:  # a transaction of SQLite is one
            yield connection
        return
    with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        patiently(connection)
        yield connection


def patiently(connection: Connection) -> None:
    """Let this transaction's statements, and its pauses between them, take long: a copy waits for its other side's disk.

    Waits for locks stay bounded.
    """
    if is_postgres(connection):
        for bound in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {bound} = 0")


Upsert = sqlite.Insert | postgresql.Insert


def upsert(bind: Engine | Connection, table: Table) -> Upsert:
    """An INSERT that can say ON CONFLICT, for this database."""
    return postgresql.insert(table) if is_postgres(bind) else sqlite.insert(table)


def exclusively(connection: Connection, table: Table) -> None:
    """Let nobody else write to this table until the transaction ends. SQLite has one writer anyway."""
    if is_postgres(connection):
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def database_name(url: str) -> str:
    """The database's name for people: a file's path, or PostgreSQL's name and host. It has no password."""
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
    """The URL of a SQLite file. Raises `Misconfigured` for another database, and for one in memory."""
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
    """Whether a SQLite URL's file is `path` or in that folder, by their names alone: a disk may hang."""
    try:
        file = Path(os.path.abspath(database_file(url)))  # noqa: PTH100  pathlib leaves `..` in
    except Misconfigured:  # it is no SQLite file
        return False
    return Path(os.path.abspath(path)) in {file, file.parent}  # noqa: PTH100


def file_of(url: URL) -> Path:
    """The file of a SQLite engine's URL."""
    name = url.database or ""
    return Path(name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name)


def assert_own_file(file: Path) -> None:
    """Raise `Misconfigured` if this is root, and SQLite's file or its folder belongs to another account.

    SQLite obeys a journal beside its file: as root it would delete any file that the journal names. The journal of a link
    is beside what the link leads to.
    """
    file = _real(file)
    assert_own(file.parent, "database")
    assert_own(file, "database")


def url_of_file(file: Path) -> str:
    """The URL of a SQLite file, whose path may have any sign. Raises `Misconfigured` for a path that is not UTF-8."""
    try:
        return URL.create("sqlite", database=str(_real(file))).render_as_string(hide_password=False)
    except UnicodeEncodeError:
        what = "its path is not UTF-8, as that of a SQLite file has to be."
        fix = "Give it, and the folders that it lies in, names in UTF-8."
        raise Misconfigured((Problem(str(file), 0, "database", what, fix),)) from None


def _real(file: Path) -> Path:
    """The path behind all links. Links in a circle stay as they are: opening them fails."""
    # Path.resolve() raises RuntimeError for a circle before Python 3.13
    return Path(os.path.realpath(file))


def create_file(url: str) -> None:
    """Make SQLite's file, readable to its owner alone (its log gets the same mode). An existing one stays.

    Whoever runs PostgreSQL makes its database.
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
    """Turn a fault of the database into `StoreUnavailable`."""
    try:
        yield
    except DBAPIError as error:
        raise unavailable(error) from error
    except PoolTimeout as error:
        raise StoreUnavailable("no connection to the database is free") from error


def unavailable(error: DBAPIError) -> StoreUnavailable:
    """The refusal for a database error, with the database's own word: SQLITE_FULL, an SQLSTATE. It holds no value."""
    original = error.orig
    if original is None:
        return StoreUnavailable(type(error).__name__)
    return StoreUnavailable(getattr(original, "sqlite_errorname", "") or short(original))


def _begin(connection: Connection, statement: str) -> None:
    """Begin by the driver itself: through Core this statement costs more than SQLite takes for it."""
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not SQLite's own driver")
    try:
        driver.execute(statement)
    except sqlite3.OperationalError as error:  # as Core raises it; trying again by Core would wait for the lock twice
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
    # Purged sealing keys, and what they sealed, leave the file (Debian's SQLite does so anyway)
    connection.execute("PRAGMA secure_delete = ON")
    expected = {"journal_mode = WAL": "wal", "synchronous": FULL, "foreign_keys": 1, "secure_delete": 1}
    for pragma, value in expected.items():
        found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != value:
            what = f"SQLite answers {found} to PRAGMA {pragma.partition(' ')[0]}, and a commit would not be durable."
            raise Misconfigured((Problem("", 0, "database", what, "put the database on a local disk"),))
