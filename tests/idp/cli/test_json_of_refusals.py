"""With `--json` a command that does not do what it is asked says why in one object on stdout, in the words for people."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.demo.border import Border
from idp.demo.browser import WalkError


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The demo changes what SIGTERM does."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, SystemExit), done.exception
    return done


def told(done: Result) -> str:
    """The sentence in the one object, which says that it is not so."""
    found = json.loads(done.stdout)
    assert found["ok"] is False
    return str(found["error"]["detail"] if "error" in found else found["detail"])


NOBODY = "There is no node nope. Nodes: none."
TAKEN = "is not an empty folder: name a new one"


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("metadata show nope --config CITY", 2, NOBODY),
        ("metadata fetch nope --config CITY", 2, NOBODY),
        ("metadata forget nope --config CITY", 2, NOBODY),
        ("metadata approve nope --digest 00 --config CITY", 2, NOBODY),
        ("policy explain --purpose nope --from EMPTY/x --config CITY", 2, "There is no purpose nope. Purposes: none."),
        ("init CITY", 2, TAKEN),
        ("init CITY/ciconia.toml/below", 2, "cannot be written: "),
        ("migrate --config BROKEN", 1, "The database ciconia.db cannot be changed: SQLITE_NOTADB."),
        ("migrate --config EMPTY", 1, "There is no tenant in "),
        ("demo --once --keep CITY", 2, TAKEN),
        ("demo --once --keep CITY/ciconia.toml/below", 2, "The demo could not run: "),
        ("audit verify a b --proof c", 2, "--proof is for one receipt: name one."),
        ("doctor --selftest --keep CITY/ciconia.toml/below", 2, "The self-test could not run: "),
    ],
)
def test_json_has_the_sentence_and_the_exit_code_that_people_get(
    city: Path, tmp_path: Path, line: str, code: int, words: str
) -> None:
    broken, empty = tmp_path / "broken", tmp_path / "empty"
    broken.mkdir()
    (empty / "tenants").mkdir(parents=True)
    (broken / "ciconia.toml").write_text('issuer = "https://login.city.example"\n', encoding="utf-8")
    (broken / "ciconia.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    places = {"CITY": city, "BROKEN": broken, "EMPTY": empty}
    for name, place in places.items():
        line = line.replace(name, str(place))
    for_people, as_json = run(*line.split()), run(*line.split(), "--json")
    assert (for_people.exit_code, for_people.stdout) == (code, "")
    assert words in for_people.stderr
    assert as_json.exit_code == code
    assert told(as_json) == for_people.stderr.removesuffix("\n")


def test_a_line_that_is_none_is_said_in_json_where_it_asks_for_json() -> None:
    for line, words in [
        ("keys list", "Missing option '--config'"),
        ("keys new", "Missing argument 'KIND'"),
        ("keys list --nope", "No such option: --nope"),
        ("init DIR --role nope", "Invalid value for '--role': 'nope' is not one of 'city', 'node'."),
        ("serve --config DIR", "No such option: --json"),
        ("doctor --keep DIR --config DIR", "Invalid value for --keep: it keeps cases of --selftest."),
        ("nope", "No such command 'nope'"),
        ("--nope", "No such option: --nope"),
    ]:
        done = run(*line.split(), "--json")
        assert (done.exit_code, done.stderr) == (2, "")
        assert json.loads(done.stdout)["error"]["code"] == "usage"
        assert words in told(done)


@pytest.mark.parametrize("line", ["keys list", "audit verify --nope -- --json"])
def test_a_line_that_is_none_and_asks_for_no_json_is_said_on_stderr(line: str) -> None:
    done = run(*line.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Usage: " in done.stderr


def test_a_demo_whose_login_does_not_go_through_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_: Border) -> None:
        raise WalkError("the service did not sign in")

    monkeypatch.setattr(Border, "open", stopped)
    done = run("demo", "--once", "--json")
    detail = "The login did not go through: the service did not sign in"
    assert (done.exit_code, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {"ok": False, "error": {"code": "not_through", "detail": detail}}


def test_problems_are_an_object_that_says_that_it_is_not_so(tmp_path: Path) -> None:
    done = run("migrate", "--config", str(tmp_path), "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["ok"], len(found["problems"])) == (1, False, 1)


@pytest.mark.parametrize(
    "line",
    [
        "metadata show EMPTY --config HERE",
        "metadata fetch nl EMPTY --config HERE",
        "party add EMPTY --redirect https://a.example/b --purpose c --config HERE",
        "party disable EMPTY --reason b --config HERE",
        "keys new EMPTY --config HERE",
        "keys revoke EMPTY --reason b --config HERE",
        "ledger prove EMPTY --config HERE",
        "inspect a EMPTY --as response",
    ],
)
def test_an_empty_name_is_refused_in_a_sentence(tmp_path: Path, line: str) -> None:
    words = ["" if word == "EMPTY" else word.replace("HERE", str(tmp_path)) for word in line.split()]
    done = run(*words, "--json")
    assert (done.exit_code, "it is empty, and names nothing" in told(done)) == (2, True), done.output
    assert json.loads(done.stdout)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "line",
    [
        "init EMPTY",
        "doctor --config EMPTY",
        "demo --once --keep EMPTY",
        "backup --config HERE --to EMPTY",
        "keys list --config EMPTY",
        "party disable a --reason b --config EMPTY",
        "audit verify EMPTY",
        "audit verify a EMPTY",
        "inspect a --jwks EMPTY",
    ],
)
def test_an_empty_path_is_refused_and_never_the_folder_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["" if word == "EMPTY" else word.replace("HERE", str(tmp_path)) for word in line.split()]
    done = run(*words, "--json")
    assert (done.exit_code, "it is empty" in told(done)) == (2, True), done.output
    assert json.loads(done.stdout)["error"]["code"] == "usage"
    assert not list(tmp_path.iterdir())
