"""The servers on a stage: web applications in threads of this process, and nodes in processes of their own."""

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from starlette.types import ASGIApp

from idp.server.http import Server
from idp.store.engine import database_file, disposed, is_postgres, open_engine, reading, url_of_file, writing
from policies.errors import Misconfigured, Problem

# The database of `ciconia demo --database`: a fresh SQLite file, or a schema of its own in a database of PostgreSQL.
#
# Keys are fresh on each run, and a database belongs to one installation: so each run has its own rows, which go at its end
# unless the demo is kept.

SCHEMA = "ciconia_demo_"


@contextmanager
def demo_database(url: str, *, keep: bool) -> Iterator[str]:
    """The URL for the nodes. Raises `Misconfigured` where it is no database of ours, or a file that is there already."""
    with disposed(open_engine(url)) as engine:
        if not is_postgres(engine):
            yield _fresh_file(url)
            return
        name = SCHEMA + secrets.token_hex(4)
        with reading(), writing(engine).begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        try:
            yield _within(url, name)
        finally:
            if not keep:
                with reading(), writing(engine).begin() as connection:
                    connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


def _fresh_file(url: str) -> str:
    path = database_file(url).resolve()
    if path.exists():
        fix = "name a new file: each demo has fresh keys"
        raise Misconfigured((Problem(str(path), 0, "database", "there is such a file already.", fix),))
    return url_of_file(path)


def _within(url: str, schema: str) -> str:
    """The URL with the schema as libpq's option, beside the options that it has."""
    parsed = make_url(url)
    given = parsed.query.get("options", "")
    options = " ".join(filter(None, (given if isinstance(given, str) else " ".join(given), f"-csearch_path={schema}")))
    return parsed.update_query_dict({"options": options}).render_as_string(hide_password=False)


STOPPING_SECONDS = 10


class StageServers:
    """Starts servers one after another, and ends them in the same order."""

    def __init__(self) -> None:
        self._servers: list[tuple[Server, threading.Thread]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def thread(self, name: str, app: ASGIApp, listening: socket.socket) -> None:
        """Serves an application in a thread."""
        server = Server(app, listening)
        thread = threading.Thread(target=server.run, name=name, daemon=True)
        thread.start()
        self._servers.append((server, thread))

    def process(self, folder: Path, listening: socket.socket) -> subprocess.Popen[bytes]:
        """Serves the node of a configuration folder in a process, which takes the socket over."""
        command = [sys.executable, "-m", "idp.demo.process", str(folder), str(listening.fileno())]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module, a folder of ours
            command, stdin=subprocess.PIPE, pass_fds=(listening.fileno(),), env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """Ends all."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for server, _ in self._servers:
            server.stop()
        for _, thread in self._servers:
            thread.join(STOPPING_SECONDS)
        self._servers.clear()
        self._processes.clear()
