"""Namespaces that canonicalise to nothing, identifiers that mean two things, and messages that are too much."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import replace
from string import ascii_letters

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.recipes import also, late, outermost, said, sent, spelled
from connectors.attacks.responses.response_draft import attribute, audience
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, refused
from connectors.attacks.xml_signer import after, swap_octets

VOID, IDENTIFIERS, SIZE = "void canonicalisation", "identifiers", "size and depth"
_EVIL = "https://evil.selftest.example"


def void(world: ResponseWorld) -> Iterator[AttackCase]:
    """Canonicalising a relative namespace failed, and libraries went on with an empty string (Fragile Lock, 2025)."""
    inside = {what: late("<saml:Subject>", f"<saml:Subject {text}>") for what, text in _DECLARATIONS.items()}
    yield from refused(VOID, world.each, {"namespace": inside})
    around = {
        f"{what}-around": sent(envelope=swap_octets("<samlp:Status>", f"<samlp:Status {text}>"))
        for what, text in _DECLARATIONS.items()
    }
    yield from refused(VOID, (world.response, world.eidas), {"namespace": around})
    yield from refused(VOID, (world.response, world.assertion, world.eidas), _OF_NOTHING)


def identifiers(world: ResponseWorld) -> Iterator[AttackCase]:
    """An ID is one thing, stands once, and is spelled in one way."""
    settings = (world.response, world.encrypted, world.eidas)
    yield from refused(IDENTIFIERS, settings, {"duplicate_id": _TWICE})
    ciphered = (world.encrypted, world.eidas)
    yield from refused(IDENTIFIERS, ciphered, {"duplicate_id": {"of-the-ciphertext": _of_ciphertext}})
    signatures = (*world.plain, world.eidas)
    yield from refused(IDENTIFIERS, signatures, {"duplicate_id": {"of-the-signature": _of_signature}})
    yield from refused(IDENTIFIERS, settings, _FORMS)
    more = {"of-a-subject": spelled("<saml:Subject>", '<saml:Subject ID="_s">')}
    yield from refused(IDENTIFIERS, world.each, {"unknown_attribute": more})


def size(world: ResponseWorld) -> Iterator[AttackCase]:
    """Budgets of octets, depth, elements, attributes and texts, spent before anything is computed."""
    yield from refused(SIZE, (world.response, world.assertion, world.eidas), {"size": _OCTETS})
    for what, (check, xml) in _TOO_MUCH.items():
        # In the value of an attribute that nobody asked for, and signed: for a node nothing else of it is wrong
        valued = also(attribute("urn:selftest:x", xml, typed=""))
        yield from refused(SIZE, world.each, {check: {what: valued}})
        yield from refused(SIZE, (world.eidas,), {check: {f"{what}-around": _detailed(xml)}})
    grown: Table = {"canonicalisation": {"canonical-form-of-megabytes": _detailed(_growing())}}
    yield from refused(SIZE, (world.response, world.assertion), grown)
    yield from refused(SIZE, world.each, {"text": _TEXTS})


def _spaces(count: int, prefix: str) -> str:
    return " ".join(f'xmlns:{prefix}{n}="urn:selftest:{n}"' for n in range(count))


# A prefix that nobody uses costs an exclusive canonical form nothing, and the signature holds
_DECLARATIONS = {
    "relative-namespace-cve-2025-66568": 'xmlns:evil="relative"',
    "namespace-without-scheme": 'xmlns:evil="//evil.selftest.example/x"',
    "no-default-namespace": 'xmlns=""',
    "namespace-with-a-reference": 'xmlns:evil="urn:&#x61;"',
    "namespace-with-a-blank": 'xmlns:evil="urn:a b"',
    "namespace-of-300-signs": f'xmlns:evil="urn:{"a" * 300}"',
    "prefix-of-65-signs": f'xmlns:{"e" * 65}="urn:evil"',
    "33-namespaces": _spaces(33, "e"),
    "33-namespaces-in-what-is-no-xml": f"{_spaces(33, 'e')} e=1",
    "id-in-a-namespace-cve-2025-66567": f'xmlns:evil="{_EVIL}" evil:ID="_victim"',
    "xml-base": f'xml:base="{_EVIL}/"',
}
_RELATIVE = after("<ds:SignedInfo", ' xmlns:evil="relative"')
_OF_NOTHING: Table = {
    "signature": {"signature-of-nothing": outermost(signs=lambda _: b"")},
    # For whoever canonicalises this SignedInfo to nothing
    "namespace": {
        "signature-of-nothing-and-a-relative-namespace-cve-2025-66568": outermost(signs=lambda _: b"", finished=_RELATIVE)
    },
}


def _in_subject(name: str) -> Make:
    """A second element that has the assertion's identifier."""

    def make(setting: Setting) -> bytes:
        answer = setting.good
        return setting.sent(answer, spelled=after("<saml:Subject", f' {name}="{answer.assertion_id}"'))

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
    return setting.outermost(replace(setting.how, finished=after("<ds:Signature ", f'Id="{own}" ')), answer)


