"""DPoP over HTTP (RFC 9449): a public client's page, headers as they come, and two brokers over one database."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.connectors_jws.dpop_doubles import Sender
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, VERIFIER, Answer, Visitor

USERINFO = "/userinfo"


def _sender() -> Sender:
    return Sender(number=secrets.randbelow(2**60))


@pytest.fixture(scope="module")
def second(running: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of another broker over the same keys and database."""
    with running.other_broker(tmp_path_factory.mktemp("second") / "other", {}) as port:
        yield port


def _redeemed(visitor: Visitor, code: str, proof: str, **headers: str | None) -> Answer:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "app",
        "redirect_uri": f"{visitor.stage.city_base}/app/callback",
        "code_verifier": VERIFIER,
    }
    return visitor.go("POST", "/token", fields=fields, headers={**DIRECT, "dpop": proof, **headers}, jar={})


def _used(visitor: Visitor, token: str, proof: str | None, scheme: str = "DPoP", **headers: str | None) -> Answer:
    sent = {**DIRECT, "authorization": f"{scheme} {token}", "dpop": proof, **headers}
    return visitor.go("GET", USERINFO, headers=sent, jar={})


def _token(visitor: Visitor, sender: Sender) -> str:
    code = visitor.code(client_id="app", dpop_jkt=sender.thumbprint)
    answer = _redeemed(visitor, code, sender.proof(f"{visitor.stage.issuer}/token", visitor.stage.clock()))
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP"), answer.text
    return str(answer.json["access_token"])


def _proof(stage: Stage, sender: Sender, token: str) -> str:
    return sender.proof(stage.issuer + USERINFO, stage.clock(), method="GET", token=token)


@pytest.mark.spec("RFC 9449 §8.2")
def test_a_page_of_a_public_client_proves_its_key_and_may_read_the_nonce(visitor: Visitor, stage: Stage) -> None:
    origin, sender = stage.city_base, _sender()
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "dpop"}
    preflight = visitor.go("OPTIONS", "/token", headers={**DIRECT, "origin": origin, **asked}, jar={})
    assert "dpop" in preflight.headers["access-control-allow-headers"].split(", ")
    page = {"origin": origin, "sec-fetch-site": "cross-site"}
    code = visitor.code(client_id="app")
    stale = sender.proof(f"{stage.issuer}/token", stage.clock(), nonce="of another server")
    refused = _redeemed(visitor, code, stale, **page)
    assert (refused.status, refused.json["error"]) == (400, "use_dpop_nonce")
    assert refused.headers["access-control-allow-origin"] == origin
    assert "DPoP-Nonce" in refused.headers["access-control-expose-headers"].split(", ")
    fresh = sender.proof(f"{stage.issuer}/token", stage.clock(), nonce=refused.headers["dpop-nonce"])
    token = str(_redeemed(visitor, code, fresh, **page).json["access_token"])
    told = _used(visitor, token, _proof(stage, sender, token), **page)
    assert (told.status, told.headers["access-control-allow-origin"]) == (200, origin)


@pytest.mark.spec("security.md §2.2")
@pytest.mark.spec("RFC 9449 §7.2")
def test_a_stolen_token_is_of_no_use_on_any_worker(visitor: Visitor, stage: Stage, second: int) -> None:
    sender, thief = _sender(), _sender()
    token = _token(visitor, sender)
    proof = _proof(stage, sender, token)
    for port in (None, second):
        visitor.port = port
        for scheme, shown in (("Bearer", None), ("Bearer", proof), ("DPoP", None), ("DPoP", _proof(stage, thief, token))):
            refused = _used(visitor, token, shown, scheme)
            assert (refused.status, refused.json["error"]) == (401, "invalid_token"), (scheme, shown)
            assert refused.headers["www-authenticate"].startswith("DPoP ")
    assert _used(visitor, token, proof).status == 200


@pytest.mark.spec("security.md §2.2")
@pytest.mark.spec("RFC 9449 §11.1")
def test_a_proof_is_used_once_whichever_worker_it_comes_to(visitor: Visitor, stage: Stage, second: int) -> None:
    sender = _sender()
    token = _token(visitor, sender)
    proof = _proof(stage, sender, token)
    assert _used(visitor, token, proof).status == 200
    visitor.port = second
    refused = _used(visitor, token, proof)
    assert (refused.status, refused.json["error"]) == (401, "invalid_dpop_proof")
    once = _proof(stage, sender, token)
    with Visitor(stage) as here, Visitor(stage, port=second) as there, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(_used, (here, there)[number % 2], token, once) for number in range(8)]
        statuses = sorted(one.result().status for one in asked)
    assert statuses == [200, *[401] * 7]


@pytest.mark.spec("RFC 9449 §8.1")
def test_every_worker_knows_the_nonce_of_each(visitor: Visitor, stage: Stage, second: int) -> None:
    sender = _sender()
    token = _token(visitor, sender)
    address = stage.issuer + USERINFO
    unknown = sender.proof(address, stage.clock(), method="GET", token=token, nonce="unknown")
    nonce = _used(visitor, token, unknown).headers["dpop-nonce"]
    visitor.port = second
    assert _used(visitor, token, sender.proof(address, stage.clock(), method="GET", token=token, nonce=nonce)).status == 200


@pytest.mark.spec("RFC 9449 §4.1")
def test_two_headers_are_one_too_many(visitor: Visitor, stage: Stage) -> None:
    sender = _sender()
    token = _token(visitor, sender)
    host = stage.issuer.removeprefix("http://")
    proofs = [(b"dpop", _proof(stage, sender, token).encode()) for _ in range(2)]
    raw = [(b"host", host.encode()), (b"authorization", f"DPoP {token}".encode()), *proofs]
    answer = visitor.http.request("GET", f"http://127.0.0.1:{host.rpartition(':')[2]}{USERINFO}", headers=raw)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_dpop_proof")


def test_no_proof_and_no_nonce_is_in_the_log(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    sender = _sender()
    token = _token(visitor, sender)
    proof = sender.proof(stage.issuer + USERINFO, stage.clock(), method="GET", token="another")
    assert _used(visitor, token, proof).status == 401
    (line,) = [one for one in logs if one.get("path") == USERINFO]
    assert "dpop_token" in str(line["detail"])
    assert line["peer"] == "app"
    assert not any(part in str(logs) for part in (token, proof, sender.thumbprint))
