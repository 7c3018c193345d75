"""`ciconia init`, `migrate` and the help: what an operator meets first."""

import re
import shutil
import stat
import subprocess
import sys
import time
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from idp.cli import app
from idp.cli.init import Role
from idp.cli.init import _text as settings_of
from idp.configuration import load_configuration
from idp.keys.file import is_marked
from idp.settings import Settings, load_settings
from policies.load import load
from policies.load.roles import problems_of_role
from tests.idp.cli.command import ciconia, json_of, listen_on_a_free_port, serving
from tests.policies.load.files import PEM

COMMANDS = (
    ("demo",),
    ("init",),
    ("serve",),
    ("migrate",),
    ("ledger", "verify"),
    ("policy", "test"),
    ("policy", "explain"),
)
# It has half of the keys, and gets no further
SLOW = """
import time
from idp.cli import main
from idp.keys import folder
folder.create_ledger_keys = lambda *_: time.sleep(600)
main()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `init` made."""
    folder = tmp_path_factory.mktemp("made") / "city"
    run = ciconia("init", folder, "--json", "--issuer", "https://login.storkhaven.example")
    assert run.returncode == 0, run.stderr
    said = json_of(run)
    issuer, listen = "https://login.storkhaven.example", "127.0.0.1:8400"
    assert said == {"ok": True, "directory": str(folder), "issuer": issuer, "listen": listen}
    return folder


def test_the_practice_installation_is_whole_but_for_a_service(tmp_path: Path) -> None:
    ran = ciconia("init", tmp_path / "city", "--demo")
    assert ran.returncode == 0, ran.stderr
    assert "python -m idp.demo.practice" in ran.stdout
    configuration = load_configuration(tmp_path / "city")
    assert [provider.entity_id for provider in configuration.providers.values()] == [
        "http://estonia.localhost:8401/metadata"
    ]
    settings = load_settings(tmp_path / "city")
    assert (settings.demo, settings.issuer) == (True, "http://login.localhost:8400")
    examined = json_of(ciconia("doctor", "--offline", "--json", "--config", tmp_path / "city"))
    assert examined["ok"] is True


def test_a_node_is_no_practice_installation(tmp_path: Path) -> None:
    assert ciconia("init", tmp_path / "node", "--demo", "--role", "node").returncode == 2
    assert not (tmp_path / "node").exists()


@given(issuer=st.text(max_size=40))
@example(issuer='https://login.x.example"\nwitness = "/tmp/theirs')
@example(issuer="https://login.x.example\\")
@example(issuer="a\r\nb\x00\x1f\x7f\u2028@ROLE@@COUNTRY@")
def test_an_issuer_stays_in_its_quotes_whatever_it_holds(issuer: str) -> None:
    for role in Role:
        meant = {**tomllib.loads(settings_of(role, "")), "issuer": issuer}
        assert tomllib.loads(settings_of(role, issuer)) == meant


@pytest.mark.parametrize(
    "issuer", ['https://x.example"\nwitness = "w', "https://x.example\\", "https://x.example\x7f", "\udcff"]
)
def test_an_issuer_that_is_none_leaves_no_folder(tmp_path: Path, issuer: str) -> None:
    refused = ciconia("init", tmp_path / "city", "--issuer", issuer)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "issuer" in refused.stderr
    assert not (tmp_path / "city").exists()


def test_a_city_gets_a_key_to_which_identity_providers_encrypt(made: Path) -> None:
    key = made / "keys" / "saml-encryption.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert is_marked(key.read_bytes())


def test_every_setting_stands_in_the_file_with_a_comment_before_it(made: Path) -> None:
    text = (made / "ciconia.toml").read_text(encoding="utf-8")
    # Nobody could guess who runs it: that one is an example in a comment
    assert set(tomllib.loads(text)) == set(Settings.model_fields) - {"folder", "demo", "organization"}
    assert "# [organization]\n# name = " in text
    assert load_settings(made).role == "city"
    lines = text.splitlines()
    settings = [number for number, line in enumerate(lines) if line and not line.startswith("#")]
    assert all(lines[number - 1].startswith("#") for number in settings)


def test_the_example_of_who_runs_it_holds_when_its_hashes_are_taken_away(made: Path, tmp_path: Path) -> None:
    text = (made / "ciconia.toml").read_text(encoding="utf-8")
    start, end = text.index("# [organization]"), text.index("# Purposes stand in")
    opened = text[:start] + text[start:end].replace("# ", "")
    (tmp_path / "ciconia.toml").write_text(opened, encoding="utf-8")
    organization = load_settings(tmp_path).organization
    assert organization is not None
    assert organization.support == "support@storkhaven.example"


