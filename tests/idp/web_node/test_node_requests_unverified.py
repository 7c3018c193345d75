"""A request that nobody we know vouches for: a page alone, no cookie, no answer to anybody, and a line in the log."""

import base64
from collections.abc import Callable
from copy import deepcopy
from urllib.parse import quote

import pytest
from lxml import etree

from connectors.connector import Inbound
from connectors.formats.eidas.request import request_element
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.redirect import signed_query
from connectors.signatures.signer import algorithm_for
from connectors.signed_messages import REQUEST_SIGNATURE_PLACE
from idp.server.wrong_answers import ADDRESS_TIMES
from tests.idp.neighbour import signer
from tests.idp.staging import Lines
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import fields_of, message_of, request_octets, with_value
from tests.idp.web_node.stage import NodeStage

DS = "{http://www.w3.org/2000/09/xmldsig#}"


def refused(page: Answer, logs: Lines, check: str) -> None:
    assert page.status == 400, page.text
    assert page.cookies == {}
    assert page.found("//form") == [], "nobody is answered"
    (line,) = [one for one in logs if one["event"] == "refused"]
    assert line["check"] == check
    assert line["reference"] == page.reference
    assert line["peer"] is None, "nobody knows who it was"


@pytest.mark.spec("eidas.md §3 Issuer")
def test_a_node_that_is_not_registered_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    page = browser.posts(stage.nl.posted(browser.request(), by=signer("nobody")))
    refused(page, logs, "signature")
    assert "registered in nodes/" in logs[0]["detail"]


@pytest.mark.spec("eidas.md §6 additions wait")
def test_a_registered_node_without_approved_metadata_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    # After a month nothing that was approved is valid any more
    stage.clock.ahead = 30 * 86400
    page = browser.asks()
    refused(page, logs, "keys")


@pytest.mark.spec("eidas.md §8 9")
def test_pkcs1_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    page = browser.posts(stage.nl.posted(browser.request(), by=stage.nl.rsa_signer, profile=SAML2INT))
    refused(page, logs, "signature_algorithm")


