"""Another country asks over STORK: what we judge and refuse by name, what we say of each attribute, and of a refusal."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any  # a test changes one field by its name

import pytest
from lxml import etree
from xmlsec import constants

from connectors.connector import Inbound, Post
from connectors.formats.stork.registry import AVAILABLE, BASE, NOT_AVAILABLE, QAA_NOT_SUPPORTED, WITHHELD
from connectors.formats.stork.request import StorkAttributeRequest, StorkRequest, VidpInformation, request_element
from connectors.formats.stork.response import read_assertion, read_response
from connectors.formats.stork.values import StorkComplex, StorkSaid, texts_of
from connectors.profiles import STORK
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import OR_ENCRYPTED
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.stork_mandates import mandate_value, read_contents
from idp.login.frontend import Declined, Received
from idp.login.states import Grant, Released
from idp.protocols.stork.frontend import StorkFrontend
from idp.protocols.stork.person import asked_data, kinds_asked
from policies.assurance import LevelOfAssurance
from policies.attributes import Attribute, AttributeName, Value
from policies.authentication import Assertion, Offered, ServiceRequest
from policies.catalogue import STANDARD
from policies.deviations import SHA1_SIGNATURE
from policies.errors import AssertionRejected, AssuranceTooLow, BrokerError, ReleaseDenied
from policies.mandates import Mandate
from policies.parties import EntityId, NodeId, ProviderId, RequestingNode, Source, StorkPeer, SubjectNamespace
from policies.persons import PersonKind
from tests.connectors import forge
from tests.connectors.metadata.node import NOW, rsa_signer
from tests.connectors.stork.test_stork_connector import BEGIN

OURS, SSO = "https://node.example/stork", "https://node.example/stork/sso"
THEIRS, ACS = "https://peps.se.example", "https://peps.se.example/PEPS/ColleagueResponse"
SPEPS = forge.party(forge.rsa_key(5, 2048), BEGIN)
OURS_KEY = rsa_signer(1)
SHA1 = forge.How(signature=constants.TransformRsaSha1, digest=constants.TransformSha1)
PERSON: dict[str, Value] = {
    "family_name": "Maasikas",
    "given_name": "Mari",
    "birthdate": "1990-02-28",
    "email": "mari@example.org",
}


def wants(*names: str, required: bool = False) -> tuple[StorkAttributeRequest, ...]:
    """Requests for attributes; `isAgeOver=18` has a value."""
    split = [name.partition("=") for name in names]
    return tuple(StorkAttributeRequest(BASE + name, required, (value,) if value else ()) for name, _, value in split)


REQUEST = StorkRequest(
    request_id="_request0001",
    issue_instant=NOW,
    destination=SSO,
    issuer=THEIRS,
    acs_url=ACS,
    provider_name="Parking in Gamla stan",
    qaa="3",
    attributes=(*wants("eIdentifier", required=True), *wants("surname", "eMail", "isAgeOver=18")),
)


def frontend(**changes: Any) -> StorkFrontend:
    source = Source("nodes/se.toml", 1)
    tell = changes.pop("tell_refusal", False)
    peer = replace(StorkPeer(EntityId(THEIRS), "SE", ACS, (SPEPS.certificate,), source), **changes)
    node = RequestingNode(NodeId("se"), {"en": "Sweden"}, peer, source, tell_refusal=tell)
    return StorkFrontend(
        entity_id=OURS, sso_url=SSO, country="EE", nodes={node.node_id: node}, signer=OURS_KEY, catalogue=STANDARD
    )


def posted(
    request: StorkRequest, by: forge.SigningParty = SPEPS, how: forge.How | None = None, old: str = "", new: str = ""
) -> Inbound:
    text = etree.tostring(request_element(request), encoding="unicode")
    assert old in text
    octets = forge.signed(text.replace(old, new, 1).encode(), [request.request_id], by, how or forge.How())
    return Inbound("post", {"SAMLRequest": base64.b64encode(octets).decode(), "RelayState": "kept"})


def received(request: StorkRequest = REQUEST, **changes: Any) -> ServiceRequest:
    found = frontend(**changes).receive(posted(request), NOW)
    assert isinstance(found, Received), found
    return found.request


@pytest.mark.spec("eidas.md §20 level; eidas.md §20 requested values")
def test_a_request_is_what_it_asks_for_in_our_words() -> None:
    request = received()
    assert {(one.name, str(one.form)) for one in request.asked} == {
        ("birthdate", "age_over(18)"),
        ("email", "exact"),
        ("family_name", "exact"),
        ("person_identifier", "exact"),
    }
    assert request.minimum_assurance is LevelOfAssurance.SUBSTANTIAL
    assert received(replace(REQUEST, qaa="1")).minimum_assurance is LevelOfAssurance.LOW
    whole = received(replace(REQUEST, attributes=wants("dateOfBirth", "isAgeOver=18")))
    assert [(one.name, str(one.form)) for one in whole.asked] == [("birthdate", "exact")]


@pytest.mark.spec("eidas.md §20 order; eidas.md §20 SPInformation; eidas.md §20 citizen's country; eidas.md §20 for us")
@pytest.mark.parametrize(
    ("changes", "registered", "check"),
    [
        ({"destination": "https://node.example/eidas/sso"}, {}, "destination"),
        ({"issue_instant": NOW - 700}, {}, "request_issued"),
        ({"acs_url": "https://evil.example/acs"}, {}, "acs_url"),
        ({"provider_name": "\N{ZERO WIDTH SPACE}"}, {}, "provider_name"),
        ({}, {"middleware": True}, "sp_information"),
        ({"vidp": VidpInformation("FI", "PARKING")}, {}, "citizen_country"),
        ({"attributes": wants("isAgeOver")}, {}, "requested_value"),
        ({"attributes": wants("eIdentifier", "mandate", required=True)}, {}, "persons"),
    ],
)
def test_what_a_request_may_not_mean_is_declined_by_its_check(
    changes: dict[str, Any], registered: dict[str, Any], check: str
) -> None:
    found = frontend(**registered).receive(posted(replace(REQUEST, **changes)), NOW)
    assert isinstance(found, Declined)
    assert isinstance(found.error, PeerRequestRefused)
    assert found.error.check == check
    status, sub_status = codes(frontend(**registered).refuse(found.origin, found.error, NOW))
    assert status == "Requester"
    assert sub_status in ("", "RequestDenied", "InvalidAttrNameOrValue")


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        (">3</stork:Quality", ">5</stork:Quality", "qaa"),
        ('ForceAuthn="true"', 'ForceAuthn="false"', "force_authn"),
        ('IsPassive="false"', 'IsPassive="true"', "is_passive"),
        ("HTTP-POST", "HTTP-Artifact", "protocol_binding"),
        (f'Name="{BASE}eIdentifier"', 'Name="urn:example:unknown"', "unknown_required"),
        (f'Name="{BASE}surname"', f'Name="{BASE}eIdentifier"', "requested_twice"),
        (">18<", ">young<", "requested_value"),
    ],
)
def test_what_a_request_may_not_say_is_declined_by_its_check(old: str, new: str, check: str) -> None:
    found = frontend().receive(posted(REQUEST, old=old, new=new), NOW)
    assert isinstance(found, Declined)
    assert isinstance(found.error, PeerRequestRefused)
    assert found.error.check == check


def test_what_is_required_and_what_nobody_here_can_say_fails_before_anybody_signs_in() -> None:
    for name in ("residencePermit", "age", "hasDegree"):
        found = frontend().receive(posted(replace(REQUEST, attributes=wants("eIdentifier", name, required=True))), NOW)
        assert isinstance(found, Declined)
        assert isinstance(found.error, PeerRequestRefused)
        assert (found.error.check, name in found.error.detail) == ("required_attribute", True)
        assert codes(frontend().refuse(found.origin, found.error, NOW)) == ("Responder", "RequestDenied")
    # The level always has an answer, and whoever does not insist gets the status
    kinds = (*wants("citizenQAALevel", "isAgeOver=18", required=True), *wants("residencePermit"))
    request = received(replace(REQUEST, attributes=kinds))
    assert answered(request, judged(request, PERSON))["residencePermit"] == StorkSaid(NOT_AVAILABLE)


@pytest.mark.spec("eidas.md §21 SHA-1; eidas.md §20 signature")
def test_nobody_vouches_for_a_strange_key_an_old_algorithm_or_another_binding() -> None:
    for check, inbound in (
        ("signature", posted(REQUEST, by=forge.party(forge.rsa_key(6, 2048), BEGIN))),
        ("signature_algorithm", posted(REQUEST, how=SHA1)),
        ("binding", Inbound("redirect", {}, "SAMLRequest=x")),
    ):
        with pytest.raises(PeerRequestRefused) as refused:
            frontend().receive(inbound, NOW)
        assert refused.value.check == check
    switched = frontend(deviations=frozenset({SHA1_SIGNATURE}))
    for how, used in ((SHA1, (SHA1_SIGNATURE,)), (None, ())):
        found = switched.receive(posted(REQUEST, how=how), NOW)
        assert isinstance(found, Received)
        assert found.deviations == used


def judged(
    request: ServiceRequest, person: dict[str, Value], kind: PersonKind = PersonKind.NATURAL
) -> tuple[Attribute, ...]:
    offered = Offered({AttributeName(name): value for name, value in person.items()}, LevelOfAssurance.HIGH)
    assertion = Assertion(
        ProviderId("national"), EntityId("i"), SubjectNamespace("n"), "s", offered, "_r", "_a", NOW, NOW + 300
    )
    between = {AttributeName("person_identifier"): "EE/SE/abc"}
    if kind is PersonKind.FOR_LEGAL:
        between[AttributeName("legal_person_identifier")] = "EE/SE/12345678"
    return asked_data(kind, request.asked, assertion, between, STANDARD, datetime.fromtimestamp(NOW, UTC).date())


def released(request: ServiceRequest, attributes: tuple[Attribute, ...], left_out: tuple[str, ...] = ()) -> Released:
    grant = Grant(
        origin=request.origin,
        purpose_id=request.purpose_id,
        provider_id=ProviderId("national"),
        sub="EE/SE/abc",
        loa=LevelOfAssurance.HIGH,
        context="4",
        authenticated_at=NOW - 3,
        attributes=attributes,
        left_out=tuple(map(AttributeName, left_out)),
    )
    return Released(grant, b"k" * 32)


def answered(
    request: ServiceRequest, attributes: tuple[Attribute, ...], left_out: tuple[str, ...] = (), **changes: Any
) -> dict[str, StorkSaid]:
    sent = frontend(**changes).answer(released(request, attributes, left_out), NOW)
    response, (held,) = opened(sent)
    assert response == ("_request0001", ACS, OURS)
    return {uri.removeprefix(BASE): said for uri, said in read_assertion(held).attributes.items()}


def opened(sent: Post) -> tuple[tuple[str, str, str], tuple[Element, ...]]:
    assert sent.url == ACS
    octets = base64.b64decode(dict(sent.fields)["SAMLResponse"])
    message = verify(octets, [key_of_certificate(OURS_KEY.certificate, STORK)], OR_ENCRYPTED, STORK)
    assert isinstance(message, SignedMessage)
    response, held = read_response(message.signed)
    return (response.in_response_to, response.destination, response.issuer), held


def codes(sent: Post) -> tuple[str, str]:
    octets = base64.b64decode(dict(sent.fields)["SAMLResponse"])
    message = verify(octets, [key_of_certificate(OURS_KEY.certificate, STORK)], OR_ENCRYPTED, STORK)
    assert isinstance(message, SignedMessage)
    response, held = read_response(message.signed)
    assert held == ()
    return response.status.rpartition(":")[2], response.sub_status.rpartition(":")[2]


@pytest.mark.spec("eidas.md §21 attribute status; eidas.md §21 level; decisions.md 29")
def test_each_attribute_that_was_asked_has_a_status_and_the_level_is_one_of_them() -> None:
    request = received()
    everything = judged(request, PERSON)
    said = answered(request, everything)
    assert {name: one.status for name, one in said.items()} == dict.fromkeys(
        ("eIdentifier", "surname", "eMail", "isAgeOver", "citizenQAALevel"), AVAILABLE
    )
    values = {BASE + name: one for name, one in said.items()}
    assert texts_of(values, f"{BASE}eIdentifier") == ("EE/SE/abc",)
    assert texts_of(values, f"{BASE}isAgeOver") == ("18",)
    assert texts_of(values, f"{BASE}citizenQAALevel") == ("4",)
    less = tuple(one for one in everything if one.name != "email")
    assert answered(request, less, ("email",))["eMail"].status == NOT_AVAILABLE
    assert answered(request, less, ("email",), tell_refusal=True)["eMail"].status == WITHHELD
    assert answered(request, less, (), tell_refusal=True)["eMail"].status == NOT_AVAILABLE


@pytest.mark.spec("decisions.md 22")
def test_too_young_is_shown_to_the_citizen_and_told_as_not_available() -> None:
    request = received()
    young = judged(request, {**PERSON, "birthdate": "2015-01-01"})
    assert next(one for one in young if one.name == "birthdate").value is False
    assert answered(request, young)["isAgeOver"] == StorkSaid(NOT_AVAILABLE)
    # A year of which a day is too young is a no, and a whole date answers both
    assert next(one for one in judged(request, {**PERSON, "birthdate": "2008"}) if one.name == "birthdate").value is False
    whole = received(replace(REQUEST, attributes=wants("dateOfBirth", "isAgeOver=18")))
    said = answered(whole, judged(whole, PERSON))
    assert (said["dateOfBirth"].status, said["isAgeOver"].status) == (AVAILABLE, AVAILABLE)


def test_what_is_required_and_missing_ends_the_sign_in_and_says_nobodys_value() -> None:
    request = received(replace(REQUEST, attributes=wants("gender", "surname", required=True)))
    with pytest.raises(AssertionRejected) as refused:
        judged(request, {**PERSON, "gender": "Maasikas"})
    assert refused.value.check == "required_attribute"
    assert "gender" in refused.value.detail
    assert "Maasikas" not in refused.value.detail


@pytest.mark.spec("decisions.md 29")
@pytest.mark.parametrize(
    ("error", "registered", "said"),
    [
        (lambda: ReleaseDenied("refused"), {}, ("Responder", "AuthnFailed")),
        (lambda: ReleaseDenied("refused"), {"tell_refusal": True}, ("Requester", "RequestDenied")),
        (lambda: AssuranceTooLow("x", "y"), {}, ("Responder", QAA_NOT_SUPPORTED.rpartition(":")[2])),
    ],
)
def test_a_refusal_says_no_more_than_the_registration_lets_it(
    error: Callable[[], BrokerError], registered: dict[str, Any], said: tuple[str, str]
) -> None:
    assert codes(frontend(**registered).refuse(received().origin, error(), NOW)) == said


COMPANY: dict[str, Value] = {
    **PERSON,
    "legal_person_identifier": "EE/SE/12345678",
    "legal_name": "Nests Ltd",
    "mandate": Mandate(
        procedures=frozenset({"parking"}), valid_to=date(2027, 1, 1), limit=(Decimal(500), "EUR"), joint=False
    ).text,
}
MANDATED = replace(REQUEST, attributes=(*wants("eIdentifier", required=True), *wants("mandate", "isAgeOver=18")))


@pytest.mark.spec("eidas.md §21 complex values; decisions.md 28")
def test_who_acts_for_a_company_is_answered_with_a_whole_mandate() -> None:
    request = received(MANDATED)
    assert kinds_asked(request.asked) == {PersonKind.NATURAL, PersonKind.FOR_NATURAL, PersonKind.FOR_LEGAL}
    said = answered(request, judged(request, COMPANY, PersonKind.FOR_LEGAL))
    (mandate,) = said["mandate"].values
    assert isinstance(mandate, StorkComplex)
    (represented,), (acting,) = mandate.complexes("represented"), mandate.complexes("representative")
    assert (represented.text("eLPIdentifier"), represented.text("legalName")) == ("EE/SE/12345678", "Nests Ltd")
    assert (acting.text("eIdentifier"), acting.text("surname")) == ("EE/SE/abc", "Maasikas")
    assert [one.text for one in read_contents(mandate)] == [str(COMPANY["mandate"])]
    # Alone, nobody has a mandate; and a mandate without its bounds is none
    assert answered(request, judged(request, COMPANY))["mandate"] == StorkSaid(NOT_AVAILABLE)
    with pytest.raises(AssertionRejected, match="mandate"):
        judged(request, {**COMPANY, "mandate": "{}"}, PersonKind.FOR_LEGAL)


def test_a_general_mandate_is_one_code_and_never_read_as_general() -> None:
    value = mandate_value(StorkComplex(()), StorkComplex(()), (Mandate(general=True),))
    assert read_contents(value) == (Mandate(procedures=frozenset({"general"})),)
    backwards = StorkComplex((("validFrom", "2027-01-02"), ("validTo", "2027-01-01")))
    spoiled = StorkComplex((("mandateContent", StorkComplex((("typePower", "x"), ("timeRestriction", backwards)))),))
    with pytest.raises(AssertionRejected):
        read_contents(spoiled)
