"""A sender of DPoP proofs: a key, and proofs as an honest one makes them, or as somebody else would."""

import hashlib
import itertools
from collections.abc import Mapping

from connectors.signatures.jwk import public_jwk, thumbprint
from connectors.signatures.jws import base64url
from connectors.wire.claims import Json
from tests.connectors_jws.jws_doubles import TokenKey, handmade, token_key


class Sender:
    """One key and its proofs, each with a jti of its own."""

    def __init__(self, alg: str = "ES256", number: int = 31) -> None:
        self.alg, self.key = alg, token_key(alg, number)
        self._numbers = itertools.count()

    @property
    def jwk(self) -> dict[str, str]:
        return public_jwk(self.key.public_key())

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.key.public_key())

    def proof(
        self,
        address: str,
        now: int,
        *,
        method: str = "POST",
        token: str = "",
        header: Mapping[str, object] | None = None,
        key: TokenKey | None = None,
        **changes: Json,
    ) -> str:
        """A proof that holds, but for `changes` of claims and header; what is None is left out."""
        return self.proof_with(changes, address, now, method=method, token=token, header=header, key=key)

    def proof_with(
        self,
        changes: Mapping[str, Json],
        address: str,
        now: int,
        *,
        method: str = "POST",
        token: str = "",
        header: Mapping[str, object] | None = None,
        key: TokenKey | None = None,
    ) -> str:
        """The same, for changes that lie in a mapping."""
        ath = base64url(hashlib.sha256(token.encode()).digest()) if token else None
        claims: dict[str, Json] = {
            "jti": f"{self.thumbprint[:8]}-{next(self._numbers)}",
            "htm": method,
            "htu": address,
            "iat": now,
            "ath": ath,
            **changes,
        }
        members: dict[str, object] = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk, **(header or {})}
        kept = {name: value for name, value in claims.items() if value is not None}
        return handmade({n: v for n, v in members.items() if v is not None}, kept, key or self.key)
