"""The one form of `ds:SignedInfo` that we read: XML signature as a closed form, not as a language.

```xml
<ds:SignedInfo>
  <ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>      InclusiveNamespaces allowed
  <ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>   or another of the profile's
  <ds:Reference URI="#ID-of-the-parent">                            "" (the document) where the shape takes it
    <ds:Transforms>
      <ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
      <ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>               InclusiveNamespaces allowed
    </ds:Transforms>
    <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>              or SHA-384, SHA-512
    <ds:DigestValue>…</ds:DigestValue>
  </ds:Reference>
</ds:SignedInfo>
```
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.profiles import Profile
from connectors.signatures.algorithms import ALGORITHMS, SignatureAlgorithm
from connectors.signatures.parse import Element, attributes, children_of, strict_base64
from policies.errors import SignatureInvalid

DS = "http://www.w3.org/2000/09/xmldsig#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SHA256_URI = "http://www.w3.org/2001/04/xmlenc#sha256"
SIGNATURE = f"{{{DS}}}Signature"
SIGNED_INFO = f"{{{DS}}}SignedInfo"
SIGNATURE_VALUE = f"{{{DS}}}SignatureValue"
KEY_INFO = f"{{{DS}}}KeyInfo"

DIGESTS: Mapping[str, Callable[..., "hashlib._Hash"]] = {
    SHA256_URI: hashlib.sha256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashlib.sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
    # In no profile: taken by the deviation `sha1_signature` alone
    f"{DS}sha1": hashlib.sha1,
}
# The names of hashlib and pyca
DIGEST_URIS: Mapping[str, str] = dict(zip(("sha256", "sha384", "sha512", "sha1"), DIGESTS, strict=True))

_INCLUSIVE = f"{{{EXC_C14N}}}InclusiveNamespaces"
_SIGNED_INFO_CHILDREN = [f"{{{DS}}}{name}" for name in ("CanonicalizationMethod", "SignatureMethod", "Reference")]
_REFERENCE_CHILDREN = [f"{{{DS}}}{name}" for name in ("Transforms", "DigestMethod", "DigestValue")]
_TRANSFORMS_CHILDREN = [f"{{{DS}}}Transform"] * 2
# XML has four kinds of white space; str.split knows more
_LISTED = re.compile(r"[^ \t\r\n]+")
_PREFIX = re.compile(r"#default|[^\W\d][\w.\-]*")
# Signers list the prefixes of attribute values' types: a handful
MAX_PREFIXES = 16
_SPACES = " \t\r\n"


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """A SignedInfo of the profile, read. `prefixes` are those of its own canonicalisation."""

    prefixes: tuple[str, ...]
    algorithm: SignatureAlgorithm
    referenced_id: str
    reference_prefixes: tuple[str, ...]
    digest: Callable[..., "hashlib._Hash"]
    digest_value: bytes


def read_signed_info(element: Element, profile: Profile) -> SignedInfo:
    """The typed SignedInfo. Raises `SignatureInvalid` for what the profile does not allow, before any of it is computed.

    A Reference to the whole document (`URI=""`) has an empty `referenced_id`.
    """
    # 1. The form: these elements and attributes, and nothing else.
    if element.keys():
        raise SignatureInvalid("signed_info", "a SignedInfo of another shape")
    canonicalisation, method, reference = _children(element, "signed_info", _SIGNED_INFO_CHILDREN)
    algorithm_uri = _algorithm(method, "signature_algorithm")
    transforms, digest_method, digest_value = _children(reference, "reference", _REFERENCE_CHILDREN)
    reference_attributes = attributes(reference)
    if list(reference_attributes) != ["URI"]:
        raise SignatureInvalid("reference", "a Reference with other attributes than URI")
    enveloped, c14n = _children(transforms, "transforms", _TRANSFORMS_CHILDREN)
    if _algorithm(enveloped, "transforms") != ENVELOPED or len(enveloped):
        raise SignatureInvalid("transforms", "transforms other than enveloped-signature and exclusive C14N")
    digest_uri = _algorithm(digest_method, "digest_algorithm")
    if len(method):
        raise SignatureInvalid("signature_algorithm", "a signature algorithm with parameters")
    if len(digest_method):
        raise SignatureInvalid("digest_algorithm", "a digest algorithm with parameters")
    if len(digest_value):
        raise SignatureInvalid("digest_value", "a base64 value with elements in it")
    prefixes = inclusive_prefixes(canonicalisation, "canonicalisation_method")
    reference_prefixes = inclusive_prefixes(c14n, "transforms")
    # 2. The values: algorithms of the profile, and a Reference that stays in the message.
    uri = reference_attributes["URI"]
    algorithm = ALGORITHMS.get(algorithm_uri)
    if algorithm is None or algorithm.uri not in profile.signature_algorithms:
        raise SignatureInvalid("signature_algorithm", "a signature algorithm that we do not take")
    if uri and (not uri.startswith("#") or len(uri) == 1):
        raise SignatureInvalid("reference", "a Reference that leaves the message")
    digest = DIGESTS.get(digest_uri) if digest_uri in profile.digests else None
    if digest is None:
        raise SignatureInvalid("digest_algorithm", "a digest algorithm that we do not take")
    octets = _octets(digest_value, "digest_value")
    return SignedInfo(prefixes, algorithm, uri[1:], reference_prefixes, digest, octets)


def inclusive_prefixes(method: Element, check: str) -> tuple[str, ...]:
    """The PrefixList of an exclusive C14N, mostly empty. Raises `SignatureInvalid(check)` for any other algorithm."""
    if _algorithm(method, check) != EXC_C14N:
        raise SignatureInvalid(check, "a canonicalisation other than exclusive C14N without comments")
    children = children_of(method)
    if not children:
        return ()
    found = attributes(children[0])
    if len(children) != 1 or children[0].tag != _INCLUSIVE or len(children[0]) or list(found) != ["PrefixList"]:
        raise SignatureInvalid(check, "a canonicalisation with unknown parameters")
    prefixes = tuple(_LISTED.findall(found["PrefixList"]))
    if len(prefixes) > MAX_PREFIXES or not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise SignatureInvalid(check, "a PrefixList that is none")
    return prefixes


def octets_of(element: Element, check: str) -> bytes:
    """The octets of a base64 element: one text node in one spelling, but for the white space that wraps it."""
    if len(element):
        raise SignatureInvalid(check, "a base64 value with elements in it")
    return _octets(element, check)


def _octets(element: Element, check: str) -> bytes:
    text = element.text or ""
    for space in _SPACES:
        # `in` costs less than a replacement that replaces nothing
        if space in text:
            text = text.replace(space, "")
    try:
        return strict_base64(text)
    except ValueError:
        raise SignatureInvalid(check, "a base64 value that is none") from None


def _children(element: Element, check: str, tags: list[str]) -> list[Element]:
    """The children: exactly these tags in this order, with only white space between them."""
    children = children_of(element)
    if [child.tag for child in children] != tags:
        raise SignatureInvalid(check, f"children of a {check} other than the form has")
    if "".join([element.text or "", *[child.tail or "" for child in children]]).strip():
        raise SignatureInvalid(check, f"text between the children of a {check}")
    return children


def _algorithm(element: Element, check: str) -> str:
    """The Algorithm of a method, which has no other attribute and no text."""
    found = attributes(element)
    if list(found) != ["Algorithm"] or (element.text or "").strip():
        raise SignatureInvalid(check, "a method with other attributes than Algorithm, or with text")
    return found["Algorithm"]
