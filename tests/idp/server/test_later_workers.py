"""A worker that comes later and cannot begin: what is said of it, and to whom."""

import os
import signal
from pathlib import Path

import pytest

from idp.server.workers.worker import CONFIGURATION_BROKEN, DATABASE_AWAY
from tests.idp.server.crew import Crew, crew, until


def ready(served: Crew) -> str:
    """How many workers answer, as the board says it; "" where the companion just writes it."""
    return (served.folder / "ready").read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("word", "event", "code", "draining"),
    [
        ("unfit", "worker_misconfigured", CONFIGURATION_BROKEN, True),
        ("away", "worker_without_database", DATABASE_AWAY, False),
    ],
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
