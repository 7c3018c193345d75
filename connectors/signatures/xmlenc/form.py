"""The one form of an encrypted assertion that we read.

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

It is decrypted with pyca, since a decrypting library follows what the message says. AES-GCM of pyca has tags of 16 octets
and no other.
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import HashAlgorithm

from connectors import profiles
from connectors.profiles import Profile
from connectors.signatures.parse import Element, attributes, strict_base64
from connectors.signatures.profile import DS, KEY_INFO
from connectors.signatures.xmldsig import KEY_HINTS
from connectors.signatures.xmlenc.algorithms import (
    DIGESTS,
    IV_OCTETS,
    KEY_OCTETS,
    MGFS,
    TAG_OCTETS,
    TYPE_ELEMENT,
    XENC,
    XENC11,
)
from policies.errors import AssertionRejected


@dataclass(frozen=True, slots=True)
class Encrypted:
    """One EncryptedData of the profile: everything of it that is used."""

    key_octets: int
    digest: HashAlgorithm
    mgf: HashAlgorithm
    wrapped_key: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


def read_encrypted(holder: Element, profile: Profile) -> Encrypted:
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
    if content not in KEY_OCTETS or len(method):
        raise AssertionRejected("content_encryption", "an encryption with parameters, or unknown")
    digest, mgf = _oaep(transport, profile)
    value = _cipher_value(cipher)
    if len(value) <= IV_OCTETS + TAG_OCTETS:
        raise AssertionRejected("cipher_value", "a ciphertext of nothing")
    return Encrypted(
        key_octets=KEY_OCTETS[content],
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
    if digest not in profile.oaep_digests or digest not in DIGESTS:
        raise AssertionRejected("oaep_digest", "a hash in OAEP that we do not take")
    if mgf not in profile.oaep_mgfs or mgf not in MGFS:
        raise AssertionRejected("oaep_mgf", "a mask in OAEP that we do not take")
    return DIGESTS[digest], MGFS[mgf]


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
