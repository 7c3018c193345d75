"""Requests of which the address has only the name, or a signature. What is inside counts then, and nothing beside it.

| parameter | what counts |
|---|---|
| `request` | the claims of an object that the client signed (RFC 9101, OpenID Connect Core §6.1) |
| `request_uri` of ours | what the client pushed (RFC 9126 §4) |
| any other `request_uri` | nothing: it is refused, and never fetched |
"""

from dataclasses import dataclass, replace

from connectors.connector import Inbound
from connectors.request_object import ExpectedRequestObject, RequestObject, judge_request_object
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.pushed import REQUEST_URI, identifier_of, pushed
from policies.errors import AssertionRejected, Misconfigured, NotFound, Problem, RequestRefused, SignatureInvalid, about
from policies.parties import ClientId, RelyingParty

OBJECT, REFERENCE = "request", "request_uri"
UNKNOWN_REFERENCE = "request_uri has expired, was used, or is none of this client's. A request is pushed for one sign-in."
FOREIGN_REFERENCE = "request_uri is none of ours, and no other is fetched: push the request to /par, or send the object."
NOT_REGISTERED = "This client is registered without request_object_signing_alg, so its request objects are not read."


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A request with the parameters that count. One with a `message_id` is answered once; "" has none."""

    inbound: Inbound
    message_id: str = ""
    was_pushed: bool = False
    was_signed: bool = False


class RequestObjects:
    """Unpacks requests. One tenant's, its clients' keys prepared. Raises `Misconfigured` where one has none that fits."""

    def __init__(self, parts: OpenIDParts) -> None:
        self._parts = parts
        self._keys: dict[ClientId, tuple[VerificationKey, ...]] = {}
        problems = [problem for party in parts.parties.values() for problem in self._prepare(party)]
        if problems:
            raise Misconfigured(tuple(problems))

    def unpacked(self, inbound: Inbound, now: int) -> Unpacked:
        """A request at the authorization endpoint. Raises `RequestRefused`; where the answer goes is not looked at here."""
        parameters = inbound.parameters
        # RFC 6749 §3.1: a parameter without a value counts as omitted
        token, reference = parameters.get(OBJECT, ""), parameters.get(REFERENCE, "")
        if not token and not reference:
            return Unpacked(inbound)
        party = self._parts.parties.get(ClientId(parameters.get("client_id", "")))
        if party is None:
            raise RequestRefused("client_id is absent, or no client has it.")
        with about(party.client_id):
            if token and reference:
                raise RequestRefused("request and request_uri came together: one request has one of them.")
            if token:
                judged = self.judged(token, party, now)
                return Unpacked(replace(inbound, parameters=judged.parameters), judged.jti, was_signed=True)
            if not reference.startswith(REQUEST_URI):
                raise RequestRefused(FOREIGN_REFERENCE, oauth="request_uri_not_supported")
            identifier = identifier_of(reference)
            try:
                found = pushed(self._parts, party, identifier, now)
            except NotFound:
                raise RequestRefused(UNKNOWN_REFERENCE, oauth="invalid_request_uri", code="replayed") from None
            return Unpacked(replace(inbound, parameters=found), identifier, was_pushed=True, was_signed=True)

    def judged(self, token: str, party: RelyingParty, now: int) -> RequestObject:
        """The request object of a client. Raises `RequestRefused` (`invalid_request_object`)."""
        keys = self._keys.get(party.client_id)
        if keys is None:
            raise RequestRefused(NOT_REGISTERED, oauth="request_not_supported")
        alg, strict = party.openid.request_object_signing_alg, party.openid.is_fapi2
        expected = ExpectedRequestObject(party.client_id, self._parts.issuer, alg, strict)
        try:
            return judge_request_object(token, keys, expected, now)
        except AssertionRejected as error:
            sentence = f"The request object was refused: {error.check}, {error.detail}."
            raise RequestRefused(sentence, oauth="invalid_request_object") from error

    def _prepare(self, party: RelyingParty) -> list[Problem]:
        alg = party.openid.request_object_signing_alg
        if not alg:
            return []
        try:
            self._keys[party.client_id] = keys_from_jwks(party.jwks, alg)
        except SignatureInvalid as error:
            fix = "Give its public keys as a JWKS."
            return [Problem(party.source.file, party.source.line, "jwks", f"{error.detail}.", fix)]
        return []


def check_way(unpacked: Unpacked, party: RelyingParty) -> None:
    """Raise `RequestRefused` where the client is registered for another way to ask (RFC 9126 §6, RFC 9101 §10.5)."""
    if party.openid.pushes and not unpacked.was_pushed:
        raise RequestRefused("This client pushes its requests to /par first: it is registered so.")
    if party.openid.require_signed_request_object and not unpacked.was_signed:
        raise RequestRefused("This client signs its requests: it is registered so.", oauth="invalid_request_object")
