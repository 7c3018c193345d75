"""A login in the name of a public body: it asks, the answer is for it alone, and its metadata says who it is."""

import asyncio
import base64
import gzip
import random
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha1
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from fastapi import Request
from lxml import etree
from starlette.types import Message

from connectors.signatures.parse import Element
from idp.web.documents import PIECE, document
from tests.connectors import forge
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor

SUBJECT = "urn:oid:1.3.6.1.4.1.25178.1.2.15"
REGISTRATION = f"""\
id = "uni"
country = "EE"
namespace = "test/uni"
entity_id = "{forge.IDP}"
metadata = "metadata/uni.xml"
speaks_for = "bodies"
subject = "{SUBJECT}"
title.en = "Provider that shows who asks"

[attributes]
"urn:oid:1.3.6.1.4.1.25178.1.2.3" = "birthdate"
"urn:oid:2.5.4.7" = "address.locality"
"urn:oid:2.5.4.6" = "address.country"
"""
BODIES = """\
[rome]
name.en = "Municipality of Rome"
name.it = "Comune di Roma"
url = "https://www.comune.roma.example"
ipa_code = "c_h501"

[milan]
name.en = "Municipality of Milan"
name.it = "Comune di Milano"
url = "https://www.comune.milano.example"
ipa_code = "c_f205"
"""
AGGREGATOR = """\
scheme = "spid"
company = "Region of Storkhaven"
email = "eid@region.example"
vat_number = "IT01234567890"
"""
PARKING, FARES = "parties/parking.toml", "parties/fares.toml"
MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
SAML = "application/samlmetadata+xml"


def broker(stage: Stage, idp: forge.SigningParty, folder: Path, parking: str = "rome") -> AbstractContextManager[int]:
    first = 'client_id = "%s"'
    edits = {
        PARKING: (first % "parking", f'body = "{parking}"\n{first % "parking"}'),
        FARES: (first % "fares", f'body = "milan"\nattribute_consuming_service_index = 3\n{first % "fares"}'),
    }
    added = {
        "providers/uni.toml": REGISTRATION,
        "metadata/uni.xml": forge.metadata(idp).decode(),
        "bodies/italy.toml": BODIES,
        "aggregator.toml": AGGREGATOR,
    }
    return stage.other_broker(folder, edits, added)


@pytest.fixture
def citizen(visitor: Visitor, stage: Stage, idp: forge.SigningParty, tmp_path: Path) -> Iterator[Visitor]:
    with broker(stage, idp, tmp_path / "b") as visitor.port:
        yield visitor


def entity(stage: Stage, body: str) -> str:
    return f"{stage.issuer}/saml/bodies/pub-ag-full/{body}"


def asked(citizen: Visitor, login: str, provider: str = "uni") -> Element:
    """Our AuthnRequest."""
    query = parse_qs(urlsplit(citizen.asks(login, provider).headers["location"]).query)
    return etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), wbits=-15))


def issuer_of(request: Element) -> str:
    return str(request.findtext("{*}Issuer"))


def answered(
    citizen: Visitor, login: str, idp: forge.SigningParty, audience: str, request_id: str, number: int = 1
) -> Answer:
    reply = replace(
        forge.reply_of(citizen.stage.clock(), request_id, f"{citizen.stage.issuer}/saml/acs", audience),
        response_id=f"_r{number}",
        assertion_id=f"_a{number}",
        attributes=(*forge.ATTRIBUTES, forge.attribute(SUBJECT, "RSSMRA87D52H501X")),
    )
    fields = {"SAMLResponse": base64.b64encode(forge.signed_reply(reply, idp, "both")).decode(), "RelayState": login}
    return citizen.comes_back("/saml/acs", "https://idp.example", fields)


@pytest.mark.spec("SAML Core 2.0 §2.5.1.4")
def test_the_body_of_the_service_asks_and_an_answer_for_another_counts_for_none(
    citizen: Visitor, stage: Stage, idp: forge.SigningParty, logs: Lines
) -> None:
    rome, milan = citizen.login(), citizen.login(client_id="fares", scope="openid purpose:concession-fare")
    of_rome, of_milan = asked(citizen, rome), asked(citizen, milan)
    assert (issuer_of(of_rome), of_rome.get("AttributeConsumingServiceIndex")) == (entity(stage, "rome"), "0")
    assert (issuer_of(of_milan), of_milan.get("AttributeConsumingServiceIndex")) == (entity(stage, "milan"), "3")
    for audience in (entity(stage, "milan"), f"{stage.issuer}/saml/metadata", f"{stage.issuer}/saml/bodies"):
        refused = answered(citizen, rome, idp, audience, str(of_rome.get("ID")))
        assert (refused.status, logs[-1]["check"]) == (403, "audience")
    # What Milan was answered, brought to Rome's login
    refused = answered(citizen, rome, idp, entity(stage, "milan"), str(of_milan.get("ID")))
    assert (refused.status, logs[-1]["check"]) == (403, "in_response_to")
    question = answered(citizen, rome, idp, entity(stage, "rome"), str(of_rome.get("ID")), number=2)
    assert "Share this with Resident parking?" in question.heading
    assert citizen.decides(question).back["code"]


