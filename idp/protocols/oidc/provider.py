"""The OpenID provider: what we say to relying parties (OpenID Connect Core 1.0, code flow with PKCE).

| module | what |
|---|---|
| `requests/request.py` | judges an authentication request |
| `request_objects.py`, `pushed.py` | requests that came signed, or that the client pushed before |
| `push.py` | the endpoint for pushed requests |
| `jarm.py` | answers as a signed JWT |
| `requests/claims.py` | the `claims` parameter, and attributes as claims |
| `requests/hint.py` | who is to come back, by `id_token_hint` |
| `logout_request.py` | judges a service's request to sign somebody out |
| `logouts.py` | end sessions and tell the services, now or later |
| `client.py` | who calls the token endpoint |
| `certificates.py`, `senders.py` | clients and tokens that are bound to a TLS certificate or a key |
| `token.py` | the token endpoint, by grant type, and userinfo |
| `grant_types.py`, `code_grant.py`, `refresh_grant.py` | one module a grant type, and what they share |
| `issuance.py` | the tokens and the id_token of an answer |
| `wrapping.py` | answers signed, and encrypted to the client's key |
| `families.py` | refresh tokens of one sign-in, which end together |
| `introspection.py` | whether a token is alive, and its end |
| `access.py` | access tokens, and whether what they stand for still holds |
| `device.py`, `device_*.py` | kiosks: a frontend of its own, their codes, and the grant that they fetch |
| `receipt.py` | token to receipt, once |
| `metadata.py` | discovery and JWKS |
| `direct.py` | the shape of requests and answers that do not go through the browser |

No HTTP here: `idp.web.routes.oidc` brings parameters and headers and takes answers away.
"""

import urllib.parse
from collections.abc import Mapping
from dataclasses import replace

from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.signatures.jws import ALGORITHMS, base64url
from connectors.signatures.signer import Signers
from connectors.wire.claims import Json
from idp.keys.kinds import JWKS_SECONDS
from idp.ledger.ledger_keys import mac
from idp.login.frontend import Admit, Declined, Received
from idp.login.sessions import Sessions
from idp.login.states import CODE_LIFE, GRANT, Decided, Released
from idp.ports import ParkedRow, SessionRow
from idp.protocols.oidc.access import AccessTokens, HeldBy, for_everybody
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.device_authorization import DeviceAuthorization
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, error_uri, explained, unavailable
from idp.protocols.oidc.introspection import Introspection, Revocation
from idp.protocols.oidc.jarm import algorithm_of, signed_answer
from idp.protocols.oidc.metadata import discovery, jwks, with_certificates
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.push import Pushes
from idp.protocols.oidc.request_objects import RequestObjects, Unpacked, check_way
from idp.protocols.oidc.requests.hint import hinted_subject
from idp.protocols.oidc.requests.request import (
    POSTED,
    SIGNED,
    OpenIDRequest,
    ReturnAddress,
    addressed,
    judged,
    origin_of,
    read_protocol,
    unknown_scopes,
)
from idp.protocols.oidc.senders import Senders
from idp.protocols.oidc.token import Tokens
from policies.authentication import Origin, ServiceRequest
from policies.errors import (
    AssuranceTooLow,
    AuthenticationFailed,
    BrokerError,
    Misconfigured,
    OtherPerson,
    PeerUnavailable,
    Problem,
    ReleaseDenied,
    Replayed,
    RequestRefused,
    StoreUnavailable,
    Suspended,
)
from policies.parties import ClientId, RelyingParty

