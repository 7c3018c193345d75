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
from connectors.signatures.parse import Element, attributes, parse_canonical, strict_base64
from policies.errors import SignatureInvalid

DS = "http://www.w3.org/2000/09/xmldsig#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SHA256_URI = "http://www.w3.org/2001/04/xmlenc#sha256"
SIGNATURE = f"{{{DS}}}Signature"
SIGNED_INFO = f"{{{DS}}}SignedInfo"
SIGNATURE_VALUE = f"{{{DS}}}SignatureValue"
KEY_INFO = f"{{{DS}}}KeyInfo"

DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    SHA256_URI: lambda octets: hashlib.sha256(octets).digest(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": lambda octets: hashlib.sha384(octets).digest(),
    "http://www.w3.org/2001/04/xmlenc#sha512": lambda octets: hashlib.sha512(octets).digest(),
}
# As hashlib and pyca name them
DIGEST_URIS: Mapping[str, str] = dict(zip(("sha256", "sha384", "sha512"), DIGESTS, strict=True))

_INCLUSIVE = f"{{{EXC_C14N}}}InclusiveNamespaces"
# XML has four kinds of white space; str.split knows more
_LISTED = re.compile(r"[^ \t\r\n]+")
_PREFIX = re.compile(r"#default|[^\W\d][\w.\-]*")
# Signers list the prefixes of attribute values' types: a handful
MAX_PREFIXES = 16
_SPACES = " \t\r\n"


def _method(name: str, algorithm: str, inside: str = "") -> str:
    return rf'<(?P=p){name} Algorithm="{algorithm}">{inside}</(?P=p){name}>[ \t\n]*'


def _inclusive_form(prefix: str, listed: str) -> str:
    name = f"(?P={prefix}):InclusiveNamespaces"
    opening = rf'<(?P<{prefix}>[A-Za-z]+):InclusiveNamespaces xmlns:(?P={prefix})="{re.escape(EXC_C14N)}"'
    return rf'(?:{opening} PrefixList="(?P<{listed}>[^"&<]*)"></{name}>)?'


# The same form once more, over canonical octets as nearly everybody makes them. Canonical XML has one spelling of all
# things: what this matches says these parts and nothing else. What it does not match is parsed, and taken apart by child.
_COMMON = re.compile(
    rf'<(?P<p>(?:[A-Za-z]+:)?)SignedInfo xmlns(?P<declared>(?::[A-Za-z]+)?)="{re.escape(DS)}">[ \t\n]*'
    + _method("CanonicalizationMethod", re.escape(EXC_C14N), _inclusive_form("e", "prefixes"))
    + _method("SignatureMethod", '(?P<algorithm>[^"&<]*)')
    + r'<(?P=p)Reference URI="(?P<uri>[^"&<]*)">[ \t\n]*<(?P=p)Transforms>[ \t\n]*'
    + _method("Transform", re.escape(ENVELOPED))
    + _method("Transform", re.escape(EXC_C14N), _inclusive_form("f", "reference_prefixes"))
    + r"</(?P=p)Transforms>[ \t\n]*"
    + _method("DigestMethod", '(?P<digest>[^"&<]*)')
    + r"<(?P=p)DigestValue>(?P<digest_value>[^&<]*)</(?P=p)DigestValue>[ \t\n]*</(?P=p)Reference>[ \t\n]*"
    + r"</(?P=p)SignedInfo>"
)


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """What a SignedInfo of the profile says. `prefixes` are those of its own canonicalisation."""

    prefixes: tuple[str, ...]
    algorithm: SignatureAlgorithm
    referenced_id: str
    reference_prefixes: tuple[str, ...]
    digest: Callable[[bytes], bytes]
    digest_value: bytes


def judge_signed_info(octets: bytes, profile: Profile) -> SignedInfo:
    """The typed SignedInfo of its canonical octets. Raises as `read_signed_info`."""
    match = _COMMON.fullmatch(octets.decode())
    if match is None or match["declared"] != f":{match['p']}".removesuffix(":"):
        return read_signed_info(parse_canonical(octets), profile)
    prefixes, algorithm, uri, reference_prefixes, digest, digest_value = match.group(
        "prefixes", "algorithm", "uri", "reference_prefixes", "digest", "digest_value"
    )
    return _judged(
        profile,
        () if prefixes is None else _prefix_list(prefixes, "canonicalisation_method"),
        algorithm,
        uri,
        () if reference_prefixes is None else _prefix_list(reference_prefixes, "transforms"),
        digest,
        digest_value,
    )


