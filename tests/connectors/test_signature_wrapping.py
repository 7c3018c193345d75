"""Signature wrapping: a genuine signature in a message that says something else (USENIX Security 2012, and since).

Each attack has the genuine, signed message of one citizen and wants to be another: `victim`. It is told by the letters of
the catalogue (XSW1 to XSW8) or by the place that hides the genuine part.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from connectors.saml import SamlConnector
from connectors.signatures.parse import Element
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import DS, NOW, SAML, SAMLP, Reply, SigningParty, signed_reply

Attack = Callable[[SigningParty], Element]
EVIL = Reply(name_id="victim", assertion_id="_evil_assertion", response_id="_evil_response")


def genuine(key: SigningParty, which: str) -> Element:
    return etree.fromstring(signed_reply(Reply(), key, which))


def evil_response() -> Element:
    return etree.fromstring(EVIL.xml())


def evil_assertion() -> Element:
    return evil_response()[-1]


def without_signature(element: Element) -> Element:
    """A copy without its own Signature."""
    copied = forge.clone(element)
    copied.remove(copied[1])
    return copied


def element(namespace: str, local: str, *children: Element) -> Element:
    made = etree.Element(f"{{{namespace}}}{local}")
    made.extend(children)
    return made


def xsw1(key: SigningParty) -> Element:
    """The evil Response carries the Signature, and in the Signature the genuine Response."""
    original, evil = genuine(key, "response"), evil_response()
    signature = forge.clone(original[1])
    signature.append(without_signature(original))
    evil.insert(1, signature)
    return evil


def xsw2(key: SigningParty) -> Element:
    """As XSW1, with the genuine Response beside the Signature."""
    original, evil = genuine(key, "response"), evil_response()
    evil.insert(1, without_signature(original))
    evil.insert(2, forge.clone(original[1]))
    return evil


def xsw3(key: SigningParty) -> Element:
    """The evil assertion before the genuine signed one."""
    original = genuine(key, "assertion")
    original.insert(2, evil_assertion())
    return original


def xsw4(key: SigningParty) -> Element:
    """The evil assertion around the genuine signed one."""
    original, evil = genuine(key, "assertion"), evil_assertion()
    evil.append(original[-1])
    original.append(evil)
    return original


def xsw5(key: SigningParty) -> Element:
    """The genuine Signature in the evil assertion, the genuine assertion at the end."""
    original, evil = genuine(key, "assertion"), evil_assertion()
    plain = without_signature(original[-1])
    evil.insert(1, original[-1][1])
    original.remove(original[-1])
    original.extend([evil, plain])
    return original


def xsw6(key: SigningParty) -> Element:
    """As XSW5, with the genuine assertion inside the Signature."""
    original, evil = genuine(key, "assertion"), evil_assertion()
    plain = without_signature(original[-1])
    signature = original[-1][1]
    signature.append(plain)
    evil.insert(1, signature)
    original.remove(original[-1])
    original.append(evil)
    return original


def xsw7(key: SigningParty) -> Element:
    """The evil assertion in Extensions, where a schema allows anything."""
    original = genuine(key, "assertion")
    original.insert(1, element(SAMLP, "Extensions", evil_assertion()))
    return original


def xsw8(key: SigningParty) -> Element:
    """The genuine assertion in an Object of the Signature, which the evil one carries."""
    original, evil = genuine(key, "assertion"), evil_assertion()
    plain = without_signature(original[-1])
    signature = original[-1][1]
    signature.append(element(DS, "Object", plain))
    evil.insert(1, signature)
    original.remove(original[-1])
    original.append(evil)
    return original


def _hide_assertion(place: Callable[[Element, Element], None]) -> Attack:
    """The genuine signed assertion hidden in the evil Response by `place(evil response, genuine assertion)`."""

    def attack(key: SigningParty) -> Element:
        evil, original = evil_response(), genuine(key, "assertion")
        place(evil, original[-1])
        return evil

    return attack


def _in(path: str, *wrapped_in: tuple[str, str]) -> Attack:
    def place(evil: Element, original: Element) -> None:
        inner = original
        for namespace, local in wrapped_in:
            inner = element(namespace, local, inner)
        found = evil.find(path)
        assert found is not None
        found.append(inner)

    return _hide_assertion(place)


def in_extensions_genuine(key: SigningParty) -> Element:
    """The genuine one in Extensions, the evil one in the assertion's place."""
    evil, original = evil_response(), genuine(key, "assertion")
    evil.insert(1, element(SAMLP, "Extensions", original[-1]))
    return evil


def foreign_root(key: SigningParty) -> Element:
    return element("urn:evil", "Response", evil_assertion(), genuine(key, "response"))


def response_in_response(key: SigningParty) -> Element:
    evil = evil_response()
    evil.append(genuine(key, "response"))
    return evil


def signature_of_response_in_evil_assertion(key: SigningParty) -> Element:
    evil, original = evil_response(), genuine(key, "response")
    evil[-1].insert(1, original[1])
    return evil


def same_id(key: SigningParty) -> Element:
    """The evil assertion has the genuine one's ID and Signature; the genuine one stands in the Advice."""
    original = genuine(key, "assertion")
    evil = etree.fromstring(replace(EVIL, assertion_id=Reply().assertion_id).xml())[-1]
    evil.insert(1, forge.clone(original[-1][1]))
    evil.append(element(SAML, "Advice", original[-1]))
    original.append(evil)
    return original


