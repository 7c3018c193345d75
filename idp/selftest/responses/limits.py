"""Namespaces that canonicalise to nothing, identifiers that mean two things, and messages that are too much."""

import base64
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from string import ascii_letters

from connectors.formats.names import SAML
from idp.selftest.case import Case
from idp.selftest.responses.answer import attribute, audience, fresh
from idp.selftest.responses.making import Row, Setting, World, refused
from idp.selftest.responses.markup import posted
from idp.selftest.responses.signing import OctetEdit, swap, swap_octets

VOID, IDENTIFIERS, SIZE = "void canonicalisation", "identifiers", "size and depth"
_EVIL = "https://evil.selftest.example"


def void(world: World) -> Iterator[Case]:
    """Canonicalising a relative namespace failed, and libraries went on with an empty string (Fragile Lock, 2025)."""
    for what, declaration in _DECLARATIONS.items():
        row: Row = (what, "namespace", _late(swap_octets("<saml:Subject>", f"<saml:Subject {declaration}>")))
        yield from refused(VOID, world.each, row)
        row = (f"{what}-around", "namespace", _around(swap_octets("<samlp:Status>", f"<samlp:Status {declaration}>")))
        yield from refused(VOID, (world.response, world.eidas), row)
    signed_nothing: Row = ("signature-of-nothing", "signature", _signing(lambda _: b""))
    yield from refused(VOID, (world.response, world.assertion, world.eidas), signed_nothing)
    row = ("signature-of-nothing-and-a-relative-namespace-cve-2025-66568", "namespace", _void_info)
    yield from refused(VOID, (world.response, world.assertion, world.eidas), row)


def identifiers(world: World) -> Iterator[Case]:
    """An ID is one thing, stands once, and is spelled in one way."""
    settings = (world.response, world.encrypted, world.eidas)
    yield from refused(IDENTIFIERS, settings, *_TWICE)
    yield from refused(IDENTIFIERS, (world.encrypted, world.eidas), ("of-the-ciphertext", "duplicate_id", _of_ciphertext))
    yield from refused(IDENTIFIERS, (*world.plain, world.eidas), ("of-the-signature", "duplicate_id", _of_signature))
    yield from refused(IDENTIFIERS, settings, *_FORMS)
    yield from refused(IDENTIFIERS, world.each, *_MORE)


def size(world: World) -> Iterator[Case]:
    """Budgets of octets, depth, elements, attributes and texts, spent before anything is computed."""
    settings = (world.response, world.assertion, world.eidas)
    yield from refused(SIZE, settings, *_OCTETS)
    for what, (check, xml) in _TOO_MUCH.items():
        yield from refused(SIZE, world.each, (what, check, _valued(xml)))
        yield from refused(SIZE, (world.eidas,), (f"{what}-around", check, _detailed(xml)))
    grown: Row = ("canonical-form-of-megabytes", "canonicalisation", _detailed(_growing()))
    yield from refused(SIZE, (world.response, world.assertion), grown)
    yield from refused(SIZE, world.each, *_TEXTS)


