"""The token endpoint (RFC 6749 §3.2) and userinfo (OpenID Connect Core §5.3, RFC 6750)."""

from collections.abc import Mapping

from connectors.wire.claims import Json
from idp.login.states import Grant
from idp.ports import Unit
from idp.protocols.oidc.access import AccessTokens, HeldBy, bearer, challenge, for_everybody
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.code_grant import CodeGrant
from idp.protocols.oidc.device_grant import DeviceGrant
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, oauth_error, success, unavailable
from idp.protocols.oidc.families import Families
from idp.protocols.oidc.grant_types import GrantType, proof_used, spending
from idp.protocols.oidc.issuance import Issuance, attribute_claims
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.refresh_grant import RefreshGrant
from idp.protocols.oidc.senders import SCHEME, BoundToKey, Senders
from idp.protocols.oidc.wrapping import Wrapping
from policies.errors import Conflict, RequestRefused, StoreUnavailable, about
from policies.parties import ClientId
from policies.registrations.openid_client import DEVICE_CODE, REFRESH_TOKEN

# The figure for one request
MAX_PARAMETERS = 100_000
# In which the header may bring an access token: RFC 6750 §2.1, RFC 9449 §7.1
SCHEMES = ("bearer", "dpop")


class Tokens:
    """Redeems grants, and answers with what was released. One tenant's."""

    def __init__(self, parts: OpenIDParts, clients: Clients, access: AccessTokens, senders: Senders) -> None:
        self._parts, self._clients, self._access, self._senders = parts, clients, access, senders
        self._wrapping = Wrapping(parts)
        families = Families(parts)
        issuance = Issuance(parts, self._wrapping)
        self._grants: Mapping[str, GrantType] = {
            "authorization_code": CodeGrant(parts, access, issuance, families),
            REFRESH_TOKEN: RefreshGrant(parts, access, issuance, families),
            DEVICE_CODE: DeviceGrant(parts, access, issuance),
        }

    def token(self, call: DirectRequest, now: int) -> JsonAnswer:
        """Redeem a grant. A refusal is an answer too: it says what is wrong with the request, and nothing of a person."""
        try:
            return self._senders.renewed(call, self._redeemed(call, now), now)
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _redeemed(self, call: DirectRequest, now: int) -> JsonAnswer:
        try:
            return success(self._token(call, now))
        except RequestRefused as error:
            of_client = error.status == 401  # noqa: PLR2004 # HTTP
            return oauth_error(error, challenge=challenge("Basic", self._parts.issuer) if of_client else "")

    def userinfo(self, call: DirectRequest, now: int, held: HeldBy = for_everybody) -> JsonAnswer:
        """Answer with what was released. The access token comes in the header or, by POST, in the form (RFC 6750 §2)."""
        try:
            token = bearer(call.authorization, call.query, call.form, SCHEMES)
            if not token:
                # RFC 6750 §3.1: who brought no token learns only how to bring one
                body: dict[str, Json] = {}
                both = f"{self._access.challenge}, {self._senders.challenge}"
                return JsonAnswer(401, {"WWW-Authenticate": both}, body, "no access token")
            grant = self._access.granted(token, now)
            held(ClientId(grant.origin.service))
            if self._use(call, grant, token, now):
                # Asked again: a commit may take seconds, and what was switched off or ended meanwhile is not sent
                grant = self._access.granted(token, now)
        except RequestRefused as error:
            asked = f'{self._challenge(call, error)}, error="{error.oauth}", error_description="{error.detail}"'
            return self._senders.renewed(call, oauth_error(error, challenge=asked), now)
        claims: dict[str, Json] = {**attribute_claims(self._parts, grant, now), "sub": grant.sub}
        try:
            answer = self._wrapping.userinfo(claims, self._parts.parties[ClientId(grant.origin.service)], now)
        except StoreUnavailable as error:
            answer = unavailable(error.detail)
        return self._senders.renewed(call, answer, now)

    def _use(self, call: DirectRequest, grant: Grant, token: str, now: int) -> bool:
        """Check that a bound token is brought by whom it was issued to. A proof is used once: whether one was written."""
        party = self._parts.parties[ClientId(grant.origin.service)]
        with about(party.client_id):
            marks = self._senders.marks_of_use(call, grant, party.openid, token, now)
            if marks:
                try:
                    self._parts.commits.commit(Unit(tenant=self._parts.tenant, marks=marks))
                except Conflict as error:
                    raise proof_used(401) from error
            return bool(marks)

    def _challenge(self, call: DirectRequest, error: RequestRefused) -> str:
        """In the scheme in which the token came, or has to come."""
        as_key = isinstance(error, BoundToKey) or call.authorization.partition(" ")[0].lower() == SCHEME.lower()
        return self._senders.challenge if as_key else self._access.challenge

    def _token(self, call: DirectRequest, now: int) -> Mapping[str, Json]:
        # 1. the request's form, then who calls
        if sum(map(len, call.form)) + sum(map(len, call.form.values())) > MAX_PARAMETERS:
            raise RequestRefused("The request is too long.", status=413)
        caller = self._clients.caller(call.given, call.authorization, now, call.certificate)
        with about(caller.party.client_id):
            # 2. what it brings
            with spending(self._parts, caller):
                caller = self._senders.bound(call, caller, now)
            with spending(self._parts, caller):
                grant_type = self._grant_type(call.given)
            return grant_type.redeem(call, caller, now)

    def _grant_type(self, given: Mapping[str, str]) -> GrantType:
        if "grant_type" not in given:
            raise RequestRefused("grant_type is absent.")
        found = self._grants.get(given["grant_type"])
        if found is None:
            raise RequestRefused(f"grant_type is none of {', '.join(self._grants)}.", oauth="unsupported_grant_type")
        return found
