"""An enveloped signature made by pyca alone, so that libxmlsec's opinion of it is one: each part is a parameter."""

import base64
import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from connectors.signatures.algorithms import SignatureAlgorithm
from connectors.signatures.parse import Element, canonical
from connectors.signatures.profile import DIGEST_URIS, DS, ENVELOPED, EXC_C14N
from tests.connectors import forge

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
CURVES: tuple[ec.EllipticCurve, ...] = (
    ec.SECP256R1(),
    ec.SECP384R1(),
    ec.SECP521R1(),
    ec.BrainpoolP256R1(),
    ec.BrainpoolP384R1(),
    ec.BrainpoolP512R1(),
)


def rsa_key(bits: int = 3072) -> rsa.RSAPrivateKey:
    return forge.rsa_key(0, bits)


@cache
def curve_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(next(curve for curve in CURVES if curve.name == name))


def signed(
    xml: bytes,
    key: Key,
    algorithm: SignatureAlgorithm,
    *,
    place: int = 0,
    uri: str = "#_a",
    key_info: str = "",
    inner: str = "",
) -> bytes:
    """`xml`, or its child of the tag `inner`, with a Signature as child number `place`."""
    root = etree.fromstring(xml)
    target = root if not inner else next(iter(root.iterchildren(inner)))
    digest = base64.b64encode(hashlib.new(algorithm.digest.name, canonical(target)).digest()).decode()
    signature = _template(algorithm, uri, digest, key_info)
    target.insert(place, signature)
    signature[1].text = base64.b64encode(_made(key, algorithm, canonical(signature[0]))).decode()
    return etree.tostring(root)


def _template(algorithm: SignatureAlgorithm, uri: str, digest: str, key_info: str) -> Element:
    return etree.fromstring(
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXC_C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{algorithm.uri}"/><ds:Reference URI="{uri}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{EXC_C14N}"/></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{DIGEST_URIS[algorithm.digest.name]}"/><ds:DigestValue>{digest}</ds:DigestValue>'
        f"</ds:Reference></ds:SignedInfo><ds:SignatureValue/>{key_info}</ds:Signature>"
    )


def _made(key: Key, algorithm: SignatureAlgorithm, octets: bytes) -> bytes:
    digest = algorithm.digest
    if isinstance(key, rsa.RSAPrivateKey):
        padding = PKCS1v15() if algorithm.scheme == "pkcs1" else PSS(MGF1(digest), digest.digest_size)
        return key.sign(octets, padding, digest)
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(digest)))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)
