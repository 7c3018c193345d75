"""Tokens whose algorithm is not the registered one, or is it by name alone: none, HMAC with what is public, another key."""

from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.case import Case
from connectors.attacks.tokens.bench import Absent, Bench
from connectors.attacks.tokens.making import Sign, hmac_with, public_jwk, signer, written
from connectors.attacks.tokens.parties import JWKS
from connectors.wire.claims import Json

NONE = "token: algorithm none"
CONFUSION = "token: algorithm confusion"
SWAP = "token: another algorithm"
# CVE-2026-28802 (Authlib) and its forerunners since 2015: compared in another case than it was matched
_NONES: Mapping[str, Json | Absent] = {
    "none, cve-2026-28802": "none",
    "capitalised": "None",
    "null": None,
    "false": False,
    "left out": Absent.ABSENT,
}


def algorithm_none(bench: Bench) -> Iterator[Case]:
    """Nobody signed it, and its header says so; or the genuine signature is left in place."""
    for what, alg in _NONES.items():
        octets = bench.signed(bench.header(alg=alg), bench.claims(), lambda _: b"")
        yield bench.refused(NONE, f"unsigned, {what}", octets, "jws_alg")
    yield bench.refused(NONE, "signed all the same", bench.token(header={"alg": "none"}), "jws_alg")
    without_kid = bench.header(alg="none", kid=Absent.ABSENT)
    yield bench.refused(NONE, "unsigned, and no kid", bench.signed(without_kid, bench.claims(), lambda _: b""), "jws_alg")
    # RFC 7515 appendix A.5 has the last dot; readers that split and pad have taken tokens without it
    two_parts = bench.signed(bench.header(alg="none"), bench.claims(), lambda _: b"").removesuffix(b".")
    yield bench.refused(NONE, "unsigned, two parts", two_parts, "jws_form")
    # CVE-2020-28042 (ServiceStack): an empty signature was not compared
    unsigned = bench.signed(bench.header(), bench.claims(), lambda _: b"")
    yield bench.refused(NONE, "registered algorithm, empty signature, cve-2020-28042", unsigned, "jws_signature")


def algorithm_confusion(bench: Bench) -> Iterator[Case]:
    """HMAC under what everybody knows: the public key in each of its spellings."""
    for what, secret in _public_secrets(bench).items():
        octets = bench.signed(bench.header(alg="HS256"), bench.claims(), hmac_with(secret))
        yield bench.refused(CONFUSION, f"hs256 with {what}", octets, "jws_alg")
    pem = _public_secrets(bench)["the public key in pem, cve-2015-9235"]
    for alg in ("HS384", "HS512"):
        octets = bench.signed(bench.header(alg=alg), bench.claims(), hmac_with(pem, alg))
        yield bench.refused(CONFUSION, f"{alg} with the public key in pem", octets, "jws_alg")
    # The header is honest about the registration, so that only the key can tell
    octets = bench.signed(bench.header(), bench.claims(), hmac_with(pem))
    yield bench.refused(CONFUSION, "registered algorithm, and a mac", octets, "jws_signature")


def another_algorithm(bench: Bench) -> Iterator[Case]:
    """Honest signatures of honest keys, but not of the algorithm that is registered for this kind of token."""
    for other in bench.others:
        header = bench.header(alg=other.alg, kid=other.kid)
        octets = bench.signed(header, bench.claims(), other.sign)
        yield bench.refused(SWAP, f"{other.alg} by the party's own key", octets, "jws_alg")
    other = bench.others[0]
    octets = bench.signed(bench.header(kid=other.kid), bench.claims(), other.sign)
    yield bench.refused(SWAP, f"called the registered one, by the key for {other.alg}", octets, "jws_kid")
    octets = bench.signed(bench.header(), bench.claims(), other.sign)
    yield bench.refused(SWAP, f"called the registered one, signed by {other.alg}", octets, "jws_signature")
    for alg, sign in _siblings(bench).items():
        octets = bench.signed(bench.header(alg=alg), bench.claims(), sign)
        yield bench.refused(SWAP, f"{alg} by the registered key", octets, "jws_alg")
        octets = bench.signed(bench.header(), bench.claims(), sign)
        yield bench.refused(SWAP, f"called the registered one, made by {alg}", octets, "jws_signature")
    for what, alg in (("in other case", bench.key.alg.swapcase()), ("with a blank", f"{bench.key.alg} ")):
        yield bench.refused(SWAP, f"registered one {what}", bench.token(header={"alg": alg}), "jws_alg")
    octets = bench.token(header={"alg": [bench.key.alg]})
    yield bench.refused(SWAP, "registered one in a list", octets, "jws_alg")
    octets = bench.token(header={"alg": {"name": bench.key.alg}})
    yield bench.refused(SWAP, "registered one in an object", octets, "jws_alg")


def _siblings(bench: Bench) -> dict[str, Sign]:
    """Other algorithms of the same key."""
    known = {"RS256": ("RS1", "RS384", "RS512", "PS256"), "PS256": ("RS256", "PS384"), "ES256": ("ES384",)}
    return {alg: signer(bench.key.private, alg) for alg in known.get(bench.key.alg, ())}


def _public_secrets(bench: Bench) -> dict[str, bytes]:
    """Public halves of a key pair, as libraries have taken them for a secret."""
    public = bench.key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = {**public_jwk(bench.key.private), "kid": bench.key.kid, "use": "sig", "alg": bench.key.alg}
    return {
        "the public key in pem, cve-2015-9235": pem,
        "the public key in pem without its line end, cve-2024-37568": pem.rstrip(),
        "the public key in der, cve-2024-33663": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "the public key of ssh, cve-2022-29217": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "the jwk, cve-2026-48526": written(jwk),
        "the jwks": bench.entrance.files[JWKS],
        "the kid": bench.key.kid.encode(),
        "an empty key": b"",
    }
