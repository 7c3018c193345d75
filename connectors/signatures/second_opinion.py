"""The other opinion: what our own code accepted, judged again, in rare and grave places and never on a login's path.

Two questions, and both must be answered as we answered them:

- `second_opinion`   libxmlsec verifies the same Signature with the same pinned key. It sees only what our code accepted:
  the algorithms, transforms and Reference of the profile, no KeyInfo, no URI that leaves the message.
- `second_reading`   expat reads, in the accepted octets and in the signed element of the message as it came (without its
  Signature), what lxml's tree of the accepted octets says.

Where libxmlsec says neither yes nor no (an algorithm that its build lacks), that is said as "no opinion" and refuses:
silence is no agreement. `ciconia doctor` asks the installed library beforehand (`idp/doctor/machine.py`).
"""

import re
from collections.abc import Collection, Iterable, Sequence

import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from xmlsec import constants

from connectors.profiles import Profile
from connectors.signatures.algorithms import ALGORITHMS
from connectors.signatures.parse import Element, attributes, parse_canonical, parse_message
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import (
    DIGESTS,
    DS,
    ENVELOPED,
    EXC_C14N,
    KEY_INFO,
    MAX_PREFIXES,
    SIGNATURE,
    SIGNATURE_VALUE,
    SIGNED_INFO,
    read_signed_info,
)
from connectors.signatures.second_reading import judge_reading, judge_reading_of_signed
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmldsig import Shape
from policies.errors import AssertionRejected, SignatureInvalid

# Neither more nor less may be claimed
WORTH = (
    "a second implementation on the same parser and cryptography, and a comparison with another parser: it catches mistakes"
    " of our own code and of how a tree is read, and none of libxml2 or OpenSSL, which both share"
)

# The most that libxmlsec is shown of a message that we refused. A profile has one Reference and two transforms.
_MAX_REFERENCES, _MAX_TRANSFORMS = 4, 4
# libxmlsec takes what stands behind `#` for XPointer, or writes it between quotation marks into XPath, and evaluates it.
# `a'=//*[//*[//*=1]]='b` takes 30 seconds in a message of 400 elements, and each predicate more multiplies that by 400.
_NAME = re.compile(r"[\w.:-]+")
_REFERENCE_TRANSFORMS = (
    constants.TransformEnveloped,
    constants.TransformExclC14N,
    constants.TransformSha256,
    constants.TransformSha384,
    constants.TransformSha512,
)

# The children to go through from the root: () is the root itself
Place = tuple[int, ...]


def second_opinion(octets: bytes, signed: Signed, keys: Sequence[PinnedKey], shape: Shape, profile: Profile) -> None:
    """Judge an accepted message again, of which our code made `signed`.

    Raises `AssertionRejected` with the check `second_opinion` or `second_reading`; and as `xmldsig.verify` for a message
    that is none that was accepted.
    """
    places = _places(parse_message(octets, shape.limits), shape)
    if not places:
        raise _disagrees("there is no Signature where one was accepted")
    for number, place in enumerate(places):
        # The outermost Signature is the one that `signed` came from
        known = [key for key in keys if number or key.key_id == signed.key_id]
        if not any(_verified(octets, place, key, shape, profile) for key in known):
            raise _disagrees("libxmlsec refuses a signature that our own code accepted")
    accepted = parse_canonical(signed.octets)
    judge_reading(signed.octets, accepted, "the accepted octets")
    judge_reading_of_signed(octets, shape.inner if places[0] else shape.root, accepted)


def another_verdict(octets: bytes, keys: Sequence[PinnedKey], shape: Shape, profile: Profile) -> bool | None:
    """Whether libxmlsec alone, asked as programs mostly ask it, takes a message that our code refused.

    It is asked for the first Signature, with each `ID` an ID and any of the pinned keys. None where it was not asked: the
    message wants something done that is nothing to try. True is no fault of libxmlsec, which knows no SAML.
    """
    try:
        root = parse_message(octets, shape.limits)
    except AssertionRejected:
        return None
    signature = next(root.iter(SIGNATURE), None)
    if signature is None:
        return False
    if not _harmless(signature):
        return None
    _without_key_info(signature)
    try:
        xmlsec.tree.add_ids(root, ["ID"])
    except xmlsec.Error:
        return False
    return any(_verifies(signature, key) for key in keys if key.fits(profile))


