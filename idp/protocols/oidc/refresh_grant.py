"""The grant `refresh_token` (RFC 6749 §6, RFC 9700 §4.14.2, OpenID Connect Core §12).

A refresh gives `sub`, `acr` and `auth_time`, and nothing else. Where the purpose says `offline`, it is a release of its
own: its record is durable before anything goes. What the sign-in rested on is read again each time, and where it holds no
more the family ends. One unit: the mark of the token, the caller's marks, its row out, and in the rows of the next token
and of the access token, both derived from the old token and the moment.

So who comes a second time within ten seconds gets the same answer again, if it is the same client with the same key: an
answer is lost on the way, and two workers of a client refresh at once. Whoever comes later holds a stolen token, or what a
thief left: the family ends. The tokens of fapi2 clients are not rotated (FAPI 2.0 Security Profile §5.3.2.1).
"""

import base64
from collections.abc import Mapping
from dataclasses import replace
from os import urandom

from connectors.signatures.jws import base64url
from connectors.wire.claims import Json
from idp.ledger.record_contents import draft_unsent
from idp.login.states import ACCESS_TOKEN_LIFE, GRANT, Grant
from idp.ports import Mark, RecordDraft, Unit
from idp.protocols.oidc.access import AccessTokens
from idp.protocols.oidc.client import Authenticated
from idp.protocols.oidc.direct import DirectRequest
from idp.protocols.oidc.families import Families, digest, family_of, in_family, read_token
from idp.protocols.oidc.grant_types import no_grant, spend, spending, used_before
from idp.protocols.oidc.issuance import Issuance, going
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.requests.request import PURPOSE_SCOPE, STANDARD_SCOPES
from idp.protocols.oidc.senders import fault_of_renewal
from policies.errors import Conflict, NotFound, Replayed, RequestRefused
from policies.parties import ClientId

# How long the same answer is given again
GRACE = 10
HANDLE_BYTES = 32
USED = "The refresh token was used already, was revoked, has expired, or was never issued."
BELOW = "The purpose needs a higher level of assurance by now."


