"""`ciconia party add-saml`, as an operator runs it: what is written, what is told, and what is left of a refusal."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.config.folder import load_configuration
from policies.parties import ClientId
from policies.registrations.saml_service import SubjectKind
from tests.idp.cli.keys_said import said
from tests.idp.cli.test_party_command import contents
from tests.idp.web.saml_party import ACS, ENTITY, SamlParty


@pytest.fixture
def city(with_purpose: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration without a party."""
    return Path(shutil.copytree(with_purpose, tmp_path_factory.mktemp("party") / "city"))


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    path = tmp_path / "library.xml"
    path.write_text(SamlParty(tmp_path, "", lambda: 0).metadata())
    return path


def add(city: Path, metadata: Path, *more: str) -> Result:
    arguments = ["party", "add-saml", "library", "--metadata", str(metadata), "--purpose", "resident-parking"]
    return CliRunner().invoke(app, [*arguments, "--config", str(city), *more])


def test_a_service_is_registered_for_what_its_purpose_needs_and_its_operator_is_told_our_entity(
    city: Path, metadata: Path
) -> None:
    before = contents(city)
    found = said(add(city, metadata, "--subject", "persistent", "--json"))
    assert (found["entity_id"], found["acs_urls"], found["encrypted"]) == (ENTITY, [ACS], True)
    assert found["our_metadata"] == "https://login.city.example/saml/idp"
    assert set(contents(city)) - set(before) == {"parties/library.toml", "metadata/library.xml"}
    party = load_configuration(city).parties[ClientId("library")]
    assert party.saml is not None
    assert (party.saml.subject, party.enforce) == (SubjectKind.PERSISTENT, True)
    assert {name: str(rule.form) for name, rule in party.attributes.items()} == found["attributes"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("SPSSODescriptor", "IDPSSODescriptor", "exactly one SPSSODescriptor"),
        ("<md:SPSSODescriptor", "<!DOCTYPE a><md:SPSSODescriptor", "doctype"),
        ('use="signing"', 'use="encryption"', "no certificate for signing"),
        ("<md:EntityDescriptor", '<md:EntityDescriptor validUntil="2001-01-01T00:00:00Z"', "has ended"),
        ("<md:SPSSODescriptor", '<md:SPSSODescriptor validUntil="2001-01-01T00:00:00Z"', "has ended"),
    ],
)
def test_metadata_that_is_none_of_a_service_is_refused_and_nothing_is_left(
    city: Path, metadata: Path, old: str, new: str, words: str
) -> None:
    before = contents(city)
    metadata.write_text(metadata.read_text().replace(old, new))
    result = add(city, metadata)
    assert (result.exit_code, words in result.stderr) == (1, True), result.output
    assert contents(city) == before


def test_a_service_shares_a_sign_in_of_a_group_that_there_is(city: Path, metadata: Path) -> None:
    assert "session_group" in add(city, metadata, "--group", "city").output
    (city / "session_groups.toml").write_text("[city]\n")
    # Each word of a logout would name the citizen
    assert "subject" in add(city, metadata, "--group", "city", "--subject", "persistent").output
    assert not (city / "parties/library.toml").exists()
    assert add(city, metadata, "--group", "city").exit_code == 0
    assert load_configuration(city).parties[ClientId("library")].openid.logout.session_group == "city"


def test_metadata_that_ends_later_is_taken(city: Path, metadata: Path) -> None:
    later = '<md:EntityDescriptor validUntil="2999-01-01T00:00:00Z"'
    metadata.write_text(metadata.read_text().replace("<md:EntityDescriptor", later))
    assert "2999" in metadata.read_text()
    assert add(city, metadata).exit_code == 0


def test_a_name_that_is_taken_and_a_sector_that_is_missing_are_refused_and_nothing_is_left(
    city: Path, metadata: Path
) -> None:
    assert add(city, metadata, "--subject", "subject-id").exit_code == 1
    assert add(city, metadata, "--subject", "subject-id", "--sector", "culture").exit_code == 0
    before = contents(city)
    assert add(city, metadata).exit_code == 1
    assert contents(city) == before
