"""Our encryption to others: AES-GCM, its key by RSA-OAEP (libxmlsec) or agreed on by ECDH-ES (pyca), as their key is.

Both have SHA-256 throughout and, on a curve, AES-256 key wrap by default, as the eIDAS Cryptographic Requirements have it.
"""

import base64
import os
import threading
from dataclasses import dataclass
from functools import lru_cache

import xmlsec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from connectors import profiles
from connectors.deviations import tolerance
from connectors.profiles import Profile
from connectors.signatures.elements import add_certificate, child
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.profile import DS, KEY_INFO
from connectors.signatures.xmlenc.agreement import Agreed
from connectors.signatures.xmlenc.algorithms import (
    CONCAT_KDF,
    CURVE_URNS,
    DSIG11,
    ENCRYPTED_ASSERTION,
    IV_OCTETS,
    KEY_OCTETS,
    TYPE_ELEMENT,
    WRAP_OCTETS,
    XENC,
    XENC11,
)
from connectors.wire.names import SAML, saml
from policies.errors import BrokerError

# More than there are countries; certificates of theirs that ended make room for all
MAX_RECIPIENTS = 64
_TRANSFORMS = {
    profiles.AES128_GCM: xmlsec.constants.TransformAes128Gcm,
    profiles.AES192_GCM: xmlsec.constants.TransformAes192Gcm,
    profiles.AES256_GCM: xmlsec.constants.TransformAes256Gcm,
}
# Each parameter is one zero octet, as the EU's own node writes it; of a parameter without octets libxmlsec reads nothing
_PARAMETERS = ("AlgorithmID", "PartyUInfo", "PartyVInfo")
_PARAMETER, _OTHER_INFO = "0000", bytes(len(_PARAMETERS))
_NSMAP = {"xenc": XENC, "ds": DS, "xenc11": XENC11, "dsig11": DSIG11}


@dataclass(frozen=True, slots=True)
class Transport:
    """How a content key travels to a key of RSA: by OAEP, with this digest. By `rsa-oaep-mgf1p` the mask is of SHA-1."""

    algorithm: str = profiles.RSA_OAEP
    digest: str = profiles.SHA256

    @property
    def mask(self) -> str:
        """The mask's function: that of the digest, so far as the algorithm leaves the choice."""
        usual = self.algorithm == profiles.RSA_OAEP_MGF1P or self.digest == profiles.SHA1
        return profiles.MGF1_SHA1 if usual else profiles.MGF1_SHA256


USUAL = Transport()


class _Recipients(threading.local):
    """A keys manager for each recipient, a set of them for each thread: making one costs ten times the encryption."""

    def __init__(self) -> None:
        self._managers: dict[bytes, xmlsec.KeysManager] = {}
        self._tried: set[tuple[bytes, Profile, Transport]] = set()

    def tried(self, certificate: bytes, profile: Profile, transport: Transport) -> bool:
        """Whether encrypting to this certificate, as this profile has it, went well before."""
        return (certificate, profile, transport) in self._tried

    def try_no_more(self, certificate: bytes, profile: Profile, transport: Transport) -> None:
        """Remember that it does."""
        if len(self._tried) >= MAX_RECIPIENTS:
            self._tried.clear()
        self._tried.add((certificate, profile, transport))

    def manager(self, certificate: bytes) -> xmlsec.KeysManager:
        """The manager that holds the key of this certificate (DER), and no other."""
        if certificate not in self._managers:
            if len(self._managers) >= MAX_RECIPIENTS:
                self._managers.clear()
            made = xmlsec.KeysManager()
            try:
                made.add_key(xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertDer))
            except xmlsec.Error as error:
                raise BrokerError("libxmlsec does not take a certificate to encrypt to") from error
            self._managers[certificate] = made
        return self._managers[certificate]


_recipients = _Recipients()


@lru_cache(maxsize=MAX_RECIPIENTS)
def _recipient(certificate: bytes, profile: Profile) -> PinnedKey:
    """The key of a certificate, read once: the same few nodes are written to again and again."""
    key = key_of_certificate(certificate, profile, tolerance(profile))
    if key.pss is not None:
        raise ValueError("a key for RSASSA-PSS alone, to which nothing is encrypted")
    return key


def encrypt(
    element: Element,
    recipient_certificate: bytes,
    profile: Profile,
    *,
    content: str = profiles.AES256_GCM,
    wrap: str = profiles.KW_AES256,
    transport: Transport = USUAL,
) -> Element:
    """A new saml:EncryptedAssertion that holds `element` for the key of a certificate (DER); `element` stays as it is.

    `content` is a URI of AES-GCM, `wrap` one of AES key wrap for a key on a curve, `transport` is for RSA.
    ValueError, with words for an operator, where the profile does not take the key or an algorithm.
    """
    public_key = _recipient(recipient_certificate, profile).public_key
    if isinstance(public_key, RSAPublicKey):
        used = (transport.algorithm, transport.digest, transport.mask)
        taken = (profile.key_transports, profile.oaep_digests, profile.oaep_mgfs)
    else:
        used = (profiles.ECDH_ES, profiles.SHA256, wrap)
        taken = (profile.key_agreements, profile.kdf_digests, profile.key_wraps)
    for uri, uris in zip((content, *used), (profile.content_encryption, *taken), strict=True):
        if uri not in uris:
            raise ValueError(f"an encryption that {profile.name} does not take: {uri}")
    holder = etree.Element(ENCRYPTED_ASSERTION, nsmap={"saml": SAML})
    if isinstance(public_key, RSAPublicKey):
        holder.append(_transported(holder, _plaintext(element), recipient_certificate, content, transport))
    else:
        _agreed(holder, _plaintext(element), public_key, recipient_certificate, (content, wrap))
    return holder


