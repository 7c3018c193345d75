"""The fixtures of signxml's own tests, from its source (.ci/fixtures.txt): xmldsig interop vectors, XAdES, SAML, bombs.

They show XML signature as a language; ours is one closed form of it. So nearly every file is refused, by the check that the
table names, although the keys that it brings are pinned here; those of our form are accepted; and the signatures of
W3C's vectors (XML Signature 1.1, 2012) hold by our keys over their canonical SignedInfo. signxml's source is under
Apache-2.0, the vectors under their authors' terms: they are downloaded and read, never committed. The distributions of
pysaml2 and python3-saml have no fixtures.
"""

import base64
import hashlib
import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate
from lxml import etree

from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import ALGORITHMS
from connectors.signatures.certificates import certificate_of
from connectors.signatures.parse import Element, canonical
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import DS, EXC_C14N, SIGNATURE, inclusive_prefixes
from connectors.signatures.xmldsig import Shape, verify
from policies.errors import AssertionRejected

# Some certificates of XAdES have serial numbers that pyca warns of
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore:Parsed a serial number")]
ROOT = Path(__file__).parents[2]
# Everything that one of the two profiles takes, so that nothing is refused for being the other's
EITHER = replace(
    EIDAS, signature_algorithms=EIDAS.signature_algorithms | SAML2INT.signature_algorithms, minimum_rsa_bits=2048
)
NAMES = {"ds": DS, "dsig11": "http://www.w3.org/2009/xmldsig11#"}
CURVES = {
    "urn:oid:1.2.840.10045.3.1.7": ec.SECP256R1(),
    "urn:oid:1.3.132.0.34": ec.SECP384R1(),
    "urn:oid:1.3.132.0.35": ec.SECP521R1(),
}
BESIDE = {
    "interop/TR2012/": "interop/TR2012/rsa-cert.der",
    "interop/xml-crypto/windows_store": "interop/xml-crypto/windows_store_certificate.pem",
}
PHAOS = "interop/phaos-xmldsig-three"
# The check that refuses a file, in the order of the plan of `xmldsig.verify`: the first pattern that matches has it
REFUSED: Mapping[str, tuple[str, ...]] = {
    # bytes and tokens
    "size": ("xades/xades-ecc-brainpool.xml",),
    "encoding": ("xades/Signature-X-SK_DIT-1.xml", "xades/Signature-X-UK_ASC-2.xml", "xades/TEST_S1a_C1a_InTL_VALID.xml"),
    "doctype": (
        *("defusedxml-test-data/[cdeqx]*.xml", "interop/aleksey-xmldsig-01/xpointer-hmac.xml"),
        "interop/merlin-xmldsig-twenty-three/signature.xml",
    ),
    "comment": (
        *("defusedxml-test-data/simple*.xml", "example*.xml", f"{PHAOS}/document*.xml", f"{PHAOS}/signature-dsa-env*.xml"),
        *(f"{PHAOS}/signature-hmac-*-envelop*.xml", f"{PHAOS}/signature-rsa-detached-xslt-transform-bad-*.xml"),
        *(f"{PHAOS}/signature-rsa-envelop*.xml", f"{PHAOS}/signature-rsa-xpath-*.xml", "xades/Signature-X-HU_POL-3.xml"),
    ),
    # namespaces that are no absolute URIs, or an ID in one
    "namespace": ("interop/soap/request.xml", "interop/ws-security/*.xml"),
    # the form of a Signature
    "signature_shape": ("xades/dss1788-original.xml",),
    "key_info": ("interop/merlin-xmldsig-twenty-three/signature-enveloped-dsa.xml",),
    "canonicalisation_method": ("interop/aleksey-xmldsig-01-enveloped/enveloped-*-test-[5678].xml",),
    "signature_algorithm": ("interop/pyXMLSecurity/SAML_assertion1.xml",),
    # RSA of 1024 bits
    "signature": ("interop/pyXMLSecurity/SAML_assertion_sha256.xml",),
    # enveloping and detached signatures, manifests, objects, and Signatures that are not the first child
    "signature_place": ("interop/*.xml", "xades/*.xml", "issues/*.xml", "wsse_keyinfo.xml"),
}
COUNTS = {
    "size": 1,
    "encoding": 3,
    "doctype": 9,
    "comment": 18,
    "namespace": 3,
    "signature_shape": 1,
    "key_info": 1,
    "canonicalisation_method": 4,
    "signature_algorithm": 1,
    "signature": 1,
    "signature_place": 154,
}
# Of the signatures in interop/ that have an algorithm of ours: each of three curves by each hash, and RSA
HELD = {"ecdsa-sha256": 4, "ecdsa-sha384": 3, "ecdsa-sha512": 3, "rsa-sha256": 12, "rsa-sha384": 1, "rsa-sha512": 1}


@pytest.fixture(scope="module")
def files() -> Mapping[str, bytes]:
    """Every file of signxml's tests by its path; a laptop may lack them, CI may not."""
    pinned = (ROOT / ".ci" / "fixtures.txt").read_text(encoding="utf-8").splitlines()[-1]
    name, _, digest = pinned.partition(" --hash=sha256:")
    path = ROOT / ".peers" / "vectors" / f"{name.replace('==', '-')}.tar.gz"
    if not path.is_file():
        assert not os.environ.get("CI"), "signxml's source is missing: .ci/peers downloads it"
        pytest.skip("signxml's source is not here: .ci/peers downloads it")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    return dict(_read(path))


