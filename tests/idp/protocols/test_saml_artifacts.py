"""Answers by artifact: who gets the message of one, how often, and until when."""

import base64
import hashlib
from copy import copy
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from connectors.connector import Redirect
from connectors.formats.artifact import ArtifactResolve, ArtifactResponse
from connectors.wire.names import ARTIFACT
from idp.login.states import Approved, Judged, Released
from idp.ports import ApprovalRows, Unit
from idp.protocols.saml.logout_asked import Owed
from idp.protocols.saml.question import SamlQuestion
from policies.assurance import LevelOfAssurance
from policies.attributes import Attribute, AttributeName, Form
from policies.authentication import Origin
from policies.errors import AssertionRejected, ReleaseDenied
from policies.parties import ServiceId
from policies.release import Decision
from tests.idp.protocols.doubles import ISSUER, NOW, TENANT
from tests.idp.protocols.test_saml_identity_provider import House
from tests.idp.web.saml_party import ARTIFACTS, NAMES, Heard, SamlParty, verified

BY_ARTIFACT = {"ProtocolBinding": ARTIFACT, "AssertionConsumerServiceURL": ARTIFACTS}
ADULT = Attribute(AttributeName("birthdate"), Form("age_over", "18"), value=True)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, artifacts=True)


def released(house: House, approved: Approved | None = None) -> tuple[Released, str]:
    """A release whose row is written, and the artifact that the browser carries."""
    found = house.released(ADULT, origin=house.accepted(**BY_ARTIFACT).origin, approved=approved)
    house.store.commit(Unit(tenant=TENANT, parked=house.frontend.parked(found, NOW)))
    answer = house.frontend.answer(found, NOW)
    assert isinstance(answer, Redirect)
    query = parse_qs(urlsplit(answer.url).query)
    assert answer.url.startswith(ARTIFACTS + "&")
    assert (query["from"], query["RelayState"]) == (["us"], ["to the shelf"])
    return found, query["SAMLart"][0]


def resolved(house: House, envelope: bytes, *, now: int = NOW, certificate: bytes = b"") -> Heard | None:
    """The Response that the service gets; None where the answer says that there is none."""
    octets = house.frontend.artifacts.resolved(envelope, certificate, now)
    answer = etree.fromstring(octets).find(".//samlp:ArtifactResponse", NAMES)
    assert answer is not None
    verified(etree.fromstring(etree.tostring(answer)), house.signer.certificate)
    codes = [str(one.get("Value")) for one in answer.iterfind("samlp:Status/samlp:StatusCode", NAMES)]
    assert codes == ["urn:oasis:names:tc:SAML:2.0:status:Success"]
    response = answer.find("samlp:Response", NAMES)
    if response is None:
        return None
    fields = {"SAMLResponse": base64.b64encode(etree.tostring(response)).decode()}
    return house.party.heard(fields, house.signer.certificate)


@pytest.mark.spec("saml.md §4")
def test_a_service_fetches_its_answer_once_and_a_second_time_there_is_none(house: House) -> None:
    _, artifact = released(house)
    octets = base64.b64decode(artifact)
    assert (len(octets), octets[:4]) == (44, b"\x00\x04\x00\x00")
    assert octets[4:24] == hashlib.sha1(f"{ISSUER}/saml/idp".encode(), usedforsecurity=False).digest()
    heard = resolved(house, house.party.resolves(artifact))
    assert heard is not None
    assert heard.attributes[f"{ISSUER}/attributes/age_over_18"] == ["true"]
    assert heard.root.get("Destination") == ARTIFACTS
    assert resolved(house, house.party.resolves(artifact)) is None
    assert not house.store.rows


@pytest.mark.spec("saml.md §4")
def test_guessed_late_and_anothers_artifacts_have_no_message_and_what_is_anothers_stays(
    house: House, tmp_path: Path
) -> None:
    _, artifact = released(house)
    octets = base64.b64decode(artifact)
    guessed = base64.b64encode(octets[:-1] + bytes([octets[-1] ^ 1])).decode()
    for text in (guessed, "AAQ=", "x"):
        assert resolved(house, house.party.resolves(text)) is None
    (tmp_path / "other").mkdir()
    other = SamlParty(tmp_path / "other", ISSUER, lambda: NOW, entity="https://museum.example")
    files = {name.replace("library", "museum"): text.replace("library", "museum") for name, text in other.files.items()}
    both = house.with_files(files)
    assert resolved(both, other.resolves(artifact)) is None
    assert resolved(both, house.party.resolves(artifact)) is not None
    _, late = released(house)
    assert resolved(house, house.party.resolves(late), now=NOW + 61) is None


