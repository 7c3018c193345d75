"""PostgreSQL by psycopg 3: how its URL is read, how each connection is checked, and what may be said of its errors.

Every connection that would lose an acknowledged commit is refused, not only the first: after a failover the next one meets
another server. The session's own values decide, so settings of the role, the database and the URL count.
`synchronous_commit` must be `on` or `remote_apply`: `local` and `remote_write` do not wait for the standby's disk.

READ COMMITTED suffices for the writer: each of its decisions is one statement under a unique key (a mark, a subject's
counter), which waits for the key's holder and then sees what that one committed. The sequencer compares and swaps one row.
"""

import re
from functools import partial
from typing import Any  # psycopg is an extra, and SQLAlchemy's events name no type

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from idp.store.faults import word_of
from policies.errors import EXTRAS, Misconfigured, Problem, StoreUnavailable

DRIVER = "postgresql+psycopg"
# A worker's threads (40) read for a millisecond each: so few connections serve them, and many workers share one server
POOL, OVERFLOW, POOL_SECONDS = 4, 8, 5.0
# How old a connection becomes; each new one is checked
RECYCLE_SECONDS = 600
# libpq's own parameters (postgresql.org/docs/current/libpq-connect.html) that the URL does not name. A silent server is
# given up after about ten seconds; a standby is not what we want to talk to.
PARAMETERS: dict[str, str | int] = {
    "application_name": "ciconia",
    "connect_timeout": 5,
    "target_session_attrs": "read-write",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
OLDEST = 130_000  # the oldest major version that these statements were made for
_DURABLE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply")}
_READ_ONLY = "25006"  # read_only_sql_transaction: this server was the primary, and is no more
# In a connection's `info` (SQLAlchemy): the server sent a warning since the last look
WARNED = "ciconia_warned"
# In the `info` of a connection that only looks: somebody else made the server, database or role read-only
ONLY_READS = "ciconia_only_reads"
# In an error: why there is no connection
_WORD = "ciconia_word"
_STATE = re.compile("[0-9A-Z]{5}")
_FIX = "use postgresql://USER@HOST/NAME"
LOST = "a release that was approved could be gone after a crash."


def open_postgres(url: URL, *, busy_milliseconds: int) -> Engine:
    """The engine, not connected yet. `busy_milliseconds` bounds each statement, and each wait for a lock."""
    parameters = {name: value for name, value in PARAMETERS.items() if name not in url.query}
    engine = _engine(
        url,
        parameters,
        pool_size=POOL,
        max_overflow=OVERFLOW,
        pool_timeout=POOL_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        pool_use_lifo=True,
    )
    checks = _Checks(busy_milliseconds)
    event.listen(engine, "connect", checks.connected)
    return engine


def look_at(url: URL) -> Engine:
    """An engine for diagnosis: it only reads, and takes any server."""
    parameters = {name: value for name, value in PARAMETERS.items() if name not in url.query}
    parameters["target_session_attrs"] = "any"
    engine = _engine(url, parameters)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: ConnectionPoolEntry) -> None:  # Any: see the import
        connection.autocommit = True  # else the setting would end with a transaction
        before = connection.execute("SELECT current_setting('default_transaction_read_only')").fetchone()
        record.info[ONLY_READS] = before[0] == "on"
        connection.execute("SELECT set_config('default_transaction_read_only', 'on', false)")
        connection.autocommit = False

    return engine


def _engine(url: URL, parameters: dict[str, str | int], **pool: float) -> Engine:
    """Raises `Misconfigured` if the extra `postgres` is not installed."""
    options = {"hide_parameters": True, "use_native_hstore": False, "connect_args": parameters}
    try:
        engine = create_engine(postgres_url(url), **options, **pool)
    except (ModuleNotFoundError, NoSuchModuleError):
        what = "psycopg, which talks to PostgreSQL, is not installed."
        raise Misconfigured((Problem("", 0, "database", what, EXTRAS),)) from None
    event.listen(engine, "handle_error", _without_values)
    return engine


def postgres_url(url: URL) -> URL:
    """The URL with our driver. Raises `Misconfigured` for another driver, or if it names no database."""
    if url.drivername not in ("postgresql", DRIVER):
        raise Misconfigured((Problem("", 0, "database", f"the driver of {url.drivername} is not ours.", _FIX),))
    if not url.database:
        raise Misconfigured((Problem("", 0, "database", "it names no database.", _FIX),))
    return url.set(drivername=DRIVER)


def faults_of_session(connection: Any) -> tuple[str, ...]:  # Any: see the import
    """Why a commit on this connection of psycopg might be lost; empty if it lasts."""
    names = (*_DURABLE, "server_version_num")
    asked = ", ".join(f"current_setting('{name}')" for name in names)
    row = connection.execute(f"SELECT pg_is_in_recovery(), {asked}").fetchone()
    standby, found = row[0], dict(zip(names, row[1:], strict=True))
    faults = ["the server is a standby: what it says is old, and nothing can be recorded."] if standby else []
    if int(found["server_version_num"]) < OLDEST:
        faults.append("the server is older than PostgreSQL 13.")
    faults += [
        f"PostgreSQL answers {name} = {found[name]}: {LOST}" for name, good in _DURABLE.items() if found[name] not in good
    ]
    return tuple(faults)


def short(error: BaseException) -> str:
    """The type of an error of psycopg, with its SQLSTATE or our word: its own words may hold the row that was refused."""
    word = getattr(error, _WORD, "") or getattr(error, "sqlstate", None) or word_of(str(error))
    if not word:
        return type(error).__name__
    return f"{type(error).__name__} {word}" if _STATE.fullmatch(word) else f"{type(error).__name__} ({word})"


class _Checks:
    """Sets and checks each new connection of one engine."""

    def __init__(self, busy_milliseconds: int) -> None:
        self._busy = busy_milliseconds
        self._served = False  # whether a connection was good once: from then on a bad one is a fault of the moment

    def connected(self, connection: Any, record: Any) -> None:  # Any: see the import
        # A cancelled COMMIT that waited for its standby is acknowledged, with a warning that only one disk has it
        connection.add_notice_handler(partial(_warned, record.info))
        before = connection.autocommit
        connection.autocommit = True  # else the settings would end with a transaction
        bounds = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        asked = ", ".join(f"set_config('{name}', '{self._busy:d}', false)" for name in bounds)
        connection.execute(f"SELECT {asked}")
        faults = faults_of_session(connection)
        connection.autocommit = before
        if faults and self._served:
            raise StoreUnavailable(f"the database is not what it was: {faults[0]}")
        if faults:
            fix = "set them back (also ALTER ROLE and ALTER DATABASE can set them), and name the primary server"
            raise Misconfigured(tuple(Problem("", 0, "database", fault, fix) for fault in faults))
        self._served = True


def _warned(info: dict[str, bool], diagnostic: Any) -> None:  # Any: see the import
    if diagnostic.severity_nonlocalized == "WARNING":
        info[WARNED] = True


def _without_values(context: ExceptionContext) -> None:
    """Take an error's words before anybody prints them: DETAIL quotes keys, and whole rows."""
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(wrapped, DBAPIError):
        # Keep our word for why there was no connection
        setattr(original, _WORD, getattr(original, "sqlstate", None) or word_of(str(original)))
        original.args = (short(original),)
        wrapped.args = (short(original),)
        if getattr(original, "sqlstate", None) == _READ_ONLY:
            # Leave it, so that the next connection finds the server that writes
            context.is_disconnect = True
