"""A request that nobody we know vouches for: a page alone, no cookie, no answer to anybody, and a line in the log."""

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest

from connectors.connector import Inbound
from connectors.profiles import EIDAS
from connectors.signatures.signer import algorithm_for
from idp.server.wrong_answers import ADDRESS_TIMES
from tests.idp.neighbour import signer
from tests.idp.staging import Lines
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.peer import fields_of, request_octets
from tests.idp.web_node.stage import NodeStage


def refused(page: Answer, logs: Lines, check: str) -> None:
    assert page.status == 400, page.text
    assert page.cookies == {}
    assert page.found("//main//form") == [], "nobody is answered"
    (line,) = [one for one in logs if one["event"] == "refused"]
    assert line["check"] == check
    assert line["reference"] == page.reference
    assert line["peer"] is None, "nobody knows who it was"


@pytest.mark.spec("eidas.md §3 Issuer")
def test_a_node_that_is_not_registered_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    page = browser.posts(stage.nl.posted(browser.request(), by=signer("nobody")))
    refused(page, logs, "signature")
    assert "Is its sender registered" in logs[0]["detail"]


@pytest.mark.spec("eidas.md §6 additions wait")
def test_a_registered_node_without_approved_metadata_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    # After a month nothing that was approved is valid any more
    stage.clock.ahead = 30 * 86400
    page = browser.asks()
    refused(page, logs, "keys")


@pytest.mark.spec("eidas.md §6 several keys for signing in a rollover")
def test_pss_by_the_second_key_is_taken(browser: Browser, stage: NodeStage) -> None:
    assert browser.posts(stage.nl.posted(browser.request(), by=stage.nl.rsa_signer)).status == 303
    assert browser.follows(stage.nl.queried(browser.request(), by=stage.nl.rsa_signer)).status == 303


@pytest.mark.spec("eidas.md §3 size")
def test_a_request_that_is_too_long_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    octets = base64.b64decode(stage.nl.posted(browser.request())["SAMLRequest"])
    page = browser.posts(fields_of(octets + b" " * (192 * 1024)))
    refused(page, logs, "size")
    assert browser.posts(fields_of(octets + b" " * (400 * 1024))).status == 413


def test_an_unsigned_request_is_refused(browser: Browser, logs: Lines) -> None:
    octets = request_octets(browser.request())
    refused(browser.posts(fields_of(octets)), logs, "signature_missing")


def test_a_form_with_more_than_a_request_is_refused(browser: Browser, stage: NodeStage, logs: Lines) -> None:
    page = browser.posts({**stage.nl.posted(browser.request()), "SAMLResponse": "PHg+"})
    refused(page, logs, "parameters")


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
