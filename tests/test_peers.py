"""A missing peer is a skip with a reason on a laptop, and a failure in CI; what the peers did stands in a table."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import require_peer


def test_a_peer_that_is_there_lets_the_test_go_on() -> None:
    require_peer("chromium", present=True)


def test_without_it_a_laptop_skips_and_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"chromium is not installed here: `bash \.ci/peers`"):
        require_peer("chromium", present=False)


@pytest.mark.spec("house style 32")
def test_without_it_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="chromium"):
        require_peer("chromium", present=False)


def test_the_table_at_the_end_of_a_run_has_a_row_a_peer_and_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "test_table.py").write_text(
        "import pytest\n"
        "@pytest.mark.peer_row('Gamma', 'signs in')\ndef test_one(): pass\n"
        "@pytest.mark.peer_row('Gamma', 'signs in')\ndef test_two(): assert False\n"
        "@pytest.mark.peer_row('Gamma', 'refuses us')\ndef test_three(): pass\n"
        "@pytest.mark.peer_row('Beta', 'signs in')\ndef test_four(): pytest.skip('not here')\n",
        encoding="utf-8",
    )
    # In a folder of its own, with nothing of this project but the table: as an installed plug-in
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", "."]
    ran = subprocess.run(
        [*command, "test_table.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    table = ran.stdout.partition("peers: nobody here wrote them")[2].splitlines()
    rows = {line[:40].strip(): [cell.strip() for cell in line[40:].split("|")] for line in table[1:4]}
    assert rows == {"": ["signs in", "refuses us"], "Beta": ["SKIPPED", "-"], "Gamma": ["FAILED/PASSED", "yes"]}
