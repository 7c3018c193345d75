"""A public key or a certificate by itself: of a kind, a curve and a size that the registration takes.

`one key ALG` is a key that is prepared for tokens, `a node's certificate` the one by which its metadata is known.
"""

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from connectors.attacks.attack_case import AttackCase, Entrance, accepted, refused
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.registrations import odd_certificates as odd
from connectors.attacks.registrations.entrances import node_certificate
from connectors.attacks.tokens.jws_text import ALGORITHMS
from connectors.signatures.jws import verification_key
from policies.errors import SignatureInvalid

# RSA keys whose private half anybody computes from the public one. Each is new, and of exactly so many bits.
#
# A modulus of a case is none whose factors anybody knows, where the check does not look at them: it is made in a moment.

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


ONE_KEY = "key: of another kind"
CERTIFICATE = "certificate: not to be used"
LENIENT = "certificate: read leniently, with one thing more"
PSS = "certificate: for RSASSA-PSS alone"
VALID_KEYS = "valid keys"
VALID_CERTIFICATES = "valid certificates"
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_FITTING: Mapping[str, Sequence[str]] = {
    "RS256": ("rsa-2048", "rsa-3072"),
    "PS256": ("rsa-2048", "rsa-3072"),
    "ES256": ("p-256",),
    "ES384": ("p-384",),
    "EdDSA": ("ed25519",),
    "Ed25519": ("ed25519",),
}
_OF_NODES = ("rsa-3072", "p-256", "p-384", "p-521", "brainpool-p256r1", "brainpool-p384r1", "brainpool-p512r1")


@dataclass(frozen=True, slots=True)
class SampleKeys:
    """A key of each kind, by name; `issuer` signs certificates of all of them. `weak` are RSA keys that anybody breaks."""

    public: Mapping[str, PublicKey]
    weak: Mapping[str, PublicKey]
    issuer: ec.EllipticCurvePrivateKey = field(repr=False)
    now: int


def key_cases(keys: SampleKeys) -> Iterator[AttackCase]:
    """All of them."""
    for alg in ALGORITHMS:
        at = _token_key(alg)
        for name, key in keys.public.items():
            octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            if name in _FITTING[alg]:
                yield accepted(VALID_KEYS, name, at, octets)
            else:
                yield refused(ONE_KEY, name, at, octets, "jwk")
    at = _token_key("HS256")
    for name in ("rsa-2048", "p-256", "ed25519"):
        octets = keys.public[name].public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        yield refused(ONE_KEY, name, at, octets, "jwk")
    yield from _certificates(keys)


def _certificates(keys: SampleKeys) -> Iterator[AttackCase]:
    at = node_certificate(keys.now)
    for name, key in keys.public.items():
        octets = certificate(key, keys.issuer, keys.now)
        if name in _OF_NODES:
            yield accepted(VALID_CERTIFICATES, name, at, octets)
        else:
            yield refused(CERTIFICATE, name, at, octets, "certificate")
    for name, key in keys.weak.items():
        yield refused(CERTIFICATE, f"rsa-3072, {name}", at, certificate(key, keys.issuer, keys.now), "certificate")
    yield from _read_leniently(keys)
    yield from _for_pss_alone(keys)
    whole = certificate(keys.public["p-256"], keys.issuer, keys.now)
    yield refused(CERTIFICATE, "cut off", at, whole[:-1], "certificate")
    yield refused(CERTIFICATE, "something after it", at, whole + b"\x00", "certificate")
    # 65538: no even number has an inverse
    odd = certificate(keys.public["rsa-3072"], keys.issuer, keys.now)
    even = odd.replace(b"\x02\x03\x01\x00\x01", b"\x02\x03\x01\x00\x02", 1)
    yield refused(CERTIFICATE, "rsa-3072, an even exponent", at, even, "certificate")
    # RFC 5280 §4.1: version 1 to 3 are 0 to 2
    yield refused(
        CERTIFICATE,
        "of a version that there is not",
        at,
        whole.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1),
        "certificate",
    )


