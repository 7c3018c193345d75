"""A login at a sending node, from another country's request to the encrypted answer."""

import re

import pytest
from lxml import etree

from connectors.formats.eidas.address import read_address
from connectors.wire.names import PERSISTENT, TRANSIENT, UNSPECIFIED
from idp.demo.citizens import HIGH, LOW, SUBSTANTIAL, Citizen
from idp.web.login_cookies import DECIDED, STATE
from policies.attributes import Address
from tests.connectors.eidas.judge import assert_valid
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import LOA, OTHER_LOA, and_also
from tests.idp.web_node.stage import NodeStage

MARI = {
    "family_name": "Maasikas",
    "given_name": "Mari",
    "birthdate": "19900228",
    "person_identifier": "EE-49002280001",
}
CYRILLIC = Citizen("c", "", HIGH, {**MARI, "family_name": "Иванова", "given_name": "Ivana"}, {"family_name": "Ivanova"})


@pytest.mark.spec("eidas.md §4 one EncryptedAssertion")
@pytest.mark.spec("eidas.md §5 minimum data set")
def test_a_request_by_post_ends_in_an_encrypted_minimum_data_set(browser: Browser) -> None:
    sent = browser.decides(browser.informed(relay_state="kept"))
    opened = browser.opened(sent)
    assert sent.status == 200
    assert sent.fields["RelayState"] == "kept"
    assert opened.assertion is not None
    assert {uri.rpartition("/")[2] for uri in opened.assertion.attributes} == {
        "PersonIdentifier",
        "CurrentFamilyName",
        "CurrentGivenName",
        "DateOfBirth",
    }
    assert opened.values("CurrentFamilyName") == ["Maasikas"]
    assert opened.values("CurrentGivenName") == ["Mari"]
    assert opened.values("DateOfBirth") == ["1990-02-28"]
    root = etree.fromstring(opened.octets)
    for mgf in list(root.iter("{http://www.w3.org/2009/xmlenc11#}MGF")):
        # pysaml2 has the schema of XML Encryption 1.0, which has a wildcard here and does not know what stands in its place
        parent = mgf.getparent()
        assert parent is not None
        parent.remove(mgf)
    assert_valid(root)


@pytest.mark.spec("eidas.md §3 transport")
def test_a_request_by_redirect_ends_so_too(browser: Browser, stage: NodeStage) -> None:
    query = stage.nl.queried(browser.request(), "a state & more")
    page = browser.returns(browser.signs_in(browser.follows(query)))
    sent = browser.decides(page)
    assert sent.fields["RelayState"] == "a state & more"
    assert browser.opened(sent).values("CurrentGivenName") == ["Mari"]


@pytest.mark.spec("eidas.md §4 Response; eidas.md §4 Conditions; eidas.md §4 bearer confirmation")
def test_the_answer_is_for_the_node_and_the_request(browser: Browser, stage: NodeStage) -> None:
    request = browser.request()
    page = browser.returns(browser.signs_in(browser.posts(stage.nl.posted(request))))
    opened = browser.opened(browser.decides(page))
    response, assertion = opened.response, opened.assertion
    assert assertion is not None
    assert (response.in_response_to, response.destination) == (request.request_id, stage.nl.acs_url)
    assert response.issuer == assertion.issuer == f"{stage.issuer}/eidas/metadata"
    (confirmation,) = assertion.confirmations
    assert (confirmation.recipient, confirmation.in_response_to) == (stage.nl.acs_url, request.request_id)
    assert [list(audience) for audience in assertion.conditions.audiences] == [[stage.nl.entity_id]]
    assert assertion.conditions.not_before is not None
    assert assertion.conditions.not_on_or_after == assertion.conditions.not_before + 300


@pytest.mark.spec("eidas.md §4 one AuthnStatement")
@pytest.mark.parametrize("reached", [LOW, SUBSTANTIAL, HIGH])
def test_the_level_that_was_reached_is_said(browser: Browser, reached: str) -> None:
    opened = browser.opened(browser.decides(browser.informed(Citizen("m", "", reached, MARI))))
    assert opened.assertion is not None
    assert opened.assertion.authentications[0].context_class == reached


@pytest.mark.spec("eidas.md §3 exact needs a non-notified level")
def test_a_provider_that_is_not_notified_answers_under_other_uris(browser: Browser) -> None:
    leaving = browser.asks(comparison="exact", contexts=(f"{OTHER_LOA}substantial",))
    page = browser.returns(browser.signs_in(leaving, "mari", "bank"))
    assert page.status == 403, "high is no level of the bank's table"
    (again,) = page.found("//main//nav//a/@href")
    assert again.endswith("/at/bank?again=yes")
    anew = browser.returns(browser.signs_in(browser.go("GET", again), Citizen("m", "", SUBSTANTIAL, MARI), "bank"))
    assert anew.found("//button[@name='choice']/@value") == ["continue", "cancel"], "the same login goes on"
    who = Citizen("m", "", SUBSTANTIAL, MARI)
    page = browser.returns(browser.signs_in(browser.asks(comparison="exact", contexts=(f"{OTHER_LOA}low",)), who, "bank"))
    opened = browser.opened(browser.decides(page))
    assert opened.assertion is not None
    assert opened.assertion.authentications[0].context_class == f"{OTHER_LOA}low", "what was asked, and was surely reached"


