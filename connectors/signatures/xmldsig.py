"""XML signature (enveloped, W3C XML Signature 1.1) as one strict profile: the verification of every SAML message.

It knows no SAML: a `Shape` (`shapes.py`, `connectors/saml_sp`) says which root is expected, which one child may be signed
too, and where a Signature stands. Every signature in the message must hold. The result is octets that one of them covered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from connectors.profiles import Profile
from connectors.signatures.parse import (
    MESSAGE,
    DocumentLimits,
    Element,
    canonical,
    ids,
    parse_canonical,
    parse_message,
)
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import (
    DS,
    KEY_INFO,
    SIGNATURE,
    SIGNATURE_VALUE,
    SIGNED_INFO,
    SignedInfo,
    inclusive_prefixes,
    octets_of,
    read_signed_info,
)
from connectors.signatures.verification_result import Signed, SignedMessage, UnsignedMessage
from policies.errors import AssertionRejected, SignatureInvalid

_ANY_DS = f"{{{DS}}}*"
_ID = frozenset({"Id"})
# Its form has eleven elements at most. A few more are refused by their own names
MAX_SIGNED_INFO = 64
_DSIG11 = "http://www.w3.org/2009/xmldsig11#"
# The elements of a KeyInfo, which is never read: keys come from pinned metadata alone. RetrievalMethod would fetch.
KEY_HINTS = frozenset(
    [f"{{{DS}}}{name}" for name in ("X509Data", "KeyValue", "KeyName", "X509Certificate", "X509IssuerSerial", "X509SKI")]
    + [f"{{{DS}}}{name}" for name in ("X509SubjectName", "X509CRL", "X509IssuerName", "X509SerialNumber")]
    + [f"{{{DS}}}{name}" for name in ("RSAKeyValue", "Modulus", "Exponent")]
    + [f"{{{_DSIG11}}}{name}" for name in ("ECKeyValue", "NamedCurve", "PublicKey", "X509Digest")]
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Where signatures may stand: in the root, and in its one child `inner`; each right after a first child `issuer`.

    All are tags in lxml's spelling, `{namespace}local`; an empty one means that there is no such thing:
    `inner`    no element but the root is signed
    `issuer`   a Signature is the first child itself
    `several`  the check that a second inner element fails
    `opaque`   direct children of the root that hold ciphertext: its ds: elements are no signatures; an unsigned root may
               have none, since anybody can encrypt to us
    `described`  elements anywhere that describe keys (md:KeyDescriptor), in which ds: elements are no signatures
    `carried`  direct children of the root whose Signatures count for nothing here: each is verified as a message of its own
    `absent`   what may stand nowhere below the root, with the check that it fails
    `whole`    a Reference to the whole document (`URI=""`) means the root too
    `last`     a Signature is the last child
    """

    root: str
    inner: str = ""
    issuer: str = ""
    several: str = "structure"
    opaque: str = ""
    described: str = ""
    carried: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    last: bool = False
    limits: DocumentLimits = MESSAGE


