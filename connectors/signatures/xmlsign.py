"""Enveloped XML signatures of ours, in the same profile that we verify."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from connectors.signatures.keys import ECDSA_SHA256, RSA_SHA256
from connectors.signatures.parse import Element, attributes, canonical
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, SHA256_URI
from connectors.signatures.signer import Signer


def algorithm_of(signer: Signer) -> str:
    """The SignatureMethod of a signer: RSA with SHA-256, or ECDSA with SHA-256."""
    return RSA_SHA256 if isinstance(signer.public_key, RSAPublicKey) else ECDSA_SHA256


def sign_enveloped(root: Element, signer: Signer, *, place: int) -> bytes:
    """Sign `root`, which has an `ID`, with a Signature as its child number `place`; the UTF-8 octets without a declaration.

    The certificate travels in KeyInfo as a hint; whoever verifies has our key from our metadata.
    """
    digest = hashlib.sha256(canonical(root)).digest()
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = _child(signature, "SignedInfo")
    _child(info, "CanonicalizationMethod", Algorithm=EXC_C14N)
    _child(info, "SignatureMethod", Algorithm=algorithm_of(signer))
    reference = _child(info, "Reference", URI="#" + attributes(root)["ID"])
    transforms = _child(reference, "Transforms")
    _child(transforms, "Transform", Algorithm=ENVELOPED)
    _child(transforms, "Transform", Algorithm=EXC_C14N)
    _child(reference, "DigestMethod", Algorithm=SHA256_URI)
    _child(reference, "DigestValue").text = base64.b64encode(digest).decode()
    value = _child(signature, "SignatureValue")
    if signer.certificate:
        data = _child(_child(signature, "KeyInfo"), "X509Data")
        _child(data, "X509Certificate").text = base64.b64encode(signer.certificate).decode()
    root.insert(place, signature)
    value.text = base64.b64encode(signer.sign(canonical(info))).decode()
    return etree.tostring(root, encoding="unicode").encode()


def _child(parent: Element, name: str, **attribs: str) -> Element:
    child = etree.SubElement(parent, f"{{{DS}}}{name}")
    for attribute, value in attribs.items():
        child.set(attribute, value)
    return child
