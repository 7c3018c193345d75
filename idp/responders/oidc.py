"""The OpenID provider: what we say to relying parties (OpenID Connect Core 1.0, code flow with PKCE).

| module | what |
|---|---|
| `oidc_request.py` | judges an authentication request |
| `oidc_claims.py` | the `claims` parameter, and attributes as claims |
| `oidc_hint.py` | who is to come back, by `id_token_hint` |
| `oidc_client.py` | who calls the token endpoint |
| `oidc_token.py` | code to tokens, token to userinfo |
| `oidc_receipt.py` | token to receipt, once |
| `oidc_metadata.py` | discovery and JWKS |
| `direct.py` | the shape of answers that do not go through the browser |

No HTTP here: `idp.endpoints.oidc` brings parameters and headers and takes answers away.
"""

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.formats.claims import Json
from connectors.signatures.jws import SIGNING_ALGORITHMS
from connectors.signatures.signer import Signers
from idp.keys.kinds import JWKS_SECONDS
from idp.login import Grant, Released
from idp.ports import Commits, Parked
from idp.responders.direct import JsonAnswer, error_uri, explained, unavailable
from idp.responders.oidc_client import Clients
from idp.responders.oidc_hint import hinted_subject
from idp.responders.oidc_metadata import discovery, jwks
from idp.responders.oidc_request import FORM_POST, Address, addressed, judged
from idp.responders.oidc_token import Ended, Held, Tokens, Vouched, for_everybody
from idp.seal import Sealer
from policies.authentication import AuthenticationRequest
from policies.catalogue import Catalogue
from policies.errors import Misconfigured, Problem, RequestRefused, StoreUnavailable
from policies.parties import ClientId, PurposeId, RelyingParty, Tenant
from policies.purposes import Purpose

# What a redirect address may not bring along already: two of a name, and nobody knows which counts (CVE-2026-9689)
ANSWER_PARAMETERS = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "id_token", "access_token"}
)
# Relying parties learn the same for a refusal of the citizen and of the policy (decisions.md 29)
SENTENCES = {
    "access_denied": "The sign-in ended without anything being passed on.",
    "temporarily_unavailable": "Something is not available now, so nothing was passed on. Try again in a few minutes.",
    "unmet_authentication_requirements": "The citizen signed in below the level that was asked for.",
    "login_required": "Somebody else signed in than the person of id_token_hint, so nothing was passed on.",
    "unauthorized_client": "The client or its purpose is registered no more.",
}
SERVER_ERROR = "The sign-in ended on our side."
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


@dataclass(frozen=True, slots=True)
class Declined:
    """An authentication request that is refused, and the error that goes to the verified redirect address."""

    error: RequestRefused
    address: Address
    answer: Outbound


