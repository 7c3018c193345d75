"""The benchmark of the ledger runs, and computes its targets from what it measured."""

from pathlib import Path

import pytest

from tests.benchmarks.ledger import FEWEST, main, run


def test_a_ledger_too_small_to_measure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--leaves", "10"])
    assert f"at least {FEWEST}" in capsys.readouterr().err


@pytest.mark.slow
def test_it_measures_a_small_ledger(tmp_path: Path) -> None:
    report = run(tmp_path, 6000)
    assert {one.name for one in report.targets} == {"verify_growth", "question_s", "me_ms_cpu"}
    # So few leaves are checked in no time beside that of starting the processes
    assert all(one.measured > 0 for one in report.targets if one.name != "verify_growth")
    assert {one.unit for one in report.figures} == {"1", "ms", "s", "µs"}
