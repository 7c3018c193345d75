"""An OpenID provider in a test's hands, over real sockets: it keeps its own rules, but for those that a test takes away."""

import base64
import hashlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, unquote_plus, urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import ECKey

from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.signatures.jwk import keys_from_jwks, public_jwk, thumbprint
from connectors.signatures.jws import base64url, verification_key, verify
from connectors.signatures.signer import Signer
from connectors.wire.claims import Json
from tests.connectors_jws.jws_doubles import SoftwareSigner, TokenKey, handmade, private_key, token_key
from tests.listening import Handler, Listening

CLIENT, SECRET, SUBJECT = "ciconia client", "a secret: +/%&=", "subject-1"
LOW, SUBSTANTIAL, HIGH = (f"http://eidas.europa.eu/LoA/{level}" for level in ("low", "substantial", "high"))
PERSON: Mapping[str, Json] = {
    "given_name": "Mari",
    "family_name": "Tamm",
    "birthdate": "1987-03-14",
    "address": {"locality": "Tartu", "country": "EE"},
    "nationalities": ["EE", "LV"],
}
LEFT_OUT = "LEFT OUT"
OURS: Signer = SoftwareSigner(private_key("ES256", 40))
# Answers a request in a way of its own
Odd = Callable[["_Handler"], None]


class Upstream:
    """One provider. `claims` change an id_token, `person` is what userinfo says, `odd` answers at a path otherwise."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.alg, self.number, self.kid = "ES256", 0, "op-1"
        self.header: Mapping[str, Json] = {}
        self.claims: dict[str, Json] = {}
        self.person: dict[str, Json] = {"sub": SUBJECT, **PERSON}
        self.userinfo_alg = self.nonce = ""
        self.encrypted: EllipticCurvePublicKey | None = None
        self.outside: Mapping[str, Json] = {}
        self.method, self.dpop, self.audience = "private_key_jwt", False, ""
        self.odd: dict[str, Odd] = {}
        self.hits: list[str] = []
        self.asked: dict[str, dict[str, str]] = {}
        self.pushed: dict[str, dict[str, str]] = {}
        self.bound: dict[str, str] = {}
        self.over = threading.Event()
        self._server = Listening(lambda *given: _Handler(self, *given))
        self.port = int(self._server.server_address[1])
        self.base = f"http://op.localhost:{self.port}"

    def close(self) -> None:
        self.over.set()
        self._server.close()

    @property
    def key(self) -> TokenKey:
        return token_key(self.alg, self.number)

    def document(self, **changes: Json) -> dict[str, Json]:
        """Its discovery document; a change of LEFT_OUT leaves a member out."""
        found: dict[str, Json] = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/auth",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/jwks",
            "userinfo_endpoint": f"{self.base}/userinfo",
            "pushed_authorization_request_endpoint": f"{self.base}/par",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "ES384", "PS256", "EdDSA"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic", "client_secret_post"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "request_object_signing_alg_values_supported": ["ES256"],
            "claims_parameter_supported": True,
            "authorization_response_iss_parameter_supported": True,
            **changes,
        }
        return {name: value for name, value in found.items() if value != LEFT_OUT}

    def jwks(self) -> dict[str, Json]:
        members = public_jwk(self.key.public_key())
        return {"keys": [{**members, "use": "sig", "alg": self.alg, "kid": self.kid}]}

    def comes_back(self, url: str, **changes: str | None) -> dict[str, str]:
        """The parameters with which the browser comes back of an address that we sent it to. None leaves one out."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
        asked = self.pushed.pop(asked["request_uri"]) if "request_uri" in asked else asked
        if "request" in asked:
            keys = [verification_key(OURS.public_key, "ES256", OURS.key_id)]
            inside = verify(asked["request"], keys, alg="ES256", types={"oauth-authz-req+jwt"}).members
            assert (inside["iss"], inside["aud"]) == (asked["client_id"], self.base)
            asked = {name: value if isinstance(value, str) else json.dumps(value) for name, value in inside.items()}
        code = secrets.token_urlsafe(8)
        self.asked[code] = asked
        found: dict[str, str | None] = {"code": code, "state": asked["state"], "iss": self.base, **changes}
        return {name: value for name, value in found.items() if value is not None}

    def id_token(self, asked: Mapping[str, str], access_token: str) -> str:
        at_hash = base64url(hashlib.sha256(access_token.encode()).digest()[:16])
        claims: dict[str, Json] = {
            "iss": self.base,
            "sub": SUBJECT,
            "aud": CLIENT,
            "iat": self.now,
            "exp": self.now + 300,
            "auth_time": self.now,
            "nonce": asked["nonce"],
            "acr": SUBSTANTIAL,
            "sid": "session-1",
            **({} if self.alg not in ("ES256", "RS256", "PS256") else {"at_hash": at_hash}),
            **self.claims,
        }
        return self.signed({name: value for name, value in claims.items() if value != LEFT_OUT})

    def signed(self, claims: Mapping[str, Json]) -> str:
        header = {"alg": self.alg, "kid": self.kid, **self.header}
        token = handmade({name: value for name, value in header.items() if value != LEFT_OUT}, dict(claims), self.key)
        if self.encrypted is None:
            return token
        outer = {"alg": "ECDH-ES", "enc": "A128GCM", "cty": "JWT", "kid": thumbprint(self.encrypted), **self.outside}
        registry = JWERegistry(algorithms=["ECDH-ES", "A128GCM"], strict_check_header=False)
        return encrypt_compact(outer, token.encode(), ECKey.import_key(self.encrypted), registry=registry)


