"""`ciconia inspect` of STORK by hand: each message as deployed engines wrote it, and why it would be refused."""

from pathlib import Path
from typing import Any  # JSON

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from xmlsec import constants

from connectors.formats.stork.registry import BASE
from tests.connectors import forge
from tests.connectors.stork.made import ACS, COLLEAGUE_REQUEST, NOW, OURS, PEPS
from tests.idp.cli.inspecting import inspect, only
from tests.real.test_stork_as_sent import PARTY, PERSON
from tests.real.wire import filled

TIMES = {"now": forge.clock(NOW), "end": forge.clock(NOW + 300)}
SHA256 = forge.How()


def by_hand(folder: Path, kind: str, *more: str, country: str = "KH") -> list[str]:
    pem = load_der_x509_certificate(PARTY.certificate).public_bytes(Encoding.PEM)
    (folder / "peps.pem").write_bytes(pem)
    who = ["--trust", str(folder / "peps.pem"), "--issuer", PEPS, "--acs", ACS, "--country", country]
    return ["--as", kind, "--profile", "stork", *who, *more, "--at", str(NOW)]


def response(folder: Path, how: forge.How = SHA256, **person: tuple[str, ...]) -> Path:
    names = {"acs": ACS, "issuer": PEPS, "audience": OURS, "failure": "", "statuses": True, "person": PERSON | person}
    octets = forge.signed(filled("stork-response.xml", **TIMES, **names).encode(), ["_response0001"], PARTY, how)
    (folder / "response.xml").write_bytes(octets)
    return folder / "response.xml"


def request(folder: Path, how: forge.How = SHA256, old: str = "", new: str = "") -> Path:
    names = {"acs": ACS, "issuer": PEPS, "destination": COLLEAGUE_REQUEST, "country": "PT", "citizen": "KH"}
    text = filled("stork-request.xml", **TIMES, **names).replace(old, new, 1)
    (folder / "request.xml").write_bytes(forge.signed(text.encode(), ["_request0001"], PARTY, how))
    return folder / "request.xml"


def test_an_answer_is_told_by_its_level_statuses_and_counts(tmp_path: Path) -> None:
    result = only(inspect(response(tmp_path), *by_hand(tmp_path, "response", "--audience", OURS, "--json")))
    message, assertion = result.whole["message"], result.whole["assertion"]
    assert isinstance(message, dict)
    assert isinstance(assertion, dict)
    assert (result.accepted, message["profile"], assertion["loa"]) == (True, "stork", "substantial")
    assert message["attribute_statuses"][f"{BASE}dateOfBirth"] == "NotAvailable"
    assert assertion["attributes"][f"{BASE}surname"] == 1
    assert "ONASIS" not in str(result.whole)
    whole = [*by_hand(tmp_path, "response", "--audience", OURS, "--second-opinion", "--json")]
    assert only(inspect(response(tmp_path), *whole)).accepted


def test_a_question_is_told_by_its_level_service_shares_and_attributes(tmp_path: Path) -> None:
    to_us = by_hand(tmp_path, "authn-request", "--destination", COLLEAGUE_REQUEST, "--json")
    message: Any = only(inspect(request(tmp_path), *to_us)).whole["message"]
    assert (message["qaa"], message["citizen_country"], message["answer_to"]) == ("3", "KH", ACS)
    assert (message["service"]["sector"], message["service"]["id"]) == ("DEMO-SP-SECTOR", "DEMO-SP")
    assert message["shares"] == {"sector": True, "cross_sector": True, "cross_border": True}
    assert message["attributes"] == {f"{BASE}eIdentifier": True, f"{BASE}isAgeOver": False}
    assert message["requested_values"] == {f"{BASE}isAgeOver": ["18"]}


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("<stork:spSector>DEMO-SP-SECTOR</stork:spSector>", "", ""),
        ("Level>3<", "Level>5<", "qaa"),
        ("storkp:eIDSectorShare>true</storkp:eIDSectorShare>", "storkp:eIDCrossSectorShare/>", "extension_order"),
        (">KH</storkp:CitizenCountryCode>", ">SE</storkp:CitizenCountryCode>", "citizen_country"),
        ("isAgeOver", "residencePermit", ""),
        (
            'isAgeOver" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" isRequired="false',
            'residencePermit" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" isRequired="true',
            "required_attribute",
        ),
    ],
)
def test_a_question_is_refused_by_the_check_of_the_frontend(tmp_path: Path, old: str, new: str, check: str) -> None:
    to_us = by_hand(tmp_path, "authn-request", "--destination", COLLEAGUE_REQUEST, "--json")
    found = only(inspect(request(tmp_path, old=old, new=new), *to_us))
    assert (found.check or "", found.accepted) == (check, not check)


def test_old_algorithms_and_other_countries_are_refused_in_plain_words(tmp_path: Path) -> None:
    to_us = by_hand(tmp_path, "response", "--audience", OURS)
    old = inspect(response(tmp_path, forge.How(digest=constants.TransformSha1)), *to_us)
    assert "refused by the check `digest_algorithm`" in old.stdout
    other = inspect(response(tmp_path, eIdentifier=("SE/ST/1",)), *to_us)
    assert "refused by the check `identifier_country`" in other.stdout
    assert "[x]" in other.stdout
    assert "Traceback" not in old.stdout + other.stdout


def test_stork_has_two_kinds_of_messages_and_no_metadata(tmp_path: Path) -> None:
    assert inspect("file", *by_hand(tmp_path, "metadata")).exit_code == 2
    without = inspect("file", "--as", "response", "--profile", "stork", "--audience", OURS, "--acs", ACS)
    assert "--country, --issuer, --trust" in without.output
