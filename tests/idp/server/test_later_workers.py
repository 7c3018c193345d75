"""A worker that comes later and cannot begin, and one that leaves: what is said of them, and to whom."""

import os
import signal
import time
from pathlib import Path

import pytest

from idp.server.workers.worker import CONFIGURATION_BROKEN, DATABASE_AWAY
from tests.idp.server.crew import Crew, crew, until


def ready(served: Crew) -> str:
    """How many workers answer, as the board says it; "" where the companion just writes it."""
    return (served.folder / "ready").read_text(encoding="ascii")


@pytest.mark.parametrize("draining", [False, True])
@pytest.mark.parametrize(
    ("word", "event", "code"),
    [("unfit", "worker_misconfigured", CONFIGURATION_BROKEN), ("away", "worker_without_database", DATABASE_AWAY)],
)
def test_why_a_later_worker_does_not_begin_is_said_in_the_log_alone(
    tmp_path: Path, word: str, event: str, code: int, *, draining: bool
) -> None:
    """Whoever started the server has had the first line and gone, and is gone still while the whole ends."""
    with crew(tmp_path / "crew", workers=1, drain=60) as served:
        (victim,) = served.processes
        (served.folder / "later").write_text(word, encoding="utf-8")
        if draining:
            served.supervisor.send_signal(signal.SIGTERM)
            until(lambda: ready(served) == "0")
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(served.events("worker_died")) >= 2)
        assert served.events(event)[0]["worker"] == 1
        assert [line["code"] for line in served.events("worker_died")][:2] == [-signal.SIGKILL, code]
        # The cause is away, and so is the fault
        (served.folder / "later").unlink()
        assert served.ask().word == "one"
        assert served.end(signal.SIGINT) == 0
    assert [line for line in served.lines if not line.startswith(("{", "stopped"))] == []


def test_a_worker_that_leaves_is_ready_no_more_however_long_it_takes(tmp_path: Path) -> None:
    """Else the new ones would leave connections to it, and who watches would count it."""
    with crew(tmp_path / "crew") as served:
        before = served.processes
        connection = served.connect()
        process = served.ask(over=connection).process
        served.say("two")
        until(lambda: bool(served.events("reloaded")))
        until(lambda: ready(served) == "2")
        seen, until_then = set[str](), time.monotonic() + 1.2  # some beats of it
        while time.monotonic() < until_then:
            seen.add(ready(served))
            time.sleep(0.01)
        assert process in served.processes & before, "it is still there, for its connection"
        assert seen - {""} == {"2"}
        connection.close()