@pytest.mark.spec("eidas.md §5 PersonIdentifier")
def test_each_receiving_country_knows_a_citizen_by_another_identifier(browser: Browser, stage: NodeStage) -> None:
    stage.publish(stage.lv)
    nl = browser.opened(browser.decides(browser.informed())).values("PersonIdentifier")
    again = browser.opened(browser.decides(browser.informed())).values("PersonIdentifier")
    lv = browser.opened(browser.decides(browser.informed(peer=stage.lv)), stage.lv).values("PersonIdentifier")
    assert nl == again
    assert re.fullmatch(r"EE/NL/[a-z2-7]{52}", nl[0])
    assert re.fullmatch(r"EE/LV/[a-z2-7]{52}", lv[0])
    assert nl[0][6:] != lv[0][6:]


@pytest.mark.spec("eidas.md §4 NameID Format")
@pytest.mark.parametrize(("asked", "given"), [("", PERSISTENT), (PERSISTENT, PERSISTENT), (UNSPECIFIED, UNSPECIFIED)])
def test_a_lasting_name_is_the_person_identifier(browser: Browser, asked: str, given: str) -> None:
    opened = browser.opened(browser.decides(browser.informed(name_id_format=asked)))
    assert opened.assertion is not None
    assert opened.assertion.subject.name_format == given
    assert [opened.assertion.subject.value] == opened.values("PersonIdentifier")


@pytest.mark.spec("eidas.md §4 NameID Format")
def test_a_transient_name_is_another_each_time(browser: Browser) -> None:
    found = [browser.opened(browser.decides(browser.informed(name_id_format=TRANSIENT))) for _ in range(2)]
    names = {one.assertion.subject.value for one in found if one.assertion is not None}
    assert len(names) == 2
    assert not names & set(found[0].values("PersonIdentifier"))


@pytest.mark.spec("eidas.md §3 isRequired of additional attributes")
@pytest.mark.spec("eidas.md §5 address")
def test_what_is_asked_for_beside_goes_where_it_is_there(browser: Browser) -> None:
    page = browser.informed(attributes=and_also("CurrentAddress", "EmailAddress", "Gender", "Nationality", "BirthName"))
    assert page.found("//input[@type='checkbox']/@name") == ["share.address", "share.email"]
    opened = browser.opened(browser.decides(page, **{"share.address": "yes", "share.email": "yes"}))
    assert opened.assertion is not None
    assert len(opened.assertion.attributes) == 6
    assert opened.values("EmailAddress") == ["mari.maasikas@post.example"]
    (address,) = opened.values("CurrentAddress")
    assert read_address(address) == Address("Canal Street 12", "4711", "Storkhaven", "", "NL")


def test_the_page_in_another_language_keeps_what_was_ticked_and_the_time_that_is_left(
    browser: Browser, stage: NodeStage
) -> None:
    stage.clock.stand()
    page = browser.informed(attributes=and_also("CurrentAddress", "EmailAddress"))
    assert "Please decide within 5 minutes." in page.text
    stage.clock.ahead = 200
    path = f"/login/{page.fields['login']}/language"
    again = browser.go("POST", path, fields={**page.fields, "language": "de", "share.email": "yes"})
    assert (again.status, again.found("string(/html/@lang)")) == (200, ["de"])
    assert again.found("//input[@checked]/@name") == ["share.email"]
    assert "weniger als 5 Minuten" in again.text
    assert again.found("//div[@role='status']/@class") == ["ending ends-1"]
    unticked = browser.go("POST", path, fields={**again.fields, "language": "en"})
    assert unticked.found("//input[@checked]/@name") == []


@pytest.mark.spec("eidas.md §5 a Latin value accompanies the original")
def test_a_name_in_another_script_goes_with_its_latin_form(browser: Browser) -> None:
    page = browser.informed(CYRILLIC)
    assert "Иванова" in page.text
    assert "Ivanova" in page.text
    opened = browser.opened(browser.decides(page))
    assert opened.assertion is not None
    values = opened.assertion.attributes["http://eidas.europa.eu/attributes/naturalperson/CurrentFamilyName"]
    assert [(value.text, value.latin) for value in values] == [("Иванова", False), ("Ivanova", True)]


@pytest.mark.parametrize("cancelling", [False, True])
def test_several_providers_that_can_answer_are_a_choice(browser: Browser, *, cancelling: bool) -> None:
    levels = (f"{OTHER_LOA}low", f"{LOA}low", f"{LOA}substantial", f"{LOA}high")
    picker = browser.asks("kept", comparison="exact", contexts=levels)
    assert picker.status == 200
    links = picker.found("//a[contains(@href, '/at/')]/@href")
    assert sorted(link.rpartition("/")[2] for link in links) == ["bank", "national"]
    if cancelling:
        (action,) = picker.found("//form[@class='cancel']/@action")
        left = browser.goes_on(browser.go("POST", action))
        assert left.fields["RelayState"] == "kept"
        assert browser.opened(left).codes == ("Responder", "AuthnFailed", "")
        assert browser.jar[STATE + action.split("/")[2]] == DECIDED
        return
    leaving = browser.go("GET", next(link for link in links if link.endswith("bank")))
    page = browser.returns(browser.signs_in(leaving, Citizen("m", "", LOW, MARI), "bank"))
    assert page.found("//button[@name='choice']/@value") == ["continue", "cancel"]
