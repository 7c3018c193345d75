"""Enveloped XML signatures of ours, in the same profile that we verify."""

import base64
import hashlib

from lxml import etree

from connectors.profiles import Profile
from connectors.signatures.elements import add_certificate, child, made
from connectors.signatures.parse import MAX_CANONICAL, Element, attributes, canonical
from connectors.signatures.profile import (
    DIGEST_URIS,
    DS,
    ENVELOPED,
    EXC_C14N,
    KEY_INFO,
    SIGNATURE,
    SIGNATURE_VALUE,
    SIGNED_INFO,
)
from connectors.signatures.signer import Signer, algorithm_for


def sign_enveloped(root: Element, signer: Signer, *, place: int, profile: Profile, most: int = MAX_CANONICAL) -> bytes:
    """Sign `root`, which has an `ID`, with a Signature as its child number `place`; the UTF-8 octets without a declaration.

    The certificate in KeyInfo is a hint. Raises `BrokerError` where the profile does not take the key, and for a root of
    more than `most` octets.
    """
    algorithm = algorithm_for(signer, profile)
    digest = hashlib.new(algorithm.digest.name, canonical(root, most=most)).digest()
    signature = made(SIGNATURE, {"ds": DS})
    info = child(signature, SIGNED_INFO)
    child(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
    child(info, f"{{{DS}}}SignatureMethod", Algorithm=algorithm.uri)
    reference = child(info, f"{{{DS}}}Reference", URI="#" + attributes(root)["ID"])
    transforms = child(reference, f"{{{DS}}}Transforms")
    child(transforms, f"{{{DS}}}Transform", Algorithm=ENVELOPED)
    child(transforms, f"{{{DS}}}Transform", Algorithm=EXC_C14N)
    child(reference, f"{{{DS}}}DigestMethod", Algorithm=DIGEST_URIS[algorithm.digest.name])
    child(reference, f"{{{DS}}}DigestValue", base64.b64encode(digest).decode())
    value = child(signature, SIGNATURE_VALUE)
    if signer.certificate:
        add_certificate(child(signature, KEY_INFO), signer.certificate)
    root.insert(place, signature)
    value.text = base64.b64encode(signer.sign(canonical(info), algorithm)).decode()
    return etree.tostring(root, encoding="unicode").encode()
