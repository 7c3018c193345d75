"""Registrations that no token may satisfy: without keys, for an algorithm that we do not have, with keys of another one.

Empty is refusal. A server does not start with such a one; the judges refuse it all the same.
"""

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from connectors.attacks.case import Case
from connectors.attacks.tokens.jwe_text import JweKey, encrypted
from connectors.attacks.tokens.token_benches import AT_PROVIDER, OP, Judge, TokenWorld
from connectors.logout_token import ExpectedLogoutToken, judge_logout_token
from connectors.signatures.jwe import TokenEncryption
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey

UNFINISHED = "token: nothing is registered"


def unfinished_registrations(world: TokenWorld) -> Iterator[Case]:
    """Good tokens, each at a registration that is none."""
    bench, published = world.logout_token("ES256"), world.provider.jwks.decode()
    keys, others = keys_from_jwks(published, "ES256"), keys_from_jwks(published, "ES384")
    # Prepared under a name that nobody else knows: the judge of the header must know it too
    renamed = [VerificationKey(key.kid, "ES512", key.prepared) for key in keys]
    registered: dict[str, tuple[str, Sequence[VerificationKey]]] = {
        "no key": ("ES256", ()),
        "a key of another algorithm": ("ES256", (*keys, *others)),
        "an algorithm that we do not have": ("ES512", renamed),
    }
    for what, (alg, held) in registered.items():
        here = world.judged_by(f"logout token with {what}", _with_keys(world, alg, held), bench)
        yield here.refused(UNFINISHED, what, bench.token(header={"alg": alg}), "jws_keys")
    yield from _encrypted(world)


def _with_keys(world: TokenWorld, alg: str, held: Sequence[VerificationKey]) -> Judge:
    expected = ExpectedLogoutToken(OP, AT_PROVIDER, alg)
    return lambda token, _: judge_logout_token(token, held, expected, world.now)


def _encrypted(world: TokenWorld) -> Iterator[Case]:
    key, on_p384 = JweKey(), JweKey(generate_private_key(SECP384R1()), "p-384")
    wrapped = "ECDH-ES+A256KW"
    registered = {
        "no key": (TokenEncryption((), "A256GCM"), "ECDH-ES"),
        "a key on another curve": (TokenEncryption((key.ours, on_p384.ours), "A256GCM"), "ECDH-ES"),
        "another agreement": (TokenEncryption((key.ours,), "A256GCM", wrapped), wrapped),
        "another content encryption": (TokenEncryption((key.ours,), "A192GCM"), "ECDH-ES"),
    }
    for what, (encryption, alg) in registered.items():
        bench = world.id_token_expecting(f"encrypted id_token with {what}", encrypted=encryption)
        jwe = encrypted(bench.token(), key.public, {"kid": key.key_id, "alg": alg}, encryption.enc)
        yield bench.refused(UNFINISHED, f"encrypted, {what}", jwe.octets, "jwe_keys")
