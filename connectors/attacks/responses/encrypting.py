"""An encrypter that encrypts nonsense: what an EncryptedAssertion says need not be what was done.

AES-GCM and RSA-OAEP as the profiles have them, and what they refuse: AES-CBC, RSA PKCS#1 v1.5, SHA-1, labels, other sizes.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from connectors.attacks.keys import Holder
from connectors.attacks.responses.answer import fresh
from connectors.attacks.signing import Edit, OctetEdit, same, same_octets
from connectors.profiles import (
    AES128_CBC,
    AES128_GCM,
    AES192_CBC,
    AES192_GCM,
    AES256_CBC,
    AES256_GCM,
    MGF1_SHA256,
    RSA_OAEP,
)
from connectors.profiles import SHA256 as SHA256_URI
from connectors.signatures.profile import DS
from connectors.wire.names import SAML

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
RSA_1_5 = f"{XENC}rsa-1_5"
KEY_OCTETS: Mapping[str, int] = {
    AES128_GCM: 16,
    AES192_GCM: 24,
    AES256_GCM: 32,
    AES128_CBC: 16,
    AES192_CBC: 24,
    AES256_CBC: 32,
}
_BLOCK = 16
# By the last part of a URI, such as `sha256` and `mgf1sha256`
_HASHES: tuple[tuple[str, HashAlgorithm], ...] = (
    ("sha256", SHA256()),
    ("sha384", SHA384()),
    ("sha512", SHA512()),
    ("sha1", SHA1()),  # noqa: S303 # saml2int reads it, eidas refuses it
)


def padded(plaintext: bytes) -> bytes:
    """Whole blocks: the last octet says how many are padding, and those before it are zero (XML Encryption 1.1 §5.2.1)."""
    missing = _BLOCK - len(plaintext) % _BLOCK
    return plaintext + bytes(missing - 1) + bytes([missing])


class Sealing(Protocol):
    """A maker of EncryptedAssertions."""

    def xml(self, plaintext: bytes) -> str:
        """The EncryptedAssertion. It declares every namespace that it uses."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """How an assertion is encrypted to the RSA key of `recipient`. URIs are those of XML encryption.

    `digest` and `mgf` are left out where they are None, and SHA-1 then, as the standard has it; `hashes` are used in place
    of what they say. `key` is wrapped in place of the content key. `value` and `wrapped` edit octets, `edit` the text, and
    `pad` makes whole blocks for AES-CBC.
    """

    recipient: Holder
    content: str = AES256_GCM
    made_with: str = ""
    transport: str = RSA_OAEP
    digest: str | None = SHA256_URI
    mgf: str | None = MGF1_SHA256
    hashes: tuple[HashAlgorithm, HashAlgorithm] | None = None
    key: bytes | None = field(default=None, repr=False)
    label: bytes | None = None
    value: OctetEdit = same_octets
    wrapped: OctetEdit = same_octets
    edit: Edit = same
    pad: OctetEdit = padded

    def xml(self, plaintext: bytes) -> str:
        """The EncryptedAssertion."""
        content = self.made_with or self.content
        content_key = os.urandom(KEY_OCTETS.get(content, 32))
        value = self.value(encrypted_content(content, content_key, plaintext, self.pad))
        wrapped = self.wrapped(self._wrapped(content_key if self.key is None else self.key))
        digest = "" if self.digest is None else f'<ds:DigestMethod Algorithm="{self.digest}"/>'
        mgf = "" if self.mgf is None else f'<xenc11:MGF Algorithm="{self.mgf}"/>'
        method = f'<xenc:EncryptionMethod Algorithm="{self.transport}">{digest}{mgf}</xenc:EncryptionMethod>'
        hint = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{b64(self.recipient.certificate)}</ds:X509Certificate>"
        key = (
            f'<xenc:EncryptedKey Id="{fresh("k")}">{method}{hint}</ds:X509Data></ds:KeyInfo>'
            f"<xenc:CipherData><xenc:CipherValue>{b64(wrapped)}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
        )
        return self.edit(encrypted_assertion(self.content, key, value))

    def _wrapped(self, key: bytes) -> bytes:
        private = self.recipient.key
        if not isinstance(private, RSAPrivateKey):
            raise TypeError("an encryption to a key that is not RSA")
        if self.transport == RSA_1_5:
            return private.public_key().encrypt(key, PKCS1v15())
        digest, mask = self.hashes or (_hash(self.digest), _hash(self.mgf))
        return private.public_key().encrypt(key, OAEP(MGF1(mask), digest, self.label))


def encrypted_assertion(content: str, key: str, value: bytes) -> str:
    """The EncryptedAssertion of one content, whose key stands in it as `key` (XML)."""
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}" xmlns:ds="{DS}" xmlns:xenc="{XENC}" xmlns:xenc11="{XENC11}">'
        f'<xenc:EncryptedData Id="{fresh("d")}" Type="{XENC}Element"><xenc:EncryptionMethod Algorithm="{content}"/>'
        f"<ds:KeyInfo>{key}</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{b64(value)}"
        "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"
    )


def b64(octets: bytes) -> str:
    """Base64 on one line."""
    return base64.b64encode(octets).decode()


def encrypted_content(content: str, key: bytes, plaintext: bytes, pad: OctetEdit = padded) -> bytes:
    """IV, ciphertext and tag; IV and whole blocks where AES-CBC is asked for."""
    if content.endswith("-cbc"):
        iv = os.urandom(_BLOCK)
        encryptor = Cipher(AES(key), CBC(iv)).encryptor()
        return iv + encryptor.update(pad(plaintext)) + encryptor.finalize()
    iv = os.urandom(12)
    return iv + AESGCM(key).encrypt(iv, plaintext, None)


def _hash(uri: str | None) -> HashAlgorithm:
    return next((digest for name, digest in _HASHES if uri is not None and uri.endswith(name)), _HASHES[-1][1])