def libxml2_versions() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The libxml2 of lxml and that of xmlsec, as (major, minor, patch). They share trees: major and minor must agree."""
    return tuple(etree.LIBXML_VERSION), tuple(xmlsec.get_libxml_version())


def _disagrees(detail: str) -> AssertionRejected:
    return AssertionRejected("second_opinion", detail)


def _places(root: Element, shape: Shape) -> list[Place]:
    """The elements that have a Signature, the outermost first."""
    places: list[Place] = [()] if root.find(SIGNATURE) is not None else []
    inner = [number for number, child in enumerate(root) if shape.inner and child.tag == shape.inner]
    return [*places, *((number,) for number in inner if root[number].find(SIGNATURE) is not None)]


def _verified(octets: bytes, place: Place, key: PinnedKey, shape: Shape, profile: Profile) -> bool:
    """Whether libxmlsec verifies the Signature at a place, in a tree of its own.

    Raises `SignatureInvalid` for what our own code would not have accepted: libxmlsec never sees that.
    """
    root = parse_message(octets, shape.limits)
    parent = root[place[0]] if place else root
    signature = parent.find(SIGNATURE)
    signed_info = None if signature is None else signature.find(SIGNED_INFO)
    if signature is None or signed_info is None:
        raise SignatureInvalid("signature_shape", "a Signature without SignedInfo")
    info = read_signed_info(signed_info, profile)
    if info.referenced_id and attributes(parent).get("ID") != info.referenced_id:
        raise SignatureInvalid("reference", "a Reference to something other than the Signature's parent")
    if not info.referenced_id and not (shape.whole and not place):
        raise SignatureInvalid("reference", "a Reference that leaves the Signature's parent")
    if info.referenced_id and not _NAME.fullmatch(info.referenced_id):
        raise _disagrees("an ID that is no name, which libxmlsec would take for an expression")
    _without_key_info(signature)
    answer = _verifies(signature, key, parent if info.referenced_id else None)
    if answer is None:
        name = info.algorithm.uri.rpartition("#")[2]
        raise _disagrees(f"libxmlsec gives no opinion on {name}, and silence is no agreement")
    return answer


def _without_key_info(signature: Element) -> None:
    """Keep the message's hints from libxmlsec, whose key is set. No Signature covers its own KeyInfo."""
    for hint in signature.findall(KEY_INFO):
        signature.remove(hint)


def _verifies(signature: Element, key: PinnedKey, identified: Element | None = None) -> bool | None:
    """Whether libxmlsec verifies a Signature with a key; None where it says neither yes nor no."""
    spki = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(spki, constants.KeyDataFormatDer)
        for transform in _REFERENCE_TRANSFORMS:
            context.enable_reference_transform(transform)
        if identified is not None:
            context.register_id(identified, "ID")
        context.verify(signature)
    except xmlsec.VerificationError:
        return False
    except xmlsec.Error:
        return None
    return True


def _harmless(signature: Element) -> bool:
    """Whether libxmlsec may be shown a Signature that we refused: all that it is asked to do stays within the message."""
    infos = signature.findall(SIGNED_INFO)
    if len(infos) != 1:
        return False
    references, transforms = list(infos[0].iter(f"{{{DS}}}Reference")), list(infos[0].iter(f"{{{DS}}}Transform"))
    uris = [attributes(reference).get("URI") for reference in references]
    lists = [attributes(inclusive).get("PrefixList", "") for inclusive in infos[0].iter("{*}InclusiveNamespaces")]
    return (
        # libxmlsec follows the References of a Manifest in an Object, too: it opens files, and there are any number of them
        all(child.tag in (SIGNED_INFO, SIGNATURE_VALUE, KEY_INFO) for child in signature)
        and len(references) <= _MAX_REFERENCES
        and len(transforms) <= _MAX_TRANSFORMS
        # Each is looked up at each element
        and len(" ".join(lists).split()) <= MAX_PREFIXES
        and all(uri == "" or (uri and uri.startswith("#") and _NAME.fullmatch(uri, 1)) for uri in uris)
        and _only(infos[0].iter(f"{{{DS}}}CanonicalizationMethod"), (EXC_C14N,))
        and _only(infos[0].iter(f"{{{DS}}}SignatureMethod"), ALGORITHMS)
        and _only(infos[0].iter(f"{{{DS}}}DigestMethod"), DIGESTS)
        and _only(transforms, (ENVELOPED, EXC_C14N))
    )


def _only(methods: Iterable[Element], known: Collection[str]) -> bool:
    return all(attributes(method).get("Algorithm") in known for method in methods)
