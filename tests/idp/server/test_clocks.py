"""A clock that jumps an hour, forward and back, under a running `ciconia serve` (libfaketime from Debian)."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from idp.demo.browser import WalkError
from idp.demo.relying_party import AnswerRefusedError
from tests.idp.server.crew import until
from tests.idp.server.machines import Machines, approved, sign_in, verified
from tests.peers import require_peer
from tests.postgres import server

pytestmark = pytest.mark.peer
LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


class Watch:
    """The clock of the processes: an offset in a file that libfaketime reads at each look."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self.put("+0")

    def put(self, offset: str) -> None:
        # At once: a process that finds the file empty ends
        whole = self._file.with_suffix(".new")
        whole.write_text(offset, encoding="ascii")
        whole.replace(self._file)

    @property
    def before(self) -> list[str]:
        """What stands before a command that goes by it. The monotonic clock stays right, as the kernel's does."""
        return [
            "env",
            f"LD_PRELOAD={LIBRARY}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Machines]:
    found = Machines.alone(tmp_path / "stage")
    yield found
    found.close()


@contextmanager
def served(stage: Machines, clock: Watch) -> Iterator[None]:
    with stage.serving(0, "--workers", "2", before=clock.before):
        yield


def outcome(stage: Machines) -> str:
    """How a login ends: "" where it succeeds, else the page or the relying party's word."""
    party = stage.party()
    try:
        sign_in(stage, party, "mari")
    except (WalkError, AnswerRefusedError, httpx2.HTTPError) as error:
        return str(error)
    else:
        return ""
    finally:
        party.close()


@pytest.mark.spec("security.md §3 clock skew")
def test_a_clock_that_jumps_loses_nothing_doubles_nothing_and_goes_back_in_no_checkpoint(
    stage: Machines, tmp_path: Path
) -> None:
    require_peer("libfaketime", present=LIBRARY.exists())
    clock, party = Watch(tmp_path), stage.party()
    with served(stage, clock):
        pending_code, state = approved(stage, party, "mari")
        pending = party._pending[state]
        assert party.receive(pending_code, state).userinfo["sub"]
        seen: dict[str, str] = {}
        for offset in ("+3600", "+0", "-3600", "+0"):
            clock.put(offset)
            time.sleep(1.5)  # a step of the sequencer, and a purge
            seen[offset] = outcome(stage)
            if offset != "+0":
                assert seen[offset] == "" or "Traceback" not in seen[offset]
                assert not seen[offset].startswith("500"), seen
            else:
                assert seen[offset] == ""
                # The mark of a code that was redeemed is there, although its end lay an hour behind
                with pytest.raises(AnswerRefusedError):
                    party._redeem(pending_code["code"], pending)
        done = 1 + sum(not each for each in seen.values())
        party.close()
        print(seen)
        assert "Traceback" not in stage.log(0)
    # Neither lost nor doubled, as far as the ledger says; what was refused has a leaf too
    assert verified(stage.folders[0], staged=True) >= done
    with closing(sqlite3.connect(stage.receiving / "ciconia.db")) as connection:
        times = [row[0] for row in connection.execute("SELECT time FROM checkpoints ORDER BY number")]
    assert times == sorted(times)


@pytest.mark.slow
def test_a_machine_whose_clock_is_not_the_databases_is_not_ready_until_it_is_set(tmp_path: Path) -> None:
    require_peer("libfaketime", present=LIBRARY.exists())
    clock, stage = Watch(tmp_path), Machines.alone(tmp_path / "stage", database=server().fresh())

    def health() -> int:
        return httpx2.get(f"http://127.0.0.1:{stage.front}/healthz", headers={"Host": "127.0.0.1"}, timeout=60).status_code

    try:
        clock.put("+3600")
        with stage.serving(0, before=clock.before):
            assert health() == 503
            # Some may pass between the two clocks
            assert len(re.findall(r" (?:3600|35[5-9]\d) seconds ahead of the database's", stage.log(0))) == 1
            clock.put("+0")
            until(lambda: health() == 204)
            assert outcome(stage) == ""
            clock.put("+3600")
            until(lambda: health() == 503)
    finally:
        stage.close()


@pytest.mark.slow
@pytest.mark.parametrize("offset", ["+3600", "-3600"])
def test_the_lease_moves_from_a_machine_whose_clock_is_an_hour_off(stage: Machines, tmp_path: Path, offset: str) -> None:
    require_peer("libfaketime", present=LIBRARY.exists())
    clock = Watch(tmp_path)
    with stage.serving(0, before=clock.before) as first:
        until(lambda: epoch(stage) == 1)
        # Read before the clock moves: it is renewed at any time after. The clock does not move before the process runs: an
        # hour ago its certificates, which this test has just made, held not yet
        ends = lease_ends(stage)
        clock.put(offset)
        until(lambda: abs(lease_ends(stage) - ends - int(offset) * 1000) < 60_000)
        first.process.kill()
    with stage.serving(0):
        begun = time.monotonic()
        until(lambda: epoch(stage) == 2)
        moved = time.monotonic() - begun
        assert outcome(stage) == ""
        until(lambda: verified(stage.folders[0]) == 1)
    print(f"the lease moved {moved:.1f} s after the next one listened, from a holder at {offset} s")


def epoch(stage: Machines) -> int:
    return tree(stage)[0]


def lease_ends(stage: Machines) -> int:
    """When the lease ends (milliseconds since the epoch), as its holder's clock has it."""
    return tree(stage)[1]


def tree(stage: Machines) -> tuple[int, int]:
    with closing(sqlite3.connect(f"file:{stage.receiving / 'ciconia.db'}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute("SELECT epoch, lease_ends FROM trees").fetchone()
        except sqlite3.OperationalError:
            row = None
    return (0, 0) if row is None else (int(row[0]), int(row[1]))
