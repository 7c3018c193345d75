"""The two kinds of database that a crash test runs over."""

import shutil
import time
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from idp.store.migrate import migrate
from tests.postgres import PostgresServer

# How long a machine may take for what it does at once: whoever is slow is no fault, who stands still is one
PATIENCE = 120.0


class Base(Protocol):
    """A kind of database."""

    name: str
    folder: Path

    def fresh(self, folder: Path, /) -> str:
        """The URL of a new, migrated database."""

    def aside(self, folder: Path, /) -> str:
        """The URL of a second one."""

    def judged(self, folder: Path, /, *, aside: bool = False) -> Path | str:
        """How the checker reads it, or the second one."""

    def drop(self) -> None:
        """Both are judged for the last time, and nobody uses them any more."""


class Lite:
    """SQLite: a file in the folder of its ledger."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._template = folder / "template.db"
        migrate(f"sqlite:///{self._template}")

    def fresh(self, folder: Path) -> str:
        shutil.copy(self._template, folder / "ciconia.db")
        return f"sqlite:///{folder / 'ciconia.db'}"

    def aside(self, folder: Path) -> str:
        (folder / "aside").mkdir()
        return self.fresh(folder / "aside")

    def judged(self, folder: Path, *, aside: bool = False) -> Path:
        return (folder / "aside" if aside else folder) / "ciconia.db"

    def drop(self) -> None:
        """They end with their folder."""


class Post:
    """PostgreSQL: a database of a server that may be killed."""

    name = "postgresql"

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.folder = folder
        self.server = server
        template = server.fresh()
        migrate(template)
        self._template = make_url(template).database or ""
        self.database = self._aside = ""

    def fresh(self, _folder: Path) -> str:
        url = self.server.fresh(self._template)
        self.database = make_url(url).database or ""
        return url

    def aside(self, _folder: Path) -> str:
        url = self.server.fresh(self._template)
        self._aside = make_url(url).database or ""
        return url

    def judged(self, _folder: Path, *, aside: bool = False) -> str:
        self.await_answer()
        return self.server.conninfo(self._aside if aside else self.database)

    def drop(self) -> None:
        # A server that was killed makes each file of each database durable before it answers again
        for name in (self.database, self._aside):
            if name:
                self.await_answer()
                self.server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        self.database = self._aside = ""

    def await_answer(self) -> None:
        """Until the server answers: one of whose processes somebody killed recovers first."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.server.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < end, "PostgreSQL does not recover"
                time.sleep(0.05)
            else:
                return

    def backends(self) -> list[int]:
        """The processes that serve connections to the database."""
        rows = self.server.execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{self.database}'")  # noqa: S608  our name
        return [int(str(pid)) for (pid,) in rows]
