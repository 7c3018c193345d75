"""A database of another installation: each command says that, says nothing else, and leaves it as it is."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from idp.cli.init import init
from idp.config.settings import SETTINGS_FILE, load_settings
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import Witness
from idp.store.switches.switch import PARTY
from idp.store.switches.switchboard import Switchboard
from tests.idp.cli.command import ciconia
from tests.idp.cli.command import in_process as here
from tests.idp.cli.ledgers import opened

ANOTHERS = (
    "it belongs to another installation of login.city.example, which has other keys than this one. Fix: serve it with "
    "the keys that it was made with (restore them from their backup), or name a database of your own"
)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the same issuer with other keys."""
    folder = tmp_path_factory.mktemp("stranger") / "city"
    init(folder)
    return folder


@pytest.fixture
def second(city: Path, stranger: Path, tmp_path: Path) -> Path:
    """An installation whose `database` is the one of `city`, which is served and has something switched off."""
    settings = load_settings(city)
    assert settings.witness_path is not None
    with opened(city) as (store, keys):
        board = Switchboard(engine=store.engine, tenant=settings.tenant, keys=keys, commits=store)
        board.set_switch(PARTY, "parking", off=True, reason="A test", now=1)
        sequencer = Sequencer(store, keys, checkpoint_seconds=0, witness=Witness(settings.witness_path, keys))
        assert sequencer.step()
        sequencer.stop()
    folder = Path(shutil.copytree(stranger, tmp_path / "second"))
    file = folder / SETTINGS_FILE
    named = file.read_text(encoding="utf-8").replace('"ciconia.db"', json.dumps(str(city / "ciconia.db")))
    file.write_text(named, encoding="utf-8")
    return folder


@pytest.mark.spec("issue 5, what bad input gets: two installations pointed at one database")
def test_serve_says_whose_it_is_and_accuses_nobody_of_changing_its_rows(second: Path, city: Path) -> None:
    run = ciconia("serve", "--config", second)
    assert (run.returncode, run.stdout) == (1, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"{city / 'ciconia.db'}: database: {ANOTHERS}")


@pytest.mark.parametrize("witness", ["", "kept"])
def test_backup_says_whose_it_is_and_writes_nothing(second: Path, city: Path, tmp_path: Path, witness: str) -> None:
    if witness:
        # What the owner of the database keeps, which these keys did not sign either
        (second / witness).mkdir()
        (second / witness / "login.city.example_log.checkpoint").write_text("login.city.example/log\n", encoding="utf-8")
        file = second / SETTINGS_FILE
        text = file.read_text(encoding="utf-8")
        assert 'witness = "witness"' in text
        file.write_text(text.replace('witness = "witness"', f'witness = "{witness}"'), encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    run = here("backup", "--config", second, "--to", out / "copy.db")
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"{city / 'ciconia.db'}: database: {ANOTHERS}")
    told = json.loads(here("backup", "--config", second, "--to", out / "copy.db", "--json").stdout)
    assert (told["ok"], [one["key"] for one in told["problems"]]) == (False, ["database"])
    assert not list(out.iterdir())


def test_verify_names_what_does_not_fit_and_says_whose_it_may_be(second: Path, city: Path) -> None:
    run = here("ledger", "verify", "--config", second)
    assert (run.returncode, run.stdout.count("DOES NOT FIT") > 1, run.stderr) == (1, True, "")
    hint, verdict = run.stdout.splitlines()[-2:]
    assert hint == f"The database says: {ANOTHERS.replace('. Fix', '. If so, no row can fit here. Fix')}."
    assert verdict.endswith("things do not fit.")
    told = json.loads(here("ledger", "verify", "--config", second, "--json").stdout.splitlines()[-1])
    assert (told["ok"], len(told["findings"]) > 1, told["hint"]) == (False, True, hint)
    assert "The database says" not in here("ledger", "verify", "--config", city).stdout


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize(
    ("what", "says", "hint"),
    [
        (
            "UPDATE installations SET fingerprint = zeroblob(64)",
            "Everything fits.",
            "somebody changed what it says of itself",
        ),
        ("DROP TABLE installations", "1 thing does not fit.", ""),
    ],
)
def test_what_becomes_of_the_row_that_says_whose_it_is_changes_no_verdict(
    city: Path, what: str, says: str, hint: str
) -> None:
    with closing(sqlite3.connect(city / "ciconia.db")) as connection:
        connection.execute(what)
        connection.commit()
    run = here("ledger", "verify", "--config", city)
    assert (run.returncode, run.stdout.splitlines()[-1]) == (says != "Everything fits.", says), run.stdout
    assert ("The database says" in run.stdout) == bool(hint)
    assert hint in run.stdout
