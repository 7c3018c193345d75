"""RSA keys that are none, as others may publish them: in SAML metadata, and in a JWKS."""

import json
import math

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures import rsa_keys
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import base64url
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.rsa_keys import check_own_rsa, check_rsa
from policies.errors import SignatureInvalid
from tests.connectors.forge import rsa_key

HONEST = rsa_key(0)
N, P = HONEST.public_key().public_numbers().n, HONEST.private_numbers().p
# By the paper on ROCA: a modulus of 2048 to 3936 bits is a power of 65537 modulo the product of the first 126 primes
FIRST_126 = math.prod(n for n in range(2, 702) if all(n % factor for factor in range(2, n)))
OF_ROCA = next(
    n
    for n in range((N // FIRST_126) * FIRST_126 + pow(65537, 1887, FIRST_126), N * 2, FIRST_126)
    if all(n % small for small in range(3, 752, 2))
)
# The first odd number after a prime that has no small factor either
NEXT = next(q for q in range(P + 2, 2 * P, 2) if all(q % small for small in range(3, 752, 2)))
NO_MODULI = {
    "one of ROCA's": (OF_ROCA, r"has the form that ROCA breaks \(CVE-2017-15361\)"),
    "two numbers side by side": (P * NEXT, "is the product of two numbers that lie close together"),
    "a prime": (2**3217 - 1, "is a prime, or as good as one"),
    "a square of a prime": (P**2, "is the product of two numbers that lie close together"),
    "a cube of a prime": ((2**1279 - 1) ** 3, "is a prime, or as good as one"),
    "even": (N - 1, "has a factor below 752"),
    "a power of two": (2**3071, "has a factor below 752"),
    "a multiple of three": (3 * N, "has a factor below 752"),
    "a multiple of 751": (751 * N, "has a factor below 752"),
}


def jwks(modulus: int, exponent: int = 65537) -> str:
    n, e = (base64url(each.to_bytes((each.bit_length() + 7) // 8)) for each in (modulus, exponent))
    return json.dumps({"keys": [{"kty": "RSA", "n": n, "e": e}]})


@pytest.mark.spec("NIST SP 800-89 §5.3.3")
@pytest.mark.parametrize("what", NO_MODULI)
def test_a_modulus_that_anybody_can_sign_under_is_refused_in_metadata(what: str) -> None:
    modulus, words = NO_MODULI[what]
    with pytest.raises(
        ValueError, match=f"^an RSA key that is none, since its modulus {words}; anybody could sign with it$"
    ):
        prepared(RSAPublicNumbers(65537, modulus).public_key(), EIDAS)


@pytest.mark.spec("NIST SP 800-89 §5.3.3")
@pytest.mark.parametrize(("what", "alg"), [("one of ROCA's", "RS256"), ("a multiple of 751", "PS256")])
def test_and_in_a_jwks_in_the_same_words(what: str, alg: str) -> None:
    modulus, words = NO_MODULI[what]
    with pytest.raises(SignatureInvalid, match=words) as refused:
        keys_from_jwks(jwks(modulus), alg)
    assert refused.value.check == "jwk"


def test_a_number_of_carmichael_is_no_modulus_though_it_is_no_prime() -> None:
    """6k+1, 12k+1 and 18k+1 are primes (Chernick 1939), and e^-1 mod (n-1) signs under their product."""
    k = next(k for k in range(200, 10_000) if all(_is_prime(factor * k + 1) for factor in (6, 12, 18)))
    modulus = (6 * k + 1) * (12 * k + 1) * (18 * k + 1)
    signed = pow(4711, pow(65537, -1, modulus - 1), modulus)
    assert pow(signed, 65537, modulus) == 4711
    with pytest.raises(ValueError, match="as good as one"):
        check_rsa(RSAPublicNumbers(65537, modulus), 30, 65537)


def test_a_key_of_roca_is_one_modulo_every_marker_prime_and_of_no_key_by_chance() -> None:
    """The same modulus with one marker prime changed is a key like any other."""
    for prime in (n for n in range(3, 168) if _is_prime(n)):
        powers = {pow(65537, power, prime) for power in range(prime)}
        if (other := next((residue for residue in range(1, prime) if residue not in powers), None)) is None:
            continue
        apart = next(n for n in range(OF_ROCA, 2**3072, FIRST_126 // prime) if n % prime == other)
        with pytest.raises(ValueError, match="ROCA"):
            check_own_rsa(RSAPublicNumbers(65537, OF_ROCA), 2048, 65537)
        check_own_rsa(RSAPublicNumbers(65537, apart), 2048, 65537)


@pytest.mark.spec("CVE-2022-26320")
def test_primes_count_as_close_while_they_share_their_upper_half() -> None:
    """Beyond it a few hundred steps find nothing. Whoever draws both at random shares a few bits."""
    low = 2**1536 * 7 // 11 | 1
    for differing, found in ((770, True), (800, False)):
        numbers = RSAPublicNumbers(65537, low * (low + 2**differing))
        if found:
            with pytest.raises(ValueError, match="close together"):
                check_own_rsa(numbers, 2048, 65537)
        else:
            check_own_rsa(numbers, 2048, 65537)


def _is_prime(number: int) -> bool:
    return all(number % factor for factor in range(2, int(number**0.5) + 1))


@pytest.mark.spec("FIPS 186-5 §A.1.1")
@pytest.mark.parametrize("exponent", [5, 65535])
def test_a_small_exponent_is_one_of_saml2int_alone(exponent: int) -> None:
    key = RSAPublicNumbers(exponent, N).public_key()
    assert prepared(key, SAML2INT).public_key == key
    with pytest.raises(ValueError, match="from 65537 to"):
        prepared(key, EIDAS)
    with pytest.raises(SignatureInvalid, match="from 65537 to"):
        keys_from_jwks(jwks(N, exponent), "RS256")


def test_a_modulus_is_judged_once_and_one_that_is_too_large_never(monkeypatch: pytest.MonkeyPatch) -> None:
    # A broker of another test may load keys meanwhile: each modulus counts by itself
    judged: list[int] = []
    check = rsa_keys._check_composite

    def judges(modulus: int) -> None:
        judged.append(modulus)
        check(modulus)

    monkeypatch.setattr(rsa_keys, "_check_composite", judges)
    rsa_keys._fault.cache_clear()
    for _ in range(3):
        _ = prepared(HONEST.public_key(), EIDAS)
    with pytest.raises(SignatureInvalid, match="an RSA key of 320000 bits; 2048 to 8192 are taken"):
        keys_from_jwks(jwks(2**320_000 - 1), "RS256")
    assert (judged.count(N), judged.count(2**320_000 - 1)) == (1, 0)