# What a redirect address may not bring along already: two of a name, and nobody knows which counts (CVE-2026-9689)
ANSWER_PARAMETERS = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "id_token", "access_token", "response"}
)
# Relying parties learn the same for a refusal of the citizen and of the policy (decision 0000.29)
SENTENCES = {
    "access_denied": "The sign-in ended without anything being passed on.",
    "temporarily_unavailable": "Something is not available now, so nothing was passed on. Try again in a few minutes.",
    "unmet_authentication_requirements": "The citizen signed in below the level that was asked for.",
    "login_required": "Somebody else signed in than the person of id_token_hint, so nothing was passed on.",
}
# Whose move it is, where a country's answer ends a login: the service's own developers would else look for it at themselves
BAD_ANSWER = (
    "The answer of the country's sign-in service was not accepted, so nothing was passed on. Its operator can mend that, "
    "or the operator of this broker who registered it. The service need not change anything."
)
ENDED = (
    "The sign-in had ended, or was answered already, so nothing was passed on. The citizen can start again at the service."
)
COUNTRY_AWAY = (
    "The country's sign-in service cannot be reached or trusted now, so nothing was passed on. Its operator can mend that. "
    "Try again later."
)
SWITCHED_OFF = (
    "The operator of this broker has suspended this country or this service, so nothing was passed on. Try again later."
)
# A provider's keys change by a decision of days; an hour is what a relying party may be behind
PUBLIC = {"Cache-Control": f"public, max-age={JWKS_SECONDS}"}