def error_response_with_decoy(key: SigningParty) -> Element:
    """A signed failure, and an evil assertion added."""
    failed = Reply(status=forge.FAILED, assertions=False)
    original = etree.fromstring(signed_reply(failed, key, "response"))
    original.append(evil_assertion())
    return original


def signed_error_in_detail(key: SigningParty) -> Element:
    """A signed failure in the StatusDetail of an evil success."""
    failed = etree.fromstring(signed_reply(Reply(status=forge.FAILED, assertions=False), key, "response"))
    evil = evil_response()
    evil[1].append(element(SAMLP, "StatusDetail", failed))
    return evil


def unsigned_after_signed_response_with_decoy_signature(key: SigningParty) -> Element:
    """A second Signature that repeats the genuine SignatureValue."""
    original, evil = genuine(key, "assertion"), evil_response()
    evil.insert(1, forge.clone(original[-1][1]))
    evil.append(original[-1])
    return evil


def evil_in_key_info(key: SigningParty) -> Element:
    """The enveloped transform drops the whole Signature: what stands in it is covered by nothing."""
    original = genuine(key, "response")
    original[1].append(element(DS, "KeyInfo", evil_assertion()))
    return original


def namespace_confusion(key: SigningParty) -> Element:
    """An element that is an Assertion by local name alone."""
    original = genuine(key, "assertion")
    text = etree.tostring(evil_assertion()).replace(SAML.encode(), SAML.upper().encode())
    original.insert(2, etree.fromstring(text))
    return original


ATTACKS: dict[str, Attack] = {
    "XSW1": xsw1,
    "XSW2": xsw2,
    "XSW3": xsw3,
    "XSW4": xsw4,
    "XSW5": xsw5,
    "XSW6": xsw6,
    "XSW7": xsw7,
    "XSW8": xsw8,
    "genuine in Extensions": in_extensions_genuine,
    "genuine in Advice": _in(f"{{{SAML}}}Assertion", (SAML, "Advice")),
    "genuine in SubjectConfirmationData": _in(f".//{{{SAML}}}SubjectConfirmationData"),
    "genuine in AttributeValue": _in(f".//{{{SAML}}}AttributeValue"),
    "genuine in StatusDetail": _in(f"{{{SAMLP}}}Status", (SAMLP, "StatusDetail")),
    "genuine in AuthnContextDecl": _in(f".//{{{SAML}}}AuthnContext", (SAML, "AuthnContextDecl")),
    "genuine in a foreign element": _in(".", ("urn:evil", "x")),
    "foreign root": foreign_root,
    "response in response": response_in_response,
    "response's Signature in the assertion": signature_of_response_in_evil_assertion,
    "same ID, genuine in Advice": same_id,
    "signed failure with an assertion": error_response_with_decoy,
    "signed failure in StatusDetail": signed_error_in_detail,
    "decoy Signature": unsigned_after_signed_response_with_decoy_signature,
    "evil in KeyInfo": evil_in_key_info,
    "another namespace": namespace_confusion,
}


@pytest.mark.spec("security.md §2.1 A")
@pytest.mark.parametrize("name", list(ATTACKS))
def test_a_genuine_signature_lends_nothing_to_another_message(
    connector: SamlConnector, idp: SigningParty, name: str
) -> None:
    xml = etree.tostring(ATTACKS[name](idp))
    assert b"victim" in xml
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(forge.post(xml), forge.expectation(), NOW)
    assert refusal.value.check != "unforeseen"


@pytest.mark.parametrize("name", list(ATTACKS))
def test_the_same_with_the_ids_of_the_genuine_message(connector: SamlConnector, idp: SigningParty, name: str) -> None:
    """Readers that look an ID up find the first, or the last; here it would be the evil one."""
    xml = etree.tostring(ATTACKS[name](idp))
    xml = xml.replace(b"_evil_assertion", b"_assertion0001").replace(b"_evil_response", b"_response0001")
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(forge.post(xml), forge.expectation(), NOW)
    assert refusal.value.check != "unforeseen"


def test_the_attacks_would_be_accepted_if_they_were_signed(connector: SamlConnector, idp: SigningParty) -> None:
    """The evil message is refused for its signature, not for a slip of its own."""
    found = connector.receive(forge.post(signed_reply(EVIL, idp)), forge.expectation(), NOW)
    assert found.subject == "victim"


def test_what_is_around_a_signed_assertion_is_believed_in_nothing(connector: SamlConnector, idp: SigningParty) -> None:
    """The unsigned Response around it may be anybody's; the assertion's own words bind it to us, now and this request."""
    reply = Reply(response_id="_anything", issued=forge.clock(NOW - 100))
    found = connector.receive(forge.post(signed_reply(reply, idp, "assertion")), forge.expectation(), NOW)
    assert found.response_id == found.assertion_id
    for broken, check in (
        (replace(reply, confirmed_request="_other"), "subject_confirmation_in_response_to"),
        (replace(reply, recipient="https://other.example"), "recipient"),
        (replace(reply, assertion_issuer="https://other.example"), "issuer"),
        (replace(reply, assertion_issued=forge.clock(NOW - 10_000)), "assertion_issued"),
    ):
        with pytest.raises(AssertionRejected) as refusal:
            connector.receive(forge.post(signed_reply(broken, idp, "assertion")), forge.expectation(), NOW)
        assert refusal.value.check == check
