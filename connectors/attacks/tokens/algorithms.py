"""Tokens whose algorithm is not the registered one, or is it by name alone: none, HMAC with what is public, another key."""

from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.case import Case
from connectors.attacks.tokens.jws_text import ABSENT, Change, hmac_with, signer, written
from connectors.attacks.tokens.token_benches import JWKS, TokenBench

NONE = "token: algorithm none"
CONFUSION = "token: algorithm confusion"
SWAP = "token: another algorithm"
# CVE-2026-28802 (Authlib) and its forerunners since 2015: compared in another case than it was matched
_NONES: Mapping[str, Change] = {"none, cve-2026-28802": "none", "capitalised": "None", "null": None, "left out": ABSENT}
# Other algorithms of the same key
_SIBLINGS = {"RS256": ("RS1", "RS512", "PS256"), "PS256": ("RS256", "PS384"), "ES256": ("ES384",)}


def _unsigned(_: bytes) -> bytes:
    return b""


def algorithm_none(bench: TokenBench) -> Iterator[Case]:
    """Nobody signed it, and its header says so; or the genuine signature is left in place."""
    for what, alg in _NONES.items():
        yield bench.refused(NONE, f"unsigned, {what}", bench.forged(_unsigned, alg=alg), "jws_alg")
    yield bench.refused(NONE, "signed all the same", bench.token(header={"alg": "none"}), "jws_alg")
    yield bench.refused(NONE, "unsigned, and no kid", bench.forged(_unsigned, alg="none", kid=ABSENT), "jws_alg")
    # RFC 7515 appendix A.5 has the last dot; readers that split and pad have taken tokens without it
    two_parts = bench.forged(_unsigned, alg="none").removesuffix(b".")
    yield bench.refused(NONE, "unsigned, two parts", two_parts, "jws_form")
    # CVE-2020-28042 (ServiceStack): an empty signature was not compared
    name = "registered algorithm, empty signature, cve-2020-28042"
    yield bench.refused(NONE, name, bench.forged(_unsigned), "jws_signature")


def algorithm_confusion(bench: TokenBench) -> Iterator[Case]:
    """HMAC under what everybody knows: the public key in each of its spellings."""
    secrets = _public_secrets(bench)
    for what, secret in secrets.items():
        yield bench.refused(CONFUSION, f"hs256 with {what}", bench.forged(hmac_with(secret), alg="HS256"), "jws_alg")
    pem = secrets["the public key in pem, cve-2015-9235"]
    stronger = bench.forged(hmac_with(pem, "HS512"), alg="HS512")
    yield bench.refused(CONFUSION, "hs512 with the public key in pem", stronger, "jws_alg")
    # The header is honest about the registration, so that only the key can tell
    yield bench.refused(CONFUSION, "registered algorithm, and a mac", bench.forged(hmac_with(pem)), "jws_signature")


def another_algorithm(bench: TokenBench) -> Iterator[Case]:
    """Honest signatures of honest keys, but not of the algorithm that is registered for this kind of token."""
    for other in bench.others:
        octets = bench.forged(other.sign, alg=other.alg, kid=other.kid)
        yield bench.refused(SWAP, f"{other.alg} by the party's own key", octets, "jws_alg")
    other = bench.others[0]
    named = bench.forged(other.sign, kid=other.kid)
    yield bench.refused(SWAP, f"called the registered one, by the key for {other.alg}", named, "jws_kid")
    yield bench.refused(
        SWAP, f"called the registered one, signed by {other.alg}", bench.forged(other.sign), "jws_signature"
    )
    for alg in _SIBLINGS.get(bench.key.alg, ()):
        sign = signer(bench.key.private, alg)
        yield bench.refused(SWAP, f"{alg} by the registered key", bench.forged(sign, alg=alg), "jws_alg")
        yield bench.refused(SWAP, f"called the registered one, made by {alg}", bench.forged(sign), "jws_signature")
    spelled: Mapping[str, Change] = {"in other case": bench.key.alg.swapcase(), "in a list": [bench.key.alg]}
    for what, spelling in spelled.items():
        yield bench.refused(SWAP, f"registered one {what}", bench.token(header={"alg": spelling}), "jws_alg")


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
