"""Makers and judges of tokens: keys of this run, JWKS, and an entrance a registration.

An identity provider signs id_tokens and logout tokens, a relying party its client assertions. Each has one key for each
algorithm and a second one in a rollover, and publishes them in one JWKS, as providers do. A stranger has keys too.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.attacks.case import Entrance
from connectors.attacks.tokens.bench import TokenKey
from connectors.attacks.tokens.making import SigningKey, public_jwk
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
RSA_BITS = 2048
JWKS = "jwks.json"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody with keys: one for each algorithm, and `next_key` beside the one for ES256."""

    keys: dict[str, TokenKey] = field(repr=False)
    next_key: TokenKey = field(repr=False)

    @property
    def jwks(self) -> bytes:
        """All public keys."""
        return jwks(*self.keys.values(), self.next_key)


def party() -> Party:
    """A party with new keys."""
    keys = {alg: TokenKey(_kid(alg), alg, new_key(alg)) for alg in ALGORITHMS}
    return Party(keys, TokenKey(_kid("ES256"), "ES256", new_key("ES256")))


def jwks(*keys: TokenKey) -> bytes:
    """A JWKS (RFC 7517 §5), each key for its one algorithm."""
    listed = [{**public_jwk(key.private), "kid": key.kid, "use": "sig", "alg": key.alg} for key in keys]
    return json.dumps({"keys": listed}).encode()


def new_key(alg: str) -> SigningKey:
    """A new key for an algorithm."""
    match alg:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "EdDSA" | "Ed25519":
            return Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def entrance(
    name: str,
    published: bytes,
    alg: str,
    judge: Callable[[str, tuple[VerificationKey, ...]], object],
    arguments: tuple[str, ...] | None,
) -> Entrance:
    """An entrance whose keys are those of a JWKS for one algorithm. `arguments` name it `{folder}/jwks.json`."""
    keys = keys_from_jwks(published.decode(), alg)

    def try_one(octets: bytes) -> None:
        judge(as_text(octets), keys)

    return Entrance(name, try_one, arguments, {JWKS: published})


def as_text(octets: bytes) -> str:
    """A token out of a file, as a form field would have it: an octet that is no ASCII is no base64 either."""
    return octets.decode("ascii", "replace")


def _kid(alg: str) -> str:
    return f"{alg.lower()}-{secrets.token_hex(4)}"
