"""The other parser: expat reads what lxml reads, is given nothing dangerous, and says where the two differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.profiles import SAML2INT
from connectors.signatures import second_reading as module
from connectors.signatures.parse import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_METADATA,
    Element,
    canonical,
    parse_canonical,
)
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.second_reading import judge_reading, judge_reading_of_signed, of_expat, of_tree, restricted
from connectors.signatures.shapes import RESPONSE
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from policies.errors import AssertionRejected
from tests.connectors import forge

A = b'<a xmlns="urn:a" b="1">x<c/>y</a>'
DS = b'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'


def refused(octets: bytes, elements: int = MAX_ELEMENTS) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        of_expat(octets, elements)
    assert refusal.value.check == "second_reading"
    return refusal.value.detail


def test_the_stream_is_the_one_of_the_docstring() -> None:
    start = ("<", "{urn:a}a", (("b", "1"),))
    events = [start, ("text", "x"), ("<", "{urn:a}c", ()), (">",), ("text", "y"), (">",)]
    assert of_expat(A) == of_tree(parse_canonical(A)) == events


@pytest.mark.parametrize(
    "octets",
    [
        b"<a/>",
        b"<a></a>",
        b'<x:a xmlns:x="urn:a" x:b="1" b="2"/>',
        b'<a xmlns="urn:a"><b xmlns=""/></a>',
        b'<a xml:lang="et" xml:space="preserve"> <b/> </a>',
        b"<a>\r\n&#13;&#10;&#9;&lt;&gt;&amp;&quot;&apos;</a>",
        b'<a b="\r\n\t&#13;&#10;&#9;&lt;&amp;&quot;"/>',
        "<a>Õunapuu 李 \U0001f98a e\u0301</a>".encode(),
        b"<a><b>1</b>2<b>3</b>4</a>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<a/>\n',
        b"\xef\xbb\xbf<a/>",
    ],
)
def test_both_read_alike(octets: bytes) -> None:
    judge_reading(octets, parse_canonical(octets), "a document")


TREES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def grown(tree: object) -> Element:
    """An element for each list, text for each text, in several namespaces and prefixes."""
    size = len(tree) if isinstance(tree, list | str) else 0
    element = etree.Element(f"{{urn:{size}}}e", nsmap={f"p{size}": f"urn:{size}"} if size % 2 else {})
    element.set("a" if size % 2 else f"{{urn:{size}}}a", tree if isinstance(tree, str) else "")
    if isinstance(tree, str):
        element.text = tree
    else:
        assert isinstance(tree, list)
        element.extend([grown(one) for one in tree])
        for child in element:
            child.tail = child.text
    return element


@given(TREES)
def test_whatever_is_canonical_reads_alike(tree: object) -> None:
    try:
        octets = canonical(grown(tree))
    except (ValueError, AssertionRejected):
        return  # no character of XML
    judge_reading(octets, parse_canonical(octets), "a document")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"<a>1</a>", b"<a>2</a>"),
        (b"<a>1</a>", b"<a>1 </a>"),
        (b"<a/>", b"<b/>"),
        (b"<a/>", b'<a xmlns="urn:a"/>'),
        (b'<a b="1"/>', b'<a b="2"/>'),
        (b'<a b="1"/>', b'<a c="1"/>'),
        (b'<a b="1"/>', b'<a xmlns:x="urn:x" x:b="1"/>'),
        (b"<a><b/></a>", b"<a><b/><b/></a>"),
        (b"<a><b/><c/></a>", b"<a><c/><b/></a>"),
        (b"<a><b/>x</a>", b"<a>x<b/></a>"),
        (b"<a><b><c/></b></a>", b"<a><b/><c/></a>"),
    ],
)
def test_any_difference_is_one(one: bytes, other: bytes) -> None:
    for octets, tree in ((one, other), (other, one)):
        with pytest.raises(AssertionRejected) as refusal:
            judge_reading(octets, parse_canonical(tree), "a document")
        assert refusal.value.check == "second_reading"
        assert "a document" in refusal.value.detail


@pytest.mark.spec("security.md §2.0 rule 2")
@pytest.mark.parametrize(
    "octets",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        b'<!DOCTYPE a [<!ENTITY a0 "ha"><!ENTITY a1 "&a0;&a0;&a0;&a0;">]><a>&a1;</a>',
        b"<a><?p?></a>",
        b"<?p?><a/>",
        b"<a><![CDATA[x]]></a>",
    ],
)
def test_expat_stops_at_markup_that_our_own_scan_refuses(octets: bytes) -> None:
    assert "markup" in refused(octets)


@pytest.mark.parametrize(
    "octets", [b"", b"<a>", b"<a/><a/>", b"<a>&e;</a>", b'<a b="1" b="2"/>', b"<a>\x00</a>", b"<a>\xff</a>"]
)
def test_what_expat_cannot_read_is_refused_without_a_piece_of_it(octets: bytes) -> None:
    assert refused(octets) == "expat cannot read what lxml reads"


@pytest.mark.spec("security.md §2.0 rule 3")
def test_expat_has_the_bounds_that_we_have() -> None:
    deep = b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1)
    assert "more elements" in refused(deep)
    of_expat(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH)
    wide = b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>"
    assert "more elements" in refused(wide)
    of_expat(wide, MAX_ELEMENTS + 1)
    assert "not shown" in refused(b" " * (MAX_METADATA + 1))


@pytest.mark.parametrize("which", ["response", "assertion", "both"])
def test_the_signed_element_is_found_and_its_own_signature_taken_out(idp: forge.SigningParty, which: str) -> None:
    octets = forge.signed_reply(forge.Reply(), idp, which)
    message = verify(octets, [key_of_certificate(idp.certificate, SAML2INT)], RESPONSE, SAML2INT)
    assert isinstance(message, SignedMessage)
    accepted, tag = parse_canonical(message.signed.octets), RESPONSE.inner if which == "assertion" else RESPONSE.root
    judge_reading_of_signed(octets, tag, accepted)
    signatures = [event for event in restricted(of_expat(octets), tag) if event[1:2] == (SIGNATURE,)]
    assert len(signatures) == (which == "both")
    # The other element is not the signed one
    if which != "both":
        other = RESPONSE.root if which == "assertion" else RESPONSE.inner
        with pytest.raises(AssertionRejected):
            judge_reading_of_signed(octets, other, accepted)


def test_only_signatures_that_are_children_of_the_signed_element_are_taken_out() -> None:
    inner = b"<ds:Signature " + DS + b"><ds:Signature/>s</ds:Signature>"
    events = of_expat(b'<a xmlns="urn:a">1' + inner + b"2<b>" + inner + b"</b>3" + inner + b"</a>")
    expected = of_expat(b'<a xmlns="urn:a">12<b>' + inner + b"</b>3</a>")
    assert restricted(events, "{urn:a}a") == expected
    assert restricted(of_expat(b"<r><x/><a/>tail<a>second</a></r>"), "a") == of_expat(b"<a/>")
    # What stands deeper than a child of the root is not what was signed
    assert restricted(of_expat(b"<r><x><a/></x></r>"), "a") == []


def test_a_reader_that_loses_what_stands_behind_a_comment_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2017-11427: one reader had `user@example.org`, the other what stood before the comment."""
    octets = b"<a>user@example.org<!-- -->.evil.example</a>"
    root = parse_canonical(octets)
    assert root.text == "user@example.org"
    with pytest.raises(AssertionRejected, match="expat and lxml differ"):
        judge_reading(octets, root, "a document")
    monkeypatch.setattr(module, "of_tree", lambda _: [])
    with pytest.raises(AssertionRejected):
        judge_reading(b"<a/>", parse_canonical(b"<a/>"), "a document")
