"""The grant `authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.6).

A code is redeemed in one unit: its mark, the mark of the client assertion, the access token's row in, the code's row out.
Durable first, then signed, then answered (decision 0000.11). The access token is derived from the code, so that a code that
comes twice finds the token that was issued from it, and ends it (RFC 9700 §2.1.1, RFC 6749 §10.5). So does the family of
its refresh tokens (`families`).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from os import urandom

from connectors.signatures.jws import base64url
from connectors.wire.claims import Json
from idp.login.states import ACCESS_TOKEN_LIFE, CODE_LIFE, GRANT, Grant
from idp.ports import Mark, ParkedRow, Unit
from idp.protocols.oidc.access import AccessTokens, handle_of, unremembered
from idp.protocols.oidc.client import Authenticated
from idp.protocols.oidc.direct import DirectRequest
from idp.protocols.oidc.families import (
    FAMILY_BYTES,
    TOKEN_BYTES,
    Families,
    Refreshable,
    digest,
    family_of_code,
    in_family,
)
from idp.protocols.oidc.grant_types import no_grant, spending, used_before
from idp.protocols.oidc.issuance import Issuance
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.requests.request import OpenIDRequest, origin_of, read_protocol
from idp.protocols.oidc.senders import key
from policies.errors import Conflict, NotFound, Replayed, RequestRefused
from policies.parties import ClientId, RelyingParty
from policies.persons import PersonKind

# RFC 7636 §4.1
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
MALFORMED = (
    "code_verifier is malformed: RFC 7636 section 4.1 wants 43 to 128 characters out of A-Z, a-z, 0-9, hyphen, period, "
    "underscore and tilde."
)
USED = "The code was used already, has expired, or was never issued."


class CodeGrant:
    """Redeems authorization codes. One tenant's."""

    def __init__(self, parts: OpenIDParts, access: AccessTokens, issuance: Issuance, families: Families) -> None:
        self._parts, self._access_tokens, self._issuance, self._families = parts, access, issuance, families

    def redeem(self, call: DirectRequest, caller: Authenticated, now: int) -> Mapping[str, Json]:
        """Redeem a code. Raises `RequestRefused`; the caller's assertion is spent either way."""
        try:
            # First of all: whoever repeats an assertion is nobody, and ends nothing
            with spending(self._parts, caller):
                # 1. the grant
                handle, grant = self._redeemable(call.given, caller, now)
                grant = replace(grant, cnf=caller.cnf, issued=now)
                # Before anything is spent: where every key is revoked, the code outlives this
                ring = self._parts.signers[caller.party.id_token_alg]
                ring.at(now).ready()
                # 2. one unit, durable
                access = self._access(handle, now)
                grant, refresh = self._redeem(caller, grant, handle, access, now)
        except _CodeUsed as error:
            self._revoke(error.handle, now)
            raise
        # 3. asked again: a commit may take seconds, and what was switched off meanwhile neither gets nor signs
        if over := self._access_tokens.over(grant, now):
            ended = (digest(access), digest(family_of_code(handle)))
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=ended))
            raise no_grant(over)
        signer = ring.at(now)
        self._parts.redeemed(grant)
        # 4. sign, and answer
        return self._issuance.answer(grant, caller.party, signer, access, now, refresh=refresh)

    def _redeemable(self, given: Mapping[str, str], caller: Authenticated, now: int) -> tuple[bytes, Grant]:
        """The code's handle and what it stands for, where this client may have it. Changes nothing."""
        if "code" not in given:
            raise RequestRefused("code is absent.")
        handle = handle_of(given["code"])
        if handle is None:
            raise no_grant(USED)
        try:
            payload = self._parts.parked.parked(self._parts.tenant, "code", digest(handle), now)
            grant = GRANT.load(self._parts.sealer.unpark("code", handle, payload, now))
        except NotFound:
            raise _CodeUsed(handle) from None
        if wrong := self._unfit(grant, given, caller, now):
            refused = no_grant(wrong)
            refused.reference = grant.reference
            raise refused
        return handle, grant

    def _unfit(self, grant: Grant, given: Mapping[str, str], caller: Authenticated, now: int) -> str:
        """Why this client may not have what a code stands for, "" where it may."""
        if ClientId(grant.origin.service) != caller.party.client_id:
            return "The code was issued to another client."
        request = read_protocol(grant.origin)
        if given.get("redirect_uri") != request.redirect_uri:
            return "redirect_uri is not that of the authentication request."
        if request.dpop_jkt and caller.cnf != key(request.dpop_jkt):
            return "The code is bound to a key, and the DPoP proof is absent, or of another."
        if wrong := _unproven(given.get("code_verifier", ""), request, caller.party):
            return wrong
        return self._access_tokens.over(grant, now)

    def _redeem(self, caller: Authenticated, grant: Grant, handle: bytes, access: bytes, now: int) -> tuple[Grant, str]:
        """Redeem it, durably: what was granted, and the refresh token, "" without one."""
        grant, rows, refresh = self._family(caller, grant, handle, now)
        unit = Unit(
            tenant=self._parts.tenant,
            # The row lives at most CODE_LIFE from its issue, so from now too: the mark outlives it
            marks=(Mark("code", digest(handle), now + CODE_LIFE + ACCESS_TOKEN_LIFE), *caller.marks),
            parked=(self._parts.sealer.park("access", access, GRANT.dump(grant), now + ACCESS_TOKEN_LIFE), *rows),
            removed=(digest(handle),),
        )
        try:
            self._parts.commits.commit(unit)
        except Conflict as error:
            if repeated := used_before(error):
                raise repeated from error
            # Two requests with one code at once: one of them is not the client's
            raise _CodeUsed(handle) from error
        return grant, refresh

    def _family(
        self, caller: Authenticated, grant: Grant, handle: bytes, now: int
    ) -> tuple[Grant, tuple[ParkedRow, ...], str]:
        """The family that begins, where the request wanted one and the registration has it: its rows, and its first token.

        A refresh token has values where the purpose lets them go again. Without a family the access token ends if the
        citizen takes back what they approved, and not if they approve once more.
        """
        request, client = read_protocol(grant.origin), caller.party
        # Nobody knows later whether a mandate still holds
        away = request.offline and client.openid.refreshes and grant.kind is PersonKind.NATURAL
        if not away or grant.approved is None:
            return replace(grant, approved=unremembered(grant)), (), ""
        family = family_of_code(handle)
        token, end = family + urandom(TOKEN_BYTES - FAMILY_BYTES), now + client.openid.tokens.refresh_life
        # The state, the nonce and the challenge were of the sign-in (Core §12.2)
        lasting = replace(request, state="", nonce="", code_challenge="", dpop_jkt="", offline=False)
        attributes = grant.attributes if self._parts.standing.goes_again(grant) else ()
        kept = replace(grant, origin=origin_of(client, lasting), attributes=attributes, record="", values_nonce="")
        rows = self._families.begun(family, client.client_id, end), self._families.row(token, Refreshable(kept, end))
        return in_family(grant, family), rows, base64url(token)

    def _revoke(self, handle: bytes, now: int) -> None:
        """End what was issued from this code, where anything was, whoever brings it: it is in wrong hands.

        The access token was issued in this hour, in the one before, or in the next by another machine's clock, or by one
        that was read a moment later.
        """
        family = family_of_code(handle)
        removed = [digest(family)] if self._families.owner(family, now) is not None else []
        for moment in (now, now - ACCESS_TOKEN_LIFE, now + ACCESS_TOKEN_LIFE):
            try:
                found = digest(self._access(handle, moment))
                self._parts.parked.parked(self._parts.tenant, "access", found, now)
            except (NotFound, Replayed):
                continue
            removed.append(found)
            break
        if removed:
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=tuple(removed)))

    def _access(self, handle: bytes, moment: int) -> bytes:
        """The token of a code that was redeemed in the hour of `moment`."""
        return self._parts.sealer.derive("access", handle, at=moment)


class _CodeUsed(RequestRefused):
    """A code that nothing is known of any more: whatever was issued from it ends."""

    def __init__(self, handle: bytes) -> None:
        super().__init__(USED, oauth="invalid_grant")
        self.handle = handle


def _unproven(verifier: str, request: OpenIDRequest, party: RelyingParty) -> str:
    """Why a verifier, "" where none came, does not prove that whoever redeems the code asked for it; "" where it does."""
    if verifier and not VERIFIER.fullmatch(verifier):
        return MALFORMED
    # The registration is asked again: it may have changed since the code was issued
    if not request.code_challenge and request.nonce and not party.pkce_required:
        # RFC 9700 §4.8.2: else whoever takes the challenge out of a request gets past PKCE
        return "code_verifier came, and the authentication request had no code_challenge." if verifier else ""
    if not _proves(verifier, request.code_challenge):
        return "code_verifier does not match the code_challenge." if verifier else "code_verifier is absent."
    return ""


def _proves(verifier: str, challenge: str) -> bool:
    """RFC 7636 §4.6, S256 alone. An empty challenge is met by nothing (RFC 9700 §4.8.2)."""
    if not challenge or not VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(base64url(hashlib.sha256(verifier.encode("ascii")).digest()), challenge)
