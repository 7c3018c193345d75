"""RSA keys that others publish: whether one can be a key at all (NIST SP 800-89 §5.3.3, partial public-key validation).

Under a prime, an even number or what has a small factor anybody signs, and pyca loads all of them. Whoever has one made it
with a broken generator. This costs some 30 ms for 3072 bits: keys are judged when they are loaded, and never again.
"""

import math
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

# A registration says what is too short. The upper bounds keep verification cheap: an exponent of 3071 bits costs 4.5 ms.
MAX_RSA_BITS = 8192
# FIPS 186-5 §A.1.1 has odd exponents above 2^16 and below 2^256; above 2^32 nobody has an honest one
FERMAT_4, MAX_EXPONENT = 2**16 + 1, 2**32
# SP 800-89 §5.3.3: no factor is smaller than 752
_SMALL = math.prod(n for n in range(3, 752) if all(n % factor for factor in range(2, n)))
# More than all keys of all nodes and providers
_REMEMBERED = 1024


def check_rsa(numbers: RSAPublicNumbers, least_bits: int, least_exponent: int) -> None:
    """That this can be somebody's key, and is not too small or too large. ValueError, with words for an operator."""
    # First of all: what follows grows with the cube of its bits
    check_size(numbers, least_bits, least_exponent)
    fault = _fault(numbers.n)
    if fault:
        raise ValueError(f"an RSA key that is none, since its modulus {fault}; anybody could sign with it")


def check_size(numbers: RSAPublicNumbers, least_bits: int, least_exponent: int) -> None:
    """That it is not too small or too large: all there is to ask of a private key of ours, whose primes OpenSSL looked at.

    ValueError, with words for an operator.
    """
    bits = numbers.n.bit_length()
    if not least_bits <= bits <= MAX_RSA_BITS:
        raise ValueError(f"an RSA key of {bits} bits; {least_bits} to {MAX_RSA_BITS} are taken")
    if not numbers.e % 2 or not least_exponent <= numbers.e <= MAX_EXPONENT:
        raise ValueError(f"an RSA key whose exponent is none of the odd numbers from {least_exponent} to {MAX_EXPONENT}")


@lru_cache(maxsize=_REMEMBERED)
def _fault(modulus: int) -> str:
    """What a modulus is that is no product of two large primes, as far as it shows; "" for nothing."""
    if not modulus % 2:
        return "is even"
    if math.gcd(modulus, _SMALL) != 1:
        return "has a factor below 752"
    # Fermat's little theorem in place of Miller and Rabin's test. It finds every prime, and also the powers of primes and
    # the numbers of Carmichael, which theirs calls composite: with all of these e^-1 mod (n-1) or a factor is at hand.
    if math.gcd(pow(2, modulus, modulus) - 2, modulus) != 1:
        return "is a prime, or as good as one"
    return ""
