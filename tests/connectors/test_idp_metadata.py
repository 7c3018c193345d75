"""Pinned metadata of an identity provider: what is read, and in which words an operator hears of what is not."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.formats.metadata import read_identity_provider
from connectors.metadata.pinned_provider import pinned_provider
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import ALGORITHMS
from connectors.signatures.jwk import thumbprint
from connectors.signatures.pinned_keys import prepared
from policies.errors import Misconfigured
from policies.parties import EntityId, Source
from tests.connectors import forge
from tests.connectors.forge import IDP, SSO, metadata

SOURCE = Source("providers/ee.toml", 4)


def test_metadata_gives_keys_and_addresses(idp: forge.SigningParty, stranger: forge.SigningParty) -> None:
    read = pinned_provider(metadata(idp, stranger), EntityId(IDP), SOURCE)
    said = read.metadata
    assert (said.entity_id, said.redirect_url, said.post_url) == (IDP, SSO, f"{SSO}/post")
    assert len(read.keys) == 2
    assert read.keys[0].key_id == thumbprint(read.keys[0].public_key)
    assert read.keys[0].key_id != read.keys[1].key_id


def test_a_key_that_stands_twice_is_one_key(idp: forge.SigningParty) -> None:
    assert len(pinned_provider(metadata(idp, idp), EntityId(IDP), SOURCE).keys) == 1


def test_keys_for_encryption_do_not_verify(idp: forge.SigningParty, stranger: forge.SigningParty) -> None:
    signing, both = metadata(idp), metadata(stranger, use=' use="encryption"')
    descriptor = both[both.index(b"<md:KeyDescriptor") : both.index(b"<md:SingleSignOnService")]
    merged = signing.replace(b"<md:SingleSignOnService", descriptor + b"<md:SingleSignOnService", 1)
    assert read_identity_provider(merged, IDP).certificates == (idp.certificate,)


def beside(octets: bytes, certificate: bytes) -> bytes:
    """One more certificate in the same KeyDescriptor."""
    end, text = b"</ds:X509Certificate>", base64.b64encode(certificate)
    return octets.replace(end, end + b"<ds:X509Certificate>" + text + end, 1)


def test_an_authority_beside_the_certificate_that_it_issued_does_not_sign_for_the_provider(
    idp: forge.SigningParty, stranger: forge.SigningParty
) -> None:
    with pytest.raises(Misconfigured, match="several certificates"):
        pinned_provider(beside(metadata(idp), stranger.certificate), EntityId(IDP), SOURCE)
    assert len(pinned_provider(beside(metadata(idp), idp.certificate), EntityId(IDP), SOURCE).keys) == 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"<md:IDPSSODescriptor", b"<!DOCTYPE a><md:IDPSSODescriptor", "doctype"),
        (b"<ds:X509Certificate>\nM", b"<ds:X509Certificate>\nM<!-- cut -->", "comment stands inside"),
        (b"</md:EntityDescriptor>", b"", "no plain XML"),
        (b'entityID="https://idp.example', b'entityID="https://evil.example', "entityID is not"),
        (b"SAML:2.0:protocol", b"SAML:1.1:protocol", "exactly one IDPSSODescriptor"),
        (b"KeyDescriptor", b"KeyDescriptors", "no certificate for signing"),
        (b"\nM", b"\n*", "not base64"),
    ],
)
def test_metadata_that_cannot_be_used_is_named_for_the_operator(
    idp: forge.SigningParty, old: bytes, new: bytes, words: str
) -> None:
    original = metadata(idp)
    assert old in original
    with pytest.raises(Misconfigured, match=words) as problems:
        pinned_provider(original.replace(old, new), EntityId(IDP), SOURCE)
    (problem,) = problems.value.problems
    assert (problem.file, problem.line, problem.key) == ("providers/ee.toml", 4, "metadata")
    assert problem.fix


@pytest.mark.spec("saml.md §11")
def test_weak_and_odd_keys_are_refused_when_they_are_loaded() -> None:
    weak = forge.rsa_party(1024)
    with pytest.raises(Misconfigured, match="1024 bits"):
        pinned_provider(metadata(weak), EntityId(IDP), SOURCE)
    odd = forge.party(ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(Misconfigured, match="neither RSA nor on P-256 or P-384"):
        pinned_provider(metadata(odd), EntityId(IDP), SOURCE)
    with pytest.raises(ValueError, match="neither RSA"):
        prepared(ed25519.Ed25519PrivateKey.generate().public_key(), SAML2INT)
    assert SAML2INT.minimum_rsa_bits == 2048


def test_a_key_takes_only_signatures_of_its_own_kind() -> None:
    """Key confusion: the algorithm that a message names never chooses what a key is used for."""
    point = prepared(ec.generate_private_key(ec.SECP256R1()).public_key(), EIDAS)
    for algorithm in ALGORITHMS.values():
        for signature in (b"", b"\x00" * 64, b"\x00" * 63, b"\xff" * 256):
            assert not point.verifies(algorithm, signature, b"octets")
    assert point.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