class _Handler(Handler):
    protocol_version = "HTTP/1.1"

    def __init__(self, provider: Upstream, *given: object) -> None:
        self.provider = provider
        super().__init__(*given)  # type: ignore[arg-type]  # as the server calls it

    def get(self) -> None:
        self._answer({})

    def post(self, octets: bytes) -> None:
        self._answer({name: values[0] for name, values in parse_qs(octets.decode(), keep_blank_values=True).items()})

    def tell(self, body: Json | str, status: int = 200, media: str = "application/json", **headers: str) -> None:
        octets = body.encode() if media != "application/json" and isinstance(body, str) else json.dumps(body).encode()
        with suppress(OSError):
            self.reply(status, octets, Content_Type=media, **headers)

    def _answer(self, form: Mapping[str, str]) -> None:
        path, provider = urlsplit(self.path).path, self.provider
        provider.hits.append(path)
        with suppress(OSError):
            if odd := provider.odd.get(path):
                odd(self)
            elif path == "/jwks":
                self.tell(provider.jwks())
            elif path == "/userinfo":
                self._userinfo()
            elif not self._authenticated(form):
                self.tell({"error": "invalid_client"}, 401)
            elif path == "/par":
                request_uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(8)}"
                provider.pushed[request_uri] = dict(form)
                self.tell({"request_uri": request_uri, "expires_in": 60}, 201)
            else:
                self._token(form)

    def _token(self, form: Mapping[str, str]) -> None:
        provider = self.provider
        jkt = self._proven("POST", "/token", "")
        if jkt is None:
            return
        asked = provider.asked.pop(form["code"], None)
        challenge = base64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        wanted = asked and (asked["redirect_uri"], asked["code_challenge"])
        if asked is None or wanted != (form["redirect_uri"], challenge):
            self.tell({"error": "invalid_grant", "error_description": "Mari Tamm"}, 400)
            return
        access_token = secrets.token_urlsafe(8)
        provider.bound[access_token] = jkt
        self.tell(
            {
                "access_token": access_token,
                "token_type": "DPoP" if provider.dpop else "Bearer",
                "expires_in": 60,
                "id_token": provider.id_token(asked, access_token),
            }
        )

    def _userinfo(self) -> None:
        provider = self.provider
        scheme, _, access_token = (self.headers["Authorization"] or "").partition(" ")
        jkt = self._proven("GET", "/userinfo", access_token)
        if jkt is None:
            return
        if provider.bound.get(access_token) != jkt or scheme != ("DPoP" if provider.dpop else "Bearer"):
            self.tell({"error": "invalid_token"}, 401)
        elif provider.userinfo_alg:
            claims = {"iss": provider.base, "aud": CLIENT, **provider.person}
            told = {name: value for name, value in claims.items() if value != LEFT_OUT}
            self.tell(provider.signed(told), media="application/jwt")
        else:
            self.tell(dict(provider.person))

    def _proven(self, method: str, path: str, access_token: str) -> str | None:
        """The thumbprint of the proof's key, "" where none is wanted; None where it was refused (RFC 9449 §4.3)."""
        provider = self.provider
        if not provider.dpop:
            return ""
        proof = self.headers["DPoP"] or "."
        jwk = json.loads(base64.urlsafe_b64decode(proof.partition(".")[0] + "=="))["jwk"]
        [key] = keys_from_jwks(json.dumps({"keys": [jwk]}), "ES256")
        head, payload, signature = proof.split(".")
        octets = base64.urlsafe_b64decode(signature + "==")
        assert key.prepared.verify(f"{head}.{payload}".encode(), octets)
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert (claims["htm"], claims["htu"]) == (method, f"{provider.base}{path}")
        assert claims.get("ath", "") == (base64url(hashlib.sha256(access_token.encode()).digest()) if access_token else "")
        if provider.nonce and claims.get("nonce") != provider.nonce:
            self.tell({"error": "use_dpop_nonce"}, 400 if method == "POST" else 401, DPoP_Nonce=provider.nonce)
            return None
        return key.kid

    def _authenticated(self, form: Mapping[str, str]) -> bool:
        provider = self.provider
        if provider.method == "any":
            return True
        if provider.method == "client_secret_post":
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        if provider.method == "client_secret_basic":
            pair = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic ")).decode()
            return [unquote_plus(part) for part in pair.split(":")] == [CLIENT, SECRET]
        if provider.method == "plain_basic":
            pair = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic ")).decode()
            return pair == f"{CLIENT}:{SECRET}"
        expected = ExpectedClientAssertion(client_id=CLIENT, issuer=provider.audience or provider.base, alg="ES256")
        keys = [verification_key(OURS.public_key, "ES256", OURS.key_id)]
        return judge_client_assertion(form["client_assertion"], keys, expected, provider.now).client_id == CLIENT


def hangs(handler: _Handler) -> None:
    """Says nothing until the test is over."""
    handler.provider.over.wait(30)


def drips(handler: _Handler) -> None:
    """One octet after another of a head without end, as slowly as the test lasts."""
    handler.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.provider.over.wait(0.05):
        handler.wfile.write(b"x")


@contextmanager
def upstream(now: int) -> Iterator[Upstream]:
    made = Upstream(now)
    try:
        yield made
    finally:
        made.close()
