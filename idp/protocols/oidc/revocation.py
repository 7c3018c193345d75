"""Revocation (RFC 7009): a client gives back a token of its own.

A refresh token ends its family, and so every access token that came of the same sign-in. An access token ends alone. Of a
token that is none, or somebody else's, the answer is the same: 200, and nothing happens (§2.2).
"""

import hashlib

from idp.login.states import GRANT
from idp.ports import Unit
from idp.protocols.oidc.access import challenge, handle_of
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, oauth_error, success, unavailable
from idp.protocols.oidc.families import Families, digest, family_of, read_token
from idp.protocols.oidc.grant_types import spending, used_before
from idp.protocols.oidc.parts import OpenIDParts
from policies.errors import Conflict, NotFound, RequestRefused, StoreUnavailable, about
from policies.parties import ClientId


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
