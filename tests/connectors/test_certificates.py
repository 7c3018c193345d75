"""Certificates as deployed nodes publish them: two faults are mended for the key and the dates, and nothing else is."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.x509 import load_der_x509_certificate

from connectors.attacks.registrations.odd_certificates import (
    FAULTS,
    PSS_REFUSED,
    PSS_TAKEN,
    changed,
    pss_only,
)
from connectors.attacks.registrations.public_keys import certificate, roca
from connectors.deviations import Tolerance, tolerance
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import ALGORITHMS, RSA_PSS_SHA256, RSA_PSS_SHA512, RSA_SHA256
from connectors.signatures.certificates import key_and_dates
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.xmlenc.encryption import check_recipient
from policies.deviations import LENIENT_CERTIFICATE
from tests.connectors.forge import rsa_key

NOW = int(datetime(2026, 11, 30, tzinfo=UTC).timestamp())
ISSUER = ec.generate_private_key(ec.SECP256R1())
KEY = ec.generate_private_key(ec.SECP384R1()).public_key()
RSA = rsa_key(0)
STRICT = certificate(KEY, ISSUER, NOW)
UNREAD = r"^a certificate that cannot be read$"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_certificate_with_a_fault_of_deployed_nodes_yields_its_key_and_dates_where_the_deviation_is_on(
    fault: str,
) -> None:
    der = changed(STRICT, ISSUER, FAULTS[fault])
    with pytest.raises(ValueError, match="parsing asn1"):
        load_der_x509_certificate(der)
    taken, strictly = tolerance(EIDAS), key_and_dates(STRICT, Tolerance())
    found = key_and_dates(der, taken)
    assert taken.used == (LENIENT_CERTIFICATE,)
    assert found.public_key == KEY
    assert found.dates.lenient
    assert (found.dates.not_before, found.dates.not_after) == (strictly.dates.not_before, strictly.dates.not_after)
    assert not strictly.dates.lenient
    for nobody in (Tolerance(), tolerance(SAML2INT)):
        with pytest.raises(ValueError, match=UNREAD):
            key_of_certificate(der, EIDAS, nobody)
    check_recipient(der, EIDAS)


def test_every_check_of_keys_follows() -> None:
    weak: dict[str, rsa.RSAPublicKey | ec.EllipticCurvePublicKey] = {
        "an RSA key of 2048 bits": rsa_key(0, 2048).public_key(),
        "ROCA": rsa.RSAPublicNumbers(65537, roca(3072)).public_key(),
        "neither RSA nor on": ec.generate_private_key(ec.SECP256K1()).public_key(),
    }
    for words, key in weak.items():
        der = changed(certificate(key, ISSUER, NOW), ISSUER, next(iter(FAULTS.values())))
        with pytest.raises(ValueError, match=words):
            key_of_certificate(der, EIDAS, tolerance(EIDAS))


# Which of our algorithms may verify under a key for RSASSA-PSS alone
BOUND: dict[str, set[str]] = {
    "without parameters": {RSA_PSS_SHA256, RSA_PSS_SHA512},
    "of SHA-256": {RSA_PSS_SHA256},
    "of SHA-512 and a shorter salt": {RSA_PSS_SHA512},
}


def bound(parameters: bytes) -> bytes:
    return changed(certificate(RSA.public_key(), ISSUER, NOW), ISSUER, pss_only(parameters))


def taking(key: PinnedKey) -> set[str]:
    found = set()
    for uri in (RSA_SHA256, RSA_PSS_SHA256, RSA_PSS_SHA512):
        digest = SHA512() if uri == RSA_PSS_SHA512 else SHA256()
        padding = PKCS1v15() if uri == RSA_SHA256 else PSS(MGF1(digest), digest.digest_size)
        if key.verifies(ALGORITHMS[uri], RSA.sign(b"octets", padding, digest), b"octets"):
            found.add(uri)
    return found


@pytest.mark.spec("RFC 4055 §3.1")
@pytest.mark.parametrize("parameters", BOUND)
def test_a_key_for_pss_alone_verifies_pss_with_its_parameters_alone(parameters: str) -> None:
    assert taking(key_of_certificate(bound(PSS_TAKEN[parameters]), EIDAS)) == BOUND[parameters]
    assert taking(key_of_certificate(certificate(RSA.public_key(), ISSUER, NOW), EIDAS)) == {
        RSA_SHA256,
        RSA_PSS_SHA256,
        RSA_PSS_SHA512,
    }


@pytest.mark.spec("RFC 4055 §3.1")
@pytest.mark.parametrize("parameters", PSS_REFUSED)
def test_a_key_for_pss_that_fits_nothing_of_the_profile_is_refused_at_load(parameters: str) -> None:
    with pytest.raises(ValueError, match=r"RSASSA-PSS|a certificate that cannot be read|kind that nobody here knows"):
        key_of_certificate(bound(PSS_REFUSED[parameters]), EIDAS)


@pytest.mark.spec("RFC 4055 §1.2")
def test_nothing_is_encrypted_to_a_key_for_pss_alone() -> None:
    with pytest.raises(ValueError, match="to which nothing is encrypted"):
        check_recipient(bound(b""), EIDAS)
