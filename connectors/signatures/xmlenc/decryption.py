"""Opens ciphertext for us after the signature over it held; the content goes through the whole plan again."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from lxml import etree

from connectors.deviations import Tolerance
from connectors.profiles import Profile
from connectors.signatures.parse import Element, canonical, ids, parse_message
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import MAX_PREFIXES
from connectors.signatures.shapes import ASSERTION
from connectors.signatures.signer import Agreement, DecryptionKey, transports
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmldsig import check_own_signatures
from connectors.signatures.xmlenc.algorithms import CBC_BLOCK_OCTETS, ENCRYPTED_ASSERTION, XENC, XENC11
from connectors.signatures.xmlenc.form import EncryptedContent, Transported, read_encrypted
from policies.deviations import AES_CBC
from policies.errors import AssertionRejected

# One sentence for every failure
FAILED = "an assertion that our key does not decrypt"
_PREFIX = re.compile(r"[^\W\d][\w.\-]{0,63}")
_XSI_TYPES = etree.XPath("//@xsi:type", namespaces={"xsi": "http://www.w3.org/2001/XMLSchema-instance"})


# The plan (docs/threats.md). Each block below has its number.
#  1. The outer signature held: a `Signed` is the argument, and nothing else is read.
#  2. Structure: exactly one EncryptedAssertion, a child of the root, and no assertion in the clear.
#  3. The closed form: one EncryptedData, one EncryptedKey in it or right after it, ciphertext inline, nothing fetched.
#  4. Algorithms of the profile, each refused by its name before a private key is used.
#  5. Unwrap and decrypt. From here to the end of 5. there is one answer for every failure, and the same work. AES-CBC
#     authenticates nothing, so its failures have that answer up to the end of 8.: nobody may tell a wrong padding from a
#     plaintext that is no assertion (Vaudenay 2002; Jager and Somorovsky 2011), and the plaintext is parsed either way.
#  6. The plaintext is a message like any other: plan 1. to 8. of `xmldsig.verify`; the root is one assertion, nothing in it
#     is encrypted again, and a Signature of its own must hold.
#  7. One document or two, an ID stands once.
#  8. The canonical octets of the assertion, with the namespaces that types of values name.
def open_assertion(
    signed: Signed,
    unwrappers: Sequence[DecryptionKey],
    keys: Sequence[PinnedKey],
    profile: Profile,
    tolerance: Tolerance | None = None,
) -> Signed:
    """Decrypt the one EncryptedAssertion in a signed Response. The Response's signature vouches for the result.

    `unwrappers` are our keys, the newest first, `keys` the peer's. `tolerance` may take AES-CBC. Raises
    `AssertionRejected` and `SignatureInvalid`.
    """
    # 1. These octets were signed.
    root = signed.tree()
    # 2. Structure.
    found = list(root.iter(ENCRYPTED_ASSERTION))
    if root.find(f".//{ASSERTION.root}") is not None:
        raise AssertionRejected("plain_assertion", "an assertion in the clear")
    if len(found) != 1:
        raise AssertionRejected("one_assertion", f"{len(found)} encrypted assertions")
    if found[0].getparent() is not root:
        raise AssertionRejected("structure", "an encrypted assertion that is no child of the root")
    # 3. and 4.
    encrypted = read_encrypted(found[0], profile, tolerance or Tolerance())
    # 5. The one answer.
    if not encrypted.cbc:
        return _judged(_decrypt(encrypted, unwrappers), signed, keys, profile)
    plaintext, padded = _decrypt_cbc(encrypted, unwrappers)
    try:
        opened = _judged(plaintext, signed, keys, profile)
    except (AssertionRejected, ValueError):
        padded = False
    if not padded:
        error = AssertionRejected("decryption", FAILED)
        error.deviation = AES_CBC
        raise error
    return opened


def _judged(plaintext: bytes, signed: Signed, keys: Sequence[PinnedKey], profile: Profile) -> Signed:
    """6. to 8. of the plan."""
    root = signed.tree()
    # 6. Again from the beginning.
    assertion = parse_message(plaintext)
    inner_ids = ids(assertion)
    check_own_signatures(assertion, keys, ASSERTION, profile)
    if next(assertion.iter(f"{{{XENC}}}*", f"{{{XENC11}}}*"), None) is not None:
        raise AssertionRejected("encrypted_data", "something encrypted in what was decrypted")
    # 7. A reader of both could take one for the other.
    if not set(ids(root)).isdisjoint(inner_ids):
        raise AssertionRejected("duplicate_id", "an ID that stands in the Response and in its assertion")
    # 8. Its own Signature held, and stands in it no more.
    return Signed(octets=canonical(assertion, _prefixes_of_types(assertion)), key_id=signed.key_id)


def _decrypt(encrypted: EncryptedContent, keys: Sequence[DecryptionKey]) -> bytes:
    """The plaintext. Every failure is the same refusal: a difference would be an oracle (Bleichenbacher, Manger)."""
    for key in keys:
        # A key that does not unwrap is one that does not decrypt: the content is tried all the same.
        content_key = os.urandom(encrypted.key_octets)
        try:
            unwrapped = _unwrapped(encrypted, key)
        except (ValueError, InvalidUnwrap):
            unwrapped = b""
        if len(unwrapped) == encrypted.key_octets:
            content_key = unwrapped
        try:
            return AESGCM(content_key).decrypt(encrypted.iv, encrypted.ciphertext, None)
        except InvalidTag:
            continue
    raise AssertionRejected("decryption", FAILED) from None


def _decrypt_cbc(encrypted: EncryptedContent, keys: Sequence[DecryptionKey]) -> tuple[bytes, bool]:
    """The plaintext, and whether its padding was one; octets that mean nothing where no key unwraps.

    Nothing is raised, and nothing left out. A key that does not unwrap decrypts to noise, as a changed ciphertext does.
    """
    content_key = os.urandom(encrypted.key_octets)
    for key in keys:
        try:
            unwrapped = _unwrapped(encrypted, key)
        except (ValueError, InvalidUnwrap):
            unwrapped = b""
        if len(unwrapped) == encrypted.key_octets:
            content_key = unwrapped
    decryptor = Cipher(AES(content_key), CBC(encrypted.iv)).decryptor()
    padded = decryptor.update(encrypted.ciphertext) + decryptor.finalize()
    # XML Encryption 1.1 §5.2.1: the last octet counts, and those before it are arbitrary
    count = padded[-1]
    return padded[: len(padded) - min(count, CBC_BLOCK_OCTETS)], 1 <= count <= CBC_BLOCK_OCTETS


def _unwrapped(encrypted: EncryptedContent, key: DecryptionKey) -> bytes:
    """The content's key, or octets that are none; ValueError and `InvalidUnwrap` where nothing comes out."""
    way = encrypted.way
    if isinstance(way, Transported):
        return key.unwrap(encrypted.wrapped_key, way.digest, way.mgf) if transports(key) else b""
    # A key that agrees on nothing is one that agrees on something else: the rest is done all the same.
    secret = os.urandom(encrypted.key_octets)
    if isinstance(key, Agreement) and key.curve == way.originator.curve.name:
        with suppress(ValueError):
            secret = key.agree(way.originator)
    return aes_key_unwrap(way.wrapping_key(secret), encrypted.wrapped_key)


def _prefixes_of_types(assertion: Element) -> tuple[str, ...]:
    """The prefixes in the values of `xsi:type`, which exclusive C14N does not see: few, since each costs a search."""
    types = _XSI_TYPES(assertion)
    named = {str(value).strip().partition(":")[0] for value in types} if isinstance(types, list) else set()
    prefixes = tuple(sorted(prefix for prefix in named if _PREFIX.fullmatch(prefix)))
    if len(prefixes) > MAX_PREFIXES:
        raise AssertionRejected("canonicalisation", "an assertion whose values have types of many prefixes")
    return prefixes