_TWICE: Makes = {
    "of-the-response-for-the-assertion": said(assertion_id=lambda _, answer: answer.response_id),
    "twice-in-the-assertion": _in_subject("ID"),
    "twice-as-another-name": _in_subject("Id"),
    "twice-in-small-letters": _in_subject("id"),
}


def _without_id(text: str) -> str:
    begin = text.index(' ID="', text.index("<saml:Assertion"))
    return text[:begin] + text[text.index('"', begin + 5) + 1 :]


_FORMS: Table = {
    "id": {
        "empty": said(assertion_id=""),
        "with-a-colon": said(assertion_id=lambda *_: f"_a:{secrets.token_hex(16)}"),
        "of-257-signs": said(assertion_id=lambda *_: f"_{secrets.token_hex(128)}"),
    },
    "missing_attribute": {"missing": sent(spelled=_without_id)},
}


_OCTETS: Makes = {
    # It is signed, and good in everything but its size
    "value-of-200-kilobytes": also(attribute("urn:selftest:portrait", "a" * 200_000, typed="")),
    "white-space-behind-the-message": lambda setting: setting.sent() + b" " * 300_000,
    # Measured after decoding, it would be small
    "parameter-of-line-breaks-cve-2025-54572": lambda setting: base64.b64encode(setting.sent()) + b"\n" * (256 * 1024),
}


def _detailed(xml: str) -> Make:
    """In the StatusDetail of a Response, around what is encrypted."""
    return said(status_after=f"<samlp:StatusDetail>{xml}</samlp:StatusDetail>")


def _growing() -> str:
    """Namespaces that are declared once, and that a canonical form declares at each of 600 elements."""
    declared = " ".join(f'xmlns:{letter}="urn:selftest:{letter * 110}"' for letter in ascii_letters[:30])
    used = " ".join(f'{letter}:x=""' for letter in ascii_letters[:30])
    return f"<a {declared}>{f'<a {used}/>' * 600}</a>"


_TOO_MUCH: dict[str, tuple[str, str]] = {
    "more-than-64-levels": ("depth", "<a>" * 63 + "</a>" * 63),
    "1500-levels": ("not_well_formed", "<a>" * 1500 + "</a>" * 1500),
    "5000-elements-more": ("elements", "<a/>" * 5000),
    "33-attributes": ("attributes", "<a" + "".join(f' a{n}="x"' for n in range(33)) + "/>"),
    "40-namespaces-in-scope": ("namespace", f"<a {_spaces(20, 'd')}><a {_spaces(20, 'e')}/></a>"),
}
_TEXTS: Makes = {
    "audience-of-1025-signs": said(audiences=lambda _, answer: answer.audiences + audience("a" * 1025)),
    "issuer-of-257-signs": said(assertion_issuer="a" * 257),
}
