"""Bytes to one tree, limits first: rules 1 to 4 of the plan in `xmldsig.py`.

The tree that comes out has no DTD, entity, comment, processing instruction or CDATA section in it, is shallow and small,
and every namespace in it is an absolute URI. No error quotes the message.
"""

import binascii
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import cast

from lxml import etree

from policies.errors import AssertionRejected

Element = etree._Element  # noqa: SLF001 - lxml has no public name for the type of its elements
# The attributes of an element as name and value. lxml has str in parsed trees; its stubs say bytes too.
pairs = cast(Callable[[Element], list[tuple[str, str]]], Element.items)
# The children of an element, in half the time of `list`. lxml's stubs know no slices.
children_of = cast(Callable[[Element], list[Element]], itemgetter(slice(None)))

# The most that a form field may hold, and the most that it may decode to
MAX_PARAMETER = 256 * 1024
MAX_OCTETS = 256 * 1024
# A pinned file of one entity; those of large federations' entities have up to some 50 kB
MAX_METADATA = 1024 * 1024
# docs/threats.md: limits first
MAX_DEPTH = 64
MAX_ELEMENTS = 5000
MAX_ATTRIBUTES = 32
# The most that a canonical form may have: a namespace stands at each element that uses it
MAX_CANONICAL = 2 * MAX_METADATA
# In scope of one element. Messages have a handful; libxml2 looks through all of them for each name that it canonicalises.
MAX_NAMESPACES = 32

_DECLARATION = re.compile(
    r"""<\?xml[ \t\r\n]+version[ \t]*=[ \t]*(?:"1\.0"|'1\.0')"""
    r"""(?:[ \t\r\n]+encoding[ \t]*=[ \t]*(?:"[Uu][Tt][Ff]-8"|'[Uu][Tt][Ff]-8'))?"""
    r"""(?:[ \t\r\n]+standalone[ \t]*=[ \t]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>"""
)
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
# Names cannot be spelled with character references, so every declaration of a namespace shows the letters "xmlns", and then
# this. Name and prefix are short: exclusive C14N repeats both at each element that uses them, and makes gigabytes of a
# small message else.
_NAMESPACE = re.compile(
    r"""(?::[^\s=<>&"'/:]{1,64})?[ \t\r\n]*=[ \t\r\n]*"""
    r"""(?:"[A-Za-z][A-Za-z0-9+.-]{0,31}:[^"<&\s]{1,127}"|'[A-Za-z][A-Za-z0-9+.-]{0,31}:[^'<&\s]{1,127}')"""
)
# Nearly every declaration is one of these: a comparison finds it faster than the pattern
_USUAL_NAMESPACES = tuple(
    f':{prefix}="{uri}"'
    for prefixes, uri in (
        (("saml", "saml2"), "urn:oasis:names:tc:SAML:2.0:assertion"),
        (("samlp", "saml2p"), "urn:oasis:names:tc:SAML:2.0:protocol"),
        (("xs", "xsd"), "http://www.w3.org/2001/XMLSchema"),
        (("xsi",), "http://www.w3.org/2001/XMLSchema-instance"),
        (("ds",), "http://www.w3.org/2000/09/xmldsig#"),
        (("xenc",), "http://www.w3.org/2001/04/xmlenc#"),
    )
    for prefix in prefixes
)
_DECLARES = re.compile(r"[ \t\r\n]xmlns(?=[:= \t\r\n])")
_MARKUP = (
    ("<!DOCTYPE", "doctype"),
    ("<!--", "comment"),
    ("<![CDATA[", "cdata"),
    ("<?", "processing_instruction"),
    ("<!", "doctype"),
)
_METADATA_MARKUP = (("<!DOCTYPE", "doctype"), ("<![CDATA[", "cdata"), ("<?", "processing_instruction"))

# Few messages are deeper than eight, and only what is below is asked how deep
_SHALLOW = 8
_TOO_DEEP = "/*" * _SHALLOW + "[" + "/".join("*" * (MAX_DEPTH + 1 - _SHALLOW)) + "]"
_TOO_WIDE = f"//*/@*[{MAX_ATTRIBUTES + 1}]"
_TOO_MANY = f"count(//*) > {MAX_ELEMENTS}"
# One question for what hardly ever is so, and then which of them it was. A union (`|`) would compare each with each.
_BEYOND = etree.XPath(f"{_TOO_MANY} or {_TOO_WIDE} or {_TOO_DEEP}")
_LIMITS = (
    (etree.XPath(f"boolean({_TOO_DEEP})"), "depth", f"a message deeper than {MAX_DEPTH}"),
    (etree.XPath(_TOO_MANY), "elements", f"a message of more than {MAX_ELEMENTS} elements"),
    (etree.XPath(f"boolean({_TOO_WIDE})"), "attributes", f"an element of more than {MAX_ATTRIBUTES} attributes"),
)
_IDS = tuple(etree.XPath(f"//*/@{name}", smart_strings=False) for name in ("ID", "Id", "id"))
_OTHER_IDS = etree.XPath("boolean(//*/@Id) or boolean(//*/@id)")
# An ID in a namespace, or xml:base, would mean one thing to one reader and another to the next (Fragile Lock, 2025).
_ODD_IDS = etree.XPath(
    "boolean(//@*[namespace-uri()][local-name()='ID' or local-name()='Id' or local-name()='id' or local-name()='base'])"
)


