"""OpenID Connect as a relying party: one question through the browser, and an answer that we fetch ourselves.

The browser brings a code, which is worth nothing without PKCE's verifier (sealed in this browser's state) and without what
proves who we are. We exchange it, judge the id_token, and ask userinfo for what the id_token lacks: all by one deadline.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence

from connectors.acting import namespace_of, told_by_attributes
from connectors.connector import Ask, Expectation, Inbound, Outbound, Redirect
from connectors.fetch import Fetcher, HttpAnswer
from connectors.id_token import PROTOCOL_CLAIMS, ExpectedIdToken, IdToken, judge_id_token
from connectors.logout_token import ExpectedLogoutToken, LogoutToken, judge_logout_token
from connectors.mapping import beside, latin_forms, offered_attributes, single_value
from connectors.oidc.answer import (
    ExpectedUserinfo,
    UpstreamTokens,
    asks_for_nonce,
    judge_redirect,
    judge_userinfo,
    named_error,
    read_json,
    read_tokens,
    wire_attributes,
)
from connectors.oidc.line import ANSWER_SECONDS, ASK_SECONDS, Line, LineTurn
from connectors.oidc.metadata import pinned_metadata
from connectors.oidc.proofs import Credentials, DpopKey
from connectors.oidc.published_keys import Keys, PublishedKeys
from connectors.oidc.question import (
    address_with,
    challenge_of,
    claim_of,
    nonce_of,
    parameters,
    request_object,
)
from connectors.registered_claims import is_visible
from connectors.signatures.jwe import TokenEncryption
from connectors.signatures.signer import Agreement, Signers
from connectors.wire.claims import Json
from policies.authentication import Assertion, Offered
from policies.deviations import PLAIN_BASIC, TOKEN_ENDPOINT_AUDIENCE
from policies.errors import AssertionRejected, SignatureInvalid, redeeming
from policies.parties import IdentityProvider
from policies.registrations.openid_registration import OpenIDRegistration

RANDOM_BYTES = 32
_CREATED = 201
# The failures of a signature that a newer set of keys may mend
_OF_KEYS = frozenset({"jws_keys", "jws_kid", "jws_signature"})
Decrypting = Callable[[int], Sequence[Agreement]]


class OidcConnector:
    """Asks one OpenID provider, whose metadata is pinned. Implements `connectors.connector.Connector`.

    `redirect_uri` is ours for this provider alone. `secret` gives what we share with it, `decrypting` our keys to which it
    encrypts at a moment. A registration that cannot work is `Misconfigured` at start.
    """

    def __init__(
        self,
        *,
        provider: IdentityProvider,
        redirect_uri: str,
        fetcher: Fetcher,
        signer: Signers,
        secret: Callable[[], str] = lambda: "",
        decrypting: Decrypting = lambda _now: (),
    ) -> None:
        self._provider, self._redirect_uri, self._signer, self._decrypting = provider, redirect_uri, signer, decrypting
        self._metadata = pinned_metadata(provider, demo=fetcher.demo)
        self._ours: OpenIDRegistration = provider.openid or OpenIDRegistration(client_id="")
        self._line = Line(fetcher, self._ours.networks)
        # Anybody may send a logout token: whatever it leads to takes no place from a login
        self._line_of_logouts = Line(fetcher, self._ours.networks)
        self._keys = PublishedKeys(self._metadata.jwks_uri, (self._ours.id_token_alg, self._ours.userinfo_alg))
        by_endpoint = TOKEN_ENDPOINT_AUDIENCE in provider.deviations
        self._credentials = Credentials(
            registration=self._ours,
            audience=self._metadata.token_endpoint if by_endpoint else self._metadata.issuer,
            signer=signer.at,
            secret=secret,
            plain=PLAIN_BASIC in provider.deviations,
        )

    @property
    def is_away(self) -> bool:
        """Whether the provider did not answer the last few times."""
        return self._line.is_away

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        """The address of the question, and what its answer must match.

        Raises `AssuranceTooLow`, `AllRevoked`, and where the question is pushed `PeerUnavailable` and `AssertionRejected`.
        """
        request_id, secret = secrets.token_urlsafe(RANDOM_BYTES), secrets.token_urlsafe(RANDOM_BYTES)
        asked = parameters(self._provider, self._ours, self._metadata, ask, self._redirect_uri)
        asked |= {
            "state": f"{ask.relay_state}.{request_id}",
            "nonce": nonce_of(secret),
            "code_challenge": challenge_of(secret),
            "code_challenge_method": "S256",
        }
        expectation = Expectation(
            provider_id=self._provider.provider_id,
            request_id=request_id,
            issued_at=now,
            minimum_assurance=ask.minimum_assurance,
            force_authentication=ask.force_authentication,
            max_age=ask.max_age,
            secret=secret,
        )
        return Redirect(address_with(self._metadata.authorization_endpoint, self._sent(asked, now))), expectation

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """Judge an answer, and fetch the rest of it. Raises `AssertionRejected` and its kinds, and `PeerUnavailable`."""
        code = judge_redirect(inbound, expectation.request_id, self._metadata)
        with self._line.turn(ANSWER_SECONDS) as turn, redeeming():
            key = DpopKey() if self._ours.dpop else None
            tokens = self._exchange(turn, code, expectation.secret, key, now)
            keys = self._keys.current(turn)
            id_token, keys = self._judged(turn, tokens, expectation, keys, now)
            claims = self._claims(turn, tokens, id_token, key, keys, now)
            return self._assertion(code, tokens, id_token, claims)

    def end_session(self, back: str) -> tuple[Outbound, str] | None:
        """The browser's way to ask for the end of its session there (RP-Initiated Logout 1.0 §2), and our `state`.

        It comes `back` to this address of ours. No hint goes along: we keep no id_token. None where there is no way.
        """
        if not self._metadata.end_session_endpoint:
            return None
        state = secrets.token_urlsafe(RANDOM_BYTES)
        asked = {"client_id": self._ours.client_id, "post_logout_redirect_uri": back, "state": state}
        return Redirect(address_with(self._metadata.end_session_endpoint, asked)), state

    def logged_out(self, token: str, now: int) -> LogoutToken:
        """The logout that the provider tells. Raises `AssertionRejected` and its kinds, and `PeerUnavailable`."""
        alg = self._ours.id_token_alg
        expected = ExpectedLogoutToken(self._metadata.issuer, self._ours.client_id, alg)
        keys = self._keys.at_hand
        try:
            return judge_logout_token(token, keys.get(alg, ()), expected, now)
        except SignatureInvalid as error:
            newer = self._keys.looked_for(self._line_of_logouts) if error.check in _OF_KEYS else keys
            if newer is keys:
                raise
        return judge_logout_token(token, newer[alg], expected, now)

    def _sent(self, asked: Mapping[str, str], now: int) -> Mapping[str, str]:
        """The parameters that the browser carries: all, their request object, or the address of a pushed request."""
        if self._ours.signed:
            signer = self._signer.at(now)
            jwt = request_object(asked, self._metadata.issuer, signer, now, secrets.token_urlsafe(16))
            # OpenID Connect Core 1.0 §6.1: these stand outside, too
            outside = {} if self._ours.pushed else {name: asked[name] for name in ("response_type", "scope")}
            asked = {"client_id": asked["client_id"], **outside, "request": jwt}
        if not self._ours.pushed:
            return asked
        proof = self._credentials.proof(now)
        with self._line.turn(ASK_SECONDS) as turn:
            answer = turn.ask(self._metadata.pushed_endpoint, form={**asked, **proof.form}, headers=proof.headers)
        said = read_json(answer, "push_refused")
        request_uri = said.get("request_uri")
        if answer.status != _CREATED or not isinstance(request_uri, str) or not is_visible(request_uri):
            raise AssertionRejected("push_refused", f"the pushed request was not taken: {named_error(said.get('error'))}")
        return {"client_id": asked["client_id"], "request_uri": request_uri}

    def _exchange(self, turn: LineTurn, code: str, verifier: str, key: DpopKey | None, now: int) -> UpstreamTokens:
        endpoint = self._metadata.token_endpoint
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}

        def ask(nonce: str) -> HttpAnswer:
            proof = self._credentials.proof(now)
            of_key = key.proof("POST", endpoint, now, nonce=nonce) if key else {}
            return turn.ask(
                endpoint, form={**form, "code_verifier": verifier, **proof.form}, headers={**proof.headers, **of_key}
            )

        answer = ask("")
        if key and (nonce := asks_for_nonce(answer)):
            # The code was not looked at yet (RFC 9449 §8)
            answer = ask(nonce)
        return read_tokens(answer, dpop=key is not None)

    def _judged(
        self, turn: LineTurn, tokens: UpstreamTokens, expectation: Expectation, keys: Keys, now: int
    ) -> tuple[IdToken, Keys]:
        """The id_token, and the keys by which it holds: newer ones, where it names one that we do not know."""
        ours, oldest = self._ours, expectation.max_age
        if expectation.force_authentication:
            oldest = 0
        expected = ExpectedIdToken(
            issuer=self._metadata.issuer,
            client_id=ours.client_id,
            alg=ours.id_token_alg,
            nonce=nonce_of(expectation.secret),
            minimum_assurance=expectation.minimum_assurance,
            # The age counts from the question: the citizen may take their time
            max_age=None if oldest is None else oldest + max(0, now - expectation.issued_at),
            access_token=tokens.access_token,
            levels=self._provider.assurance,
            encrypted=self._encryption(ours.id_token_enc, now),
        )
        try:
            return judge_id_token(tokens.id_token, keys[ours.id_token_alg], expected, now), keys
        except SignatureInvalid as error:
            newer = self._keys.newer(turn, keys) if error.check in _OF_KEYS else None
            if newer is None:
                raise
        return judge_id_token(tokens.id_token, newer[ours.id_token_alg], expected, now), newer

    def _claims(
        self, turn: LineTurn, tokens: UpstreamTokens, id_token: IdToken, key: DpopKey | None, keys: Keys, now: int
    ) -> Mapping[str, Json]:
        """The claims of the id_token, and those of userinfo where it may have more of the registration's table."""
        wanted = {claim_of(wire) for wire in (*self._provider.attributes, *self._provider.latin)}
        wanted |= {self._provider.subject_attribute} - {""}
        endpoint, ours = self._metadata.userinfo_endpoint, self._ours
        if not endpoint or wanted <= set(id_token.claims):
            return id_token.claims
        scheme = "DPoP" if tokens.bound else "Bearer"
        headers = {"Authorization": f"{scheme} {tokens.access_token}"}

        def ask(nonce: str) -> HttpAnswer:
            of_key = key.proof("GET", endpoint, now, nonce=nonce, access_token=tokens.access_token) if key else {}
            return turn.ask(endpoint, headers={**headers, **of_key})

        answer = ask("")
        if key and (nonce := asks_for_nonce(answer)):
            answer = ask(nonce)
        expected = ExpectedUserinfo(
            issuer=self._metadata.issuer,
            client_id=ours.client_id,
            subject=id_token.subject,
            alg=ours.userinfo_alg,
            encrypted=self._encryption(ours.userinfo_enc, now),
        )
        # The id_token is signed in any case: where both say something, it counts
        return {**judge_userinfo(answer, keys.get(ours.userinfo_alg, ()), expected, now), **id_token.claims}

    def _encryption(self, enc: str, now: int) -> TokenEncryption | None:
        return TokenEncryption(tuple(self._decrypting(now)), enc) if enc else None

    def _assertion(self, code: str, tokens: UpstreamTokens, id_token: IdToken, claims: Mapping[str, Json]) -> Assertion:
        provider, wire = self._provider, wire_attributes(claims)
        subject = single_value(wire, provider.subject_attribute) if provider.subject_attribute else id_token.subject
        if subject is None:
            raise AssertionRejected("subject_claim", "the claim that identifies is absent, or no plain text")
        if id_token.loa is None:
            raise AssertionRejected("acr_unknown", "no acr that the registration names")
        offered = offered_attributes(wire, provider.attributes, provider.multiple) | latin_forms(wire, provider.latin)
        came = [name for name in provider.attributes if claim_of(name) in claims]
        kind, represented = told_by_attributes(provider, offered, came)
        table = {claim_of(name): ours for name, (ours, _) in provider.attributes.items()} | dict(provider.latin)
        return Assertion(
            provider_id=provider.provider_id,
            issuer=provider.entity_id,
            namespace=namespace_of(provider.namespace, kind),
            subject=subject,
            offered=Offered(attributes=offered, loa=id_token.loa),
            response_id=hashlib.sha256(code.encode()).hexdigest(),
            assertion_id=hashlib.sha256(tokens.id_token.encode()).hexdigest(),
            # A session of theirs may be old: `iat` says nothing of it
            authenticated_at=id_token.authenticated_at or 0,
            not_on_or_after=id_token.ends,
            session=id_token.session,
            beside=beside(claims.keys() - PROTOCOL_CLAIMS, table, offered.keys()),
            said=str(id_token.claims.get("acr", "")),
            kind=kind,
            acting_for=represented,
        )
