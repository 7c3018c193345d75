"""The answer of the token endpoint: the tokens, and the id_token (OpenID Connect Core §2 and §3.1.3.6)."""

import hashlib
from collections.abc import Mapping

from connectors.signatures.jws import base64url
from connectors.signatures.signer import Signer
from connectors.wire.claims import Json
from idp.login.states import ACCESS_TOKEN_LIFE, Grant
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.requests.claims import VERIFIED, wire_claims
from idp.protocols.oidc.requests.request import read_protocol
from idp.protocols.oidc.requests.verified_claims import VerifiedRequest, verification
from idp.protocols.oidc.senders import SCHEME, is_key
from idp.protocols.oidc.wrapping import Wrapping
from policies.attributes import Attribute
from policies.parties import RelyingParty
from policies.persons import PERSON_KIND, PersonKind

ID_TOKEN_LIFE = 5 * 60


def scope_of(grant: Grant) -> str:
    """The scope of a grant's tokens."""
    return f"openid purpose:{grant.purpose_id}{' offline_access' if grant.family else ''}"


class Issuance:
    """Makes the answer for a grant whose access token is durable. One tenant's."""

    def __init__(self, parts: OpenIDParts, wrapping: Wrapping) -> None:
        self._parts, self._wrapping = parts, wrapping

    def answer(
        self, grant: Grant, party: RelyingParty, signer: Signer, access: bytes, now: int, *, refresh: str = ""
    ) -> Mapping[str, Json]:
        """The tokens of a grant. `access` is the handle of its access token, `refresh` its next refresh token, or ""."""
        access_token = base64url(access)
        return {
            "access_token": access_token,
            "token_type": SCHEME if is_key(grant.cnf) else "Bearer",
            "expires_in": grant.issued + ACCESS_TOKEN_LIFE - now,
            "scope": scope_of(grant),
            "id_token": self._id_token(grant, party, signer, access_token, now),
            **({"refresh_token": refresh} if refresh else {}),
        }

    def _id_token(self, grant: Grant, party: RelyingParty, signer: Signer, access_token: str, now: int) -> str:
        claims = id_token_claims(self._parts, grant, party, access_token, now)
        return self._wrapping.id_token(claims, party, signer)


def id_token_claims(parts: OpenIDParts, grant: Grant, party: RelyingParty, access_token: str, now: int) -> dict[str, Json]:
    """Core §2 and §3.1.3.6. The protocol's claims come last, so that no attribute can ever stand in their place."""
    request = read_protocol(grant.origin)
    claims: dict[str, Json] = {
        **attribute_claims(parts, grant, now, in_id_token=True, everything=party.claims_in_id_token),
        "iss": parts.issuer,
        "sub": grant.sub,
        "aud": party.client_id,
        "iat": now,
        "exp": now + ID_TOKEN_LIFE,
        "acr": grant.context or grant.loa.uri,
        "at_hash": base64url(hashlib.sha256(access_token.encode("ascii")).digest()[:16]),
    }
    if grant.authenticated_at:
        claims["auth_time"] = grant.authenticated_at
    if grant.sid:
        claims["sid"] = grant.sid
    if request.nonce:
        claims["nonce"] = request.nonce
    return claims


def attribute_claims(
    parts: OpenIDParts, grant: Grant, now: int, *, in_id_token: bool = False, everything: bool = False
) -> dict[str, Json]:
    """The attributes of a grant as claims: of userinfo, or those that belong into the id_token, where `everything` may."""
    request = read_protocol(grant.origin)
    plain = [
        one
        for one in grant.attributes
        if one.name not in request.only_verified and (not in_id_token or everything or one.name in request.in_id_token)
    ]
    claims = {**wire_claims(plain, parts.catalogue), **person_claim(grant)}
    wanted = [one for one in request.verified if everything or one.in_id_token == in_id_token]
    verified = [found for one in wanted if (found := _verified(parts, grant, one, now)) is not None]
    if verified:
        claims[VERIFIED] = verified[0] if len(verified) == 1 else [*verified]
    return claims


def person_claim(grant: Grant) -> dict[str, Json]:
    """Whether `sub` is a company, or somebody who acts for another: always told, and absent of persons for themselves."""
    return {} if grant.kind is PersonKind.NATURAL else {PERSON_KIND: grant.kind.value}


def going(parts: OpenIDParts, grant: Grant, now: int) -> tuple[Attribute, ...]:
    """The attributes that go, in either place: of those that may stand in verified_claims alone, the ones that do now."""
    request = read_protocol(grant.origin)
    verified = {name for one in request.verified if _verified(parts, grant, one, now) is not None for name in one.names}
    return tuple(one for one in grant.attributes if one.name not in request.only_verified or one.name in verified)


def _verified(parts: OpenIDParts, grant: Grant, one: VerifiedRequest, now: int) -> Json:
    """An element of verified_claims; None where its source vouches under no framework, or a condition does not hold."""
    said = verification(one, grant.loa, grant.authenticated_at, now) if parts.under_eidas(grant.provider_id) else None
    claims = wire_claims([each for each in grant.attributes if each.name in one.names], parts.catalogue)
    return {"verification": said, "claims": claims} if said and claims else None
