"""A country that speaks STORK, asked and heard: good answers become assertions, and each check refuses by its name."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any  # a test changes one field by its name

import pytest
from lxml import etree
from xmlsec import constants

from connectors.connector import Ask, Expectation, Inbound, Post
from connectors.formats.saml_response import ResponseHead, failure_element
from connectors.formats.stork.registry import AVAILABLE, BASE, MANDATE, NOT_AVAILABLE, QAA_NOT_SUPPORTED
from connectors.formats.stork.request import StorkRequest, read_request
from connectors.formats.stork.response import StorkAssertion, assertion_element, response_element
from connectors.formats.stork.values import StorkSaid, StorkText
from connectors.profiles import AES256_GCM, KW_AES256, STORK
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import REQUEST as REQUEST_SHAPE
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import encrypt
from connectors.stork import StorkConnector
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName, Form
from policies.authentication import Assertion, Requester
from policies.catalogue import STANDARD
from policies.deviations import SHA1_SIGNATURE
from policies.errors import AssertionRejected, AssuranceTooLow, AuthenticationFailed, PeerUnavailable
from policies.parties import EntityId, IdentityProvider, ProviderId, Source, StorkPeer, SubjectNamespace
from policies.persons import EVERYBODY, PersonKind
from tests.connectors import forge
from tests.connectors.forge import rsa_key
from tests.connectors.metadata.node import rsa_signer
from tests.connectors.stork.made import ACS, ASSERTION, COLLEAGUE_REQUEST, MANDATE_VALUE, NOW, OURS, PEPS, saying

QAA = {"2": LevelOfAssurance.LOW, "3": LevelOfAssurance.SUBSTANTIAL, "4": LevelOfAssurance.HIGH}
# What a person of no powers has
PERSON = saying(mandate=None)
TODAY = forge.How()
OLD = forge.How(signature=constants.TransformRsaSha1, digest=constants.TransformSha1)
HALF_OLD = forge.How(digest=constants.TransformSha1)
Signing = forge.SigningParty
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
TO_US = rsa_signer(7)
HOLDER = (
    "<stork:eIdentifier>KH/ST/0001</stork:eIdentifier><stork:givenName>Mari</stork:givenName>"
    "<stork:surname>Onasis</stork:surname>"
)


@pytest.fixture(scope="module")
def peps() -> Signing:
    return forge.party(forge.rsa_key(5, 2048), BEGIN)


def registered(party: Signing, **changes: Any) -> IdentityProvider:
    source = Source("providers/kh.toml", 1)
    peer = StorkPeer(EntityId(PEPS), "KH", COLLEAGUE_REQUEST, (party.certificate,), source, sp_id="STORKHAVEN")
    return forge.provider(
        b"",
        provider_id=ProviderId("kh"),
        country="KH",
        namespace=SubjectNamespace("stork/KH"),
        entity_id=EntityId(PEPS),
        attributes={},
        assurance=QAA,
        protocol="stork",
        binding="post",
        peer=replace(peer, **changes),
    )


def connector_to(party: Signing, **changes: Any) -> StorkConnector:
    return connector_of(registered(party, **changes))


def connector_of(provider: IdentityProvider) -> StorkConnector:
    return StorkConnector(
        provider=provider,
        entity_id=OURS,
        acs_url=ACS,
        signer=rsa_signer(1),
        unwrappers=[FileUnwrapper(rsa_key(7, 3072), TO_US.certificate, "ours")],
        country="ST",
        catalogue=STANDARD,
    )


EXPECTATION = Expectation(
    provider_id=ProviderId("kh"),
    request_id="_request0001",
    issued_at=NOW - 60,
    minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    force_authentication=True,
)
HEAD = ResponseHead("_response0001", NOW, ACS, "_request0001", PEPS)


def posted(root: Element, party: Signing, how: forge.How = TODAY, ids: tuple[str, ...] = ("_response0001",)) -> Inbound:
    return forge.post(forge.signed(etree.tostring(root), ids, party, how))


def answer(party: Signing, assertion: StorkAssertion = PERSON, how: forge.How = TODAY, **head: Any) -> Inbound:
    return posted(response_element(replace(HEAD, **head), assertion_element(assertion)), party, how)


@pytest.mark.spec("eidas.md §20 middleware; eidas.md §20 level")
def test_a_question_asks_for_the_need_alone_by_post_at_the_lowest_level_that_reaches(peps: Signing) -> None:
    ask = Ask(
        "login",
        LevelOfAssurance.SUBSTANTIAL,
        force_authentication=False,
        attributes=(AttributeName("birthdate"), AttributeName("email"), AttributeName("phone_number")),
        required=frozenset({AttributeName("birthdate")}),
        requester=Requester("City of Storkhaven", "public"),
    )
    sent, expected = connector_to(peps).request(ask, NOW)
    assert isinstance(sent, Post)
    key = key_of_certificate(rsa_signer(1).certificate, STORK)
    message = verify(base64.b64decode(dict(sent.fields)["SAMLRequest"]), [key], REQUEST_SHAPE, STORK)
    assert isinstance(message, SignedMessage)
    request: StorkRequest = read_request(message.signed)
    assert (sent.url, request.destination, request.qaa) == (COLLEAGUE_REQUEST, COLLEAGUE_REQUEST, "3")
    assert {one.name.removeprefix(BASE): one.required for one in request.attributes} == {
        "eIdentifier": True,
        "dateOfBirth": True,
        "eMail": False,
        "citizenQAALevel": False,
    }
    assert request.vidp is not None
    assert (request.vidp.citizen_country, request.vidp.sp_id, request.country) == ("KH", "STORKHAVEN", "ST")
    assert (request.sector_share, request.cross_sector_share, request.cross_border_share) == (False, False, False)
    assert expected.force_authentication


@pytest.mark.spec("eidas.md §20 requested values; decisions.md 22")
def test_whoever_knows_ages_is_asked_for_one_in_place_of_the_birth_date(peps: Signing) -> None:
    birthdate = AttributeName("birthdate")
    ask = Ask(
        "login",
        LevelOfAssurance.LOW,
        force_authentication=True,
        attributes=(birthdate,),
        required=frozenset({birthdate}),
        questions={birthdate: Form("age_over", "18")},
        requester=Requester("City", "public"),
    )
    knows = connector_to(peps, is_age_over=True)
    for connector, name in ((knows, "isAgeOver"), (connector_to(peps), "dateOfBirth")):
        asked = {one.name.removeprefix(BASE): (one.required, one.values) for one in connector._attributes(ask)}
        wanted = (True, ("18",) if name == "isAgeOver" else ())
        assert asked == {"eIdentifier": (True, ()), "citizenQAALevel": (False, ()), name: wanted}
    # Part of a date is not a question that STORK has
    other = replace(ask, questions={birthdate: Form("age_in", "18, 30")})
    assert f"{BASE}dateOfBirth" in [one.name for one in knows._attributes(other)]

    def affirmed(connector: StorkConnector, said: StorkSaid) -> Mapping[AttributeName, Form]:
        told = answer(peps, saying(mandate=None, dateOfBirth=None, isAgeOver=said))
        return connector.receive(told, EXPECTATION, NOW).offered.affirmed

    yes = StorkSaid(AVAILABLE, (StorkText("18"),))
    assert affirmed(knows, yes) == {birthdate: Form("age_over", "18")}
    assert affirmed(knows, StorkSaid(NOT_AVAILABLE)) == {}
    assert affirmed(connector_to(peps), yes) == {}, "whose registration does not say that it knows"


@pytest.mark.spec("eidas.md §21 assertion; eidas.md §21 level")
def test_a_good_answer_is_a_person_in_our_words(peps: Signing) -> None:
    found = connector_to(peps).receive(answer(peps), EXPECTATION, NOW)
    assert found.subject == "KH/ST/0001"
    assert found.offered.loa is LevelOfAssurance.SUBSTANTIAL
    assert found.offered.attributes == {
        "family_name": "Onasis",
        "given_name": "Marí",
        "birthdate": "1887-04-12",
        "person_identifier": "KH/ST/0001",
        "nationality": ("KH", "ST"),
        "address": Address("Pikk 1", "10123", "Tallinn", "", "KH"),
    }
    assert found.deviations == ()


@pytest.mark.spec("eidas.md §21 complex values; decisions.md 28")
def test_who_acts_for_a_company_is_heard_where_the_registration_takes_them(peps: Signing) -> None:
    connector = connector_of(replace(registered(peps), persons=frozenset({PersonKind.FOR_LEGAL})))
    found = connector.receive(answer(peps, ASSERTION), EXPECTATION, NOW)
    assert (found.kind, found.offered.kind, found.subject) == (PersonKind.FOR_LEGAL, PersonKind.FOR_LEGAL, "KH/ST/0001")
    assert found.acting_for is not None
    assert (found.acting_for.kind, found.acting_for.identifier) == (PersonKind.LEGAL, "KH/ST/L1")
    (mandate,) = found.acting_for.mandates
    assert (set(mandate.procedures), mandate.general, mandate.limit) == ({"parking"}, False, (Decimal(1000), "EUR"))
    assert (mandate.valid_from, mandate.valid_to) == (date(2026, 1, 1), date(2027, 1, 1))
    assert found.offered.attributes[AttributeName("legal_name")] == "Nests Ltd"
    assert refusal(connector, answer(peps)) == "representation"
    ask = Ask(
        "login",
        LevelOfAssurance.LOW,
        force_authentication=True,
        requester=Requester("City", "public"),
        persons=frozenset({PersonKind.NATURAL, PersonKind.FOR_LEGAL}),
    )
    assert {one.name: one.required for one in connector._attributes(ask)}[MANDATE] is True


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        # A person and a company in one, on either side; a company that acts for another
        ("<stork:eLPIdentifier>", "<stork:surname>Onasis</stork:surname><stork:eLPIdentifier>", "persons"),
        ("Mari</stork:givenName>", "Mari</stork:givenName><stork:legalName>N</stork:legalName>", "persons"),
        (
            "Onasis</stork:surname></stork:rep",
            "Onasis</stork:surname><stork:legalName>N</stork:legalName></stork:rep",
            "persons",
        ),
        (
            f"<stork:representative>{HOLDER}",
            "<stork:representative><stork:legalName>N</stork:legalName>",
            "legal_representative",
        ),
        ("false</stork:isJoined>", "false</stork:isJoined><stork:isChained>true</stork:isChained>", "mandate_chained"),
        ("false</stork:isJoined>", "false</stork:isJoined><stork:isChained>1</stork:isChained>", "mandate_chained"),
        (">3</stork:AQAA>", ">2</stork:AQAA>", "mandate_aqaa"),
        (">3</stork:AQAA>", ">1</stork:AQAA>", "mandate_aqaa"),
    ],
)
def test_a_mandate_that_bears_no_sign_in_is_refused_by_its_check(peps: Signing, old: str, new: str, check: str) -> None:
    text = etree.tostring(response_element(HEAD, assertion_element(ASSERTION)), encoding="unicode")
    assert old in text
    spoiled = posted(etree.fromstring(text.replace(old, new, 1)), peps)
    connector = connector_of(replace(registered(peps), persons=EVERYBODY))
    connector.receive(posted(etree.fromstring(text), peps), EXPECTATION, NOW)
    assert refusal(connector, spoiled) == check


def test_a_mandate_is_never_surer_than_the_sign_in_and_of_aqaa_1_none_at_any_level(peps: Signing) -> None:
    connector = connector_of(replace(registered(peps), persons=EVERYBODY))
    text = etree.tostring(response_element(HEAD, assertion_element(ASSERTION)), encoding="unicode")

    def at(aqaa: str, minimum: LevelOfAssurance) -> Assertion:
        changed = etree.fromstring(text.replace(">3</stork:AQAA>", f">{aqaa}</stork:AQAA>"))
        return connector.receive(posted(changed, peps), replace(EXPECTATION, minimum_assurance=minimum), NOW)

    assert at("4", LevelOfAssurance.SUBSTANTIAL).offered.loa is LevelOfAssurance.SUBSTANTIAL
    assert at("2", LevelOfAssurance.LOW).acting_for
    with pytest.raises(AssertionRejected) as refused:
        at("1", LevelOfAssurance.LOW)
    assert refused.value.check == "mandate_aqaa"


@pytest.mark.parametrize(("said", "known"), [("1887", "1887"), ("188704", "1887-04"), ("18870412", "1887-04-12")])
def test_a_partial_birth_date_stays_partial(peps: Signing, said: str, known: str) -> None:
    partial = answer(peps, saying(mandate=None, dateOfBirth=StorkSaid(AVAILABLE, (StorkText(said),))))
    assert connector_to(peps).receive(partial, EXPECTATION, NOW).offered.attributes[AttributeName("birthdate")] == known


@pytest.mark.spec("eidas.md §21 encryption")
def test_an_encrypted_assertion_is_opened_within_the_signature(peps: Signing) -> None:
    held = encrypt(assertion_element(PERSON), TO_US.certificate, STORK, content=AES256_GCM, wrap=KW_AES256)
    found = connector_to(peps).receive(posted(response_element(HEAD, held), peps), EXPECTATION, NOW)
    assert found.subject == "KH/ST/0001"


@pytest.mark.spec("eidas.md §21 signature; eidas.md §21 SHA-1")
@pytest.mark.parametrize(("how", "check"), [(OLD, "signature_algorithm"), (HALF_OLD, "digest_algorithm")])
def test_sha_1_is_refused_but_by_its_switch_which_the_answer_then_names(peps: Signing, how: forge.How, check: str) -> None:
    old = answer(peps, how=how)
    assert refusal(connector_to(peps), old) == check
    switched = connector_to(peps, deviations=frozenset({SHA1_SIGNATURE}))
    assert switched.receive(old, EXPECTATION, NOW).deviations == (SHA1_SIGNATURE,)
    assert switched.receive(answer(peps), EXPECTATION, NOW).deviations == ()


def test_a_forged_signature_of_sha_1_is_refused_by_the_switch_too(peps: Signing) -> None:
    switched = connector_to(peps, deviations=frozenset({SHA1_SIGNATURE}))
    assert refusal(switched, answer(forge.party(forge.rsa_key(6, 2048), BEGIN), how=OLD)) == "signature"


def refusal(connector: StorkConnector, inbound: Inbound, now: int = NOW) -> str:
    with pytest.raises(AssertionRejected) as refused:
        connector.receive(inbound, EXPECTATION, now)
    return refused.value.check


def unsigned(_party: Signing) -> Inbound:
    return forge.post(etree.tostring(response_element(HEAD, assertion_element(PERSON))))


def signed_within_alone(party: Signing) -> Inbound:
    return posted(response_element(HEAD, assertion_element(PERSON)), party, ids=("_assertion0001",))


def two(party: Signing) -> Inbound:
    root = response_element(HEAD, assertion_element(PERSON))
    root.append(assertion_element(replace(PERSON, assertion_id="_assertion0002")))
    return posted(root, party)


def failure(party: Signing, sub_status: str = "") -> Inbound:
    return posted(failure_element(HEAD, "urn:oasis:names:tc:SAML:2.0:status:Responder", sub_status), party)


def identified(value: str) -> StorkAssertion:
    return saying(mandate=None, eIdentifier=StorkSaid(AVAILABLE, (StorkText(value),)))


def qaa(value: str) -> StorkAssertion:
    return saying(mandate=None, citizenQAALevel=StorkSaid(AVAILABLE, (StorkText(value),)))


@pytest.mark.spec("eidas.md §21 signature; eidas.md §21 for us; eidas.md §21 citizen's country; eidas.md §20 middleware")
@pytest.mark.parametrize(
    ("make", "check"),
    [
        (unsigned, "signature_missing"),
        (signed_within_alone, "signature_missing"),
        (lambda _party: answer(forge.party(forge.rsa_key(6, 2048), BEGIN)), "signature"),
        (two, "one_assertion"),
        (failure, "status"),
        (lambda party: failure(party, QAA_NOT_SUPPORTED), "status"),
        (lambda party: answer(party, in_response_to="_request0002"), "in_response_to"),
        (lambda party: answer(party, issuer="https://peps.other/PEPS"), "issuer"),
        (lambda party: answer(party, destination="https://city.example/saml/acs"), "destination"),
        # A response for another service
        (lambda party: answer(party, replace(PERSON, audience="https://other.example/stork")), "audience"),
        (lambda party: answer(party, replace(PERSON, recipient="https://other.example/stork/acs")), "recipient"),
        # A middleware that speaks of another country's citizen, or an identifier that was made for another country
        (lambda party: answer(party, identified("SE/ST/0001")), "identifier_country"),
        (lambda party: answer(party, identified("KH/SE/0001")), "identifier_recipient"),
        (lambda party: answer(party, saying(mandate=None, eIdentifier=StorkSaid(NOT_AVAILABLE))), "identifier"),
        (lambda party: answer(party, qaa("2")), "authn_context_too_low"),
        (lambda party: answer(party, qaa("1")), "authn_context_unknown"),
        # Whom nobody registered, whoever else holds the mandate, several, and what says nothing of who acts
        (lambda party: answer(party, ASSERTION), "representation"),
        (lambda party: answer(party, saying(eIdentifier=StorkSaid(AVAILABLE, (StorkText("KH/ST/0002"),)))), "persons"),
        (lambda party: answer(party, saying(mandate=StorkSaid(AVAILABLE, (MANDATE_VALUE, MANDATE_VALUE)))), "persons"),
        (
            lambda party: answer(party, saying(mandate=None, legalName=StorkSaid(AVAILABLE, (StorkText("Nests"),)))),
            "represented",
        ),
        (lambda party: answer(party, replace(PERSON, authn_instant=NOW - 3600)), "authn_instant_stale"),
    ],
)
def test_what_does_not_hold_is_refused_by_its_check(peps: Signing, make: Callable[[Signing], Inbound], check: str) -> None:
    assert refusal(connector_to(peps), make(peps)) == check


def test_a_key_that_ended_is_no_key_and_a_level_that_nobody_reaches_asks_nobody(peps: Signing) -> None:
    late = NOW + 400 * 86400
    with pytest.raises(PeerUnavailable):
        connector_to(peps).receive(answer(peps), EXPECTATION, late)
    ask = Ask("login", LevelOfAssurance.HIGH, force_authentication=True, requester=Requester("City", "public"))
    connector = connector_of(replace(registered(peps), assurance={"2": LevelOfAssurance.LOW}))
    with pytest.raises(AssuranceTooLow):
        connector.request(ask, NOW)
    with pytest.raises(AuthenticationFailed):
        connector_to(peps).receive(failure(peps), EXPECTATION, NOW)
