"""Signatures that no key made, or that an honest one made over something else."""

import hashlib
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384

from connectors.attacks.attack_case import Row
from connectors.attacks.tokens.jws_text import Sign, base64url, written
from connectors.attacks.tokens.token_benches import TokenBench
from connectors.attacks.xml_signer import flipped

# NIST SP 800-186 §3.2.1: the orders of P-256 and P-384
_ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
}
# RFC 8032 §5.1: the order of the base point of edwards25519
_ORDER_25519 = 2**252 + 27742317777372353535851937790883648493
# RFC 8017 §9.2 note 1: the DigestInfo of SHA-256, of SHA-256 without its NULL, of SHA-1
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_WITHOUT_NULL = bytes.fromhex("302f300b0609608648016503040201" + "0420")
_SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")


def signature(bench: TokenBench) -> Iterator[Row]:
    """Broken signatures of any algorithm, then those that only one algorithm has."""
    private = bench.key.private
    forged = _of_any(bench)
    if isinstance(private, EllipticCurvePrivateKey):
        forged |= _of_curves(private)
    elif isinstance(private, Ed25519PrivateKey):
        forged |= _of_ed25519(private)
    else:
        forged |= _of_pkcs1(private) if bench.key.alg == "RS256" else _of_pss(private)
    yield from ((what, bench.forged(sign), "jws_signature") for what, sign in forged.items())
    # A genuine signature under something that it was not made for
    one, other = bench.token().split(b"."), bench.token().split(b".")
    richer = base64url(written({**bench.claims(), "admin": True}))
    yield "of another token", b".".join((*one[:2], other[2])), "jws_signature"
    yield "under other claims", b".".join((one[0], richer, one[2])), "jws_signature"


def the_other_s(bench: TokenBench) -> bytes | None:
    """A good token with n - s in the place of s, which every ECDSA verifies: whoever has one token has two."""
    private = bench.key.private
    if not isinstance(private, EllipticCurvePrivateKey):
        return None
    order = _ORDERS[private.curve.name]
    return bench.forged(_with_numbers(private, lambda r, s: (r, order - s)))


def _with_numbers(key: EllipticCurvePrivateKey, change: Callable[[int, int], tuple[int, int]]) -> Sign:
    """r||s of the right key, with other numbers in their places."""
    size = (key.curve.key_size + 7) // 8

    def sign(octets: bytes) -> bytes:
        r, s = change(*decode_dss_signature(key.sign(octets, ECDSA(_hash(key)))))
        return r.to_bytes(size) + s.to_bytes(size)

    return sign


def _of_any(bench: TokenBench) -> dict[str, Sign]:
    good = bench.key.sign
    return {
        "of a stranger": bench.strange.sign,
        "with one bit flipped": lambda octets: flipped(good(octets)),
        "one octet short": lambda octets: good(octets)[:-1],
        "one octet long": lambda octets: good(octets) + b"\x00",
        "of the payload alone": lambda octets: good(octets.partition(b".")[2]),
        "in hexadecimal": lambda octets: good(octets).hex().encode(),
    }


def _of_curves(key: EllipticCurvePrivateKey) -> dict[str, Sign]:
    order = _ORDERS[key.curve.name]
    return {
        # Java's psychic signatures: a zero inverts to zero, and everything holds
        "psychic, r and s are 0, cve-2022-21449": _with_numbers(key, lambda _r, _s: (0, 0)),
        "psychic, r and s are n, cve-2022-21449": _with_numbers(key, lambda _r, _s: (order, order)),
        "in der": lambda octets: key.sign(octets, ECDSA(_hash(key))),
    }


def _of_ed25519(key: Ed25519PrivateKey) -> dict[str, Sign]:
    def malleable(octets: bytes) -> bytes:
        made = key.sign(octets)
        return made[:32] + (int.from_bytes(made[32:], "little") + _ORDER_25519).to_bytes(32, "little")

    # RFC 8032 §8.4: s must be smaller than the order
    return {"s and the order": malleable}


def _of_pkcs1(key: RSAPrivateKey) -> dict[str, Sign]:
    """Bleichenbacher's of 2006 and after: readers of the padding that skip what they do not compare."""
    size = key.key_size // 8

    def padded(info: bytes, *, rubbish: int = 0, short: bool = False, mark: int = 1) -> Sign:
        def sign(octets: bytes) -> bytes:
            digest = (hashlib.sha1 if info == _SHA1_INFO else hashlib.sha256)(octets).digest()
            tail = info + digest + bytes(rubbish)
            fill = 8 if short else size - 3 - len(tail)
            block = bytes([0, mark]) + b"\xff" * fill + b"\x00" + tail
            return _private(key, block.ljust(size, b"\x00"))

        return sign

    def above(octets: bytes) -> bytes:
        made = int.from_bytes(padded(_DIGEST_INFO)(octets)) + key.public_key().public_numbers().n
        return made.to_bytes(size + 1)

    return {
        "of sha-1": padded(_SHA1_INFO),
        "with rubbish after the hash, cve-2006-4339": padded(_DIGEST_INFO, rubbish=32, short=True),
        "without the null of its hash": padded(_WITHOUT_NULL),
        "and the modulus": above,
        "of 1": lambda _: bytes(size - 1) + b"\x01",
    }


def _of_pss(key: RSAPrivateKey) -> dict[str, Sign]:
    """RFC 7518 §3.5 fixes the salt, the mask and its hash."""
    return {
        "without salt": lambda octets: key.sign(octets, PSS(MGF1(SHA256()), 0), SHA256()),
        "with the longest salt": lambda octets: key.sign(octets, PSS(MGF1(SHA256()), PSS.MAX_LENGTH), SHA256()),
        "with a mask of sha-1": lambda octets: key.sign(octets, PSS(MGF1(SHA1()), 32), SHA256()),  # noqa: S303 - to be refused
        "of 1": lambda _: bytes(key.key_size // 8 - 1) + b"\x01",
    }


def _private(key: RSAPrivateKey, block: bytes) -> bytes:
    """RSASP1 (RFC 8017 §5.2.1) of any block."""
    private = key.private_numbers()
    return pow(int.from_bytes(block), private.d, private.public_numbers.n).to_bytes(key.key_size // 8)


def _hash(key: EllipticCurvePrivateKey) -> SHA256 | SHA384:
    return SHA256() if key.curve.name == "secp256r1" else SHA384()
