"""Refresh tokens, introspection and revocation over HTTP: what the citizen reads, and what programs get."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from idp.receipts.receipt_verify import verify_receipt
from tests.idp.web.stage import APP, Stage
from tests.idp.web.test_public_clients import ALLOWED, CREDENTIALS, NOBODYS, _callback, _from, _redeem
from tests.idp.web.visitor import DIRECT, Answer, Visitor
from tests.independent_receipt import check

PARKING, APP_FILE, OTHER = "parties/parking.toml", "parties/app.toml", "parties/other-app.toml"
PURPOSE = "purposes/resident-parking.toml"
OFFLINE = ('basis = "public_task"', 'basis = "public_task"\nask = "remember(P30D)"\noffline = true')
SCOPE = "openid purpose:resident-parking offline_access"
REFRESHES = 'grant_types = ["authorization_code", "refresh_token"]\nresource_servers = ["permits"]\n'
SECRET = "a made-up secret of the resource server"
SERVER = f"""\
client_id = "permits"
title.en = "Permits"
sector = "mobility"
resource_server = true
introspection_signed_response_alg = "ES256"
client_secret_sha256 = "{hashlib.sha256(SECRET.encode()).hexdigest()}"
"""
TOLD = "In the next 30 days, Resident parking can get the same again while you are away."


def edits(stage: Stage, *, offline: bool = False) -> dict[str, tuple[str, ...] | None]:
    """A client with refresh tokens, and a resource server in the place of the other app."""
    other = (stage.receiving / OTHER).read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...] | None] = {
        PARKING: ('client_id = "parking"\n', f'client_id = "parking"\n{REFRESHES}'),
        APP_FILE: ('client_id = "app"\n', f'client_id = "app"\n{REFRESHES}'),
        OTHER: (other, SERVER),
    }
    return {**found, **({PURPOSE: OFFLINE} if offline else {})}


def refresh(visitor: Visitor, token: object) -> Answer:
    return visitor.redeem(None, grant_type="refresh_token", refresh_token=str(token), redirect_uri=None, code_verifier=None)


def introspect(visitor: Visitor, token: object, **headers: str) -> Answer:
    pair = base64.b64encode(f"permits:{SECRET}".encode()).decode()
    called = {**DIRECT, "authorization": f"Basic {pair}", **headers}
    return visitor.go("POST", "/introspect", fields={"token": str(token)}, headers=called, jar={})


@pytest.mark.spec("OpenID Connect Core §12")
@pytest.mark.spec("decisions.md I")
def test_what_goes_while_the_citizen_is_away_was_told_to_them_and_is_recorded(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    assert TOLD not in visitor.question().text
    with stage.other_broker(tmp_path / "b", edits(stage, offline=True)) as visitor.port:
        page = visitor.question(scope=SCOPE)
        assert page.text.count(TOLD) == 1
        first = visitor.redeem(visitor.decides(page, ticked={"remember": "yes"}).back["code"]).json
        assert visitor.go("GET", "/receipt").text.count(TOLD) == 1
        octets = visitor.go("GET", "/receipt.json").text
        assert "again while the person is away" in json.loads(octets)["record"]["processing"]["retention_period"]
        second = refresh(visitor, first["refresh_token"]).json
        given = visitor.userinfo(str(second["access_token"])).json
        assert given == visitor.userinfo(str(first["access_token"])).json
        assert given["age_over_18"] is True
        called = {**DIRECT, "authorization": visitor.basic("parking")}
        fields = {"access_token": str(second["access_token"])}
        receipt = visitor.go("POST", "/userinfo/receipt", fields=fields, headers=called, jar={}).text.encode()
        key = stage.application.keys.ledger.log.at(0).verifier
        assert {name for name, _ in verify_receipt(receipt, [key]).names} == {"address", "birthdate"}
        check(receipt, str(key))
        assert json.loads(receipt)["record"]["events"][0]["event_state"] == "approved before"


def test_a_resource_server_asks_and_its_answer_may_be_signed(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    with stage.other_broker(tmp_path / "b", edits(stage)) as visitor.port:
        tokens = visitor.redeem(visitor.code(scope=SCOPE)).json
        found = introspect(visitor, tokens["access_token"])
        assert (found.status, found.json["active"], found.json["client_id"]) == (200, True, "parking")
        assert not {"age_over_18", "birthdate", "given_name"} & set(found.json)
        signed = introspect(visitor, tokens["access_token"], accept="application/token-introspection+jwt; q=1")
        assert signed.headers["content-type"] == "application/token-introspection+jwt"
        assert signed.headers["cache-control"] == "no-store"
        payload = signed.text.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert claims["token_introspection"] == found.json
        revoked = visitor.go(
            "POST",
            "/revoke",
            fields={"token": str(tokens["refresh_token"])},
            headers={**DIRECT, "authorization": visitor.basic("parking")},
            jar={},
        )
        assert (revoked.status, revoked.json) == (200, {})
        assert introspect(visitor, tokens["access_token"]).json == {"active": False}
        assert refresh(visitor, tokens["refresh_token"]).json["error"] == "invalid_grant"


@pytest.mark.spec("RFC 7009 §2.3")
def test_a_page_of_an_apps_own_origin_refreshes_and_gives_back_and_no_other_page(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with stage.other_broker(tmp_path / "b", edits(stage)) as visitor.port:
        code = visitor.code(client_id=APP, redirect_uri=_callback(stage), scope=SCOPE)
        first = _redeem(visitor, code, _from(stage.city_base)).json
        again = {"grant_type": "refresh_token", "refresh_token": str(first["refresh_token"])}
        none = {"code": None, "redirect_uri": None, "code_verifier": None}
        second = _redeem(visitor, "", _from(stage.city_base), **none, **again)
        assert (second.status, second.headers[ALLOWED]) == (200, stage.city_base)
        fields = {"client_id": APP, "token": str(second.json["refresh_token"])}
        for origin in (NOBODYS, "null", None):
            answer = visitor.go("POST", "/revoke", fields=fields, headers=_from(origin), jar={})
            assert answer.status == 403
            assert ALLOWED not in answer.headers
        preflight = {"origin": stage.city_base, "access-control-request-method": "POST"}
        asked = visitor.go("OPTIONS", "/revoke", headers=preflight, jar={})
        assert asked.headers["access-control-allow-methods"] == "POST"
        answer = visitor.go("POST", "/revoke", fields=fields, headers=_from(stage.city_base), jar={})
        assert (answer.status, answer.headers[ALLOWED]) == (200, stage.city_base)
        assert CREDENTIALS not in answer.headers
        ended = _redeem(visitor, "", _from(stage.city_base), **{**none, **again, "refresh_token": fields["token"]})
        assert ended.json["error"] == "invalid_grant"


def test_no_page_asks_about_a_token(visitor: Visitor, stage: Stage) -> None:
    for origin in (stage.city_base, NOBODYS):
        answer = visitor.go("POST", "/introspect", fields={"token": "x"}, headers=_from(origin), jar={})
        assert answer.status == 403
        assert ALLOWED not in answer.headers
