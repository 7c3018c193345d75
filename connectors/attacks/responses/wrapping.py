"""Signature wrapping: a genuine signature in a message that says something else (USENIX Security 2012, and ever since).

Each attack has a genuine message of somebody and wants to be somebody else. XSW1 to XSW8 are the letters of the catalogue.
Where the genuine message is a failure it brings no assertion: then it is the place of the signature alone that refuses.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from lxml import etree

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.recipes import each, holding, said
from connectors.attacks.responses.response_draft import ResponseDraft
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, parsed, refused
from connectors.attacks.xml_signer import serialised, swap, swap_octets
from connectors.formats.eidas.registry import RESPONDER
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, SIGNATURE
from connectors.wire.names import SAML, SAMLP, saml, samlp

FAMILY = "signature wrapping"
_OBJECT = f"{{{DS}}}Object"
# What is evil takes what is genuine in, and becomes the message
CaseBench = Callable[[Element, Element], Element]
# The genuine Response, its signed assertion, and an evil one
Beside = Callable[[Element, Element, Element], None]


def wrapping(world: ResponseWorld) -> Iterator[AttackCase]:
    """Every case of the family."""
    for name, (place, check) in _AROUND_RESPONSE.items():
        # A genuine failure is refused by this check; a genuine success brings a second assertion, and that is found first
        clear, sealed = (check, check) if check == "root" else ("one_assertion", "structure")
        made = {name: _around_response(place)}
        yield from refused(FAMILY, (world.response, world.both), {clear: made})
        yield from refused(FAMILY, (world.encrypted, world.eidas), {sealed: made})
        failed = {f"{name}-of-a-failure": _around_response(place, failed=True)}
        yield from refused(FAMILY, (world.response, world.eidas), {check: failed})
        if check != "root":
            again = {f"{name}-with-the-same-id": _around_response(place, failed=True, same_ids=True)}
            yield from refused(FAMILY, (world.response, world.encrypted), {"duplicate_id": again})
    around: Table = {"one_assertion": each(_around_assertion, _AROUND_ASSERTION)}
    yield from refused(FAMILY, (world.assertion, world.both), around, _LENT)
    yield from refused(
        FAMILY, (world.assertion,), {"unknown_element": {"evil-assertion-in-another-namespace": _in_another_namespace}}
    )
    yield from refused(FAMILY, (world.both_encrypted, world.eidas_both), _IN_PLAINTEXT)
    yield from refused(FAMILY, (world.response, world.both, world.eidas), {"signature_place": _SMUGGLED})


def another(setting: Setting) -> ResponseDraft:
    """The attacker's answer: another subject, in everything else a good answer."""
    return replace(setting.good, name_id="victim-of-the-selftest")


def _evil(setting: Setting) -> Element:
    return parsed(another(setting).assertion().encode())


def element(tag: str, *children: Element) -> Element:
    """A new element around others, with prefixes that real messages have."""
    made = etree.Element(tag, nsmap={"saml": SAML, "samlp": SAMLP, "ds": DS})
    made.extend(children)
    return made


def assertion_of(root: Element) -> Element:
    """The one Assertion of a message in the clear."""
    return next(root.iter(saml("Assertion")))


def _bare(original: Element) -> Element:
    """A copy without its own Signature."""
    copied = copy.deepcopy(original)
    for signature in copied.findall(SIGNATURE):
        copied.remove(signature)
    return copied


def _xsw1(evil: Element, original: Element) -> Element:
    signature = original[1]
    signature.append(_bare(original))
    evil.insert(1, signature)
    return evil


def _xsw2(evil: Element, original: Element) -> Element:
    evil.insert(1, copy.deepcopy(original[1]))
    evil.insert(2, _bare(original))
    return evil


def _in_object(evil: Element, original: Element) -> Element:
    signature = original[1]
    signature.append(element(_OBJECT, _bare(original)))
    evil.insert(1, signature)
    return evil


def _in_extensions(evil: Element, original: Element) -> Element:
    evil.insert(1, element(samlp("Extensions"), original))
    return evil


def _at_the_end(evil: Element, original: Element) -> Element:
    evil.append(original)
    return evil


_AROUND_RESPONSE: Mapping[str, tuple[CaseBench, str]] = {
    "xsw1-response-in-its-signature": (_xsw1, "signature_shape"),
    "xsw2-response-beside-its-signature": (_xsw2, "reference"),
    "response-in-an-object": (_in_object, "signature_shape"),
    "response-in-extensions-cve-2025-46572": (_in_extensions, "signature_place"),
    "response-at-the-end-of-another-oneuptime-2949": (_at_the_end, "signature_place"),
    "response-in-a-foreign-root": (lambda evil, original: element("{urn:selftest:evil}Response", evil, original), "root"),
}


def _around_response(place: CaseBench, *, failed: bool = False, same_ids: bool = False) -> Make:
    def make(setting: Setting) -> bytes:
        genuine, evil = setting.good, another(setting)
        if same_ids:
            evil = replace(evil, response_id=genuine.response_id)
        octets = setting.around("", replace(genuine, status=RESPONDER)) if failed else setting.sent(genuine)
        return serialised(place(parsed(setting.unsigned(evil)), parsed(octets)))

    return make


def _xsw4(root: Element, original: Element, evil: Element) -> None:
    """The evil assertion is around the genuine one."""
    root.append(evil)
    evil.append(original)


def _xsw5(root: Element, original: Element, evil: Element) -> None:
    """The evil assertion has the genuine Signature, and the genuine one stands behind it."""
    root.append(evil)
    root.append(original)
    evil.insert(1, original[1])


