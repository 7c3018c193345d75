"""A relying party of the demo city: asks, and checks every answer as OpenID Connect Core §3.1.3.7 demands.

It knows the broker by its discovery document, and shares no state with it: all goes over HTTP.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import httpx2

from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import base64url, sign, verify
from connectors.signatures.signer import Signer
from connectors.wire.claims import Json
from idp.demo.loopback import client, send
from policies.assurance import LevelOfAssurance, level_named
from policies.errors import AssertionRejected

WAITING = 900
ASSERTION_LIFE = 60
PROTOCOL_CLAIMS = {"iss", "aud", "exp", "iat", "nonce", "at_hash", "auth_time", "acr"}


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the city: its registration, its request, and the claims that it requires."""

    client_id: str
    purpose: str
    scope: str
    redirect_uri: str
    alg: str
    minimum: LevelOfAssurance
    required: tuple[str, ...]  # claims
    secret: str = field(default="", repr=False)
    signer: Signer | None = None  # for private_key_jwt
    claims: str = ""  # the claims parameter


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that waits for its answer."""

    nonce: str
    verifier: str
    began: float


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The result of a sign-in: the claims of the id_token and of userinfo."""

    id_token: Mapping[str, object] = field(repr=False)
    userinfo: Mapping[str, object] = field(repr=False)

    @property
    def given(self) -> Mapping[str, object]:
        """All claims, without those of the protocol."""
        both = {**self.id_token, **self.userinfo}
        return {name: value for name, value in both.items() if name not in PROTOCOL_CLAIMS}

    @property
    def loa(self) -> str:
        """The level, as its URI."""
        return str(self.id_token.get("acr", ""))

    def as_json(self) -> dict[str, object]:
        """Both, for the driver of `ciconia demo --once`."""
        return {"id_token": dict(self.id_token), "userinfo": dict(self.userinfo)}


class AnswerRefusedError(Exception):
    """The relying party refuses an answer; `args[0]` says which check failed. `ended`: the broker's error, if it is one."""

    def __init__(self, why: str, ended: str = "") -> None:
        super().__init__(why)
        self.ended = ended