@pytest.mark.spec("eidas.md §8 9")
def test_pkcs1_is_refused_in_a_query(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    query = signed_query("SAMLRequest", request_octets(browser.request()), "", stage.nl.rsa_signer, SAML2INT)
    refused(browser.follows(query), logs, "signature_algorithm")


@pytest.mark.spec("eidas.md §6 several keys for signing in a rollover")
def test_pss_by_the_second_key_is_taken(browser: Browser, stage: NodeStage) -> None:
    assert browser.posts(stage.nl.posted(browser.request(), by=stage.nl.rsa_signer)).status == 303
    assert browser.follows(stage.nl.queried(browser.request(), by=stage.nl.rsa_signer)).status == 303


@pytest.mark.spec("eidas.md §8 14")
@pytest.mark.parametrize(
    ("before", "check"),
    [
        (b"<!DOCTYPE x>", "doctype"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>', "doctype"),
        (b"<!-- hello -->", "comment"),
        (b"<?php x?>", "processing_instruction"),
    ],
)
def test_xml_with_more_than_elements_is_refused(
    browser: Browser, stage: NodeStage, logs: Lines, before: bytes, check: str
) -> None:
    octets = base64.b64decode(stage.nl.posted(browser.request())["SAMLRequest"])
    refused(browser.posts(fields_of(before + octets)), logs, check)


def test_an_altered_request_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    octets = base64.b64decode(stage.nl.posted(browser.request())["SAMLRequest"])
    assert octets.count(b"LoA/low") == 1
    refused(browser.posts(fields_of(octets.replace(b"LoA/low", b"LoA/high"))), logs, "digest")


@pytest.mark.spec("eidas.md §3 size")
def test_a_request_that_is_too_long_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    octets = base64.b64decode(stage.nl.posted(browser.request())["SAMLRequest"])
    page = browser.posts(fields_of(octets + b" " * (192 * 1024)))
    refused(page, logs, "size")
    assert browser.posts(fields_of(octets + b" " * (400 * 1024))).status == 413


def test_an_unsigned_request_is_refused(browser: Browser, logs: Lines) -> None:
    octets = request_octets(browser.request())
    refused(browser.posts(fields_of(octets)), logs, "signature_missing")


@pytest.mark.spec("eidas.md §3 signature")
def test_a_signature_of_another_request_does_not_serve(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    old, new = (message_of(stage.nl.posted(browser.request())) for _ in range(2))
    new.replace(_signature(new), deepcopy(_signature(old)))
    refused(browser.posts(fields_of(etree.tostring(new))), logs, "reference")


def test_a_signed_request_inside_of_another_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    """Wrapping: the signed element lies in Extensions, and what would be read is around it."""
    signed = message_of(stage.nl.posted(browser.request()))
    outer = request_element(browser.request(provider_name="evil"))
    signature = _signature(signed)
    signed.remove(signature)
    extensions = outer.find("{*}Extensions")
    assert extensions is not None
    extensions.append(signed)
    outer.insert(REQUEST_SIGNATURE_PLACE, signature)
    refused(browser.posts(fields_of(etree.tostring(outer))), logs, "reference")


def test_a_form_with_more_than_a_request_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    page = browser.posts({**stage.nl.posted(browser.request()), "SAMLResponse": "PHg+"})
    refused(page, logs, "parameters")


@pytest.mark.spec("saml.md Bindings §3.4.4.1 the signature covers the query as it came")
@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("RelayState", "another", "signature"),
        ("RelayState", "", "signature"),
        ("SigAlg", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", "signature"),
        ("SigAlg", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "signature_algorithm"),
        ("Signature", "AAAA", "signature"),
        ("SAMLRequest", "AAAA", "signature"),
    ],
)
def test_an_altered_query_is_refused(
    browser: Browser, stage: NodeStage, logs: Lines, name: str, value: str, check: str
) -> None:
    query = with_value(stage.nl.queried(browser.request(), "mine"), name, value)
    refused(browser.follows(query), logs, check)


@pytest.mark.parametrize("added", ["RelayState=x", "SAMLRequest=x", "SAMLResponse=x", "utm_source=x"])
def test_a_query_with_something_added_is_refused(browser: Browser, stage: NodeStage, logs: Lines, added: str) -> None:
    query = stage.nl.queried(browser.request(), "mine")
    refused(browser.follows(f"{query}&{added}"), logs, "parameters")


def test_a_relay_state_that_was_taken_out_or_put_in_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    with_one, without = stage.nl.queried(browser.request(), "mine"), stage.nl.queried(browser.request())
    refused(browser.follows(with_one.replace("&RelayState=mine", "")), logs, "signature")
    logs.clear()
    refused(browser.follows(f"{without}&RelayState=mine"), logs, "signature")


@pytest.mark.parametrize("value", ["", quote("mine & more", safe=""), "a+b"])
def test_relay_states_of_every_spelling_are_taken(browser: Browser, stage: NodeStage, value: str) -> None:
    """Signed in the spelling in which they came, whichever it is."""
    query = stage.nl.queried(browser.request())
    head, _, _ = query.partition("&Signature=")
    message, algorithm = head.split("&")
    covered = f"{message}&RelayState={value}&{algorithm}"
    made = stage.nl.signer.sign(covered.encode(), algorithm_for(stage.nl.signer, EIDAS))
    page = browser.follows(f"{covered}&Signature={quote(base64.b64encode(made).decode(), safe='')}")
    assert page.status == 303, page.text


def test_the_query_without_a_signature_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    query, _, _ = stage.nl.queried(browser.request()).partition("&SigAlg=")
    refused(browser.follows(query), logs, "signature_missing")


@pytest.mark.parametrize("mode", ["framed", "posted with a query", "too long", "another form"])
def test_what_no_node_does_is_refused(browser: Browser, stage: NodeStage, mode: str) -> None:
    fields, query = stage.nl.posted(browser.request()), stage.nl.queried(browser.request())
    match mode:
        case "framed":
            page = browser.go("GET", f"/eidas/sso?{query}", headers={"sec-fetch-dest": "iframe"})
        case "posted with a query":
            page = browser.go("POST", "/eidas/sso?x=y", fields=fields)
        case "too long":
            page = browser.go("GET", f"/eidas/sso?{query}&x={'x' * 61_000}")
        case _:
            page = browser.go("POST", "/eidas/sso", fields=fields, headers={"content-type": "text/plain"})
    assert page.status in (400, 403, 414, 415)
    assert page.cookies == {}


def _signature(root: etree._Element) -> etree._Element:
    found = root.find(f"{DS}Signature")
    assert found is not None
    return found


def test_an_address_whose_requests_nobody_signed_is_refused_before_anything_of_them_is_read(
    browser: Browser, stage: NodeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour's are read, and what is refused of a node that we know counts for nothing."""
    rates = stage.application.watched.rates
    monkeypatch.setattr(rates, "_limits", rates._limits.model_copy(update={"failures": 1}))
    monkeypatch.setattr(rates, "address", lambda _client: "a1")
    receives, read = stage.application.site.frontends["eidas"].receive, list[object]()

    def receiving(inbound: Inbound, now: int, known: Callable[[str], None]) -> object:
        read.append(inbound)
        return receives(inbound, now, known)

    monkeypatch.setattr(stage.application.site.frontends["eidas"], "receive", receiving)
    for _ in range(4):
        assert browser.asks().status == 303
    assert [browser.follows("SAMLRequest=AAAA").status for _ in range(ADDRESS_TIMES)] == [400] * ADDRESS_TIMES
    assert len(read) == 4 + ADDRESS_TIMES
    assert browser.follows("SAMLRequest=AAAA").status == 429
    assert browser.posts({"SAMLRequest": "AAAA"}).status == 429
    assert len(read) == 4 + ADDRESS_TIMES
    monkeypatch.setattr(rates, "address", lambda _client: "a2")
    assert browser.asks().status == 303
