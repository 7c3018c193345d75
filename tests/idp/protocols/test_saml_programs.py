"""Programs without a browser: what a code is worth, to whom, and what a request with one gets (ECP)."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from connectors.connector import Inbound, Post
from connectors.formats.artifact import in_envelope
from connectors.profiles import SAML2INT
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.parse import Element
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import PAOS
from idp.login.frontend import Received
from idp.login.states import Released
from idp.ports import Unit
from idp.protocols.saml.programs import LIFE, Programs, is_code
from policies.assurance import LevelOfAssurance
from policies.attributes import Attribute, AttributeName, Form
from policies.errors import AssertionRejected, Misconfigured, NotFound, ReleaseDenied, RequestRefused
from tests.idp.protocols.doubles import ISSUER, NOW, TENANT
from tests.idp.protocols.test_saml_identity_provider import House
from tests.idp.web.saml_party import ENTITY, NAMES, Heard, SamlParty, verified

PROGRAMS = "https://library.storkhaven.example/saml/ecp"
SERVICE = f'<md:AssertionConsumerService Binding="{PAOS}" Location="{PROGRAMS}" index="5"/>'
ADULT = Attribute(AttributeName("birthdate"), Form("age_over", "18"), value=True)
ECP = "{urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp}"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, across=True, more="ecp = true", wanted=SERVICE)


def begun(house: House, entity: str = ENTITY) -> Received:
    return Programs(house.frontend).receive(Inbound("redirect", {"providerId": entity}), NOW)


def approved(house: House, **changes: object) -> tuple[Released, str]:
    """A release whose row is written, and the code that the citizen reads."""
    programs = Programs(house.frontend)
    found = house.released(ADULT, origin=begun(house).request.origin, loa=LevelOfAssurance.SUBSTANTIAL)
    found = replace(found, grant=replace(found.grant, **changes))  # type: ignore[arg-type] # whichever a test names
    house.store.commit(Unit(tenant=TENANT, parked=programs.parked(found, NOW)))
    answer = programs.answer(found, NOW)
    assert isinstance(answer, Post)
    assert answer.url == f"{ISSUER}/saml/ecp/code", "it stands in no address"
    (code,) = dict(answer.fields).values()
    assert is_code(code)
    return found, code


def asked(house: House, *inside: str, **changes: object) -> Element:
    """A service's request as it gives it to a program."""
    usual = {"Destination": None, "ProtocolBinding": PAOS, "AssertionConsumerServiceURL": PROGRAMS}
    return house.party.request(*inside, **{**usual, **changes})


def basic(code: str, name: str = "anybody") -> str:
    return f"Basic {base64.b64encode(f'{name}:{code}'.encode()).decode()}"


def sent(party: SamlParty, root: Element) -> bytes:
    return in_envelope(sign_enveloped(root, party.signer, place=1, profile=SAML2INT))


def brings(house: House, code: str, *inside: str, now: int = NOW, changes: Mapping[str, object] | None = None) -> Heard:
    """What the program takes to the service, with the code as its citizen's password."""
    root = asked(house, *inside, **(changes or {}))
    octets = Programs(house.frontend).answered(sent(house.party, root), basic(code), now)
    envelope = etree.fromstring(octets)
    told = envelope.find(f".//{ECP}Response")
    assert told is not None
    assert told.get("AssertionConsumerServiceURL") == PROGRAMS
    response = envelope.find(".//samlp:Response", NAMES)
    assert response is not None
    alone = etree.fromstring(etree.tostring(response))
    verified(alone, house.signer.certificate)
    return house.party.heard({"SAMLResponse": base64.b64encode(etree.tostring(alone)).decode()}, house.signer.certificate)


@pytest.mark.spec("SAML ECP 2.0 §2.3.5")
def test_a_program_with_its_citizens_code_gets_the_answer_to_its_own_request_once(house: House) -> None:
    asking = begun(house).request
    assert (asking.force_authentication, asking.ask_anew, asking.at_most) == (True, True, LevelOfAssurance.SUBSTANTIAL)
    _, code = approved(house)
    heard = brings(house, code)
    assert heard.statuses == ["Success"]
    assert heard.root.get("InResponseTo") == house.party.asked[-1]
    assert heard.value("saml:SubjectConfirmationData", "Recipient") == heard.root.get("Destination") == PROGRAMS
    assert heard.attributes[f"{ISSUER}/attributes/age_over_18"] == ["true"]
    with pytest.raises(NotFound):
        brings(house, code)


def test_a_code_may_be_typed_in_small_letters_without_its_lines(house: House) -> None:
    _, code = approved(house)
    assert brings(house, code.replace("-", " ").lower()).statuses == ["Success"]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer x", "Basic", "Basic !", basic(""), basic("secret"), basic("AAAA-" * 5 + "AAAA"), "Basic " + "A" * 5000],
)
def test_a_guess_a_password_and_nothing_get_nothing(house: House, authorization: str) -> None:
    approved(house)
    with pytest.raises(NotFound):
        Programs(house.frontend).answered(sent(house.party, asked(house)), authorization, NOW)


