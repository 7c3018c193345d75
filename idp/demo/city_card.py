"""A demo identity provider that speaks OpenID Connect: a city's card.

It takes the code flow with PKCE alone, from one client that proves itself by its key, and lets one pick a citizen in place
of a sign-in. It says the claims that it is asked for. Its codes and tokens live in memory: it is one process of the demo.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.signatures.jwk import public_jwk
from connectors.signatures.jws import base64url, sign, verification_key
from connectors.signatures.signer import Signer
from idp.demo.citizens import Citizen
from idp.demo.country import who_page
from idp.demo.words import language_of
from idp.keys.file import create_token_key, load_signer
from idp.web.requests import form, header, query
from policies.errors import AssertionRejected, RequestRefused

CLIENT = "ciconia-city"
LIFE = 120
# The keys of `citizens.NAMES` that are claims; the address has its parts inside (OpenID Connect Core 1.0 §5.1.1)
CLAIMS = ("family_name", "given_name", "email")
INCOME = "household_income"
ADDRESS = {"street": "street_address", "postal_code": "postal_code", "locality": "locality", "country": "country"}


class CityCard:
    """The provider at `base`, with the key of a PEM file. It has one client, known by its key and its address."""

    def __init__(
        self, *, base: str, title: str, holders: Sequence[Citizen], key: Path, client: Signer, redirect_uri: str
    ) -> None:
        if not key.exists():
            create_token_key(key, "ES256")
        self.base, self._title, self._redirect_uri = base, title, redirect_uri
        self._key = load_signer(key)
        self._client = (verification_key(client.public_key, "ES256", client.key_id),)
        self._holders = {one.key: one for one in holders}
        # By code: the request, and who signed in; by access token: the claims that it reads
        self._codes: dict[str, tuple[Mapping[str, str], Citizen, float]] = {}
        self._tokens: dict[str, Mapping[str, object]] = {}

    def document(self) -> bytes:
        """The discovery document that the city pins (OpenID Connect Discovery 1.0 §3)."""
        paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        members: dict[str, object] = {f"{name}_endpoint": f"{self.base}/{path}" for name, path in paths.items()}
        members |= {"issuer": self.base, "jwks_uri": f"{self.base}/jwks", "response_types_supported": ["code"]}
        members |= {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]}
        members |= {"token_endpoint_auth_methods_supported": ["private_key_jwt"], "claims_parameter_supported": True}
        members |= {"code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": True}
        return json.dumps(members).encode()

    def app(self) -> FastAPI:
        """The provider as a web application."""
        app = FastAPI(openapi_url=None)

        async def refused(_request: Request, error: Exception) -> Response:
            return JSONResponse({"error": "invalid_request", "error_description": str(error)}, 400)

        app.add_exception_handler(RequestRefused, refused)

        @app.get("/.well-known/openid-configuration")
        def discovery() -> Response:
            return Response(self.document(), media_type="application/json")

        @app.get("/jwks")
        def jwks() -> Response:
            return JSONResponse({"keys": [{**public_jwk(self._key.public_key), "use": "sig", "kid": self._key.key_id}]})

        @app.get("/authorize")
        def authorize(request: Request) -> Response:
            asker = urlsplit(self._redirect_uri).hostname or ""
            return who_page(self._title, asker, self._asked(query(request)), self._holders.values(), language_of(request))

        @app.post("/answer")
        async def answer(request: Request) -> Response:
            fields = await form(request)
            return self._answer(self._asked(fields), self._holders.get(fields.get("citizen", "")))

        @app.post("/token")
        async def token(request: Request) -> Response:
            return JSONResponse(self._redeemed(await form(request)), headers={"Cache-Control": "no-store"})

        @app.get("/userinfo")
        def userinfo(request: Request) -> Response:
            said = self._tokens.pop((header(request, b"authorization") or "").removeprefix("Bearer "), None)
            return JSONResponse(said) if said else JSONResponse({"error": "invalid_token"}, 401)

        return app

    def _asked(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """A request of the one client, to its one address. Raises `RequestRefused`."""
        wanted = {"client_id": CLIENT, "redirect_uri": self._redirect_uri, "response_type": "code"}
        if (
            any(fields.get(name) != value for name, value in wanted.items())
            or fields.get("code_challenge_method") != "S256"
        ):
            raise RequestRefused("this is no request of the city's broker")
        asked_claims(fields.get("claims", ""))
        names = ("client_id", "redirect_uri", "response_type", "code_challenge", "code_challenge_method", "nonce", "state")
        return {name: fields.get(name, "") for name in (*names, "claims")}

    def _answer(self, asked: Mapping[str, str], who: Citizen | None) -> Response:
        back = {"state": asked["state"], "iss": self.base}
        if who is None:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(32)
            self._codes[back["code"]] = (asked, who, time.time())
        return RedirectResponse(f"{self._redirect_uri}?{urlencode(back)}", 303)

    def _redeemed(self, fields: Mapping[str, str]) -> dict[str, object]:
        """A code, once, for the client's assertion and the verifier. Raises `RequestRefused`."""
        now = time.time()
        expected = ExpectedClientAssertion(CLIENT, self.base, "ES256", f"{self.base}/token")
        try:
            judge_client_assertion(fields.get("client_assertion", ""), self._client, expected, int(now))
        except AssertionRejected as error:
            raise RequestRefused(f"the client assertion does not hold: {error.check}") from error
        asked, who, since = self._codes.pop(fields.get("code", ""), ({}, None, 0.0))
        proof = base64url(hashlib.sha256(fields.get("code_verifier", "").encode()).digest())
        if who is None or now > since + LIFE or proof != asked["code_challenge"]:
            raise RequestRefused("the code does not hold")
        access = secrets.token_urlsafe(32)
        wanted = {"sub", *asked_claims(asked["claims"])}
        self._tokens[access] = {name: value for name, value in claims_of(who).items() if name in wanted}
        claims = {"iss": self.base, "aud": CLIENT, "sub": who.attributes["person_identifier"], "nonce": asked["nonce"]}
        times = {"iat": int(now), "exp": int(now) + LIFE, "auth_time": int(since)}
        id_token = sign({**claims, **times, "acr": who.loa}, self._key, alg="ES256", typ="JWT")
        return {"access_token": access, "token_type": "Bearer", "expires_in": LIFE, "id_token": id_token}


def asked_claims(text: str) -> frozenset[str]:
    """The claims of userinfo that a request asks for (§5.5). Raises `RequestRefused`."""
    try:
        return frozenset(json.loads(text or "{}").get("userinfo") or {})
    except (ValueError, AttributeError, TypeError) as error:
        raise RequestRefused("the claims parameter is no JSON object") from error


def claims_of(who: Citizen) -> dict[str, object]:
    """All that the card knows of its holder."""
    said, day = who.attributes, who.attributes["birthdate"]
    address = {claim: said[f"address.{part}"] for part, claim in ADDRESS.items()}
    named: dict[str, object] = {claim: said[claim] for claim in (*CLAIMS, INCOME) if claim in said}
    born = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return {**named, "sub": said["person_identifier"], "birthdate": born, "address": address}
