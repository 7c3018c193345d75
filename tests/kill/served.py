"""Rounds over HTTP: `ciconia serve --workers 2` under real logins; workers and supervisor are killed, and it is judged.

The drivers write to a journal what they were told, as those of `tests.kill.drivers` do, with one word more:

    approved NONCE LOGIN CODE  an approval was answered with a code (digests of login and code; the relying party's nonce)

A nonce is tied to its record by what the ledger seals for us (`tests.kill.evidence`): so the same checker judges.
"""

import base64
import hashlib
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

from connectors.signatures.jws import from_base64url
from idp.config.settings import load_settings
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity
from idp.keys.folder import load_keys
from idp.store.store import open_store
from idp.store.switches.switch import PARTY
from idp.store.switches.switchboard import Switchboard
from tests.idp.cli.command import Served
from tests.idp.server.machines import SERVICES, Machines, change
from tests.kill.bases import PATIENCE, Base, Post
from tests.kill.checker import judge
from tests.kill.evidence import Evidence
from tests.kill.journal import Line, Pen, read_journal
from tests.kill.report import Report
from tests.kill.stream import CITIZENS, Stream

DRIVERS = 3
SHORTEST, LONGEST = 0.02, 0.4
OFF_SECONDS = 1.5


class Sessions(Stream):
    """Citizens who sign in, and parties that redeem; whoever gets no answer tries again, or begins anew."""

    stage: Machines

    def __init__(self, stage: Machines, pen: Pen) -> None:
        super().__init__(stage, DRIVERS)
        self._pen = pen
        self.off: set[str] = set()
        self.tokens = 0

    def await_more(self, count: int) -> None:
        wanted, end = len(self.acknowledged) + count, time.monotonic() + PATIENCE
        while len(self.acknowledged) < wanted and not self.wrong:
            if time.monotonic() > end:
                self.wrong.append("approvals came to a standstill")
            time.sleep(0.02)

    def _drive(self, number: int) -> None:
        name = SERVICES[number % 2]
        party = self.stage.party(number)
        while self._await_broker():
            if self.off:
                time.sleep(0.05)  # nobody signs in where the city closed the door; who has a code tries
            with Browser() as browser, suppress(httpx2.HTTPError, WalkError, AnswerRefusedError, IndexError):
                address, state = party.begin()
                question = self._question(browser, address, CITIZENS[number % 2])
                self._ask(browser, question, party, state, name)
        party.close()

    def _ask(self, browser: Browser, question: Page, party: RelyingPartyOfCity, state: str, name: str) -> None:
        nonce = party._pending[state].nonce
        before, wrong = len(self.acknowledged), len(self.wrong)
        off = bool(self.off)
        self._approve(browser, question, nonce)
        if (off or self.off) and len(self.wrong) > wrong:
            del self.wrong[wrong:]  # suspended, as it should be
        mine = [one for one in self.acknowledged[before:] if one.nonce == nonce]
        for one in mine:
            login, code = _digest(one.login.encode()), _digest(from_base64url(one.code))
            self._pen("approved", nonce, login, code)
            asked = f"{time.time():.6f}"
            party.receive({"code": one.code, "state": state, "iss": self.stage.issuer}, state)
            self._pen("token", code, asked, PARTY, name)
            self.tokens += 1


