"""The one form of an encrypted assertion that we read: one EncryptedData, and one EncryptedKey in it or right after it.

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

By the deviation `aes_cbc` the content's method is AES-CBC, without a child; its value is IV (16) || whole blocks.

Where the key is agreed on, the EncryptedKey has an EncryptionMethod of AES key wrap, and the AgreementMethod of
`agreement.py` in its KeyInfo. One that stands after the EncryptedData (SAML Core 2.0 §2.3.4; OpenSAML's "peer" placement)
has an Id, and may list what it encrypts. KeyInfo of the data is then one reference to it, and the signature covered both:

```xml
<ds:RetrievalMethod Type="http://www.w3.org/2001/04/xmlenc#EncryptedKey" URI="#Id-of-that-key"/>          nothing is fetched
<xenc:ReferenceList><xenc:DataReference URI="#Id-of-the-data"/></xenc:ReferenceList>               in the key, or absent
```
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import HashAlgorithm

from connectors import profiles
from connectors.deviations import Tolerance
from connectors.profiles import Profile
from connectors.signatures.parse import Element, attributes
from connectors.signatures.profile import DS, KEY_INFO
from connectors.signatures.xmldsig import KEY_HINTS
from connectors.signatures.xmlenc.agreement import Agreed, read_agreement
from connectors.signatures.xmlenc.algorithms import (
    CBC_BLOCK_OCTETS,
    CBC_KEY_OCTETS,
    DER_KEY,
    DIGESTS,
    IV_OCTETS,
    KEY_OCTETS,
    MGFS,
    TAG_OCTETS,
    TYPE_ELEMENT,
    TYPE_ENCRYPTED_KEY,
    WRAP_OVERHEAD,
    XENC,
    XENC11,
)
from connectors.signatures.xmlenc.grammar import ID, NOTHING, algorithm, children, cipher_value
from policies.deviations import AES_CBC
from policies.errors import AssertionRejected

# None is read. The EU's node writes the last
_HINTS = KEY_HINTS | {DER_KEY}
_RETRIEVAL = f"{{{DS}}}RetrievalMethod"
_ENCRYPTED_KEY = f"{{{XENC}}}EncryptedKey"
_AGREEMENT = f"{{{XENC}}}AgreementMethod"
_REFERENCE_LIST = f"{{{XENC}}}ReferenceList"


@dataclass(frozen=True, slots=True)
class Transported:
    """A key that came by RSA-OAEP: the hash, and the hash of its mask."""

    digest: HashAlgorithm
    mgf: HashAlgorithm


@dataclass(frozen=True, slots=True)
class EncryptedContent:
    """One EncryptedData of the profile: everything of it that is used."""

    key_octets: int
    cbc: bool
    way: Transported | Agreed
    wrapped_key: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


def read_encrypted(holder: Element, profile: Profile, tolerance: Tolerance) -> EncryptedContent:
    """The closed form. Raises `AssertionRejected`, by name."""
    # 3. An element that fetches or names its key is refused as such, wherever it stands.
    if holder.find(f".//{{{XENC}}}CipherReference") is not None:
        raise AssertionRejected("cipher_reference", "ciphertext that lies elsewhere")
    count = len(list(holder.iter(_ENCRYPTED_KEY)))
    if count > 1:
        raise AssertionRejected("encrypted_key", f"{count} times EncryptedKey")
    reference = _reference(holder)
    if any(found is not reference for found in holder.iter("{*}RetrievalMethod")):
        raise AssertionRejected("retrieval_method", "a key that lies elsewhere")
    after = [] if reference is None else [(XENC, "EncryptedKey")]
    data, *keys = children(holder, "encrypted_data", NOTHING, (XENC, "EncryptedData"), *after)
    method, info, cipher = children(
        data, "encrypted_data", ID | {"Type"}, (XENC, "EncryptionMethod"), (DS, "KeyInfo"), (XENC, "CipherData")
    )
    if attributes(data).get("Type") != TYPE_ELEMENT:
        raise AssertionRejected("encrypted_data", "something encrypted that is no element")
    (found,) = children(info, "encrypted_key", ID, (DS, "RetrievalMethod") if keys else (XENC, "EncryptedKey"))
    transport, hint, wrapped = _key(keys[0] if keys else found, attributes(data).get("Id", "") if keys else "")
    # 4. Algorithms.
    key_octets, cbc = _content(method, profile, tolerance)
    way = _oaep(transport, profile) if hint is None else read_agreement(hint, transport, profile)
    wrapped_key, value = cipher_value(wrapped), cipher_value(cipher)
    # All of this anybody can see: it tells nothing of what is inside
    iv_octets = CBC_BLOCK_OCTETS if cbc else IV_OCTETS
    if len(value) <= iv_octets + (0 if cbc else TAG_OCTETS):
        raise AssertionRejected("cipher_value", "a ciphertext of nothing")
    if cbc and len(value) % CBC_BLOCK_OCTETS:
        raise AssertionRejected("cipher_value", "a ciphertext that is not whole blocks")
    if isinstance(way, Agreed) and len(wrapped_key) != key_octets + WRAP_OVERHEAD:
        # Before anything is unwrapped: the time of that grows with what is wrapped
        raise AssertionRejected("key_wrap", "a wrapped key that is none of the content's encryption")
    return EncryptedContent(key_octets, cbc, way, wrapped_key, iv=value[:iv_octets], ciphertext=value[iv_octets:])


def _reference(holder: Element) -> Element | None:
    """The one RetrievalMethod that may stand: in the EncryptedData, to the EncryptedKey right after it."""
    if len(holder) != 2 or holder[1].tag != _ENCRYPTED_KEY:  # noqa: PLR2004 # the data and its key
        return None
    reference, key_id = holder[0].find(f"{KEY_INFO}/{_RETRIEVAL}"), attributes(holder[1]).get("Id", "")
    if reference is None or len(reference) or not key_id:
        return None
    names_it = attributes(reference) == {"Type": TYPE_ENCRYPTED_KEY, "URI": f"#{key_id}"}
    return reference if names_it and not (reference.text or "").strip() else None


def _key(key: Element, data_id: str) -> tuple[Element, Element | None, Element]:
    """The parts of an EncryptedKey: EncryptionMethod, AgreementMethod where it has one, and CipherData.

    One that lists what it encrypts lists the data of this id alone.
    """
    info = key[1] if len(key) > 1 and key[1].tag == KEY_INFO else None
    form = [(XENC, "EncryptionMethod"), *([] if info is None else [(DS, "KeyInfo")]), (XENC, "CipherData")]
    if data_id and len(key) and key[-1].tag == _REFERENCE_LIST:
        (found,) = children(key[-1], "encrypted_key", NOTHING, (XENC, "DataReference"))
        children(found, "encrypted_key", frozenset({"URI"}))
        if attributes(found).get("URI") != f"#{data_id}":
            raise AssertionRejected("encrypted_key", "a key for something else than the data before it")
        form.append((XENC, "ReferenceList"))
    parts = children(key, "encrypted_key", ID | {"Recipient"}, *form)
    method, cipher = parts[0], parts[1 if info is None else 2]
    if info is not None and info.find(_AGREEMENT) is not None:
        (agreement,) = children(info, "key_agreement", ID, (XENC, "AgreementMethod"))
        return method, agreement, cipher
    if info is not None and any(hint.tag not in _HINTS for hint in info.iterdescendants()):
        raise AssertionRejected("key_info", "a KeyInfo with more than certificates, key values and names")
    return method, None, cipher


def _content(method: Element, profile: Profile, tolerance: Tolerance) -> tuple[int, bool]:
    """How long the key is that the content's encryption takes, and whether that is AES-CBC, by its deviation."""
    if attributes(method).get("Algorithm") in CBC_KEY_OCTETS and tolerance.takes(AES_CBC):
        uri = algorithm(method, "content_encryption", CBC_KEY_OCTETS.keys())
        if len(method):
            raise AssertionRejected("content_encryption", "AES-CBC with parameters")
        return CBC_KEY_OCTETS[uri], True
    uri = algorithm(method, "content_encryption", profile.content_encryption & KEY_OCTETS.keys())
    if len(method):
        # AES-GCM has no use for a hash, but Poland's login.gov.pl names one
        (digest,) = children(method, "content_encryption", frozenset({"Algorithm"}), (DS, "DigestMethod"))
        if algorithm(digest, "content_encryption", profile.digests) and len(digest):
            raise AssertionRejected("content_encryption", "a hash with parameters")
    return KEY_OCTETS[uri], False


