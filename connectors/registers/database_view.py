"""A city's database as a register: one row of one view, in a transaction that only reads.

    SELECT street, town, national_id FROM residents WHERE national_id = :person LIMIT 2

Names of the view and of its columns are the registration's; values are bound, and stand in no statement. A person who has
two rows is nobody: we choose none. In a mandate register each row is one mandate. The columns by which a person is found
are texts, and are read, too: a database whose column is a number, or knows no capitals, takes another spelling.
"""

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any  # psycopg is an extra, and SQLAlchemy's events name no type
from urllib.parse import quote
from weakref import finalize

from sqlalchemy import URL, Connection, Engine, String, bindparam, column, create_engine, event, make_url, select, table
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connectors.attribute_provider import RegisterAnswer, RegisterQuery
from connectors.metadata.pinned_provider import misconfigured
from connectors.oidc.line import PLACES, Breaker, one_turn
from connectors.registers.judgement import MAX_AGE, MOST_REPRESENTED, RegisterJudge
from policies.attribute_register import AttributeRegister, DatabaseView
from policies.catalogue import Catalogue
from policies.errors import EXTRAS, AssertionRejected, PeerUnavailable

# libpq's own parameters that the URL does not name. A silent server is given up after about ten seconds
_PARAMETERS: dict[str, str | int] = {
    "application_name": "ciconia",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_RECYCLE_SECONDS = 600
# A database on this machine, and how libpq keeps what crosses a network
_OURS, _PROTECTED = ("", "localhost", "127.0.0.1", "::1"), ("verify-ca", "verify-full")
# The SQLSTATE of a statement that took too long
_CANCELED = "57014"
# Instructions of SQLite between two looks at the clock
_STEPS = 10_000
_FIX = 'write database = "postgresql://USER@HOST/NAME" or "sqlite:///PATH".'


class RegisterView:
    """Asks one view. Implements `connectors.attribute_provider.AttributeProvider`.

    `secret` gives the password, "" where the database asks for none. A registration that cannot work is `Misconfigured` at
    start; the database is not asked then.
    """

    def __init__(
        self, *, register: AttributeRegister, catalogue: Catalogue, secret: Callable[[], str] = lambda: ""
    ) -> None:
        view = register.transport
        if not isinstance(view, DatabaseView):
            raise TypeError("a register of another kind")
        self.register, self._view = register, view
        self._judge, self._breaker = RegisterJudge(register, catalogue), Breaker()
        self._places = threading.BoundedSemaphore(PLACES)
        self._deadline = threading.local()
        try:
            self._engine = self._opened(make_url(view.database), secret)
        except (ModuleNotFoundError, NoSuchModuleError):
            raise misconfigured(register.source, "database", "its driver is not installed.", EXTRAS) from None
        except (ArgumentError, ValueError):
            raise misconfigured(register.source, "database", "not the URL of a database.", _FIX) from None

    def ask(self, query: RegisterQuery, deadline: float) -> RegisterAnswer:
        """See `connectors.attribute_provider.AttributeProvider`."""
        found_by, names = self._judge.found_by(query), self._judge.names(query)
        view = table(self._view.view, *map(column, {*names, *found_by}), schema=self._view.schema or None)
        lists = bool(self.register.represents)
        most = MOST_REPRESENTED if lists else 1
        keys = [view.c[name] == bindparam(f"key{place}", type_=String) for place, name in enumerate(found_by)]
        statement = select(*[view.c[name] for name in (*names, *found_by)]).where(*keys).limit(most + 1)
        bound = {f"key{place}": value for place, value in enumerate(found_by.values())}
        with one_turn(self._breaker, self._places), self._reading(deadline) as connection:
            rows = [tuple(row) for row in connection.execute(statement, bound)]
        if len(rows) != 1 and not lists:
            raise AssertionRejected("rows_several" if rows else "person_unknown", f"{len(rows)} rows for one person")
        if any(row[len(names) :] != tuple(found_by.values()) for row in rows):
            raise AssertionRejected("answer_subject", "a row that was found by another spelling")
        said = [{name: _texts(value) for name, value in zip(names, row[: len(names)], strict=True)} for row in rows]
        now = query.asked_at
        return self._judge.answer(query, said, now, query.query_id, issued_at=now, ends=now + MAX_AGE)

    def faults(self) -> Sequence[str]:
        """The faults of the view as it is now, for an operator. It asks no row. Raises `PeerUnavailable`."""
        names = (*self.register.attributes, *self.register.found_by.values())
        view = table(self._view.view, *map(column, names), schema=self._view.schema or None)
        with self._reading(time.monotonic() + self.register.seconds) as connection:
            connection.execute(select(*view.c).limit(0))
            postgres = connection.dialect.name == "postgresql"
            return _faults_of_postgres(connection, self._view) if postgres else _faults_of_sqlite(connection, self._view)

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    @contextmanager
    def _reading(self, deadline: float) -> Iterator[Connection]:
        """A transaction that only reads, and whose statements end at the deadline. Raises `PeerUnavailable`.

        What a database says of an error may hold the value that it was asked with: nothing of it is handed on.
        """
        self._deadline.at = deadline
        try:
            with self._engine.connect() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execution_options(postgresql_readonly=True)
                    left = max(1, math.floor(1000 * (deadline - time.monotonic())))
                    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {left}")
                yield connection
        except SQLAlchemyError as error:
            self._breaker.note("", worked=False)
            cause = getattr(error, "orig", None) or error
            late = getattr(cause, "sqlstate", None) == _CANCELED or time.monotonic() >= deadline
            detail = f"the database did not answer: {type(cause).__name__}"
            raise PeerUnavailable(detail, check="deadline" if late else "database") from None
        self._breaker.note("", worked=True)

    def _opened(self, url: URL, secret: Callable[[], str]) -> Engine:
        if url.get_backend_name() == "sqlite":
            return self._opened_sqlite(url)
        if url.drivername not in ("postgresql", "postgresql+psycopg") or not url.database:
            raise ValueError("another database")
        if url.query.get("sslmode") not in _PROTECTED and not _stays_here(url):
            what = "what the register says would cross a network, where others may read and change it."
            fix = "Add ?sslmode=verify-full&sslrootcert=FILE to the URL."
            raise misconfigured(self.register.source, "database", what, fix)
        given = {name: value for name, value in _PARAMETERS.items() if name not in url.query}
        options: dict[str, Any] = {"hide_parameters": True, "connect_args": given, "use_native_hstore": False}
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=PLACES,
            max_overflow=0,
            pool_recycle=_RECYCLE_SECONDS,
            pool_pre_ping=True,
            **options,
        )

        @event.listens_for(engine, "do_connect")
        def connecting(_dialect: object, _record: object, _args: object, parameters: dict[str, Any]) -> None:
            # Each connection asks anew: a password is changed without a restart
            if password := secret():
                parameters["password"] = password

        # Nobody closes it when another configuration is taken up
        finalize(self, engine.dispose)
        return engine

    def _opened_sqlite(self, url: URL) -> Engine:
        if not url.database or url.query:
            raise ValueError("no file")
        path = quote(str(Path(url.database).absolute()))

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False, timeout=self.register.seconds)

        engine = create_engine("sqlite://", creator=connect, hide_parameters=True, poolclass=NullPool)

        @event.listens_for(engine, "connect")
        def connected(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA query_only = ON")
            connection.set_progress_handler(lambda: time.monotonic() >= self._deadline.at, _STEPS)

        return engine


def _stays_here(url: URL) -> bool:
    """Whether the database is on this machine. libpq takes a host behind the `?` before the other one."""
    named = [url.query.get("host", url.host or ""), url.query.get("hostaddr", "")]
    return all(isinstance(one, str) and (one in _OURS or one.startswith("/")) for one in named)


def _texts(value: object) -> Sequence[object]:
    """The values of one column; a date as it is written elsewhere."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    # A moment is a date to Python, and none of ours
    return [value.isoformat() if type(value) is date else value]


def _faults_of_postgres(connection: Connection, view: DatabaseView) -> Sequence[str]:
    name = f'"{view.schema}"."{view.view}"' if view.schema else f'"{view.view}"'
    asked = """SELECT c.relkind IN ('v', 'm'), has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(c.oid, 'INSERT, UPDATE') FROM pg_class c WHERE c.oid = to_regclass(%(name)s)"""
    is_view, writable = connection.exec_driver_sql(asked, {"name": name}).one()
    return _said(is_view=is_view, writable=writable, who="the account that we read with")


def _faults_of_sqlite(connection: Connection, view: DatabaseView) -> Sequence[str]:
    kind = connection.exec_driver_sql("SELECT type FROM sqlite_master WHERE name = ?", (view.view,)).scalar()
    ours = Path(connection.exec_driver_sql("PRAGMA database_list").one()[2])
    return _said(is_view=kind == "view", writable=os.access(ours, os.W_OK), who="the account that we run as")


def _said(*, is_view: bool, writable: bool, who: str) -> Sequence[str]:
    found = [] if is_view else ["it is a table, and a view would say only what we need."]
    return [*found, *([f"{who} may write to it, and only has to read."] if writable else [])]
