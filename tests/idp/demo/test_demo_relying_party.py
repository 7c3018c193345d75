"""The city's relying party refuses each answer and token that is not as OpenID Connect Core has it, one check at a time."""

import base64
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any  # the body of a fake broker's answers
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from connectors.signatures.jwk import keys_from_jwks, public_jwk
from connectors.signatures.jws import base64url, sign, verify
from connectors.wire.claims import Json
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity, Service, SignedIn
from idp.keys.file import FileSigner, create_token_key, load_signer
from policies.assurance import LevelOfAssurance
from tests.idp.demo.conftest import Serving

SECRET = "a secret with a colon: and a plus +"


class Broker:
    """A broker that answers as a test wants it to."""

    def __init__(self, folder: Path) -> None:
        self.issuer = ""
        self.claims: dict[str, Json] = {}
        self.signer = _key(folder / "broker.pem")
        self.published = self.signer
        self.userinfo: dict[str, Json] = {"sub": "s", "age_over_18": True}
        self.discovered: dict[str, Json] = {}
        self.status = 200
        self.scope = "openid purpose:resident-parking"
        self.seen: list[tuple[dict[str, str], dict[str, list[str]]]] = []

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/.well-known/openid-configuration")
        def discovery() -> dict[str, Any]:
            endpoints = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **endpoints, **self.discovered}

        @app.get("/jwks")
        def jwks() -> dict[str, Any]:
            return {"keys": [{**public_jwk(self.published.public_key), "kid": self.signer.key_id, "alg": "ES256"}]}

        @app.post("/token")
        async def token(request: Request) -> Response:
            self.seen.append((dict(request.headers), parse_qs((await request.body()).decode())))
            if self.status != 200:
                return JSONResponse({"error": "invalid_grant"}, self.status)
            id_token = sign(self.claims, self.signer, alg="ES256", typ="JWT")
            return JSONResponse({"access_token": "at", "id_token": id_token, "scope": self.scope})

        @app.get("/userinfo")
        def userinfo(request: Request) -> Response:
            assert request.headers["authorization"] == "Bearer at"
            return JSONResponse(dict(self.userinfo))

        return app


def _key(path: Path) -> FileSigner:
    create_token_key(path, "ES256")
    return load_signer(path)


@pytest.fixture
def broker(tmp_path: Path, serving: Serving) -> Iterator[Broker]:
    made = Broker(tmp_path)
    with serving(made.app()) as port:
        made.issuer = f"http://broker.localhost:{port}"
        yield made


@pytest.fixture
def party(broker: Broker) -> Iterator[RelyingPartyOfCity]:
    service = Service(
        client_id="parking",
        purpose="resident-parking",
        scope="email",
        redirect_uri="http://city.localhost/parking/callback",
        alg="ES256",
        minimum=LevelOfAssurance.SUBSTANTIAL,
        required=("age_over_18",),
        secret=SECRET,
    )
    made = RelyingPartyOfCity(service, broker.issuer)
    yield made
    made.close()


def _begun(party: RelyingPartyOfCity, broker: Broker, **changes: Json) -> dict[str, str]:
    """Begin, and let the broker prepare an id_token that is right but for `changes`; the answer that the browser brings."""
    url, state = party.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    now = int(time.time())
    broker.claims = {
        "iss": broker.issuer,
        "sub": "s",
        "aud": "parking",
        "exp": now + 300,
        "iat": now,
        "nonce": asked["nonce"],
        "acr": LevelOfAssurance.SUBSTANTIAL.uri,
        "at_hash": base64url(hashlib.sha256(b"at").digest()[:16]),
    }
    broker.claims |= changes
    broker.claims = {name: value for name, value in broker.claims.items() if value is not None}
    return {"code": "c", "state": state, "iss": broker.issuer}


def _received(party: RelyingPartyOfCity, answer: dict[str, str]) -> SignedIn:
    return party.receive(answer, answer["state"])


def _refused(party: RelyingPartyOfCity, answer: dict[str, str], check: str) -> None:
    with pytest.raises(AnswerRefusedError) as refused:
        _received(party, answer)
    assert str(refused.value) == check