def _oaep(method: Element, profile: Profile) -> Transported:
    """The hash and the mask's hash of RSA-OAEP; XML Encryption 1.1 §5.5.2 has SHA-1 where one is left out."""
    transport = algorithm(method, "key_transport", profile.key_transports)
    found = {str(child.tag): child for child in method}
    if len(found) != len(method) or not found.keys() <= {f"{{{DS}}}DigestMethod", f"{{{XENC11}}}MGF"}:
        raise AssertionRejected("key_transport", "a key transport with a label, or other parameters")
    digest, mgf = profiles.SHA1, profiles.MGF1_SHA1
    if any(len(child) for child in method):
        raise AssertionRejected("key_transport", "parameters with parameters")
    if any((child.tail or "").strip() for child in method):
        raise AssertionRejected("key_transport", "text between parameters")
    if f"{{{DS}}}DigestMethod" in found:
        digest = algorithm(found[f"{{{DS}}}DigestMethod"], "oaep_digest", profile.oaep_digests)
    if f"{{{XENC11}}}MGF" in found:
        if transport == profiles.RSA_OAEP_MGF1P:
            raise AssertionRejected("key_transport", "rsa-oaep-mgf1p with another mask than its own")
        mgf = algorithm(found[f"{{{XENC11}}}MGF"], "oaep_mgf", profile.oaep_mgfs)
    if digest not in profile.oaep_digests & DIGESTS.keys():
        raise AssertionRejected("oaep_digest", "a hash in OAEP that we do not take")
    if mgf not in profile.oaep_mgfs & MGFS.keys():
        raise AssertionRejected("oaep_mgf", "a mask in OAEP that we do not take")
    return Transported(DIGESTS[digest], MGFS[mgf])
