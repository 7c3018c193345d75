"""XML encryption (W3C XML Encryption 1.1) of one assertion, as one strict profile: AES-GCM, its key by RSA-OAEP, inline.

```xml
<saml:EncryptedAssertion>
  <xenc:EncryptedData Type="http://www.w3.org/2001/04/xmlenc#Element">                                   Id allowed
    <xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>                      or the profile's
    <ds:KeyInfo>
      <xenc:EncryptedKey>                                                                     Id and Recipient allowed
        <xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep">
          <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>                        absent: SHA-1
          <xenc11:MGF Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/>                          absent: SHA-1
        </xenc:EncryptionMethod>
        <ds:KeyInfo>…</ds:KeyInfo>                                                             a hint, allowed, never read
        <xenc:CipherData><xenc:CipherValue>…</xenc:CipherValue></xenc:CipherData>
      </xenc:EncryptedKey>
    </ds:KeyInfo>
    <xenc:CipherData><xenc:CipherValue>IV (12) || ciphertext || tag (16)</xenc:CipherValue></xenc:CipherData>
  </xenc:EncryptedData>
</saml:EncryptedAssertion>
```

python-xmlsec encrypts what we send. What others send is read by the closed form above and decrypted with pyca, since a
decrypting library follows what the message says. AES-GCM of pyca has tags of 16 octets and no other.
"""

import base64
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import xmlsec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree

from connectors import profiles
from connectors.formats.names import SAML, saml
from connectors.profiles import Profile
from connectors.signatures.keys import PinnedKey, key_of_certificate
from connectors.signatures.parse import Element, attributes, canonical, ids, parse_canonical, strict_base64
from connectors.signatures.profile import DS, KEY_INFO, SIGNATURE
from connectors.signatures.shapes import ASSERTION
from connectors.signatures.signed import Signed
from connectors.signatures.signer import Unwrapper
from connectors.signatures.xmldsig import KEY_HINTS, cut, verify
from policies.errors import AssertionRejected, BrokerError

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
TYPE_ELEMENT = f"{XENC}Element"
ENCRYPTED_ASSERTION = saml("EncryptedAssertion")

# NIST SP 800-38D §5.2.1.1 and XML Encryption 1.1 §5.2.4: an IV of 96 bits, a tag of 128
IV_OCTETS, TAG_OCTETS = 12, 16
# More than there are countries; certificates of theirs that ended make room for all
MAX_RECIPIENTS = 64
_KEY_OCTETS: Mapping[str, int] = {profiles.AES128_GCM: 16, profiles.AES192_GCM: 24, profiles.AES256_GCM: 32}
_TRANSFORMS = {
    profiles.AES128_GCM: xmlsec.constants.TransformAes128Gcm,
    profiles.AES192_GCM: xmlsec.constants.TransformAes192Gcm,
    profiles.AES256_GCM: xmlsec.constants.TransformAes256Gcm,
}
# Known, so that a profile may take them; what is not here does not exist for us
_DIGESTS: Mapping[str, HashAlgorithm] = {
    profiles.SHA1: SHA1(),  # noqa: S303 - OAEP of SAML2INT alone, where SHA-1 is no weakness
    profiles.SHA256: SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": SHA384(),
    "http://www.w3.org/2001/04/xmlenc#sha512": SHA512(),
}
_MGFS: Mapping[str, HashAlgorithm] = {
    profiles.MGF1_SHA1: SHA1(),  # noqa: S303 - as above
    profiles.MGF1_SHA256: SHA256(),
    f"{XENC11}mgf1sha384": SHA384(),
    f"{XENC11}mgf1sha512": SHA512(),
}
_PREFIX = re.compile(r"[^\W\d][\w.\-]{0,63}")
_XSI_TYPES = etree.XPath("//@xsi:type", namespaces={"xsi": "http://www.w3.org/2001/XMLSchema-instance"})


@dataclass(frozen=True, slots=True)
class _Encrypted:
    """One EncryptedData of the profile: everything of it that is used."""

    key_octets: int
    digest: HashAlgorithm
    mgf: HashAlgorithm
    wrapped_key: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


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

# -- ours ------------------------------------------------------------------------------------------------------------------


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
    bits = 8 * _KEY_OCTETS[content]
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


# -- theirs ----------------------------------------------------------------------------------------------------------------


