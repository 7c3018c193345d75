"""The grant of a device code: a kiosk asks again until its citizen approved or refused (RFC 8628 §3.4 and §3.5)."""

from collections.abc import Mapping
from dataclasses import replace

from connectors.wire.claims import Json
from idp.login.states import ACCESS_TOKEN_LIFE, CODE_LIFE, GRANT, Grant
from idp.ports import Mark, Unit
from idp.protocols.oidc.access import AccessTokens, handle_of, unremembered
from idp.protocols.oidc.client import Authenticated
from idp.protocols.oidc.device_codes import (
    INTERVAL,
    ISSUED,
    KIND,
    REMEMBERED,
    IssuedCode,
    digest,
    handle_of_answer,
    handle_of_unrefused,
)
from idp.protocols.oidc.direct import DirectRequest
from idp.protocols.oidc.grant_types import no_grant, spending, used_before
from idp.protocols.oidc.issuance import Issuance
from idp.protocols.oidc.parts import OpenIDParts
from policies.errors import Conflict, NotFound, RequestRefused

UNKNOWN = "The device_code was redeemed already, or was never issued to this client."


class DeviceGrant:
    """Redeems device codes. One tenant's."""

    def __init__(self, parts: OpenIDParts, access: AccessTokens, issuance: Issuance) -> None:
        self._parts, self._access_tokens, self._issuance = parts, access, issuance

    def redeem(self, call: DirectRequest, caller: Authenticated, now: int) -> Mapping[str, Json]:
        """Answer the kiosk. `authorization_pending` and `slow_down` ask it to come again."""
        with spending(self._parts, caller):
            if (handle := handle_of(call.given.get("device_code", ""))) is None:
                raise RequestRefused("device_code is absent, or none of ours.")
            issued = self._issued(handle, now)
            if issued is None or issued.client_id != caller.party.client_id:
                raise no_grant(UNKNOWN)
            self._check_pace(handle, now)
            grant = self._grant(handle, now)
            if grant is None:
                raise self._not_yet(issued, handle, now)
            if over := self._access_tokens.over(grant, now):
                raise no_grant(over)
            grant = replace(grant, cnf=caller.cnf, issued=now, approved=unremembered(grant))
            # Before anything is spent: where every key is revoked, the grant outlives this
            ring = self._parts.signers[caller.party.id_token_alg]
            ring.at(now).ready()
            access = self._redeem(caller, grant, handle, now)
        # Asked again: a commit may take seconds
        if over := self._access_tokens.over(grant, now):
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=(digest(access),)))
            raise no_grant(over)
        self._parts.redeemed(grant)
        return self._issuance.answer(grant, caller.party, ring.at(now), access, now)

    def _issued(self, handle: bytes, now: int) -> IssuedCode | None:
        try:
            return ISSUED.load(self._unparked(handle, now))
        except NotFound:
            return None

    def _check_pace(self, handle: bytes, now: int) -> None:
        """Once in each interval. The mark stands in the database, so it counts on all workers."""
        slot = Mark("device", digest(handle + (now // INTERVAL).to_bytes(8)), now + 2 * INTERVAL)
        try:
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, marks=(slot,)))
        except Conflict as error:
            sentence = f"Wait {INTERVAL} seconds longer between two requests than before."
            raise RequestRefused(sentence, oauth="slow_down") from error

    def _grant(self, handle: bytes, now: int) -> Grant | None:
        try:
            return GRANT.load(self._unparked(handle_of_answer(handle), now))
        except NotFound:
            return None

    def _not_yet(self, issued: IssuedCode, handle: bytes, now: int) -> RequestRefused:
        try:
            self._unparked(handle_of_unrefused(handle), now)
        except NotFound:
            return RequestRefused("The sign-in ended without anything being passed on.", oauth="access_denied")
        if issued.ends <= now:
            return RequestRefused("Nobody approved in time. Ask for a new code.", oauth="expired_token")
        return RequestRefused("Nobody has approved yet.", oauth="authorization_pending")

    def _redeem(self, caller: Authenticated, grant: Grant, handle: bytes, now: int) -> bytes:
        """One unit: its mark, the access token's row in, the rows of the code out."""
        access = self._parts.sealer.derive("access", handle, at=now)
        mine = (handle, handle_of_answer(handle), handle_of_unrefused(handle))
        unit = Unit(
            tenant=self._parts.tenant,
            marks=(Mark("code", digest(handle), now + CODE_LIFE + REMEMBERED), *caller.marks),
            parked=(self._parts.sealer.park("access", access, GRANT.dump(grant), now + ACCESS_TOKEN_LIFE),),
            removed=tuple(digest(one) for one in mine),
        )
        try:
            self._parts.commits.commit(unit)
        except Conflict as error:
            raise (used_before(error) or no_grant(UNKNOWN)) from error
        return access

    def _unparked(self, handle: bytes, now: int) -> bytes:
        payload = self._parts.parked.parked(self._parts.tenant, KIND, digest(handle), now)
        return self._parts.sealer.unpark(KIND, handle, payload, now)
