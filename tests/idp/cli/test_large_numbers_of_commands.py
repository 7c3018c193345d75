"""Numbers and days that no database and no calendar has end a command with its own words, and no trace."""

from pathlib import Path

import pytest

from tests.idp.cli.command import ciconia
from tests.idp.cli.ledgers import with_ledger
from tests.idp.store.units import release


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_ledger(tmp_path_factory.mktemp("large"), [release()])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", str(2**63)), 1),
        (("show", str(10**19 - 1)), 1),
        (("prove", str(2**63)), 2),
        (("prove", f"0-{2**63}"), 2),
        (("report", "--from", "0001-01-01", "--to", "9999-12-31"), 0),
        (("report", "--from", "10000-01-01"), 2),
        (("acts", "--from", "0001-01-01", "--to", "9999-12-31"), 0),
        (("acts", "--on", "9999-12-31"), 0),
        (("acts", "--on", "10000-01-01"), 2),
    ],
)
def test_a_command_says_what_it_cannot_take(folder: Path, words: tuple[str, ...], code: int) -> None:
    ended = ciconia("ledger", *words, "--config", folder, "--json")
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), ended.stdout + ended.stderr
