"""JWKS (RFC 7517) as relying parties register them and issuers publish them.

A key that is for something else is passed over, and a set that has none left is refused. A private, weak or malformed key
refuses the whole set: whoever publishes one has lost a key, or does not know what they publish.
"""

import base64
import secrets
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.attacks.case import Case, Entrance
from connectors.attacks.registrations.making import accepted, refused
from connectors.attacks.registrations.weak_keys import close, prime, roca, small_factor
from connectors.attacks.tokens.making import base64url, number, public_jwk, written
from connectors.attacks.tokens.parties import ALGORITHMS, new_key
from connectors.signatures.jwk import MAX_JWKS, MAX_KEYS, MAX_KID, keys_from_jwks

VALID = "valid key sets"
FORM = "key set: form"
PRIVATE = "key set: private keys"
FOR_OTHERS = "key set: keys for something else"
NAMES = "key set: names"
NUMBERS = "key set: numbers"
POINTS = "key set: points"
Jwk = dict[str, object]

# RFC 8032 §5.1
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# RFC 7748 §7 and the eight points of small order: under each a signature holds that nobody made
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = {"1": 1, "2": _P - 1, "4": 0, "8": _ORDER_8, "8 too": _P - _ORDER_8}


def key_set_cases() -> Iterator[Case]:
    """All of them, with new keys."""
    keys: Mapping[str, Jwk] = {
        alg: {**public_jwk(new_key(alg)), "kid": _kid(), "use": "sig", "alg": alg} for alg in ALGORITHMS
    }
    for alg in ALGORITHMS:
        at = key_set_entrance(alg)
        yield from _valid(at, keys, alg)
        yield from _forms(at, keys[alg])
        yield from _private(at, keys[alg])
        yield from _for_others(at, keys, alg)
        yield from _names(at, keys, alg)
    unknown = key_set_entrance("HS256")
    secret = {"kty": "oct", "kid": _kid(), "alg": "HS256"}
    yield refused(FORM, "an algorithm that we do not have", unknown, _set(secret), "jwk")
    for alg in ("RS256", "PS256"):
        yield from _numbers(key_set_entrance(alg), keys[alg], alg)
    for alg in ("ES256", "ES384"):
        yield from _points(key_set_entrance(alg), keys[alg], alg)
    for alg in ("EdDSA", "Ed25519"):
        yield from _edwards(key_set_entrance(alg), keys[alg])


def key_set_entrance(alg: str) -> Entrance:
    """A registration whose key set verifies one algorithm. An octet that is no UTF-8 is none in a text of its."""

    def judge(octets: bytes) -> None:
        keys_from_jwks(octets.decode("utf-8", "surrogateescape"), alg)

    return Entrance(f"key set {alg}", judge, None)


def _valid(at: Entrance, keys: Mapping[str, Jwk], alg: str) -> Iterator[Case]:
    key = keys[alg]
    another = {**public_jwk(new_key("ES256" if alg.startswith("ES") else "EdDSA")), "kid": _kid()}
    yield accepted(VALID, "one key", at, _set(key))
    yield accepted(VALID, "a key of each algorithm", at, _set(*keys.values()))
    yield accepted(VALID, "no name", at, _set(_without(key, "kid")))
    yield accepted(VALID, "no use and no alg", at, _set(_without(key, "use", "alg")))
    yield accepted(VALID, "key operations", at, _set({**key, "key_ops": ["sign", "verify"]}))
    yield accepted(VALID, "the longest name", at, _set({**key, "kid": _kid().ljust(MAX_KID, "k")}))
    yield accepted(VALID, "members that nobody knows", at, _set({**key, "x5t": "AA", "exp": 1, "iat": 0}))
    yield accepted(VALID, "a key to encrypt to beside it", at, _set({**another, "use": "enc"}, key))
    rest = [{**another, "kid": _kid(), "use": "enc"} for _ in range(MAX_KEYS - 1)]
    yield accepted(VALID, "the most keys", at, _set(*rest, key))


def _forms(at: Entrance, key: Jwk) -> Iterator[Case]:
    sets: Mapping[str, bytes] = {
        "no json": _set(key)[:-1],
        "a list": written([key, secrets.token_hex(8)]),
        "no keys": written({"run": secrets.token_hex(8)}),
        "no key in it": _set(),
        "a key that is a number": _set(key, 1),
        "keys twice": _set(key)[:-1] + b',"keys":[]}',
        "one key too many": _set(*({**key, "kid": _kid(), "use": "sig"} for _ in range(MAX_KEYS + 1))),
        "too large": _set(key) + b" " * MAX_JWKS,
        "not utf-8": _set(key).replace(b'"run":"', b'"run":"\xff', 1),
    }
    for what, octets in sets.items():
        yield refused(FORM, what, at, octets, "jwk")


def _private(at: Entrance, key: Jwk) -> Iterator[Case]:
    """RFC 7518 §6: members of a private key, in our key or in one beside it."""
    for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
        yield refused(PRIVATE, f"with {member}", at, _set({**key, member: number(secrets.randbits(256) | 1)}), "jwk")
    beside = {"kty": "oct", "kid": _kid(), "k": number(secrets.randbits(256) | 1)}
    yield refused(PRIVATE, "a secret beside it", at, _set(key, beside), "jwk")
    yield refused(PRIVATE, "a private key of another type beside it", at, _set(key, {"kty": "x", "d": "AQ"}), "jwk")


