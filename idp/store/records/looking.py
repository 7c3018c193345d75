"""A database that is only looked at: every statement that writes is refused, by the database itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from idp.store.engine import database_file, disposed, sqlite_url
from idp.store.postgres import look_at


def is_postgres_url(url: str) -> bool:
    """Whether the setting `database` is a URL of PostgreSQL."""
    try:
        return make_url(url).get_backend_name() == "postgresql"
    except ArgumentError:
        return False


@contextmanager
def looking(url: str) -> Iterator[Engine | None]:
    """The database of a URL; None where there is no file. Raises `Misconfigured` for a URL that is of none."""
    if is_postgres_url(url):
        with disposed(look_at(make_url(url))) as engine:
            yield engine
        return
    path = database_file(sqlite_url(url))
    if not path.is_file():
        yield None
        return

    def connect() -> sqlite3.Connection:
        # mode=ro would leave files of the WAL behind, owned by this account, which the server could not open
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return connection

    with disposed(create_engine("sqlite://", creator=connect, hide_parameters=True)) as engine:
        yield engine