class RelyingPartyOfCity:
    """One service's OpenID Connect client. `clock` gives seconds since the epoch."""

    def __init__(self, service: Service, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self.service = service
        self._issuer = issuer
        self._clock = clock
        self._pending: dict[str, PendingRequest] = {}
        self._http = client()
        self._discovery: dict[str, str] = {}

    def close(self) -> None:
        """Closes its connections to the broker."""
        self._http.close()

    def begin(self, language: str = "") -> tuple[str, str]:
        """The address that asks the broker to speak this language, and the state that the browser must bring back."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self._forget()
        self._pending[state] = PendingRequest(nonce, verifier, self._clock())
        asked = {
            "response_type": "code",
            "client_id": self.service.client_id,
            "redirect_uri": self.service.redirect_uri,
            "scope": f"openid purpose:{self.service.purpose} {self.service.scope}".strip(),
            "state": state,
            "nonce": nonce,
            "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            **({"claims": self.service.claims} if self.service.claims else {}),
            **({"ui_locales": language} if language else {}),
        }
        return f"{self._endpoint('authorization_endpoint')}?{urlencode(asked, quote_via=quote)}", state

    def receive(self, answer: Mapping[str, str], state_of_browser: str) -> SignedIn:
        """Redeems the code and checks everything. Raises `AnswerRefusedError`."""
        pending = self._pending.pop(answer.get("state", ""), None)
        if pending is None or not hmac.compare_digest(answer.get("state", ""), state_of_browser):
            raise AnswerRefusedError("state")
        if answer.get("iss") != self._issuer:
            raise AnswerRefusedError("iss")
        if "error" in answer:
            raise AnswerRefusedError(f"the broker said: {answer['error']}", answer["error"])
        tokens = self._redeem(answer.get("code", ""), pending)
        access_token, id_token = str(tokens.get("access_token", "")), str(tokens.get("id_token", ""))
        claims = self._id_token(id_token, access_token, pending)
        userinfo = self._json("GET", self._endpoint("userinfo_endpoint"), {"authorization": f"Bearer {access_token}"})
        if userinfo.get("sub") != claims["sub"]:
            raise AnswerRefusedError("userinfo sub")
        self._suffices(str(tokens.get("scope", "")), claims, userinfo)
        return SignedIn(claims, userinfo)

    def _suffices(self, scope: str, claims: Mapping[str, object], userinfo: Mapping[str, object]) -> None:
        """Checks purpose, level and required claims: the holder of the browser can change what is asked."""
        if f"purpose:{self.service.purpose}" not in scope.split():
            raise AnswerRefusedError("another purpose")
        level = level_named(str(claims.get("acr", "")))
        if level is None or level < self.service.minimum:
            raise AnswerRefusedError("id_token acr")
        for claim in self.service.required:
            # A no is an answer, too: the service decides what it means
            if claim not in claims and claim not in userinfo:
                raise AnswerRefusedError(f"{claim} did not come")

    def _redeem(self, code: str, pending: PendingRequest) -> dict[str, object]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.service.redirect_uri,
            "code_verifier": pending.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if self.service.signer is None:
            pair = f"{quote(self.service.client_id, safe='')}:{quote(self.service.secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            fields |= {
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": self._client_assertion(self.service.signer),
            }
        return self._json("POST", self._endpoint("token_endpoint"), headers, urlencode(fields).encode())

    def _client_assertion(self, signer: Signer) -> str:
        now = int(self._clock())
        claims: dict[str, Json] = {
            "iss": self.service.client_id,
            "sub": self.service.client_id,
            "aud": self._issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + ASSERTION_LIFE,
        }
        return sign(claims, signer, alg="ES256", typ="JWT")

    def _id_token(self, token: str, access_token: str, pending: PendingRequest) -> Mapping[str, object]:
        jwks = send(self._http, "GET", self._endpoint("jwks_uri"))
        if not jwks.is_success:
            raise AnswerRefusedError(f"the broker answered {jwks.status_code} when asked for its keys")
        try:
            keys = keys_from_jwks(jwks.text, self.service.alg)
            claims = verify(token, keys, alg=self.service.alg, types={"JWT"}).members
        except AssertionRejected as error:
            raise AnswerRefusedError("id_token signature") from error
        left = hashlib.sha256(access_token.encode()).digest()[:16]
        now = self._clock()
        expires, issued = claims.get("exp"), claims.get("iat")
        checks = {
            "iss": claims.get("iss") == self._issuer,
            "aud": claims.get("aud") == self.service.client_id,
            "nonce": hmac.compare_digest(str(claims.get("nonce", "")), pending.nonce),
            "at_hash": hmac.compare_digest(str(claims.get("at_hash", "")), base64url(left)),
            "exp": isinstance(expires, int) and now < expires,
            "iat": isinstance(issued, int) and abs(now - issued) < WAITING,
            "sub": bool(claims.get("sub")),
        }
        for name, held in checks.items():
            if not held:
                raise AnswerRefusedError(f"id_token {name}")
        return claims

    def _endpoint(self, name: str) -> str:
        if not self._discovery:
            found = self._json("GET", f"{self._issuer}/.well-known/openid-configuration", {})
            if found.get("issuer") != self._issuer:
                raise AnswerRefusedError("issuer in discovery")
            self._discovery = {key: value for key, value in found.items() if isinstance(value, str)}
        return self._discovery[name]

    def _json(self, method: str, url: str, headers: dict[str, str], content: bytes | None = None) -> dict[str, object]:
        try:
            response = send(self._http, method, url, headers=headers, content=content)
            body = json.loads(response.text)
        except (httpx2.HTTPError, ValueError) as error:
            raise AnswerRefusedError(f"no JSON from the broker's {url.rsplit('/', 1)[-1]}") from error
        if not isinstance(body, dict) or not response.is_success:
            raise AnswerRefusedError(f"the broker answered {response.status_code}: {body.get('error', '')}")
        return body

    def _forget(self) -> None:
        """Drops requests whose answer did not come."""
        old = [state for state, pending in self._pending.items() if pending.began < self._clock() - WAITING]
        for state in old:
            del self._pending[state]