# The plan (docs/threats.md). Each block below has its number.
#  1. Limits first: size, UTF-8, no byte order mark.                                  parse.parse_message
#  2. Token scan: DOCTYPE, entity, comment, processing instruction, CDATA refuse.     parse.parse_message
#  3. One hardened parser, one tree; depth, elements, attributes.                     parse.parse_message
#  4. Namespace hygiene: absolute URIs, one way to write an ID.                       parse.parse_message
#  5. Structure: the expected root, at most one inner element and that a direct child, at most one Signature in each,
#     right after Issuer (first of all in metadata, last in a list of it); nothing of ds: anywhere else but in ciphertext
#     and descriptions of keys, and no Signature there; no Object; IDs unique; no ciphertext in what nobody signed.
#  6. SignedInfo of the one form and the profile's algorithms, read from its own canonical octets, exactly one Reference,
#     to the Signature's parent.
#  7. A pinned key that the profile takes verifies those octets; KeyInfo is never read; no key at all is an error.
#  8. Canonicalise, hash, compare; and hand out those very octets, which are parsed again and alone are read.
#  9. Ciphertext in them is opened only now, and goes through 1. to 8. itself:        xmlenc.open_assertion
# 10. Meaning (issuer, binding, time, audience, ...) is judged on that second tree: connectors/saml_sp/connector.py.
def verify(octets: bytes, keys: Sequence[PinnedKey], shape: Shape, profile: Profile) -> SignedMessage | UnsignedMessage:
    """Verify every signature in a message of `shape` with one of `keys`, by the algorithms of `profile`.

    A message without any signature is refused if it has an inner or opaque element. Raises `SignatureInvalid` and
    `AssertionRejected`; ValueError where no key is given: our own fault.
    """
    if not keys:
        raise ValueError("a verification without keys")
    # 1. to 4.
    root = parse_message(octets, shape.limits)
    # 5. Structure, before anything is computed.
    inner = _inner(root, shape)
    signatures = _signatures(root, inner, shape)
    if not signatures:
        if inner is not None or (shape.opaque and root.find(shape.opaque) is not None):
            raise SignatureInvalid("signature_missing", "an assertion that nobody signed")
        return UnsignedMessage(unverified_octets=canonical(root))
    # 6. to 8.
    covered = _covered(root, signatures, keys, shape, profile)
    parent = signatures[0][0]
    if parent is root:
        return SignedMessage(signed=covered[0], unverified_envelope=b"")
    if parent.getprevious() is None:
        raise AssertionRejected("structure", "an inner element that nothing stands before")
    cut(root, parent)
    return SignedMessage(signed=covered[0], unverified_envelope=canonical(root))


def check_own_signatures(root: Element, keys: Sequence[PinnedKey], shape: Shape, profile: Profile) -> None:
    """Steps 5 to 8 of `verify`, for a parsed tree that something else vouches for. It takes the Signatures out.

    A message without a Signature passes. Raises as `verify`; without keys no Signature holds.
    """
    signatures = _signatures(root, _inner(root, shape), shape)
    if signatures:
        _covered(root, signatures, keys, shape, profile)


def _covered(
    root: Element,
    signatures: Sequence[tuple[Element, Element]],
    keys: Sequence[PinnedKey],
    shape: Shape,
    profile: Profile,
) -> list[Signed]:
    """Verify every Signature and cut it out of the tree; the octets that each covers."""
    # 6. and 7. Each SignedInfo, while the tree is still whole.
    references = [(parent, signature, judge(parent, signature, keys, profile)) for parent, signature in signatures]
    for parent, _, (info, _) in references:
        if not info.referenced_id and not (shape.whole and parent is root):
            raise SignatureInvalid("reference", "a Reference that leaves the Signature's parent")
    # 8. The outer one first: its octets hold the inner Signature, the inner ones do not.
    covered: list[Signed] = []
    for parent, signature, (info, key) in references:
        cut(parent, signature)
        signed_octets = canonical(parent, info.reference_prefixes)
        if info.digest(signed_octets).digest() != info.digest_value:
            raise SignatureInvalid("digest", "a digest that does not match")
        covered.append(Signed(octets=signed_octets, key_id=key.key_id))
    return covered


def _inner(root: Element, shape: Shape) -> Element | None:
    """The one inner element, a direct child of the expected root; None where there is none. Nothing absent stands."""
    if root.tag != shape.root:
        raise AssertionRejected("root", "a message of another kind")
    for tag, check in shape.absent.items():
        if _below(root, tag):
            raise AssertionRejected(check, f"a message with {tag}")
    if shape.opaque and any(found.getparent() is not root for found in root.iter(shape.opaque)):
        raise AssertionRejected("structure", "an encrypted element that is no child of the root")
    if not shape.inner:
        return None
    found = list(root.iter(shape.inner))
    if len(found) > 1:
        raise AssertionRejected(shape.several, f"{len(found)} inner elements")
    if not found:
        return None
    if found[0].getparent() is not root:
        raise AssertionRejected("structure", "an inner element that is no child of the root")
    return found[0]


def _below(root: Element, tag: str) -> bool:
    """Whether an element of this tag stands below the root."""
    found = root.iter(tag)
    return next(found, root) is not root or next(found, None) is not None


