"""Two machines' worth of processes: two configuration folders with the same keys, one database, and something in front.

Each machine runs the installed `ciconia serve`. The demo's country and city play in the test's process.
"""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
from sqlalchemy import select

from idp.audit.verify import verify_ledger
from idp.config.settings import SETTINGS_FILE, load_settings
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity, SignedIn
from idp.keys.folder import load_keys
from idp.store import tables
from idp.store.engine import open_engine, reading
from tests.idp.cli.command import CICONIA, Served, serving
from tests.idp.server.crew import until
from tests.kill.outside import BrokerOutside
from tests.ports import free_port

DECISION = "//form[.//*[@name='decided']]"
SECONDS = 60.0
SERVICES = ("fares", "parking")
CITIZENS = ("mari", "juhan")


class Machines(BrokerOutside):
    """The stage. `folders` are the machines' configurations; what is in front listens on `front`, the issuer's port."""

    def __init__(self, folder: Path, *, machines: int = 2, database: str = "") -> None:
        super().__init__(folder, fixed=False)
        self.front = int(urlsplit(self.issuer).port or 0)
        self.open()
        self.folders = [self._machine(number, database) for number in range(machines)]
        self.ports = [free_port() for _ in self.folders]
        for each, port in zip(self.folders, self.ports, strict=True):
            change(each, "listen", f"127.0.0.1:{port}")

    @classmethod
    def alone(cls, folder: Path, database: str = "") -> "Machines":
        """One machine with nothing in front of it."""
        found = cls(folder, machines=1, database=database)
        change(found.folders[0], "listen", f"127.0.0.1:{found.front}")
        return found

    def _machine(self, number: int, database: str) -> Path:
        path = self.receiving.with_name(f"machine-{number}")
        shutil.copytree(self.receiving, path, ignore=shutil.ignore_patterns("*.db*"))
        change(path, "database", database or str((self.receiving / "ciconia.db").resolve()))
        return path

    @contextmanager
    def serving(self, number: int, *options: str, before: Sequence[str] = ()) -> Iterator[Served]:
        """One machine, from the moment it listens; it is killed at the end where it has not ended."""
        command = [*before, CICONIA, "serve", "--config", str(self.folders[number]), *options]
        with serving(self.folders[number], self.folder / f"log-{number}", command) as served:
            yield served

    def log(self, number: int) -> str:
        """The log of the machine's processes."""
        return (self.folder / f"log-{number}").read_text(encoding="utf-8")

    def party(self, number: int = 0) -> RelyingPartyOfCity:
        """A relying party of the city, with a state of its own."""
        return RelyingPartyOfCity(self.city._parties[SERVICES[number % 2]].service, self.issuer)


def verified(folder: Path, *, staged: bool = False) -> int:
    """The size of the ledger, which holds; with `staged` also what waits there for the next one who serves."""
    settings = load_settings(folder)
    engine = open_engine(settings.database_url)
    try:
        keys = load_keys(settings.key_folder, settings.origin).ledger
        report = verify_ledger(engine, tenant=settings.tenant, keys=keys)
    finally:
        engine.dispose()
    assert report.holds, report.findings
    return report.size + (report.staged if staged else 0)


def lease(folder: Path) -> tuple[int, bytes]:
    """The epoch and the holder; 0 and nothing where nobody ever had the lease."""
    engine = open_engine(load_settings(folder).database_url)
    try:
        with reading(), engine.connect() as connection:
            row = connection.execute(select(tables.trees.c.epoch, tables.trees.c.holder)).first()
    finally:
        engine.dispose()
    return (0, b"") if row is None else (row.epoch, row.holder)


def children(served: Served) -> list[int]:
    """The workers' processes (and where metrics are served, the companion's)."""
    text = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text(encoding="ascii")
    return [int(number) for number in text.split()]


def change(folder: Path, key: str, value: str) -> None:
    """Set one setting of a folder, which need not stand there yet."""
    path = folder / SETTINGS_FILE
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.partition("=")[0].strip() != key]
    path.write_text("\n".join([f'{key} = "{value}"', *kept]) + "\n", encoding="utf-8")


