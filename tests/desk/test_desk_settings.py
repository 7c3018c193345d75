"""`[auditor]` in ciconia.toml: each fault has its file, its line and what to do."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.config.settings import examine_settings
from tests.desk.stage import CLIENT, DeskStage
from tests.idp.changes.signing import person
from tests.idp.cli.command import ciconia
from tests.idp.server.crew import until

ISSUER = 'issuer = "https://login.city.example"\nlisten = "127.0.0.1:8400"\n'
SOUND = '[auditor]\nlisten = "127.0.0.1:8500"\nurl = "https://audit.city.example"\n'
PERSON = '{ "MFRGGZDFMZTWQ2LK" = "liis" }'


def problems(folder: Path, text: str) -> list[tuple[int, str, str]]:
    (folder / "ciconia.toml").write_text(ISSUER + text, encoding="utf-8")
    return [(found.line, found.key, found.what) for found in examine_settings(folder)[1]]


def test_a_desk_with_passkeys_or_listed_persons_is_sound(tmp_path: Path) -> None:
    assert not problems(tmp_path, SOUND + "passkeys = true\n")
    assert not problems(tmp_path, SOUND + f'client = "auditors"\npersons = {PERSON}\n')


@pytest.mark.parametrize(
    ("table", "line", "key", "what"),
    [
        (SOUND, 3, "auditor", "nobody can sign in"),
        (SOUND + f"persons = {PERSON}\n", 3, "auditor", "no client"),
        (SOUND.replace("audit.city", "login.city") + "passkeys = true\n", 3, "auditor", "the host of the issuer"),
        (SOUND.replace("audit.city", "login.city").replace('le"', 'le:8443"') + "passkeys = true\n", 3, "auditor", "host"),
        (SOUND.replace("https", "http") + "passkeys = true\n", 3, "auditor", "http"),
        (SOUND.replace("8500", "8400") + "passkeys = true\n", 3, "auditor", "`listen`"),
        (SOUND.replace(".example", ".example/desk") + "passkeys = true\n", 5, "auditor.url", "scheme, host and port"),
        ('[console]\nurl = "https://login.city.example"\n', 3, "console", "share their cookies"),
        ('[console]\nurl = "http://console.city.example"\n', 3, "console", "its url is http"),
        ('[console]\nlisten = "8600"\n', 4, "console.listen", "not written as it has to be"),
        (SOUND + 'passkeys = "yes"\n', 6, "auditor.passkeys", "boolean"),
        (SOUND + "pasword = true\n", 6, "auditor.pasword", "no setting has this name"),
        (SOUND + 'client = "a"\npersons = { "Mari Maasikas" = "her" }\n', 7, "auditor.persons", "no number of a person"),
        (SOUND + 'client = "a"\npersons = { "MFRGGZDFMZTWQ2LK" = "" }\n', 7, "auditor.persons", "no name"),
        (SOUND + 'client = "a"\npersons = { "MFRGGZDFMZTWQ2LK" = "the auditor" }\n', 7, "auditor.persons", "no name"),
        (
            SOUND + 'client = "a"\npersons = { "MFRGGZDFMZTWQ2LK" = "a", "MFRGGZDFMZTWQ2LM" = "a" }\n',
            7,
            "auditor.persons",
            "one name",
        ),
    ],
)
def test_a_desk_that_would_not_be_apart_or_that_nobody_enters_is_a_problem(
    tmp_path: Path, table: str, line: int, key: str, what: str
) -> None:
    found = problems(tmp_path, table)
    assert [one for one in found if one[:2] == (line, key) and what in one[2]], found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    stage = DeskStage(tmp_path_factory.mktemp("whole"))
    yield stage
    stage.close()


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        ("ciconia.toml", 'client = "auditors"', 'client = "nobody"', "no file of parties/ registers nobody"),
        ("purposes/audit.toml", '"high"', '"substantial"', "auditors sign in at high"),
        ("parties/auditors.toml", "/callback", "/other", "has another address"),
        ("parties/auditors.toml", 'sector = "auditors"', 'sector = "mobility"', "has the same sector"),
        ("parties/auditors.toml", 'purposes = ["audit"]', 'purposes = ["audit", "resident-parking"]', "one purpose"),
    ],
)
def test_a_registration_that_does_not_fit_the_desk_ends_the_start_with_file_and_fix(
    whole: DeskStage, tmp_path: Path, file: str, old: str, new: str, what: str
) -> None:
    folder = shutil.copytree(whole.config, tmp_path / "city")
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    run = ciconia("serve", "--config", folder)
    assert (run.returncode, what in run.stderr, "Fix: " in run.stderr) == (1, True, True), run.stderr


def test_a_listed_person_with_an_officers_name_ends_the_start(whole: DeskStage, tmp_path: Path) -> None:
    folder = shutil.copytree(whole.config, tmp_path / "city")
    text = (folder / "ciconia.toml").read_text(encoding="utf-8")
    (folder / "ciconia.toml").write_text(text.replace("persons = {  }", f"persons = {PERSON}"), encoding="utf-8")
    (folder / "operators").mkdir()
    (folder / "operators" / "Liis.pub").write_text(person("Liis").line)
    run = ciconia("serve", "--config", folder)
    assert (run.returncode, "liis is a person of operators/, too" in run.stderr) == (1, True), run.stderr


def test_a_desk_without_its_secret_does_not_start(whole: DeskStage, tmp_path: Path) -> None:
    folder = shutil.copytree(whole.config, tmp_path / "city")
    (folder / "keys" / f"client-secret.{CLIENT}").unlink()
    run = ciconia("serve", "--config", folder)
    assert (run.returncode, "the desk's secret is missing" in run.stderr) == (1, True)


def test_a_reload_opens_no_socket_for_a_desk_that_moved(tmp_path: Path) -> None:
    stage = DeskStage(tmp_path / "stage")
    with stage.served() as served:
        first, stage.desk_port = stage.desk_port, stage.desk_port + 1
        stage.set_desk()
        served.process.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in served.stderr)
        assert f"no desk listened at 127.0.0.1:{stage.desk_port} when the broker started" in served.stderr
        assert first != stage.desk_port