def _signatures(root: Element, inner: Element | None, shape: Shape) -> list[tuple[Element, Element]]:
    """Each parent with its Signature, the root's first. IDs are unique, and nothing of ds: stands where it should not."""
    values = ids(root)
    if len(values) != len(set(values)):
        raise SignatureInvalid("duplicate_id", "an ID that stands twice")
    found: dict[Element, Element] = {}
    held = _carried(root, shape)
    for signature in [one for one in root.iter(SIGNATURE) if one not in held]:
        parent = signature.getparent()
        if parent is None or (parent is not root and parent is not inner):
            raise SignatureInvalid("signature_place", "a Signature outside of what may be signed")
        if parent in found:
            raise SignatureInvalid("signature_count", "an element with several Signatures")
        if not _placed(signature, parent, shape):
            raise SignatureInvalid("signature_place", "a Signature that does not stand where the schema has it")
        found[parent] = signature
    for signature in found.values():
        held.update(signature.iter(_ANY_DS))
    for tag in (shape.opaque, shape.described):
        if tag:
            held.update(element for holder in root.iter(tag) for element in holder.iter(_ANY_DS))
    if not held.issuperset(root.iter(_ANY_DS)):
        raise SignatureInvalid("signature_place", "elements of XML signature outside of a Signature")
    return list(found.items())


def _carried(root: Element, shape: Shape) -> set[Element]:
    """All of ds: in the messages that this one carries."""
    found = root.iterchildren(shape.carried) if shape.carried else ()
    return {element for message in found for element in message.iter(_ANY_DS)}


def _placed(signature: Element, parent: Element, shape: Shape) -> bool:
    """Whether a Signature stands where the schema of its message has it."""
    if shape.last:
        return signature is parent[-1]
    before = signature.getprevious()
    return parent[0].tag == shape.issuer and before is parent[0] if shape.issuer else before is None


def judge(parent: Element, signature: Element, keys: Sequence[PinnedKey], profile: Profile) -> tuple[SignedInfo, PinnedKey]:
    """Steps 6 and 7 of `verify`: the SignedInfo of a Signature in its parent, and the key that verified its octets."""
    children = list(signature)
    tags = [child.tag for child in children]
    if tags[:2] != [SIGNED_INFO, SIGNATURE_VALUE] or tags[2:] not in ([], [KEY_INFO]):
        raise SignatureInvalid("signature_shape", "a Signature other than SignedInfo, SignatureValue and KeyInfo")
    between = "".join(filter(None, [signature.text, *[child.tail for child in children]]))
    if between and not between.isspace():
        raise SignatureInvalid("signature_shape", "text between the children of a Signature")
    if not _ID.issuperset(signature.keys()) or not _ID.issuperset(children[1].keys()):
        raise SignatureInvalid("signature_shape", "a Signature with other attributes than Id")
    if not KEY_HINTS.issuperset([hint.tag for info in children[2:] for hint in info.iterdescendants()]):
        raise SignatureInvalid("key_info", "a KeyInfo with more than certificates, key values and names")
    # 6. Judge the octets that were signed: the canonical ones of SignedInfo. The prefix list comes from the message, and
    #    must be the one that the canonical octets have.
    if not 1 < len(list(islice(children[0].iter(), MAX_SIGNED_INFO + 1))) <= MAX_SIGNED_INFO:
        # Before it is canonicalised: nobody has signed yet what is in it
        raise SignatureInvalid("signed_info", "a SignedInfo that is empty, or larger than its form")
    method = children[0][0]
    prefixes = inclusive_prefixes(method, "canonicalisation_method") if len(method) else ()
    octets = canonical(children[0], prefixes)
    info = read_signed_info(parse_canonical(octets), profile)
    if info.referenced_id and parent.get("ID") != info.referenced_id:
        raise SignatureInvalid("reference", "a Reference to something other than the Signature's parent")
    if info.prefixes != prefixes:
        raise SignatureInvalid("canonicalisation_method", "a SignedInfo that says two things about itself")
    # 7. Keys of the one whom we asked, all of them, and no other.
    value = octets_of(children[1], "signature_value")
    for key in keys:
        if key.fits(profile) and key.verifies(info.algorithm, value, octets):
            return info, key
    raise SignatureInvalid("signature", f"a signature that none of {len(keys)} pinned keys made")


def cut(parent: Element, element: Element) -> None:
    """Take an element out of its parent and leave the white space after it, which a signature covers."""
    before = element.getprevious()
    if before is None:
        parent.text = (parent.text or "") + (element.tail or "")
    else:
        before.tail = (before.tail or "") + (element.tail or "")
    parent.remove(element)