def _xsw6(root: Element, original: Element, evil: Element) -> None:
    """The same, with the genuine assertion in the Signature."""
    signature = original[1]
    evil.insert(1, signature)
    root.append(evil)
    signature.append(original)


def _xsw8(root: Element, original: Element, evil: Element) -> None:
    """The evil assertion has the genuine Signature, and that an Object with the genuine assertion."""
    signature = original[1]
    evil.insert(1, signature)
    root.append(evil)
    signature.append(element(_OBJECT, original))


def _genuine_in(path: str, *around: str) -> Beside:
    """The genuine assertion stands in an element of the evil one, and in others around it."""

    def place(root: Element, original: Element, evil: Element) -> None:
        root.append(evil)
        inner = original
        for tag in around:
            inner = element(tag, inner)
        where = evil if path == "." else next(evil.iter(path))
        where.append(inner)

    return place


def _same_id(root: Element, original: Element, evil: Element) -> None:
    """The evil assertion has the ID and the Signature of the genuine one, which stands in its Advice."""
    evil.set("ID", str(original.get("ID")))
    evil.insert(1, copy.deepcopy(original[1]))
    evil.append(element(saml("Advice"), original))
    root.append(evil)


_IN_ADVICE = _genuine_in(".", saml("Advice"))
_AROUND_ASSERTION: Mapping[str, Beside] = {
    "xsw3-evil-assertion-first-cve-2025-47949": lambda root, _, evil: root.insert(2, evil),
    "evil-assertion-last-cve-2022-41912": lambda root, _, evil: root.append(evil),
    "xsw4-evil-assertion-around": _xsw4,
    "xsw5-genuine-assertion-behind": _xsw5,
    "xsw6-genuine-assertion-in-its-signature": _xsw6,
    # In Extensions a schema allows anything
    "xsw7-evil-assertion-in-extensions": lambda root, _, evil: root.insert(1, element(samlp("Extensions"), evil)),
    "xsw8-genuine-assertion-in-an-object": _xsw8,
    "genuine-assertion-in-advice": _IN_ADVICE,
    "genuine-assertion-in-confirmation-data": _genuine_in(saml("SubjectConfirmationData")),
    "genuine-assertion-in-attribute-value": _genuine_in(saml("AttributeValue")),
    "same-id-genuine-assertion-in-advice-cve-2016-5697": _same_id,
}


def _around_assertion(place: Beside) -> Make:
    def make(setting: Setting) -> bytes:
        root = setting.tree()
        place(root, assertion_of(root), _evil(setting))
        return serialised(root)

    return make


def _lent(*, same_id: bool) -> Make:
    """The evil assertion takes the genuine one's place, and its Signature."""

    def place(root: Element, original: Element, evil: Element) -> None:
        _lend(original, evil, same_id=same_id)
        root.replace(original, evil)

    return _around_assertion(place)


def _lend(original: Element, evil: Element, *, same_id: bool) -> None:
    if same_id:
        evil.set("ID", str(original.get("ID")))
    evil.insert(1, original[1])


def _without_a_letter(setting: Setting) -> bytes:
    answer = setting.good
    return setting.sent(answer, late=swap_octets(answer.name_id, answer.name_id[:-1]))


# The one assertion there is says something else, and its Signature is genuine
_LENT: Table = {
    "reference": {"signature-lent-to-another-assertion": _lent(same_id=False)},
    "digest": {
        "signature-lent-with-its-id-cve-2026-25922": _lent(same_id=True),
        "a-letter-taken-out-of-the-name-cve-2025-54419": _without_a_letter,
    },
}


def _in_another_namespace(setting: Setting) -> bytes:
    """An Assertion by its local name alone, for whoever looks no further."""
    root = setting.tree()
    text = swap(f'xmlns:saml="{SAML}"', f'xmlns:saml="{SAML.upper()}"')(another(setting).assertion())
    root.insert(2, parsed(text.encode()))
    return serialised(root)


def _in_plaintext(place: Callable[[Element, Element], None]) -> Make:
    """In the plaintext of an encrypted assertion, in a Response that is genuine itself."""

    def plaintext(setting: Setting) -> bytes:
        evil = _evil(setting)
        place(parsed(setting.plaintext()), evil)
        return serialised(evil)

    return holding(plaintext)


def _lent_in_plaintext(*, same_id: bool) -> Make:
    return _in_plaintext(lambda original, evil: _lend(original, evil, same_id=same_id))


_IN_PLAINTEXT: Table = {
    "one_assertion": {
        "genuine-assertion-in-advice-in-the-plaintext": _in_plaintext(
            lambda original, evil: _IN_ADVICE(element("x"), original, evil)
        ),
        "xsw8-genuine-assertion-in-an-object-in-the-plaintext": _in_plaintext(
            lambda original, evil: _xsw8(element("x"), original, evil)
        ),
    },
    "reference": {"signature-lent-to-another-assertion-in-the-plaintext": _lent_in_plaintext(same_id=False)},
    "digest": {"signature-lent-with-its-id-in-the-plaintext": _lent_in_plaintext(same_id=True)},
}


# A digest of the attacker's stands where an XPath finds it before the signed one
_STRAY = f'<ds:DigestValue xmlns:ds="{DS}">AAAA</ds:DigestValue>'
_SMUGGLED: Makes = {
    "digest-value-in-extensions-cve-2024-45409": said(issuer_after=f"<samlp:Extensions>{_STRAY}</samlp:Extensions>"),
    "digest-value-in-status-detail-cve-2024-45409": said(status_after=f"<samlp:StatusDetail>{_STRAY}</samlp:StatusDetail>"),
}
