"""Companies, and whoever acts for another, at a sending node: who may be asked for, what goes, and what the page says."""

import re
from dataclasses import dataclass, field, replace

import pytest

from connectors.connector import Inbound
from connectors.eidas import EidasConnector
from connectors.formats.eidas.registry import (
    LEGAL_PERSON,
    NATURAL_PERSON,
    REPRESENTATIVE_NATURAL_PERSON,
)
from connectors.formats.eidas.request import RequestedAttribute, asked_attributes
from idp.demo.citizens import HIGH, NAMES, Citizen
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.authentication import Assertion
from policies.catalogue import STANDARD
from policies.errors import AssertionRejected
from policies.mandates import Mandate
from policies.persons import EVERYBODY, NATURAL_ALONE, PersonKind
from tests.connectors.eidas.node import KnownNodes, SendingNode, expectation
from tests.idp.staging import Lines
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import KNOWN, LICENCE, OTHER_LOA, Opened
from tests.idp.web_node.stage import NodeStage
from tests.idp.web_node.test_node_addresses import metadata
from tests.idp.web_node.test_node_login import MARI

SCOPE = "http://data.europa.eu/p4s/attributes/PowerOfRepresentationScope"
COMPANY = {"urn:ee:company:number": "12345678", "urn:ee:company:name": "Maasikad OÜ"}
WARD = {
    "urn:ee:ward:number": "EE-61503040002",
    "urn:ee:ward:family": "Maasikas",
    "urn:ee:ward:given": "Juku",
    "urn:ee:ward:born": "2015-03-04",
}
LEGAL = asked_attributes(sets=(LEGAL_PERSON,))
BOTH = asked_attributes(sets=(NATURAL_PERSON, LEGAL_PERSON))


@dataclass(frozen=True, slots=True)
class Acting(Citizen):
    """A citizen with what the country's registers say beside."""

    more: dict[str, str] = field(default_factory=dict)

    @property
    def wire(self) -> dict[str, str]:
        return {NAMES[key]: value for key, value in self.attributes.items()} | self.more


def mari(*registers: dict[str, str], **more: str) -> Acting:
    merged = {wire: value for register in registers for wire, value in register.items()}
    return Acting("m", "", HIGH, MARI, more=merged | {f"urn:ee:{name}": value for name, value in more.items()})


def company() -> Acting:
    """A company by itself: its number is what its certificate says, and nobody's name is there."""
    return Acting("c", "", HIGH, {"person_identifier": "12345678"}, more=COMPANY)


@pytest.fixture(autouse=True)
def _registered(stage: NodeStage) -> None:
    stage.publish(stage.lv)


def informed(browser: Browser, who: Acting, attributes: tuple[RequestedAttribute, ...]) -> Answer:
    provider = "companies" if who == company() else "national"
    return browser.informed(who, peer=browser.stage.lv, provider=provider, attributes=attributes)


def opened(browser: Browser, page: Answer, acting: str = "", **pressed: str) -> Opened:
    page = browser.acts(page, acting) if acting else page
    return browser.opened(browser.decides(page, **pressed), browser.stage.lv)


def said(answer: Opened) -> dict[str, str]:
    assert answer.assertion is not None
    start = "http://eidas.europa.eu/attributes/"
    return {uri.removeprefix(start): values[0].text for uri, values in answer.assertion.attributes.items()}


@pytest.mark.spec("eidas.md §5 representatives")
@pytest.mark.spec("eidas.md §4 natural and legal persons")
def test_a_person_acts_for_a_company_whose_attributes_are_the_plain_ones(browser: Browser) -> None:
    page = informed(browser, mari(COMPANY), LEGAL)
    assert "Maasikad OÜ" in page.text
    assert "Latvia" in page.text
    assert not page.found("//input[@type='radio']")
    answer = opened(browser, page)
    assert answer.assertion is not None
    assert answer.assertion.sets == {LEGAL_PERSON, REPRESENTATIVE_NATURAL_PERSON}
    found = said(answer)
    assert found["legalperson/LegalPersonIdentifier"] == "EE/LV/12345678", "the register's number, as every register has it"
    assert found["legalperson/LegalName"] == "Maasikad OÜ"
    assert found["naturalperson/representative/CurrentGivenName"] == "Mari"
    assert re.fullmatch(r"EE/LV/[a-z2-7]{52}", found["naturalperson/representative/PersonIdentifier"])
    assert len(found) == 6