def _read(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            _, _, inside = member.name.partition("/test/")
            held = archive.extractfile(member) if inside and member.isfile() else None
            if held is not None:
                yield inside, held.read()


def tree(octets: bytes) -> Element | None:
    """A tree of whatever can be parsed, without what it would fetch."""
    try:
        return etree.fromstring(octets, etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True))
    except etree.XMLSyntaxError:
        return None


def decoded(text: str | None) -> bytes:
    return base64.b64decode("".join((text or "").split()))


def keys_in(element: Element) -> list[PinnedKey]:
    """Every key that a message brings: what we never look at is pinned here."""
    found: list[object] = []
    for certificate in element.iterfind(".//ds:X509Certificate", NAMES):
        try:
            found.append(certificate_of(decoded(certificate.text)).public_key())
        except ValueError:
            continue
    for value in element.iterfind(".//ds:RSAKeyValue", NAMES):
        exponent, modulus = (
            int.from_bytes(decoded(value.findtext(f"ds:{name}", "", NAMES))) for name in ("Exponent", "Modulus")
        )
        found.append(rsa.RSAPublicNumbers(exponent, modulus).public_key())
    for value in element.iterfind(".//dsig11:ECKeyValue", NAMES):
        curve = value.find("dsig11:NamedCurve", NAMES)
        if curve is not None and curve.get("URI") in CURVES:
            point = decoded(value.findtext("dsig11:PublicKey", "", NAMES))
            found.append(ec.EllipticCurvePublicKey.from_encoded_point(CURVES[str(curve.get("URI"))], point))
    found += [load_der_public_key(decoded(value.text)) for value in element.iterfind(".//dsig11:DEREncodedKeyValue", NAMES)]
    return [PinnedKey(key, "its own") for key in found if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)]


def keys_beside(files: Mapping[str, bytes], path: str) -> list[PinnedKey]:
    """The key of a Signature that names it and does not bring it: in a certificate beside it."""
    (certificate,) = (BESIDE[folder] for folder in BESIDE if path.startswith(folder))
    octets = files[certificate]
    loaded = load_pem_x509_certificate(octets) if octets.startswith(b"--") else load_der_x509_certificate(octets)
    key = loaded.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return [PinnedKey(key, "beside it")]


@cache
def somebody() -> PinnedKey:
    return PinnedKey(ec.generate_private_key(ec.SECP256R1()).public_key(), "somebody")


def check_of(octets: bytes) -> str:
    """The check that refuses a file, as a message of its own root; "" for one that is accepted."""
    root = tree(octets)
    tag, keys = ("x", []) if root is None else (str(root.tag), keys_in(root))
    try:
        verify(octets, [*keys, somebody()], Shape(root=tag, whole=True), EITHER)
    except AssertionRejected as refusal:
        return refusal.check
    return ""


@pytest.mark.spec("security.md §2.0")
def test_each_file_is_refused_by_the_check_that_the_table_names(files: Mapping[str, bytes]) -> None:
    patterns = [(check, pattern) for check, listed in REFUSED.items() for pattern in listed]
    met, counts = set(), Counter[str]()
    for path, octets in files.items():
        if not path.endswith(".xml"):
            continue
        check, pattern = next(row for row in patterns if fnmatchcase(path, row[1]))
        assert check_of(octets) == check, path
        met.add(pattern)
        counts[check] += 1
    assert met == {pattern for _, pattern in patterns}
    assert counts == COUNTS


@pytest.mark.spec("eidas.md §7 signature algorithms")
def test_their_signatures_hold_by_our_keys_over_their_signed_info(files: Mapping[str, bytes]) -> None:
    counts = Counter[str]()
    for path, octets in files.items():
        root = tree(octets) if path.startswith("interop/") and path.endswith(".xml") else None
        for signature in [] if root is None else root.iter(SIGNATURE):
            info = signature[0]
            # Of SHA-1, which one pinned peer of STORK may have, their keys have 512 bits
            algorithm = None if "sha1" in said(info, "SignatureMethod") else ALGORITHMS.get(said(info, "SignatureMethod"))
            exclusive = said(info, "CanonicalizationMethod") == EXC_C14N
            # lxml canonicalises inclusively what is a document of its own; keys of 512 bits are none
            if algorithm is None or not (exclusive or signature is root) or "aleksey" in path:
                continue
            keys = keys_in(signature) or keys_beside(files, path)
            signed = etree.tostring(info, method="c14n")
            if exclusive:
                signed = canonical(info, inclusive_prefixes(info[0], "canonicalisation_method"))
            value = decoded(signature.findtext("ds:SignatureValue", "", NAMES))
            assert any(key.verifies(algorithm, value, signed) for key in keys), path
            assert not any(key.verifies(algorithm, value, signed + b" ") for key in keys), path
            assert not any(key.verifies(algorithm, bytes([value[0] ^ 1]) + value[1:], signed) for key in keys), path
            assert not somebody().verifies(algorithm, value, signed), path
            counts[algorithm.uri.rpartition("#")[2]] += 1
    assert counts == HELD


def said(info: Element, method: str) -> str:
    found = info.find(f"ds:{method}", NAMES)
    return "" if found is None else found.get("Algorithm", "")
