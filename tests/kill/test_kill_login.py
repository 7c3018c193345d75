"""kill -9 at random moments under a stream of approvals, over HTTP: nothing acknowledged is missing, nothing is doubled."""

import random
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.idp.cli.command import serving
from tests.kill.evidence import Evidence
from tests.kill.forks import Forks
from tests.kill.outside import BrokerOutside
from tests.kill.stream import Stream

DRIVERS = 3
# A round of `slow` takes about a second on two cores; where it takes longer, as many run as fit in the time
ROUNDS, SECONDS = 200, 240.0
# Long enough for an approval of a process that has just begun, on cores that others use too
SHORTEST, LONGEST = 0.02, 1.2


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[BrokerOutside]:
    stage = BrokerOutside(tmp_path / "stage", fixed=False)
    stage.open()
    yield stage
    stage.close()


@pytest.fixture
def evidence(stage: BrokerOutside) -> Iterator[Evidence]:
    evidence = Evidence(stage.receiving)
    yield evidence
    evidence.close()


@pytest.fixture
def chance() -> random.Random:
    """The moments of this run. The seed stands in the report of a failure."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)  # noqa: S311 - moments to kill at, no secret


def test_three_kills_lose_and_double_nothing(
    stage: BrokerOutside, evidence: Evidence, chance: random.Random, tmp_path: Path
) -> None:
    forks = Forks(stage.receiving, tmp_path / "log of forks")
    with Stream(stage, DRIVERS).flowing() as stream:
        with serving(stage.receiving, tmp_path / "log") as served:
            stream.await_more(3)
            time.sleep(chance.uniform(SHORTEST, LONGEST))
            served.process.kill()
        for _ in range(2):
            killed_round(forks, stream, chance)
            assert evidence.faults(list(stream.acknowledged)) == []
        with forks.once() as kill:
            # Whoever pressed approve as it died presses again, and is answered
            stream.await_more(DRIVERS)
            assert evidence.faults(list(stream.acknowledged)) == []
            kill()
    forks.close()
    assert stream.wrong == []


def test_the_control_that_acknowledges_before_the_commit_is_caught(
    stage: BrokerOutside, evidence: Evidence, chance: random.Random, tmp_path: Path
) -> None:
    forks = Forks(stage.receiving, tmp_path / "log", "hasty")
    found: list[str] = []
    with Stream(stage, DRIVERS).flowing() as stream:
        for _ in range(10):
            killed_round(forks, stream, chance)
            found = evidence.faults(list(stream.acknowledged))
            if found:
                break
    forks.close()
    assert "missing: an acknowledged release has no record" in found
    # It loses what it acknowledged; what it wrote is as sound as ever
    assert not [fault for fault in found if fault.startswith("the ledger")]


@pytest.mark.slow
def test_two_hundred_kills_lose_and_double_nothing(
    stage: BrokerOutside, evidence: Evidence, chance: random.Random, tmp_path: Path
) -> None:
    forks = Forks(stage.receiving, tmp_path / "log")
    begun, rounds = time.monotonic(), 0
    with Stream(stage, DRIVERS).flowing() as stream:
        while rounds < ROUNDS and time.monotonic() - begun < SECONDS:
            rounds += 1
            with forks.once() as kill:
                # After the restart, and while it serves
                assert evidence.faults(list(stream.acknowledged), thorough=rounds % 20 == 0) == []
                time.sleep(chance.uniform(SHORTEST, LONGEST))
                kill()
        with forks.once() as kill:
            stream.await_more(DRIVERS)
            assert evidence.faults(list(stream.acknowledged)) == []
            size = evidence.size()
            kill()
    forks.close()
    seconds = time.monotonic() - begun
    print(
        f"{rounds} kills in {seconds:.0f} s, {len(stream.acknowledged)} approvals acknowledged, "
        f"{stream.again} of them at a second try, {size} leaves in their place"
    )
    assert stream.wrong == []
    assert stream.again > 0
    assert len(stream.acknowledged) > rounds
    assert size > rounds // 2
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")


def killed_round(forks: Forks, stream: Stream, chance: random.Random) -> None:
    """One broker that lives until some approvals were acknowledged, and a moment longer."""
    with forks.once() as kill:
        stream.await_more(3)
        time.sleep(chance.uniform(SHORTEST, LONGEST))
        kill()
