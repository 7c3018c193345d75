"""The algorithms on which the installed libxmlsec gives no opinion: tried with fresh keys, once a process."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.second_opinion import second_opinion
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import Shape, verify
from connectors.signatures.xmlsign import sign_enveloped
from idp.keys.file import FileSigner
from policies.errors import AssertionRejected

_CURVES: Sequence[ec.EllipticCurve] = (
    ec.SECP256R1(),
    ec.SECP384R1(),
    ec.SECP521R1(),
    ec.BrainpoolP256R1(),
    ec.BrainpoolP384R1(),
    ec.BrainpoolP512R1(),
)
# Small: only the algorithm matters
_RSA_BITS = 2048
_SHAPE = Shape(root="{urn:ciconia:probe}a")


@cache
def silent_algorithms() -> tuple[str, ...]:
    """The algorithms in words that the installed libxmlsec cannot judge; mostly none."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    asked: list[tuple[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, Profile]] = [
        ("RSA (PKCS#1 v1.5)", key, SAML2INT),
        ("RSA-PSS", key, replace(EIDAS, minimum_rsa_bits=_RSA_BITS)),
    ]
    asked += [(f"ECDSA on {curve.name}", ec.generate_private_key(curve), EIDAS) for curve in _CURVES]
    return tuple(name for name, private, profile in asked if not _answered(private, profile))


def _answered(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, profile: Profile) -> bool:
    """Whether libxmlsec agrees that a document of ours is signed. False too where our own code does not."""
    public = prepared(key.public_key(), profile)
    signer = FileSigner(key, key.public_key(), b"", public.key_id)
    octets = sign_enveloped(etree.Element(_SHAPE.root, ID="_a"), signer, place=0, profile=profile)
    try:
        message = verify(octets, [public], _SHAPE, profile)
        if isinstance(message, SignedMessage):
            second_opinion(octets, message.signed, [public], _SHAPE, profile)
            return True
    except AssertionRejected:
        pass
    return False
