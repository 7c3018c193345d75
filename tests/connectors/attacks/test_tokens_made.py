"""Tokens by hand are what others call tokens: joserfc verifies and decrypts the good ones."""

import json

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey, import_key

from connectors.attacks.tokens.jwe_text import JweKey, encrypted
from connectors.attacks.tokens.jws_text import ALGORITHMS, TokenKey, new_key, signed, written
from connectors.attacks.tokens.signatures import the_other_s
from connectors.attacks.tokens.token_benches import TokenWorld
from connectors.signatures.jwk import keys_from_jwks

NOW = 1_795_600_000
_THEIRS = {"EdDSA": "Ed25519"}  # joserfc warns of the older name


@pytest.fixture(scope="module")
def world() -> TokenWorld:
    return TokenWorld(NOW)


def imported(alg: str, jwk: dict[str, str]) -> ECKey | OKPKey | RSAKey:
    key = import_key(jwk)  # type: ignore[arg-type] # its own type of a dictionary
    assert isinstance(key, ECKey | OKPKey | RSAKey), alg
    return key


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_by_hand_is_verified_by_somebody_else(alg: str) -> None:
    key = TokenKey("k", alg, new_key(alg))
    theirs = _THEIRS.get(alg, alg)
    token = signed(written({"alg": theirs}), b"payload", key.sign)
    found = jws.deserialize_compact(token, imported(alg, key.jwk), algorithms=[theirs])
    assert found.payload == b"payload"


@pytest.mark.parametrize("enc", ["A128GCM", "A192GCM", "A256GCM"])
def test_an_encryption_by_hand_is_opened_by_somebody_else(enc: str) -> None:
    key = JweKey()
    octets = encrypted(b"inside", key.public, {"apu": "QWxp", "apv": "Qm9i"}, enc).octets
    opened = jwe.decrypt_compact(octets, ECKey.import_key(key.private), algorithms=["ECDH-ES", enc])
    assert opened.plaintext == b"inside"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_party_publishes_a_key_for_each_algorithm(world: TokenWorld, alg: str) -> None:
    published = world.provider.jwks.decode()
    named = {key.kid for key in keys_from_jwks(published, alg)}
    rolled = {world.provider.next_key.kid} if alg == "ES256" else set()
    assert named == {world.provider.keys[alg].kid} | rolled
    assert len(KeySet.import_key_set(json.loads(published)).keys) == len(ALGORITHMS) + 1


def test_the_other_s_is_another_signature_of_the_same_claims(world: TokenWorld) -> None:
    bench = world.id_token("ES384")
    token = the_other_s(bench)
    assert token is not None
    found = jws.deserialize_compact(token, imported("ES384", bench.key.jwk), algorithms=["ES384"])
    assert json.loads(found.payload)["iss"] == bench.claims()["iss"]
    assert the_other_s(world.id_token("RS256")) is None