class OpenIDProvider:
    """One tenant's OpenID provider, made at start. Raises `Misconfigured` with everything that can never work.

    `documentation` is the page that explains our error codes, "" where the operator names none.
    """

    def __init__(
        self,
        *,
        issuer: str,
        tenant: Tenant,
        parties: Mapping[ClientId, RelyingParty],
        purposes: Mapping[PurposeId, Purpose],
        vouched: Vouched,
        ended: Ended,
        catalogue: Catalogue,
        signers: Mapping[str, Signers],
        sealer: Sealer,
        commits: Commits,
        parked: Parked,
        documentation: str = "",
        redeemed: Callable[[Grant], None] = lambda _grant: None,
    ) -> None:
        problems = [problem for party in parties.values() for problem in _problems(party, signers)]
        if not signers or not set(signers) <= set(SIGNING_ALGORITHMS):
            problems.append(Problem("keys", 0, "signers", "no signer, or one of another algorithm.", "Make an ES256 key."))
        if problems:
            raise Misconfigured(tuple(problems))
        self._issuer = issuer
        self._iss = urllib.parse.urlencode({"iss": issuer})
        self._documentation = documentation
        self._parties = parties
        self._purposes = purposes
        self._catalogue = catalogue
        self._signers = signers
        # Of all public clients: what a page of another origin asks is refused before it is looked at
        self.origins = frozenset(origin for party in parties.values() for origin in party.origins)
        self.clients = Clients(issuer=issuer, parties=parties)
        self.tokens = Tokens(
            issuer=issuer,
            tenant=tenant,
            parties=parties,
            purposes=purposes,
            vouched=vouched,
            ended=ended,
            catalogue=catalogue,
            clients=self.clients,
            signers=signers,
            sealer=sealer,
            commits=commits,
            parked=parked,
            redeemed=redeemed,
        )

    def receive(self, inbound: Inbound, now: int) -> AuthenticationRequest | Declined:
        """Judge an authentication request: the request, or the error that goes back to the verified redirect address.

        Raises `RequestRefused` (for a page of ours) where client or redirect address are not registered.
        """
        address = addressed(inbound, self._parties)
        try:
            client_id = address.party.client_id

            def hinted(token: str) -> str:
                return hinted_subject(token, client_id, self._issuer, self._signers, now)

            return judged(inbound, address, self._purposes, self._catalogue, hinted)
        except RequestRefused as error:
            error.peer = address.party.client_id
            answer = self._error(error.oauth, error.detail)
            outbound = self._answer(address.redirect_uri, address.response_mode, address.state, answer)
            return Declined(error, address, outbound)

    def respond(self, released: Released) -> Outbound:
        """The code, on its way (Core §3.1.2.5, RFC 9207)."""
        request = released.request
        return self._answer(request.redirect_uri, request.response_mode, request.state, (("code", released.code),))

    def refuse(self, request: AuthenticationRequest | Address, error: str, sentence: str = "") -> Outbound:
        """An error of RFC 6749 §4.1.2.1 for a request that was accepted before; one without a sentence is server_error.

        Or to the verified address of one that was not. `sentence` says more than the code does, "" what the code does.
        """
        code = error if sentence or error in SENTENCES else "server_error"
        answer = self._error(code, sentence or SENTENCES.get(code, SERVER_ERROR))
        return self._answer(request.redirect_uri, request.response_mode, request.state, answer)

    def token(self, parameters: Mapping[str, str], authorization: str, now: int) -> JsonAnswer:
        """The token endpoint: the parameters of the form, and the Authorization header or ""."""
        return explained(self.tokens.token(parameters, authorization, now), self._documentation)

    def userinfo(
        self, authorization: str, query: Mapping[str, str], form: Mapping[str, str], now: int, held: Held = for_everybody
    ) -> JsonAnswer:
        """Userinfo, by GET or POST: the Authorization header or "", the address's parameters and the form's.

        `held` is given the token's client, and raises `RequestRefused` where whoever asks may not ask for it.
        """
        return explained(self.tokens.userinfo(authorization, query, form, now, held), self._documentation)

    def is_public(self, client_id: str) -> bool:
        """Whether a client of this id is registered as public."""
        party = self._parties.get(ClientId(client_id))
        return party is not None and party.public

    def has_origin(self, client_id: str, origin: str) -> bool:
        """Whether pages of this origin may call for this client."""
        party = self._parties.get(ClientId(client_id))
        return party is not None and origin in party.origins

    def discovery(self) -> JsonAnswer:
        """The document at `/.well-known/openid-configuration`."""
        return JsonAnswer(200, PUBLIC, self._discovered())

    def jwks(self, now: int) -> JsonAnswer:
        """The document at `/jwks`, as it is at `now`; 503 where nobody can say which keys are revoked."""
        try:
            return JsonAnswer(200, PUBLIC, jwks(self._signers, now))
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _discovered(self) -> Mapping[str, Json]:
        public = any(party.public for party in self._parties.values())
        return discovery(
            self._issuer, self._signers, self._purposes, self._catalogue, self._documentation, public_clients=public
        )

    def _error(self, code: str, sentence: str) -> tuple[tuple[str, str], ...]:
        """RFC 6749 §4.1.2.1. Only an answer to a verified redirect address is made of it."""
        uri = (("error_uri", error_uri(self._documentation, code)),) if self._documentation else ()
        return (("error", code), ("error_description", sentence), *uri)

    def _answer(self, redirect_uri: str, mode: str, state: str, answer: tuple[tuple[str, str], ...]) -> Outbound:
        fields = (*answer, *((("state", state),) if state else ()))
        if mode == FORM_POST:
            return Post(redirect_uri, (*fields, ("iss", self._issuer)))
        separator = "&" if "?" in redirect_uri else "?"
        return Redirect(f"{redirect_uri}{separator}{urllib.parse.urlencode(fields)}&{self._iss}")


def _problems(party: RelyingParty, signers: Mapping[str, Signers]) -> list[Problem]:
    """What of a registration could not be answered."""
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