def test_a_provider_that_is_not_asked_so_is_asked_in_our_own_name(citizen: Visitor, stage: Stage) -> None:
    request = asked(citizen, citizen.login(), "demo-ee")
    assert issuer_of(request) == f"{stage.issuer}/saml/metadata"
    assert request.get("AttributeConsumingServiceIndex") is None


def test_a_service_that_moves_to_another_body_begins_anew(
    visitor: Visitor, stage: Stage, idp: forge.SigningParty, tmp_path: Path, logs: Lines
) -> None:
    with broker(stage, idp, tmp_path / "b") as visitor.port:
        login = visitor.login()
        request = asked(visitor, login)
    with broker(stage, idp, tmp_path / "c", parking="milan") as visitor.port:
        refused = answered(visitor, login, idp, issuer_of(request), str(request.get("ID")))
        assert (refused.status, logs[-1]["check"]) == (409, "policy_changed")


@pytest.mark.spec("saml.md §6")
def test_each_body_is_found_at_its_entity_id_by_either_identifier_and_in_the_document_of_all(
    citizen: Visitor, stage: Stage
) -> None:
    name = entity(stage, "rome")
    found = citizen.go("GET", urlsplit(name).path, headers=DIRECT)
    assert (found.status, found.headers["content-type"]) == (200, SAML)
    root = etree.fromstring(found.text.encode())
    assert root.get("entityID") == name
    for identifier in (quote(name, safe=""), "%7Bsha1%7D" + sha1(name.encode(), usedforsecurity=False).hexdigest()):
        assert citizen.go("GET", f"/mdq/entities/{identifier}", headers=DIRECT).text == found.text
    again = citizen.go("GET", urlsplit(name).path, headers={**DIRECT, "if-none-match": found.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    asks = [one.get("Name") for one in root.iter(f"{MD}RequestedAttribute")]
    # For its purpose: of age, and resident
    assert asks == [
        "urn:oid:1.3.6.1.4.1.25178.1.2.15",
        "urn:oid:1.3.6.1.4.1.25178.1.2.3",
        "urn:oid:2.5.4.6",
        "urn:oid:2.5.4.7",
    ]
    for path in ("/saml/bodies/rome", "/saml/bodies/pub-ag-full/paris", "/saml/bodies/"):
        assert citizen.go("GET", path, headers=DIRECT).status == 404


@pytest.mark.spec("saml.md §6")
def test_the_document_of_all_comes_by_its_tag_and_compressed_to_whoever_takes_that(citizen: Visitor, stage: Stage) -> None:
    plain = citizen.go("GET", "/saml/bodies", headers={**DIRECT, "accept-encoding": "gzip;q=0, br"})
    assert (plain.status, plain.headers.get("content-encoding"), plain.headers["vary"]) == (200, None, "Accept-Encoding")
    entities = [one.get("entityID") for one in etree.fromstring(plain.text.encode()).iterfind(f"{MD}EntityDescriptor")]
    assert entities == [entity(stage, "rome"), entity(stage, "milan")]
    coded = citizen.go("GET", "/saml/bodies", headers={**DIRECT, "accept-encoding": "br, gzip"})
    assert (coded.headers["content-encoding"], coded.text) == ("gzip", plain.text)
    assert int(coded.headers["content-length"]) < len(gzip.compress(plain.text.encode())) + 100
    tag = {"if-none-match": f'"other", {plain.headers["etag"]}'}
    assert citizen.go("GET", "/saml/bodies", headers={**DIRECT, **tag}).status == 304
    head = citizen.go("HEAD", "/saml/bodies", headers=DIRECT)
    assert (head.status, head.text, head.headers["etag"]) == (200, "", plain.headers["etag"])


def test_spaces_in_what_a_program_accepts_take_no_time_that_grows_by_their_square() -> None:
    accepted = f"gzip{' ' * 60_000}x, gzip;{' ' * 2_000}q=0"
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", accepted.encode())]}
    begun = time.thread_time()
    found = document(Request(scope), gzip.compress(b"all"), compressed=True)
    # A thousandth of it is usual, and by the square it were ten
    assert time.thread_time() - begun < 2
    assert "content-encoding" not in found.headers


def test_a_city_without_bodies_has_no_such_document(visitor: Visitor) -> None:
    assert visitor.go("GET", "/saml/bodies", headers=DIRECT).status == 404


def test_whoever_reads_the_opened_document_slowly_holds_no_more_than_a_piece_of_it() -> None:
    whole = random.Random(1).randbytes(256 * 1024) * 64  # noqa: S311 - a text that is the same each time
    coded = gzip.compress(whole, 1)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"spec_version": "2.4"}}
    asyncio.run(document(Request(scope), coded, compressed=True)(scope, receive, send))
    pieces = [one["body"] for one in sent if one["type"] == "http.response.body"]
    assert max(map(len, pieces)) <= PIECE
    assert b"".join(pieces) == whole
    assert (b"content-length", str(len(whole)).encode()) in sent[0]["headers"]
