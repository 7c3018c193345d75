"""Tokens whose header brings a key, changes what is signed, or names a key that nobody registered."""

from collections.abc import Iterator, Mapping

from connectors.attacks.case import Case
from connectors.attacks.tokens.bench import Absent, Bench
from connectors.attacks.tokens.making import base64url, compact, hmac_with, public_jwk, written
from connectors.wire.claims import Json

BROUGHT = "token: key in the message"
CRITICAL = "token: critical header"
KID = "token: key identifier"
TYPE = "token: type"
_ELSEWHERE = "https://attacker.example/keys"
# Where a kid went into a path, a query or a shell
_KIDS: Mapping[str, Json] = {"a path to an empty file": "../../../../../../dev/null", "null": None, "empty": ""}


def key_in_the_message(bench: Bench) -> Iterator[Case]:
    """The token says itself which key verifies it (RFC 7515 §4.1.2 to §4.1.6); a stranger made it."""
    sign = bench.strange.sign
    jwk: Json = {**public_jwk(bench.strange.private), "kid": bench.key.kid}
    oct_key: Json = {"kty": "oct", "k": base64url(b"secret").decode(), "kid": bench.key.kid}
    hints: dict[str, dict[str, Json]] = {
        "jwk, cve-2026-27962": {"jwk": jwk},
        "jwk and no kid, cve-2018-0114": {"jwk": jwk, "kid": bench.strange.kid},
        "jku": {"jku": f"{_ELSEWHERE}.json"},
        "x5u": {"x5u": f"{_ELSEWHERE}.pem"},
        "x5c": {"x5c": ["MIIBdjCCARygAwIBAgIUX"]},
    }
    yield from bench.all_refused(
        BROUGHT,
        "jws_header",
        {what: bench.signed(bench.header(**members), bench.claims(), sign) for what, members in hints.items()},
    )
    # Whoever signs with the right key has no need of it, and still may not
    right: Json = {**public_jwk(bench.key.private)}
    yield bench.refused(BROUGHT, "jwk of the right key", bench.token(header={"jwk": right}), "jws_header")
    header = bench.header(alg="HS256", jwk=oct_key)
    octets = bench.signed(header, bench.claims(), hmac_with(b"secret"))
    yield bench.refused(BROUGHT, "jwk of a symmetric key", octets, "jws_header")


def critical_header(bench: Bench) -> Iterator[Case]:
    """Extensions that must be understood (RFC 7515 §4.1.11), and those that change what was signed."""
    crit: dict[str, dict[str, Json]] = {
        "crit that nobody knows, cve-2025-59420": {"crit": ["cnf"], "cnf": {"jkt": "x"}},
        "crit that is not there, cve-2026-32597": {"crit": ["x-policy"]},
        "crit of alg": {"crit": ["alg"]},
        "crit that is empty": {"crit": []},
        "crit that is a text": {"crit": "exp"},
        "b64 without crit": {"b64": False},
        "b64 that is true": {"b64": True, "crit": ["b64"]},
        "zip": {"zip": "DEF"},
        "claims in the header": {"iss": "https://op.example"},
        "a policy in the header, cve-2026-16093": {"acr": "high"},
        "encryption": {"enc": "A256GCM"},
    }
    yield from bench.all_refused(
        CRITICAL, "jws_header", {what: bench.token(header=members) for what, members in crit.items()}
    )
    # RFC 7797: the payload as it is, between two dots
    header = compact(written(bench.header(b64=False, crit=["b64"])))
    payload = b'{"iss":"x"}'
    signature = base64url(bench.key.sign(header + b"." + payload))
    yield bench.refused(CRITICAL, "b64 that is false", b".".join((header, payload, signature)), "jws_form")


def key_identifier(bench: Bench) -> Iterator[Case]:
    """A kid chooses among the party's keys, and does nothing else."""
    yield from bench.all_refused(KID, "jws_kid", {what: bench.token(header={"kid": kid}) for what, kid in _KIDS.items()})
    if bench.rolling:
        yield bench.refused(KID, "absent, of two keys", bench.token(header={"kid": Absent.ABSENT}), "jws_kid")
    kid = bench.key.kid
    spelled = {"in capitals": kid.upper(), "with a blank": f"{kid} "}
    yield from bench.all_refused(
        KID, "jws_kid", {f"the right one {what}": bench.token(header={"kid": other}) for what, other in spelled.items()}
    )
    for what, name in (("its own name", bench.strange.kid), ("the name of ours", kid)):
        octets = bench.signed(bench.header(kid=name), bench.claims(), bench.strange.sign)
        check = "jws_signature" if name == kid else "jws_kid"
        yield bench.refused(KID, f"a stranger's key under {what}", octets, check)


def token_type(bench: Bench) -> Iterator[Case]:
    """`typ` is that of the kind of token, exactly (RFC 8725 §3.11): whatever else the same key may sign is not it."""
    kinds = ("at+jwt", "dpop+jwt", "kb+jwt", "dc+sd-jwt", "oauth-authz-req+jwt", "entity-statement+jwt", "secevent+jwt")
    for kind in kinds:
        yield bench.refused(TYPE, kind, bench.token(header={"typ": kind}), "jws_typ")
    wrong: dict[str, Json | Absent] = {
        "null": None,
        "empty": "",
        "a list": ["JWT"],
        "a media type": "application/jwt",
        "jwt in lower case": "jwt",
        "jose": "JOSE",
    }
    yield from bench.all_refused(TYPE, "jws_typ", {what: bench.token(header={"typ": typ}) for what, typ in wrong.items()})
