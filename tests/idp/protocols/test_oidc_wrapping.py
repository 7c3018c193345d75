"""Answers signed, and encrypted to the client's own key: joserfc opens them as a relying party's library does."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, KeySet, KeySetSerialization, RSAKey

from connectors.signatures.jwk import public_jwk
from connectors.wire.claims import Json
from idp.protocols.oidc.direct import JsonAnswer
from idp.protocols.oidc.metadata import jwks as published
from policies.errors import AllRevoked, Misconfigured
from policies.parties import RelyingParty
from policies.registrations.client_answers import ClientAnswers, ResponseEncryption
from policies.registrations.openid_client import OpenIDClient
from tests.connectors_jws.jws_doubles import PrivateKey, private_key
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    City,
    answer,
    asking,
    basic,
    declined,
    grant,
    party,
    posted,
    redemption,
)

EC, RSA = private_key("ES256", 21), private_key("RS256", 21)
WRAPS = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "RSA-OAEP-256"]
CONTENTS = ["A128GCM", "A256GCM"]


def keys(**changes: Json) -> str:
    """A set of a key on P-256 and an RSA key, both to encrypt to, after one that signs."""
    mine: list[Mapping[str, Json]] = [
        {**public_jwk(private_key("ES256", 9).public_key()), "kid": "signs", "use": "sig"},
        {**public_jwk(EC.public_key()), "kid": "on a curve", "use": "enc", **changes},
        {**public_jwk(RSA.public_key()), "kid": "rsa", "use": "enc", **changes},
    ]
    return json.dumps({"keys": mine})


def client(jwks: str = "", **answers: object) -> RelyingParty:
    wanted = replace(ClientAnswers(), **answers)  # type: ignore[arg-type] # whichever fields a test names
    return party(openid=OpenIDClient(answers=wanted), jwks=jwks or keys())


def tokens(city: City) -> JsonAnswer:
    found = city.provider.token(posted(redemption(city.code(grant())), basic()), NOW)
    assert found.status == 200
    return found


def userinfo(city: City, method: str = "GET") -> JsonAnswer:
    access = str(tokens(city).body["access_token"])
    if method == "POST":
        return city.provider.userinfo(asking("", form={"access_token": access}), NOW)
    return city.provider.userinfo(asking(f"Bearer {access}"), NOW)


def pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def opened(token: str, alg: str, enc: str) -> str:
    key = RSAKey.import_key(pem(RSA)) if alg.startswith("RSA") else ECKey.import_key(pem(EC))
    inside = jwe.decrypt_compact(token, key, algorithms=[alg, enc])
    assert inside.protected["cty"] == "JWT"
    assert inside.protected["kid"] == ("rsa" if alg.startswith("RSA") else "on a curve")
    assert inside.plaintext is not None
    return inside.plaintext.decode()


def verified(city: City, token: str, alg: str = "ES256") -> dict[str, object]:
    theirs = cast(KeySetSerialization, published(city.signers, NOW))  # the shape is what the test is about
    return dict(jwt.decode(token, KeySet.import_key_set(theirs), algorithms=[alg]).claims)


PLAIN = {"resident_of": {"Storkhaven": True}, "age_over_18": True, "given_name": "Kärt-Canary-Example"}


@pytest.mark.spec("OpenID Connect Core §5.3")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo_is_plain_json_where_nothing_else_is_registered(method: str) -> None:
    found = userinfo(City(), method)
    assert (found.jwt, found.media_type) == ("", "application/json")
    assert found.body == {**PLAIN, "sub": "3JZ4KUQW2D7M"}


@pytest.mark.spec("OpenID Connect Core §5.3.2")
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signed_userinfo_says_who_speaks_and_to_whom_and_is_no_id_token(alg: str, method: str) -> None:
    city = City(client(userinfo_alg=alg))
    found = userinfo(city, method)
    assert (found.media_type, found.body) == ("application/jwt", {})
    assert found.headers["Cache-Control"] == "no-store"
    assert verified(city, found.jwt, alg) == {**PLAIN, "sub": "3JZ4KUQW2D7M", "iss": ISSUER, "aud": "parking"}
    # RFC 8725 §3.12: signed by the same key for the same audience, and taken for nothing else
    assert answer(declined(city, id_token_hint=found.jwt))["error"] == "invalid_request"
    assert "Canary" not in repr(found)


@pytest.mark.spec("OpenID Connect Core §10.2")
@pytest.mark.parametrize("enc", CONTENTS)
@pytest.mark.parametrize("alg", WRAPS)
def test_userinfo_is_signed_and_then_encrypted(alg: str, enc: str) -> None:
    city = City(client(userinfo_alg="ES256", userinfo_encryption=ResponseEncryption(alg, enc)))
    found = userinfo(city)
    assert found.media_type == "application/jwt"
    assert verified(city, opened(found.jwt, alg, enc))["given_name"] == "Kärt-Canary-Example"


@pytest.mark.spec("OpenID Connect Core §2")
@pytest.mark.parametrize("enc", CONTENTS)
@pytest.mark.parametrize("alg", WRAPS)
def test_an_id_token_is_encrypted_where_the_registration_asks_for_it(alg: str, enc: str) -> None:
    city = City(client(id_token_encryption=ResponseEncryption(alg, enc)))
    found = tokens(city)
    claims = verified(city, opened(str(found.body["id_token"]), alg, enc))
    assert (claims["aud"], claims["nonce"]) == ("parking", "n-0S6_WzA2Mj")
    # userinfo is as it was: each answer has keys of its own
    assert city.provider.userinfo(asking(f"Bearer {found.body['access_token']}"), NOW).body["sub"] == claims["sub"]


@pytest.mark.parametrize(
    "jwks",
    [
        keys(use="sig"),
        keys(use=None),
        keys(alg="ECDH-ES+A192KW"),
        keys(crv="P-521"),
        keys(x="AA"),
        keys(d="AA"),
        json.dumps({"keys": [public_jwk(EC.public_key())]}),
        json.dumps({"keys": []}),
        "none",
    ],
)
def test_a_client_without_a_key_that_can_be_used_is_refused_at_the_start(jwks: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        City(client(jwks, id_token_encryption=ResponseEncryption("ECDH-ES", "A128GCM")))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == ("parties/parking.toml", 7, "jwks")
    assert '"use": "enc"' in problem.fix


def test_an_algorithm_that_no_key_of_ours_signs_with_is_refused_at_the_start() -> None:
    with pytest.raises(Misconfigured, match="userinfo_signed_response_alg"):
        City(client(userinfo_alg="PS256"))


def test_where_every_key_is_revoked_userinfo_says_to_try_again() -> None:
    city = City(client(userinfo_alg="RS256"))
    access = str(tokens(city).body["access_token"])

    class Revoked:
        def at(self, _now: int) -> None:
            raise AllRevoked("no key is left")

    city.signers["RS256"] = Revoked()  # type: ignore[assignment] # nothing else is asked of it
    assert city.provider.userinfo(asking(f"Bearer {access}"), NOW).status == 503