class RefreshGrant:
    """Redeems refresh tokens. One tenant's."""

    def __init__(self, parts: OpenIDParts, access: AccessTokens, issuance: Issuance, families: Families) -> None:
        self._parts, self._access, self._issuance, self._families = parts, access, issuance, families

    def redeem(self, call: DirectRequest, caller: Authenticated, now: int) -> Mapping[str, Json]:
        """Refresh. Raises `RequestRefused`; the caller's assertion is spent either way."""
        try:
            with spending(self._parts, caller):
                token = _token(call.given, caller)
                try:
                    return self._refreshed(token, call, caller, now)
                except _TokenUsed:
                    return self._again(token, caller, now)
        except _FamilyEnds as error:
            self._families.end(error.family)
            raise

    def _refreshed(self, token: bytes, call: DirectRequest, caller: Authenticated, now: int) -> Mapping[str, Json]:
        # 1. what it stands for, for this client
        try:
            held = self._families.held(token, now)
        except NotFound:
            raise _TokenUsed from None
        self._check_of_client(held.grant, token, caller, now)
        # 2. what still holds, and so goes
        scopes = _scopes(call.given, held.grant)
        lasting = held if self._parts.standing.goes_again(held.grant) else replace(held, grant=_without_values(held.grant))
        grant, record = self._going(lasting.grant, scopes, now)
        grant = in_family(replace(grant, cnf=caller.cnf, issued=now), family_of(token))
        self._check_holds(grant, token, now)
        ring = self._parts.signers[caller.party.id_token_alg]
        ring.at(now).ready()
        # 3. one unit, durable
        rotates = not caller.party.openid.is_fapi2
        access = self._derived("access", token, now) if rotates else urandom(HANDLE_BYTES)
        following = self._next(token, now) if rotates else b""
        rows = (self._parts.sealer.park("access", access, GRANT.dump(grant), now + ACCESS_TOKEN_LIFE),)
        if rotates:
            # The row that a first use is tried with lives no longer than a request
            mark = Mark("refresh", digest(token), now + ACCESS_TOKEN_LIFE)
            unit = Unit(
                tenant=self._parts.tenant,
                marks=(mark, *caller.marks),
                parked=(*rows, self._families.row(following, lasting)),
                record=record,
                removed=(digest(token),),
            )
        else:
            unit = Unit(tenant=self._parts.tenant, marks=caller.marks, parked=rows, record=record)
        try:
            self._parts.commits.commit(unit)
        except Conflict as error:
            if repeated := used_before(error):
                raise repeated from error
            raise _TokenUsed from error
        # 4. asked again: a commit may take seconds
        try:
            self._check_holds(grant, token, now)
        except _FamilyEnds:
            if record is not None:
                unsent = draft_unsent(time=now, about=record.record)
                self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=(digest(access),), record=unsent))
            raise
        # 5. sign, and answer
        return self._issuance.answer(grant, caller.party, ring.at(now), access, now, refresh=_text(following))

    def _again(self, token: bytes, caller: Authenticated, now: int) -> Mapping[str, Json]:
        """The same answer as before, for the same client and key within `GRACE`; else the family ends.

        The first use was in this hour, in the one before, or in the next by another machine's clock.
        """
        family = family_of(token)
        if self._families.owner(family, now) != caller.party.client_id:
            raise no_grant(USED)
        for moment in dict.fromkeys((now, now - ACCESS_TOKEN_LIFE, now + ACCESS_TOKEN_LIFE)):
            try:
                access = self._derived("access", token, moment)
                grant = self._access.granted(_text(access), now)
            except (RequestRefused, Replayed):
                continue
            if abs(now - grant.issued) <= GRACE and grant.cnf != caller.cnf and not caller.party.public:
                # Two workers of a client that authenticates, each with a key of its own
                raise no_grant(USED)
            if abs(now - grant.issued) <= GRACE and grant.cnf == caller.cnf:
                spend(self._parts.commits, self._parts.tenant, caller)
                signer = self._parts.signers[caller.party.id_token_alg].at(now)
                following = self._next(token, grant.issued)
                return self._issuance.answer(grant, caller.party, signer, access, now, refresh=_text(following))
        raise _FamilyEnds(USED, family)

    def _check_of_client(self, grant: Grant, token: bytes, caller: Authenticated, now: int) -> None:
        if ClientId(grant.origin.service) != caller.party.client_id:
            raise no_grant("The refresh token was issued to another client.")
        if wrong := fault_of_renewal(grant, caller):
            raise no_grant(wrong)
        if self._families.owner(family_of(token), now) != caller.party.client_id:
            raise no_grant(USED)

    def _check_holds(self, grant: Grant, token: bytes, now: int) -> None:
        """Registration, purpose, source, suspension and approval, as they are now. Raises `_FamilyEnds`."""
        over = self._access.over(grant, now)
        if not over and not self._families.lives(grant, now):
            over = USED
        if not over and grant.loa < self._parts.purposes[grant.purpose_id].minimum_assurance:
            over = BELOW
        if over:
            raise _FamilyEnds(over, family_of(token), grant.reference)

    def _going(self, grant: Grant, scopes: frozenset[str], now: int) -> tuple[Grant, RecordDraft | None]:
        """The grant that is given now, and the record of its release, where values go.

        None go to a client that asks for less than it had: its scope has no purpose (RFC 6749 §6).
        """
        wanted = not scopes or PURPOSE_SCOPE + grant.purpose_id in scopes
        grant = replace(grant, attributes=going(self._parts, grant, now))
        if not grant.attributes or grant.approved is None or not wanted:
            return _without_values(grant), None
        record = self._parts.standing.record(grant, grant.approved, now)
        nonce = base64.b64encode(record.nonce("values")).decode()
        return replace(grant, record=record.record.hex(), values_nonce=nonce), record

    def _next(self, token: bytes, moment: int) -> bytes:
        return family_of(token) + self._derived("refresh", token, moment)

    def _derived(self, use: str, token: bytes, moment: int) -> bytes:
        return self._parts.sealer.derive(f"refreshed {use}", token, at=moment)


class _TokenUsed(Exception):
    """A token that nothing is known of any more, or that another request takes at this moment."""


class _FamilyEnds(RequestRefused):
    """A refusal after which no token of the family counts."""

    def __init__(self, sentence: str, family: bytes, reference: str = "") -> None:
        super().__init__(sentence, oauth="invalid_grant")
        self.family, self.reference = family, reference


def _token(given: Mapping[str, str], caller: Authenticated) -> bytes:
    if not caller.party.openid.refreshes:
        raise RequestRefused("The client's registration has no refresh tokens.", oauth="unauthorized_client")
    if "refresh_token" not in given:
        raise RequestRefused("refresh_token is absent.")
    token = read_token(given["refresh_token"])
    if token is None:
        raise no_grant(USED)
    return token


def _scopes(given: Mapping[str, str], grant: Grant) -> frozenset[str]:
    """The scopes that a refresh asks for: nothing beyond those of the sign-in (RFC 6749 §6)."""
    scopes = frozenset(given.get("scope", "").split(" ")) - {""}
    if not scopes <= STANDARD_SCOPES | {PURPOSE_SCOPE + grant.purpose_id}:
        raise RequestRefused("scope has more than the sign-in had.", oauth="invalid_scope")
    return scopes


def _without_values(grant: Grant) -> Grant:
    return replace(grant, attributes=(), record="", values_nonce="")


def _text(handle: bytes) -> str:
    return base64url(handle) if handle else ""
