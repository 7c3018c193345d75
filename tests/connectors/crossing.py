"""Messages of another country's node, made without code of the product: libxmlsec signs, pyca encrypts."""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

from connectors.profiles import (
    AES128_CBC,
    AES128_GCM,
    AES192_CBC,
    AES192_GCM,
    AES256_CBC,
    AES256_GCM,
    EIDAS,
    Profile,
)
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.shapes import ENCRYPTED_RESPONSE
from connectors.signatures.verification_result import Signed, SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import open_assertion
from idp.keys.file import FileSigner
from tests.connectors import forge
from tests.connectors.forge import DS, SAML, How, Reply, SigningParty

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
PSS = "http://www.w3.org/2007/05/xmldsig-more#sha{}-rsa-MGF1"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
KEY_OCTETS = {AES128_GCM: 16, AES192_GCM: 24, AES256_GCM: 32, AES128_CBC: 16, AES192_CBC: 24, AES256_CBC: 32}
CURVES: dict[int | str, ec.EllipticCurve] = {
    256: ec.SECP256R1(),
    384: ec.SECP384R1(),
    521: ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
    "secp256k1": ec.SECP256K1(),
}
DIGEST_URIS = {256: f"{XENC}sha256", 384: f"{MORE}sha384", 512: f"{XENC}sha512"}
HASHES: dict[int, HashAlgorithm] = {1: SHA1(), 256: SHA256(), 384: SHA384(), 512: SHA512()}  # noqa: S303 # to be refused


# The number of the key of each name
NAMES = {"peer": 0, "ours": 1, "stranger": 2}


@cache
def node(name: str) -> SigningParty:
    """A party with RSA-3072, one for each name, made once; the one without a name has RSA-2048."""
    return forge.party(forge.rsa_key(NAMES.setdefault(name, len(NAMES)))) if name else forge.rsa_party()


@cache
def on_curve(bits: int | str) -> SigningParty:
    return forge.party(ec.generate_private_key(CURVES[bits]))


@cache
def pinned(party: SigningParty, profile: Profile = EIDAS) -> PinnedKey:
    return key_of_certificate(party.certificate, profile)


