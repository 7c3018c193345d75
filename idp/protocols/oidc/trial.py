"""Test logins of a service's developers: a link of one use that `ciconia try` makes, and the frontend that opens it.

The link stands for an authentication request of the service, and leads to made-up persons alone (`idp.login.eligible`).
At its end stands a page of ours in place of an answer. Nothing is approved, released or recorded.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.connector import Inbound, Outbound, Redirect
from connectors.signatures.jws import base64url
from connectors.wire.claims import Json
from idp.login.eligible import TRIAL
from idp.login.frontend import Admit, NothingGoes, Received
from idp.login.sealing import Sealer
from idp.login.states import Decided, Grant
from idp.ports import Mark, ParkedRow, Unit
from idp.protocols.oidc.access import handle_of
from idp.protocols.oidc.issuance import id_token_claims, person_claim
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.provider import OpenIDProvider
from idp.protocols.oidc.requests.claims import wire_claims
from idp.protocols.oidc.requests.request import addressed, judged, unknown_scopes
from policies.authentication import Origin, ServiceRequest
from policies.catalogue import Catalogue
from policies.errors import BrokerError, Conflict, NotFound, RequestRefused
from policies.parties import ClientId, PurposeId, RelyingParty
from policies.purposes import Purpose

PATH = "/try"
LINK_LIFE = 15 * 60
# Every value is shown as that, a yes or no as well: it says something of a person
MASK = "•••"
# What is nobody's value: names of ours and of the service, and moments
_PLAIN = frozenset({"iss", "aud", "iat", "exp", "auth_time", "acr", "nonce"})
_ENDED = "This test link was used already, has expired, or was never made: `ciconia try` makes another."


@dataclass(frozen=True, slots=True)
class Tried:
    """The tokens that a service would have got, with every value masked."""

    id_token: Mapping[str, Json] = field(repr=False)
    userinfo: Mapping[str, Json] = field(repr=False)


def trial_request(party: RelyingParty, *, scope: str, claims: str = "") -> dict[str, str]:
    """An authentication request of a service, as its own program would send it."""
    return {
        "response_type": "code",
        "client_id": party.client_id,
        "redirect_uri": party.redirect_uris[0],
        "scope": scope,
        "nonce": secrets.token_hex(8),
        "code_challenge": base64url(hashlib.sha256(secrets.token_bytes(32)).digest()),
        "code_challenge_method": "S256",
        **({"claims": claims} if claims else {}),
    }


def judged_trial(
    parameters: Mapping[str, str],
    parties: Mapping[ClientId, RelyingParty],
    purposes: Mapping[PurposeId, Purpose],
    catalogue: Catalogue,
) -> ServiceRequest:
    """The request of a test login, whichever way its service has to send its own. Raises `RequestRefused`."""
    inbound = Inbound("redirect", parameters)
    party, address = addressed(inbound, parties)
    request = judged(inbound, party, address, purposes, catalogue, lambda _hint: "")
    # Nobody's session answers a test: whoever is signed in is a real person
    return replace(request, origin=replace(request.origin, frontend=TRIAL), shared=None)


def new_link(issuer: str, sealer: Sealer, parameters: Mapping[str, str], now: int) -> tuple[str, ParkedRow]:
    """A link, and the row that it opens, sealed under it: whoever reads the database opens nothing."""
    handle = secrets.token_bytes(32)
    row = sealer.park(TRIAL, handle, json.dumps(dict(parameters)).encode(), now + LINK_LIFE)
    return f"{issuer}{PATH}?link={base64url(handle)}", row


class Trials(NothingGoes):
    """The frontend of test logins (`idp.login.frontend`). It never answers a service. One tenant's."""

    what = "a test login"
    path = PATH
    signed = False
    own_page = False

    def __init__(self, parts: OpenIDParts, openid: OpenIDProvider) -> None:
        self._parts, self._openid = parts, openid

    def receive(self, inbound: Inbound, now: int, admit: Admit) -> Received:
        """Open a link, once. Raises `RequestRefused`, and `StoreUnavailable`."""
        parts, handle = self._parts, handle_of(inbound.parameters.get("link", ""))
        if handle is None or inbound.binding != "redirect":
            raise RequestRefused(_ENDED)
        digest = hashlib.sha256(handle).digest()
        try:
            payload = parts.parked.parked(parts.tenant, TRIAL, digest, now)
            parameters: dict[str, str] = json.loads(parts.sealer.unpark(TRIAL, handle, payload, now))
            taken = Mark(TRIAL, digest, now + LINK_LIFE)
            parts.commits.commit(Unit(tenant=parts.tenant, marks=(taken,), removed=(digest,)))
        except (NotFound, Conflict):
            raise RequestRefused(_ENDED) from None
        request = judged_trial(parameters, parts.parties, parts.purposes, parts.catalogue)
        admit(request.origin.service)
        return Received(request, unknown_scopes(parameters))

    def check_registered(self, origin: Origin) -> None:
        """The same as of a login of the service's own."""
        self._openid.check_registered(origin)

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """The same as of a login of the service's own."""
        self._openid.check_answerable(origin, now, release=release)

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Outbound:
        """To a page of ours: the service hears of no test login."""
        return Redirect(self._parts.issuer + PATH)

    def tried(self, decided: Decided, now: int) -> Tried:
        """The tokens of what the policy would let go, every box ticked."""
        given = tuple(one.released for one in decided.decision.rulings if one.released is not None)
        grant = Grant(
            origin=decided.request.origin,
            purpose_id=decided.request.purpose_id,
            provider_id=decided.provider_id,
            sub=decided.judged.sub,
            loa=decided.judged.loa,
            context=decided.judged.context,
            authenticated_at=decided.authenticated_at,
            attributes=given,
            kind=decided.judged.kind,
        )
        party = self._parts.parties[ClientId(grant.origin.service)]
        id_token = id_token_claims(self._parts, grant, party, "", now)
        userinfo: dict[str, Json] = {**wire_claims(given, self._parts.catalogue), **person_claim(grant), "sub": grant.sub}
        return Tried(masked(id_token), masked(userinfo))


def masked(claims: Mapping[str, Json]) -> dict[str, Json]:
    """The claims with their names and shapes, and no value of a person's."""
    return {name: value if name in _PLAIN else _masked(value) for name, value in claims.items()}


def _masked(value: Json) -> Json:
    match value:
        case dict():
            return {name: _masked(each) for name, each in value.items()}
        case list():
            return [_masked(value[0])] if value else []
        case _:
            return MASK
