"""The answer of the token endpoint: the tokens, and the id_token (OpenID Connect Core §2 and §3.1.3.6)."""

import hashlib
from collections.abc import Mapping

from connectors.signatures.jws import base64url
from connectors.signatures.signer import Signer
from connectors.wire.claims import Json
from idp.login.states import ACCESS_TOKEN_LIFE, Grant
from idp.protocols.oidc.claims import wire_claims
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.request import read_protocol
from idp.protocols.oidc.senders import SCHEME, is_key
from idp.protocols.oidc.wrapping import Wrapping
from policies.parties import RelyingParty

ID_TOKEN_LIFE = 5 * 60


class Issuance:
    """Makes the answer for a grant whose access token is durable. One tenant's."""

    def __init__(self, parts: OpenIDParts, wrapping: Wrapping) -> None:
        self._parts, self._wrapping = parts, wrapping

    def answer(self, grant: Grant, party: RelyingParty, signer: Signer, access: bytes, now: int) -> Mapping[str, Json]:
        """The tokens of a grant. `access` is the handle of its access token."""
        access_token = base64url(access)
        return {
            "access_token": access_token,
            "token_type": SCHEME if is_key(grant.cnf) else "Bearer",
            "expires_in": ACCESS_TOKEN_LIFE,
            "scope": f"openid purpose:{grant.purpose_id}",
            "id_token": self._id_token(grant, party, signer, access_token, now),
        }

    def _id_token(self, grant: Grant, party: RelyingParty, signer: Signer, access_token: str, now: int) -> str:
        claims = id_token_claims(self._parts, grant, party, access_token, now)
        return self._wrapping.id_token(claims, party, signer)


def id_token_claims(parts: OpenIDParts, grant: Grant, party: RelyingParty, access_token: str, now: int) -> dict[str, Json]:
    """Core §2 and §3.1.3.6. The protocol's claims come last, so that no attribute can ever stand in their place."""
    everything, request = party.claims_in_id_token, read_protocol(grant.origin)
    inside = [attribute for attribute in grant.attributes if everything or attribute.name in request.in_id_token]
    claims: dict[str, Json] = {
        **wire_claims(inside, parts.catalogue),
        "iss": parts.issuer,
        "sub": grant.sub,
        "aud": party.client_id,
        "iat": now,
        "exp": now + ID_TOKEN_LIFE,
        "auth_time": grant.authenticated_at,
        "acr": grant.context or grant.loa.uri,
        "at_hash": base64url(hashlib.sha256(access_token.encode("ascii")).digest()[:16]),
    }
    if request.nonce:
        claims["nonce"] = request.nonce
    return claims