def _read_leniently(keys: SampleKeys) -> Iterator[AttackCase]:
    """The deviation `lenient_certificate`: faults that pyca refuses, and that neither the key nor the dates have."""
    at, issuer = node_certificate(keys.now), keys.issuer
    good, weak = (certificate(keys.public[name], issuer, keys.now) for name in ("p-256", "rsa-2048"))
    roca = certificate(keys.weak["roca"], issuer, keys.now)
    for what, edit in odd.FAULTS.items():
        whole = odd.changed(good, issuer, edit)
        yield accepted(VALID_CERTIFICATES, what, at, whole)
        hostile = {
            "something after it": whole + b"\x00",
            "cut off": whole[:-1],
            # 82 has two octets of length, and 83 three: BER has both, DER the shorter one
            "a length that DER has otherwise": whole[:1] + b"\x83\x00" + whole[2:],
            "of a version that there is not": odd.changed(good, issuer, odd.both(edit, odd.version_10)),
            "something more in it": odd.changed(good, issuer, odd.both(edit, odd.more)),
            "rsa-2048": odd.changed(weak, issuer, edit),
            "rsa-3072, roca": odd.changed(roca, issuer, edit),
        }
        for more, octets in hostile.items():
            yield refused(LENIENT, f"{what}, {more}", at, octets, "certificate")
    other = odd.changed(good, issuer, odd.algorithm(odd.ECDSA_OTHER))
    yield refused(LENIENT, "another parameter beside ecdsa", at, other, "certificate")
    named = odd.changed(good, issuer, odd.untyped)
    yield refused(LENIENT, "a name without a type", at, named, "certificate")


def _for_pss_alone(keys: SampleKeys) -> Iterator[AttackCase]:
    """RFC 4055 §3.1: the parameters of the key bind its signatures, and the profile has such alone as fit."""
    at, issuer = node_certificate(keys.now), keys.issuer
    whole = certificate(keys.public["rsa-3072"], issuer, keys.now)
    for what, parameters in odd.PSS_TAKEN.items():
        yield accepted(VALID_CERTIFICATES, f"pss {what}", at, odd.changed(whole, issuer, odd.pss_only(parameters)))
    for what, parameters in odd.PSS_REFUSED.items():
        octets = odd.changed(whole, issuer, odd.pss_only(parameters))
        yield refused(PSS, what, at, octets, "certificate")


def certificate(key: PublicKey, issuer: ec.EllipticCurvePrivateKey, now: int) -> bytes:
    """A certificate (DER) of any public key, for a year before and after `now` (seconds since the epoch)."""
    moment, year = datetime.fromtimestamp(now, UTC), timedelta(days=365)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ee.selftest.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key)
    dated = (
        builder.serial_number(x509.random_serial_number()).not_valid_before(moment - year).not_valid_after(moment + year)
    )
    return dated.sign(issuer, SHA256()).public_bytes(Encoding.DER)


def public_keys(now: int, known: Sequence[KeyHolder]) -> SampleKeys:
    """One of each kind. `known` are keys of this run that took long to make: RSA of 2048 and of 3072 bits."""
    curves: Mapping[str, ec.EllipticCurve] = {
        "p-192": ec.SECP192R1(),
        "p-224": ec.SECP224R1(),
        "p-256": ec.SECP256R1(),
        "p-384": ec.SECP384R1(),
        "p-521": ec.SECP521R1(),
        "p-256k1": ec.SECP256K1(),
        "brainpool-p256r1": ec.BrainpoolP256R1(),
        "brainpool-p384r1": ec.BrainpoolP384R1(),
        "brainpool-p512r1": ec.BrainpoolP512R1(),
    }
    public: dict[str, PublicKey] = {name: ec.generate_private_key(curve).public_key() for name, curve in curves.items()}
    public["ed25519"] = ed25519.Ed25519PrivateKey.generate().public_key()
    public["rsa-1024"] = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 # to be refused
    # A number of this size: nobody asks for its factors
    public["rsa-8200"] = rsa.RSAPublicNumbers(65537, secrets.randbits(8200) | 1 << 8199 | 1).public_key()
    for holder in known:
        key = holder.key.public_key()
        public[f"rsa-{key.key_size}"] = key
    return SampleKeys(public, weak_keys(3072), ec.generate_private_key(ec.SECP256R1()), now)


def _token_key(alg: str) -> Entrance:
    def judge(octets: bytes) -> None:
        try:
            key = load_der_public_key(octets)
        except (ValueError, UnsupportedAlgorithm):
            raise SignatureInvalid("jwk", "no public key") from None
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            raise SignatureInvalid("jwk", "a key of a kind that no token has")
        verification_key(key, alg, "selftest")

    return Entrance(f"one key {alg}", judge, None)