@pytest.mark.spec("saml.md §4")
def test_whoever_does_not_prove_to_be_the_service_gets_no_answer(house: House, tmp_path: Path) -> None:
    _, artifact = released(house)
    (tmp_path / "stranger").mkdir()
    stranger = SamlParty(tmp_path / "stranger", ISSUER, lambda: NOW)
    nobody, disguised = copy(stranger), copy(house.party)
    nobody.entity = disguised.entity = "https://nobody.example"
    refused = {
        "signature": (stranger.resolves(artifact), b""),
        # Who is not registered hears no other word
        "signature ": (nobody.resolves(artifact), b""),
        "signature_missing  ": (nobody.resolves(artifact, signed=False), house.party.signer.certificate),
        "issuer": (disguised.resolves(artifact), b""),
        "signature_missing": (house.party.resolves(artifact, signed=False), b""),
        "signature_missing ": (house.party.resolves(artifact, signed=False), stranger.signer.certificate),
        "destination": (house.party.resolves(artifact, Destination="https://other.example"), b""),
        "request_issued": (house.party.resolves(artifact, IssueInstant="2020-01-01T00:00:00Z"), b""),
        "soap": (b"<a/>", b""),
    }
    for check, (envelope, certificate) in refused.items():
        with pytest.raises(AssertionRejected) as refusal:
            house.frontend.artifacts.resolved(envelope, certificate, NOW)
        assert refusal.value.check == check.strip()
    # By TLS, with a key of its metadata
    by_tls = house.party.resolves(artifact, signed=False)
    assert resolved(house, by_tls, certificate=house.party.signer.certificate) is not None


@pytest.mark.spec("saml.md §4")
def test_a_question_without_destination_is_answered_as_shibboleth_asks_it(house: House) -> None:
    _, artifact = released(house)
    assert resolved(house, house.party.resolves(artifact, Destination="")) is not None


def test_what_was_switched_off_since_is_not_fetched(house: House) -> None:
    _, artifact = released(house)
    house.over = True
    assert resolved(house, house.party.resolves(artifact)) is None


def test_what_was_released_for_a_remembered_approval_is_not_fetched_once_it_is_taken_back(house: House) -> None:
    approved = Approved(b"s" * 32, NOW, "", "")
    judged = Judged("s" * 52, LevelOfAssurance.HIGH, "", Decision(()), approved.subject)
    request = house.accepted(**BY_ARTIFACT)
    before = house.approvals.standing(approved.subject, request.origin.service, request.purpose_id, NOW)
    row = house.approvals.kept(before, judged, frozenset(), NOW, NOW + 99)
    house.store.commit(Unit(tenant=TENANT, approvals=ApprovalRows((row,))))
    _, control = released(house, approved)
    assert resolved(house, house.party.resolves(control)) is not None
    _, artifact = released(house, approved)
    house.store.commit(Unit(tenant=TENANT, approvals=house.approvals.forgotten(before, NOW)))
    assert resolved(house, house.party.resolves(artifact)) is None


def test_a_refusal_is_posted_to_the_default_address(house: House) -> None:
    origin = house.accepted(**BY_ARTIFACT).origin
    assert house.told(origin, ReleaseDenied("refused")).root.get("Destination") == house.party.acs


def test_no_message_artifact_or_relay_state_is_in_a_repr() -> None:
    made = (
        ArtifactResolve("_1", 0, "", "", "Õunapuu", signed=True, octets="Õunapuu".encode()),
        ArtifactResponse(0, "", "", "", signed=True, octets="Õunapuu".encode(), message="Õunapuu".encode()),
        SamlQuestion("", "Õunapuu"),
        Origin("saml", ServiceId("hall"), "", protocol="Õunapuu"),
        Owed("hall", "_1", "Õunapuu", to="Õunapuu"),
    )
    assert not [one for one in made if "unapuu" in repr(one)]
