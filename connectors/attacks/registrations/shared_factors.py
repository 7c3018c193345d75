"""Metadata with a key that shares a prime with one of ours: whoever sees both has both private keys."""

from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.attacks.case import Case
from connectors.attacks.keys import Holder
from connectors.attacks.registrations.described import Bench, key_descriptor
from connectors.attacks.registrations.entrances import registered
from connectors.attacks.registrations.one_key import PublicKey, certificate
from connectors.attacks.registrations.weak_keys import prime
from connectors.attacks.signing import swap

SHARED = "metadata: keys like ours"
VALID = "valid metadata beside keys of ours"


def shared_factor_cases(bench: Bench, ours: Holder) -> Iterator[Case]:
    """All of them, for a node's metadata. `ours` is an RSA key of ours."""
    if not isinstance(ours.key, rsa.RSAPrivateKey) or not isinstance(bench.another.key, ec.EllipticCurvePrivateKey):
        raise TypeError("keys of another kind")
    own, issuer = ours.key.public_key(), bench.another.key
    at = bench.at(
        registered(bench.holder, bench.now, "node, beside a key of ours", own=frozenset({own.public_numbers().n}))
    )

    def beside(key: PublicKey) -> bytes:
        descriptor = key_descriptor(replace(bench.another, certificate=certificate(key, issuer, bench.now)))
        return at.signed(swap("<md:KeyDescriptor", f"{descriptor}<md:KeyDescriptor"))

    sharing = rsa.RSAPublicNumbers(65537, ours.key.private_numbers().p * prime()).public_key()
    yield at.refused(SHARED, "a prime of ours", beside(sharing), "metadata_key")
    yield at.refused(SHARED, "our own key", beside(own), "metadata_key")
    apart = rsa.RSAPublicNumbers(65537, prime() * prime()).public_key()
    yield at.accepted(VALID, "a key of its own", beside(apart))