@pytest.mark.spec("eidas.md §5 representatives")
def test_a_person_acts_for_another_person(browser: Browser) -> None:
    page = informed(browser, mari(WARD), asked_attributes())
    assert [label.strip() for label in page.found("//label//text()") if label.strip()] == ["For yourself", "Juku Maasikas"]
    answer = opened(browser, page, acting="1")
    assert answer.assertion is not None
    assert answer.assertion.sets == {NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON}
    found = said(answer)
    assert found["naturalperson/CurrentGivenName"] == "Juku"
    assert found["naturalperson/representative/CurrentGivenName"] == "Mari"
    # Who is represented is the same person in their own sign-in, and the two are told apart by the NameID
    alone = said(opened(browser, informed(browser, mari(WARD), asked_attributes()), acting="0"))
    assert alone["naturalperson/PersonIdentifier"] == found["naturalperson/representative/PersonIdentifier"]
    juku = Acting("j", "", HIGH, {**MARI, "given_name": "Juku", "person_identifier": WARD["urn:ee:ward:number"]})
    themself = opened(browser, informed(browser, juku, asked_attributes()))
    assert said(themself)["naturalperson/PersonIdentifier"] == found["naturalperson/PersonIdentifier"]
    assert themself.assertion is not None
    assert answer.assertion.subject.value not in {themself.assertion.subject.value, *found.values(), *alone.values()}


def test_a_company_by_itself_needs_nobody(browser: Browser) -> None:
    answer = opened(browser, informed(browser, company(), LEGAL))
    assert said(answer) == {
        "legalperson/LegalPersonIdentifier": "EE/LV/12345678",
        "legalperson/LegalName": "Maasikad OÜ",
    }


def test_where_one_may_act_for_several_they_choose_and_only_that_goes(browser: Browser) -> None:
    attributes = (*BOTH, *asked_attributes((f"{NATURAL_PERSON}/CurrentAddress",))[4:])
    who = mari(COMPANY)
    page = informed(browser, who, attributes)
    assert page.found("//input[@name='acting']/@value") == ["0", "1"]
    alone, acting = (said(opened(browser, informed(browser, who, attributes), acting=place)) for place in "01")
    assert {uri.rpartition("/")[0] for uri in alone} == {"naturalperson"}
    assert {uri.rpartition("/")[0] for uri in acting} == {"legalperson", "naturalperson/representative"}
    name = "naturalperson/representative/PersonIdentifier"
    assert acting[name] == alone["naturalperson/PersonIdentifier"], "one person, whoever they act for"


@pytest.mark.parametrize("place", ["9", "-1", "x", ""])
def test_a_choice_that_the_page_does_not_have_releases_nothing(browser: Browser, place: str) -> None:
    page = informed(browser, mari(WARD), asked_attributes())
    for refused in (browser.acts(page, place), browser.presses(page), browser.presses(page, acting="1")):
        assert refused.status == 400
        assert "SAMLResponse" not in refused.text


def test_no_page_of_one_answer_takes_a_choice_of_whom(browser: Browser) -> None:
    page = browser.informed()
    assert (browser.presses(page, acting="0").status, browser.acts(page, "0").status) == (400, 400)


