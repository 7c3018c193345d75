"""Proofs of who we are, for a provider: client assertions (RFC 7523), secrets (RFC 6749 §2.3.1), DPoP (RFC 9449)."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlsplit, urlunsplit

from connectors.oidc.metadata import OURS
from connectors.signatures.ephemeral_key import EphemeralKey
from connectors.signatures.jws import TokenSigner, base64url, sign
from connectors.wire.claims import Json
from policies.registrations.openid_registration import OpenIDRegistration

# Used at once, and once
ASSERTION_LIFE = 60
BEARER_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Proof:
    """The part of a request to the provider that proves who asks: fields of its form, and headers."""

    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """How we authenticate at one provider: a secret, or a key (`signer` gives it for a moment).

    `audience` is what assertions name; `plain` puts a secret into HTTP Basic as it is.
    """

    registration: OpenIDRegistration
    audience: str
    signer: Callable[[int], TokenSigner]
    # gives the secret
    secret: Callable[[], str] = field(repr=False)
    plain: bool = False

    def proof(self, now: int) -> Proof:
        """The proof for one request. Raises `AllRevoked` where no key is left."""
        ours, client_id = self.registration, self.registration.client_id
        if ours.authentication_method == "client_secret_post":
            return Proof({"client_id": client_id, "client_secret": self.secret()})
        if ours.authentication_method == "client_secret_basic":
            spelled = (lambda text: text) if self.plain else quote_plus
            pair = f"{spelled(client_id)}:{spelled(self.secret())}".encode()
            return Proof(headers={"Authorization": "Basic " + base64.b64encode(pair).decode()})
        claims: dict[str, Json] = {
            "iss": client_id,
            "sub": client_id,
            "aud": self.audience,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + ASSERTION_LIFE,
        }
        assertion = sign(claims, self.signer(now), alg=OURS, typ="JWT")
        of_assertion = {"client_assertion_type": BEARER_ASSERTION, "client_assertion": assertion}
        return Proof({"client_id": client_id, **of_assertion})


class DpopKey:
    """A key that lives as long as one exchange: an access token that is bound to it is worth nothing afterwards."""

    def __init__(self) -> None:
        self._key = EphemeralKey()

    def proof(self, method: str, url: str, now: int, *, nonce: str = "", access_token: str = "") -> Mapping[str, str]:
        """The header of one request (RFC 9449 §4.2): its method and address, and the hash of the token that it shows."""
        parts = urlsplit(url)
        claims: dict[str, Json] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": urlunsplit((parts.scheme, parts.netloc, parts.path or "/", "", "")),
            "iat": now,
        }
        if nonce:
            claims["nonce"] = nonce
        if access_token:
            claims["ath"] = base64url(hashlib.sha256(access_token.encode("ascii")).digest())
        return {"DPoP": sign(claims, self._key, alg=OURS, typ="dpop+jwt", jwk=self._key.jwk)}
