"""`ciconia metadata` about a federation: fetched, shown, compared, approved and recorded; doctor says the rest."""

import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from connectors.formats.grammar import written
from idp.store.migrate import migrate
from policies.federations import member_id
from policies.parties import ProviderId
from tests.benchmarks import metadata_made as made
from tests.idp.cli.command import in_process, json_of

COUNT = 5
IDP = next(n for n in range(COUNT) if made.is_provider(n))
FILE = """id = "research"
file = "{file}"
signers = "metadata/research.pem"
approve = true
"""


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    assert in_process("init", folder).returncode == 0
    (folder / "federations").mkdir()
    pem = load_der_x509_certificate(made.certificate("federation")).public_bytes(Encoding.PEM)
    (folder / "metadata").mkdir(exist_ok=True)
    (folder / "metadata" / "research.pem").write_bytes(pem)
    (folder / "federations" / "research.toml").write_text(FILE.format(file=tmp_path / "all.xml"))
    migrate(f"sqlite:///{folder / 'ciconia.db'}")
    publish(tmp_path, 7)
    return folder


def publish(folder: Path, days: int, old: str = "-", new: str = "-") -> None:
    head, *rest = made.unsigned(COUNT, valid_until=written(int(time.time()) + days * 24 * 3600))
    (folder / "all.xml").write_bytes(made.sign(head, "".join(rest).replace(old, new)))


def test_a_federation_is_fetched_approved_shown_and_compared(city: Path) -> None:
    fetched = in_process("metadata", "fetch", "research", "--config", city, "--json")
    assert fetched.returncode == 0, fetched.stderr
    told = json.loads(fetched.stdout.splitlines()[-1])
    assert not told["usable"]
    refused = in_process("metadata", "approve", "research", "--digest", "0" * 64, "--config", city, "--json")
    assert refused.returncode == 1
    approved = in_process("metadata", "approve", "research", "--digest", told["waiting"], "--config", city, "--json")
    assert json_of(approved)["ok"], approved.stderr
    shown = json_of(in_process("metadata", "show", "research", "--config", city, "--json"))
    assert shown["usable"]
    assert shown["entities"] == COUNT
    name = made.entity_id(IDP)
    entity = json_of(in_process("metadata", "show", "research", "--entity", name, "--config", city, "--json"))
    assert str(entity["metadata"]).startswith("<")
    publish(city.parent, 8, "/idp/sso/post", "/idp/sso/next")
    found = json_of(in_process("metadata", "diff", "research", "--config", city, "--json"))
    assert found["added"] == found["removed"] == []
    host = name.removesuffix("/saml")
    assert found["changed"][name] == [f"+ address {host}/idp/sso/next", f"- address {host}/idp/sso/post"]  # type: ignore[index]  # JSON
    assert not list((city / "metadata-copies" / "research").glob(".diff*"))


def test_a_comparison_shows_what_an_entity_is_trusted_by_and_goes_on_past_one_that_cannot_be_read(city: Path) -> None:
    told = json.loads(in_process("metadata", "fetch", "research", "--config", city, "--json").stdout.splitlines()[-1])
    in_process("metadata", "approve", "research", "--digest", told["waiting"], "--config", city, "--json")
    head, *before = made.unsigned(COUNT, valid_until=written(int(time.time()) + 8 * 24 * 3600))
    scope, name = "</shibmd:Scope>", made.entity_id(IDP)
    entities = "".join(before)
    assert scope in entities
    entities = entities.replace(scope, f".example{scope}").replace("/category/", "/other/")
    entities = entities.replace("</md:EntitiesD", "<?x?></md:EntitiesD").replace("<md:SPSSO", "<?x y?><md:SPSSO")
    entities = entities.replace('/idp/sso/post"', '/idp/sso/post" ResponseLocation="https://idp.example/answers"')
    (city.parent / "all.xml").write_bytes(made.sign(head, entities))
    changed = json_of(in_process("metadata", "diff", "research", "--config", city, "--json"))["changed"]
    assert isinstance(changed, dict)
    assert "+ address https://idp.example/answers" in changed[name]
    assert any(one.startswith("+ scope ") and one.endswith(".example") for one in changed[name])
    lines = [one for what in changed.values() for one in what]
    assert any("cannot be read (processing_instruction)" in one for one in lines)
    assert any(one.startswith("- attribute http://macedir.org/entity-category ") for one in lines)


def test_a_refused_federation_is_named_with_who_can_mend_it_and_doctor_says_so(city: Path) -> None:
    (city.parent / "all.xml").write_bytes(
        (city.parent / "all.xml").read_bytes().replace(b"/idp/sso/post", b"/idp/sso/pest")
    )
    fetched = in_process("metadata", "fetch", "research", "--config", city)
    assert fetched.returncode == 1
    assert "Refused (digest)" in fetched.stderr
    findings = json.loads(in_process("doctor", "--config", city, "--json", "--offline").stdout)["problems"]
    assert isinstance(findings, list)
    assert [one["severity"] for one in findings if one["file"] == "federations/research.toml"] == ["error"]


FAMILY = """\
id = "family"
title.en = "Research"
country = "EE"
namespace = "research"
federation = "research"
members = "all"
attributes = { "urn:oid:2.5.4.4" = "family_name" }
assurance = { "urn:x:card" = "low" }
"""


def test_an_operator_finds_the_id_of_a_member_and_switches_it_off(city: Path) -> None:
    (city / "providers").mkdir(exist_ok=True)
    (city / "providers" / "family.toml").write_text(FAMILY, encoding="utf-8")
    assert in_process("metadata", "fetch", "research", "--config", city).returncode == 0
    digest = json_of(in_process("metadata", "diff", "research", "--config", city, "--json"))["digest"]
    assert in_process("metadata", "approve", "research", "--digest", str(digest), "--config", city).returncode == 0
    entity = made.entity_id(IDP)
    shown = json_of(in_process("metadata", "show", "research", "--entity", entity, "--config", city, "--json"))
    member = member_id(ProviderId("family"), entity)
    assert shown["providers"] == [member]
    why = ("--kind", "provider", "--reason", "Their key was stolen", "--config", city)
    for name, code in ((member, 0), ("family~00", 1), (member_id(ProviderId("nobody"), entity), 1)):
        assert in_process("party", "disable", name, *why).returncode == code
