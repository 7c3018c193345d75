"""Authenticates who calls the token endpoint, by the one method of its registration. Nothing in the request chooses it.

| method | the client sends |
|---|---|
| `client_secret_basic` (RFC 6749 §2.3.1) | id and secret in the Authorization header |
| `client_secret_post` (the same section) | id and secret in the form |
| `private_key_jwt` (RFC 7523 §3) | an assertion that it signs, by the one algorithm of its registration |
| `tls_client_auth` (RFC 8705 §2.1) | its id in the form, on a connection with a certificate of its registered name |
| `self_signed_tls_client_auth` (§2.2) | the same, with a certificate of its registered JWKS |
"""

import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from connectors.client_assertion import SKEW, ExpectedClientAssertion, judge_client_assertion, unverified_client
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey, unverified_algorithm
from idp.ports import Mark
from idp.protocols.oidc.certificates import (
    NO_CERTIFICATES,
    SELF_SIGNED_TLS,
    TLS,
    TLS_METHODS,
    CertificateProxy,
    Certificates,
)
from idp.system.addresses import token_endpoint
from policies.errors import AssertionRejected, Misconfigured, Problem, RequestRefused, SignatureInvalid, about
from policies.parties import ClientId, RelyingParty

BASIC = "client_secret_basic"
POST = "client_secret_post"
PRIVATE_KEY_JWT = "private_key_jwt"
SECRET_METHODS = (BASIC, POST)
METHODS = (*SECRET_METHODS, PRIVATE_KEY_JWT)
# By registration, the audience that a client assertion may have beside our issuer
TOKEN_ENDPOINT = "token_endpoint"
# Of a public client, which says who it is and cannot prove it
NONE = "none"
# What of a request's parameters would prove who it is of
PROOFS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})
# In the order in which `ciconia party add` looks for one that fits a party's keys
ASSERTION_ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# A client id and a secret, form-encoded and then in base64
MAX_AUTHORIZATION = 4096
# Where each method has its proof, as a developer is told
PLACES = {
    BASIC: "send id and secret in the Authorization header",
    POST: "send client_id and client_secret in the form",
    PRIVATE_KEY_JWT: "send a client_assertion in the form",
    TLS: "send client_id alone, and the certificate of its registered name in the TLS handshake",
    SELF_SIGNED_TLS: "send client_id alone, and its registered certificate in the TLS handshake",
    NONE: "it is public, send client_id alone, and neither a secret nor an assertion",
}
SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A relying party that proved who it is. `marks` holds its assertion's one use: the unit takes it, or a refusal.

    `cnf` is what it proved to hold beside, to which what is issued is bound (`Grant.cnf`).
    """

    party: RelyingParty
    marks: tuple[Mark, ...] = ()
    cnf: str = ""


class Clients:
    """The registered relying parties with their keys prepared. Raises `Misconfigured` with every problem at once."""

    def __init__(
        self,
        *,
        issuer: str,
        parties: Mapping[ClientId, RelyingParty],
        proxy: CertificateProxy = NO_CERTIFICATES,
    ) -> None:
        self._issuer, self._parties = issuer, parties
        self._certificates = Certificates(proxy)
        self._keys: dict[ClientId, tuple[VerificationKey, ...]] = {}
        problems = [problem for party in parties.values() for problem in self._prepare(party)]
        if problems:
            raise Misconfigured(tuple(problems))

    def named(self, parameters: Mapping[str, str], authorization: str) -> str:
        """The registered client that a request says it is of, "" where it says none. Nothing is proven by that."""
        try:
            if authorization:
                unverified_id = _basic(authorization)[0]
            elif "client_assertion" in parameters and "client_id" not in parameters:
                unverified_id = unverified_client(parameters["client_assertion"])
            else:
                # Beside an assertion it has to be the same name, or is refused: whose limit it is, nothing need be read for
                unverified_id = parameters.get("client_id", "")
        except (RequestRefused, AssertionRejected):
            return ""
        return unverified_id if unverified_id in self._parties else ""

    def caller(
        self, parameters: Mapping[str, str], authorization: str, now: int, certificate: bytes = b""
    ) -> Authenticated:
        """The client that redeems a code. A public one names itself (RFC 6749 §3.2.1); `authenticate` judges every other.

        A public client proves itself by the verifier of the code, and is refused where it sends a secret: it has none, so
        whoever sends one is somebody else, or shows a secret that every copy of the app has.
        """
        party = self._parties.get(ClientId(parameters.get("client_id", "")))
        if party is None or not party.public:
            return self.authenticate(parameters, authorization, now, certificate)
        if authorization or not PROOFS.isdisjoint(parameters):
            with about(party.client_id):
                raise _another_method(party)
        return Authenticated(party)

    def authenticate(
        self, parameters: Mapping[str, str], authorization: str, now: int, certificate: bytes = b""
    ) -> Authenticated:
        """The client that calls. Raises `RequestRefused`: invalid_client, or invalid_request for two methods at once.

        `certificate` is that of the connection. A client of another method may have one too: it may bind its tokens to it.
        """
        posted = "client_secret" in parameters
        asserted = "client_assertion" in parameters or "client_assertion_type" in parameters
        if sum((bool(authorization), posted, asserted)) > 1:
            raise RequestRefused("More than one way of client authentication was used.")
        if posted:
            unverified_id, secret = parameters.get("client_id", ""), parameters["client_secret"]
            return Authenticated(self._by_secret(POST, unverified_id, secret, parameters))
        if authorization:
            return Authenticated(self._by_secret(BASIC, *_basic(authorization), parameters))
        if asserted:
            return self._by_assertion(parameters, now)
        party = self._parties.get(ClientId(parameters.get("client_id", "")))
        if party is not None and party.authentication_method in TLS_METHODS:
            with about(party.client_id):
                if fault := self._certificates.fault_of(party, certificate, now):
                    raise _stranger(fault)
            return Authenticated(party)
        raise _stranger("The request has no client authentication.")

    def _by_secret(self, method: str, unverified_id: str, secret: str, parameters: Mapping[str, str]) -> RelyingParty:
        """The party whose secret it is, brought by the method that it is registered for."""
        party = self._parties.get(ClientId(unverified_id))
        if party is not None and party.authentication_method != method:
            with about(party.client_id):
                raise _another_method(party)
        # An unknown client costs the same comparison as a known one
        expected = party.secret_sha256 if party is not None else ""
        given = hashlib.sha256(secret.encode()).hexdigest()
        held = hmac.compare_digest(given, expected)
        # In the same words whatever is wrong: with a client_id of nobody, a secret would tell that it is right, for nothing
        if not held or party is None or parameters.get("client_id", party.client_id) != party.client_id:
            with about(party.client_id if party is not None else ""):
                raise _stranger("The client is unknown, its secret is wrong, or client_id is another's.")
        return party

    def _by_assertion(self, parameters: Mapping[str, str], now: int) -> Authenticated:
        if parameters.get("client_assertion_type") != ASSERTION_TYPE:
            raise _stranger(f"client_assertion_type is not {ASSERTION_TYPE}.")
        token = parameters.get("client_assertion", "")
        try:
            party = self._parties.get(ClientId(unverified_client(token)))
            if party is None:
                raise _stranger("The client is unknown.")
            # It only says so itself: whom it would be, where it is refused
            with about(party.client_id):
                if party.authentication_method != PRIVATE_KEY_JWT:
                    raise _another_method(party)
                expected = expected_assertion(party, self._issuer)
                # Before it is judged: one that held is always handed out, and so always spent
                _check_client_id(parameters, party)
                held = judge_client_assertion(token, self._keys[party.client_id], expected, now)
        except AssertionRejected as error:
            with about(error.peer):
                hint = _seems(token) if error.check == "jws_alg" else ""
                raise _stranger(f"The client assertion was refused: {error.check}, {error.detail}.{hint}") from error
        # Length-prefixed: two clients' identifiers never meet
        identity = len(held.client_id.encode()).to_bytes(4) + held.client_id.encode() + held.jti.encode()
        return Authenticated(party, (Mark("jti", hashlib.sha256(identity).digest(), held.ends + SKEW),))

    def _prepare(self, party: RelyingParty) -> list[Problem]:
        """Prepare a party's keys, and name what can never work."""
        problems = self._certificates.prepare(party)
        if party.public:
            if party.authentication_method != NONE or party.secret_sha256 or party.jwks or not party.pkce_required:
                fix = "Leave out its secret, keys, method and pkce, or public = true."
                problems.append(
                    _problem(party, "public", "a public client with a secret, with a key or without PKCE.", fix)
                )
        elif party.authentication_method in SECRET_METHODS and not SHA256_HEX.fullmatch(party.secret_sha256):
            problems.append(_problem(party, "secret_sha256", "no SHA-256 in hex.", "Hash a random secret of 32 bytes."))
        elif party.authentication_method == PRIVATE_KEY_JWT and party.authentication_alg in ASSERTION_ALGORITHMS:
            try:
                self._keys[party.client_id] = keys_from_jwks(party.jwks, party.authentication_alg)
            except SignatureInvalid as error:
                problems.append(_problem(party, "jwks", f"{error.detail}.", "Give its public keys as a JWKS."))
        elif party.authentication_method in TLS_METHODS:
            pass  # its certificates were prepared
        elif party.authentication_method not in METHODS or party.authentication_alg not in ASSERTION_ALGORITHMS:
            fix = f"One of {', '.join((*METHODS, *TLS_METHODS))}; one of {', '.join(ASSERTION_ALGORITHMS)}."
            problems.append(_problem(party, "authentication_method", "a method or algorithm that we do not offer.", fix))
        return problems


