"""The reader of bytes: its limits at their edges, and that canonicalising never gives nothing."""

import base64
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.formats.saml import read_unverified_response
from connectors.metadata.pinned import pinned_provider
from connectors.profiles import SAML2INT
from connectors.saml import RESPONSE
from connectors.signatures.parse import (
    _NAMESPACE,
    _USUAL_NAMESPACES,
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_OCTETS,
    MAX_PARAMETER,
    canonical,
    from_post,
    parse_message,
    strict_base64,
)
from connectors.signatures.signed import SignedMessage, UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from policies.errors import AssertionRejected, SignatureInvalid
from policies.parties import EntityId, Source
from tests.connectors import forge

ROOT = Path(__file__).parents[2]


def test_what_is_just_inside_the_limits_passes() -> None:
    assert parse_message(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).tag == "a"
    assert len(parse_message(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>")) == MAX_ELEMENTS - 1
    wide = b"<a " + b" ".join(b'a%d=""' % number for number in range(MAX_ATTRIBUTES)) + b"/>"
    assert len(parse_message(wide).keys()) == MAX_ATTRIBUTES
    padding = b" " * (MAX_OCTETS - len(b"<a></a>"))
    assert parse_message(b"<a>" + padding + b"</a>").tag == "a"
    assert (MAX_DEPTH, MAX_ELEMENTS, MAX_ATTRIBUTES, MAX_OCTETS, MAX_PARAMETER) == (64, 5000, 32, 2**18, 2**18)


def test_what_is_just_outside_the_size_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(AssertionRejected, match="octets"):
        parse_message(b"<a>" + b" " * MAX_OCTETS)
    with pytest.raises(AssertionRejected, match="characters"):
        from_post("*" * (MAX_PARAMETER + 1))


@pytest.mark.parametrize(
    ("prefix", "scheme", "behind", "passes"),
    [(64, 32, 127, True), (65, 32, 127, False), (64, 33, 127, False), (64, 32, 128, False), (64, 4, 155, False)],
)
def test_a_namespace_is_as_long_as_the_page_of_threats_says(*, prefix: int, scheme: int, behind: int, passes: bool) -> None:
    said = "namespaces of at most 160 characters (32 of scheme, a colon, 127 behind it) under prefixes of 64"
    assert said in (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
    octets = f'<a xmlns:{"p" * prefix}="{"s" * scheme}:{"x" * behind}"/>'.encode()
    if passes:
        assert parse_message(octets).tag == "a"
        return
    with pytest.raises(AssertionRejected) as refusal:
        parse_message(octets)
    assert refusal.value.check == "namespace"


def test_what_is_found_by_comparing_is_what_the_expression_finds() -> None:
    assert all(match and match.end() == len(text) for text in _USUAL_NAMESPACES for match in [_NAMESPACE.match(text)])
    for text in _USUAL_NAMESPACES:
        # No prefix of another one, up to the closing quote, passes in its place
        with pytest.raises(AssertionRejected, match="namespace"):
            parse_message(f'<a xmlns{text} xmlns{text[:6]}""/>'.encode())


@pytest.mark.parametrize("good", ["", "&amp;", "&#252;&lt;", "x" * 5000 + "&quot;"])
@pytest.mark.parametrize("bad", ["&nbsp;", "&", "&x;", "&#xFFFFFFFF;"])
def test_an_entity_is_refused_wherever_it_stands(good: str, bad: str) -> None:
    for text in (bad + good, good + bad, good + bad + good):
        with pytest.raises(AssertionRejected) as refusal:
            parse_message(f"<a>{text}</a>".encode())
        assert refusal.value.check == "entity"


@pytest.mark.parametrize("broken", ["\n", "\r", "\r\n"])
def test_a_parameter_may_be_wrapped_by_either_break(broken: str) -> None:
    text = base64.b64encode(bytes(range(200))).decode()
    assert from_post(text[:76] + broken + text[76:] + broken) == bytes(range(200))


@given(st.binary(min_size=1, max_size=200))
def test_base64_has_one_spelling(octets: bytes) -> None:
    text = base64.b64encode(octets).decode()
    assert strict_base64(text) == octets == from_post(text)
    for other in (text + "=", text + "\n=", text.rstrip("=") + "A", " " + text, text + " "):
        try:
            assert strict_base64(other) != octets
        except ValueError:
            continue


@given(st.text(alphabet="AQg=/+-_ \r\n", max_size=12))
def test_no_two_texts_without_line_breaks_give_the_same_octets(text: str) -> None:
    try:
        octets = strict_base64(text)
    except ValueError:
        return
    assert base64.b64encode(octets).decode() == text


def test_entities_are_never_expanded_and_files_never_read() -> None:
    for document in (
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>',
        b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd">&b;</xi:include></a>',
    ):
        with pytest.raises(AssertionRejected):
            parse_message(document)
    # XInclude is an element like any other
    kept = parse_message(b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></a>')
    assert kept[0].text is None


@pytest.mark.spec("security.md §2.1 A")
def test_lxml_raises_where_canonicalising_fails_and_we_refuse() -> None:
    """Fragile Lock (CVE-2025-66568): a relative namespace made others canonicalise to an empty string, which was signed."""
    hostile = etree.fromstring(b'<a xmlns:b="relative"><b:c/></a>')
    with pytest.raises(etree.C14NError):
        etree.tostring(hostile, method="c14n", exclusive=True)
    with pytest.raises(AssertionRejected) as refusal:
        canonical(hostile)
    assert refusal.value.check == "canonicalisation"


@pytest.mark.parametrize("nothing", [b"", b"text"])
def test_canonicalising_to_nothing_is_refused(nothing: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.signatures.parse.etree.tostring", lambda *_args, **_how: nothing)
    with pytest.raises(AssertionRejected) as refusal:
        canonical(etree.Element("a"))
    assert refusal.value.check == "canonicalisation"


def test_canonical_octets_of_an_element_have_the_namespaces_of_its_ancestors() -> None:
    root = etree.fromstring(b'<r xmlns="urn:d" xmlns:xs="urn:xs"><a><b t="xs:string"/></a>tail</r>')
    assert canonical(root[0]) == b'<a xmlns="urn:d"><b t="xs:string"></b></a>'
    assert canonical(root[0], ["xs", "absent"]) == b'<a xmlns="urn:d" xmlns:xs="urn:xs"><b t="xs:string"></b></a>'


@pytest.mark.spec("house-style.md 10")
def test_a_verification_without_keys_is_an_error_and_never_a_pass(idp: forge.SigningParty) -> None:
    """CVE-2026-28323: no certificate configured, no check made."""
    shape = Shape(root="r", inner="i", issuer="n", several="one_assertion")
    for octets in (forge.signed_reply(forge.Reply(), idp), b"<r/>"):
        with pytest.raises(ValueError, match="without keys"):
            verify(octets, (), shape, SAML2INT)


def test_an_inner_element_that_nobody_signed_never_leaves_the_verification(
    idp: forge.SigningParty,
) -> None:
    keys = pinned_provider(forge.metadata(idp), EntityId(forge.IDP), Source("f", 1)).keys
    with pytest.raises(SignatureInvalid) as refusal:
        verify(forge.Reply().xml(), keys, RESPONSE, SAML2INT)
    assert refusal.value.check == "signature_missing"
    bare = verify(forge.Reply(assertions=False).xml(), keys, RESPONSE, SAML2INT)
    assert isinstance(bare, UnsignedMessage)


def test_a_reader_of_responses_reads_nothing_else() -> None:
    with pytest.raises(AssertionRejected) as refusal:
        read_unverified_response(b"<a/>")
    assert refusal.value.check == "root"


def test_parsers_are_shared_by_nobody_and_give_the_same(idp: forge.SigningParty) -> None:
    xml = forge.signed_reply(forge.Reply(), idp)
    results: list[bytes] = []

    def work() -> None:
        results.extend(canonical(parse_message(xml)) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 200
    assert len(set(results)) == 1


def test_octets_of_a_message_are_in_no_repr() -> None:
    assert "secret" not in repr(UnsignedMessage(unverified_octets=b"secret"))
    assert SignedMessage.__dataclass_params__.frozen  # type: ignore[attr-defined] # the stubs do not know it
