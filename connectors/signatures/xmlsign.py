"""Enveloped XML signatures of ours, in the same profile that we verify."""

import base64
import hashlib
from collections.abc import Sequence

from lxml import etree

from connectors.profiles import Profile
from connectors.signatures.elements import add_certificate, child, made
from connectors.signatures.parse import Element, attributes, canonical
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


def sign_enveloped(root: Element, signer: Signer, *, place: int, profile: Profile) -> bytes:
    """Sign `root`, which has an `ID`, with a Signature as its child number `place`; the UTF-8 octets without a declaration.

    The certificate in KeyInfo is a hint. Raises `BrokerError` where the profile does not take the key.
    """
    root.insert(place, _signature((canonical(root),), attributes(root)["ID"], signer, profile))
    return etree.tostring(root, encoding="unicode").encode()


def sign_pieces(root: Element, pieces: Sequence[bytes], signer: Signer, profile: Profile) -> Sequence[bytes]:
    """Sign a document of any size, whose root is here without its content, and that in `pieces` as `piece_of` makes them.

    The octets of the document in order, the Signature as the first child. Raises as `sign_enveloped`.
    """
    begin, end = canonical(root)[: -len(close := f"</{root.prefix}:{etree.QName(root).localname}>".encode())], close
    signature = _signature((begin, *pieces, end), attributes(root)["ID"], signer, profile)
    return begin, etree.tostring(signature), *pieces, end


def piece_of(root: Element, element: Element) -> bytes:
    """The canonical form of an element within a root that declares the namespace of its name by the same prefix."""
    prefix, name = root.prefix, etree.QName(root).namespace
    return canonical(element).replace(f' xmlns:{prefix}="{name}"'.encode(), b"", 1)


def _signature(octets: Sequence[bytes], signed_id: str, signer: Signer, profile: Profile) -> Element:
    """The Signature over the element of this ID, whose canonical form is `octets`."""
    algorithm = algorithm_for(signer, profile)
    digest = hashlib.new(algorithm.digest.name)
    for piece in octets:
        digest.update(piece)
    signature = made(SIGNATURE, {"ds": DS})
    info = child(signature, SIGNED_INFO)
    child(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
    child(info, f"{{{DS}}}SignatureMethod", Algorithm=algorithm.uri)
    reference = child(info, f"{{{DS}}}Reference", URI="#" + signed_id)
    transforms = child(reference, f"{{{DS}}}Transforms")
    child(transforms, f"{{{DS}}}Transform", Algorithm=ENVELOPED)
    child(transforms, f"{{{DS}}}Transform", Algorithm=EXC_C14N)
    child(reference, f"{{{DS}}}DigestMethod", Algorithm=DIGEST_URIS[algorithm.digest.name])
    child(reference, f"{{{DS}}}DigestValue", base64.b64encode(digest.digest()).decode())
    value = child(signature, SIGNATURE_VALUE)
    if signer.certificate:
        add_certificate(child(signature, KEY_INFO), signer.certificate)
    value.text = base64.b64encode(signer.sign(canonical(info), algorithm)).decode()
    return signature