def test_it_asks_with_fresh_state_nonce_and_pkce(party: RelyingPartyOfCity) -> None:
    questions = [{k: v[0] for k, v in parse_qs(urlsplit(party.begin()[0]).query).items()} for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert questions[0][name] != questions[1][name]
        assert len(questions[0][name]) >= 43
    assert questions[0]["code_challenge_method"] == "S256"
    assert questions[0]["scope"] == "openid purpose:resident-parking email"
    assert "claims" not in questions[0]


def test_a_right_answer_signs_in(party: RelyingPartyOfCity, broker: Broker) -> None:
    signed_in = _received(party, _begun(party, broker))
    assert signed_in.id_token["sub"] == "s"
    assert signed_in.userinfo["age_over_18"] is True
    assert "age_over_18" not in repr(signed_in)
    headers, fields = broker.seen[0]
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode().startswith("parking:a%20secret")
    assert fields["redirect_uri"] == ["http://city.localhost/parking/callback"]
    assert len(fields["code_verifier"][0]) == 43


@pytest.mark.spec("OpenID Connect Core §3.1.3.7")
@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"iss": "http://evil.localhost"}, "id_token iss"),
        ({"aud": "fares"}, "id_token aud"),
        ({"nonce": "another"}, "id_token nonce"),
        ({"at_hash": "another"}, "id_token at_hash"),
        ({"exp": 1}, "id_token exp"),
        ({"iat": 1}, "id_token iat"),
        ({"sub": ""}, "id_token sub"),
        ({"acr": LevelOfAssurance.LOW.uri}, "id_token acr"),
        ({"acr": None}, "id_token acr"),
    ],
    ids=repr,
)
def test_an_id_token_with_one_claim_wrong_is_refused(
    party: RelyingPartyOfCity, broker: Broker, changes: dict[str, Json], check: str
) -> None:
    _refused(party, _begun(party, broker, **changes), check)


def test_an_id_token_of_another_key_is_refused(party: RelyingPartyOfCity, broker: Broker, tmp_path: Path) -> None:
    broker.published = _key(tmp_path / "another.pem")
    _refused(party, _begun(party, broker), "id_token signature")


def test_an_answer_for_another_purpose_is_refused(party: RelyingPartyOfCity, broker: Broker) -> None:
    for broker.scope in ("openid purpose:concession-fare", "openid purpose:resident-parking-2", "openid", ""):
        _refused(party, _begun(party, broker), "another purpose")


def test_an_answer_without_what_the_purpose_requires_is_refused(party: RelyingPartyOfCity, broker: Broker) -> None:
    broker.userinfo = {"sub": "s", "email": "mari@post.example"}
    _refused(party, _begun(party, broker), "age_over_18 did not come")
    assert _received(party, _begun(party, broker, age_over_18=False)).id_token["age_over_18"] is False


@pytest.mark.spec("RFC 9207 §2.4; RFC 9700 §4.4")
def test_an_answer_of_another_issuer_or_state_is_refused(party: RelyingPartyOfCity, broker: Broker) -> None:
    _refused(party, {**_begun(party, broker), "iss": "http://evil.localhost"}, "iss")
    answer = _begun(party, broker)
    _refused(party, {"code": "c", "state": answer["state"]}, "iss")
    answer = _begun(party, broker)
    for state in ("", "another"):
        with pytest.raises(AnswerRefusedError, match="state"):
            party.receive({**answer, "state": state}, state)
    with pytest.raises(AnswerRefusedError, match="state"):
        party.receive(answer, "the state of another browser")
    assert broker.seen == [], "no code was sent anywhere"


def test_an_answer_is_used_once(party: RelyingPartyOfCity, broker: Broker) -> None:
    answer = _begun(party, broker)
    _received(party, answer)
    _refused(party, answer, "state")


def test_a_discovery_document_of_another_issuer_is_refused(party: RelyingPartyOfCity, broker: Broker) -> None:
    broker.discovered["issuer"] = "http://evil.localhost"
    with pytest.raises(AnswerRefusedError, match="issuer in discovery"):
        party.begin()


def test_a_service_with_a_key_signs_a_new_assertion_each_time(
    party: RelyingPartyOfCity, broker: Broker, tmp_path: Path
) -> None:
    signer = _key(tmp_path / "service.pem")
    keyed = RelyingPartyOfCity(replace(party.service, secret="", signer=signer), broker.issuer)
    for _ in range(2):
        _received(keyed, _begun(keyed, broker))
    jwks = '{"keys": [' + str({**public_jwk(signer.public_key), "kid": signer.key_id}).replace("'", '"') + "]}"
    keys = keys_from_jwks(jwks, "ES256")
    sent = [verify(fields["client_assertion"][0], keys, alg="ES256", types={"JWT"}).members for _, fields in broker.seen]
    assert len({str(claims["jti"]) for claims in sent}) == 2
    for (headers, _), claims in zip(broker.seen, sent, strict=True):
        assert "authorization" not in headers
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("parking", "parking", broker.issuer)
        assert isinstance(claims["exp"], int)
        assert claims["exp"] <= time.time() + 300
    keyed.close()
