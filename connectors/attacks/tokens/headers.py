"""Tokens whose header brings a key, changes what is signed, or names a key that nobody registered."""

from collections.abc import Iterator, Mapping

from connectors.attacks.case import Case
from connectors.attacks.tokens.jws_text import ABSENT, Change, base64url, compact, hmac_with, written
from connectors.attacks.tokens.token_benches import TokenBench
from connectors.wire.claims import Json

BROUGHT = "token: key in the message"
CRITICAL = "token: critical header"
KID = "token: key identifier"
TYPE = "token: type"
_ELSEWHERE = "https://attacker.example/keys"
Headers = Mapping[str, Mapping[str, Change]]
_CRITICAL: Headers = {
    "crit that nobody knows, cve-2025-59420": {"crit": ["cnf"], "cnf": {"jkt": "x"}},
    "crit that is not there, cve-2026-32597": {"crit": ["x-policy"]},
    "crit that is empty": {"crit": []},
    "b64 without crit": {"b64": False},
    "zip": {"zip": "DEF"},
    "claims in the header": {"iss": "https://op.example"},
    "a policy in the header, cve-2026-16093": {"acr": "high"},
    "encryption": {"enc": "A256GCM"},
}
_TYPES: Mapping[str, Change] = {
    "null": None,
    "empty": "",
    "a list": ["JWT"],
    "a media type": "application/jwt",
    "jose": "JOSE",
}


def key_in_the_message(bench: TokenBench) -> Iterator[Case]:
    """The token says itself which key verifies it (RFC 7515 §4.1.2 to §4.1.6); a stranger made it."""
    jwk: Json = {**bench.strange.jwk, "kid": bench.key.kid}
    hints: Headers = {
        "jwk, cve-2026-27962": {"jwk": jwk},
        "jwk and no kid, cve-2018-0114": {"jwk": jwk, "kid": bench.strange.kid},
        "jku": {"jku": f"{_ELSEWHERE}.json"},
        "x5u": {"x5u": f"{_ELSEWHERE}.pem"},
        "x5c": {"x5c": ["MIIBdjCCARygAwIBAgIUX"]},
    }
    for what, members in hints.items():
        yield bench.refused(BROUGHT, what, bench.forged(bench.strange.sign, **members), "jws_header")
    # Whoever signs with the right key has no need of it, and still may not
    right = bench.token(header={"jwk": {**bench.key.jwk}})
    yield bench.refused(BROUGHT, "jwk of the right key", right, "jws_header")
    secret: Json = {"kty": "oct", "k": base64url(b"secret").decode(), "kid": bench.key.kid}
    symmetric = bench.forged(hmac_with(b"secret"), alg="HS256", jwk=secret)
    yield bench.refused(BROUGHT, "jwk of a symmetric key", symmetric, "jws_header")


def critical_header(bench: TokenBench) -> Iterator[Case]:
    """Extensions that must be understood (RFC 7515 §4.1.11), and those that change what was signed."""
    for what, members in _CRITICAL.items():
        yield bench.refused(CRITICAL, what, bench.token(header=members), "jws_header")
    # RFC 7797: the payload as it is, between two dots
    header, payload = compact(written(bench.header(b64=False, crit=["b64"]))), b'{"iss":"x"}'
    signature = base64url(bench.key.sign(header + b"." + payload))
    yield bench.refused(CRITICAL, "b64 that is false", b".".join((header, payload, signature)), "jws_form")


def key_identifier(bench: TokenBench) -> Iterator[Case]:
    """A kid chooses among the party's keys, and does nothing else."""
    kid = bench.key.kid
    kids: dict[str, Change] = {
        "a path to an empty file": "../../../../../../dev/null",
        "null": None,
        "empty": "",
        "the right one in capitals": kid.upper(),
        "the right one with a blank": f"{kid} ",
    }
    if bench.rolling:
        kids["absent, of two keys"] = ABSENT
    for what, other in kids.items():
        yield bench.refused(KID, what, bench.token(header={"kid": other}), "jws_kid")
    strange = bench.strange
    yield bench.refused(KID, "a stranger's key under its own name", bench.forged(strange.sign, kid=strange.kid), "jws_kid")
    yield bench.refused(KID, "a stranger's key under the name of ours", bench.forged(strange.sign), "jws_signature")


def token_type(bench: TokenBench) -> Iterator[Case]:
    """`typ` is that of the kind of token, exactly (RFC 8725 §3.11): whatever else the same key may sign is not it."""
    others = ("at+jwt", "dpop+jwt", "kb+jwt", "oauth-authz-req+jwt", "secevent+jwt")
    for what, typ in {**{kind: kind for kind in others}, **_TYPES}.items():
        yield bench.refused(TYPE, what, bench.token(header={"typ": typ}), "jws_typ")