def test_a_box_of_another_answer_is_no_box_of_this_one(browser: Browser) -> None:
    attributes = (*BOTH, RequestedAttribute(f"{LEGAL_PERSON}/VATRegistrationNumber", required=False))
    who = mari(COMPANY, {"urn:ee:company:vat": "EE123"})
    page = informed(browser, who, attributes)
    alone, acting = (browser.acts(page, place) for place in "01")
    assert not alone.found("//input[@type='checkbox']")
    assert acting.found("//input[@type='checkbox']/@name") == ["share.vat_number"]
    box = {"share.vat_number": "yes"}
    assert browser.presses(alone, **box).status == 400
    assert said(opened(browser, acting, **box))["legalperson/VATRegistrationNumber"] == "EE123"


def test_a_node_that_is_registered_for_persons_alone_hears_of_no_company(browser: Browser) -> None:
    declined = browser.asks(attributes=LEGAL)
    assert browser.opened(declined).codes[:2] == ("Requester", "InvalidAttrNameOrValue")
    assert "persons" in browser.opened(declined).codes[2]
    found = browser.opened(browser.decides(browser.informed(mari(COMPANY), attributes=BOTH)))
    assert found.assertion is not None
    assert found.assertion.sets == {NATURAL_PERSON}


def test_a_provider_that_vouches_for_persons_alone_is_not_offered_for_a_company(browser: Browser, stage: NodeStage) -> None:
    leaving = browser.asks(peer=stage.lv, attributes=LEGAL, comparison="exact", contexts=(f"{OTHER_LOA}low",))
    assert "SAMLRequest" not in leaving.headers.get("location", "")
    assert browser.opened(leaving, stage.lv).codes[:2] == ("Responder", "AuthnFailed")


