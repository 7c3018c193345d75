"""docs/reference.md names what there is: every command, setting, address, cookie, reason and figure of a profile."""

import re
from pathlib import Path

import typer

from connectors.profiles import EIDAS, SAML2INT
from idp.cli import app
from idp.config.setting_types import Organization
from idp.config.settings import Settings
from idp.pages.wording import MOVES
from idp.web.choosing import REMEMBERED
from idp.web.login_cookies import STATE, STRICT
from idp.web.routes.receipt import COOKIE
from policies.release import Reason

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
ROUTE = re.compile(r"routes\.(?:get|post|api_route)\(\"([^\"]+)\"")


def section(title: str) -> str:
    """The text under a heading."""
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", REFERENCE, flags=re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def row(of: str, first: str) -> str:
    """The row of a table that begins with this cell."""
    (found,) = (line for line in section(of).splitlines() if line.startswith(f"| {first} |"))
    return found


def commands() -> list[str]:
    group = typer.main.get_command(app)
    found = []
    for name, command in getattr(group, "commands", {}).items():
        inner = getattr(command, "commands", {})
        found += [f"{name} {one}" for one in inner] or [name]
    return found


def test_every_command_has_a_row() -> None:
    for command in commands():
        assert f"| `ciconia {command} " in section("Commands")


def test_every_setting_has_a_row() -> None:
    for name in sorted({*Settings.model_fields, *Organization.model_fields} - {"folder", "organization"}):
        assert f"`{name}`" in section("ciconia.toml: settings")


def test_the_defaults_are_those_of_the_code() -> None:
    for key, default in [
        ("`listen`", Settings.model_fields["listen"].default),
        ("`probe_seconds`", str(int(Settings.model_fields["probe_seconds"].default))),
        ("`checkpoint_seconds`", str(int(Settings.model_fields["checkpoint_seconds"].default))),
        ("`role`", Settings.model_fields["role"].default),
    ]:
        assert default in row("ciconia.toml: settings", key).rsplit("|", 2)[1]


def test_every_address_of_ours_is_listed() -> None:
    sources = (ROOT / "idp" / "web").rglob("*.py")
    served = {address for source in sources for address in ROUTE.findall(source.read_text(encoding="utf-8"))}
    assert served
    assert not [address for address in served if f"`{address}`" not in section("Endpoints")]


def test_every_cookie_is_listed() -> None:
    for name in (f"{STATE}<login>", f"{STRICT}<login>", REMEMBERED, COOKIE):
        assert row("Cookies", f"`{name}`")


def test_every_reason_has_a_row() -> None:
    for reason in list(Reason):
        assert row("Reasons", f"`{reason}`")


def test_the_codes_that_are_listed_are_those_of_pages() -> None:
    rows = [line.split(" | ")[0] for line in section("Error codes on pages").splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == sorted(MOVES)


def test_the_figures_of_the_profiles_are_those_of_the_code() -> None:
    for of, figures in [
        ("clocks may differ by", [f"{SAML2INT.skew} s", f"{EIDAS.skew} s"]),
        ("a message is taken for", [f"{SAML2INT.max_age} s", f"{EIDAS.max_age} s"]),
        ("RSA keys", [f"{SAML2INT.minimum_rsa_bits} bits or more", f"{EIDAS.minimum_rsa_bits} bits or more"]),
        ("exponents of RSA keys", [f"{each.minimum_rsa_exponent} to 2^32" for each in (SAML2INT, EIDAS)]),
    ]:
        assert [cell.strip() for cell in row("Profiles of messages", of).split("|")[2:4]] == figures
