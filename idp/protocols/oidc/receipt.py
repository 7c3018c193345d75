"""The relying party's receipt: what was sent to it, opened, and no decision, no source and nothing withheld.

`/userinfo/receipt` takes the access token in the form of a POST (RFC 6750 §2.2), once, from the client that it was issued
to. Who calls authenticates as at the token endpoint: a receipt is evidence, and a token alone says nothing of its bearer.
"""

import base64
import hashlib
from dataclasses import replace
from typing import Protocol

from idp.login.states import ACCESS_TOKEN_LIFE, Grant
from idp.ports import Commits, Mark, Unit
from idp.protocols.oidc.access import AccessTokens, bearer, handle_of
from idp.protocols.oidc.client import Authenticated, Clients
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, oauth_error, unavailable
from idp.protocols.oidc.grant_types import spend, used_before
from idp.protocols.oidc.senders import Senders
from idp.receipts.issue import Issued
from idp.receipts.receipt import ReceiptHolder
from policies.errors import Conflict, NotFound, RequestRefused, StoreUnavailable
from policies.parties import ClientId, Tenant

GIVEN = "The receipt was given already, to whoever held the access token then."


class Issuing(Protocol):
    """Makes receipts: `idp.receipts.issue.Receipts`."""

    def issue(self, holder: ReceiptHolder, record: bytes, values_nonce: bytes, now: int) -> Issued:
        """The receipt of a release."""


class PartyReceipts:
    """Gives relying parties their receipts. One tenant's."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        access: AccessTokens,
        clients: Clients,
        senders: Senders,
        receipts: Issuing,
        commits: Commits,
    ) -> None:
        self._tenant = tenant
        self._access, self._senders = access, senders
        self._clients = clients
        self._receipts = receipts
        self._commits = commits

    def receipt(self, call: DirectRequest, now: int) -> JsonAnswer | bytes:
        """The receipt's file, or a refusal as userinfo has them (RFC 6750 §3)."""
        try:
            return self._receipt(call, now)
        except RequestRefused as error:
            challenge = f'{self._access.challenge}, error="{error.oauth}", error_description="{error.detail}"'
            return self._senders.renewed(call, oauth_error(error, challenge=challenge), now)
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _receipt(self, call: DirectRequest, now: int) -> JsonAnswer | bytes:
        # 1. the token, and who brings it
        token = bearer("", call.query, call.form)
        if not token:
            return JsonAnswer(401, {"WWW-Authenticate": self._access.challenge}, {}, "no access token in the form")
        caller = self._clients.authenticate(call.given, call.authorization, now, call.certificate)
        # 2. the receipt, before the mark: what cannot be made now may be asked for again. The client's assertion held,
        #    so a refusal spends it too
        try:
            grant = self._grant(token, caller, now)
            marks = self._senders.marks_of_use(call, grant, caller.party.openid, token, now, scheme=False)
            octets = self._issued(grant, now).octets
        except RequestRefused:
            self._spend(caller)
            raise
        caller = replace(caller, marks=(*caller.marks, *marks))
        # 3. once
        mark = Mark("receipt", hashlib.sha256(handle_of(token) or b"").digest(), now + ACCESS_TOKEN_LIFE)
        try:
            self._commits.commit(Unit(tenant=self._tenant, marks=(mark, *caller.marks)))
        except Conflict as error:
            if repeated := used_before(error):
                raise repeated from error
            self._spend(caller)
            raise RequestRefused(GIVEN, status=409) from error
        # 4. asked again: a commit may take seconds, and who was switched off meanwhile, or whose token ended, gets none
        self._grant(token, caller, now)
        return octets

    def _grant(self, token: str, caller: Authenticated, now: int) -> Grant:
        grant = self._access.granted(token, now)
        if caller.party.client_id != ClientId(grant.origin.service):
            raise RequestRefused("The access token was issued to another client.", oauth="invalid_token", status=401)
        return grant

    def _spend(self, caller: Authenticated) -> None:
        spend(self._commits, self._tenant, caller)

    def _issued(self, grant: Grant, now: int) -> Issued:
        try:
            record, nonce = bytes.fromhex(grant.record), base64.b64decode(grant.values_nonce)
            return self._receipts.issue(ReceiptHolder.RELYING_PARTY, record, nonce, now)
        except NotFound:
            raise RequestRefused("There is no receipt of this release.", oauth="invalid_token", status=401) from None
