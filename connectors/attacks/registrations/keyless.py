"""Good messages where there is no key to verify with, and messages that come in another way than was agreed.

No key is our own fault, and a refusal all the same: what nobody can verify is nobody's.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from connectors.attacks.case import Case, Entrance
from connectors.attacks.messages.benches import Drafts
from connectors.attacks.messages.making import Draft
from connectors.attacks.messages.parties import SLO, SP, SSO, Parties
from connectors.attacks.queries.making import escaped, joined, packed, signer
from connectors.attacks.registrations.making import accepted, refused
from connectors.attacks.responses.signing import How, sign
from connectors.attacks.tokens.bench import TokenKey
from connectors.attacks.tokens.making import signed as signed_token
from connectors.attacks.tokens.making import written
from connectors.attacks.tokens.parties import entrance, jwks, new_key
from connectors.authn_request_checks import receive_authn_request
from connectors.connector import Inbound
from connectors.formats.metadata import read_service_provider
from connectors.logout_checks import ExpectedLogout, receive_logout_request, receive_logout_response
from connectors.profiles import SAML2INT
from connectors.signatures.algorithms import RSA_SHA256
from connectors.signatures.jws import VerificationKey
from connectors.signatures.jws import verify as verify_token
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.redirect import verify_query
from connectors.signatures.shapes import REQUEST
from connectors.signatures.xmldsig import verify
from policies.errors import AssertionRejected

KEYLESS = "registration: no keys"
WAYS = "message: in another way"
VALID = "valid messages in their way"
Keys = tuple[PinnedKey, ...]
Receive = Callable[[Inbound, Keys], object]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of message that is signed as a whole: a good one, its parameter, and the server's judge of it."""

    name: str
    parameter: str
    draft: Callable[[], Draft]
    receive: Receive = field(repr=False)


def keyless_cases(parties: Parties) -> Iterator[Case]:
    """All of them."""
    drafts, keys = Drafts(parties), (key_of_certificate(parties.sp.certificate, SAML2INT),)
    for kind in _kinds(parties, drafts):
        octets, query = _posted(parties, kind.draft()), _query(parties, kind)
        yield accepted(VALID, "by post", _by_post(kind, keys, "with keys"), octets)
        yield accepted(VALID, "by redirect", _by_redirect(kind, keys, "with keys"), query)
        yield refused(KEYLESS, "by post", _by_post(kind, (), "without keys"), octets, "keys")
        yield refused(KEYLESS, "by redirect", _by_redirect(kind, (), "without keys"), query, "keys")
        yield from _in_another_way(parties, kind, keys)
    request = next(iter(_kinds(parties, drafts)))
    # The parts by themselves: whoever forgets to look for keys must not be told that all is well
    yield refused(
        KEYLESS, "by post", _raising("a message verified", _verified), _posted(parties, drafts.authn_request()), "keys"
    )
    yield refused(KEYLESS, "by redirect", _raising("a query verified", _verified_query), _query(parties, request), "keys")
    yield from _tokens()


def _kinds(parties: Parties, drafts: Drafts) -> Iterator[Kind]:
    now, party = parties.now, read_service_provider(parties.sp_metadata)
    ending, ended = ExpectedLogout(SP, SLO), ExpectedLogout(SP, SLO, parties.our_request)
    yield Kind(
        "authn-request",
        "SAMLRequest",
        drafts.authn_request,
        lambda inbound, keys: receive_authn_request(inbound, keys, party, SSO, now, SAML2INT),
    )
    yield Kind(
        "logout-request",
        "SAMLRequest",
        drafts.logout_request,
        lambda inbound, keys: receive_logout_request(inbound, keys, ending, now, SAML2INT),
    )
    yield Kind(
        "logout-response",
        "SAMLResponse",
        drafts.logout_response,
        lambda inbound, keys: receive_logout_response(inbound, keys, ended, now, SAML2INT),
    )


def _in_another_way(parties: Parties, kind: Kind, keys: Keys) -> Iterator[Case]:
    """A good message, by a binding or under a name that we did not agree on. RelayState alone may stand beside it."""
    other = "SAMLRequest" if kind.parameter == "SAMLResponse" else "SAMLResponse"
    ways: Mapping[str, tuple[str, tuple[str, ...], str]] = {
        "artifact": ("artifact", (kind.parameter,), "binding"),
        "no binding": ("", (kind.parameter,), "binding"),
        "another parameter": ("post", (other,), "parameters"),
        "a parameter that nobody knows": ("post", (kind.parameter, "SigAlg"), "parameters"),
        "no parameter": ("post", ("RelayState",), "parameters"),
    }
    for what, (binding, names, check) in ways.items():
        at = _at(kind, keys, what, binding, names)
        yield refused(WAYS, what, at, _posted(parties, kind.draft()), check)
    with_state = _at(kind, keys, "with relay state", "post", (kind.parameter, "RelayState"))
    yield accepted(VALID, "with relay state", with_state, _posted(parties, kind.draft()))


def _at(kind: Kind, keys: Keys, what: str, binding: str, names: tuple[str, ...]) -> Entrance:
    """The same octets under each of these names."""

    def judge(octets: bytes) -> None:
        text = base64.b64encode(octets).decode()
        kind.receive(Inbound(binding, dict.fromkeys(names, text), ""), keys)

    return Entrance(f"inbound {kind.name}, {what}", judge, None)


def _by_post(kind: Kind, keys: Keys, what: str) -> Entrance:
    return _at(kind, keys, f"by post {what}", "post", (kind.parameter,))


def _by_redirect(kind: Kind, keys: Keys, what: str) -> Entrance:
    def judge(octets: bytes) -> None:
        kind.receive(Inbound("redirect", {}, octets.decode("ascii", "replace")), keys)

    return Entrance(f"inbound {kind.name}, by redirect {what}", judge, None)


def _raising(name: str, judge: Callable[[bytes], object]) -> Entrance:
    """ValueError is the word for a fault of our own."""

    def raising(octets: bytes) -> None:
        try:
            judge(octets)
        except ValueError as error:
            raise AssertionRejected("keys", str(error)) from error

    return Entrance(f"{name} without keys", raising, None)


def _verified(octets: bytes) -> object:
    return verify(octets, (), REQUEST, SAML2INT)


def _verified_query(octets: bytes) -> object:
    return verify_query(octets.decode("ascii", "replace"), "SAMLRequest", (), SAML2INT)


def _posted(parties: Parties, draft: Draft) -> bytes:
    return sign(draft.xml, draft.message_id, parties.sp, How(method=RSA_SHA256))


def _query(parties: Parties, kind: Kind) -> bytes:
    pairs = ((kind.parameter, escaped(packed(kind.draft().xml))), ("SigAlg", escaped(RSA_SHA256)))
    value = base64.b64encode(signer(parties.sp, RSA_SHA256)(joined(pairs).encode())).decode()
    return joined((*pairs, ("Signature", escaped(value)))).encode()


def _tokens() -> Iterator[Case]:
    """A kind of token has its types: without any, none fits."""
    key = TokenKey("selftest", "ES256", new_key("ES256"))
    octets = signed_token(written({"alg": "ES256", "kid": key.kid}), written({"iss": "selftest"}), key.sign)
    at = entrance("a token of a kind without types", jwks(key), "ES256", _no_type, None)
    yield refused(KEYLESS, "no types", Entrance(at.name, at.judge, None), octets, "jws_keys")


def _no_type(token: str, keys: tuple[VerificationKey, ...]) -> object:
    return verify_token(token, keys, alg="ES256", types=())
