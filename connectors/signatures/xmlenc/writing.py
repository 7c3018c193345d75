"""What we encrypt to others, by libxmlsec: AES-GCM, its key by RSA-OAEP with SHA-256 twice."""

import base64
import threading

import xmlsec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from connectors import profiles
from connectors.formats.names import SAML, saml
from connectors.profiles import Profile
from connectors.signatures.keys import key_of_certificate
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, KEY_INFO
from connectors.signatures.xmlenc.algorithms import ENCRYPTED_ASSERTION, KEY_OCTETS, TYPE_ELEMENT, XENC11
from policies.errors import BrokerError

# More than there are countries; certificates of theirs that ended make room for all
MAX_RECIPIENTS = 64
_TRANSFORMS = {
    profiles.AES128_GCM: xmlsec.constants.TransformAes128Gcm,
    profiles.AES192_GCM: xmlsec.constants.TransformAes192Gcm,
    profiles.AES256_GCM: xmlsec.constants.TransformAes256Gcm,
}


class _Recipients(threading.local):
    """A keys manager for each recipient, a set of them for each thread: making one costs ten times the encryption."""

    def __init__(self) -> None:
        self._managers: dict[bytes, xmlsec.KeysManager] = {}
        self._tried: set[bytes] = set()

    def tried(self, certificate: bytes) -> bool:
        """Whether encrypting to this certificate went well before."""
        return certificate in self._tried and certificate in self._managers

    def try_no_more(self, certificate: bytes) -> None:
        """Remember that it does."""
        self._tried = {certificate, *(known for known in self._tried if known in self._managers)}

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


def encrypt(
    element: Element, recipient_certificate: bytes, profile: Profile, *, content: str = profiles.AES256_GCM
) -> Element:
    """A new saml:EncryptedAssertion that holds `element` for the key of a certificate (DER); `element` stays as it is.

    `content` is a URI of AES-GCM. OAEP has SHA-256 twice, as spec/eidas.md §7 has it by default. ValueError, with words for
    an operator, where the profile does not take the key or the algorithm.
    """
    key = key_of_certificate(recipient_certificate, profile)
    if not isinstance(key.public_key, RSAPublicKey):
        raise ValueError("a key that is not RSA; OAEP needs one")  # noqa: TRY004 # the caller catches one kind of error
    used = (content, profiles.RSA_OAEP, profiles.SHA256, profiles.MGF1_SHA256)
    taken = (profile.content_encryption, profile.key_transports, profile.oaep_digests, profile.oaep_mgfs)
    if any(uri not in uris for uri, uris in zip(used, taken, strict=True)):
        raise ValueError(f"an encryption that {profile.name} does not take: {content}")
    holder = etree.Element(ENCRYPTED_ASSERTION, nsmap={"saml": SAML})
    holder.append(_encrypted(holder, _plaintext(element), recipient_certificate, content))
    return holder


def check_recipient(certificate: bytes, profile: Profile) -> None:
    """Whether an assertion can be encrypted to this certificate (DER), by encrypting what says nothing. ValueError if not.

    What pyca reads is not all that libxmlsec encrypts to, and after the record was written it would be too late.
    """
    if _recipients.tried(certificate):
        return
    try:
        encrypt(etree.Element(saml("Assertion"), nsmap={"saml": SAML}), certificate, profile)
    except BrokerError as error:
        raise ValueError("a certificate that nothing can be encrypted to") from error
    _recipients.try_no_more(certificate)


def _plaintext(element: Element) -> bytes:
    """The element with every namespace that is in scope, since the types of attribute values name some in their text.

    Exclusive C14N would drop those, and a peer reads the plaintext by itself.
    """
    return etree.tostring(element, encoding="unicode", with_tail=False).encode()


def _encrypted(holder: Element, plaintext: bytes, certificate: bytes, content: str) -> Element:
    data = xmlsec.template.encrypted_data_create(holder, _TRANSFORMS[content], type=TYPE_ELEMENT, ns="xenc")
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(info, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    # python-xmlsec has no constant for OAEP of XML Encryption 1.1; libxmlsec reads what the template says
    method = wrapped[0]
    method.set("Algorithm", profiles.RSA_OAEP)
    etree.SubElement(method, f"{{{DS}}}DigestMethod").set("Algorithm", profiles.SHA256)
    etree.SubElement(method, f"{{{XENC11}}}MGF", nsmap={"xenc11": XENC11}).set("Algorithm", profiles.MGF1_SHA256)
    context = xmlsec.EncryptionContext(_recipients.manager(certificate))
    bits = 8 * KEY_OCTETS[content]
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, bits, xmlsec.constants.KeyDataTypeSession)
    try:
        encrypted = context.encrypt_binary(data, plaintext)
    except xmlsec.Error as error:
        raise BrokerError("libxmlsec did not encrypt") from error
    # A hint for a peer with several keys. It comes in afterwards, for libxmlsec would read it.
    hint = etree.Element(KEY_INFO)
    x509 = etree.SubElement(etree.SubElement(hint, f"{{{DS}}}X509Data"), f"{{{DS}}}X509Certificate")
    x509.text = base64.b64encode(certificate).decode()
    wrapped[0].addnext(hint)
    return encrypted
