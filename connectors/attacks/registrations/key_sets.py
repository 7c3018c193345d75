"""JWKS (RFC 7517) as relying parties register them and issuers publish them.

A key that is for something else is passed over, and a set that has none left is refused. A private, weak or malformed key
refuses the whole set: whoever publishes one has lost a key, or does not know what they publish.
"""

import base64
import secrets
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.attacks.attack_case import AttackCase, Entrance, accepted, refused
from connectors.attacks.registrations.public_keys import close, prime, roca, small_factor
from connectors.attacks.tokens.jws_text import ALGORITHMS, base64url, new_jwk, number, written
from connectors.signatures.jwk import MAX_JWKS, MAX_KEYS, MAX_KID, keys_from_jwks, public_jwk

VALID = "valid key sets"
FORM = "key set: form"
PRIVATE = "key set: private keys"
FOR_OTHERS = "key set: keys for something else"
NAMES = "key set: names"
NUMBERS = "key set: numbers"
POINTS = "key set: points"
Jwk = Mapping[str, object]

# RFC 8032 §5.1
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# RFC 7748 §7 and the eight points of small order: under each a signature holds that nobody made
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = {"1": 1, "2": _P - 1, "4": 0, "8": _ORDER_8, "8 too": _P - _ORDER_8}


def key_set_cases() -> Iterator[AttackCase]:
    """All of them, with new keys."""
    keys: Mapping[str, Jwk] = {alg: {**new_jwk(alg), "kid": _kid(), "use": "sig", "alg": alg} for alg in ALGORITHMS}
    for alg in ALGORITHMS:
        at, key = key_set_entrance(alg), keys[alg]
        yield from _valid(at, keys, alg)
        for what, octets in _forms(key).items():
            yield refused(FORM, what, at, octets, "jwk")
        yield from _private(at, key)
        others = [{**other, "kid": _kid()} for name, other in keys.items() if name != alg]
        yield refused(FOR_OTHERS, "every other algorithm", at, _set(*others), "jwk")
        yield from _changed(FOR_OTHERS, at, key, _FOR_OTHERS)
        yield from _changed(NAMES, at, key, _NAMES)
        yield refused(NAMES, "one key twice", at, _set(key, key), "jwk")
        yield refused(NAMES, "one key twice, without a name", at, _set(*[_without(key, "kid")] * 2), "jwk")
        if key["kty"] != "RSA":
            yield refused(NAMES, "one name of two keys", at, _set(key, {**new_jwk(alg), "kid": key["kid"]}), "jwk")
    secret = {"kty": "oct", "kid": _kid(), "alg": "HS256"}
    yield refused(FORM, "an algorithm that we do not have", key_set_entrance("HS256"), _set(secret), "jwk")
    for alg in ("RS256", "PS256"):
        at = key_set_entrance(alg)
        yield from _changed(NUMBERS, at, keys[alg], _numbers(keys[alg]))
        least = {**keys[alg], **new_jwk(alg), "kid": _kid(), "e": number(2**32 - 1)}
        yield accepted(VALID, "the shortest key, and the largest exponent", at, _set(least))
    for alg in ("ES256", "ES384"):
        yield from _changed(POINTS, key_set_entrance(alg), keys[alg], _points(keys[alg], alg))
    for alg in ("EdDSA", "Ed25519"):
        yield from _changed(POINTS, key_set_entrance(alg), keys[alg], _edwards(keys[alg]))


def key_set_entrance(alg: str) -> Entrance:
    """A registration whose key set verifies one algorithm. An octet that is no UTF-8 is none in a text of its."""

    def judge(octets: bytes) -> None:
        keys_from_jwks(octets.decode("utf-8", "surrogateescape"), alg)

    return Entrance(f"key set {alg}", judge, None)


def _changed(family: str, at: Entrance, key: Jwk, changes: Mapping[str, Jwk]) -> Iterator[AttackCase]:
    """A set of one key, some of whose members say something else."""
    for what, members in changes.items():
        yield refused(family, what, at, _set({**key, "kid": _kid(), **members}), "jwk")


def _valid(at: Entrance, keys: Mapping[str, Jwk], alg: str) -> Iterator[AttackCase]:
    key = keys[alg]
    another = {**new_jwk("ES256" if alg.startswith("ES") else "EdDSA"), "use": "enc"}
    rest = [{**another, "kid": _kid()} for _ in range(MAX_KEYS - 1)]
    sets = {
        "one key": _set(key),
        "a key of each algorithm": _set(*keys.values()),
        "no name": _set(_without(key, "kid")),
        "no use and no alg": _set(_without(key, "use", "alg")),
        "key operations": _set({**key, "key_ops": ["sign", "verify"]}),
        "the longest name": _set({**key, "kid": _kid().ljust(MAX_KID, "k")}),
        "members that nobody knows": _set({**key, "x5t": "AA", "exp": 1, "iat": 0}),
        "the most keys, all but one to encrypt to": _set(*rest, key),
    }
    for what, octets in sets.items():
        yield accepted(VALID, what, at, octets)


def _forms(key: Jwk) -> Mapping[str, bytes]:
    return {
        "no json": _set(key)[:-1],
        "no keys": written({"run": secrets.token_hex(8)}),
        "keys that are one key": written({"run": secrets.token_hex(8), "keys": key}),
        "no key in it": _set(),
        "a key that is a number": _set(key, 1),
        "keys twice": _set(key)[:-1] + b',"keys":[]}',
        "one key too many": _set(*({**key, "kid": _kid()} for _ in range(MAX_KEYS + 1))),
        "too large": _set(key) + b" " * MAX_JWKS,
        "not utf-8": _set(key).replace(b'"run":"', b'"run":"\xff', 1),
    }