# The plan (security.md §2.1 B). Each block below has its number.
#  1. The outer signature held: a `Signed` is the argument, and nothing else is read.
#  2. Structure: exactly one EncryptedAssertion, a child of the root, and no assertion in the clear.
#  3. The closed form: one EncryptedData, one EncryptedKey in it, ciphertext inline, nothing fetched or found by name.
#  4. Algorithms of the profile, each refused by its name before a private key is used.
#  5. Unwrap and decrypt. From here to the end of 5. there is one answer for every failure, and the same work.
#  6. The plaintext is a message like any other: plan 1. to 8. of `xmldsig.verify`; the root is one assertion, nothing in it
#     is encrypted again, and a Signature of its own must hold.
#  7. One document or two, an ID stands once.
#  8. The canonical octets of the assertion, with the namespaces that types of values name.
def open_assertion(signed: Signed, unwrappers: Sequence[Unwrapper], keys: Sequence[PinnedKey], profile: Profile) -> Signed:
    """Decrypt the one EncryptedAssertion in a signed Response. What comes out is vouched for by the Response's signature.

    `unwrappers` are our keys, the newest first, `keys` the peer's. The key id of the result is that of the Response's
    signature. Raises `AssertionRejected` and `SignatureInvalid`, and ValueError where no key is given.
    """
    if not unwrappers or not keys:
        raise ValueError("a decryption without keys")
    # 1. These octets were signed.
    root = parse_canonical(signed.octets)
    # 2. Structure.
    found = list(root.iter(ENCRYPTED_ASSERTION))
    if root.find(f".//{ASSERTION.root}") is not None:
        raise AssertionRejected("plain_assertion", "an assertion in the clear")
    if len(found) != 1:
        raise AssertionRejected("one_assertion", f"{len(found)} encrypted assertions")
    if found[0].getparent() is not root:
        raise AssertionRejected("structure", "an encrypted assertion that is no child of the root")
    # 3. and 4.
    encrypted = _read(found[0], profile)
    # 5. The one answer.
    plaintext = _decrypt(encrypted, unwrappers)
    # 6. Again from the beginning.
    verify(plaintext, keys, ASSERTION, profile)
    assertion = parse_canonical(plaintext)
    if next(assertion.iter(f"{{{XENC}}}*", f"{{{XENC11}}}*"), None) is not None:
        raise AssertionRejected("encrypted_data", "something encrypted in what was decrypted")
    # 7. A reader of both could take one for the other.
    if not set(ids(root)).isdisjoint(ids(assertion)):
        raise AssertionRejected("duplicate_id", "an ID that stands in the Response and in its assertion")
    # 8. Its own Signature held and says nothing more.
    for signature in assertion.findall(SIGNATURE):
        cut(signature)
    return Signed(octets=canonical(assertion, _prefixes_of_types(assertion)), key_id=signed.key_id)


def _decrypt(encrypted: _Encrypted, unwrappers: Sequence[Unwrapper]) -> bytes:
    """The plaintext. Every failure is the same refusal: a difference would be an oracle (Bleichenbacher, Manger)."""
    for unwrapper in unwrappers:
        # A key that does not unwrap is one that does not decrypt: the content is tried all the same.
        content_key = os.urandom(encrypted.key_octets)
        try:
            unwrapped = unwrapper.unwrap(encrypted.wrapped_key, encrypted.digest, encrypted.mgf)
        except ValueError:
            unwrapped = b""
        if len(unwrapped) == encrypted.key_octets:
            content_key = unwrapped
        try:
            return AESGCM(content_key).decrypt(encrypted.iv, encrypted.ciphertext, None)
        except InvalidTag:
            continue
    raise AssertionRejected("decryption", "an assertion that our key does not decrypt") from None


def _prefixes_of_types(assertion: Element) -> tuple[str, ...]:
    """The prefixes that `xsi:type` names in its value, which exclusive C14N does not see. One that nobody declared is none.

    Looking up what each element declares would cost elements times namespaces.
    """
    types = _XSI_TYPES(assertion)
    named = {str(value).strip().partition(":")[0] for value in types} if isinstance(types, list) else set()
    return tuple(sorted(prefix for prefix in named if _PREFIX.fullmatch(prefix)))


