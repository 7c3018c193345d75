"""Two profiles as data, and that whoever signs or verifies keeps to the one that was named."""

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures.algorithms import ALGORITHMS
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import key_of_certificate, prepared
from connectors.signatures.shapes import REQUEST
from connectors.signatures.signer import algorithm_for
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlsign import sign_enveloped
from policies.errors import BrokerError, SignatureInvalid
from tests.connectors import crossing, forge
from tests.connectors.crossing import MORE, PSS, by, file_signer, node, on_curve, pinned
from tests.connectors.forge import SAML, SAMLP

NIST = {"secp256r1", "secp384r1", "secp521r1"}
BRAINPOOL = ("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")
XML = (
    f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_q" Version="2.0">'
    "<saml:Issuer>https://connector.example</saml:Issuer><samlp:Extensions>x</samlp:Extensions></samlp:AuthnRequest>"
).encode()


@pytest.mark.spec("eidas.md §7 signature algorithms; eidas.md §7 digests; eidas.md §7 curves; eidas.md §7 brainpool")
def test_eidas_takes_exactly_what_its_cryptographic_requirements_list() -> None:
    newer = "http://www.w3.org/2007/05/xmldsig-more#"
    assert EIDAS.signature_algorithms == {
        *(f"{newer}sha{bits}-rsa-MGF1" for bits in (256, 384, 512)),
        *(f"{MORE}ecdsa-sha{bits}" for bits in (256, 384, 512)),
    }
    xmlenc, xmlenc11 = crossing.XENC, crossing.XENC11
    assert EIDAS.digests == EIDAS.oaep_digests == {f"{xmlenc}sha256", f"{MORE}sha384", f"{xmlenc}sha512"}
    assert EIDAS.content_encryption == {f"{xmlenc11}aes{bits}-gcm" for bits in (128, 192, 256)}
    assert EIDAS.key_transports == {f"{xmlenc11}rsa-oaep"}
    assert EIDAS.oaep_mgfs == {f"{xmlenc11}mgf1sha{bits}" for bits in (256, 384, 512)}
    assert (EIDAS.minimum_rsa_bits, EIDAS.skew, EIDAS.max_age, EIDAS.certificate_dates) == (3072, 60, 300, True)
    assert EIDAS.minimum_rsa_exponent == 65537
    assert EIDAS.curves == {*NIST, "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"}
    assert EIDAS.key_agreements == {f"{xmlenc11}ECDH-ES"}
    assert EIDAS.kdf_digests == EIDAS.digests
    assert EIDAS.key_wraps == {f"{xmlenc}kw-aes128", f"{xmlenc}kw-aes256"}


@pytest.mark.spec("saml.md §11")
def test_saml2int_takes_what_deployed_identity_providers_send() -> None:
    assert SAML2INT.signature_algorithms == {f"{MORE}{kind}-sha{n}" for kind in ("rsa", "ecdsa") for n in (256, 384, 512)}
    assert (SAML2INT.minimum_rsa_bits, SAML2INT.skew, SAML2INT.max_age) == (2048, 180, 300)
    assert SAML2INT.minimum_rsa_exponent == 5
    assert SAML2INT.certificate_dates is False
    assert SAML2INT.curves == NIST
    assert SAML2INT.key_agreements == SAML2INT.kdf_digests == SAML2INT.key_wraps == frozenset()


# -- signatures of others ------------------------------------------------------------------------------------------------


def signed(party: forge.SigningParty, algorithm: str) -> bytes:
    return forge.signed(XML, ["_q"], party, by(algorithm))


def check_of(octets: bytes, party: forge.SigningParty, profile: Profile = EIDAS, prepared_for: Profile = EIDAS) -> str:
    with pytest.raises(SignatureInvalid) as refusal:
        verify(octets, [pinned(party, prepared_for)], REQUEST, profile)
    return refusal.value.check


@pytest.mark.spec("eidas.md §7 minimum key sizes")
def test_a_key_below_3072_bits_is_not_loaded_and_does_not_verify_if_it_was() -> None:
    short = node("")
    with pytest.raises(ValueError, match="2048 bits; 3072 to 8192"):
        pinned(short)
    octets = signed(short, PSS.format(256))
    assert check_of(octets, short, EIDAS, SAML2INT) == "signature"
    taken = replace(EIDAS, minimum_rsa_bits=2048)
    assert isinstance(verify(octets, [pinned(short, taken)], REQUEST, taken), SignedMessage)


