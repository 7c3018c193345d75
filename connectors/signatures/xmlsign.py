"""Enveloped XML signatures of ours, in the same profile that we verify."""

import base64
import hashlib

from lxml import etree

from connectors.profiles import Profile
from connectors.signatures.parse import Element, attributes, canonical
from connectors.signatures.profile import DIGEST_URIS, DS, ENVELOPED, EXC_C14N
from connectors.signatures.signer import Signer, algorithm_for


def sign_enveloped(root: Element, signer: Signer, *, place: int, profile: Profile) -> bytes:
    """Sign `root`, which has an `ID`, with a Signature as its child number `place`; the UTF-8 octets without a declaration.

    The digest has the signature's hash. The certificate travels in KeyInfo as a hint; whoever verifies has our key from our
    metadata. Raises `BrokerError` where the profile does not take the key.
    """
    algorithm = algorithm_for(signer, profile)
    digest = hashlib.new(algorithm.digest.name, canonical(root)).digest()
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = _child(signature, "SignedInfo")
    _child(info, "CanonicalizationMethod", Algorithm=EXC_C14N)
    _child(info, "SignatureMethod", Algorithm=algorithm.uri)
    reference = _child(info, "Reference", URI="#" + attributes(root)["ID"])
    transforms = _child(reference, "Transforms")
    _child(transforms, "Transform", Algorithm=ENVELOPED)
    _child(transforms, "Transform", Algorithm=EXC_C14N)
    _child(reference, "DigestMethod", Algorithm=DIGEST_URIS[algorithm.digest.name])
    _child(reference, "DigestValue").text = base64.b64encode(digest).decode()
    value = _child(signature, "SignatureValue")
    if signer.certificate:
        data = _child(_child(signature, "KeyInfo"), "X509Data")
        _child(data, "X509Certificate").text = base64.b64encode(signer.certificate).decode()
    root.insert(place, signature)
    value.text = base64.b64encode(signer.sign(canonical(info), algorithm)).decode()
    return etree.tostring(root, encoding="unicode").encode()


def _child(parent: Element, name: str, **attribs: str) -> Element:
    child = etree.SubElement(parent, f"{{{DS}}}{name}")
    for attribute, value in attribs.items():
        child.set(attribute, value)
    return child
