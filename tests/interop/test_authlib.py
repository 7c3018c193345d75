"""Authlib and joserfc as a relying party: code flow with PKCE over real sockets, each answer judged by their code alone."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any, cast  # Authlib and joserfc give claims and tokens without narrower types
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidClaimError
from joserfc.jwk import ECKey, KeySet

from idp.demo.scene import Scene
from tests.interop.walking import login, opened


class Loopback(requests.adapters.HTTPAdapter):
    """`*.localhost` is this machine, which Python's resolver does not know by itself."""

    def send(
        self,
        request: requests.PreparedRequest,
        *arguments: Any,  # requests' own, handed on
        **named: Any,  # as above
    ) -> requests.Response:
        parts = urlsplit(str(request.url))
        assert str(parts.hostname).endswith(".localhost")
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{parts.port}"))
        return super().send(request, *arguments, **named)


class Client:
    """One service as Authlib plays it: a session, the provider's metadata, and what it remembers of its request."""

    def __init__(self, scene: Scene, name: str, *, secret: object = None, method: str = "client_secret_basic") -> None:
        self.service = scene.city._parties[name].service
        self.session = OAuth2Session(
            client_id=name,
            client_secret=secret or self.service.secret,
            scope=f"openid purpose:{self.service.purpose} {self.service.scope}".strip(),
            redirect_uri=self.service.redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method=method,
        )
        self.session.mount("http://", Loopback())
        found = self.session.request(
            "GET", f"{scene.issuer}/.well-known/openid-configuration", withhold_token=True, timeout=10
        )
        self.metadata = OpenIDProviderMetadata(found.json())
        self.nonce, self.verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)

    def address(self) -> str:
        """Where the citizen's browser is sent. The session keeps the state."""
        address, self.session.state = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"], nonce=self.nonce, code_verifier=self.verifier
        )
        return str(address)

    def redeem(self, answer: str, **more: str) -> dict[str, object]:
        """The tokens. Authlib raises where the broker refuses."""
        named = {"code_verifier": self.verifier, **more}
        token = self.session.fetch_token(
            self.metadata["token_endpoint"], authorization_response=answer, state=self.session.state, timeout=10, **named
        )
        return cast(dict[str, object], token)  # Authlib's token is a dict of its own

    def judge(self, token: dict[str, object], *, nonce: str | None = None) -> dict[str, object]:
        """The claims of the id_token: signature by joserfc, everything else by Authlib. Both raise."""
        keys = KeySet.import_key_set(self.session.get(self.metadata["jwks_uri"], timeout=10).json())
        decoded = jwt.decode(str(token["id_token"]), keys, algorithms=[self.service.alg])
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": self.metadata["issuer"]},
                "aud": {"essential": True, "value": self.service.client_id},
                "auth_time": {"essential": True},
                "at_hash": {"essential": True},
            },
            params={
                "nonce": self.nonce if nonce is None else nonce,
                "client_id": self.service.client_id,
                "access_token": token["access_token"],
            },
        )
        claims.validate()
        return dict(claims)

    def userinfo(self) -> dict[str, object]:
        found = self.session.get(self.metadata["userinfo_endpoint"], timeout=10)
        assert found.status_code == 200
        body = found.json()
        assert isinstance(body, dict)
        return body


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(Scene(tmp_path_factory.mktemp("authlib") / "stage", fixed=False)) as scene:
        yield scene


@pytest.fixture(autouse=True)
def over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authlib insists on https, and the demo speaks http on *.localhost."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def parking(scene: Scene) -> Iterator[Client]:
    client = Client(scene, "parking")
    yield client
    client.session.close()


@pytest.mark.spec("OpenID Connect Discovery §3")
def test_authlib_accepts_the_provider_metadata(parking: Client) -> None:
    parking.metadata.validate()


@pytest.mark.spec("OpenID Connect Core §3.1")
def test_a_login_completes_and_gives_the_least(scene: Scene, parking: Client) -> None:
    token = parking.redeem(login(scene, parking.address()))
    claims, userinfo = parking.judge(token), parking.userinfo()
    assert claims["acr"] == "http://eidas.europa.eu/LoA/high"
    assert userinfo == {"sub": claims["sub"], "age_over_18": True, "resident_of": {"Storkhaven": True}}


@pytest.mark.spec("OpenID Connect Core §2")
def test_an_id_token_with_another_nonce_is_refused_by_authlib(scene: Scene, parking: Client) -> None:
    token = parking.redeem(login(scene, parking.address()))
    assert parking.judge(token)
    with pytest.raises(InvalidClaimError, match="nonce"):
        parking.judge(token, nonce=secrets.token_urlsafe(32))


@pytest.mark.parametrize("claim", ["sub"])
def test_an_altered_id_token_is_refused_by_joserfc(scene: Scene, parking: Client, claim: str) -> None:
    token = parking.redeem(login(scene, parking.address()))
    header, body, signature = str(token["id_token"]).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims[claim]
    claims[claim] = "other"
    altered = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    with pytest.raises(BadSignatureError):
        parking.judge({**token, "id_token": f"{header}.{altered}.{signature}"})


@pytest.mark.spec("RFC 7636 §4.6")
def test_another_verifier_gets_invalid_grant_and_spends_nothing(scene: Scene, parking: Client) -> None:
    answer = login(scene, parking.address())
    with pytest.raises(AuthlibBaseError, match="invalid_grant"):
        parking.redeem(answer, code_verifier=secrets.token_urlsafe(48))
    assert parking.judge(parking.redeem(answer))


@pytest.mark.spec("OpenID Connect Core §9")
def test_private_key_jwt_works_with_our_audience_and_a_short_life(scene: Scene, parking: Client) -> None:
    key = ECKey.import_key((scene.folder / "parties" / "fares.pem").read_bytes())
    fares = Client(scene, "fares", secret=key, method="private_key_jwt")
    try:
        claims = {"aud": fares.metadata["issuer"], "exp": int(time.time()) + 60}
        fares.session.register_client_auth_method(
            PrivateKeyJWT(claims=claims, headers={"kid": key.thumbprint()}, alg="ES256")
        )
        first = fares.judge(fares.redeem(login(scene, fares.address(), citizen="juhan")))
        second = parking.judge(parking.redeem(login(scene, parking.address())))
        assert fares.userinfo() == {"sub": first["sub"], "age_over_60": True}
        # Another person, so not the same sub, though the sector is
        assert first["sub"] != second["sub"]
    finally:
        fares.session.close()


@pytest.mark.spec("OpenID Connect Core §9")
def test_private_key_jwt_as_authlib_makes_it_unasked_is_refused(scene: Scene) -> None:
    # An hour's life, and the token endpoint as audience: the one we refuse as too long, the other as another's
    key = ECKey.import_key((scene.folder / "parties" / "fares.pem").read_bytes())
    fares = Client(scene, "fares", secret=key, method="private_key_jwt")
    try:
        for claims in ({}, {"aud": fares.metadata["issuer"]}, {"exp": int(time.time()) + 60}):
            fares.session.register_client_auth_method(
                PrivateKeyJWT(claims=claims, headers={"kid": key.thumbprint()}, alg="ES256")
            )
            with pytest.raises(AuthlibBaseError, match="invalid_client"):
                fares.redeem(login(scene, fares.address(), citizen="juhan"))
    finally:
        fares.session.close()
