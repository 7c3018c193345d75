"""Introspection (RFC 7662): a resource server asks whether an access token that it was given is alive.

A client's registration names the resource servers that may ask about its tokens. Everybody else hears `active` false, and
so does whoever asks about a refresh token or a token that is none. An answer never has a value of the citizen. It has `sub`
only for a resource server of the client's own sector: the pseudonym of another sector is none of its business, and its own
cannot be made without the identifier, which we do not keep. By its registration, or where it asks for it, the answer is a
JWT (RFC 9701).
"""

import hashlib
from collections.abc import Mapping

from connectors.signatures.jws import sign
from connectors.wire.claims import Json
from idp.login.states import ACCESS_TOKEN_LIFE, GRANT, Grant
from idp.ports import Unit
from idp.protocols.oidc.access import SUSPENDED, AccessTokens, challenge, handle_of
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, jwt_answer, oauth_error, success, unavailable
from idp.protocols.oidc.families import Families, digest, family_of, read_token
from idp.protocols.oidc.grant_types import spend, spending, used_before
from idp.protocols.oidc.issuance import person_claim, scope_of
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.senders import SCHEME, is_key
from policies.errors import Conflict, NotFound, RequestRefused, StoreUnavailable, about
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
            **person_claim(grant),
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


# Revocation (RFC 7009): a client gives back a token of its own.
#
# A refresh token ends its family, and so every access token that came of the same sign-in. An access token ends alone. Of a
# token that is none, or somebody else's, the answer is the same: 200, and nothing happens (§2.2).


class Revocation:
    """One tenant's."""

    def __init__(self, parts: OpenIDParts, clients: Clients) -> None:
        self._parts, self._clients, self._families = parts, clients, Families(parts)

    def revoke(self, call: DirectRequest, now: int) -> JsonAnswer:
        """End a token, durably, before the answer."""
        try:
            self._revoke(call, now)
        except RequestRefused as error:
            of_client = error.status == 401  # noqa: PLR2004 # HTTP
            return oauth_error(error, challenge=challenge("Basic", self._parts.issuer) if of_client else "")
        except StoreUnavailable as error:
            return unavailable(error.detail)
        return success({})

    def _revoke(self, call: DirectRequest, now: int) -> None:
        caller = self._clients.caller(call.given, call.authorization, now, call.certificate)
        with about(caller.party.client_id):
            with spending(self._parts, caller):
                if "token" not in call.given:
                    raise RequestRefused("token is absent.")
            removed = self._of(call.given["token"], caller.party.client_id, now)
            if not removed and not caller.marks:
                return
            try:
                self._parts.commits.commit(Unit(tenant=self._parts.tenant, marks=caller.marks, removed=removed))
            except Conflict as error:
                raise used_before(error) or error from error

    def _of(self, token: str, client: ClientId, now: int) -> tuple[bytes, ...]:
        """The rows to remove: none for a token that is not this client's. A hint is not needed, and not read (§2.1)."""
        handle, refresh = handle_of(token), read_token(token)
        # Any token of the family tells it, also one that was used: who has it was given the family
        if refresh is not None and self._families.owner(family_of(refresh), now) == client:
            return (digest(family_of(refresh)), digest(refresh))
        if handle is None:
            return ()
        found = hashlib.sha256(handle).digest()
        try:
            payload = self._parts.parked.parked(self._parts.tenant, "access", found, now)
            grant = GRANT.load(self._parts.sealer.unpark("access", handle, payload, now))
        except NotFound:
            return ()
        return (found,) if ClientId(grant.origin.service) == client else ()