def _private(at: Entrance, key: Jwk) -> Iterator[AttackCase]:
    """RFC 7518 §6: members of a private key, in our key or in one beside it."""
    for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
        yield refused(PRIVATE, f"with {member}", at, _set({**key, member: number(secrets.randbits(256) | 1)}), "jwk")
    yield refused(PRIVATE, "a private key of another type beside it", at, _set(key, {"kty": "x", "d": "AQ"}), "jwk")


# No key is left: each of them is for something else
_FOR_OTHERS: Mapping[str, Jwk] = {
    "to encrypt to": {"use": "enc"},
    "another algorithm": {"alg": "RS512"},
    "of type oct": {"kty": "oct"},
    "to sign alone": {"key_ops": ["sign"]},
    "an operation that is a text": {"key_ops": "verify"},
}
_NAMES: Mapping[str, Jwk] = {
    "a name that is empty": {"kid": ""},
    "a name that is too long": {"kid": "k" * (MAX_KID + 1)},
    "a name that is a number": {"kid": 5},
    "a name that is null": {"kid": None},
}


def _numbers(key: Jwk) -> Mapping[str, Jwk]:
    """RSA: sizes, exponents, spellings, and moduli from which anybody computes the private key."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 # to be refused
    modulus, spelled = str(key["n"]), str(key["e"])
    return {
        "1024 bits": {**public_jwk(weak)},
        "2047 bits": {"n": number(secrets.randbits(2047) | 1 << 2046 | 1)},
        "8200 bits": {"n": number(secrets.randbits(8200) | 1 << 8199 | 1)},
        "exponent 3": {"e": "Aw"},
        "exponent 65538": {"e": number(65538)},
        "an exponent that is too large": {"e": number(2**32 + 1)},
        "an exponent with a zero before it": {"e": _zero_before(spelled)},
        "a modulus with a zero before it": {"n": _zero_before(modulus)},
        "no modulus": {"n": None},
        "an empty modulus": {"n": ""},
        "an exponent with unused bits": {"e": "AQAC"[:3]},
        "base64 of the other alphabet": {"n": f"{modulus[:8]}+/{modulus[10:]}"},
        "a modulus that is a square": {"n": number(prime() ** 2)},
        "a modulus that is a cube": {"n": number(prime() ** 3)},
        "a modulus of primes that lie close together": {"n": number(close(2048))},
        "a modulus of roca": {"n": number(roca(2048))},
        "a modulus with a small factor": {"n": number(small_factor())},
        "an even modulus": {"n": number(int.from_bytes(_octets(modulus)) - 1)},
    }


def _points(key: Jwk, alg: str) -> Mapping[str, Jwk]:
    """CVE-2015-7940 and its like: a point that is none of the curve. And one point has one spelling."""
    size, x = 32 if alg == "ES256" else 48, str(key["x"])
    return {
        "another curve": {**new_jwk("ES384" if alg == "ES256" else "ES256")},
        "the name of another curve": {"crv": "P-521"},
        "the origin": {"x": _coordinate(0, size), "y": _coordinate(0, size)},
        "x with a zero before it": {"x": _zero_before(x)},
        "y with a zero before it": {"y": _zero_before(str(key["y"]))},
        "x beyond the field": {"x": _coordinate(256**size - 1, size)},
        "no y": {"y": None},
        "a padded x": {"x": f"{x}="},
    }


def _edwards(key: Jwk) -> Mapping[str, Jwk]:
    """RFC 8032 §5.1.3: which 32 octets are a point, and which of those a key can be."""
    # Above the field there are 19 spellings of numbers that have one already
    beyond = next(_P + y for y in range(2, 19) if _on_curve(y))
    nowhere = next(y for y in range(2, 1000) if not _on_curve(y))
    x = str(key["x"])
    return {
        **{f"of order {order}": {"x": _edwards_x(y)} for order, y in _SMALL.items()},
        "of order 2, its sign set": {"x": _edwards_x(_P - 1 | 1 << 255)},
        "another spelling of a point": {"x": _edwards_x(beyond)},
        "no point": {"x": _edwards_x(nowhere)},
        "another curve": {"crv": "Ed448"},
        "with y": {"y": x},
        "an octet too long": {"x": base64url(_octets(x) + b"\x00").decode()},
        "a padded x": {"x": f"{x}="},
    }


def _set(*keys: object) -> bytes:
    """A JWKS that no other run has."""
    return written({"run": secrets.token_hex(8), "keys": list(keys)})


def _without(key: Jwk, *members: str) -> Jwk:
    return {name: value for name, value in key.items() if name not in members}


def _kid() -> str:
    return f"selftest-{secrets.token_hex(4)}"


def _octets(spelled: str) -> bytes:
    return base64.urlsafe_b64decode(spelled + "=" * (-len(spelled) % 4))


def _zero_before(spelled: str) -> str:
    return base64url(b"\x00" + _octets(spelled)).decode()


def _coordinate(value: int, size: int) -> str:
    return base64url(value.to_bytes(size)).decode()


def _edwards_x(value: int) -> str:
    return base64url(value.to_bytes(32, "little")).decode()


def _on_curve(y: int) -> bool:
    """Whether a point has this y: -x² + y² = 1 + dx²y²."""
    return pow((y * y - 1) * pow(_D * y * y + 1, -1, _P), (_P - 1) // 2, _P) == 1