class _Parsers(threading.local):
    """One hardened parser a thread, made once: a parser holds a lock, and making one costs more than a small parse."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            recover=False,
            remove_blank_text=False,
            remove_comments=False,
            remove_pis=False,
            strip_cdata=False,
            ns_clean=False,
            encoding="utf-8",
            # IDs are ours to look up, and looked up by nobody else
            collect_ids=False,
        )
        # lxml drops listed prefixes that its parser never saw, and "#default" is no prefix and stands in no tag
        etree.fromstring(b'<a xmlns:b="#default"/>', self.parser)


_parsers = _Parsers()


def from_post(text: str) -> bytes:
    """The octets of a POST parameter: base64 in its one spelling (RFC 4648 §4). Line breaks pass: deployed peers wrap."""
    if len(text) > MAX_PARAMETER:
        raise AssertionRejected("size", f"a parameter of {len(text)} characters")
    if "\n" in text or "\r" in text:
        text = text.replace("\r", "").replace("\n", "")
    try:
        return strict_base64(text)
    except ValueError:
        raise AssertionRejected("base64", "a parameter that is not base64") from None


def strict_base64(text: str) -> bytes:
    """The octets of one canonical base64 spelling without white space; ValueError for any other, and for none at all."""
    try:
        encoded = text.encode("ascii")
        octets = binascii.a2b_base64(encoded, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("not base64") from None
    # Strict decoding takes one alphabet and one padding. The unused bits of the last group must be zero, too.
    last = octets[-(len(octets) % 3 or 3) :]
    if not octets or binascii.b2a_base64(last, newline=False) != encoded[-4:]:
        raise ValueError("not the canonical base64 spelling")
    return octets


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How large a document may be, and whether comments may stand between its elements, where they say nothing."""

    octets: int
    comments: bool = False


MESSAGE = DocumentLimits(octets=MAX_OCTETS)
# Signed metadata of another node: programs and people write comments into it, and the signature does not cover them
SIGNED_METADATA = DocumentLimits(octets=MAX_METADATA, comments=True)


def parse_message(octets: bytes, limits: DocumentLimits = MESSAGE) -> Element:
    """The root of an unverified message, within all limits and without its comments. Raises `AssertionRejected`.

    A comment is refused, or where `limits` lets it pass, taken out. Beside text it is always refused: it cuts it in two.
    """
    # 1. Limits, and one encoding.
    if len(octets) > limits.octets:
        raise AssertionRejected("size", f"a message of {len(octets)} octets")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise AssertionRejected("encoding", "a message that is not UTF-8") from None
    # 2. Markup that no identity provider emits inside a message, and that readers disagree about.
    declaration = _DECLARATION.match(text)
    start = declaration.end() if declaration else 0
    declared = _scan(text, start, _METADATA_MARKUP if limits.comments else _MARKUP)
    # 3. One parser, one tree, and its measures.
    root = parse_canonical(octets)
    if limits.comments:
        _check_comments(root)
    if _BEYOND(root):
        raise next(AssertionRejected(check, detail) for beyond, check, detail in _LIMITS if beyond(root))
    if declared > MAX_NAMESPACES and _most_in_scope(root) > MAX_NAMESPACES:
        raise AssertionRejected("namespace", f"more than {MAX_NAMESPACES} namespaces in scope of an element")
    # 4. No second way to say what an ID is. Names cannot be spelled with references, so the text tells when to look.
    named = ":ID" in text or ":Id" in text or ":id" in text or ":base" in text
    if named and _ODD_IDS(root):
        raise AssertionRejected("namespace", "an ID or base in a namespace")
    return root


def parse_metadata(octets: bytes) -> Element:
    """The root of a metadata file that an operator pinned, without its comments. ValueError, with words for an operator."""
    if len(octets) > MAX_METADATA:
        raise ValueError(f"the file is larger than {MAX_METADATA} octets.")
    try:
        text = octets.decode("utf-8-sig")
        declaration = _DECLARATION.match(text)
        _scan(text, declaration.end() if declaration else 0, _METADATA_MARKUP)
        root = parse_canonical(text.encode())
        _check_comments(root)
    except (UnicodeDecodeError, AssertionRejected) as error:
        raise ValueError(f"the file is no plain XML in UTF-8 ({error}).") from None
    return root