def test_a_code_ends_after_five_minutes_and_is_of_one_service(house: House, tmp_path: Path) -> None:
    _, code = approved(house)
    with pytest.raises(NotFound):
        brings(house, code, now=NOW + LIFE)
    (tmp_path / "o").mkdir()
    entity = "https://other.example"
    other = SamlParty(tmp_path / "o", ISSUER, lambda: NOW, entity=entity, name="other", more="ecp = true", wanted=SERVICE)
    both = house.with_files(other.files)
    foreign = other.request(Destination=None, ProtocolBinding=PAOS, AssertionConsumerServiceURL=PROGRAMS)
    with pytest.raises(NotFound):
        Programs(both.frontend).answered(sent(other, foreign), basic(code), NOW)
    assert brings(house, code).statuses == ["Success"], "and it stays"


@pytest.mark.spec("SAML ECP 2.0 §2.3.2")
@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"AssertionConsumerServiceURL": "https://evil.example/ecp"}, "acs_url"),
        ({"AssertionConsumerServiceURL": "https://library.storkhaven.example/saml/acs"}, "acs_url"),
        ({"Destination": "https://other.example/ecp"}, "destination"),
        ({"IssueInstant": "2020-01-01T00:00:00Z"}, "request_issued"),
    ],
)
def test_what_leaves_open_where_the_answer_goes_is_answered_nowhere(
    house: House, changes: dict[str, str], check: str
) -> None:
    _, code = approved(house)
    with pytest.raises(AssertionRejected) as found:
        brings(house, code, changes=changes)
    assert found.value.check == check
    assert brings(house, code).statuses == ["Success"]


def test_an_unsigned_request_and_one_of_anothers_key_get_nothing_for_a_good_code(house: House, tmp_path: Path) -> None:
    _, code = approved(house)
    (tmp_path / "o").mkdir()
    stranger = SamlParty(tmp_path / "o", ISSUER, lambda: NOW)
    programs, octets = Programs(house.frontend), in_envelope(etree.tostring(asked(house)))
    for envelope in (octets, sent(stranger, asked(house)), b"<a/>", in_envelope(b"")):
        with pytest.raises((PeerRequestRefused, AssertionRejected)):
            programs.answered(envelope, basic(code), NOW)


HIGH = "<saml:AuthnContextClassRef>http://eidas.europa.eu/LoA/high</saml:AuthnContextClassRef>"
NAME = '<req-attr:RequestedAttributes xmlns:req-attr="urn:oasis:names:tc:SAML:protocol:ext:req-attr" '
LISTED = '<samlp:Scoping><samlp:IDPList><samlp:IDPEntry ProviderID="https://ee.example"/></samlp:IDPList></samlp:Scoping>'
MORE = f'{NAME}xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"><md:RequestedAttribute Name="urn:oid:2.5.4.4"/>'


@pytest.mark.parametrize(
    ("inside", "changes", "statuses"),
    [
        (f"<samlp:RequestedAuthnContext>{HIGH}</samlp:RequestedAuthnContext>", {}, ["Responder", "NoAuthnContext"]),
        (f"<samlp:Extensions>{MORE}</req-attr:RequestedAttributes></samlp:Extensions>", {}, ["Requester"]),
        (LISTED, {}, ["Requester"]),
        (LISTED.replace("https://ee.example", f"{ISSUER}/saml/idp"), {}, ["Success"]),
        ("", {"ForceAuthn": "true"}, ["Success"]),
        ("", {"IsPassive": "true"}, ["Success"]),
    ],
)
def test_what_the_citizen_did_not_approve_is_told_by_a_signed_answer(
    house: House, inside: str, changes: dict[str, str], statuses: list[str]
) -> None:
    _, code = approved(house)
    assert brings(house, code, *([inside] if inside else []), changes=changes).statuses == statuses


def test_an_old_sign_in_is_no_forced_one(house: House) -> None:
    _, code = approved(house, authenticated_at=NOW - 280)
    assert brings(house, code, changes={"ForceAuthn": "true"}).statuses == ["Responder", "NoAuthnContext"]


def test_what_was_switched_off_since_does_not_go(house: House) -> None:
    _, code = approved(house)
    house.over = True
    assert brings(house, code).statuses == ["Responder", "RequestDenied"]


def test_a_citizen_who_refuses_has_no_code(house: House) -> None:
    refused = Programs(house.frontend).refuse(begun(house).request.origin, ReleaseDenied(), NOW)
    assert dict(refused.fields) == {"code": ""}


@pytest.mark.spec("saml.md §6")
def test_programs_are_for_services_whose_registration_metadata_and_purpose_say_so(house: House, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    plain = House(tmp_path / "o", across=True, wanted=SERVICE)
    for entity in (ENTITY, "https://nobody.example", ""):
        with pytest.raises(RequestRefused, match="no service whose programs"):
            begun(plain, entity)
    with pytest.raises(RequestRefused, match="no more"):
        Programs(plain.frontend).check_registered(begun(house).request.origin)
    with pytest.raises(AssertionRejected) as found:
        Programs(plain.frontend).answered(sent(plain.party, asked(plain)), basic("x"), NOW)
    assert found.value.check == "protocol_binding"
    for number, change in enumerate(({"across": False, "wanted": SERVICE}, {"across": True})):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(Misconfigured):
            House(tmp_path / str(number), more="ecp = true", **change)  # type: ignore[arg-type] # of two kinds
