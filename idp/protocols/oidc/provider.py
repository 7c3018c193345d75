"""The OpenID provider: what we say to relying parties (OpenID Connect Core 1.0, code flow with PKCE).

| module | what |
|---|---|
| `request.py` | judges an authentication request |
| `claims.py` | the `claims` parameter, and attributes as claims |
| `hint.py` | who is to come back, by `id_token_hint` |
| `client.py` | who calls the token endpoint |
| `certificates.py`, `senders.py` | clients and tokens that are bound to a TLS certificate or a key |
| `token.py` | the token endpoint, by grant type, and userinfo |
| `grant_types.py`, `code_grant.py` | one module a grant type, and what they share |
| `issuance.py` | the tokens and the id_token of an answer |
| `wrapping.py` | answers signed, and encrypted to the client's key |
| `access.py` | access tokens, and whether what they stand for still holds |
| `receipt.py` | token to receipt, once |
| `metadata.py` | discovery and JWKS |
| `direct.py` | the shape of requests and answers that do not go through the browser |

No HTTP here: `idp.web.routes.oidc` brings parameters and headers and takes answers away.
"""

import urllib.parse
from collections.abc import Mapping

from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.signatures.jws import ALGORITHMS, base64url
from connectors.signatures.signer import Signers
from connectors.wire.claims import Json
from idp.keys.kinds import JWKS_SECONDS
from idp.ledger.ledger_keys import mac
from idp.login.frontend import Admit, Declined, Received
from idp.login.states import CODE_LIFE, GRANT, Released
from idp.ports import ParkedRow
from idp.protocols.oidc.access import AccessTokens, HeldBy, for_everybody
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, error_uri, explained, unavailable
from idp.protocols.oidc.hint import hinted_subject
from idp.protocols.oidc.metadata import discovery, jwks
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.request import (
    FORM_POST,
    OpenIDRequest,
    addressed,
    judged,
    origin_of,
    read_protocol,
    unknown_scopes,
)
from idp.protocols.oidc.senders import Senders
from idp.protocols.oidc.token import Tokens
from policies.authentication import Origin
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
    {"code", "state", "iss", "error", "error_description", "error_uri", "id_token", "access_token"}
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

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received | Declined:
        """Judge an authentication request: the request, or the error that goes back to the verified redirect address.

        Raises `RequestRefused` (for a page of ours) where client or redirect address are not registered.
        """
        party, address = addressed(inbound, self._parts.parties)
        origin = origin_of(party, OpenIDRequest(address.redirect_uri, address.response_mode, address.state))

        def hinted(token: str) -> str:
            return hinted_subject(token, party.client_id, self._parts.issuer, self._parts.signers, now)

        try:
            request = judged(inbound, party, address, self._parts.purposes, self._parts.catalogue, hinted)
        except RequestRefused as error:
            error.peer = party.client_id
            return Declined(origin, error, at_once=True)
        admit(request.origin.service)
        return Received(request, unknown_scopes(inbound.parameters))

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the client or its redirect address is registered no more."""
        party = self._parts.parties.get(ClientId(origin.service))
        if party is None or not party.takes(read_protocol(origin).redirect_uri):
            raise RequestRefused("the redirect address is registered no more", oauth="unauthorized_client")

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """Raises `AllRevoked` where each key that could sign this client's id_tokens is revoked.

        The code would stand for a release that nobody can redeem. An error needs no key.
        """
        party = self._parts.parties.get(ClientId(origin.service))
        if release and party is not None:  # else `check_registered` says so
            self._parts.signers[party.id_token_alg].at(now)

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """The nonce, which the id_token has, too."""
        return {"nonce": read_protocol(origin).nonce}

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """The row that the code stands for."""
        return (self._parts.sealer.park("code", _code(released), GRANT.dump(released.grant), now + CODE_LIFE),)

    def answer(self, released: Released, now: int) -> Outbound:
        """The code, on its way (Core §3.1.2.5, RFC 9207)."""
        return self._answer(released.grant.origin, (("code", base64url(_code(released))),))

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Outbound:
        """An error of RFC 6749 §4.1.2.1."""
        code, sentence = _told(error)
        uri = (("error_uri", error_uri(self._parts.documentation, code)),) if self._parts.documentation else ()
        return self._answer(origin, (("error", code), ("error_description", sentence or SENTENCES.get(code, "")), *uri))

    def token(self, call: DirectRequest, now: int) -> JsonAnswer:
        """The token endpoint."""
        return explained(self._tokens.token(call, now), self._parts.documentation)

    def userinfo(self, call: DirectRequest, now: int, held: HeldBy = for_everybody) -> JsonAnswer:
        """Userinfo, by GET or POST.

        `held` is given the token's client, and raises `RequestRefused` where whoever asks may not ask for it.
        """
        return explained(self._tokens.userinfo(call, now, held), self._parts.documentation)

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
        return discovery(
            self._parts.issuer,
            self._parts.signers,
            self._parts.purposes,
            self._parts.catalogue,
            self._parts.documentation,
            public_clients=public,
        )

    def _answer(self, origin: Origin, answer: tuple[tuple[str, str], ...]) -> Outbound:
        """To the verified redirect address."""
        to = read_protocol(origin)
        fields = (*answer, *((("state", to.state),) if to.state else ()))
        if to.response_mode == FORM_POST:
            return Post(to.redirect_uri, (*fields, ("iss", self._parts.issuer)))
        separator = "&" if "?" in to.redirect_uri else "?"
        return Redirect(f"{to.redirect_uri}{separator}{urllib.parse.urlencode(fields)}&{self._iss}")


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
    if party.id_token_alg not in signers:
        fix = f"One of {', '.join(signers)}."
        problems.append(Problem(file, line, "id_token_signed_response_alg", "no key signs with it.", fix))
    for uri in party.redirect_uris:
        parts = urllib.parse.urlsplit(uri)
        query = {name for name, _ in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)}
        if "#" in uri or not uri.isascii() or not ANSWER_PARAMETERS.isdisjoint(query):
            what = "a redirect address with a fragment, or with a parameter that an answer brings."
            problems.append(Problem(file, line, "redirect_uris", what, "Register the address without it."))
    return problems
