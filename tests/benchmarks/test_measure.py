"""The part that every benchmark shares: turns, targets and pages."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.benchmarks.measure import MET, MISSED, Figure, Report, Target, could_not_run, in_turns

FIGURES = (Figure("ours, least", 1.5, "µs"), Figure("ours, median", 2, "µs"), Figure("size", 8, "1"))


def report(*targets: Target) -> Report:
    return Report("signatures", ("lxml",), FIGURES, targets)


def test_a_target_is_met_at_its_limit_and_missed_beyond() -> None:
    assert Target("a", 9, at_most=9).met
    assert not Target("a", 9.01, at_most=9).met
    assert Target("a", 1.4, at_least=1.4).met
    assert not Target("a", 1.39, at_least=1.4).met
    assert not Target("no limit is none that is met", 1).met


def test_the_exit_code_says_whether_all_were_met(capsys: pytest.CaptureFixture[str]) -> None:
    met, missed = Target("a", 1, at_most=2), Target("b", 1, at_least=2)
    assert report(met).finish(as_json=True) == MET
    shown = json.loads(capsys.readouterr().out)
    assert set(shown) == {"benchmark", "machine", "versions", "figures", "targets"}
    assert shown["targets"] == [{"name": "a", "measured": 1, "at_most": 2, "met": True}]
    assert report(met, missed).finish(as_json=False) == MISSED
    assert "MISSED" in capsys.readouterr().out
    assert could_not_run("why") not in (MET, MISSED)
    assert "why" in capsys.readouterr().err


def test_a_page_is_written_between_its_markers_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- benchmark signatures -->\nold\n<!-- end of signatures -->\nafter\n", encoding="utf-8")
    for _ in range(2):
        report(Target("a", 1, at_most=2)).write_into(page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| ours | 1.5 µs | 2 µs |" in text
    assert text.count("| `a` | 1 | at most 2 | met |") == 1
    page.write_text("no place", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        report().write_into(page)


def test_all_are_called_in_turns() -> None:
    called: list[str] = []
    taken = in_turns({name: lambda name=name: called.append(name) for name in "ab"}, 2)  # type: ignore[misc] # each its own
    assert taken["a"].least <= taken["a"].median
    changes = sum(1 for before, after in pairwise(called) if before != after)
    assert changes == 5, "both are tried, and then twice in turns"
    assert len(taken["a"].calls) + 2 == called.count("a")
