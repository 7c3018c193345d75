"""Encryption to a key on a curve: ECDH-ES, ConcatKDF and AES key wrap (XML Encryption 1.1 §5.4.1 and §5.6.4), by hand.

As in `encrypting.py`, what is said need not be what was done.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.keys import Holder
from connectors.attacks.responses.answer import attributed, fresh
from connectors.attacks.responses.encrypting import KEY_OCTETS, XENC, XENC11, b64, encrypted_assertion, encrypted_content
from connectors.attacks.signing import Edit, OctetEdit, same, same_octets
from connectors.profiles import AES256_GCM, ECDH_ES, KW_AES256
from connectors.profiles import SHA256 as SHA256_URI

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
_HASHES: Mapping[str, HashAlgorithm] = {"sha384": SHA384(), "sha512": SHA512()}
_WRAP_OCTETS: Mapping[str, int] = {f"{XENC}kw-aes128": 16, f"{XENC}kw-aes192": 24}


@dataclass(frozen=True, slots=True)
class Agreeing:
    """How an assertion is encrypted to a key on a curve: implements `Sealing`. URIs are those of XML encryption.

    `parameters` are those of ConcatKDF as they are written, `other_info` what is used in place of them. `originator` is a
    curve for the sender's key where it is not the recipient's: then nothing is agreed on. `point` edits that key's octets,
    `wrapped` and `value` those of ciphertexts, `edit` the text. `der` writes the key as DER.
    """

    recipient: Holder
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
        digest = next((each for name, each in _HASHES.items() if self.digest.endswith(name)), SHA256())
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
