"""`ciconia party disable|enable|list`: exit 0 it is so, 1 it is refused, 2 it could not be tried."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.audit.verify import verify_ledger
from idp.cli import app
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.store.engine import open_engine
from idp.store.switches.switch_records import SwitchRecords
from idp.store.switches.switches import Switches
from tests.idp.doctor.ward import PARTY, PROVIDER, PURPOSE
from tests.tenants.roof import Roof

Run = Callable[..., Result]
WHY = ("--reason", "Its secret leaked")


@pytest.fixture
def city(roof: Roof) -> Path:
    folder = roof.tenant("alder")
    (folder / "parties" / "permits.toml").write_text(PARTY.replace('"parking"', '"permits"'), encoding="utf-8")
    (folder / "purposes" / "permit.toml").write_text(PURPOSE, encoding="utf-8")
    (folder / "providers" / "ee.toml").write_text(PROVIDER.replace("lv", "ee").replace("LV", "EE"), encoding="utf-8")
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
        (("disable", "ee", "--kind", "country", *WHY), "Did you mean EE?"),
        (("enable", "ee", "--kind", "country", *WHY), "Did you mean EE?"),
        (("disable", "Estonia", "--kind", "country", *WHY), "two capital letters"),
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


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("party", "permitz", "The nearest name that could be read is permits."),
        ("country", "LV", "The nearest name that could be read is EE."),
        ("provider", "xx", "The nearest name that could be read is ee."),
    ],
)
def test_a_name_that_no_readable_file_has_is_taken_in_an_emergency_and_said(
    run: Run, city: Path, kind: str, name: str, told: str
) -> None:
    (city / "parties" / "bad.toml").write_text("x = [\n", encoding="utf-8")
    ended = run("disable", name, "--kind", kind, *WHY)
    assert ended.exit_code == 0, ended.output
    assert f"No file that can be read has the {kind} {name}." in ended.stderr
    assert told in ended.stderr
    assert "Off and recorded" in ended.stdout
    assert switches(city).off(kind, name)
    again = run("disable", name, "--kind", kind, *WHY, "--json")
    assert (json.loads(again.stdout)["known"], told.endswith(f" {json.loads(again.stdout)['nearest']}.")) == (False, True)
    assert told in again.stderr, "that it was switched before makes it no better known"
    known = run("disable", "EE", "--kind", "country", *WHY, "--json")
    assert (json.loads(known.stdout)["known"], json.loads(known.stdout)["nearest"], known.stderr) == (True, None, "")


@pytest.mark.spec("decisions.md 31")
def test_a_country_that_is_not_two_capital_letters_is_refused_in_an_emergency_too(run: Run, city: Path) -> None:
    (city / "parties" / "bad.toml").write_text("x = [\n", encoding="utf-8")
    ended = run("disable", "de", "--kind", "country", *WHY)
    assert (ended.exit_code, "Did you mean DE?" in ended.stderr) == (1, True), ended.output
    ended = run("disable", "Moonland", "--kind", "country", *WHY)
    assert ended.exit_code == 1
    assert ended.stderr.endswith(" Fix: Write two capital letters, as in ISO 3166-1.\n"), "no country that could be copied"
    assert not switches(city).current()


def records_of(city: Path) -> int:
    with closing(sqlite3.connect(city / "ciconia.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("off", [True, False])
@pytest.mark.parametrize("how", ["deleted", "changed", "turned back", "its record is gone"])
def test_a_switch_that_somebody_else_touched_is_set_again(run: Run, city: Path, how: str, *, off: bool) -> None:
    last, before = ("disable", "enable") if off else ("enable", "disable")
    run("disable", "permits", *WHY)
    if off:
        run(before, "permits", *WHY)
    columns = "off, reason, since, seal"
    with closing(sqlite3.connect(city / "ciconia.db")) as connection:
        old = connection.execute(f"SELECT {columns} FROM switches").fetchone()  # noqa: S608 - our own names
        run(last, "permits", *WHY)
        known = records_of(city)
        with connection:
            match how:
                case "deleted":
                    connection.execute("DELETE FROM switches")
                case "changed":
                    connection.execute("UPDATE switches SET off = 1 - off")
                case "turned back":
                    connection.execute("UPDATE switches SET off = ?, reason = ?, since = ?, seal = ?", old)
                case _:
                    settings = load_settings(city)
                    keys = load_ledger_keys(settings.key_folder, settings.origin)
                    newest = SwitchRecords(settings.tenant, keys).record(known - 1)
                    connection.execute("DELETE FROM records WHERE record = ?", [newest])
                    known -= 1
    ended = run(last, "permits", *WHY)
    assert (ended.exit_code, "already" in ended.stdout) == (0, False), ended.output
    if how != "its record is gone":  # its place has a leaf already
        assert records_of(city) == known + 1
        assert switches(city).off("party", "permits") is off
        assert "already" in run(last, "permits", *WHY).stdout


def lose_a_record(run: Run, city: Path, how: str) -> None:
    """Switch `permits` off, and have somebody else spoil the record of that."""
    assert run("disable", "permits", *WHY).exit_code == 0
    settings = load_settings(city)
    record = SwitchRecords(settings.tenant, load_ledger_keys(settings.key_folder, settings.origin)).record(0)
    with closing(sqlite3.connect(city / "ciconia.db")) as connection, connection:
        connection.execute(f"UPDATE records SET {how} WHERE record = ?", [record])  # noqa: S608 - our own words


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("how", [f"time = {2**60}", "decision_opening = zeroblob(40)"])
def test_where_a_record_is_lost_a_country_can_be_switched_off_and_the_rest_says_why_not(
    run: Run, city: Path, how: str
) -> None:
    lose_a_record(run, city, how)
    ended = run("disable", "EE", "--kind", "country", *WHY)
    assert ended.exit_code == 0, ended.output
    assert "Off and recorded: country EE." in ended.stdout
    assert "What else is off could not be read" in ended.stderr
    told = json.loads(run("disable", "EE", "--kind", "country", *WHY, "--json").stdout)
    assert (told["ok"], told["off"], told["switches_known"]) == (True, True, False)
    assert run("disable", "permitz", *WHY).exit_code == 1, "a name that there is not is refused as ever"
    for arguments in (("list",), ("enable", "EE", "--kind", "country", *WHY)):
        ended = run(*arguments)
        assert (ended.exit_code, len(ended.stderr.splitlines())) == (2, 1), ended.output
        assert "a record of a switch is gone" in ended.stderr
        assert json.loads(run(*arguments, "--json").stdout)["ok"] is False
    found = CliRunner().invoke(app, ["doctor", "--config", str(city), "--offline", "--json"])
    whats = [problem["what"] for problem in json.loads(found.stdout)["problems"]]
    assert "1 records of switches are gone: what they switched off is not known." in whats
