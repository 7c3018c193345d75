"""`ciconia keys revoke`, as an operator runs it: which key is meant, and what is said of the one that counts then."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.cli.serve import init
from idp.settings import load_settings
from idp.store.migrate import migrate
from policies.errors import StoreUnavailable

REASON = "The laptop was stolen"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    migrate(load_settings(folder).database_url)
    return folder


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "city"))


def keys(city: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments, "--config", str(city)])


def said(run: Result) -> dict[str, object]:
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


def listed(city: Path, kind: str) -> list[dict[str, str]]:
    found = said(keys(city, "list", "--json"))["keys"]
    assert isinstance(found, list)
    return [one for one in found if one["kind"] == kind]


def states(city: Path, kind: str) -> list[str]:
    return [one["state"] for one in listed(city, kind)]


def test_where_the_database_does_not_say_what_counts_after_a_revocation_no_key_is_named(
    city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(keys(city, "rotate", "es256", "--now", "--json"))
    second, first = (line["key_id"] for line in listed(city, "es256"))

    def silent(*_given: object, **_named: object) -> None:
        raise StoreUnavailable("SQLITE_BUSY")

    with monkeypatch.context() as patched:
        patched.setattr("idp.cli.revocations.open_store", silent)
        found = said(keys(city, "revoke", second, "--reason", REASON, "--json"))
        run = keys(city, "revoke", first, "--reason", REASON)
    assert (found["signs"], found["signs_known"]) == (None, False)
    assert (run.exit_code, "What counts now" in run.output) == (0, False)
    assert "Which key of es256 counts now is not known." in run.stderr
    assert "SQLITE_BUSY" in run.stderr
    assert states(city, "es256") == ["revoked", "revoked"]