def _late(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(late=edit)


def _around(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(envelope=edit)


# -- namespaces ------------------------------------------------------------------------------------------------------------


def _spaces(count: int, prefix: str) -> str:
    return " ".join(f'xmlns:{prefix}{n}="urn:selftest:{n}"' for n in range(count))


# A prefix that nobody uses costs an exclusive canonical form nothing, and the signature holds
_DECLARATIONS = {
    "relative-namespace-cve-2025-66568": 'xmlns:evil="relative"',
    "namespace-of-a-number": 'xmlns:evil="1"',
    "namespace-of-a-path": 'xmlns:evil="/x"',
    "namespace-of-a-fragment": 'xmlns:evil="#x"',
    "namespace-without-scheme": 'xmlns:evil="//evil.selftest.example/x"',
    "no-namespace-for-a-prefix": 'xmlns:evil=""',
    "no-default-namespace": 'xmlns=""',
    "namespace-with-a-reference": 'xmlns:evil="urn:&#x61;"',
    "namespace-with-a-blank": 'xmlns:evil="urn:a b"',
    "namespace-of-300-signs": f'xmlns:evil="urn:{"a" * 300}"',
    "prefix-of-65-signs": f'xmlns:{"e" * 65}="urn:evil"',
    "33-namespaces": _spaces(33, "e"),
    "33-namespaces-in-what-is-no-xml": f"{_spaces(33, 'e')} e=1",
    "id-in-a-namespace-cve-2025-66567": f'xmlns:evil="{_EVIL}" evil:ID="_victim"',
    "id-in-the-namespace-of-assertions": f'xmlns:s="{SAML}" s:ID="_victim"',
    "xml-id": 'xml:id="_victim"',
    "xml-base": f'xml:base="{_EVIL}/"',
}


def _signing(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.outermost(replace(setting.how, signs=edit))


def _void_info(setting: Setting) -> bytes:
    """A signature over nothing, for whoever canonicalises this SignedInfo to nothing."""
    declared = swap("<ds:SignedInfo>", '<ds:SignedInfo xmlns:evil="relative">')
    how = replace(setting.how, signs=lambda _: b"", finished=declared)
    return setting.outermost(how)


# -- identifiers -----------------------------------------------------------------------------------------------------------


def _same_as_response(setting: Setting) -> bytes:
    answer = setting.good
    return setting.sent(replace(answer, assertion_id=answer.response_id))


def _in_subject(name: str) -> Callable[[Setting], bytes]:
    """A second element that has the assertion's identifier."""

    def make(setting: Setting) -> bytes:
        answer = setting.good
        return setting.sent(answer, spelled=swap("<saml:Subject>", f'<saml:Subject {name}="{answer.assertion_id}">'))

    return make


def _of_ciphertext(setting: Setting) -> bytes:
    """The ciphertext has the identifier of the Response."""
    answer = setting.good

    def edit(text: str) -> str:
        begin = text.index(' Id="') + 5
        return text[:begin] + answer.response_id + text[text.index('"', begin) :]

    return setting.sent(answer, encryption=replace(setting.encryption_here, edit=edit))


def _of_signature(setting: Setting) -> bytes:
    answer = setting.good
    own = answer.response_id if setting.at_response else answer.assertion_id
    how = replace(setting.how, finished=swap("<ds:Signature ", f'<ds:Signature Id="{own}" '))
    return setting.outermost(how, answer)


def _identified(identifier: Callable[[], str]) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(replace(setting.good, assertion_id=identifier()))


_TWICE: tuple[Row, ...] = (
    ("of-the-response-for-the-assertion", "duplicate_id", _same_as_response),
    ("twice-in-the-assertion", "duplicate_id", _in_subject("ID")),
    ("twice-as-another-name", "duplicate_id", _in_subject("Id")),
    ("twice-in-small-letters", "duplicate_id", _in_subject("id")),
)
_FORMS: tuple[Row, ...] = (
    ("empty", "id", _identified(lambda: "")),
    ("that-begins-with-a-number", "id", _identified(lambda: f"1{secrets.token_hex(16)}")),
    ("with-a-colon", "id", _identified(lambda: f"_a:{secrets.token_hex(16)}")),
    ("with-a-blank", "id", _identified(lambda: f"_a {secrets.token_hex(16)}")),
    ("of-257-signs", "id", _identified(lambda: "_" + secrets.token_hex(128))),
    ("missing", "missing_attribute", lambda setting: setting.sent(spelled=_without_id)),
)
_MORE: tuple[Row, ...] = (
    (
        "of-a-subject",
        "unknown_attribute",
        lambda setting: setting.sent(spelled=swap("<saml:Subject>", '<saml:Subject ID="_s">')),
    ),
    (
        "of-conditions-in-small-letters",
        "unknown_attribute",
        lambda setting: setting.sent(spelled=swap("<saml:Conditions ", '<saml:Conditions id="_c" ')),
    ),
)


def _without_id(text: str) -> str:
    begin = text.index(' ID="', text.index("<saml:Assertion"))
    return text[:begin] + text[text.index('"', begin + 5) + 1 :]


# -- too much --------------------------------------------------------------------------------------------------------------


def _long_value(setting: Setting) -> bytes:
    """It is signed, and good in everything but its size."""
    answer = setting.good
    long = attribute("urn:selftest:portrait", "a" * 200_000, typed="")
    return setting.sent(replace(answer, attributes=(*answer.attributes, long)))


def _wrapped_long(setting: Setting) -> bytes:
    """CVE-2025-54572: measured after decoding, it would be small."""
    text = base64.b64encode(setting.sent()).decode()
    return (text + "\n" * (256 * 1024)).encode()


_OCTETS: tuple[Row, ...] = (
    ("value-of-200-kilobytes", "size", _long_value),
    ("white-space-behind-the-message", "size", lambda setting: setting.sent() + b" " * 300_000),
    ("parameter-of-line-breaks-cve-2025-54572", "size", _wrapped_long),
    ("parameter-of-one-letter", "size", lambda _: fresh("A").encode()[1:] + b"A" * (256 * 1024)),
    ("nothing-in-megabytes", "size", lambda _: posted(f"<a>{fresh('a')}{' ' * 250_000}</a>".encode())),
)


def _valued(xml: str) -> Callable[[Setting], bytes]:
    """In the value of an attribute that nobody asked for, and signed: nothing else in this answer is wrong for a node."""

    def make(setting: Setting) -> bytes:
        answer = setting.good
        return setting.sent(replace(answer, attributes=(*answer.attributes, attribute("urn:selftest:x", xml, typed=""))))

    return make


def _detailed(xml: str) -> Callable[[Setting], bytes]:
    """In the StatusDetail of a Response, around what is encrypted."""
    detail = f"<samlp:StatusDetail>{xml}</samlp:StatusDetail>"
    return lambda setting: setting.sent(replace(setting.good, status_after=detail))


def _growing() -> str:
    """Namespaces that are declared once, and that a canonical form declares at each of 600 elements."""
    declared = " ".join(f'xmlns:{letter}="urn:selftest:{letter * 110}"' for letter in ascii_letters[:30])
    used = " ".join(f'{letter}:x=""' for letter in ascii_letters[:30])
    return f"<a {declared}>{f'<a {used}/>' * 600}</a>"


_TOO_MUCH: dict[str, tuple[str, str]] = {
    "more-than-64-levels": ("depth", "<a>" * 63 + "</a>" * 63),
    "1500-levels": ("not_well_formed", "<a>" * 1500 + "</a>" * 1500),
    "5000-elements-more": ("elements", "<a/>" * 5000),
    "33-attributes": ("attributes", "<a " + " ".join(f'a{n}="x"' for n in range(33)) + "/>"),
    "40-namespaces-in-scope": ("namespace", f"<a {_spaces(20, 'd')}><a {_spaces(20, 'e')}/></a>"),
    "1000-attributes": ("attributes", "<a " + " ".join(f'a{n}="x"' for n in range(1000)) + "/>"),
}


def _audience(setting: Setting) -> bytes:
    answer = setting.good
    return setting.sent(replace(answer, audiences=answer.audiences + audience("a" * 1025)))


_TEXTS: tuple[Row, ...] = (
    ("audience-of-1025-signs", "text", _audience),
    ("level-of-1025-signs", "text", lambda setting: setting.sent(replace(setting.good, context="a" * 1025))),
    ("issuer-of-257-signs", "text", lambda setting: setting.sent(replace(setting.good, assertion_issuer="a" * 257))),
    ("name-of-1025-signs", "text", lambda setting: setting.sent(replace(setting.good, name_id="a" * 1025))),
)
