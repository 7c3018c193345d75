"""The engine: SQLite in WAL with full synchronous commits, and what is asserted of each connection.

A transaction that writes begins IMMEDIATE, so that it waits for the lock at its beginning and not in its middle.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # the DBAPI connection's own type; SQLAlchemy's events do not name it

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from policies.errors import Misconfigured, Problem, StoreUnavailable

BUSY_MILLISECONDS = 5000
# More than the threads that a server answers with (40), so that none waits for a connection
POOL, OVERFLOW = 8, 56
FULL = 2  # PRAGMA synchronous: every commit is on the disk when it returns
IMMEDIATE = "ciconia_immediate"


def open_engine(url: str, *, busy_milliseconds: int = BUSY_MILLISECONDS) -> Engine:
    """The engine for a SQLAlchemy URL of a SQLite file. Raises `Misconfigured` for any other database."""
    engine = create_engine(sqlite_url(url), hide_parameters=True, echo=False, pool_size=POOL, max_overflow=OVERFLOW)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # Any: see the import
        _configure(connection, busy_milliseconds)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(**{IMMEDIATE: True})


def sqlite_url(url: str) -> str:
    """The URL, where it names a SQLite file: other databases, and a database in memory alone, are refused."""
    fix = "use sqlite:///PATH"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured((Problem("", 0, "database", "not the URL of a database.", fix),)) from None
    if parsed.get_backend_name() != "sqlite":
        raise Misconfigured((Problem("", 0, "database", f"{parsed.get_backend_name()} is not served yet.", fix),))
    if parsed.database in (None, "", ":memory:"):
        raise Misconfigured((Problem("", 0, "database", "a database in memory loses every record.", fix),))
    return url


def database_file(url: str) -> Path:
    """The file of a SQLite URL."""
    name = make_url(sqlite_url(url)).database or ""
    return Path(name.removeprefix("file:").partition("?")[0])


def create_file(url: str) -> None:
    """Make the database's file, readable to its owner alone (SQLite gives its log the same mode). An existing one stays."""
    try:
        os.close(os.open(database_file(url), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        problem = Problem(
            str(database_file(url)), 0, "database", f"{error.strerror}.", "name a folder that can be written to"
        )
        raise Misconfigured((problem,)) from error


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
    """The refusal for a database error: SQLite's word for it (SQLITE_FULL, SQLITE_BUSY..), which holds no value."""
    original = error.orig
    return StoreUnavailable(getattr(original, "sqlite_errorname", type(original).__name__))


def _configure(connection: Any, busy_milliseconds: int) -> None:  # Any: see the import
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError("not SQLite's own driver")
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute(f"PRAGMA busy_timeout = {busy_milliseconds:d}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    expected = {"journal_mode = WAL": "wal", "synchronous": FULL, "foreign_keys": 1}
    for pragma, value in expected.items():
        found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != value:
            what = f"SQLite answers {found} to PRAGMA {pragma.partition(' ')[0]}, and a commit would not be durable."
            raise Misconfigured((Problem("", 0, "database", what, "put the database on a local disk"),))
