"""A few rounds of `make crash`, and the controls: each fault that it is there to find is found."""

import random
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.alone import within
from tests.kill.bases import Base, Lite, Post
from tests.kill.checker import judge
from tests.kill.crash import run
from tests.kill.journal import Line, read_journal
from tests.kill.preloaded import built, require_compiler
from tests.kill.report import Report
from tests.kill.rounds import Rounds
from tests.postgres import own_server

CONTROL_ROUNDS = 60


def chance() -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)  # noqa: S311 - moments, no secret


def library(folder: Path) -> Path:
    require_compiler()
    return built(folder)


@pytest.mark.slow
@pytest.mark.spec("security.md §3 I1, I2, I3, I4, I5, I6, I7")
def test_a_few_rounds_over_sqlite_find_no_fault(tmp_path: Path) -> None:
    report = run(Lite(tmp_path), 6, chance(), library=library(tmp_path))
    assert report.faults == []
    assert report.acknowledged > 0
    assert len(report.points) > 100
    assert report.hit
    assert report.disk > 0


@pytest.mark.slow
@pytest.mark.spec("security.md §3 I1, I2, I3, I4, I5, I6, I7")
def test_a_few_rounds_over_postgresql_find_no_fault_and_it_is_back_within_ten_seconds(tmp_path: Path) -> None:
    with own_server() as server:
        report = run(Post(tmp_path, server), 6, chance(), library=None)
    assert report.faults == []
    assert report.acknowledged > 0
    assert {"postmaster", "backend"} <= set(report.kinds)
    assert 0 < report.slowest < within(10)


def caught(base: Base, control: str, kind: str, what: str, *, shim: bool = False) -> bool:
    """Whether a round finds this fault, of all that a control has."""
    report = Report()
    made = library(base.folder) if shim else None
    with Rounds(base, chance(), report, library=made, control=control) as running:
        for number in range(CONTROL_ROUNDS):
            # What an earlier round left behind may stop a control from doing wrong again
            running.fresh()
            running.round(number, kind)
            if any(what in fault for fault in report.faults):
                return True
    print(report.faults)
    return False


@pytest.mark.parametrize(
    ("control", "kind", "shim", "what"),
    [
        ("eager", "random", False, "I1 I7 missing"),
        ("loose", "random", False, "I7 a login's mark or decision without its record"),
        pytest.param("unfenced", "random", False, "I4", marks=pytest.mark.slow),
        pytest.param("deaf", "random", False, "I5 a token of what was switched off", marks=pytest.mark.slow),
        ("lie", "power", True, "I1 I7 missing"),
    ],
)
def test_a_control_is_caught(tmp_path: Path, control: str, kind: str, what: str, *, shim: bool) -> None:
    assert caught(Lite(tmp_path), control, kind, what, shim=shim)


# -- what the journal says, and the database does not


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger after one round of logins, tokens and checkpoints alone."""
    folder, report = tmp_path_factory.mktemp("judged"), Report()
    with Rounds(Lite(folder), chance(), report, library=None, control="none") as running:
        running.fresh()
        while not {"proof", "ended", "token"} <= {line.word for line in read_journal(running.folder)}:
            running.round(0, "random")
        assert report.faults == []
        return running.folder


def lines_with(change: Callable[[list[Line]], Line]) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [*lines, change(lines)]


def first(lines: list[Line], word: str) -> Line:
    return next(line for line in lines if line.word == word)


def later(lines: list[Line], of: str, word: str) -> Line:
    one = first(lines, of)
    return Line(one.at + 5, word, (one.parts[0], str(one.at + 5)))


def unrecorded() -> list[Line]:
    """A token of a record that is not there."""
    code = "ef" * 32
    return [Line(0, "try", ("ab" * 16, "cd" * 32, code)), Line(0, "token", (code, "0", "party", "city"))]


def switched_off(lines: list[Line]) -> list[Line]:
    """Somebody heard that it is off two seconds before a token was asked for."""
    one = first(lines, "token")
    return [Line(float(one.parts[1]) - 2, "off", one.parts[2:])]


def forged_proof(lines: list[Line]) -> Line:
    one = first(lines, "proof")
    return Line(one.at, "proof", ("00" * 32, *one.parts[1:]))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lines_with(lambda _: Line(0, "ack", ("00" * 16,))), "I1 I7 missing"),
        (lines_with(forged_proof), "I1 a proof that proves nothing"),
        (lines_with(lambda lines: first(lines, "token")), "I3 2 tokens of one code"),
        (lines_with(lambda lines: later(lines, "ended", "yielded")), "I5 a yielded of what was withdrawn"),
        (lambda lines: [*lines, *switched_off(lines)], "I5 a token of what was switched off"),
        (
            lambda lines: [*lines, *unrecorded()],
            "I2 a token whose record is not there",
        ),
        (
            lines_with(lambda _: Line(0, "checkpoint", ("YQo5OTk5CmEKCg==",))),
            "I4 a checkpoint of size 9999 was shown that is not the log's",
        ),
        (
            lines_with(lambda lines: Line(0, "try", (first(lines, "ack").parts[0], "cd" * 32, "ef" * 32))),
            "I7 a login's mark or decision without its record",
        ),
        (lambda lines: [*lines, *doubled_login(lines)], "I6 2 records of one login"),
    ],
)
def test_each_invariant_has_its_word(ledger: Path, change: Callable[[list[Line]], list[Line]], what: str) -> None:
    lines = list(read_journal(ledger))
    assert judge(ledger / "ciconia.db", lines) == []
    found = judge(ledger / "ciconia.db", change(lines))
    assert any(problem.startswith(what) for problem in found), found


def doubled_login(lines: list[Line]) -> list[Line]:
    """Two acknowledged records, and a journal that says they were of one login."""
    acks = [line.parts[0] for line in lines if line.word == "ack"][:2]
    return [Line(0, "try", (record, "cd" * 32, "ef" * 32)) for record in acks]
