"""Registers over SAML and HTTPS in a whole login: what they say well goes, and every other answer ends with nothing."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any  # claims of any kind, right and wrong

import pytest
from joserfc.jwk import ECKey

from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element
from idp.keys.file import load_signer
from idp.keys.folder import SAML_ENCRYPTION
from idp.system.addresses import entity_id
from tests.connectors.forge import IDP, attribute
from tests.connectors.registers.authority import BORN, STREET, TOWN, Authority, listening, metadata, reply
from tests.connectors.registers.signed_claims import ISSUER, JWKS, STRANGERS, Register, claims, served, token
from tests.connectors.registers.signed_claims import THEIRS as ITS_KEY
from tests.idp.staging import Lines
from tests.idp.web.test_registers_http import CANARIES, FORM, FROM, POPULATION, PURPOSE, REGISTER, ROWS, decision, sources
from tests.idp.web.visitor import Answer, Visitor
from tests.interop.messages import STRANGER, THEIRS, key, signed_response

(MARI, ROAD, CITY), OTHER = ROWS[0], "EE-36406010002"
HEAD = (
    POPULATION[: POPULATION.index("[found_by]")]
    .format(deadline=5)
    .replace("level =", 'issuer = {issuer!r}\nnetworks = ["127.0.0.0/8"]\nlevel =')
)
SAML = """
[found_by]
person_identifier = "NameID"
[attributes]
{street!r} = "address.street"
{town!r} = "address.locality"
[saml]
metadata = "metadata/population.xml"
name_id_format = "persistent"
"""
HTTPS = """
[found_by]
person_identifier = "sub"
[attributes]
"address.street_address" = "address.street"
"address.locality" = "address.locality"
[https]
endpoint = {url!r}
client_id = "storkhaven"
jwks = "registers/population.jwks.json"
"""
Change = Mapping[str, Any]


@contextmanager
def asking(visitor: Visitor, folder: Path, files: Mapping[str, str]) -> Iterator[None]:
    with visitor.stage.other_broker(folder / "r", {PURPOSE: (FORM, FROM)}, files) as visitor.port:
        yield


def _login(visitor: Visitor) -> Answer:
    return visitor.returns(visitor.signs_in(visitor.asked(visitor.login())))


def _ends(visitor: Visitor, logs: Lines, good: Change, bad: Mapping[str, Change], answer: Callable[[Change], None]) -> None:
    """A good answer goes, with its source in the record. Each other one is refused by its check, and nothing goes."""
    answer(good)
    page = _login(visitor)
    assert page.status == 200, [line.get("check") for line in logs]
    assert sources(page) == ["From: Population register of Storkhaven It finds you by: Personal identifier"]
    assert page.found("//li[@data-name='address']//*[@class='value']//bdi/text()") == ["Yes"]
    visitor.decides(page)
    assert decision(visitor)["sources"] == [["address", "population"]]
    for check, change in {**bad, "answer_twice": good}.items():
        answer(change)
        logs.clear()
        assert _login(visitor).heading == "A register does not answer", check
        assert check in {line.get("check") for line in logs}, logs
        assert not [one for one in CANARIES if one in json.dumps(logs, default=str)]


@pytest.mark.spec("issue 33 bad input")
def test_a_register_over_https_in_a_whole_login(visitor: Visitor, logs: Lines, tmp_path: Path) -> None:
    said: Change = {}
    address = {"street_address": ROAD, "locality": CITY}

    def answer(query: Mapping[str, Any]) -> str:
        by = said.get("by", ITS_KEY)
        changes = {name: value for name, value in said.items() if name != "by"}
        found = {**claims(query, visitor.stage.clock(), aud="storkhaven", address=address), **changes}
        return json.dumps(found) if by == "nobody" else token(found, by, kid=str(ITS_KEY.kid))

    def to(change: Change) -> None:
        nonlocal said
        said = change

    held = Register(answer)
    with served(held) as registered:
        url = registered.transport.endpoint  # type: ignore[union-attr] # it is one over HTTPS
        files = {
            REGISTER: HEAD.format(issuer=ISSUER) + HTTPS.format(url=url),
            "registers/population.jwks.json": JWKS,
        }
        with asking(visitor, tmp_path, files):
            published = json.loads(visitor.go("GET", "/oidc/jwks").text)["keys"]
            held.asker = ECKey.import_key(next(one for one in published if one["use"] == "sig"))
            now = visitor.stage.clock()
            _ends(
                visitor,
                logs,
                {"jti": "first"},
                {
                    "answer_subject": {"sub": OTHER},
                    "token_nonce": {"nonce": "_another"},
                    "token_expired": {"iat": now - 1000, "exp": now - 500},
                    "not_asked": {"birthdate": "1887-04-12"},
                    "jws_form": {"by": "nobody"},
                    "jws_signature": {"by": STRANGERS},
                    "size": {"more": "x" * 400_000},
                },
                to,
            )
    assert [one["sub"] for one in held.asked] == [MARI] * len(held.asked)


@pytest.mark.spec("issue 33 bad input")
def test_an_attribute_authority_in_a_whole_login(visitor: Visitor, logs: Lines, tmp_path: Path) -> None:
    said: Change = {}
    ours = load_signer(visitor.stage.receiving / "keys" / SAML_ENCRYPTION)
    audience = f"<saml:Audience>{entity_id(visitor.stage.issuer)}</saml:Audience>"
    home = [attribute(STREET, ROAD), attribute(TOWN, CITY)]

    def answer(query: Element) -> bytes:
        changes = {name: value for name, value in said.items() if name not in ("by", "signed", "plain")}
        made = replace(
            reply(query, visitor.stage.clock(), home),
            audiences=f"<saml:AudienceRestriction>{audience}</saml:AudienceRestriction>",
            name_id=MARI,
        )
        return signed_response(
            replace(made, **changes),
            said.get("signed", "response"),
            encrypted="plain" not in said,
            by=key(said.get("by", THEIRS)),
            profile=SAML2INT,
            to=ours,
        )

    def to(change: Change) -> None:
        nonlocal said
        said = change

    authority = Authority(answer)
    with listening(authority.post) as url:
        files = {
            REGISTER: HEAD.format(issuer=IDP) + SAML.format(street=STREET, town=TOWN),
            "metadata/population.xml": metadata(url, key(THEIRS)).decode(),
        }
        with asking(visitor, tmp_path, files):
            _ends(
                visitor,
                logs,
                {"assertion_id": "_first"},
                {
                    "answer_subject": {"name_id": OTHER},
                    "in_response_to": {"in_response_to": "_another"},
                    "conditions_expired": {"conditions_from": 1, "conditions_until": 2},
                    "not_asked": {"attributes": [*home, attribute(BORN, "1887-04-12")]},
                    "signature_missing": {"signed": "neither"},
                    "signature": {"by": STRANGER},
                    "plain_assertion": {"plain": True},
                    "size": {"attributes": [attribute(STREET, "x" * 300_000)]},
                },
                to,
            )
    text = ["".join(map(str, one.itertext())) for one in authority.asked]
    assert all(MARI in each for each in text)