def _read(holder: Element, profile: Profile) -> _Encrypted:
    """The closed form. Raises `AssertionRejected`, by name."""
    # 3. What fetches or names its key is refused as such, wherever it stands.
    if holder.find(f".//{{{XENC}}}CipherReference") is not None:
        raise AssertionRejected("cipher_reference", "ciphertext that lies elsewhere")
    if any(str(found.tag).endswith("}RetrievalMethod") for found in holder.iter("*")):
        raise AssertionRejected("retrieval_method", "a key that lies elsewhere")
    (data,) = _children(holder, "encrypted_data", frozenset(), (XENC, "EncryptedData"))
    if len(list(holder.iter(f"{{{XENC}}}EncryptedKey"))) != 1:
        raise AssertionRejected("encrypted_key", "not exactly one EncryptedKey")
    method, info, cipher = _children(
        data, "encrypted_data", frozenset({"Type", "Id"}), (XENC, "EncryptionMethod"), (DS, "KeyInfo"), (XENC, "CipherData")
    )
    if attributes(data).get("Type") != TYPE_ELEMENT:
        raise AssertionRejected("encrypted_data", "something encrypted that is no element")
    (wrapped,) = _children(info, "encrypted_key", frozenset({"Id"}), (XENC, "EncryptedKey"))
    shape = [(XENC, "EncryptionMethod"), (XENC, "CipherData")]
    if len(wrapped) > 1 and wrapped[1].tag == KEY_INFO:
        if any(hint.tag not in KEY_HINTS for hint in wrapped[1].iterdescendants()):
            raise AssertionRejected("key_info", "a KeyInfo with more than certificates, key values and names")
        shape.insert(1, (DS, "KeyInfo"))
    transport, *_, wrapped_cipher = _children(wrapped, "encrypted_key", frozenset({"Id", "Recipient"}), *shape)
    # 4. Algorithms.
    content = _algorithm(method, "content_encryption", profile.content_encryption)
    if content not in _KEY_OCTETS or len(method):
        raise AssertionRejected("content_encryption", "an encryption with parameters, or unknown")
    digest, mgf = _oaep(transport, profile)
    value = _cipher_value(cipher)
    if len(value) <= IV_OCTETS + TAG_OCTETS:
        raise AssertionRejected("cipher_value", "a ciphertext of nothing")
    return _Encrypted(
        key_octets=_KEY_OCTETS[content],
        digest=digest,
        mgf=mgf,
        wrapped_key=_cipher_value(wrapped_cipher),
        iv=value[:IV_OCTETS],
        ciphertext=value[IV_OCTETS:],
    )


def _oaep(method: Element, profile: Profile) -> tuple[HashAlgorithm, HashAlgorithm]:
    """The hash and the mask's hash of RSA-OAEP; XML Encryption 1.1 §5.5.2 has SHA-1 where one is left out."""
    transport = _algorithm(method, "key_transport", profile.key_transports)
    found = {str(child.tag): child for child in method}
    if len(found) != len(method) or not found.keys() <= {f"{{{DS}}}DigestMethod", f"{{{XENC11}}}MGF"}:
        raise AssertionRejected("key_transport", "a key transport with a label, or other parameters")
    digest, mgf = profiles.SHA1, profiles.MGF1_SHA1
    if any(len(child) for child in method):
        raise AssertionRejected("key_transport", "parameters with parameters")
    if f"{{{DS}}}DigestMethod" in found:
        digest = _algorithm(found[f"{{{DS}}}DigestMethod"], "oaep_digest", profile.oaep_digests)
    if f"{{{XENC11}}}MGF" in found:
        if transport == profiles.RSA_OAEP_MGF1P:
            raise AssertionRejected("key_transport", "rsa-oaep-mgf1p with another mask than its own")
        mgf = _algorithm(found[f"{{{XENC11}}}MGF"], "oaep_mgf", profile.oaep_mgfs)
    if digest not in profile.oaep_digests or digest not in _DIGESTS:
        raise AssertionRejected("oaep_digest", "a hash in OAEP that we do not take")
    if mgf not in profile.oaep_mgfs or mgf not in _MGFS:
        raise AssertionRejected("oaep_mgf", "a mask in OAEP that we do not take")
    return _DIGESTS[digest], _MGFS[mgf]


def _algorithm(method: Element, check: str, taken: frozenset[str]) -> str:
    """The Algorithm of a method, one of those `taken`; nothing else is in it but what the caller reads."""
    if list(attributes(method)) != ["Algorithm"] or (method.text or "").strip():
        raise AssertionRejected(check, "a method with other attributes than Algorithm, or with text")
    algorithm = attributes(method)["Algorithm"]
    if algorithm not in taken:
        raise AssertionRejected(check, "an algorithm that we do not take")
    return algorithm


def _cipher_value(cipher: Element) -> bytes:
    (value,) = _children(cipher, "cipher_value", frozenset(), (XENC, "CipherValue"))
    if len(value) or value.items():
        raise AssertionRejected("cipher_value", "a CipherValue with elements or attributes")
    try:
        return strict_base64("".join((value.text or "").split()))
    except ValueError:
        raise AssertionRejected("cipher_value", "a CipherValue that is not base64") from None


def _children(element: Element, check: str, taken: frozenset[str], *names: tuple[str, str]) -> list[Element]:
    """Exactly these children, attributes of `taken` alone, and only white space between."""
    children = list(element)
    if [child.tag for child in children] != [f"{{{namespace}}}{name}" for namespace, name in names]:
        raise AssertionRejected(check, f"a {check} of another form")
    if not taken.issuperset(attributes(element)):
        raise AssertionRejected(check, f"a {check} with other attributes")
    if (element.text or "").strip() or any((child.tail or "").strip() for child in children):
        raise AssertionRejected(check, f"a {check} with text in it")
    return children
