"""An encrypter that encrypts nonsense: what an EncryptedAssertion says need not be what was done.

AES-GCM and RSA-OAEP as the profiles have them, and what they refuse: AES-CBC, RSA PKCS#1 v1.5, SHA-1, labels, other sizes.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.responses.response_draft import attributed, fresh
from connectors.attacks.xml_signer import Edit, OctetEdit, same, same_octets
from connectors.profiles import (
    AES128_CBC,
    AES128_GCM,
    AES192_CBC,
    AES192_GCM,
    AES256_CBC,
    AES256_GCM,
    ECDH_ES,
    KW_AES256,
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
class RsaSealing:
    """How an assertion is encrypted to the RSA key of `recipient`. URIs are those of XML encryption.

    `digest` and `mgf` are left out where they are None, and SHA-1 then, as the standard has it; `hashes` are used in place
    of what they say. `key` is wrapped in place of the content key. `value` and `wrapped` edit octets, `edit` the text, and
    `pad` makes whole blocks for AES-CBC.
    """

    recipient: KeyHolder
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


CONCAT_KDF = f"{XENC11}ConcatKDF"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
# As the EU's own node writes them: each says one zero octet
PARAMETERS: Mapping[str, str] = {"AlgorithmID": "0000", "PartyUInfo": "0000", "PartyVInfo": "0000"}
CURVE_URNS: Mapping[str, str] = {
    "secp256r1": "urn:oid:1.2.840.10045.3.1.7",
    "secp384r1": "urn:oid:1.3.132.0.34",
    "secp521r1": "urn:oid:1.3.132.0.35",
    "secp256k1": "urn:oid:1.3.132.0.10",
    "brainpoolP256r1": "urn:oid:1.3.36.3.3.2.8.1.1.7",
    "brainpoolP384r1": "urn:oid:1.3.36.3.3.2.8.1.1.11",
    "brainpoolP512r1": "urn:oid:1.3.36.3.3.2.8.1.1.13",
}
_KDF_HASHES: Mapping[str, HashAlgorithm] = {"sha384": SHA384(), "sha512": SHA512()}
_WRAP_OCTETS: Mapping[str, int] = {f"{XENC}kw-aes128": 16, f"{XENC}kw-aes192": 24}


@dataclass(frozen=True, slots=True)
class CurveSealing:
    """How an assertion is encrypted to a key on a curve: implements `Sealing`. URIs are those of XML encryption.

    `parameters` are those of ConcatKDF as they are written, `other_info` what is used in place of them. `originator` is a
    curve for the sender's key where it is not the recipient's: then nothing is agreed on. `point` edits that key's octets,
    `wrapped` and `value` those of ciphertexts, `edit` the text. `der` writes the key as DER.
    """

    recipient: KeyHolder
    content: str = AES256_GCM
    agreement: str = ECDH_ES
    derivation: str = CONCAT_KDF
    digest: str = SHA256_URI
    wrap: str = KW_AES256
    parameters: Mapping[str, str] = field(default_factory=lambda: PARAMETERS)
    other_info: bytes | None = None
    originator: ec.EllipticCurve | None = None
    der: bool = False
    key: bytes | None = field(default=None, repr=False)
    point: OctetEdit = same_octets
    wrapped: OctetEdit = same_octets
    value: OctetEdit = same_octets
    edit: Edit = same

    def xml(self, plaintext: bytes) -> str:
        """The EncryptedAssertion."""
        theirs = self.recipient.key.public_key()
        if not isinstance(theirs, ec.EllipticCurvePublicKey):
            raise TypeError("an agreement with a key that is on no curve")
        ours = ec.generate_private_key(self.originator or theirs.curve)
        secret = ours.exchange(ec.ECDH(), theirs) if self.originator is None else os.urandom(32)
        content_key = os.urandom(KEY_OCTETS.get(self.content, 32))
        wrapping = self._derived(secret)
        wrapped = self.wrapped(aes_key_wrap(wrapping, content_key if self.key is None else self.key))
        value = self.value(encrypted_content(self.content, content_key, plaintext))
        key = (
            f'<xenc:EncryptedKey Id="{fresh("k")}"><xenc:EncryptionMethod Algorithm="{self.wrap}"/><ds:KeyInfo>'
            f'<xenc:AgreementMethod Algorithm="{self.agreement}">{self._derivation()}<xenc:OriginatorKeyInfo>'
            f"{self._key(ours.public_key())}</xenc:OriginatorKeyInfo><xenc:RecipientKeyInfo><ds:X509Data>"
            f"<ds:X509Certificate>{b64(self.recipient.certificate)}</ds:X509Certificate></ds:X509Data>"
            "</xenc:RecipientKeyInfo></xenc:AgreementMethod></ds:KeyInfo>"
            f"<xenc:CipherData><xenc:CipherValue>{b64(wrapped)}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
        )
        return self.edit(encrypted_assertion(self.content, key, value))

    def _derived(self, secret: bytes) -> bytes:
        digest = next((each for name, each in _KDF_HASHES.items() if self.digest.endswith(name)), SHA256())
        told = self.other_info
        if told is None:
            told = b"".join(bytes.fromhex(value)[1:] for value in self.parameters.values())
        return ConcatKDFHash(digest, _WRAP_OCTETS.get(self.wrap, 32), told).derive(secret)

    def _derivation(self) -> str:
        return (
            f'<xenc11:KeyDerivationMethod Algorithm="{self.derivation}"><xenc11:ConcatKDFParams'
            f'{attributed(**self.parameters)}><ds:DigestMethod Algorithm="{self.digest}"/></xenc11:ConcatKDFParams>'
            "</xenc11:KeyDerivationMethod>"
        )

    def _key(self, ours: ec.EllipticCurvePublicKey) -> str:
        if self.der:
            octets = self.point(ours.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
            return f'<dsig11:DEREncodedKeyValue xmlns:dsig11="{DSIG11}">{b64(octets)}</dsig11:DEREncodedKeyValue>'
        point = self.point(ours.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        return (
            f'<ds:KeyValue><dsig11:ECKeyValue xmlns:dsig11="{DSIG11}"><dsig11:NamedCurve'
            f' URI="{CURVE_URNS[ours.curve.name]}"/><dsig11:PublicKey>{b64(point)}</dsig11:PublicKey></dsig11:ECKeyValue>'
            "</ds:KeyValue>"
        )
