"""The token endpoint (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3) and userinfo (Core §5.3, RFC 6750).

A code is redeemed in one unit: its mark, the mark of the client assertion, the access token's row in, the code's row out.
Durable first, then signed, then answered (decision 0000.11). The access token is derived from the code, so that a code that
comes twice finds the token that was issued from it, and ends it (RFC 9700 §2.1.1, RFC 6749 §10.5).
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

from connectors.signatures.jws import base64url, from_base64url, sign
from connectors.signatures.signer import Signer
from connectors.wire.claims import Json
from idp.login.states import ACCESS_TOKEN_LIFE, CODE_LIFE, GRANT, Grant
from idp.ports import Commits, Mark, Unit
from idp.protocols.oidc.claims import wire_claims
from idp.protocols.oidc.client import Authenticated, Clients
from idp.protocols.oidc.direct import JsonAnswer, oauth_error, success, unavailable
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.request import OpenIDRequest, read_protocol
from policies.errors import Conflict, NotFound, Replayed, RequestRefused, StoreUnavailable, about
from policies.parties import ClientId, RelyingParty, Tenant
from policies.release import may_still_go

ID_TOKEN_LIFE = 5 * 60
# RFC 7636 §4.1
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
MALFORMED = (
    "code_verifier is malformed: RFC 7636 section 4.1 wants 43 to 128 characters out of A-Z, a-z, 0-9, hyphen, period, "
    "underscore and tilde."
)
# Our handles have 32 bytes; ports.py asks for at least 16
MIN_HANDLE, MAX_HANDLE = 16, 64
# The figure for one request
MAX_PARAMETERS = 100_000
SUSPENDED = "The client or the source is suspended or was, or they lie in two spheres: what was issued before has ended."
USED = "The code was used already, has expired, or was never issued."

# Raises `RequestRefused` where the bearer of a token of this client may not use it
HeldBy = Callable[[ClientId], None]


def for_everybody(_client_id: ClientId) -> None:
    """Every bearer may use a token (RFC 6750)."""


class Tokens:
    """Redeems codes and answers with what was released. One tenant's."""

    def __init__(self, parts: OpenIDParts, clients: Clients) -> None:
        self._parts, self._clients = parts, clients

    def token(self, parameters: Mapping[str, str], authorization: str, now: int) -> JsonAnswer:
        """Redeem a code. Every refusal is an answer too; it says what is wrong with the request and nothing of a person."""
        try:
            return success(self._token(parameters, authorization, now))
        except RequestRefused as error:
            return oauth_error(error, challenge=self._challenge("Basic") if error.status == 401 else "")  # noqa: PLR2004 # HTTP
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def userinfo(
        self, authorization: str, query: Mapping[str, str], form: Mapping[str, str], now: int, held: HeldBy = for_everybody
    ) -> JsonAnswer:
        """Answer with what was released. The access token comes in the header or, by POST, in the form (RFC 6750 §2)."""
        try:
            token = bearer(authorization, query, form)
            if not token:
                # RFC 6750 §3.1: who brought no token learns only how to bring one
                body: dict[str, Json] = {}
                return JsonAnswer(401, {"WWW-Authenticate": self._challenge("Bearer")}, body, "no access token")
            grant = self.granted(token, now)
            held(ClientId(grant.origin.service))
        except RequestRefused as error:
            challenge = f'{self._challenge("Bearer")}, error="{error.oauth}", error_description="{error.detail}"'
            return oauth_error(error, challenge=challenge)
        return success({**wire_claims(grant.attributes, self._parts.catalogue), "sub": grant.sub})

    def _token(self, parameters: Mapping[str, str], authorization: str, now: int) -> Mapping[str, Json]:
        # 1. the request's form, then who calls
        if sum(map(len, parameters)) + sum(map(len, parameters.values())) > MAX_PARAMETERS:
            raise RequestRefused("The request is too long.", status=413)
        given = {name: value for name, value in parameters.items() if value}
        caller = self._clients.caller(given, authorization, now)
        with about(caller.party.client_id):
            try:
                # 2. the grant
                handle, grant = self._redeemable(given, caller, now)
                # Before anything is spent: where every key is revoked, the code outlives this
                ring = self._parts.signers[caller.party.id_token_alg]
                ring.at(now)
                # 3. one unit, durable
                access = self._access(handle, now)
                self._redeem(caller, grant, handle, access, now)
            except RequestRefused as error:
                # The client's assertion held, so it is spent, though it gets nothing. First of all: whoever repeats one is
                # nobody, and ends nothing
                spend(self._parts.commits, self._parts.tenant, caller)
                if isinstance(error, _CodeUsed):
                    self._revoke(error.handle, now)
                raise
            # 4. asked again: a commit may take seconds, and what was switched off meanwhile neither gets nor signs
            if over := self._over(grant, now):
                self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=(hashlib.sha256(access).digest(),)))
                raise _no_grant(over)
            signer = ring.at(now)
        self._parts.redeemed(grant)
        # 5. sign, and answer
        access_token = base64url(access)
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_LIFE,
            "scope": f"openid purpose:{grant.purpose_id}",
            "id_token": self._id_token(grant, caller.party, signer, access_token, now),
        }

    def _redeemable(self, given: Mapping[str, str], caller: Authenticated, now: int) -> tuple[bytes, Grant]:
        """The code's handle and what it stands for, where this client may have it. Changes nothing."""
        if "grant_type" not in given:
            raise RequestRefused("grant_type is absent.")
        if given["grant_type"] != "authorization_code":
            raise RequestRefused("grant_type is not authorization_code.", oauth="unsupported_grant_type")
        if "code" not in given:
            raise RequestRefused("code is absent.")
        handle = handle_of(given["code"])
        if handle is None:
            raise _no_grant(USED)
        try:
            payload = self._parts.parked.parked(self._parts.tenant, "code", hashlib.sha256(handle).digest(), now)
            grant = GRANT.load(self._parts.sealer.unpark("code", handle, payload, now))
        except NotFound:
            raise _CodeUsed(handle) from None
        if wrong := self._unfit(grant, given, caller, now):
            refused = _no_grant(wrong)
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
        if wrong := _unproven(given.get("code_verifier", ""), request, caller.party):
            return wrong
        return self._over(grant, now)

    def _redeem(self, caller: Authenticated, grant: Grant, handle: bytes, access: bytes, now: int) -> None:
        digest = hashlib.sha256(handle).digest()
        unit = Unit(
            tenant=self._parts.tenant,
            # The row lives at most CODE_LIFE from its issue, so from now too: the mark outlives it
            marks=(Mark("code", digest, now + CODE_LIFE + ACCESS_TOKEN_LIFE), *caller.marks),
            parked=(self._parts.sealer.park("access", access, GRANT.dump(grant), now + ACCESS_TOKEN_LIFE),),
            removed=(digest,),
        )
        try:
            self._parts.commits.commit(unit)
        except Conflict as error:
            if error.kind == "jti":
                raise assertion_used() from error
            # Two requests with one code at once: one of them is not the client's
            raise _CodeUsed(handle) from error

    def _revoke(self, handle: bytes, now: int) -> None:
        """End the access token that was issued from this code, where one was, whoever brings it: it is in wrong hands.

        In this hour, in the one before, or in the next: by another machine's clock, or by one that was read a moment later.
        """
        for moment in (now, now - ACCESS_TOKEN_LIFE, now + ACCESS_TOKEN_LIFE):
            try:
                digest = hashlib.sha256(self._access(handle, moment)).digest()
                self._parts.parked.parked(self._parts.tenant, "access", digest, now)
            except (NotFound, Replayed):
                continue
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=(digest,)))
            return

    def _access(self, handle: bytes, moment: int) -> bytes:
        """The token of a code that was redeemed in the hour of `moment`."""
        return self._parts.sealer.derive("access", handle, at=moment)

    def granted(self, token: str, now: int) -> Grant:
        """The grant of a live access token. Raises `RequestRefused` (401 `invalid_token`)."""
        handle = handle_of(token)
        if handle is None:
            raise _no_token()
        try:
            payload = self._parts.parked.parked(self._parts.tenant, "access", hashlib.sha256(handle).digest(), now)
            grant = GRANT.load(self._parts.sealer.unpark("access", handle, payload, now))
        except NotFound:
            raise _no_token() from None
        if over := self._over(grant, now):
            with about(grant.origin.service):
                refused = RequestRefused(over, oauth="invalid_token", status=401)
                refused.reference = grant.reference
                raise refused
        return grant

    def _over(self, grant: Grant, now: int) -> str:
        """Why what the grant rests on holds no more, "" where it does: a parked grant is remembered fact, no permission."""
        party, purpose = self._parts.parties.get(ClientId(grant.origin.service)), self._parts.purposes.get(grant.purpose_id)
        registered = (
            party is not None
            and purpose is not None
            and party.takes(read_protocol(grant.origin).redirect_uri)
            and grant.purpose_id in party.purposes
            and self._parts.vouched(grant.provider_id, now)
            and may_still_go(grant.attributes, purpose, party, self._parts.catalogue)
        )
        if not registered:
            return "The client, the purpose, the source of the attributes or one of them is registered no more."
        return SUSPENDED if self._parts.ended(grant) else ""

    def _id_token(self, grant: Grant, party: RelyingParty, signer: Signer, access_token: str, now: int) -> str:
        """Core §2 and §3.1.3.6. The protocol's claims come last, so that no attribute can ever stand in their place."""
        everything, request = party.claims_in_id_token, read_protocol(grant.origin)
        inside = [attribute for attribute in grant.attributes if everything or attribute.name in request.in_id_token]
        claims: dict[str, Json] = {
            **wire_claims(inside, self._parts.catalogue),
            "iss": self._parts.issuer,
            "sub": grant.sub,
            "aud": party.client_id,
            "iat": now,
            "exp": now + ID_TOKEN_LIFE,
            "auth_time": grant.authenticated_at,
            "acr": grant.context or grant.loa.uri,
            "at_hash": base64url(hashlib.sha256(access_token.encode("ascii")).digest()[:16]),
        }
        if request.nonce:
            claims["nonce"] = request.nonce
        return sign(claims, signer, alg=party.id_token_alg, typ="JWT")

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate for whoever brings no access token, or one that does not do (RFC 6750 §3)."""
        return self._challenge("Bearer")

    def _challenge(self, scheme: str) -> str:
        return f'{scheme} realm="{self._parts.issuer}"'


class _CodeUsed(RequestRefused):
    """A code that nothing is known of any more: whatever was issued from it ends."""

    def __init__(self, handle: bytes) -> None:
        super().__init__(USED, oauth="invalid_grant")
        self.handle = handle


def handle_of(text: str) -> bytes | None:
    """The handle that a code or token spells; None where it is none of ours."""
    try:
        handle = from_base64url(text)
    except ValueError:
        return None
    return handle if MIN_HANDLE <= len(handle) <= MAX_HANDLE else None


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


def bearer(authorization: str, query: Mapping[str, str], form: Mapping[str, str]) -> str:
    """The access token, brought in one way. In an address it would lie in logs and histories (RFC 9700 §4.3.2)."""
    if "access_token" in query:
        raise RequestRefused("An access token does not belong into the address.")
    posted = form.get("access_token", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return posted  # another scheme brings no access token
    if posted:
        raise RequestRefused("The access token was brought in two ways.")
    if not token:
        raise RequestRefused("The Authorization header has no access token.")
    return token


def _no_grant(sentence: str) -> RequestRefused:
    return RequestRefused(sentence, oauth="invalid_grant")


def _no_token() -> RequestRefused:
    return RequestRefused(
        "The access token has expired, was ended, or was never issued.", oauth="invalid_token", status=401
    )


def spend(commits: Commits, tenant: Tenant, caller: Authenticated) -> None:
    """Take the mark of the caller's assertion, so that it is used once though nothing was issued for it.

    Raises `RequestRefused` (401 `invalid_client`) where it was used before.
    """
    if not caller.marks:
        return
    try:
        commits.commit(Unit(tenant=tenant, marks=caller.marks))
    except Conflict as error:
        raise assertion_used() from error


def assertion_used() -> RequestRefused:
    """The refusal of an assertion whose mark was taken already."""
    return RequestRefused("The client assertion was used already.", oauth="invalid_client", status=401)