def _for_others(at: Entrance, keys: Mapping[str, Jwk], alg: str) -> Iterator[Case]:
    """No key is left: each of them is for something else."""
    key = keys[alg]
    others = [{**other, "kid": _kid()} for name, other in keys.items() if name != alg]
    changed: Mapping[str, Jwk] = {
        "to encrypt to": {"use": "enc"},
        "another algorithm": {"alg": "RS512"},
        "of type oct": {"kty": "oct"},
        "to sign alone": {"key_ops": ["sign"]},
        "an operation that is a text": {"key_ops": "verify"},
    }
    for what, members in changed.items():
        yield refused(FOR_OTHERS, what, at, _set({**key, **members}), "jwk")
    yield refused(FOR_OTHERS, "every other algorithm", at, _set(*others), "jwk")


def _names(at: Entrance, keys: Mapping[str, Jwk], alg: str) -> Iterator[Case]:
    key = keys[alg]
    second = {**public_jwk(new_key(alg) if not alg.endswith("S256") else new_key("ES256")), "kid": key["kid"]}
    if second["kty"] == key["kty"]:
        yield refused(NAMES, "one name of two keys", at, _set(key, second), "jwk")
    yield refused(NAMES, "one key twice", at, _set(key, key), "jwk")
    yield refused(NAMES, "one key twice, without a name", at, _set(*[_without(key, "kid")] * 2), "jwk")
    names: Mapping[str, object] = {
        "empty": "",
        "too long": "k" * (MAX_KID + 1),
        "a number": 5,
        "a list": ["k"],
        "null": None,
    }
    for what, name in names.items():
        yield refused(NAMES, f"a name that is {what}", at, _set({**key, "kid": name}), "jwk")


def _numbers(at: Entrance, key: Jwk, alg: str) -> Iterator[Case]:
    """RSA: sizes, exponents, spellings, and moduli from which anybody computes the private key."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 # to be refused
    modulus, spelled = str(key["n"]), str(key["e"])
    changed: Mapping[str, Jwk] = {
        "1024 bits": {**public_jwk(weak)},
        "2047 bits": {"n": number(secrets.randbits(2047) | 1 << 2046 | 1)},
        "exponent 3": {"e": "Aw"},
        "exponent 65538": {"e": number(65538)},
        "an exponent that is too large": {"e": number(2**32 + 1)},
        "an exponent with a zero before it": {"e": _zero_before(spelled)},
        "a modulus with a zero before it": {"n": _zero_before(modulus)},
        "no modulus": {"n": None},
        "an exponent with unused bits": {"e": "AQAC"[:3]},
        "base64 of the other alphabet": {"n": f"{modulus[:8]}+/{modulus[10:]}"},
        "a modulus that is a square": {"n": number(prime() ** 2)},
        "a modulus that is a cube": {"n": number(prime() ** 3)},
        "a modulus of primes that lie close together": {"n": number(close(2048))},
        "a modulus of roca": {"n": number(roca(2048))},
        "a modulus with a small factor": {"n": number(small_factor())},
        "an even modulus": {"n": number(int.from_bytes(_octets(modulus)) - 1)},
    }
    for what, members in changed.items():
        yield refused(NUMBERS, what, at, _set({**key, **members, "kid": _kid()}), "jwk")
    least = {**public_jwk(new_key(alg)), "kid": _kid()}
    yield accepted(VALID, "the shortest key, and the largest exponent", at, _set({**least, "e": number(2**32 - 1)}))


def _points(at: Entrance, key: Jwk, alg: str) -> Iterator[Case]:
    """CVE-2015-7940 and its like: a point that is none of the curve. And one point has one spelling."""
    size = 32 if alg == "ES256" else 48
    other = public_jwk(new_key("ES384" if alg == "ES256" else "ES256"))
    x = str(key["x"])
    changed: Mapping[str, Jwk] = {
        "another curve": {**other, "kid": _kid()},
        "the name of another curve": {"crv": "P-521"},
        "x with a zero before it": {"x": _zero_before(x)},
        "x beyond the field": {"x": _coordinate(256**size - 1, size)},
        "no y": {"y": None},
        "a padded x": {"x": f"{x}="},
    }
    for what, members in changed.items():
        yield refused(POINTS, what, at, _set({**key, **members, "kid": _kid()}), "jwk")


def _edwards(at: Entrance, key: Jwk) -> Iterator[Case]:
    """RFC 8032 §5.1.3: which 32 octets are a point, and which of those a key can be."""
    # Above the field there are 19 spellings of numbers that have one already
    beyond = next(_P + y for y in range(2, 19) if _on_curve(y))
    nowhere = next(y for y in range(2, 1000) if not _on_curve(y))
    x = str(key["x"])
    changed: Mapping[str, Jwk] = {
        **{f"of order {order}": {"x": _edwards_x(y)} for order, y in _SMALL.items()},
        "of order 2, its sign set": {"x": _edwards_x(_P - 1 | 1 << 255)},
        "another spelling of a point": {"x": _edwards_x(beyond)},
        "no point": {"x": _edwards_x(nowhere)},
        "another curve": {"crv": "Ed448"},
        "with y": {"y": x},
        "an octet too long": {"x": base64url(_octets(x) + b"\x00").decode()},
        "empty": {"x": ""},
        "a padded x": {"x": f"{x}="},
    }
    for what, members in changed.items():
        yield refused(POINTS, what, at, _set({**key, **members, "kid": _kid()}), "jwk")


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