class ServedRounds:
    """Runs rounds of one broker over one kind of database. It is set up at the first of them."""

    def __init__(self, base: Base, chance: random.Random, report: Report) -> None:
        self._base, self._chance, self._report = base, chance, report
        self._stack = ExitStack()
        self._stage: Machines | None = None
        self._database = ""
        self._served: Served | None = None
        self._serving = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._serving.close()
        self._stack.close()

    def round(self, number: int) -> None:
        """One round, judged: a worker dies, or both, or the supervisor; whatever was acknowledged is there."""
        self._report.rounds += 1
        self._report.kinds.append("served")
        stage = self._stage or self._set_up()
        served = self._served or self._serve(stage)
        pen = Pen(stage.folder)
        sessions = Sessions(stage, pen)
        begun = time.monotonic()
        with sessions.flowing():
            sessions.await_more(2)
            if number % 2:
                self._switch(stage, sessions, pen)
            time.sleep(self._chance.uniform(SHORTEST, LONGEST))
            self._kill(served)
            if self._served is None:
                self._serve(stage)
            sessions.await_more(2)
        self._report.took["served"] += time.monotonic() - begun
        self._report.acknowledged += len(sessions.acknowledged)
        self._report.tokens += sessions.tokens
        self._show(stage, pen)
        self._judge(number, stage, sessions)

    def _set_up(self) -> Machines:
        database = ""
        if isinstance(self._base, Post):
            keep = self._base.database
            database = self._base.fresh(Path())
            self._database, self._base.database = self._base.database, keep
        stage = Machines.alone(self._base.folder / "stage")
        if database:
            change(stage.folders[0], "database", database)
        self._stack.callback(stage.close)
        self._stage = stage
        return stage

    def _serve(self, stage: Machines) -> Served:
        self._served = self._serving.enter_context(stage.serving(0, "--workers", "2"))
        return self._served

    def _kill(self, served: Served) -> None:
        """A worker, both, or the supervisor, whose workers follow it."""
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text(encoding="ascii")
        workers = [int(number) for number in children.split()]
        what = self._chance.choice(("worker", "workers", "supervisor"))
        if what == "supervisor":
            served.process.kill()
            served.process.wait()
            self._serving.close()
            self._served = None
            self._report.killed += 1 + len(workers)
            return
        for process in workers if what == "workers" else [self._chance.choice(workers)]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            self._report.killed += 1

    def _switch(self, stage: Machines, sessions: Sessions, pen: Pen) -> None:
        """An operator switches both parties off, and on again."""
        settings = load_settings(stage.folders[0])
        keys = load_keys(settings.key_folder, settings.origin).ledger
        store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
        board = Switchboard(engine=store.engine, tenant=settings.tenant, keys=keys, commits=store)
        sessions.off = set(SERVICES)
        for name in SERVICES:
            board.set_switch(PARTY, name, off=True, reason="a test", now=int(time.time()))
            pen("off", PARTY, name)
            self._report.switched += 1
        time.sleep(OFF_SECONDS)
        for name in SERVICES:
            pen("on", PARTY, name)
            board.set_switch(PARTY, name, off=False, reason="a test", now=int(time.time()))
        store.close()
        # Who began while it was off is told so a little later
        time.sleep(OFF_SECONDS)
        sessions.off = set()

    def _show(self, stage: Machines, pen: Pen) -> None:
        """The checkpoint as the public sees it."""
        with suppress(httpx2.HTTPError):
            shown = httpx2.get(
                f"http://127.0.0.1:{stage.front}/log/checkpoint", headers={"Host": urlsplit(stage.issuer).netloc}
            )
            if shown.status_code == httpx2.codes.OK:
                pen("checkpoint", base64.b64encode(shown.content).decode())
                self._report.checkpoints += 1

    def _judge(self, number: int, stage: Machines, sessions: Sessions) -> None:
        evidence = Evidence(stage.folders[0])
        # Their codes were redeemed: the checker judges that
        ours = [replace(one, at=0) for one in sessions.acknowledged]
        found = [*sessions.wrong, *evidence.faults(ours, thorough=False)]
        lines = list(translated(list(read_journal(stage.folder)), evidence.records()))
        evidence.close()
        database: Path | str = stage.receiving / "ciconia.db"
        if isinstance(self._base, Post):
            database = self._base.server.conninfo(self._database)
        found += judge(database, lines, whole=False)
        said = stage.log(0)
        found += ["a traceback in the broker's log"] if "Traceback" in said else []
        found += [line for line in said.splitlines() if '"critical"' in line]
        self._report.faults += [f"round {number}, served: {fault}" for fault in found]


def translated(lines: list[Line], releases: dict[str, list[bytes]]) -> Iterator[Line]:
    """The journal with a record for each nonce."""
    for line in lines:
        if line.word != "approved":
            yield line
            continue
        nonce, login, code = line.parts
        records = [record.hex() for record in releases.get(nonce, [])] or [_digest(nonce.encode()).hex()[:32]]
        for record in records:
            yield Line(line.at, "try", (record, login, code))
        yield Line(line.at, "ack", (records[0],))


def _digest(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()
