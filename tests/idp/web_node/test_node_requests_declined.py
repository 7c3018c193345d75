"""A verified request that is wrong: a page says so, and a button brings a signed failure to the address of the metadata."""

from dataclasses import replace

import pytest
from lxml import etree

from connectors.formats.eidas.request import RequestedAttribute, asked_attributes
from connectors.wire.names import POST
from tests.connectors.eidas.judge import assert_valid
from tests.idp.staging import Lines
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import ATTRIBUTE, LOA, OTHER_LOA
from tests.idp.web_node.stage import NodeStage

EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
FORM, DENIED = ("Requester", ""), ("Requester", "RequestDenied")
MINIMUM_SET = asked_attributes(())
UNKNOWN = "http://eidas.europa.eu/attributes/naturalperson/ShoeSize"


def declined(browser: Browser, page: Answer, check: str, codes: tuple[str, str]) -> None:
    """The page says that the node's operator has to act; the answer is signed, a failure, and names the check."""
    assert page.status == 400, page.text
    assert page.cookies == {}
    assert "<script" not in page.text, "nobody is sent on before they have read it"
    opened = browser.opened(page)
    assert opened.codes[:2] == codes
    assert opened.codes[2].startswith(f"{check}: "), opened.codes
    assert opened.assertion is None
    assert_valid(etree.fromstring(opened.octets))


@pytest.mark.parametrize(
    ("changes", "check", "codes"),
    [
        ({"contexts": (f"{LOA}low", f"{LOA}high")}, "authn_context_minimum", FORM),
        ({"attributes": MINIMUM_SET[:3]}, "minimum_data_set", ("Requester", "InvalidAttrNameOrValue")),
        ({"name_id_format": EMAIL}, "name_id_policy", ("Requester", "InvalidNameIDPolicy")),
        ({"destination": "http://other.localhost:8400/eidas/sso"}, "destination", DENIED),
    ],
)
def test_a_wrong_request_is_declined(
    browser: Browser, stage: NodeStage, changes: dict[str, object], check: str, codes: tuple[str, str]
) -> None:
    wrong = replace(browser.request(), **changes)  # type: ignore[arg-type] # whichever fields a case names
    declined(browser, browser.posts(stage.nl.posted(wrong)), check, codes)


@pytest.mark.parametrize(
    ("edited", "check", "codes"),
    [
        ({"AssertionConsumerServiceURL": "http://evil.localhost/acs"}, "acs_url", DENIED),
        ({"IsPassive": None}, "is_passive", FORM),
        ({"Version": "1.1"}, "version", ("VersionMismatch", "")),
    ],
)
def test_a_request_of_another_manner_is_declined(
    browser: Browser, stage: NodeStage, edited: dict[str, str | None], check: str, codes: tuple[str, str]
) -> None:
    page = browser.posts(stage.nl.posted(browser.request(), edited=edited))
    declined(browser, page, check, codes)


def test_a_declined_request_is_logged_with_its_node_and_an_old_one_too(
    browser: Browser, stage: NodeStage, logs: Lines
) -> None:
    browser.posts(stage.nl.posted(browser.request(), edited={"IsPassive": None}))
    browser.asks(issue_instant=stage.clock() - 3600)
    assert [(line["check"], line["peer"]) for line in logs] == [("is_passive", "nl"), ("request_issued", "nl")]


def test_an_address_that_is_the_metadata_s_own_may_be_named(browser: Browser, stage: NodeStage) -> None:
    edited = {"AssertionConsumerServiceURL": stage.nl.acs_url, "ProtocolBinding": POST}
    assert browser.posts(stage.nl.posted(browser.request(), edited=edited)).status == 303


@pytest.mark.spec("eidas.md §3 IssueInstant")
@pytest.mark.parametrize(("age", "status"), [(-61, 400), (-60, 303), (0, 303), (360, 303), (361, 400)])
def test_a_request_is_as_young_as_the_profile_says(browser: Browser, stage: NodeStage, age: int, status: int) -> None:
    stage.clock.stand()
    page = browser.asks(issue_instant=stage.clock() - age)
    assert page.status == status
    if page.status == 400:
        declined(browser, page, "request_issued", DENIED)


@pytest.mark.spec("eidas.md §8 12")
def test_an_unknown_attribute_that_is_optional_is_dropped(browser: Browser) -> None:
    asked = (*MINIMUM_SET, RequestedAttribute(UNKNOWN, required=False))
    opened = browser.opened(browser.decides(browser.informed(attributes=asked)))
    assert opened.assertion is not None
    assert UNKNOWN not in opened.assertion.attributes
    assert f"{ATTRIBUTE}DateOfBirth" in opened.assertion.attributes


def test_a_request_in_the_name_of_another_node_is_answered_to_nobody(browser: Browser, stage: NodeStage) -> None:
    """`nl` signs with its own key, and says that it is `lv`: neither hears of it."""
    page = browser.asks(issuer=stage.lv.entity_id)
    assert page.status == 400
    assert "SAMLResponse" not in page.text


def test_a_certificate_that_two_nodes_publish_makes_neither_of_them_the_other(browser: Browser, stage: NodeStage) -> None:
    """`fi`, first in the order of the registrations, says that `lv`'s certificate is its own too."""
    own = stage.fi.signer
    stage.publish(stage.lv)
    try:
        stage.fi.signer = stage.lv.signer
        stage.publish(stage.fi)
        page = browser.decides(browser.informed(peer=stage.lv))
        assert f'action="{stage.lv.acs_url}"' in page.text
        assert stage.fi.acs_url not in page.text
    finally:
        stage.fi.signer = own
        stage.publish(stage.fi)


@pytest.mark.spec("security.md §2.1 C a message is used when it is made")
def test_a_request_that_nobody_waits_for_any_more_buys_no_signature(browser: Browser, stage: NodeStage) -> None:
    page = browser.asks(issue_instant=stage.clock() - 901)
    assert page.status == 400
    assert "SAMLResponse" not in page.text
    declined(browser, browser.asks(issue_instant=stage.clock() - 700), "request_issued", DENIED)


@pytest.mark.spec("saml.md Bindings §3.4.3 RelayState has at most 80 octets")
@pytest.mark.parametrize("redirect", [False, True])
def test_a_relay_state_that_is_too_long_is_declined_and_not_repeated(
    browser: Browser, stage: NodeStage, *, redirect: bool
) -> None:
    long = "ä" * 41
    request = browser.request()
    page = browser.follows(stage.nl.queried(request, long)) if redirect else browser.posts(stage.nl.posted(request, long))
    declined(browser, page, "relay_state", DENIED)
    assert "RelayState" not in page.fields
    assert browser.asks("ä" * 40).status == 303


@pytest.mark.spec("eidas.md §4 level not reached")
def test_a_level_that_no_provider_reaches_is_said_at_once(browser: Browser) -> None:
    page = browser.asks(comparison="exact", contexts=(f"{OTHER_LOA}high",))
    assert page.status == 403
    assert page.cookies == {}
    opened = browser.opened(page)
    assert opened.codes == ("Responder", "AuthnFailed", "The requested level of assurance was not reached.")
