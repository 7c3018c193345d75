"""What is not the account's that the broker runs as, which root's `ciconia doctor` names."""

import os
from pathlib import Path

import pytest

from idp.doctor.finding import Finding
from idp.doctor.roof import examine_roof
from tests.idp.cli.account import BROKER, give, needs_root
from tests.idp.doctor.ward import ERROR, NOTICE, NOW, edit, examined, machine, only
from tests.idp.doctor.ward import at as finding

ROOT, OTHER = 0, 10002
pytestmark = needs_root


@pytest.fixture
def owned(city: Path) -> Path:
    """The sound folder, all of it the broker's."""
    give(city, BROKER)
    return city


def to(path: Path, account: int, mode: int) -> None:
    os.chown(path, account, account)
    path.chmod(mode)


def owner(found: Finding) -> tuple[str, str, str]:
    assert found.key == "owner"
    return found.severity, found.file, found.fix


def test_a_folder_that_is_all_the_brokers_is_sound(owned: Path) -> None:
    assert examined(owned).ok


def test_a_folder_that_is_all_roots_is_sound(city: Path) -> None:
    assert examined(city).ok


@pytest.mark.parametrize(
    "name",
    [
        "ciconia.toml",
        "parties/parking.toml",
        "metadata/lv.xml",
        "keys/es256.pem",
        "keys/log.key",
        "keys/openings.key",
        "keys/log.vkey",
    ],
)
def test_a_file_that_is_roots_alone_is_named_with_who_cannot_read_it(owned: Path, name: str) -> None:
    to(owned / name, ROOT, 0o600)
    found = only(examined(owned))
    assert owner(found) == (ERROR, name, f"chown {BROKER} {owned / name}")
    assert found.what == f"it belongs to root, and {BROKER}, whose folder it lies in, cannot read it."


@pytest.mark.parametrize("name", ["parties", "keys"])
def test_a_folder_that_is_roots_alone_is_named(owned: Path, name: str) -> None:
    to(owned / name, ROOT, 0o700)
    assert finding(examined(owned), name, "owner").severity is ERROR


def test_a_database_that_the_broker_may_only_read_is_named(owned: Path) -> None:
    to(owned / "ciconia.db", ROOT, 0o644)
    found = finding(examined(owned), "ciconia.db", "owner")
    assert found.severity is ERROR
    assert "cannot write to it" in found.what


def test_a_checkpoint_of_the_witness_that_the_broker_cannot_read_is_named(owned: Path) -> None:
    (owned / "seen").mkdir()
    edit(owned, "ciconia.toml", '"seen.checkpoint"', '"seen"')
    checkpoint = owned / "seen" / "copy.checkpoint"
    checkpoint.write_text("", encoding="utf-8")
    give(owned, BROKER)
    to(checkpoint, ROOT, 0o600)
    assert finding(examined(owned), "seen/copy.checkpoint", "owner").severity is ERROR


def test_a_file_of_another_that_the_broker_can_read_is_a_notice(owned: Path) -> None:
    to(owned / "parties" / "parking.toml", ROOT, 0o644)
    report = examined(owned)
    assert owner(only(report)) == (NOTICE, "parties/parking.toml", f"chown {BROKER} {owned / 'parties' / 'parking.toml'}")
    assert report.ok


def test_what_its_owner_may_not_read_is_named(owned: Path) -> None:
    (owned / "parties" / "parking.toml").chmod(0o044)
    assert owner(only(examined(owned)))[2].startswith("chmod u+rwX ")


def test_in_a_folder_of_roots_the_owner_of_the_keys_has_to_read_it(city: Path) -> None:
    give(city / "keys", BROKER)
    for name in ("ciconia.toml", "ciconia.db"):
        to(city / name, BROKER, 0o600)
    assert examined(city).ok
    party = city / "parties" / "parking.toml"
    party.chmod(0o600)
    found = only(examined(city))
    assert found.what == f"it belongs to root, and {BROKER}, whose the keys are, cannot read it."
    # As where an administrator gives the folder to the broker's group
    os.chown(city / "parties", ROOT, BROKER)
    to(party, ROOT, 0o640)
    os.chown(party, ROOT, BROKER)
    assert examined(city).ok


def test_copies_beside_the_keys_are_nobodys_who_serves(owned: Path) -> None:
    stray = owned / "keys" / "saml.pem.bak"
    stray.write_text("x", encoding="utf-8")
    to(stray, ROOT, 0o600)
    assert only(examined(owned)).key == "saml.pem.bak"


def test_of_several_tenants_each_and_what_stands_beside_them_is_looked_at(owned: Path, tmp_path: Path) -> None:
    roof = tmp_path / "roof"
    (roof / "tenants").mkdir(parents=True)
    (roof / "ciconia.toml").write_text("", encoding="utf-8")
    owned.rename(roof / "tenants" / "city")
    give(roof, BROKER)
    to(roof / "ciconia.toml", ROOT, 0o600)
    to(roof / "tenants" / "city" / "parties" / "parking.toml", OTHER, 0o600)
    report = examine_roof(roof, now=NOW, machine=machine(), fetcher_of=lambda _: None, clock=lambda: NOW)
    found = {one.file: one.what for one in report.findings if one.key == "owner"}
    assert set(found) == {"ciconia.toml", "tenants/city/parties/parking.toml"}
    assert found["tenants/city/parties/parking.toml"].startswith(f"it belongs to {OTHER}, ")


def test_whoever_is_not_root_judges_nobody(owned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to(owned / "parties" / "parking.toml", ROOT, 0o644)
    monkeypatch.setattr("os.geteuid", lambda: BROKER)
    assert examined(owned).ok
