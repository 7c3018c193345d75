"""Who calls the token endpoint: `client_secret_basic` (RFC 6749 §2.3.1) or `private_key_jwt` (RFC 7523 §3), one per party.

The method and the algorithm are those of the registration; nothing in the request chooses them.
"""

import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from connectors.client_assertion import SKEW, ExpectedClientAssertion, judge_client_assertion
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey, unverified_issuer
from idp.ports import Mark
from policies.errors import AssertionRejected, Misconfigured, Problem, RequestRefused, SignatureInvalid, about
from policies.parties import ClientId, RelyingParty

BASIC = "client_secret_basic"
PRIVATE_KEY_JWT = "private_key_jwt"
METHODS = (BASIC, PRIVATE_KEY_JWT)
# In the order in which `ciconia party add` looks for one that fits a party's keys
ASSERTION_ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# A client id and a secret, form-encoded and then in base64
MAX_AUTHORIZATION = 4096
SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A relying party that proved who it is. `marks` holds its assertion's one use: the unit takes it, or a refusal."""

    party: RelyingParty
    marks: tuple[Mark, ...] = ()


class Clients:
    """The registered relying parties with their keys prepared. Raises `Misconfigured` with every problem at once."""

    def __init__(self, *, issuer: str, parties: Mapping[ClientId, RelyingParty]) -> None:
        self._issuer = issuer
        self._parties = parties
        self._keys: dict[ClientId, tuple[VerificationKey, ...]] = {}
        problems = [problem for party in parties.values() for problem in self._prepare(party)]
        if problems:
            raise Misconfigured(tuple(problems))

    def named(self, parameters: Mapping[str, str], authorization: str) -> str:
        """The registered client that a request says it is of, "" where it says none. Nothing is proven by that."""
        try:
            asserted = parameters.get("client_assertion", "")
            unverified_id = _basic(authorization)[0] if authorization else unverified_issuer(asserted)
        except (RequestRefused, AssertionRejected):
            return ""
        return unverified_id if unverified_id in self._parties else ""

    def authenticate(self, parameters: Mapping[str, str], authorization: str, now: int) -> Authenticated:
        """Who calls. Raises `RequestRefused`: invalid_client, or invalid_request for two methods at once."""
        posted = "client_secret" in parameters
        asserted = "client_assertion" in parameters or "client_assertion_type" in parameters
        if sum((bool(authorization), posted, asserted)) > 1:
            raise RequestRefused("More than one way of client authentication was used.")
        if posted:
            raise _stranger("A client secret belongs into the Authorization header.")
        if authorization:
            return Authenticated(self._by_secret(parameters, authorization))
        if asserted:
            return self._by_assertion(parameters, now)
        raise _stranger("The request has no client authentication.")

    def _by_secret(self, parameters: Mapping[str, str], authorization: str) -> RelyingParty:
        unverified_id, secret = _basic(authorization)
        party = self._parties.get(ClientId(unverified_id))
        # An unknown client costs the same comparison as a known one
        expected = party.secret_sha256 if party is not None and party.authentication_method == BASIC else ""
        given = hashlib.sha256(secret.encode()).hexdigest()
        held = hmac.compare_digest(given, expected)
        # In the same words whatever is wrong: with a client_id of nobody, a secret would tell that it is right, for nothing
        if not held or party is None or parameters.get("client_id", party.client_id) != party.client_id:
            with about(party.client_id if party is not None else ""):
                raise _stranger(
                    "The client is unknown, its secret is wrong, another method is registered, or client_id is another's."
                )
        return party

    def _by_assertion(self, parameters: Mapping[str, str], now: int) -> Authenticated:
        if parameters.get("client_assertion_type") != ASSERTION_TYPE:
            raise _stranger(f"client_assertion_type is not {ASSERTION_TYPE}.")
        token = parameters.get("client_assertion", "")
        try:
            party = self._parties.get(ClientId(unverified_issuer(token)))
            if party is None or party.authentication_method != PRIVATE_KEY_JWT:
                raise _stranger("The client is unknown, or another method is registered.")
            expected = ExpectedClientAssertion(party.client_id, self._issuer, party.authentication_alg)
            # It only says so itself: whom it would be, where it is refused
            with about(party.client_id):
                # Before it is judged: one that held is always handed out, and so always spent
                _check_client_id(parameters, party)
                held = judge_client_assertion(token, self._keys[party.client_id], expected, now)
        except AssertionRejected as error:
            with about(error.peer):
                raise _stranger(f"The client assertion was refused: {error.check}, {error.detail}.") from error
        # Length-prefixed: two clients' identifiers never meet
        identity = len(held.client_id.encode()).to_bytes(4) + held.client_id.encode() + held.jti.encode()
        return Authenticated(party, (Mark("jti", hashlib.sha256(identity).digest(), held.ends + SKEW),))

    def _prepare(self, party: RelyingParty) -> list[Problem]:
        """Prepare a party's keys, and name what can never work."""
        problems = []
        if party.authentication_method == BASIC and not SHA256_HEX.fullmatch(party.secret_sha256):
            problems.append(_problem(party, "secret_sha256", "no SHA-256 in hex.", "Hash a random secret of 32 bytes."))
        elif party.authentication_method == PRIVATE_KEY_JWT and party.authentication_alg in ASSERTION_ALGORITHMS:
            try:
                self._keys[party.client_id] = keys_from_jwks(party.jwks, party.authentication_alg)
            except SignatureInvalid as error:
                problems.append(_problem(party, "jwks", f"{error.detail}.", "Give its public keys as a JWKS."))
        elif party.authentication_method not in METHODS or party.authentication_alg not in ASSERTION_ALGORITHMS:
            fix = f"One of {', '.join(METHODS)}; one of {', '.join(ASSERTION_ALGORITHMS)}."
            problems.append(_problem(party, "authentication_method", "a method or algorithm that we do not offer.", fix))
        return problems


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


def _stranger(sentence: str) -> RequestRefused:
    return RequestRefused(sentence, oauth="invalid_client", status=401)


def _problem(party: RelyingParty, key: str, what: str, fix: str) -> Problem:
    return Problem(party.source.file, party.source.line, key, what, fix)