class OpenIDProvider:
    """One tenant's OpenID provider, a frontend (`idp.login.frontend`), made at start.

    Raises `Misconfigured` with every registration that can never work.
    """

    path = "/authorize"
    signed = False
    own_page = False

    def __init__(self, parts: OpenIDParts) -> None:
        problems = [problem for party in parts.parties.values() for problem in _problems(party, parts.signers)]
        if not parts.signers or not set(parts.signers) <= set(ALGORITHMS):
            problems.append(Problem("keys", 0, "signers", "no signer, or one of another algorithm.", "Make an ES256 key."))
        if problems:
            raise Misconfigured(tuple(problems))
        self._parts = parts
        self._iss = urllib.parse.urlencode({"iss": parts.issuer})
        # A request from a page of any other origin is refused before its client is looked at
        self.origins = frozenset(origin for party in parts.parties.values() for origin in party.origins)
        self.clients = Clients(issuer=parts.issuer, parties=parts.parties, proxy=parts.proxy)
        self.access = AccessTokens(parts)
        self.senders = Senders(issuer=parts.issuer, sealer=parts.sealer, alias=parts.proxy.address)
        self._tokens = Tokens(parts, self.clients, self.access, self.senders)
        self._objects = RequestObjects(parts)
        self._pushes = Pushes(parts, self.clients, self.senders, self._objects, self._judge)
        self._devices = DeviceAuthorization(parts, self.clients)
        self._introspection = Introspection(parts, self.clients, self.access)
        self._revocation = Revocation(parts, self.clients)

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received | Declined:
        """Judge an authentication request: the request, or the error that goes back to the verified redirect address.

        Raises `RequestRefused` (for a page of ours) where client or redirect address are not registered.
        """
        try:
            unpacked = self._objects.unpacked(inbound, now)
        except RequestRefused as error:
            return self._declined(inbound, error)
        party, address = addressed(unpacked.inbound, self._parts.parties)
        try:
            request = self._judged(unpacked, party, address, now)
        except RequestRefused as error:
            error.peer = party.client_id
            return Declined(_origin(party, address), error, at_once=not party.registered)
        admit(request.origin.service)
        return Received(request, unknown_scopes(unpacked.inbound.parameters))

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the client or its redirect address is registered no more."""
        self._registered(origin)

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """Raises `AllRevoked` and `KeysUnavailable` where no key could sign this client's id_tokens.

        The code would stand for a release that nobody can redeem. An error needs no key, unless it goes as a JWT.
        """
        party = self._parts.parties.get(ClientId(origin.service))
        if party is None:
            return  # `check_registered` says so
        if release:
            self._parts.signers[party.id_token_alg].at(now).ready()
        if read_protocol(origin).response_mode in SIGNED:
            self._parts.signers[algorithm_of(party)].at(now).ready()

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """The nonce, which the id_token has, too."""
        return {"nonce": read_protocol(origin).nonce}

    @property
    def sessions(self) -> Sessions | None:
        """The sign-ins that its services share."""
        return self._parts.sessions

    def session(self, decided: Decided, handle: bytes, now: int) -> SessionRow | None:
        """The row of the session that a group of services shares."""
        return self._parts.sessions.row(decided, handle, now) if self._parts.sessions is not None else None

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """The row that the code stands for."""
        return (self._parts.sealer.park("code", _code(released), GRANT.dump(released.grant), now + CODE_LIFE),)

    def answer(self, released: Released, now: int) -> Outbound:
        """The code, on its way (Core §3.1.2.5, RFC 9207)."""
        return self._answer(released.grant.origin, (("code", base64url(_code(released))),), now)

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Outbound:
        """An error of RFC 6749 §4.1.2.1."""
        code, sentence = _told(error)
        uri = (("error_uri", error_uri(self._parts.documentation, code)),) if self._parts.documentation else ()
        told = (("error", code), ("error_description", sentence or SENTENCES.get(code, "")), *uri)
        return self._answer(origin, told, now)

    def push(self, call: DirectRequest, now: int) -> JsonAnswer:
        """The endpoint for pushed authorization requests."""
        return explained(self._pushes.push(call, now), self._parts.documentation)

    def token(self, call: DirectRequest, now: int) -> JsonAnswer:
        """The token endpoint."""
        return explained(self._tokens.token(call, now), self._parts.documentation)

    def device_authorization(self, call: DirectRequest, now: int) -> JsonAnswer:
        """The device authorization endpoint."""
        return explained(self._devices.answer(call, now), self._parts.documentation)

    def userinfo(self, call: DirectRequest, now: int, held: HeldBy = for_everybody) -> JsonAnswer:
        """Userinfo, by GET or POST.

        `held` is given the token's client, and raises `RequestRefused` where whoever asks may not ask for it.
        """
        return explained(self._tokens.userinfo(call, now, held), self._parts.documentation)

    def introspect(self, call: DirectRequest, now: int) -> JsonAnswer:
        """Whether an access token is alive (RFC 7662)."""
        return explained(self._introspection.introspect(call, now), self._parts.documentation)

    def revoke(self, call: DirectRequest, now: int) -> JsonAnswer:
        """End a token (RFC 7009)."""
        return explained(self._revocation.revoke(call, now), self._parts.documentation)

    def is_public(self, client_id: str) -> bool:
        """Whether a client of this id is registered as public."""
        party = self._parts.parties.get(ClientId(client_id))
        return party is not None and party.public

    def has_origin(self, client_id: str, origin: str) -> bool:
        """Whether pages of this origin may call for this client."""
        party = self._parts.parties.get(ClientId(client_id))
        return party is not None and origin in party.origins

    def discovery(self) -> JsonAnswer:
        """The document at `/.well-known/openid-configuration`."""
        return JsonAnswer(200, PUBLIC, self._discovered())

    def jwks(self, now: int) -> JsonAnswer:
        """The document at `/jwks`, as it is at `now`; 503 where nobody can say which keys are revoked."""
        try:
            return JsonAnswer(200, PUBLIC, jwks(self._parts.signers, now))
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _discovered(self) -> Mapping[str, Json]:
        public = any(party.public for party in self._parts.parties.values())
        document = discovery(
            self._parts.issuer,
            self._parts.signers,
            self._parts.purposes,
            self._parts.catalogue,
            self._parts.documentation,
            public_clients=public,
            registers=self._parts.registers,
            kiosks=any(party.openid.is_kiosk for party in self._parts.parties.values()),
            refresh_tokens=any(party.openid.refreshes for party in self._parts.parties.values()),
            shared=any(party.openid.logout.session_group for party in self._parts.parties.values()),
            languages=self._parts.languages,
            levels=sorted({name for party in self._parts.parties.values() for name in party.vocabulary}),
        )
        return with_certificates(document, self._parts.issuer, self._parts.proxy)

    def _declined(self, inbound: Inbound, error: RequestRefused) -> Declined:
        """The error of a request that could not be unpacked. Raises it where nothing outside says where it may go."""
        try:
            party, address = addressed(inbound, self._parts.parties)
        except RequestRefused:
            raise error from None
        error.peer = party.client_id
        return Declined(_origin(party, address), error, at_once=not party.registered)

    def _judge(self, unpacked: Unpacked, now: int) -> ServiceRequest:
        """Judge a request for which no browser has come yet. Raises `RequestRefused`."""
        party, address = addressed(unpacked.inbound, self._parts.parties)
        return self._judged(unpacked, party, address, now)

    def _judged(self, unpacked: Unpacked, party: RelyingParty, address: ReturnAddress, now: int) -> ServiceRequest:
        def hinted(token: str) -> str:
            return hinted_subject(token, party.client_id, self._parts.issuer, self._parts.signers, now)

        check_way(unpacked, party)
        found = judged(unpacked.inbound, party, address, self._parts.purposes, self._parts.catalogue, hinted)
        if not unpacked.message_id:
            return found
        return replace(found, origin=replace(found.origin, message_id=unpacked.message_id))

    def _registered(self, origin: Origin) -> RelyingParty:
        party = self._parts.parties.get(ClientId(origin.service))
        if party is None or not party.takes(read_protocol(origin).redirect_uri):
            raise RequestRefused("the redirect address is registered no more", oauth="unauthorized_client")
        return party

    def _answer(self, origin: Origin, answer: tuple[tuple[str, str], ...], now: int) -> Outbound:
        """To the redirect address, if it is registered still.

        Raises:
            RequestRefused: It is registered no more.
            AllRevoked: A JWT is asked for and no key could sign it.
        """
        party, to = self._registered(origin), read_protocol(origin)
        fields = (*answer, *((("state", to.state),) if to.state else ()))
        if to.response_mode in SIGNED:
            # RFC 9207 §2.4: `iss` is inside, and nowhere else
            signed = signed_answer(fields, party, self._parts.issuer, self._parts.signers, now)
            fields, iss = (("response", signed),), ""
        else:
            iss = f"&{self._iss}"
        if to.response_mode in POSTED:
            return Post(to.redirect_uri, (*fields, ("iss", self._parts.issuer)) if iss else fields)
        separator = "&" if "?" in to.redirect_uri else "?"
        return Redirect(f"{to.redirect_uri}{separator}{urllib.parse.urlencode(fields)}{iss}")


def _origin(party: RelyingParty, address: ReturnAddress) -> Origin:
    """Where the error of a request goes that is not accepted."""
    return origin_of(party, OpenIDRequest(address.redirect_uri, address.response_mode, address.state))


def _code(released: Released) -> bytes:
    """The handle under which the grant lies parked."""
    return mac(released.answer_key, b"code")


def _told(error: BrokerError) -> tuple[str, str]:
    """The code of an error, and whose move it is; "" is the sentence of the code.

    A service learns the same of a citizen who stopped at the country, of one who refused here, and of the policy.
    """
    match error:
        case RequestRefused():
            return error.oauth, error.detail
        case AssuranceTooLow():
            return "unmet_authentication_requirements", ""
        case OtherPerson():
            return "login_required", ""
        case AuthenticationFailed() | ReleaseDenied():
            return "access_denied", ""
        case Replayed():
            return "access_denied", ENDED
        case PeerUnavailable():
            return "temporarily_unavailable", COUNTRY_AWAY
        case Suspended():
            return "temporarily_unavailable", SWITCHED_OFF
        case StoreUnavailable():
            return "temporarily_unavailable", ""
        case _:
            return "access_denied", BAD_ANSWER


def _problems(party: RelyingParty, signers: Mapping[str, Signers]) -> list[Problem]:
    """The problems of a registration that we could not answer."""
    file, line = party.source.file, party.source.line
    problems = []
    signed = [("id_token_signed_response_alg", party.id_token_alg)]
    if alg := party.openid.authorization_signed_response_alg:
        signed.append(("authorization_signed_response_alg", alg))
    if party.openid.tokens.resource_server:
        signed.append(("introspection_signed_response_alg", party.openid.tokens.introspection_alg))
    for key, alg in signed:
        if alg not in signers:
            fix = f"One of {', '.join(signers)}."
            problems.append(Problem(file, line, key, "no key signs with it.", fix))
    for uri in party.redirect_uris:
        parts = urllib.parse.urlsplit(uri)
        query = {name for name, _ in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)}
        if "#" in uri or not uri.isascii() or not ANSWER_PARAMETERS.isdisjoint(query):
            what = "a redirect address with a fragment, or with a parameter that an answer brings."
            problems.append(Problem(file, line, "redirect_uris", what, "Register the address without it."))
    return problems