@pytest.mark.parametrize(
    ("who", "check"),
    [
        (mari(), "persons_answered"),
        (mari({**COMPANY, "urn:ee:company:number": "1 2"}), "minimum_data_set"),
        (mari({"urn:ee:company:number": "12345678"}), "minimum_data_set"),
        (mari({**COMPANY, "urn:ee:company:name": "ООД"}), "latin_script"),
        (mari(COMPANY, mandate=Mandate(general=True, valid_to=None, joint=True).text), "mandate_bounds"),
        (mari(COMPANY, mandate=Mandate(frozenset(("permits",))).text), "mandate_bounds"),
        (mari(COMPANY, mandate='{"general":true,"valid_to":"2020-01-01"}'), "mandate_ended"),
        (mari(COMPANY, mandate="all"), "mandate"),
        (mari(COMPANY, WARD), "persons"),
        (mari({"urn:ee:company:name": "Maasikad OÜ"}), "represented"),
        (mari({"urn:ee:company:number": "1" * 300}), "represented"),
        (mari({"urn:ee:ward:number": "1" * 300}), "represented"),
        # A person of whom nothing can be read is no company by itself
        (
            Acting("c", "", HIGH, {"person_identifier": "1"}, more=COMPANY | {"urn:oid:2.5.4.4": "a" * 300}),
            "persons_answered",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_company_that_cannot_be_named_whole_is_not_named(
    browser: Browser, stage: NodeStage, logs: Lines, who: Acting, check: str
) -> None:
    page = browser.returns(browser.signs_in(browser.chooses(browser.asks(peer=stage.lv, attributes=LEGAL)), who))
    assert page.status >= 400, page.text
    assert [line["check"] for line in logs if line["event"] == "refused"] == [check]


def test_nobody_acts_for_themself(browser: Browser) -> None:
    who = mari({**WARD, "urn:ee:ward:number": MARI["person_identifier"]})
    found = opened(browser, informed(browser, who, asked_attributes()))
    assert found.assertion is not None
    assert found.assertion.sets == {NATURAL_PERSON}


@pytest.mark.spec("eidas.md §3 isRequired of additional attributes")
def test_a_mandate_with_bounds_goes_with_its_bounds_to_whoever_asks_for_it(browser: Browser) -> None:
    mandate = Mandate(frozenset(("permits",))).text
    attributes = (*LEGAL, RequestedAttribute(SCOPE, required=False))
    answer = opened(browser, informed(browser, mari(COMPANY, mandate=mandate), attributes))
    assert said(answer)[SCOPE] == mandate


@pytest.mark.spec("eidas.md §3 isRequired of additional attributes")
def test_an_attribute_of_a_sector_goes_typed_or_not_at_all(browser: Browser, stage: NodeStage) -> None:
    optional = (*asked_attributes(), RequestedAttribute(LICENCE, required=False))
    page = informed(browser, mari(licence="EE0001"), optional)
    answer = opened(browser, page, **{"share.licence": "yes"})
    assert said(answer)[LICENCE] == "EE0001"
    assert KNOWN[LICENCE].prefix.encode() not in answer.octets, "it is encrypted"
    assert LICENCE not in said(opened(browser, informed(browser, mari(licence="1"), optional)))
    # Beside a company's set it would be the company's
    acting = informed(browser, mari(COMPANY, licence="EE0001"), (*LEGAL, RequestedAttribute(LICENCE, required=False)))
    assert "EE0001" not in acting.text
    assert LICENCE not in said(opened(browser, acting))
    required = (*asked_attributes(), RequestedAttribute(LICENCE, required=True))
    assert LICENCE in said(opened(browser, informed(browser, mari(licence="EE0001"), required)))
    page = browser.returns(browser.signs_in(browser.asks(peer=stage.lv, attributes=required), mari(licence="1")))
    assert page.status != 200


def heard(browser: Browser, page: Answer, kinds: frozenset[PersonKind], place: str = "") -> Assertion:
    """The answer as our own city's connector takes it, which knows this node by its metadata."""
    stage, asking = browser.stage, browser.stage.lv
    facts, _ = metadata(browser, stage)
    changes = {"signing": facts.signing, "assurance": facts.assurance, "valid_until": facts.valid_until}
    node = SendingNode(entity_id=facts.entity_id, facts_changes=changes)
    connector = EidasConnector(
        provider=replace(node.provider, persons=kinds),
        entity_id=asking.entity_id,
        acs_url=asking.acs_url,
        signer=asking.signer,
        unwrappers=[asking.unwrapper],
        peers=KnownNodes([node]),
        country="LV",
        catalogue=STANDARD,
    )
    sent = browser.decides(browser.acts(page, place) if place else page)
    answered = asking.opened(sent.fields, stage.certificate).response.in_response_to
    inbound = Inbound("post", {"SAMLResponse": sent.fields["SAMLResponse"]}, "")
    asked = replace(expectation(LevelOfAssurance.LOW), request_id=answered, issued_at=stage.clock() - 60)
    return connector.receive(inbound, asked, stage.clock())


@pytest.mark.spec("eidas.md §5 representatives")
def test_our_own_city_hears_what_our_own_node_says(browser: Browser) -> None:
    for who, attributes, kind, name in (
        (mari(COMPANY), LEGAL, PersonKind.FOR_LEGAL, ("legal_name", "Maasikad OÜ")),
        (mari(WARD), asked_attributes(), PersonKind.FOR_NATURAL, ("represented_given_name", "Juku")),
        (company(), LEGAL, PersonKind.LEGAL, ("legal_name", "Maasikad OÜ")),
        (mari(), asked_attributes(), PersonKind.NATURAL, ("given_name", "Mari")),
    ):
        place = "1" if kind is PersonKind.FOR_NATURAL else ""
        told = heard(browser, informed(browser, who, attributes), EVERYBODY, place)
        assert told.kind is kind
        assert told.offered.attributes[AttributeName(name[0])] == name[1]
        assert (told.acting_for is not None) == kind.acts
        if kind.acts:
            assert told.offered.attributes[AttributeName("given_name")] == "Mari"
    page = informed(browser, mari(COMPANY), LEGAL)
    with pytest.raises(AssertionRejected):
        heard(browser, page, NATURAL_ALONE)
