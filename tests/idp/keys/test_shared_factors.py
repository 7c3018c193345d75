"""A key of somebody else that shares a prime with one of ours is refused, wherever a registration or metadata has it."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from connectors.addresses import FetchError
from connectors.attacks.key_holders import ec_holder
from connectors.attacks.metadata_text import IDP, provider
from connectors.attacks.registrations.odd_certificates import FAULTS, changed
from connectors.attacks.registrations.public_keys import certificate
from connectors.metadata.judgement import check_apart_from
from connectors.signatures.jws import base64url
from connectors.signatures.rsa_keys import check_rsa
from idp.keys.folder import BrokerKeys, create_keys, load_keys
from idp.keys.shared_factors import own_moduli, shared_factor_problems
from policies.load import Configuration
from policies.parties import EntityId, NodeId, Peer, RequestingNode, Source
from tests.idp.house import configuration

NOW = 1_795_600_000


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> BrokerKeys:
    folder = tmp_path_factory.mktemp("keys") / "keys"
    create_keys(folder, "city.example/log", "city.example", saml_encryption=True)
    return load_keys(folder, "city.example/log")


@pytest.fixture(scope="module")
def sharing(keys: BrokerKeys) -> RSAPublicKey:
    """A key with one prime of our key that signs requests, and one of its own."""
    ours = keys.saml.at(NOW)._private_key
    assert isinstance(ours, rsa.RSAPrivateKey)
    theirs = rsa.generate_private_key(public_exponent=65537, key_size=ours.key_size)
    return RSAPublicNumbers(65537, ours.private_numbers().p * theirs.private_numbers().q).public_key()


def test_no_key_by_itself_shows_that_it_shares_a_prime(sharing: RSAPublicKey) -> None:
    check_rsa(sharing.public_numbers(), 2048, 65537)


def test_every_rsa_key_of_ours_is_looked_at(keys: BrokerKeys) -> None:
    assert len(own_moduli(keys)) == len({"saml", "saml-encryption", "rs256", "node", "node-metadata", "node-encryption"})


@pytest.mark.parametrize("place", ["metadata", "jwks", "metadata_certificate", "anchors"])
def test_a_registration_with_such_a_key_does_not_start(place: str, keys: BrokerKeys, sharing: RSAPublicKey) -> None:
    issuer = ec.generate_private_key(ec.SECP256R1())
    good = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    for key, expected in ((good, []), (sharing, ["metadata_certificate" if place == "anchors" else place])):
        der = certificate(key, issuer, NOW)
        found = shared_factor_problems(_registered(place, key, der), keys)
        assert [problem.key for problem in found] == expected


def _registered(place: str, key: RSAPublicKey, der: bytes) -> Configuration:
    base = configuration()
    if place == "jwks":
        (name, party), *_ = base.parties.items()
        numbers = key.public_numbers()
        n, e = (base64url(one.to_bytes((one.bit_length() + 7) // 8)) for one in (numbers.n, numbers.e))
        jwks = json.dumps({"keys": [{"kty": "RSA", "n": n, "e": e, "use": "sig"}]})
        return replace(base, parties={**base.parties, name: replace(party, jwks=jwks)})
    if place == "metadata":
        (provider_id, registered), *_ = base.providers.items()
        holder = replace(ec_holder("idp", NOW, ec.SECP256R1()), certificate=der)
        pinned = replace(registered, entity_id=EntityId(IDP), metadata=provider([holder], None).encode())
        return replace(base, providers={**base.providers, provider_id: pinned})
    source = Source("nodes/ee.toml", 1)
    pinned_der, anchors = (b"", (der,)) if place == "anchors" else (der, ())
    peer = Peer(EntityId("https://ee.example"), "EE", "https://ee.example", pinned_der, "", (), source, anchors=anchors)
    return replace(base, nodes={NodeId("ee"): RequestingNode(NodeId("ee"), {"en": "EE"}, peer, source)})


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_metadata_with_such_a_key_is_refused_however_its_certificate_is_read(
    fault: str, keys: BrokerKeys, sharing: RSAPublicKey
) -> None:
    issuer = ec.generate_private_key(ec.SECP256R1())
    der = certificate(sharing, issuer, NOW)
    odd = changed(der, issuer, FAULTS[fault]) if fault else der
    with pytest.raises(FetchError, match="shares a factor with a key of ours"):
        check_apart_from([odd], own_moduli(keys))
    check_apart_from([odd], ())
