"""Good messages where there is no key to verify with, and messages that come in another way than was agreed.

No key is our own fault, and a refusal all the same: what nobody can verify is nobody's.
"""

import base64
from collections.abc import Callable, Iterator, Mapping

from connectors.attacks.attack_case import AttackCase, Entrance, accepted, refused
from connectors.attacks.messages.drafts import MessageBench
from connectors.attacks.messages.parties import (
    Judge,
    Parties,
    PinnedKeys,
    authn_judge,
    by_redirect,
    logout_request_judge,
    logout_response_judge,
    message_benches,
)
from connectors.attacks.queries.query_benches import QueryBench
from connectors.attacks.tokens.jws_text import TokenKey, jwks, new_key, signed, written
from connectors.attacks.tokens.token_benches import token_entrance
from connectors.connector import Inbound
from connectors.profiles import SAML2INT
from connectors.signatures.jws import VerificationKey
from connectors.signatures.jws import verify as verify_token
from connectors.signatures.redirect import verify_query
from connectors.signatures.shapes import REQUEST
from connectors.signatures.xmldsig import verify
from policies.errors import AssertionRejected

KEYLESS = "registration: no keys"
WAYS = "message: in another way"
VALID = "valid messages in their way"
# The server's judge of a kind of message, by keys that are given, or by those of the metadata
MakeJudge = Callable[[Parties, PinnedKeys | None], Judge]


def keyless_cases(parties: Parties) -> Iterator[AttackCase]:
    """All of them."""
    found = message_benches(parties)
    kinds: tuple[tuple[MessageBench, MakeJudge], ...] = (
        (found.authn, authn_judge),
        (found.logout_request, logout_request_judge),
        (found.logout_response, logout_response_judge),
    )
    for bench, judge in kinds:
        for what, keys in (("with keys", None), ("without keys", ())):
            here = judge(parties, keys)
            posted = _at(bench, here, f"by post {what}", "post", (bench.parameter,))
            name = f"inbound {bench.where}, by redirect {what}"
            query = QueryBench(bench.where, by_redirect(name, here, None, parties.sp_metadata), bench)
            for way, at, octets in (("by post", posted, bench.signed()), ("by redirect", query.entrance, query.query())):
                yield accepted(VALID, way, at, octets) if keys is None else refused(KEYLESS, way, at, octets, "keys")
        yield from _in_another_way(bench, judge(parties, None))
    # The parts by themselves: whoever forgets to look for keys must not be told that all is well
    verified = _raising("a message verified", lambda octets: verify(octets, (), REQUEST, SAML2INT))
    yield refused(KEYLESS, "by post", verified, found.authn.signed(), "keys")
    asked = _raising("a query verified", lambda octets: verify_query(octets.decode(), "SAMLRequest", (), SAML2INT))
    yield refused(KEYLESS, "by redirect", asked, QueryBench("", asked, found.authn).query(), "keys")
    # A kind of token has its types: without any, none fits
    key = TokenKey("selftest", "ES256", new_key("ES256"))
    octets = signed(written({"alg": "ES256", "kid": key.kid}), written({"iss": "selftest"}), key.sign)
    at = token_entrance("a token of a kind without types", jwks(key), "ES256", _no_type, None)
    yield refused(KEYLESS, "no types", Entrance(at.name, at.judge, None), octets, "jws_keys")


def _in_another_way(bench: MessageBench, judge: Judge) -> Iterator[AttackCase]:
    """A good message, by a binding or under a name that we did not agree on. RelayState alone may stand beside it."""
    other = "SAMLRequest" if bench.parameter == "SAMLResponse" else "SAMLResponse"
    ways: Mapping[str, tuple[str, tuple[str, ...], str]] = {
        "artifact": ("artifact", (bench.parameter,), "binding"),
        "no binding": ("", (bench.parameter,), "binding"),
        "another parameter": ("post", (other,), "parameters"),
        "a parameter that nobody knows": ("post", (bench.parameter, "SigAlg"), "parameters"),
        "no parameter": ("post", ("RelayState",), "parameters"),
    }
    for what, (binding, names, check) in ways.items():
        yield refused(WAYS, what, _at(bench, judge, what, binding, names), bench.signed(), check)
    with_state = _at(bench, judge, "with relay state", "post", (bench.parameter, "RelayState"))
    yield accepted(VALID, "with relay state", with_state, bench.signed())


def _at(bench: MessageBench, judge: Judge, what: str, binding: str, names: tuple[str, ...]) -> Entrance:
    """The same octets under each of these names but RelayState."""

    def try_one(octets: bytes) -> None:
        message = base64.b64encode(octets).decode()
        judge(Inbound(binding, {name: "back" if name == "RelayState" else message for name in names}, ""))

    return Entrance(f"inbound {bench.where}, {what}", try_one, None)


def _raising(name: str, judge: Callable[[bytes], object]) -> Entrance:
    """ValueError is the word for a fault of our own."""

    def raising(octets: bytes) -> None:
        try:
            judge(octets)
        except ValueError as error:
            raise AssertionRejected("keys", str(error)) from error

    return Entrance(f"{name} without keys", raising, None)


def _no_type(token: str, keys: tuple[VerificationKey, ...]) -> object:
    return verify_token(token, keys, alg="ES256", types=())
