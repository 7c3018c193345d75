"""RSASSA-PSS and ECDSA, both ways with two others: libxmlsec and signxml."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier
from xmlsec import constants

from connectors.profiles import EIDAS
from connectors.signatures.algorithms import ALGORITHMS, SignatureAlgorithm
from connectors.signatures.shapes import REQUEST
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlsign import sign_enveloped
from policies.errors import SignatureInvalid
from tests.connectors import crossing, forge
from tests.connectors.crossing import MORE, by, file_signer, node, on_curve, pinned
from tests.connectors.forge import SAML, SAMLP, SigningParty

XML = (
    f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_q" Version="2.0">'
    "<saml:Issuer>https://connector.example</saml:Issuer><samlp:Extensions>x</samlp:Extensions></samlp:AuthnRequest>"
).encode()
PARTIES: dict[str, Callable[[], SigningParty]] = {
    "RSA": lambda: node("peer"),
    "P-256": lambda: on_curve(256),
    "P-384": lambda: on_curve(384),
    "P-521": lambda: on_curve(521),
    "brainpoolP256r1": lambda: on_curve("brainpoolP256r1"),
    "brainpoolP384r1": lambda: on_curve("brainpoolP384r1"),
    "brainpoolP512r1": lambda: on_curve("brainpoolP512r1"),
}
# Each algorithm with one key, and each curve with one algorithm
EVERY = [
    *(("RSA", crossing.PSS.format(bits)) for bits in (256, 384, 512)),
    *(("P-256", f"{MORE}ecdsa-sha{bits}") for bits in (256, 384, 512)),
    *((name, f"{MORE}ecdsa-sha256") for name in PARTIES if name not in ("RSA", "P-256")),
]
IDS = [f"{name} {uri.rpartition('#')[2]}" for name, uri in EVERY]


def refused(octets: bytes, party: SigningParty) -> str:
    with pytest.raises(SignatureInvalid) as refusal:
        verify(octets, [pinned(party)], REQUEST, EIDAS)
    return refusal.value.check


def curve_of(party: SigningParty) -> ec.EllipticCurve:
    key = load_pem_private_key(party.pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.curve


@pytest.mark.spec("eidas.md §7 signature algorithms; eidas.md §7 brainpool")
@pytest.mark.parametrize(("name", "uri"), EVERY, ids=IDS)
def test_what_libxmlsec_signs_is_verified_and_altered_refused(name: str, uri: str) -> None:
    party = PARTIES[name]()
    octets = forge.signed(XML, ["_q"], party, by(uri))
    assert isinstance(verify(octets, [pinned(party)], REQUEST, EIDAS), SignedMessage)
    assert refused(octets.replace(b">x<", b">y<"), party) == "digest"
    assert refused(octets.replace(b"<ds:SignatureValue>", b"<ds:SignatureValue>AAAA"), party) == "signature"
    other = node("stranger") if name == "RSA" else forge.party(ec.generate_private_key(curve_of(party)))
    assert refused(octets, other) == "signature"


@pytest.mark.spec("eidas.md §7 signature algorithms")
@pytest.mark.parametrize(("name", "uri"), EVERY, ids=IDS)
def test_what_signxml_signs_is_verified(name: str, uri: str) -> None:
    party = PARTIES[name]()
    made = XMLSigner(
        signature_algorithm=SignatureMethod(uri),
        digest_algorithm="sha512",
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    ).sign(etree.fromstring(XML), key=party.pem, cert=[load_der_x509_certificate(party.certificate)], reference_uri="_q")
    made.insert(1, made[-1])
    octets = etree.tostring(made)
    assert isinstance(verify(octets, [pinned(party)], REQUEST, EIDAS), SignedMessage)
    assert refused(octets.replace(b">x<", b">y<"), party) == "digest"


@pytest.mark.spec("eidas.md §7 signature algorithms; eidas.md §7 brainpool")
@pytest.mark.parametrize("name", PARTIES)
def test_libxmlsec_and_signxml_verify_what_we_sign(name: str) -> None:
    party = PARTIES[name]()
    octets = sign_enveloped(etree.fromstring(XML), file_signer(party), place=1, profile=EIDAS)
    for altered in (False, True):
        root = etree.fromstring(octets.replace(b">x<", b">y<") if altered else octets)
        xmlsec.tree.add_ids(root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(party.certificate, constants.KeyDataFormatCertDer)
        if altered:
            with pytest.raises(xmlsec.Error):
                context.verify(root[1])
        else:
            context.verify(root[1])
    expected = SignatureConfiguration(
        signature_methods=frozenset({SignatureMethod(uri) for uri in EIDAS.signature_algorithms}),
        location="./",
        verification_time=datetime(2001, 1, 2, tzinfo=UTC),  # within the dates of its certificate
    )
    certificate = load_der_x509_certificate(party.certificate)
    found = XMLVerifier().verify(octets, x509_cert=certificate, expect_config=expected, validate_schema=False)
    assert not isinstance(found, list)
    assert found.signed_xml is not None
    assert found.signed_xml.get("ID") == "_q"


HASHES: list[HashAlgorithm] = [SHA256(), SHA384(), SHA512()]


@pytest.mark.spec("eidas.md §7 PSS parameters")
@pytest.mark.parametrize("digest", HASHES, ids=lambda digest: digest.name)
def test_pss_has_one_salt_and_one_mask(digest: HashAlgorithm) -> None:
    """Read from the signature (`AUTO`), the salt would be the sender's choice, none included."""
    key = load_pem_private_key(node("peer").pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    algorithm = ALGORITHMS[f"http://www.w3.org/2007/05/xmldsig-more#{digest.name}-rsa-MGF1"]
    size = digest.digest_size
    verifies = pinned(node("peer")).verifies
    assert verifies(algorithm, key.sign(b"octets", PSS(MGF1(digest), size), digest), b"octets")
    for salt in (0, 20, size - 1, size + 1, PSS.MAX_LENGTH):
        assert not verifies(algorithm, key.sign(b"octets", PSS(MGF1(digest), salt), digest), b"octets")
    for other in HASHES:
        if other.name != digest.name:
            assert not verifies(algorithm, key.sign(b"octets", PSS(MGF1(other), size), digest), b"octets")
            assert not verifies(algorithm, key.sign(b"octets", PSS(MGF1(digest), size), other), b"octets")
    assert not verifies(algorithm, key.sign(b"octets", PKCS1v15(), digest), b"octets")


@pytest.mark.spec("XML Signature 1.1 §6.4.3; eidas.md §7 brainpool")
@pytest.mark.parametrize(
    ("curve", "size"),
    [(256, 32), (521, 66), ("brainpoolP384r1", 48)],
)
def test_an_ecdsa_signature_is_r_and_s_of_the_curves_length(curve: int | str, size: int) -> None:
    party = on_curve(curve)
    algorithm = SignatureAlgorithm("urn:test", "ecdsa", SHA256())
    key = pinned(party)
    for number in range(40):
        made = file_signer(party).sign(bytes([number]), algorithm)
        assert len(made) == 2 * size
        assert key.verifies(algorithm, made, bytes([number]))
    r, s = int.from_bytes(made[:size]), int.from_bytes(made[size:])
    der = encode_dss_signature(r, s)
    assert decode_dss_signature(der) == (r, s)
    # As DER, which other programs send; longer and shorter; nothing; and numbers that no signature has
    for wrong in (
        der,
        made + b"\0",
        # The same two numbers, spelled longer
        made[:size] + b"\0" + made[size:],
        b"\0" + made,
        b"\0" + made[:size] + b"\0" + made[size:],
        made[:-1],
        b"",
        bytes(2 * size),
        made[:size] + bytes(size),
        bytes(size) + made[size:],
        b"\xff" * (2 * size),
        made[size:] + made[:size],
    ):
        assert not key.verifies(algorithm, wrong, bytes([number])), wrong