def test_a_curve_is_taken_where_the_profile_names_it() -> None:
    for name in BRAINPOOL:
        with pytest.raises(ValueError, match=r"RSA nor on P-256 or P-384 or P-521$"):
            pinned(on_curve(name), SAML2INT)
    with pytest.raises(ValueError, match=r"P-521 or brainpoolP256r1 or brainpoolP384r1 or brainpoolP512r1$"):
        prepared(ec.generate_private_key(ec.SECP256K1()).public_key(), EIDAS)
    with pytest.raises(ValueError, match="P-256"):
        prepared(object(), EIDAS)
    for name in BRAINPOOL:
        octets = signed(on_curve(name), f"{MORE}ecdsa-sha512")
        assert check_of(octets, on_curve(name), SAML2INT) == "signature"
        assert isinstance(verify(octets, [pinned(on_curve(name))], REQUEST, EIDAS), SignedMessage)


@pytest.mark.spec("RFC 7638 §3.1; eidas.md §7 brainpool")
@pytest.mark.parametrize(("name", "size"), [(256, 32), (521, 66), ("brainpoolP384r1", 48)])
def test_a_key_is_named_by_the_thumbprint_of_its_point_whatever_the_curve(name: int | str, size: int) -> None:
    key = pinned(on_curve(name))
    assert isinstance(key.public_key, ec.EllipticCurvePublicKey)
    numbers = key.public_key.public_numbers()
    x, y = (base64.urlsafe_b64encode(each.to_bytes(size)).decode().rstrip("=") for each in (numbers.x, numbers.y))
    members = json.dumps({"crv": f"P-{name}" if isinstance(name, int) else name, "kty": "EC", "x": x, "y": y})
    digest = hashlib.sha256(members.replace(" ", "").encode()).digest()
    assert key.key_id == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_a_certificate_of_an_unknown_kind_of_key_is_refused_in_words() -> None:
    """A peer's metadata may hold any: what pyca does not know must not come out as something else than a ValueError."""
    elliptic = bytes.fromhex("06072a8648ce3d0201")
    der = on_curve(256).certificate
    assert elliptic in der
    for profile in (EIDAS, SAML2INT):
        with pytest.raises(ValueError, match="nobody here knows"):
            key_of_certificate(der.replace(elliptic, elliptic[:-1] + b"\x7f"), profile)
        with pytest.raises(ValueError, match=r"."):
            key_of_certificate(b"no certificate", profile)


@pytest.mark.spec("eidas.md §7 certificate dates")
def test_a_key_is_in_force_within_the_dates_of_its_certificate_both_included() -> None:
    party = node("peer")
    certificate = load_der_x509_certificate(party.certificate)
    begin, end = (int(found.timestamp()) for found in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    key = pinned(party)
    assert (key.not_before, key.not_after) == (begin, end)
    assert [key.in_force(now) for now in (begin - 1, begin, end, end + 1, forge.NOW)] == [False, True, True, False, False]
    always = key_of_certificate(party.certificate, SAML2INT)
    assert (always.not_before, always.not_after) == (None, None)
    assert always.in_force(0)
    assert always.in_force(forge.NOW)


# -- signatures of ours --------------------------------------------------------------------------------------------------


def ours(party: forge.SigningParty, profile: Profile) -> bytes:
    return sign_enveloped(etree.fromstring(XML), file_signer(party), place=1, profile=profile)


def test_a_key_that_the_profile_does_not_take_does_not_sign() -> None:
    for party, profile in ((node(""), EIDAS), (on_curve("brainpoolP256r1"), SAML2INT), (on_curve("secp256k1"), EIDAS)):
        with pytest.raises(BrokerError, match="none to sign with"):
            ours(party, profile)
    for profile in (replace(EIDAS, signature_algorithms=frozenset()), replace(EIDAS, curves=frozenset())):
        with pytest.raises(BrokerError, match="none to sign with"):
            algorithm_for(file_signer(on_curve(256)), profile)
    assert algorithm_for(file_signer(node("")), SAML2INT).uri == f"{MORE}rsa-sha256"


def test_a_key_does_not_sign_by_the_algorithm_of_another_kind_of_key() -> None:
    for party, uri in (
        (node("peer"), f"{MORE}ecdsa-sha256"),
        (on_curve(256), PSS.format(256)),
        (on_curve(256), f"{MORE}rsa-sha256"),
    ):
        with pytest.raises(BrokerError, match="no signature of the kind"):
            file_signer(party).sign(b"data", ALGORITHMS[uri])


def _commented(template: Element) -> None:
    template[0][0].set("Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments")


def _sha1(template: Element) -> None:
    template[0][2][1].set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")


@pytest.mark.spec("eidas.md §7 canonicalisation; eidas.md §7 PKCS1 and SHA-1 refused")
def test_another_canonicalisation_or_digest_is_refused_though_libxmlsec_made_it() -> None:
    for check, edit in (("canonicalisation_method", _commented), ("digest_algorithm", _sha1)):
        octets = forge.signed(XML, ["_q"], node("peer"), by(PSS.format(256), edit))
        assert check_of(octets, node("peer")) == check
