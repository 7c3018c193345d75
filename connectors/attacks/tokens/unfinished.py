"""Registrations that no token may satisfy: without keys, for an algorithm that we do not have, with keys of another one.

Empty is refusal. A server does not start with such a one; the judges refuse it all the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from connectors.attacks.case import Case, Entrance
from connectors.attacks.tokens.bench import Bench
from connectors.attacks.tokens.benches import AT_PROVIDER, OP, World
from connectors.attacks.tokens.encrypting import DecryptionKey, Encrypted, decryption_key, encrypted
from connectors.attacks.tokens.parties import as_text
from connectors.logout_token import ExpectedLogoutToken, judge_logout_token
from connectors.signatures.jwe import TokenEncryption
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey

UNFINISHED = "token: nothing is registered"


def unfinished_registrations(world: World) -> Iterator[Case]:
    """Good tokens, each at a registration that is none."""
    bench = world.logout_token("ES256")
    published = world.provider.jwks.decode()
    keys, others = keys_from_jwks(published, "ES256"), keys_from_jwks(published, "ES384")
    # Prepared under a name that nobody else knows: the judge of the header must know it too
    renamed = [VerificationKey(key.kid, "ES512", key.prepared) for key in keys]
    registered: dict[str, tuple[str, Sequence[VerificationKey], dict[str, str]]] = {
        "no key": ("ES256", (), {}),
        "a key of another algorithm": ("ES256", (*keys, *others), {}),
        "an algorithm that we do not have": ("ES512", renamed, {"alg": "ES512"}),
    }
    for what, (alg, held, said) in registered.items():
        octets = bench.token(header={**said})
        yield _at(bench, world, alg, held, what).refused(UNFINISHED, what, octets, "jws_keys")
    yield from _encrypted(world)


def _at(bench: Bench, world: World, alg: str, keys: Sequence[VerificationKey], what: str) -> Bench:
    expected = ExpectedLogoutToken(OP, AT_PROVIDER, alg)

    def judge(octets: bytes) -> None:
        judge_logout_token(as_text(octets), keys, expected, world.now)

    name = f"logout token with {what}"
    return replace(bench, where=name, entrance=Entrance(name, judge, None))


def _encrypted(world: World) -> Iterator[Case]:
    key, on_p384 = decryption_key(), DecryptionKey("p-384", generate_private_key(SECP384R1()))
    registered = {
        "no key": (TokenEncryption((), "A256GCM"), _to(world, key)),
        "a key on another curve": (TokenEncryption((key, on_p384), "A256GCM"), _to(world, key)),
        "another agreement": (TokenEncryption((key,), "A256GCM", "ECDH-ES+A256KW"), _to(world, key, alg="ECDH-ES+A256KW")),
        "another content encryption": (TokenEncryption((key,), "A192GCM"), _to(world, key, enc="A192GCM")),
    }
    for what, (encryption, jwe) in registered.items():
        bench = world.id_token_expecting(f"encrypted id_token with {what}", encrypted=encryption)
        yield bench.refused(UNFINISHED, f"encrypted, {what}", jwe.octets, "jwe_keys")


def _to(world: World, key: DecryptionKey, alg: str = "ECDH-ES", enc: str = "A256GCM") -> Encrypted:
    token = world.id_token("ES256").token()
    return encrypted(token, key.private.public_key(), {"kid": key.key_id, "alg": alg}, enc)