def read_signed_info(element: Element, profile: Profile) -> SignedInfo:
    """The typed SignedInfo. Raises `SignatureInvalid` for what is not of the profile, before any of it is done.

    A Reference to the whole document (`URI=""`) has an empty `referenced_id`.
    """
    if element.items():
        raise SignatureInvalid("signed_info", "a SignedInfo of another shape")
    canonicalisation, method, reference = _children(
        element, "signed_info", "CanonicalizationMethod", "SignatureMethod", "Reference"
    )
    algorithm = _algorithm(method, "signature_algorithm")
    transforms, digest_method, digest_value = _children(reference, "reference", "Transforms", "DigestMethod", "DigestValue")
    if list(attributes(reference)) != ["URI"]:
        raise SignatureInvalid("reference", "a Reference with other attributes than URI")
    enveloped, c14n = _children(transforms, "transforms", "Transform", "Transform")
    if _algorithm(enveloped, "transforms") != ENVELOPED or len(enveloped):
        raise SignatureInvalid("transforms", "transforms other than enveloped-signature and exclusive C14N")
    digest = _algorithm(digest_method, "digest_algorithm")
    if len(method):
        raise SignatureInvalid("signature_algorithm", "a signature algorithm with parameters")
    if len(digest_method):
        raise SignatureInvalid("digest_algorithm", "a digest algorithm with parameters")
    if len(digest_value):
        raise SignatureInvalid("digest_value", "a base64 value with elements in it")
    return _judged(
        profile,
        inclusive_prefixes(canonicalisation, "canonicalisation_method"),
        algorithm,
        attributes(reference)["URI"],
        inclusive_prefixes(c14n, "transforms"),
        digest,
        digest_value.text or "",
    )


def _judged(
    profile: Profile,
    prefixes: tuple[str, ...],
    algorithm_uri: str,
    uri: str,
    reference_prefixes: tuple[str, ...],
    digest_uri: str,
    digest_value: str,
) -> SignedInfo:
    """Algorithms of the profile, a Reference that stays in the message, a digest in base64."""
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
    if not len(method):
        return ()
    inner = method[0]
    if len(method) != 1 or inner.tag != _INCLUSIVE or len(inner) or list(attributes(inner)) != ["PrefixList"]:
        raise SignatureInvalid(check, "a canonicalisation with unknown parameters")
    return _prefix_list(attributes(inner)["PrefixList"], check)


def _prefix_list(text: str, check: str) -> tuple[str, ...]:
    prefixes = tuple(_LISTED.findall(text))
    if len(prefixes) > MAX_PREFIXES or not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise SignatureInvalid(check, "a PrefixList that is none")
    return prefixes


def octets_of(element: Element, check: str) -> bytes:
    """The octets of a base64 element: a single text node, white space as signers wrap it, else one spelling."""
    if len(element):
        raise SignatureInvalid(check, "a base64 value with elements in it")
    return _octets(element.text or "", check)


def _octets(text: str, check: str) -> bytes:
    for space in _SPACES:
        # To look is quicker than to replace nothing
        if space in text:
            text = text.replace(space, "")
    try:
        return strict_base64(text)
    except ValueError:
        raise SignatureInvalid(check, "a base64 value that is none") from None


def _children(element: Element, check: str, *names: str) -> list[Element]:
    """Exactly these children in the namespace of XML signature, in their order, and only white space between them."""
    children = list(element)
    if [child.tag for child in children] != [f"{{{DS}}}{name}" for name in names]:
        raise SignatureInvalid(check, f"children of a {check} other than {', '.join(names)}, once each")
    if (element.text or "").strip() or any((child.tail or "").strip() for child in children):
        raise SignatureInvalid(check, f"text between the children of a {check}")
    return children


def _algorithm(element: Element, check: str) -> str:
    """The Algorithm of a method, which has no other attribute and no text."""
    if list(attributes(element)) != ["Algorithm"] or (element.text or "").strip():
        raise SignatureInvalid(check, "a method with other attributes than Algorithm, or with text")
    return attributes(element)["Algorithm"]
