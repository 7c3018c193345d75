"""A service of the benchmark of tokens: it signs its assertions and its DPoP proofs with ES256, each anew."""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from connectors.signatures.jwk import public_jwk
from connectors.signatures.jws import base64url
from tests.benchmarks.logins_peers import Asked, RelyingParty
from tests.benchmarks.raw_es256 import signature

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def jws(header: Mapping[str, object], claims: Mapping[str, object], key: ec.EllipticCurvePrivateKey) -> str:
    """A JWS by ES256."""
    head, body = (base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    octets = f"{head}.{body}".encode()
    return f"{head}.{body}.{base64url(signature(key, octets))}"


@dataclass(frozen=True, slots=True)
class KeyedParty:
    """`asks` makes its authorization requests; `key` is registered, and `proving` is that of its proofs."""

    client: str
    issuer: str
    asks: RelyingParty
    key: ec.EllipticCurvePrivateKey
    proving: ec.EllipticCurvePrivateKey

    def assertion(self) -> dict[str, str]:
        """The fields of a client assertion (RFC 7523)."""
        now = int(time.time())
        claims = {
            "iss": self.client,
            "sub": self.client,
            "aud": self.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }
        made = jws({"alg": "ES256", "typ": "JWT"}, claims, self.key)
        return {"client_assertion_type": JWT_BEARER, "client_assertion": made}

    def proof(self, method: str, path: str, token: str = "") -> str:
        """A DPoP proof (RFC 9449)."""
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": f"{self.issuer}{path}",
            "iat": int(time.time()),
        }
        if token:
            claims["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        return jws({"alg": "ES256", "typ": "dpop+jwt", "jwk": public_jwk(self.proving.public_key())}, claims, self.proving)

    def redeem(self, location: str, asked: Asked) -> dict[str, str]:
        """The form for the token endpoint."""
        return {**self.asks.redeem(location, asked), **self.assertion()}
