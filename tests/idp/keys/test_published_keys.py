"""Our keys as others see them while one takes over from another: id_tokens, SAML, other countries' nodes."""

import re
from base64 import b64decode
from pathlib import Path

import pytest

from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.signatures.signer import decrypting
from idp.keys import kinds
from idp.keys.change import MINUTE, make
from idp.keys.folder import BrokerKeys, create_keys, load_keys
from idp.keys.kinds import JWKS_SECONDS, SAML_LIFE
from idp.protocols.cached_metadata import Published
from idp.protocols.oidc.issuance import ID_TOKEN_LIFE
from idp.protocols.oidc.metadata import jwks
from idp.protocols.oidc.provider import PUBLIC

ORIGIN = "broker.example/log"
BEGINS = 1_795_600_020 // MINUTE * MINUTE
BEFORE = BEGINS - 60


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> BrokerKeys:
    """A folder in which each of three kinds has a key that takes over at `BEGINS`."""
    folder: Path = tmp_path_factory.mktemp("made") / "keys"
    create_keys(folder, ORIGIN, "broker.example", saml_encryption=True)
    for kind in (kinds.ES256, kinds.SAML, kinds.SAML_ENCRYPTION):
        make(folder, kind, BEGINS, host="broker.example", now=BEFORE, production=True)
    return load_keys(folder, ORIGIN)


def kids(keys: BrokerKeys, now: int) -> list[str]:
    found = jwks({"ES256": keys.es256, "RS256": keys.rs256}, now)["keys"]
    assert isinstance(found, list)
    return [str(key["kid"]) for key in found if isinstance(key, dict) and key["alg"] == "ES256"]


def metadata(keys: BrokerKeys, now: int, use: str) -> list[bytes]:
    ring = keys.saml_encryption
    assert ring is not None
    octets = service_provider_metadata(
        entity_id="https://broker.example/saml/metadata",
        acs_url="https://broker.example/saml/acs",
        signer=keys.saml,
        now=now,
        valid_for=SAML_LIFE,
        encryption=ring.at(now).certificate,
    ).decode()
    described = rf'KeyDescriptor use="{use}">.*?<ds:X509Certificate>([^<]+)<'
    return [b64decode(found) for found in re.findall(described, octets, re.DOTALL)]


@pytest.mark.spec("OpenID Connect Core §10.1.1")
def test_the_next_key_of_id_tokens_is_in_the_jwks_before_it_signs_and_the_last_one_after(keys: BrokerKeys) -> None:
    first, second = keys.es256.at(BEFORE).key_id, keys.es256.at(BEGINS).key_id
    assert kids(keys, BEFORE) == [first, second]
    assert kids(keys, BEGINS) == [second, first]
    assert kids(keys, BEGINS + kinds.ES256.overlap) == [second]


def test_caches_of_the_jwks_fit_the_overlap() -> None:
    assert PUBLIC["Cache-Control"] == f"public, max-age={JWKS_SECONDS}"
    for kind in (kinds.ES256, kinds.RS256):
        assert kind.lead > JWKS_SECONDS, "whoever kept it knows the next key before it signs"
        assert kind.overlap > JWKS_SECONDS + ID_TOKEN_LIFE, "and the last one for as long as its tokens live"


@pytest.mark.spec("saml.md §11 KeyDescriptor")
def test_saml_metadata_has_every_key_that_signs_in_its_life_and_one_to_encrypt_to(keys: BrokerKeys) -> None:
    first, second = keys.saml.at(BEFORE).certificate, keys.saml.at(BEGINS).certificate
    assert metadata(keys, BEFORE, "signing") == [first, second]
    assert metadata(keys, BEGINS, "signing") == [second, first]
    assert metadata(keys, BEGINS + kinds.SAML.overlap, "signing") == [second]
    ring = keys.saml_encryption
    assert ring is not None
    assert metadata(keys, BEFORE, "encryption") == [ring.at(BEFORE).certificate]
    assert metadata(keys, BEGINS, "encryption") == [ring.at(BEGINS).certificate]


def test_what_was_encrypted_to_the_key_before_is_decrypted_for_the_overlap(keys: BrokerKeys) -> None:
    ring = keys.saml_encryption
    assert ring is not None
    chosen = decrypting(ring)
    first, second = ring.at(BEFORE), ring.at(BEGINS)
    assert list(chosen(BEFORE)) == [first, second]
    assert list(chosen(BEGINS + kinds.SAML_ENCRYPTION.overlap - 1)) == [second, first]
    assert list(chosen(BEGINS + kinds.SAML_ENCRYPTION.overlap)) == [second]
    assert list(decrypting([first])(BEGINS)) == [first], "a sequence is always all of it"


def test_a_document_is_made_anew_when_other_keys_are_to_be_known(keys: BrokerKeys) -> None:
    made: list[int] = []

    def make_it(now: int, _valid_for: int) -> bytes:
        made.append(now)
        return str(now).encode()

    document = Published(make_it, SAML_LIFE, keys.saml)
    for now in (BEFORE, BEFORE + 1, BEGINS, BEGINS + 1):
        document(now)
    assert made == [BEFORE, BEGINS]


def test_a_revoked_key_is_published_nowhere(keys: BrokerKeys) -> None:
    second = keys.es256.at(BEGINS).key_id
    keys.obey(lambda key_id: key_id == second)
    try:
        assert second not in kids(keys, BEFORE)
        assert second not in kids(keys, BEGINS)
    finally:
        keys.obey(lambda _key_id: False)
