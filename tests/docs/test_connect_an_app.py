"""docs/connect-an-app.md: its programs are those that are printed and run, its commands work, its sentences are ours."""

import re
import shlex
import shutil
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.cli.party import Snippet
from idp.cli.snippets import MACHINE, NOT_RUN, TITLES, Framework
from idp.config.folder import load_configuration
from idp.demo.library import Library
from idp.protocols.oidc.client import PLACES, SECRET_METHODS
from policies.parties import ClientId
from tests.docs.operators import blocks_of
from tests.docs.snippet_blocks import MARKED, PAGE, with_blocks

ROOT = Path(__file__).parents[2]
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = [words for block in blocks_of(PAGE) if block.language == "console" for words in block.commands]


def test_the_programs_on_the_page_are_those_that_are_printed() -> None:
    assert with_blocks(TEXT) == TEXT, "run python -m tests.docs.snippet_blocks"


def test_every_framework_has_its_program_on_the_page_under_its_name() -> None:
    shown = {found[1] for found in MARKED.finditer(TEXT) if not found[2]}
    assert shown == {str(framework) for framework in Framework} | {MACHINE}
    for framework in Framework:
        heading = re.search(rf"### {re.escape(TITLES[framework])}\n(.*?)```", TEXT, re.DOTALL)
        assert heading, framework
        assert ("Our tests do not run this one" in heading[1]) == (framework in NOT_RUN)


def test_what_is_said_to_be_run_is_run() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "interop").glob("test_snippet*.py"))
    assert {each for each in Framework if f"Framework.{each.name}" in tests} == set(Framework) - NOT_RUN


def test_the_lines_for_a_key_are_the_same_in_every_program_with_authlib() -> None:
    sources = [resources.files("idp.cli.snippets").joinpath(f"{one}.txt") for one in ("fastapi", "flask", "django")]
    lines = [[line for line in one.read_text(encoding="utf-8").splitlines() if "@key@" in line] for one in sources]
    assert lines[0] == lines[1] == lines[2]
    assert lines[0]


def test_every_option_on_the_page_is_one_of_the_command() -> None:
    options = set(re.findall(r"^\| `(--[a-z-]+)", TEXT, re.MULTILINE))
    assert options >= {"--redirect", "--purpose", "--sector", "--key-out", "--jwks", "--snippet", "--json"}
    help_text = CliRunner().invoke(app, ["party", "add", "--help"], env={"COLUMNS": "300"}).stdout
    assert not [option for option in options if option not in help_text]
    named = re.search(r"print one program alone: (.*?) \|", TEXT)
    assert named
    assert set(re.findall(r"`(\w+)`", named[1])) == {str(one) for one in Snippet} - {"all"}


def test_the_commands_on_the_page_register_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init", "city"]).exit_code == 0
    purpose = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml")
    (tmp_path / "city" / "purposes" / "resident-parking.toml").write_bytes(purpose.read_bytes())
    ran = [words for words in COMMANDS if words[:2] == ["ciconia", "party"] and words[2].startswith("add")]
    assert len(ran) == 7, shlex.join(ran[0])
    base = "https://library.city.example"
    Path("library.xml").write_bytes(Library(base=base, issuer="https://login.city.example", folder=tmp_path).metadata())
    for words in ran:
        run = CliRunner().invoke(app, words[1:])
        assert run.exit_code == 0, run.output
    parties = load_configuration(tmp_path / "city").parties
    assert parties[ClientId("permits")].authentication_method == "client_secret_basic"
    assert parties[ClientId("library")].saml
    assert parties[ClientId("permits-by-key")].authentication_method == "private_key_jwt"
    assert (tmp_path / "permits.pem").exists()
    assert parties[ClientId("permits-visits")].openid.refreshes
    assert parties[ClientId("permits-api")].openid.tokens.resource_server
    assert [parties[ClientId(name)].public for name in ("permits-page", "permits-phone", "permits")] == [True, True, False]
    # The way out of the page's last section
    shutil.rmtree(tmp_path / "city" / "parties")
    assert load_configuration(tmp_path / "city").parties == {}


def test_the_sentences_of_the_errors_are_those_of_the_code() -> None:
    folders = (ROOT / "idp" / "protocols", ROOT / "idp" / "web")
    sources = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "`" in line]
    sentences = {text for row in rows for text in re.findall(r"`([^`]+)`", row.split("|")[1]) if " " in text}
    library = "server responded with a challenge in the WWW-Authenticate HTTP Header"
    assert library in sentences
    ours = {text for text in sentences - {library} if not text.startswith("--")}
    assert len(ours) >= 5
    # Whatever a library sends by itself that is not the header
    assert "The request has no client authentication." in ours
    filled = {f"The client is registered for {method}: {PLACES[method]}." for method in SECRET_METHODS}
    assert filled <= ours
    seeming = "It has RS256: token_endpoint_auth_signing_alg registers that."
    assert seeming.removeprefix("It has RS256") in sources
    assert not [sentence for sentence in ours - filled - {seeming} if sentence not in sources]


def test_the_codes_of_the_errors_are_ones_that_we_send() -> None:
    for code in ["invalid_client", "invalid_scope", "invalid_grant", "access_denied", "interaction_required"]:
        sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "idp").rglob("*.py"))
        assert f"`{code}`" in TEXT
        assert f'"{code}"' in sources
