"""The turn of a year under a running `ciconia serve` of two workers, which are killed in it (libfaketime from Debian)."""

import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from idp.config.settings import load_settings
from idp.keys.folder import load_keys
from idp.ledger.checkpoint import TreeHead, open_cosigned_note
from idp.ports import Unit
from idp.store.engine import reading
from idp.store.records.years import final_checkpoint, year_records
from idp.store.store import open_store
from policies.errors import StoreUnavailable
from tests.idp.server.crew import until
from tests.idp.server.machines import Machines, children, verified
from tests.idp.server.test_clocks import LIBRARY, Watch
from tests.idp.store.units import refusal
from tests.peers import require_peer

pytestmark = pytest.mark.peer
BEFORE, SECONDS, KILLS = 8, 60.0, 6


@pytest.mark.spec("issue 31 item 4")
def test_a_year_ends_once_whoever_dies_in_its_turn(tmp_path: Path) -> None:
    require_peer("libfaketime", present=LIBRARY.exists())
    stage, watch = Machines.alone(tmp_path / "stage"), Watch(tmp_path)
    settings, year = load_settings(stage.folders[0]), datetime.now(UTC).year
    turn = datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()
    url = f"http://127.0.0.1:{stage.front}/log/years/{year}"
    keys = load_keys(settings.key_folder, settings.origin).ledger
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    ending, chance = threading.Event(), random.Random(7)  # noqa: S311 - which worker, no secret

    def recording() -> None:
        """A record each tenth of a second, as of a person who refuses."""
        while not ending.wait(0.1):
            with suppress(StoreUnavailable):
                store.commit(Unit(tenant=settings.tenant, record=refusal(int(turn))))

    def answer() -> httpx2.Response:
        return httpx2.get(url, headers={"Host": urlsplit(stage.issuer).netloc}, timeout=SECONDS)

    watch.put(f"{turn - 3600 - time.time():+.0f}")
    writing = threading.Thread(target=recording)
    try:
        with stage.serving(0, "--workers", "2", before=watch.before) as served:
            writing.start()
            until(lambda: _checkpoints(stage) > 0, SECONDS)
            assert answer().status_code == httpx2.codes.NOT_FOUND, "it has not ended"
            # From now on the processes' clock is so many seconds before the turn
            began = time.time() + BEFORE
            watch.put(f"+{turn - began:.0f}")
            until(lambda: time.time() >= began - 1, SECONDS)
            for _ in range(KILLS):
                with suppress(ProcessLookupError, IndexError):
                    os.kill(chance.choice(children(served)), signal.SIGKILL)
                time.sleep(chance.uniform(0.3, 1.5))
            until(lambda: answer().status_code == httpx2.codes.OK, SECONDS)
            shown = answer().text
            until(
                lambda: store.leaf_of(settings.tenant, year_records(settings.tenant, keys).record(year)) is not None,
                SECONDS,
            )
            # A clock that goes back over the turn changes nothing
            watch.put(f"+{turn - time.time() - BEFORE:.0f}")
            time.sleep(2)
            assert answer().text == shown
            watch.put(f"+{turn - began:.0f}")
            ending.set()
            writing.join()
    finally:
        ending.set()
        writing.join()
    with reading(), store.engine.connect() as connection:
        final = final_checkpoint(connection, settings.tenant, year)
        facts = year_records(settings.tenant, keys).read(connection, year)
    head = TreeHead.read(open_cosigned_note(shown.encode(), *keys.log.known)[1])
    assert (head.size, head.root) == (final.checkpoint.size, final.checkpoint.root)
    assert final.checkpoint.time < turn
    assert {number: said and said["about"] for number, said in facts.items()} == {year: final.about}
    assert verified(stage.folders[0], staged=True) > head.size
    store.close()
    stage.close()


def _checkpoints(stage: Machines) -> int:
    with closing(sqlite3.connect(stage.receiving / "ciconia.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0])