def _check_comments(root: Element) -> None:
    """Take the comments out of the tree, and leave the white space around them. Refuse where one stands beside text."""
    for parent in root.iter("*"):
        if next(parent.iterchildren(etree.Comment), None) is not None and any(
            piece.strip() for piece in (parent.text or "", *(child.tail or "" for child in parent))
        ):
            raise AssertionRejected("comment", "a comment stands inside an element that holds text")
    etree.strip_elements(root, etree.Comment, with_tail=False)


def _scan(text: str, start: int, markup: Sequence[tuple[str, str]]) -> int:
    """Refuse forbidden markup, entities and relative namespaces after the XML declaration. Counts declared namespaces."""
    if text.startswith("\ufeff"):
        raise AssertionRejected("encoding", "a message with a byte order mark")
    if start == 0 and text.startswith("<?xml") and text[5:6] in (" ", "\t", "\r", "\n"):
        raise AssertionRejected("encoding", "an XML declaration other than 1.0 in UTF-8")
    # "<" stands in markup alone, so either pair opens what we refuse, wherever it is. The marks alone are rare, and quickly
    # not found.
    if ("!" in text and "<!" in text) or ("?" in text and text.find("<?", start) >= 0):
        for opening, check in markup:
            if text.find(opening, start) >= 0:
                raise AssertionRejected(check, f"a message with a {check}")
    first = text.find("&")
    if first >= 0 and _ENTITY.search(text, first):
        raise AssertionRejected("entity", "a message with an entity reference")
    declarations = text.split("xmlns")[1:]
    unusual = [declared for declared in declarations if not declared.startswith(_USUAL_NAMESPACES)]
    if not all(map(_NAMESPACE.match, unusual)):
        # Base64 has these letters too, once in a hundred thousand messages: a declaration stands behind white space
        declarations = _DECLARES.split(text)[1:]
        if not all(map(_NAMESPACE.match, declarations)):
            raise AssertionRejected("namespace", "a namespace that is empty, or no absolute URI")
    if len(declarations) > MAX_NAMESPACES and any(tag.count("xmlns") > MAX_NAMESPACES for tag in text.split("<")):
        # Before the parser, which copies them all for each of them
        raise AssertionRejected("namespace", f"an element with more than {MAX_NAMESPACES} namespaces")
    return len(declarations)


def _most_in_scope(root: Element) -> int:
    """The most declarations that stand in an element and those around it."""
    scope = most = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        scope += 1 if event == "start-ns" else -1
        most = max(most, scope)
    return most


def parse_canonical(octets: bytes) -> Element:
    """The root of octets that were canonicalised by us, or scanned before. Raises `AssertionRejected`."""
    try:
        return etree.fromstring(octets, _parsers.parser)
    except etree.XMLSyntaxError:
        # The parser's own words would quote the message.
        raise AssertionRejected("not_well_formed", "a message that is not well-formed") from None


def without_comments(root: Element) -> None:
    """Take the comments out of a tree: no signature covers them, and they would part the texts that it does cover."""
    etree.strip_elements(root, etree.Comment, with_tail=False)


def ids(root: Element) -> list[str]:
    """Every ID value in the tree, each as often as it stands."""
    values: list[str] = []
    for find in _IDS if _OTHER_IDS(root) else _IDS[:1]:
        # Attribute nodes alone: a list of texts
        values += cast(list[str], find(root))
    return values


def attributes(element: Element) -> dict[str, str]:
    """The attributes of an element, by name (`{namespace}local` where they have one)."""
    return dict(pairs(element))


def canonical(element: Element, prefixes: Sequence[str] = (), most: int = MAX_CANONICAL) -> bytes:
    """Exclusive C14N 1.0 without comments (http://www.w3.org/2001/10/xml-exc-c14n#), of at most `most` octets.

    Raises `AssertionRejected` where it fails or says nothing: an empty string is signed easily (Fragile Lock, 2025).
    """
    try:
        octets = etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(prefixes) or None
        )
    except etree.C14NError:
        raise AssertionRejected("canonicalisation", "a message that cannot be canonicalised") from None
    if not octets.startswith(b"<"):
        raise AssertionRejected("canonicalisation", "a message that canonicalises to nothing")
    if len(octets) > most:
        raise AssertionRejected("canonicalisation", f"a message that canonicalises to more than {most} octets")
    return octets