@cache
def unwrapper(party: SigningParty) -> FileUnwrapper:
    key = load_pem_private_key(party.pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return FileUnwrapper(_private_key=key, certificate=party.certificate, key_id="ours")


@cache
def file_signer(party: SigningParty) -> FileSigner:
    key = load_pem_private_key(party.pem, None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return FileSigner(_private_key=key, public_key=key.public_key(), certificate=party.certificate, key_id="theirs")


def by(algorithm: str, then: Callable[[Element], None] = lambda _template: None) -> How:
    """Libxmlsec knows more algorithms than python-xmlsec has names for: the template says which."""

    def edit(template: Element) -> None:
        template[0][1].set("Algorithm", algorithm)
        then(template)

    return How(edit=edit)


# -- encryption ------------------------------------------------------------------------------------------------------------


GOOD_REPLY = Reply()


def assertion(reply: Reply = GOOD_REPLY) -> bytes:
    """The plaintext of a good message: an assertion that needs nothing around it."""
    declared = f'<saml:Assertion xmlns:saml="{SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    types = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return reply.assertion().replace("<saml:Assertion", declared + types, 1).encode()


def padded(plaintext: bytes) -> bytes:
    """Whole blocks, as XML Encryption 1.1 §5.2.1 has it: the last octet counts, those before it are arbitrary."""
    missing = 16 - len(plaintext) % 16
    return plaintext + os.urandom(missing - 1) + bytes([missing])


@dataclass(frozen=True, slots=True)
class Encryption:
    """How an assertion is encrypted. `hashes` are those of OAEP and its mask; `key` replaces the wrapped content key.

    `certificate` (DER) is to whom, where that is no `node` of ours by its name.
    """

    plaintext: bytes = field(default_factory=assertion)
    recipient: str = "ours"
    content: str = AES256_GCM
    transport: str = f"{XENC11}rsa-oaep"
    hashes: tuple[int, int] = (256, 256)
    digest: str | None = f"{XENC}sha256"
    mgf: str | None = f"{XENC11}mgf1sha256"
    key: bytes = b""
    label: bytes | None = None
    cut: int = 0
    flip: int | None = None
    wrapped: Callable[[bytes], bytes] = bytes
    edit: Callable[[Element], None] = lambda _holder: None
    certificate: bytes = b""
    # of AES-CBC: the plaintext with its padding
    pad: Callable[[bytes], bytes] = padded

    def element(self) -> Element:
        """The EncryptedAssertion."""
        content_key = os.urandom(KEY_OCTETS.get(self.content, 32))
        value = bytearray(self._value(content_key))
        if self.flip is not None:
            value[self.flip] ^= 1
        public = load_der_x509_certificate(self.certificate or node(self.recipient).certificate).public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        oaep = OAEP(MGF1(HASHES[self.hashes[1]]), HASHES[self.hashes[0]], self.label)
        wrapped = self.wrapped(public.encrypt(self.key or content_key, oaep))
        digest = f'<ds:DigestMethod Algorithm="{self.digest}"/>' if self.digest else ""
        mgf = f'<xenc11:MGF Algorithm="{self.mgf}"/>' if self.mgf else ""
        holder = etree.fromstring(
            f'<saml:EncryptedAssertion xmlns:saml="{SAML}" xmlns:ds="{DS}" xmlns:xenc="{XENC}" xmlns:xenc11="{XENC11}">'
            f'<xenc:EncryptedData Id="_data" Type="{XENC}Element"><xenc:EncryptionMethod Algorithm="{self.content}"/>'
            '<ds:KeyInfo><xenc:EncryptedKey Id="_key" Recipient="https://broker.example">'
            f'<xenc:EncryptionMethod Algorithm="{self.transport}">{digest}{mgf}</xenc:EncryptionMethod>'
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>a hint</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
            f"<xenc:CipherData>\n<xenc:CipherValue>\n{base64.encodebytes(wrapped).decode()}</xenc:CipherValue></xenc:CipherData>"
            "</xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>"
            f"{base64.b64encode(bytes(value)[: len(value) - self.cut]).decode()}"
            "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"
        )
        self.edit(holder)
        return holder

    def _value(self, content_key: bytes) -> bytes:
        if self.content.endswith(("aes128-cbc", "aes192-cbc", "aes256-cbc")):
            iv = os.urandom(16)
            encryptor = Cipher(AES(content_key), CBC(iv)).encryptor()
            return iv + encryptor.update(self.pad(self.plaintext)) + encryptor.finalize()
        iv = os.urandom(12)
        return iv + AESGCM(content_key).encrypt(iv, self.plaintext, None)


def response(
    *held: Element, how: How | None = None, signer: str = "peer", edit: Callable[[Element], None] = lambda _root: None
) -> bytes:
    """A Response around what is given, signed by a node; unsigned where the signer has no name."""
    root = etree.fromstring(Reply(assertions=False).xml())
    root.extend(held)
    edit(root)
    if signer:
        forge.sign_element(root, Reply().response_id, node(signer), how or by(PSS.format(256)))
    return etree.tostring(root)


def outer(octets: bytes) -> Signed:
    """The Response, whose signature is verified."""
    message = verify(octets, [pinned(node("peer"))], ENCRYPTED_RESPONSE, EIDAS)
    assert isinstance(message, SignedMessage)
    assert message.unverified_envelope == b""
    return message.signed


def opened(octets: bytes, profile: Profile = EIDAS, *, ours: tuple[str, ...] = ("ours",)) -> Signed:
    """The octets that a receiving node reads of it."""
    keys = [pinned(node("peer"))]
    return open_assertion(outer(octets), [unwrapper(node(name)) for name in ours], keys, profile)
