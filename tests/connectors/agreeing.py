"""Encryption of another country's node to a key on a curve, made without code of the product: each part a knob.

The key derivation and the key wrap are written here from NIST SP 800-56A §5.8.1 and RFC 3394 §2.2.1, so that two
implementations have to agree.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from lxml import etree

from connectors.profiles import AES256_GCM
from connectors.signatures.decryption_keys import FileAgreement
from connectors.signatures.parse import Element
from tests.connectors.crossing import CURVES, DIGEST_URIS, KEY_OCTETS, XENC, XENC11, assertion, on_curve
from tests.connectors.forge import DS, SAML, SigningParty

DSIG11 = "http://www.w3.org/2009/xmldsig11#"
URNS: dict[int | str, str] = {
    256: "urn:oid:1.2.840.10045.3.1.7",
    384: "urn:oid:1.3.132.0.34",
    521: "urn:oid:1.3.132.0.35",
    "brainpoolP256r1": "urn:oid:1.3.36.3.3.2.8.1.1.7",
    "brainpoolP384r1": "urn:oid:1.3.36.3.3.2.8.1.1.11",
    "brainpoolP512r1": "urn:oid:1.3.36.3.3.2.8.1.1.13",
    "secp256k1": "urn:oid:1.3.132.0.10",
}
OURS = tuple(name for name in URNS if name != "secp256k1")
WRAPS = {f"{XENC}kw-aes128": 16, f"{XENC}kw-aes192": 24, f"{XENC}kw-aes256": 32}
ZEROS = {"AlgorithmID": "0000", "PartyUInfo": "0000", "PartyVInfo": "0000"}


@cache
def agreement(curve: int | str) -> FileAgreement:
    """Our key on this curve."""
    return agreement_of(on_curve(curve))


def agreement_of(party: SigningParty) -> FileAgreement:
    key = load_pem_private_key(party.pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return FileAgreement(_private_key=key, certificate=party.certificate, key_id="ours")


def derived(secret: bytes, other_info: bytes, bits: int, size: int) -> bytes:
    """The concatenation key derivation of NIST SP 800-56A §5.8.1 by hand."""
    made, counter = b"", 0
    while len(made) < size:
        counter += 1
        made += hashlib.new(f"sha{bits}", counter.to_bytes(4) + secret + other_info).digest()
    return made[:size]


def wrapped(key: bytes, content_key: bytes, check: bytes = b"\xa6" * 8) -> bytes:
    """AES key wrap of RFC 3394 §2.2.1 by hand; another `check` than its own makes what nobody unwraps."""
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 # one block at a time, as RFC 3394 has it
    blocks = [content_key[at : at + 8] for at in range(0, len(content_key), 8)]
    for step in range(6):
        for number, block in enumerate(blocks):
            whole = encryptor.update(check + block)
            check = (int.from_bytes(whole[:8]) ^ (len(blocks) * step + number + 1)).to_bytes(8)
            blocks[number] = whole[8:]
    return check + b"".join(blocks)


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass(frozen=True, slots=True)
class Agreeing:
    """How an assertion is encrypted to a key on a curve.

    `said` are the attributes of ConcatKDFParams, `info` what goes into the derivation, `bits` the hash that is used, and
    `digest` the one that is named; `point` replaces the sender's key as it is shown, `der` shows it as a
    SubjectPublicKeyInfo, `content_key` replaces the one that is wrapped, and `secret` the shared one.
    """

    plaintext: bytes = field(default_factory=assertion)
    curve: int | str = 256
    content: str = AES256_GCM
    wrap: str = f"{XENC}kw-aes256"
    bits: int = 256
    digest: str = DIGEST_URIS[256]
    said: Mapping[str, str] = field(default_factory=ZEROS.copy)
    info: bytes = bytes(3)
    urn: str = ""
    point: Callable[[bytes], bytes] = bytes
    der: Callable[[bytes], bytes] | None = None
    content_key: bytes = b""
    secret: bytes = b""
    check: bytes = b"\xa6" * 8
    flip: int | None = None
    cut: int = 0
    edit: Callable[[Element], None] = lambda _holder: None

    def element(self) -> Element:
        """The EncryptedAssertion."""
        theirs = ec.generate_private_key(CURVES[self.curve])
        key = load_pem_private_key(on_curve(self.curve).pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        secret = self.secret or theirs.exchange(ec.ECDH(), key.public_key())
        content_key, iv = os.urandom(KEY_OCTETS.get(self.content, 32)), os.urandom(12)
        value = bytearray(iv + AESGCM(content_key).encrypt(iv, self.plaintext, None))
        if self.flip is not None:
            value[self.flip] ^= 1
        wrapping = derived(secret, self.info, self.bits, WRAPS.get(self.wrap, 32))
        said = "".join(f' {name}="{text}"' for name, text in self.said.items())
        holder = etree.fromstring(
            f'<saml:EncryptedAssertion xmlns:saml="{SAML}" xmlns:ds="{DS}" xmlns:xenc="{XENC}" xmlns:xenc11="{XENC11}" '
            f'xmlns:dsig11="{DSIG11}"><xenc:EncryptedData Id="_data" Type="{XENC}Element">'
            f'<xenc:EncryptionMethod Algorithm="{self.content}"/><ds:KeyInfo><xenc:EncryptedKey Id="_key">'
            f'<xenc:EncryptionMethod Algorithm="{self.wrap}"/><ds:KeyInfo>'
            f'<xenc:AgreementMethod Algorithm="{XENC11}ECDH-ES"><xenc11:KeyDerivationMethod Algorithm="{XENC11}ConcatKDF">'
            f'<xenc11:ConcatKDFParams{said}><ds:DigestMethod Algorithm="{self.digest}"/></xenc11:ConcatKDFParams>'
            f"</xenc11:KeyDerivationMethod><xenc:OriginatorKeyInfo>{self._originator(theirs)}</xenc:OriginatorKeyInfo>"
            "<xenc:RecipientKeyInfo><ds:X509Data><ds:X509Certificate>a hint</ds:X509Certificate></ds:X509Data>"
            "</xenc:RecipientKeyInfo></xenc:AgreementMethod></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>"
            f"{base64.encodebytes(wrapped(wrapping, self.content_key or content_key, self.check)).decode()}"
            "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>"
            f"{base64.b64encode(bytes(value)[: len(value) - self.cut]).decode()}"
            "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"
        )
        self.edit(holder)
        return holder

    def _originator(self, theirs: ec.EllipticCurvePrivateKey) -> str:
        if self.der is not None:
            der = theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"<dsig11:DEREncodedKeyValue>{base64.b64encode(self.der(der)).decode()}</dsig11:DEREncodedKeyValue>"
        return (
            f'<ds:KeyValue><dsig11:ECKeyValue><dsig11:NamedCurve URI="{self.urn or URNS[self.curve]}"/><dsig11:PublicKey>'
            f"{base64.b64encode(self.point(point_of(theirs))).decode()}</dsig11:PublicKey></dsig11:ECKeyValue></ds:KeyValue>"
        )