def approved(stage: Machines, party: RelyingPartyOfCity, citizen: str) -> tuple[dict[str, str], str]:
    """A login up to its approval: what the browser brings to the relying party, and the state that it began with."""
    address, state = party.begin()
    with Browser() as browser:
        question = to_the_question(stage, browser, address, citizen)
        leaving = _shown(browser.submit(question, {"choice": "approve"}, DECISION), "the way back")
        return brought(leaving), state


def to_the_question(stage: Machines, browser: Browser, address: str, citizen: str) -> Page:
    """From the relying party's address to the question."""
    picker = _shown(browser.get(address), "the picker")
    country = browser.get(picker.link("//a[contains(@href, '/at/demo-ee')]"), origin=stage.issuer)
    posting = browser.submit(_shown(country, "the country"), {"citizen": citizen})
    return _shown(browser.submit(posting, {}), "the question")


def brought(leaving: Page) -> dict[str, str]:
    """The parameters that the browser brings to the relying party from the page that leads there."""
    return dict(parse_qsl(urlsplit(leaving.link("//main//a[contains(@href, 'code=')]")).query))


def sign_in(stage: Machines, party: RelyingPartyOfCity, citizen: str) -> SignedIn:
    """One whole login, as the relying party has verified it."""
    return party.receive(*approved(stage, party, citizen))


def _shown(page: Page, name: str) -> Page:
    if page.status != 200:
        heading = " ".join((page.tree.findtext(".//h1") or "").split())
        raise WalkError(f"{page.status} instead of {name}: {heading}")
    return page


@dataclass
class Citizens:
    """Several who sign in again and again, and do not try again where something fails."""

    stage: Machines
    number: int = 3
    done: int = 0
    failed: list[str] = field(default_factory=list)
    longest: float = 0.0
    _ending: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def flowing(self) -> Iterator["Citizens"]:
        """Until the block ends; what was begun is ended then."""
        threads = [threading.Thread(target=self._sign_in, args=(n,), daemon=True) for n in range(self.number)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ending.set()
            for thread in threads:
                thread.join(SECONDS)

    def await_more(self, count: int) -> None:
        """Until so many more logins were done."""
        wanted = self.done + count
        until(lambda: self.done >= wanted or bool(self.failed), SECONDS)

    def _sign_in(self, number: int) -> None:
        party = self.stage.party(number)
        while not self._ending.is_set():
            begun = time.monotonic()
            try:
                sign_in(self.stage, party, CITIZENS[number % 2])
            except (WalkError, AnswerRefusedError, httpx2.HTTPError) as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            else:
                self.done += 1
                self.longest = max(self.longest, time.monotonic() - begun)
        party.close()


class Turns:
    """Listens on one port and gives each connection, with the one request that it takes, to the next of `ports`."""

    def __init__(self, port: int, ports: Sequence[int]) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        self._ports = ports
        self.given: list[int] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(SECONDS)

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, ExitStack() as stack:
                request = _whole(client)
                if not request:
                    continue
                port = self._ports[len(self.given) % len(self._ports)]
                self.given.append(port)
                server = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
                head, _, body = request.partition(b"\r\n\r\n")
                lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                server.sendall(b"\r\n".join([*lines, b"connection: close", b"", b""]) + body)
                while octets := server.recv(65536):
                    client.sendall(octets)


def _whole(client: socket.socket) -> bytes:
    """One request: its head, and as much body as it says."""
    client.settimeout(SECONDS)
    found = b""
    while b"\r\n\r\n" not in found:
        octets = client.recv(65536)
        if not octets:
            return b""
        found += octets
    head, _, body = found.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def turns(port: int, ports: Sequence[int]) -> Iterator[Turns]:
    found = Turns(port, ports)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def fronting(command: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A proxy's program in the foreground, from the moment it listens."""
    with log.open("ab") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told)

    def listens() -> bool:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    try:
        until(listens)
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS)
