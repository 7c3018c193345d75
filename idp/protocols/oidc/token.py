"""The token endpoint (RFC 6749 §3.2) and userinfo (OpenID Connect Core §5.3, RFC 6750)."""

from collections.abc import Mapping

from connectors.wire.claims import Json
from idp.protocols.oidc.access import AccessTokens, HeldBy, bearer, challenge, for_everybody
from idp.protocols.oidc.claims import wire_claims
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.code_grant import CodeGrant
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, oauth_error, success, unavailable
from idp.protocols.oidc.grant_types import GrantType, spending
from idp.protocols.oidc.issuance import Issuance
from idp.protocols.oidc.parts import OpenIDParts
from policies.errors import RequestRefused, StoreUnavailable, about
from policies.parties import ClientId

# The figure for one request
MAX_PARAMETERS = 100_000


class Tokens:
    """Redeems grants, and answers with what was released. One tenant's."""

    def __init__(self, parts: OpenIDParts, clients: Clients, access: AccessTokens) -> None:
        self._parts, self._clients, self._access = parts, clients, access
        issuance = Issuance(parts)
        self._grants: Mapping[str, GrantType] = {"authorization_code": CodeGrant(parts, access, issuance)}

    def token(self, call: DirectRequest, now: int) -> JsonAnswer:
        """Redeem a grant. A refusal is an answer too: it says what is wrong with the request, and nothing of a person."""
        try:
            return success(self._token(call, now))
        except RequestRefused as error:
            of_client = error.status == 401  # noqa: PLR2004 # HTTP
            return oauth_error(error, challenge=challenge("Basic", self._parts.issuer) if of_client else "")
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def userinfo(self, call: DirectRequest, now: int, held: HeldBy = for_everybody) -> JsonAnswer:
        """Answer with what was released. The access token comes in the header or, by POST, in the form (RFC 6750 §2)."""
        try:
            token = bearer(call.authorization, call.query, call.form)
            if not token:
                # RFC 6750 §3.1: who brought no token learns only how to bring one
                body: dict[str, Json] = {}
                return JsonAnswer(401, {"WWW-Authenticate": self._access.challenge}, body, "no access token")
            grant = self._access.granted(token, now)
            held(ClientId(grant.origin.service))
        except RequestRefused as error:
            asked = f'{self._access.challenge}, error="{error.oauth}", error_description="{error.detail}"'
            return oauth_error(error, challenge=asked)
        return success({**wire_claims(grant.attributes, self._parts.catalogue), "sub": grant.sub})

    def _token(self, call: DirectRequest, now: int) -> Mapping[str, Json]:
        # 1. the request's form, then who calls
        if sum(map(len, call.form)) + sum(map(len, call.form.values())) > MAX_PARAMETERS:
            raise RequestRefused("The request is too long.", status=413)
        caller = self._clients.caller(call.given, call.authorization, now)
        with about(caller.party.client_id):
            # 2. what it brings
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
