"""Access tokens (RFC 6750): handles of a grant that lies parked for five minutes, sealed under the handle."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from connectors.signatures.jws import from_base64url
from idp.login.ended_persons import person_ended
from idp.login.sessions import signed_out
from idp.login.states import GRANT, Approved, Grant
from idp.protocols.oidc.families import Families
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.requests.request import read_protocol
from policies.errors import NotFound, RequestRefused, about
from policies.parties import ClientId, RelyingParty
from policies.purposes import Purpose
from policies.release import may_still_go

# Our handles have 32 bytes; ports.py asks for at least 16
MIN_HANDLE, MAX_HANDLE = 16, 64
SUSPENDED = "The client or the source is suspended or was, or they lie in two spheres: what was issued before has ended."
LAPSED = "The citizen's approval is remembered no more: what was issued for it has ended."

SIGNED_OUT = "The session in which it was issued was ended."
PERSON_ENDED = "All that was issued about this person until then was ended."

# Raises `RequestRefused` where the bearer of a token of this client may not use it
HeldBy = Callable[[ClientId], None]


def unremembered(grant: Grant) -> Approved | None:
    """The approval under an access token alone: it ends when the citizen takes it back, and not when they approve again."""
    return None if grant.approved is None else replace(grant.approved, given=0)


def for_everybody(_client_id: ClientId) -> None:
    """Every bearer may use a token (RFC 6750)."""


class AccessTokens:
    """Reads access tokens, and says whether what they stand for still holds. One tenant's."""

    def __init__(self, parts: OpenIDParts) -> None:
        self._parts, self._families = parts, Families(parts)

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
        if not self._families.lives(grant, now):
            raise _no_token()
        if over := self.over(grant, now):
            with about(grant.origin.service):
                refused = RequestRefused(over, oauth="invalid_token", status=401)
                refused.reference = grant.reference
                raise refused
        return grant

    def over(self, grant: Grant, now: int) -> str:
        """Why what the grant rests on holds no more, "" where it does: a parked grant is remembered fact, no permission."""
        party, purpose = self._parts.parties.get(ClientId(grant.origin.service)), self._parts.purposes.get(grant.purpose_id)
        registered = (
            party is not None
            and purpose is not None
            and _is_reached(party, purpose, read_protocol(grant.origin).redirect_uri)
            and grant.purpose_id in party.purposes
            and self._parts.vouched(grant.provider_id, now)
            and may_still_go(grant.attributes, purpose, party, self._parts.catalogue)
        )
        if not registered:
            return "The client, the purpose, the source of the attributes or one of them is registered no more."
        if self._parts.ended(grant):
            return SUSPENDED
        if signed_out(self._parts.parked, self._parts.tenant, grant, now):
            return SIGNED_OUT
        if person_ended(self._parts.parked, self._parts.tenant, grant, now):
            return PERSON_ENDED
        return LAPSED if self._parts.standing.lapsed(grant, now) else ""

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate for whoever brings no access token, or one that does not do (RFC 6750 §3)."""
        return challenge("Bearer", self._parts.issuer)


def _is_reached(party: RelyingParty, purpose: Purpose, redirect_uri: str) -> bool:
    """Whether an answer may still go there; "" is of a kiosk, which fetched it."""
    return party.takes(redirect_uri) if redirect_uri else party.openid.is_kiosk and purpose.cross_device


def challenge(scheme: str, issuer: str) -> str:
    """The value of WWW-Authenticate for one way to authenticate."""
    return f'{scheme} realm="{issuer}"'


def handle_of(text: str) -> bytes | None:
    """The handle that a code or token spells; None where it is none of ours."""
    try:
        handle = from_base64url(text)
    except ValueError:
        return None
    return handle if MIN_HANDLE <= len(handle) <= MAX_HANDLE else None


def bearer(
    authorization: str, query: Mapping[str, str], form: Mapping[str, str], schemes: Collection[str] = ("bearer",)
) -> str:
    """The access token, brought in one way. In an address it would lie in logs and histories (RFC 9700 §4.3.2)."""
    if "access_token" in query:
        raise RequestRefused("An access token does not belong into the address.")
    posted = form.get("access_token", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() not in schemes:
        return posted  # another scheme brings no access token
    if posted:
        raise RequestRefused("The access token was brought in two ways.")
    if not token:
        raise RequestRefused("The Authorization header has no access token.")
    return token


def _no_token() -> RequestRefused:
    return RequestRefused(
        "The access token has expired, was ended, or was never issued.", oauth="invalid_token", status=401
    )
