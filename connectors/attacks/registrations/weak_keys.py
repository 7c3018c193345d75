"""RSA keys whose private half anybody computes from the public one. Each is new, and of exactly so many bits.

A modulus of a case is none whose factors anybody knows, where the check does not look at them: it is made in a moment.
"""

import math
import secrets
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import rsa

_PRIMES = [n for n in range(2, 752) if all(n % factor for factor in range(2, n))]
_GENERATOR = 65537


def weak_keys(bits: int) -> Mapping[str, rsa.RSAPublicKey]:
    """One of each kind, by name."""
    moduli = {"roca": roca(bits), "primes that lie close together": close(bits)}
    return {name: rsa.RSAPublicNumbers(_GENERATOR, modulus).public_key() for name, modulus in moduli.items()}


def roca(bits: int) -> int:
    """CVE-2017-15361: a power of 65537 modulo the product of the first 126 primes, for 2048 to 3936 bits (CCS 2017)."""
    product = math.prod(_PRIMES[:126])
    least, most = (1 << bits - 1) // product + 1, (1 << bits) // product - 1
    while True:
        multiple = least + secrets.randbelow(most - least)
        found = multiple * product + pow(_GENERATOR, secrets.randbits(64), product)
        # Another check knows those that the primes above the 126th divide
        if all(found % small for small in _PRIMES):
            return found


def close(bits: int) -> int:
    """CVE-2022-26320: the second factor is the first number after the first one that has no small factor."""
    first = _without_small_factor(secrets.randbits(bits // 2) | 3 << bits // 2 - 2 | 1)
    return first * _without_small_factor(first + 2)


def small_factor() -> int:
    """A modulus of 2058 bits: 751 and two primes. Little Fermat sees most numbers of many factors, and not this one."""
    while True:
        found = 751 * prime() * prime()
        # The order of 2 modulo 751
        if found % 375 != 1:
            return found


def prime() -> int:
    """A prime of 1024 bits."""
    return rsa.generate_private_key(public_exponent=_GENERATOR, key_size=2048).private_numbers().p


def _without_small_factor(number: int) -> int:
    while not all(number % small for small in _PRIMES):
        number += 2
    return number