def check_recipient(certificate: bytes, profile: Profile, transport: Transport = USUAL) -> None:
    """Encrypt nothing to this certificate (DER), to find out before a record is written. ValueError if it fails."""
    if _recipients.tried(certificate, profile, transport):
        return
    try:
        encrypt(etree.Element(saml("Assertion"), nsmap={"saml": SAML}), certificate, profile, transport=transport)
    except BrokerError as error:
        raise ValueError("a certificate that nothing can be encrypted to") from error
    _recipients.try_no_more(certificate, profile, transport)


def _plaintext(element: Element) -> bytes:
    """The element with every namespace in scope: exclusive C14N would drop those that only values' types name."""
    return etree.tostring(element, encoding="unicode", with_tail=False).encode()


def _transported(holder: Element, plaintext: bytes, certificate: bytes, content: str, transport: Transport) -> Element:
    """EncryptedData whose key travels by RSA-OAEP."""
    data = xmlsec.template.encrypted_data_create(holder, _TRANSFORMS[content], type=TYPE_ELEMENT, ns="xenc")
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(info, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    # python-xmlsec has no constant for OAEP of XML Encryption 1.1; libxmlsec reads what the template says
    method = wrapped[0]
    method.set("Algorithm", transport.algorithm)
    child(method, f"{{{DS}}}DigestMethod", Algorithm=transport.digest)
    if transport.algorithm == profiles.RSA_OAEP:
        etree.SubElement(method, f"{{{XENC11}}}MGF", nsmap={"xenc11": XENC11}).set("Algorithm", transport.mask)
    context = xmlsec.EncryptionContext(_recipients.manager(certificate))
    bits = 8 * KEY_OCTETS[content]
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, bits, xmlsec.constants.KeyDataTypeSession)
    try:
        encrypted = context.encrypt_binary(data, plaintext)
    except xmlsec.Error as error:
        raise BrokerError("libxmlsec did not encrypt") from error
    # A hint for a peer with several keys. It comes in afterwards, for libxmlsec would read it.
    hint = etree.Element(KEY_INFO)
    add_certificate(hint, certificate)
    wrapped[0].addnext(hint)
    return encrypted


def _agreed(
    holder: Element, plaintext: bytes, public_key: ec.EllipticCurvePublicKey, certificate: bytes, methods: tuple[str, str]
) -> None:
    """The same, its key wrapped by one that both sides agree on: ours of this message alone, on their curve."""
    content, wrap = methods
    ours = ec.generate_private_key(public_key.curve)
    agreed = Agreed(ours.public_key(), SHA256(), _OTHER_INFO, WRAP_OCTETS[wrap])
    content_key, iv = os.urandom(KEY_OCTETS[content]), os.urandom(IV_OCTETS)
    data = etree.SubElement(holder, f"{{{XENC}}}EncryptedData", nsmap=_NSMAP)
    data.set("Type", TYPE_ELEMENT)
    child(data, f"{{{XENC}}}EncryptionMethod", Algorithm=content)
    key = child(child(data, KEY_INFO), f"{{{XENC}}}EncryptedKey")
    child(key, f"{{{XENC}}}EncryptionMethod", Algorithm=wrap)
    _agreement(child(key, KEY_INFO), ours.public_key(), certificate)
    _cipher(key, aes_key_wrap(agreed.wrapping_key(ours.exchange(ec.ECDH(), public_key)), content_key))
    _cipher(data, iv + AESGCM(content_key).encrypt(iv, plaintext, None))


def _agreement(info: Element, ours: ec.EllipticCurvePublicKey, certificate: bytes) -> None:
    """The AgreementMethod of `agreement.py`, with the recipient's certificate as a hint."""
    method = child(info, f"{{{XENC}}}AgreementMethod", Algorithm=profiles.ECDH_ES)
    derivation = child(method, f"{{{XENC11}}}KeyDerivationMethod", Algorithm=CONCAT_KDF)
    parameters = child(derivation, f"{{{XENC11}}}ConcatKDFParams", **dict.fromkeys(_PARAMETERS, _PARAMETER))
    child(parameters, f"{{{DS}}}DigestMethod", Algorithm=profiles.SHA256)
    value = child(child(child(method, f"{{{XENC}}}OriginatorKeyInfo"), f"{{{DS}}}KeyValue"), f"{{{DSIG11}}}ECKeyValue")
    child(value, f"{{{DSIG11}}}NamedCurve", URI=CURVE_URNS[ours.curve.name])
    point = ours.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    child(value, f"{{{DSIG11}}}PublicKey", base64.b64encode(point).decode())
    add_certificate(child(method, f"{{{XENC}}}RecipientKeyInfo"), certificate)


def _cipher(parent: Element, octets: bytes) -> None:
    child(child(parent, f"{{{XENC}}}CipherData"), f"{{{XENC}}}CipherValue", base64.b64encode(octets).decode())
