"""The stage across the border with nodes that can be killed many times a minute, and what their two ledgers must say.

Nothing is common to the two ledgers. What ties a login's records is known to the test's own browser alone: the nonce of the
relying party, which the receiving ledger has, and the ID of the node's request, which the sending ledger has.
"""

import json
import os
import signal
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from idp.audit.verify import verify_ledger
from idp.config.settings import load_settings
from idp.demo.border import LANDS, Border, Land
from idp.keys.folder import load_keys
from idp.ledger.leaf import open_opening
from idp.ledger.record_contents import RELEASE
from idp.store import tables
from idp.store.engine import database_file, open_engine
from tests.kill.checker import check
from tests.kill.evidence import Evidence
from tests.kill.forks import Forks
from tests.kill.stream import Acknowledged

NODES = ("broker", "node-ee")


class ForkedBorder(Border):
    """Each node is a fork of a runner, so that a new one listens within a moment of a kill. Names are those of `Border`.

    The sockets are ours: whoever connects to a dead node waits for the next one. `hasty` names the nodes whose next process
    says that it has committed what it commits a little later.
    """

    def __init__(self, folder: Path, *, lands: Sequence[Land] = LANDS) -> None:
        super().__init__(folder, fixed=False, lands=lands)
        self.hasty: set[str] = set()
        self._runners: dict[tuple[str, bool], Forks] = {}
        self._playing_now: dict[str, tuple[Forks, int]] = {}

    def play(self, name: str) -> None:
        key = (name, name in self.hasty)
        if key not in self._runners:
            descriptor = self._sockets[name].fileno()
            options = [f"socket={descriptor}", *(["hasty"] if key[1] else [])]
            self._runners[key] = Forks(self._folder(name), self.log(name), *options, sockets=(descriptor,))
        runner = self._runners[key]
        self._playing_now[name] = (runner, runner.begin())

    def kill(self, name: str) -> None:
        """SIGKILL; the node is gone when this returns."""
        runner, process = self._playing_now.pop(name)
        os.kill(process, signal.SIGKILL)
        runner.await_end()

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def close(self) -> None:
        for name in list(self._playing_now):
            self.kill(name)
        for runner in self._runners.values():
            runner.close()
        super().close()


@dataclass(frozen=True)
class Crossed:
    """A login whose approval was acknowledged: `message` is the ID of the receiving node's request."""

    approval: Acknowledged
    message: str


class SendingLedger:
    """Reads the ledger of one sending node's folder, with its keys."""

    def __init__(self, folder: Path) -> None:
        settings = load_settings(folder)
        self._tenant = settings.tenant
        self._keys = load_keys(settings.key_folder, settings.origin).ledger
        self._engine = open_engine(settings.database_url)
        self._database = database_file(settings.database_url)
        self._opened: dict[bytes, tuple[str, str]] = {}

    def close(self) -> None:
        self._engine.dispose()

    def releases(self) -> dict[str, list[str]]:
        """The records (ids in hex) of each message that was answered with an assertion. An approval of metadata is none."""
        table = tables.records.c
        with self._engine.connect() as connection:
            rows = connection.execute(select(table.record, table.time, table.decision_opening)).all()
        found: dict[str, list[str]] = {}
        for record, seconds, sealed in rows:
            if record not in self._opened:
                key = self._keys.period_key(self._tenant, seconds)
                content = json.loads(open_opening(key, self._tenant, record, "decision", sealed).content)
                self._opened[record] = (content["kind"], content.get("message", ""))
            kind, message = self._opened[record]
            if kind == RELEASE:
                found.setdefault(message, []).append(record.hex())
        return found

    def findings(self) -> list[str]:
        report = verify_ledger(self._engine, tenant=self._tenant, keys=self._keys)
        return [f"the sending ledger: {finding}" for finding in report.findings]

    def checked(self, messages: Collection[str]) -> list[str]:
        return check(self._database, [records[0] for message, records in self.releases().items() if message in messages])


class Pair:
    def __init__(self, border: Border) -> None:
        self.receiving = Evidence(border.receiving)
        self.sending = [SendingLedger(folder) for folder in border.sending.values()]

    def close(self) -> None:
        self.receiving.close()
        for ledger in self.sending:
            ledger.close()

    def sent(self) -> dict[str, list[str]]:
        """The releases of both countries' nodes: records of each message."""
        return {message: records for ledger in self.sending for message, records in ledger.releases().items()}

    def faults(self, crossed: Sequence[Crossed], *, under_way: int) -> list[str]:
        """The faults. `under_way` logins may have passed the sending node and not the receiving one."""
        # In this order: what is in the receiving ledger must be in the sending one by then, while the stream flows
        before = self.sent()
        received = self.receiving.releases()
        sent = self.sent()
        found = [f"doubled: {len(records)} releases of one message" for records in sent.values() if len(records) > 1]
        found += [f"missing: no sending record of {one.message}" for one in crossed if one.message not in sent]
        if (many := Counter(one.message for one in crossed).most_common(1)) and many[0][1] > 1:
            found.append("two approvals of one message")
        if len(received) > len(sent):
            found.append(f"{len(received)} logins were released to the city, and {len(sent)} came from the sending node")
        ahead = len(before) - len(received)
        if ahead > under_way:
            found.append(f"{ahead} logins stand in the sending ledger alone, and {under_way} are under way")
        messages = {one.message for one in crossed}
        found += [fault for ledger in self.sending for fault in ledger.checked(messages)]
        found += [fault for ledger in self.sending for fault in ledger.findings()]
        return found + self.receiving.faults([one.approval for one in crossed])