def expected_assertion(party: RelyingParty, issuer: str) -> ExpectedClientAssertion:
    """The values that an assertion of this party must match at the broker of this issuer."""
    named = token_endpoint(issuer) if party.assertion_audience == TOKEN_ENDPOINT else ""
    return ExpectedClientAssertion(party.client_id, issuer, party.authentication_alg, named, party.assertion_life)


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret: each form-encoded, joined by a colon, in base64 (RFC 6749 §2.3.1)."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic" or len(text) > MAX_AUTHORIZATION:
        raise _stranger("The Authorization header is not Basic.")
    try:
        decoded = binascii.a2b_base64(text.encode("ascii"), strict_mode=True).decode("ascii")
        name, colon, secret = decoded.partition(":")
        if "%" in decoded or "+" in decoded:
            name, secret = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, UnicodeError):
        raise _stranger("The Authorization header does not decode.") from None
    if not colon or not name or not secret:
        raise _stranger("The Authorization header lacks a client_id or a secret.")
    return name, secret


def _check_client_id(parameters: Mapping[str, str], party: RelyingParty) -> None:
    """A client_id beside the authentication is that of whom it is of, or says to be of (RFC 7521 §4.2)."""
    if parameters.get("client_id", party.client_id) != party.client_id:
        raise _stranger("client_id is not the client that authenticates.")


def _seems(token: str) -> str:
    """Which algorithm a client seems to be set to, whose assertion has another than its registration: both may be meant."""
    algorithm = unverified_algorithm(token)
    return f" It has {algorithm}: token_endpoint_auth_signing_alg registers that." if algorithm else ""


def _another_method(party: RelyingParty) -> RequestRefused:
    """The method is no secret: it says nothing of whether what was sent is right, which nobody looked at."""
    method = party.authentication_method
    return _stranger(f"The client is registered for {method}: {PLACES[method]}.")


def _stranger(sentence: str) -> RequestRefused:
    return RequestRefused(sentence, oauth="invalid_client", status=401)


def _problem(party: RelyingParty, key: str, what: str, fix: str) -> Problem:
    return Problem(party.source.file, party.source.line, key, what, fix)
