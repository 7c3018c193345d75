"""The benchmark of a large log runs, and computes its target from what it measured."""

from pathlib import Path

import pytest

from tests.benchmarks.tiles import FEWEST, main, run


def test_a_log_too_small_to_measure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--leaves", "10"])
    assert f"at least {FEWEST}" in capsys.readouterr().err


@pytest.mark.slow
def test_it_measures_a_log_of_a_hundred_thousand_leaves(tmp_path: Path) -> None:
    report = run(tmp_path, FEWEST)
    assert [one.name for one in report.targets] == ["tile_growth"]
    assert report.targets[0].measured > 0
    assert {one.name for one in report.figures} >= {"100,000: tile", "100,000: tile of level 1", "100,000: proof"}
