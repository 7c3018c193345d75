"""RSA keys that others publish: whether one can be a key at all (NIST SP 800-89 §5.3.3, partial public-key validation).

Anybody can sign under a prime, an even number, a number with a small factor, two primes that lie close together, or two
that one library for smart cards made; pyca loads all of them. Judging costs some 60 ms for 3072 bits: a key is judged when
it is loaded, and never again.
"""

import math
from collections.abc import Iterable
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

# A registration says what is too short. The upper bounds keep verification cheap: an exponent of 3071 bits costs 4.5 ms.
MAX_RSA_BITS = 8192
# FIPS 186-5 §A.1.1 has odd exponents above 2^16 and below 2^256; above 2^32 nobody has an honest one
FERMAT_4, MAX_EXPONENT = 2**16 + 1, 2**32
_PRIMES = [3, *(n for n in range(5, 752, 2) if all(n % factor for factor in range(3, n, 2)))]
# SP 800-89 §5.3.3: odd, and no factor is smaller than 752
_SMALL = 2 * math.prod(_PRIMES)
# CVE-2022-26320: keys of printers and of a TLS library fell in the first hundred steps. 256 take 1 ms for 3072 bits, and
# end between primes that differ in their lower half alone: a generator that draws both at random never comes so near
FERMAT_STEPS = 256
# More than all keys of all nodes and providers
_REMEMBERED = 1024
# ROCA (CVE-2017-15361; Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, §2): each prime of that library is a
# power of 65537 modulo every one of the first primes, and so is their product. From 992 bits on there are 71 of them or
# more, 2 among them, of which all that is odd is a power. A modulus of another generator is so once in 2^83.
_MARKERS = [(prime, {pow(FERMAT_4, power, prime) for power in range(prime)}) for prime in _PRIMES[:70]]


def check_rsa(numbers: RSAPublicNumbers, least_bits: int, least_exponent: int) -> None:
    """That this can be somebody's key, and is not too small or too large. ValueError, with words for an operator."""
    # First of all: what follows grows with the cube of its bits
    check_size(numbers, least_bits, least_exponent)
    fault = _fault(numbers.n)
    if fault:
        raise ValueError(f"an RSA key that is none, since its modulus {fault}; anybody could sign with it")


def check_own_rsa(numbers: RSAPublicNumbers, least_bits: int, least_exponent: int) -> None:
    """The same of a private key of ours, whose primes OpenSSL has checked. ValueError, with words for an operator."""
    check_size(numbers, least_bits, least_exponent)
    try:
        _check_generator(numbers.n)
    except ValueError as error:
        raise ValueError(f"an RSA key whose modulus {error}; anybody could sign with it") from None


def check_apart(modulus: int, own: Iterable[int]) -> None:
    """That it shares no factor with a modulus of ours: two keys that share one are nobody's any more. ValueError."""
    if any(math.gcd(modulus, ours) != 1 for ours in own):
        raise ValueError("an RSA key that shares a factor with a key of ours, or is one; anybody could compute both")


def check_size(numbers: RSAPublicNumbers, least_bits: int, least_exponent: int) -> None:
    """That it is not too small or too large. ValueError, with words for an operator."""
    bits = numbers.n.bit_length()
    if not least_bits <= bits <= MAX_RSA_BITS:
        raise ValueError(f"an RSA key of {bits} bits; {least_bits} to {MAX_RSA_BITS} are taken")
    if not numbers.e % 2 or not least_exponent <= numbers.e <= MAX_EXPONENT:
        raise ValueError(f"an RSA key whose exponent is none of the odd numbers from {least_exponent} to {MAX_EXPONENT}")


@lru_cache(maxsize=_REMEMBERED)
def _fault(modulus: int) -> str:
    """The fault of a modulus that is no product of two large and secret primes, as far as it shows; "" for none."""
    try:
        _check_factors(modulus)
        _check_generator(modulus)
        _check_composite(modulus)
    except ValueError as error:
        return str(error)
    return ""


def _check_factors(modulus: int) -> None:
    if math.gcd(modulus, _SMALL) != 1:
        raise ValueError("has a factor below 752")


def _check_generator(modulus: int) -> None:
    """That nobody finds its primes by what is known of how they were made."""
    if all(modulus % prime in powers for prime, powers in _MARKERS):
        raise ValueError("has the form that ROCA breaks (CVE-2017-15361)")
    # Fermat's way of factoring: the middle of two factors that lie close together is hardly above the square root
    middle = math.isqrt(modulus - 1) + 1
    for _ in range(FERMAT_STEPS):
        square = middle * middle - modulus
        if math.isqrt(square) ** 2 == square:
            raise ValueError("is the product of two numbers that lie close together")
        middle += 1


def _check_composite(modulus: int) -> None:
    # Fermat's little theorem in place of Miller and Rabin's test. It finds every prime, and also the powers of primes and
    # the numbers of Carmichael, which theirs calls composite: with all of these e^-1 mod (n-1) or a factor is at hand.
    if math.gcd(pow(2, modulus, modulus) - 2, modulus) != 1:
        raise ValueError("is a prime, or as good as one")