def test_the_purpose_and_the_country_in_the_comments_hold_and_the_service_can_be_added(made: Path, tmp_path: Path) -> None:
    text = (made / "ciconia.toml").read_text(encoding="utf-8")
    examples = re.findall(r"(?:^#   .*\n(?:#\n(?=#   ))?)+", text, re.MULTILINE)
    purpose, country, command = (re.sub(r"^#(?:   )?", "", example, flags=re.MULTILINE) for example in examples)
    copy = shutil.copytree(made, tmp_path / "city")
    for name, text in (("purposes/permit.toml", purpose), ("providers/ee.toml", country), ("metadata/ee.xml", "<m/>")):
        (copy / name).write_text(text, encoding="utf-8")
    ran = ciconia("policy", "test", "--config", copy)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    added = ciconia(*command.replace("DIR", str(copy)).split()[1:], "--snippet", "none")
    assert added.returncode == 0, added.stderr
    assert load_configuration(copy).parties


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `init --role node` made."""
    folder = tmp_path_factory.mktemp("node") / "node"
    run = ciconia("init", folder, "--role", "node")
    assert run.returncode == 0, run.stderr
    assert "no identity provider and no country that may ask yet" in run.stdout
    return folder


def test_a_node_gets_the_folders_of_a_node_and_settings_that_fit_together(node: Path) -> None:
    assert {path.name for path in node.iterdir()} == {"ciconia.toml", "keys", "metadata", "nodes", "providers", "witness"}
    assert not (node / "keys" / "saml-encryption.pem").exists(), "it is put there where a provider encrypts"
    settings = load_settings(node)
    assert (settings.role, settings.issuer) == ("node", "https://node.country.example")
    assert set(tomllib.loads((node / "ciconia.toml").read_text(encoding="utf-8"))) == (
        set(Settings.model_fields) - {"folder", "demo"}
    )
    # ISO 3166-1 leaves XX to its users: nobody is answered for by mistake
    assert settings.country == "XX"
    assert settings.organization is not None
    whole = load_configuration(node)
    assert problems_of_role(whole, settings.role, settings.country, organization=True) == ()


def test_the_node_in_the_comments_is_one_that_is_read(node: Path) -> None:
    text = (node / "ciconia.toml").read_text(encoding="utf-8")
    example = "\n".join(line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   "))
    found = load({"nodes/nl.toml": example.encode(), "metadata/nl.pem": PEM.encode()}).nodes
    assert [one.peer.country for one in found.values()] == ["NL"]


def test_a_fresh_node_starts_and_says_that_nobody_may_ask_it_yet(node: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(node, tmp_path / "node")
    port = listen_on_a_free_port(copy)
    with serving(copy, tmp_path / "log") as served:
        assert served.first_line == f"https://node.country.example is served at http://127.0.0.1:{port}. Ctrl-C ends it.\n"
        assert served.process.stdout is not None
        assert served.process.stdout.readline().startswith("Nobody may ask it yet: ")


def test_migrate_names_the_database_that_it_cannot_reach_and_no_password(tmp_path: Path) -> None:
    text = 'issuer = "https://login.city.example"\ndatabase = "postgresql://ciconia:hidden@127.0.0.1:1/city"\n'
    (tmp_path / "ciconia.toml").write_text(text, encoding="utf-8")
    for more in ([], ["--json"]):
        run = CliRunner().invoke(app, ["migrate", "--config", str(tmp_path), *more])
        assert run.exit_code == 1
        assert "The database city at 127.0.0.1:1 cannot be changed: " in run.output
        assert "hidden" not in run.output


def test_the_comment_of_the_issuer_says_that_it_names_the_record(made: Path) -> None:
    comment = (made / "ciconia.toml").read_text(encoding="utf-8").partition("\nissuer = ")[0].rpartition("\n\n")[2]
    assert "names the release record" in comment
    assert "keys/log.vkey" in comment
    (line,) = (made / "keys" / "log.vkey").read_text(encoding="utf-8").splitlines()
    assert line.startswith(load_settings(made).origin)


def test_there_is_no_third_role(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--role", "village"])
    assert run.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_there_is_no_party_yet_and_a_folder_for_each_kind(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {
        "ciconia.toml",
        "keys",
        "metadata",
        "parties",
        "providers",
        "purposes",
        "witness",
    }
    empty = load({})
    assert not empty.parties
    assert not empty.providers


def test_keys_are_readable_to_their_owner_alone(made: Path) -> None:
    assert stat.S_IMODE((made / "keys").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made / "keys").iterdir()}
    # The verifier key is public
    del modes["log.vkey"]
    assert len(modes) >= 8
    assert set(modes.values()) == {0o600}


def test_settings_are_readable_to_their_owner_alone(made: Path, node: Path) -> None:
    for folder in (made, node):
        assert stat.S_IMODE((folder / "ciconia.toml").stat().st_mode) == 0o600


def test_migrate_makes_the_database_readable_to_its_owner_alone_and_again_changes_nothing(made: Path) -> None:
    run = ciconia("migrate", "--config", made, "--json")
    assert run.returncode == 0, run.stderr
    assert set(json_of(run)) == {"ok", "database", "revision"}
    assert stat.S_IMODE((made / "ciconia.db").stat().st_mode) == 0o600
    again = ciconia("migrate", "--config", made)
    assert again.returncode == 0
    assert again.stdout == f"ciconia.db is at revision {json_of(run)['revision']}.\n"


@pytest.mark.parametrize("name", ["w?1", "p%41x", "a#b&c=d", "e f+g@h:i"])
def test_the_database_lies_in_the_folder_whatever_the_folder_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    for command in (["init", str(folder)], ["migrate", "--config", str(folder)]):
        run = CliRunner().invoke(app, command)
        assert run.exit_code == 0, run.output
    assert (folder / "ciconia.db").stat().st_size
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_with_something_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    run = ciconia("init", tmp_path)
    assert run.returncode == 2
    assert "so that nothing of yours is overwritten" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ("http://login.city.example", "it is http"),
        ("https://login.city.example/tenant", "more than scheme, host and port"),
        ("https://Login.city.example", "in lower case"),
        ("login.city.example", "no https address"),
        ("", "no https address"),
        ("https://login city.example", "no https address"),
        ('https://a"', "issuer"),
    ],
)
def test_an_issuer_that_cannot_be_served_is_refused_and_leaves_nothing(tmp_path: Path, issuer: str, said: str) -> None:
    run = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--issuer", issuer])
    assert run.exit_code == 2
    assert said in run.stderr
    assert not list(tmp_path.iterdir())


def test_what_serves_a_tenant_is_the_folder_that_holds_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner().invoke(app, ["init", str(tmp_path / "tenants" / "alder")])
    assert f"Next: ciconia serve --config {tmp_path}\n" in run.stdout
    monkeypatch.chdir(tmp_path / "tenants")
    run = CliRunner().invoke(app, ["init", "birch"])
    assert f"Next: ciconia serve --config {tmp_path}\n" in run.stdout


def test_a_folder_that_was_there_and_empty_stays_empty_after_a_refusal(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["init", str(tmp_path), "--issuer", "https://login city.example", "--json"])
    assert run.exit_code == 2
    assert '"key": "issuer"' in run.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("there", ["absent", "empty"])
def test_whatever_ends_it_half_way_leaves_the_place_free_for_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: type[BaseException], there: str
) -> None:
    def half(folder: Path, *_: object, **__: object) -> None:
        folder.mkdir()
        (folder / "index.key").write_text("half", encoding="ascii")
        raise stopped

    # The package's name of this is the command
    monkeypatch.setattr(import_module("idp.cli.init"), "create_keys", half)
    city = tmp_path / "city"
    if there == "empty":
        city.mkdir()
    assert CliRunner().invoke(app, ["init", str(city)]).exit_code != 0
    assert list(tmp_path.rglob("*")) == ([city] if there == "empty" else [])


@pytest.mark.parametrize("there", ["absent", "empty"])
@pytest.mark.parametrize("theirs", ["ciconia.toml", "purposes/parking.toml", "keys/index.key"])
def test_what_came_since_the_place_was_looked_at_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str, theirs: str
) -> None:
    """Of two that begin at once the second one took away the keys of the first, which had said that they are made."""
    city = tmp_path / "city"
    if there == "empty":
        city.mkdir()
    module = import_module("idp.cli.init")
    begin = module._begin

    def late(path: Path, text: str) -> None:
        for name in (theirs, "keys/es256.pem"):
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_text("theirs", encoding="ascii")
        begin(path, text)

    monkeypatch.setattr(module, "_begin", late)
    run = CliRunner().invoke(app, ["init", str(city), "--json"])
    assert run.exit_code == 2
    assert '"code": "taken"' in run.stdout
    files = {path.relative_to(city).as_posix(): path.read_text(encoding="ascii") for path in city.rglob("*.*")}
    assert files == {theirs: "theirs", "keys/es256.pem": "theirs"}


def test_settings_that_cannot_be_written_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("idp.keys.file.os.fsync", full)
    run = CliRunner().invoke(app, ["init", str(tmp_path / "city")])
    assert (run.exit_code, "No space left on device" in run.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_sigterm_leaves_nothing(tmp_path: Path) -> None:
    city = tmp_path / "city"
    command = [sys.executable, "-c", SLOW, "init", str(city)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (city / "keys" / "es256.pem").exists():
            time.sleep(0.01)
        process.terminate()
    assert process.returncode != 0
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_folder_is_refused_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    for directory in (file, file / "below"):
        run = CliRunner().invoke(app, ["init", str(directory)])
        assert run.exit_code == 2
        assert str(directory) in run.stderr
        assert not isinstance(run.exception, OSError)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_each_command_shows_an_example(command: tuple[str, ...]) -> None:
    run = CliRunner().invoke(app, [*command, "--help"])
    assert run.exit_code == 0
    assert f"Example: ciconia {' '.join(command)}" in run.stdout


def test_ciconia_alone_lists_every_command() -> None:
    run = ciconia("--help")
    assert run.returncode == 0
    for command in COMMANDS:
        assert f" {command[0]} " in run.stdout


def test_a_command_that_does_not_exist_could_not_be_tried() -> None:
    assert CliRunner().invoke(app, ["surve"]).exit_code == 2
    assert CliRunner().invoke(app, ["serve"]).exit_code == 2
    assert CliRunner().invoke(app, ["demo", "--ones"]).exit_code == 2
