"""Introspection (RFC 7662): a resource server asks whether an access token that it was given is alive.

A client's registration names the resource servers that may ask about its tokens. Everybody else hears `active` false, and
so does whoever asks about a refresh token or a token that is none. An answer never has a value of the citizen. It has `sub`
only for a resource server of the client's own sector: the pseudonym of another sector is none of its business, and its own
cannot be made without the identifier, which we do not keep. By its registration, or where it asks for it, the answer is a
JWT (RFC 9701).
"""

from collections.abc import Mapping

from connectors.signatures.jws import sign
from connectors.wire.claims import Json
from idp.login.states import ACCESS_TOKEN_LIFE, Grant
from idp.protocols.oidc.access import SUSPENDED, AccessTokens, challenge
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, jwt_answer, oauth_error, success, unavailable
from idp.protocols.oidc.grant_types import spend
from idp.protocols.oidc.issuance import scope_of
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.senders import SCHEME, is_key
from policies.errors import RequestRefused, StoreUnavailable, about
from policies.parties import ClientId, RelyingParty

# RFC 9701 §4: the media type of a signed answer, and the typ of its header
TYP = "token-introspection+jwt"
SIGNED = f"application/{TYP}"


class Introspection:
    """One tenant's."""

    def __init__(self, parts: OpenIDParts, clients: Clients, access: AccessTokens) -> None:
        self._parts, self._clients, self._access = parts, clients, access

    def introspect(self, call: DirectRequest, now: int) -> JsonAnswer:
        """Say whether a token is alive, and for whom."""
        try:
            return self._answer(call, now)
        except RequestRefused as error:
            of_client = error.status == 401  # noqa: PLR2004 # HTTP
            return oauth_error(error, challenge=challenge("Basic", self._parts.issuer) if of_client else "")
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _answer(self, call: DirectRequest, now: int) -> JsonAnswer:
        caller = self._clients.authenticate(call.given, call.authorization, now, call.certificate)
        with about(caller.party.client_id):
            if self._parts.off(caller.party.client_id):
                raise RequestRefused(SUSPENDED, oauth="invalid_client", status=401)
            spend(self._parts.commits, self._parts.tenant, caller)
            if "token" not in call.given:
                raise RequestRefused("token is absent.")
            body = self._told(call.given["token"], caller.party, now)
            if SIGNED not in call.accept:
                return success(body)
            return self._signed(body, caller.party, now)

    def _told(self, token: str, server: RelyingParty, now: int) -> Mapping[str, Json]:
        # Looked for and judged whoever asks: how long that takes says nothing of whose it is
        try:
            grant = self._access.granted(token, now)
        except RequestRefused:
            return {"active": False}
        client = self._parts.parties[ClientId(grant.origin.service)]
        named = server.client_id in client.openid.tokens.resource_servers
        if not named or not server.openid.tokens.resource_server:
            return {"active": False}
        return {
            "active": True,
            "iss": self._parts.issuer,
            "aud": server.client_id,
            "client_id": client.client_id,
            "scope": scope_of(grant),
            "token_type": SCHEME if is_key(grant.cnf) else "Bearer",
            "iat": grant.issued,
            "exp": grant.issued + ACCESS_TOKEN_LIFE,
            "acr": grant.context or grant.loa.uri,
            **({"auth_time": grant.authenticated_at} if grant.authenticated_at else {}),
            **({"sub": grant.sub} if server.sector == client.sector else {}),
            **_confirmation(grant),
        }

    def _signed(self, body: Mapping[str, Json], server: RelyingParty, now: int) -> JsonAnswer:
        """RFC 9701 §5: no `sub` and no `exp` of its own, so that nobody takes it for an access token or an id_token."""
        alg = server.openid.tokens.introspection_alg
        claims: dict[str, Json] = {
            "iss": self._parts.issuer,
            "aud": server.client_id,
            "iat": now,
            "token_introspection": dict(body),
        }
        signed = sign(claims, self._parts.signers[alg].at(now), alg=alg, typ=TYP)
        return jwt_answer(signed, SIGNED)


def _confirmation(grant: Grant) -> dict[str, Json]:
    """`cnf` as RFC 9449 §6.2 and RFC 8705 §3.2 have it."""
    method, _, thumbprint = grant.cnf.partition(":")
    confirmation: dict[str, Json] = {method: thumbprint}
    return {"cnf": confirmation} if grant.cnf else {}
