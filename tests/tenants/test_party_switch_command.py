"""`ciconia party disable|enable|list`: exit 0 it is so, 1 it is refused, 2 it could not be tried."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.keys.ledger import load_ledger_keys
from idp.settings import load_settings
from idp.store.engine import open_engine
from idp.store.switches import Switches
from idp.transparency.verify import verify_ledger
from tests.tenants.roof import Roof

Run = Callable[..., Result]
WHY = ("--reason", "Its secret leaked")
PARTY = """\
client_id = "permits"
title.en = "Permits"
sector = "permits"
redirect_uris = ["https://permits.example/callback"]
purposes = ["permit"]
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"""
PROVIDER = """\
id = "ee"
country = "EE"
namespace = "national/EE"
entity_id = "https://idp.example.ee/metadata"
metadata = "metadata/ee.xml"
subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"
title.en = "National sign-in"

[attributes]
"urn:oid:2.5.4.4" = "family_name"
"""
PURPOSE = """\
id = "permit"
basis = "public_task"
minimum_assurance = "low"
title.en = "Permit"
law.en = "Permits act"

[controller]
name.en = "City"
contact = "privacy@city.example"
"""


@pytest.fixture
def city(roof: Roof) -> Path:
    folder = roof.tenant("alder")
    (folder / "parties" / "permits.toml").write_text(PARTY, encoding="utf-8")
    (folder / "purposes" / "permit.toml").write_text(PURPOSE, encoding="utf-8")
    (folder / "providers" / "ee.toml").write_text(PROVIDER, encoding="utf-8")
    (folder / "metadata" / "ee.xml").write_text("<x/>", encoding="utf-8")
    return folder


@pytest.fixture
def run(city: Path) -> Run:
    def called(*arguments: str, config: Path = city) -> Result:
        return CliRunner().invoke(app, ["party", *arguments, "--config", str(config)], env={"COLUMNS": "200"})

    return called


def switches(city: Path) -> Switches:
    settings = load_settings(city)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    return Switches(engine=open_engine(settings.database_url), tenant=settings.tenant, keys=keys)


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize(("kind", "name"), [("party", "permits"), ("country", "EE"), ("provider", "ee")])
def test_each_kind_is_off_and_on_again_and_both_are_recorded(run: Run, city: Path, kind: str, name: str) -> None:
    ended = run("disable", name, "--kind", kind, *WHY, "--json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert (told["ok"], told["kind"], told["name"], told["off"]) == (True, kind, name, True)
    assert switches(city).off(kind, name)
    assert run("enable", name, "--kind", kind, "--reason", "mended").exit_code == 0
    assert not switches(city).off(kind, name)
    settings = load_settings(city)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    report = verify_ledger(open_engine(settings.database_url), tenant=settings.tenant, keys=keys)
    assert (report.records, list(report.findings)) == (2, [])


def test_a_service_is_what_a_name_is_of_where_nothing_else_is_said(run: Run, city: Path) -> None:
    ended = run("disable", "permits", *WHY)
    assert ended.exit_code == 0, ended.output
    assert "Every worker obeys within a second." in ended.output
    assert "ciconia party enable permits --kind party" in ended.output
    assert switches(city).off("party", "permits")


def test_list_says_what_is_off_since_when_and_why(run: Run) -> None:
    assert run("disable", "EE", "--kind", "country", "--reason", "Its node was broken into").exit_code == 0
    listed = json.loads(run("list", "--json").stdout)
    found = {(one["kind"], one["name"]): one for one in listed["switches"]}
    assert set(found) == {("party", "permits"), ("country", "EE"), ("provider", "ee")}
    assert found["country", "EE"]["reason"] == "Its node was broken into"
    assert found["country", "EE"]["since"].endswith("Z")
    assert not found["party", "permits"]["off"]
    text = run("list").output
    assert "off since" in text
    assert "Its node was broken into" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("disable", "permit", *WHY), "Did you mean permits?"),
        (("disable", "EE", *WHY), "there is no party EE"),
        (("enable", "LV", "--kind", "country", *WHY), "One of EE, or another --kind."),
        (("disable", "permits", "--reason", " "), "is no reason"),
        (("disable", "permits", "--reason", "x" * 201), "is no reason"),
    ],
)
def test_what_is_not_so_is_refused_and_changes_nothing(run: Run, city: Path, arguments: tuple[str, ...], told: str) -> None:
    ended = run(*arguments)
    assert (ended.exit_code, told in ended.output) == (1, True), ended.output
    assert not switches(city).current()


def test_a_broken_configuration_keeps_nobody_from_switching_off(run: Run, city: Path) -> None:
    (city / "parties" / "permits.toml").write_text("nothing = \n", encoding="utf-8")
    ended = run("disable", "permits", *WHY)
    assert ended.exit_code == 0, ended.output
    assert switches(city).off("party", "permits")
    listed = run("list")
    assert "names may be missing" in listed.output


def test_a_name_that_nobody_can_confirm_is_recorded_and_said_to_be_unknown(run: Run, city: Path) -> None:
    (city / "parties" / "broken.toml").write_text("nothing = \n", encoding="utf-8")
    ended = run("disable", "permit", *WHY, "--json")
    assert (ended.exit_code, "there is no party permit. Did you mean permits?" in ended.stderr) == (0, True), ended.output
    assert json.loads(ended.stdout)["known"] is False
    assert switches(city).off("party", "permit")
    ended = run("disable", "permits", *WHY, "--json")
    assert (json.loads(ended.stdout)["known"], ended.stderr) == (True, "")


@pytest.mark.parametrize(("name", "told"), [("ee", "Did you mean EE?"), ("Estonia", "two capital letters")])
def test_a_countrys_code_has_two_capitals_whatever_else_is_broken(run: Run, city: Path, name: str, told: str) -> None:
    (city / "parties" / "broken.toml").write_text("nothing = \n", encoding="utf-8")
    ended = run("disable", name, "--kind", "country", *WHY)
    assert (ended.exit_code, told in ended.stderr) == (1, True), ended.output
    assert not switches(city).current()


def test_what_was_switched_off_can_be_switched_on_though_its_file_is_gone(run: Run, city: Path) -> None:
    assert run("disable", "permits", *WHY).exit_code == 0
    (city / "parties" / "permits.toml").unlink()
    assert run("enable", "permits", *WHY).exit_code == 0
    assert not switches(city).off("party", "permits")


def test_without_a_database_or_a_folder_it_could_not_be_tried(run: Run, city: Path, tmp_path: Path) -> None:
    assert run("disable", "permits", *WHY, config=tmp_path / "none").exit_code == 2
    (city / "keys" / "openings.key").unlink()
    assert run("disable", "permits", *WHY).exit_code == 2


def test_a_folder_with_several_tenants_is_not_one_of_them(run: Run, roof: Roof) -> None:
    ended = run("disable", "permits", *WHY, config=roof.folder)
    assert ended.exit_code == 2
    assert "tenants/birch" in ended.output


def test_a_switch_of_one_tenant_is_none_of_another(run: Run, roof: Roof, city: Path) -> None:
    assert run("disable", "permits", *WHY).exit_code == 0
    assert switches(city).off("party", "permits")
    assert not switches(roof.tenant("birch")).current()
