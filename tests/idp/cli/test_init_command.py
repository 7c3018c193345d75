"""`ciconia init`, `migrate` and the help: what an operator meets first."""

import re
import shutil
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from idp.cli import app
from idp.cli.init import BrokerRole
from idp.cli.init import _text as settings_of
from idp.config.folder import load_configuration
from idp.config.settings import Settings, load_settings
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


# Nobody could guess which proxy stands in front, who reviews, who listens and who witnesses
UNGUESSED = {
    "folder",
    "demo",
    "client_certificates",
    "auditor",
    "events",
    "witnesses",
    "witness_policy",
    "index_keys",
    "console",
    "protocol_version",
}


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


@pytest.mark.parametrize(("country", "host"), [("EE", "estonia.localhost:8401"), ("BG", "bulgaria.localhost:8501")])
def test_the_practice_node_of_a_country_is_whole_but_for_who_may_ask(tmp_path: Path, country: str, host: str) -> None:
    issuer = "http://node.country.localhost:8500"
    ran = ciconia("init", tmp_path / "node", "--demo", "--role", "node", "--country", country, "--issuer", issuer)
    assert ran.returncode == 0, ran.stderr
    assert "metadata/national.xml" in ran.stdout
    settings, configuration = load_settings(tmp_path / "node"), load_configuration(tmp_path / "node")
    assert (settings.demo, settings.country, settings.listen) == (True, country, "127.0.0.1:8500")
    assert [provider.entity_id for provider in configuration.providers.values()] == [f"http://{host}/metadata"]
    examined = json_of(ciconia("doctor", "--offline", "--json", "--config", tmp_path / "node"))
    assert examined["ok"] is True


def test_a_city_with_a_country_names_its_country_and_who_runs_it_to_other_nodes(tmp_path: Path) -> None:
    assert ciconia("init", tmp_path / "city", "--country", "NL").returncode == 0
    settings = load_settings(tmp_path / "city")
    assert (settings.country, settings.organization is not None) == ("NL", True)
    assert ciconia("metadata", "own", "--config", tmp_path / "city").returncode == 0


@pytest.mark.parametrize("options", [("--country", "Estonia"), ("--demo", "--role", "node", "--country", "NL")])
def test_a_country_that_is_no_code_or_cannot_be_played_makes_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert ciconia("init", tmp_path / "node", *options).returncode == 2
    assert not (tmp_path / "node").exists()


@given(issuer=st.text(max_size=40))
@example(issuer='https://login.x.example"\nwitness = "/tmp/theirs')
@example(issuer="https://login.x.example\\")
@example(issuer="a\r\nb\x00\x1f\x7f\u2028@ROLE@@COUNTRY@")
def test_an_issuer_stays_in_its_quotes_whatever_it_holds(issuer: str) -> None:
    for role in BrokerRole:
        meant = {**tomllib.loads(settings_of(role, "")), "issuer": issuer}
        assert tomllib.loads(settings_of(role, issuer)) == meant


def test_every_setting_stands_in_the_file_with_a_comment_before_it(made: Path) -> None:
    text = (made / "ciconia.toml").read_text(encoding="utf-8")
    # Nobody could guess who runs it: that is an example in comments
    assert set(tomllib.loads(text)) == set(Settings.model_fields) - {*UNGUESSED, "organization"}
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
        set(Settings.model_fields) - UNGUESSED
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


def test_there_is_no_party_yet_and_a_folder_for_each_kind(made: Path) -> None:
    folders = {"keys", "metadata", "parties", "providers", "purposes", "witness"}
    assert {path.name for path in made.iterdir()} == {"ciconia.toml", *folders}
    assert not list((made / "parties").iterdir())


def test_keys_are_readable_to_their_owner_alone(made: Path) -> None:
    assert stat.S_IMODE((made / "keys").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made / "keys").iterdir()}
    # The verifier key is public
    del modes["log.vkey"]
    assert len(modes) >= 8
    assert set(modes.values()) == {0o600}


def test_migrate_makes_the_database_readable_to_its_owner_alone_and_again_changes_nothing(made: Path) -> None:
    run = ciconia("migrate", "--config", made, "--json")
    assert run.returncode == 0, run.stderr
    assert set(json_of(run)) == {"ok", "database", "revision"}
    assert stat.S_IMODE((made / "ciconia.db").stat().st_mode) == 0o600
    again = ciconia("migrate", "--config", made)
    assert again.returncode == 0
    assert again.stdout == f"ciconia.db is at revision {json_of(run)['revision']}.\n"


def test_the_help_of_each_command_shows_an_example() -> None:
    for command in COMMANDS:
        run = CliRunner().invoke(app, [*command, "--help"])
        assert run.exit_code == 0
        assert f"Example: ciconia {' '.join(command)}" in run.stdout
