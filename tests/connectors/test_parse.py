"""The reader of bytes: its limits at their edges, and that canonicalising never gives nothing."""

from pathlib import Path

import pytest
from lxml import etree

from connectors.profiles import SAML2INT
from connectors.signatures.parse import (
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_OCTETS,
    MAX_PARAMETER,
    canonical,
    parse_message,
)
from connectors.signatures.verification_result import SignedMessage, UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from policies.errors import AssertionRejected
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


def test_octets_of_a_message_are_in_no_repr() -> None:
    assert "secret" not in repr(UnsignedMessage(unverified_octets=b"secret"))
    assert SignedMessage.__dataclass_params__.frozen  # type: ignore[attr-defined] # the stubs do not know it
