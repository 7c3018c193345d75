"""kill -9 at random moments under a stream of units: what the store acknowledged is there, once, and it verifies."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from idp.store.migrate import migrate
from idp.transparency.sequencer import Sequencer
from idp.transparency.verify import verify_ledger
from tests.idp.store.units import KEYS, TENANT, opened
from tests.kill.checker import check, halves

ROOT = Path(__file__).parents[2]
ROUNDS = 200
# A ledger is killed so often before the next one begins: verifying it again and again takes longer as it grows
A_LEDGER = 20
LONGEST = 0.2


class Rounds:
    """The forking process of `tests.kill.child`."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "tests.kill.child", *options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def kill(self, folder: Path, *, early: bool = False) -> None:
        """One round: run on the folder's database, kill -9 at a random moment, wait for the end.

        The moment lies after the round's first acknowledgement; `early` ones lie anywhere from the start on.
        """
        before = len(acknowledged(folder))
        assert self._process.stdin is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        word, _, number = self._line().partition(" ")
        assert word == "running"
        for _ in range(0 if early else 2000):
            if len(acknowledged(folder)) > before:
                break
            time.sleep(0.002)
        time.sleep(random.uniform(0, LONGEST))  # noqa: S311  a moment, no secret
        os.kill(int(number), signal.SIGKILL)
        assert self._line() == "ended"

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(20)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def rounds(*options: str) -> Iterator[Rounds]:
    with closing(Rounds(*options)) as found:
        yield found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "ciconia.db"
    migrate(f"sqlite:///{path}")
    return path


def fresh(parent: Path, empty: Path, number: int) -> Path:
    folder = parent / str(number)
    folder.mkdir()
    shutil.copy(empty, folder / "ciconia.db")
    return folder


def acknowledged(folder: Path) -> list[str]:
    journal = folder / "journal"
    return journal.read_text(encoding="ascii").split() if journal.exists() else []


def problems(folder: Path) -> list[str]:
    """What both judges say: the independent one, and the product's own check."""
    database = folder / "ciconia.db"
    found = check(database, acknowledged(folder)) + halves(database)
    store = opened(folder)
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    store.close()
    return found + [str(finding) for finding in report.findings]


def goes_on(folder: Path) -> None:
    """After the last kill the next process takes over where the last one stopped: every record gets its place, signed."""
    store = opened(folder)
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=0.05)
    for _ in range(400):
        if sequencer.step():
            break
        threading.Event().wait(0.005)
    checkpoint = store.checkpoint(TENANT)
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    sequencer.stop()
    store.close()
    assert report.holds
    assert report.staged == 0
    assert checkpoint is not None
    assert checkpoint.size == report.size == report.records >= len(acknowledged(folder))


def killed(parent: Path, empty: Path, count: int) -> int:
    """Run so many rounds; how many records were acknowledged."""
    total, folder = 0, parent
    with rounds() as process:
        for number in range(count):
            if number % A_LEDGER == 0:
                folder = fresh(parent, empty, number)
            process.kill(folder, early=number % 5 == 4)
            assert problems(folder) == [], f"round {number}"
            if number % A_LEDGER == A_LEDGER - 1 or number == count - 1:
                goes_on(folder)
                total += len(acknowledged(folder))
    return total


@pytest.mark.spec("security.md §3 I1, I4, I6, I7")
def test_a_few_kills_lose_and_double_nothing(tmp_path: Path, empty: Path) -> None:
    assert killed(tmp_path, empty, 6) > 0


@pytest.mark.slow
@pytest.mark.spec("security.md §3 I1, I4, I6, I7")
def test_two_hundred_kills_lose_and_double_nothing(tmp_path: Path, empty: Path) -> None:
    total = killed(tmp_path, empty, ROUNDS)
    print(f"{ROUNDS} kills, {total} acknowledged records, none missing, none doubled")
    assert total > ROUNDS


@pytest.mark.spec("security.md §3 I1")
def test_a_build_that_acknowledges_before_the_commit_is_caught(tmp_path: Path, empty: Path) -> None:
    """The control: the same rounds, the same checker, and a writer that is too fast."""
    found: list[str] = []
    with rounds("eager") as process:
        for number in range(40):
            folder = fresh(tmp_path, empty, number)
            process.kill(folder)
            found = [problem for problem in check(folder / "ciconia.db", acknowledged(folder)) if "missing" in problem]
            if found:
                break
    assert found
