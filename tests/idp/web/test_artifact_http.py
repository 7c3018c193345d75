"""Logins whose answer an identity provider sends by artifact, at a broker that serves."""

import base64
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from lxml import etree

from connectors.oidc.line import MOST_FAILURES
from idp.keys.file import load_signer
from tests.connectors import forge
from tests.connectors.saml_sp.resolver import Resolver, Said, artifact, resolving
from tests.idp.server.crew import until
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

REGISTRATION = f"""\
id = "uni"
country = "EE"
namespace = "test/uni"
entity_id = "{forge.IDP}"
metadata = "metadata/uni.xml"
answers = "artifact"
networks = ["127.0.0.0/8"]

[title]
en = "Provider by artifact"

[attributes]
"urn:oid:1.3.6.1.4.1.25178.1.2.3" = "birthdate"
"urn:oid:2.5.4.7" = "address.locality"
"urn:oid:2.5.4.6" = "address.country"
"""


@pytest.fixture
def resolver(stage: Stage) -> Iterator[Resolver]:
    """It verifies our signature with the certificate of our SAML key."""
    with resolving(load_signer(stage.receiving / "keys" / "saml.pem").certificate) as found:
        found.said = Said(issued=forge.clock(stage.clock()))
        yield found


@pytest.fixture
def citizen(
    visitor: Visitor, stage: Stage, resolver: Resolver, idp: forge.SigningParty, tmp_path: Path
) -> Iterator[Visitor]:
    service = (
        '<md:ArtifactResolutionService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" index="1"'
        f' Location="{resolver.url}"/><md:SingleSignOnService'
    )
    metadata = forge.metadata(idp).decode().replace("<md:SingleSignOnService", service, 1)
    added = {"providers/uni.toml": REGISTRATION, "metadata/uni.xml": metadata}
    with stage.other_broker(tmp_path / "b", {}, added) as visitor.port:
        yield visitor


def asked(citizen: Visitor, login: str) -> str:
    """Go to the provider; the ID of our request."""
    query = parse_qs(urlsplit(citizen.asks(login, "uni").headers["location"]).query)
    root = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), wbits=-15))
    return str(root.get("ID"))


def message(stage: Stage, idp: forge.SigningParty, request_id: str, **changes: object) -> bytes:
    ours, us = f"{stage.issuer}/saml/acs/artifact", f"{stage.issuer}/saml/metadata"
    reply = forge.reply_of(stage.clock(), request_id, ours, us)
    return forge.signed_reply(replace(reply, **changes), idp, "both")  # type: ignore[arg-type]  # a test changes a field


def back(citizen: Visitor, login: str, text: str) -> Answer:
    query = f"SAMLart={quote(text, safe='')}&RelayState={login}"
    return citizen.go("GET", f"/saml/acs/artifact?{query}", headers={"sec-fetch-site": "cross-site"})


@pytest.mark.spec("saml.md §4 artifact")
def test_a_whole_login_by_artifact_which_is_used_once(
    citizen: Visitor, stage: Stage, resolver: Resolver, idp: forge.SigningParty, logs: Lines
) -> None:
    login = citizen.login()
    text = resolver.holds(message(stage, idp, asked(citizen, login)))
    with Visitor(stage) as stranger:
        stranger.port = citizen.port
        assert back(stranger, login, text).status == 409, "another browser has no such login"
    assert resolver.asked == []
    question = back(citizen, login, text)
    assert question.status == 200, question.text
    assert "Share this with Resident parking?" in question.heading
    again = back(citizen, login, text)
    assert (again.status, logs[-1]["check"], len(resolver.asked)) == (409, "answer_fetched", 1)
    assert citizen.decides(question).back["code"]


@pytest.mark.spec("saml.md §4 artifact")
def test_an_artifact_by_a_form_too_and_no_answer_by_the_other_way(
    citizen: Visitor, stage: Stage, resolver: Resolver, idp: forge.SigningParty
) -> None:
    login = citizen.login()
    answer = message(stage, idp, asked(citizen, login))
    posted = {"SAMLResponse": base64.b64encode(answer).decode(), "RelayState": login}
    elsewhere = {"sec-fetch-site": "cross-site"}
    assert citizen.go("POST", "/saml/acs", fields=posted, headers=elsewhere).status == 400
    fields = {"SAMLart": resolver.holds(answer), "RelayState": login}
    assert citizen.go("POST", "/saml/acs/artifact", fields=fields, headers=elsewhere).status == 200


def test_a_resolver_that_fails_is_away_and_the_other_countries_are_there(citizen: Visitor, resolver: Resolver) -> None:
    resolver.status, resolver.whole, resolver.content_type = 503, b"", "text/plain"
    for _ in range(MOST_FAILURES):
        login = citizen.login()
        asked(citizen, login)
        assert back(citizen, login, artifact()).status == 503
    assert citizen.asks(citizen.login(), "uni").status == 503
    assert re.search("Share this", citizen.question().heading), "another provider's login does not notice"


def test_a_resolver_that_hangs_is_noticed_by_no_other_login(
    citizen: Visitor, stage: Stage, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is, the other login ends before the waiting does
    monkeypatch.setattr("connectors.saml_sp.artifact.ANSWER_SECONDS", 120.0)
    resolver.hangs = True
    login = citizen.login()
    asked(citizen, login)
    waiting = threading.Thread(target=back, args=(citizen, login, artifact()))
    waiting.start()
    until(lambda: bool(resolver.asked))
    with Visitor(stage, port=citizen.port) as other:
        assert other.code()
        assert waiting.is_alive(), "who waits for it still does"
        assert other.asks(other.login(), "uni").status == 303, "one that hung is not away yet"
    resolver.over.set()
    waiting.join(30)
