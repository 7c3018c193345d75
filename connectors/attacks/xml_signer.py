"""A signer that signs nonsense: every part of a Signature is a parameter, and what it says need not be what was done.

```xml
<ds:Signature><ds:SignedInfo> `info` edits its text before it is signed </ds:SignedInfo>
  <ds:SignatureValue> `value` edits its octets </ds:SignatureValue> `key_info` </ds:Signature>
```
`finished` edits the text of the whole Signature afterwards, when an Object or a comment costs it nothing.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA224, SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree

from connectors.attacks.key_holders import KeyHolder, PrivateKey
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, SHA256_URI

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
NEWER = "http://www.w3.org/2007/05/xmldsig-more#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
HMAC_SHA256 = f"{MORE}hmac-sha256"
RSA_SHA1 = f"{DS}rsa-sha1"
ECDSA_SHA256 = f"{MORE}ecdsa-sha256"
RSA_MD5 = f"{MORE}rsa-md5"
DIGESTS: Mapping[str, str] = {
    SHA256_URI: "sha256",
    f"{MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    f"{DS}sha1": "sha1",
    f"{MORE}md5": "md5",
    f"{MORE}sha224": "sha224",
}
_HASHES: Mapping[str, HashAlgorithm] = {
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
    "sha224": SHA224(),
    "sha1": SHA1(),  # noqa: S303 # to be refused
    "md5": MD5(),  # noqa: S303 # to be refused
}
Edit = Callable[[str], str]
OctetEdit = Callable[[bytes], bytes]
PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, strip_cdata=False, encoding="utf-8"
)


def same(text: str) -> str:
    """No edit."""
    return text


def same_octets(octets: bytes) -> bytes:
    """No edit."""
    return octets


def swap(old: str, new: str) -> Edit:
    """Edit a text where `old` stands first. ValueError where it does not stand: the case would attack nothing."""

    def edit(text: str) -> str:
        if old not in text:
            raise ValueError(f"nothing to swap: {old}")
        return text.replace(old, new, 1)

    return edit


def before(old: str, text: str) -> Edit:
    """Put a text before the first `old`."""
    return swap(old, text + old)


def after(old: str, text: str) -> Edit:
    """Put a text behind the first `old`."""
    return swap(old, old + text)


def swap_octets(old: str, new: str) -> OctetEdit:
    """`swap` for octets."""
    edit = swap(old, new)
    return lambda octets: edit(octets.decode()).encode()


def part(name: str, number: int = 0) -> Edit:
    """One element of a text: the first of its name, or the one after so many."""

    def found(text: str) -> str:
        begin = -1
        for _ in range(number + 1):
            begin = text.index(f"<{name}", begin + 1)
        end = f"</{name}>"
        return text[begin : text.index(end, begin) + len(end)]

    return found


def instead(name: str, change: Edit, number: int = 0) -> Edit:
    """Change one element of a text as a whole."""
    return lambda text: text.replace(part(name, number)(text), change(part(name, number)(text)), 1)


def cut(begin: str, end: str) -> Edit:
    """Leave out the first piece from `begin` to `end`, both included. ValueError where there is none."""

    def edit(text: str) -> str:
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"nothing to leave out: {begin}")
        return head + tail

    return edit


def without(name: str) -> Edit:
    """Leave out the first element of a name."""
    return cut(f"<{name}", f"</{name}>")


def value(name: str, change: Edit) -> Edit:
    """Change the text in the first element of a name, which has no attributes."""

    def edit(text: str) -> str:
        head, begin, rest = text.partition(f"<{name}>")
        content, end, tail = rest.partition(f"</{name}>")
        return head + begin + change(content) + end + tail

    return edit


def in_lines(width: int, line_end: str = "\n") -> Edit:
    """Break a text into lines, and put a line end around them."""
    return lambda text: "".join(f"{line_end}{text[at : at + width]}" for at in range(0, len(text), width)) + line_end


def flipped(octets: bytes) -> bytes:
    """Octets whose last bit is another."""
    return octets[:-1] + bytes([octets[-1] ^ 1])


def transform(algorithm: str, inside: str = "") -> str:
    """A Transform."""
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


@dataclass(frozen=True, slots=True)
class Signing:
    """How a Signature is made: what it says, and what is done. URIs are those of XML signature.

    `uri` is that of the Reference, in which `{id}` is the ID of what is signed, and `{rest}` that without its first letter.
    `made_with` is the algorithm that is used where `method` only says so; `secret` is the key of a MAC; `holder` signs in
    place of the party; `salt` is that of PSS in octets, None: as long as the hash.
    """

    method: str
    made_with: str = ""
    digest: str = SHA256_URI
    canonicalisation: str = EXC_C14N
    transforms: tuple[str, ...] = (ENVELOPED, EXC_C14N)
    inclusive: str = ""
    uri: str | None = None
    holder: KeyHolder | None = None
    secret: bytes = field(default=b"", repr=False)
    salt: int | None = None
    info: Edit = same
    digested: OctetEdit = same_octets
    signs: OctetEdit = same_octets
    value: OctetEdit = same_octets
    finished: Edit = same
    key_info: str = ""
    place: int = 1
    prefix: str = "ds"


def sign(octets: bytes, element_id: str, by: KeyHolder, how: Signing) -> bytes:
    """The octets of a message with a Signature in the element of this ID, as UTF-8 without a declaration."""
    root = etree.fromstring(octets, PARSER)
    element = next(found for found in root.iter("*") if found.get("ID") == element_id)
    prefixes = how.inclusive.split()
    last = how.transforms[-1] if how.transforms else EXC_C14N
    covered = how.digested(canonical(element, last, prefixes))
    signature = etree.fromstring(_template(how, element_id, covered).encode(), PARSER)
    element.insert(how.place, signature)
    signed = how.signs(canonical(signature[0], how.canonicalisation, prefixes))
    value = how.value(_made(how, how.holder or by, signed))
    signature[1].text = base64.b64encode(value).decode()
    if how.finished is not same:
        text = etree.tostring(signature, encoding="unicode", with_tail=False)
        element.replace(signature, etree.fromstring(how.finished(text).encode(), PARSER))
    return serialised(root)


def serialised(root: Element) -> bytes:
    """A tree as octets: UTF-8 without a declaration."""
    return etree.tostring(root, encoding="unicode").encode()


def canonical(element: Element, algorithm: str, prefixes: list[str] | None = None) -> bytes:
    """Canonical octets by any C14N 1.x: whatever is neither inclusive nor with comments is taken for exclusive without."""
    name = algorithm.removesuffix("#WithComments")
    inclusive = name in (C14N, "http://www.w3.org/2006/12/xml-c14n11")
    return etree.tostring(
        element,
        method="c14n",
        exclusive=not inclusive,
        with_comments=algorithm.endswith("WithComments"),
        inclusive_ns_prefixes=(prefixes or None) if not inclusive else None,
    )


def _template(how: Signing, element_id: str, covered: bytes) -> str:
    inclusive = ""
    if how.inclusive:
        inclusive = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{how.inclusive}"/>'
    digest = base64.b64encode(hashlib.new(DIGESTS.get(how.digest, "sha256"), covered).digest()).decode()
    uri = f"#{element_id}" if how.uri is None else how.uri.format(id=element_id, rest=element_id[1:])
    transforms = "".join(transform(each, inclusive if each == EXC_C14N else "") for each in how.transforms)
    info = (
        f'<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{how.canonicalisation}">{inclusive}'
        f'</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{how.method}"/><ds:Reference URI="{uri}">'
        f'<ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="{how.digest}"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
    value = f"<ds:SignatureValue></ds:SignatureValue>{how.key_info}"
    whole = f'<ds:Signature xmlns:ds="{DS}">{how.info(info)}{value}</ds:Signature>'
    if how.prefix == "ds":
        return whole
    named = f"{how.prefix}:" if how.prefix else ""
    return whole.replace("xmlns:ds", f"xmlns:{how.prefix}" if how.prefix else "xmlns").replace("ds:", named)


def _made(how: Signing, by: KeyHolder, octets: bytes) -> bytes:
    """The signature's octets, by the algorithm that is used; one that nobody knows is the key's usual one."""
    uri = how.made_with or how.method
    if uri == HMAC_SHA256:
        return hmac.digest(how.secret, octets, "sha256")
    return raw_signature(by.key, octets, _HASHES.get(_hash_of(uri), SHA256()), pss="MGF1" in uri, salt=how.salt)


def raw_signature(
    key: PrivateKey, octets: bytes, digest: HashAlgorithm, *, pss: bool = False, salt: int | None = None
) -> bytes:
    """PKCS#1 v1.5 or PSS by an RSA key, r||s by one on a curve."""
    if isinstance(key, rsa.RSAPrivateKey):
        if not pss:
            return key.sign(octets, PKCS1v15(), digest)
        return key.sign(octets, PSS(MGF1(digest), digest.digest_size if salt is None else salt), digest)
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(digest)))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)


def _hash_of(uri: str) -> str:
    return next((name for name in _HASHES if name in uri.rpartition("#")[2]), "sha256")
