"""Each check of another country's answer, broken alone, refuses under its own name; and nothing but a refusal comes out."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from lxml import etree

from connectors.connector import Expectation, Inbound
from connectors.eidas import EidasConnector
from connectors.formats.eidas.registry import (
    AUTHN_FAILED,
    LEVEL_NOT_REACHED,
    REPRESENTATIVE_NATURAL_PERSON,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
)
from connectors.formats.eidas.values import EidasValue
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.xmlenc import encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import TRANSIENT, saml
from policies.assurance import LevelOfAssurance
from policies.errors import (
    AssertionRejected,
    AssuranceTooLow,
    AuthenticationFailed,
    PeerUnavailable,
    SignatureInvalid,
)
from policies.parties import ProviderId
from tests.connectors.eidas.made import natural
from tests.connectors.eidas.node import (
    HIGH,
    LOW,
    NOW,
    PERSON,
    SUBSTANTIAL,
    Answer,
    SendingNode,
    connector_to,
    expectation,
    ours,
    posted,
)
from tests.connectors.metadata.node import curve_signer, rsa_signer

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
DS = "http://www.w3.org/2000/09/xmldsig#"


@dataclass(frozen=True, slots=True)
class Case:
    """An answer that breaks one check: `make` gives what comes from this node."""

    check: str
    what: str
    make: Callable[[SendingNode], Inbound]
    expected: Expectation = field(default_factory=expectation)
    now: int = NOW

    def __str__(self) -> str:
        return f"{self.check}-{self.what}".replace(" ", "-")


def says(check: str, what: str, expected: Expectation | None = None, **changes: object) -> Case:
    return Case(check, what, lambda node: node.says(**changes), expected or expectation())


def person(check: str, what: str, **values: tuple[EidasValue, ...]) -> Case:
    return says(check, what, person={**PERSON, **values})


def _identifier(assertion: Element) -> Element:
    return next(value for value in assertion.iter(saml("AttributeValue")) if (value.text or "").startswith("EE/"))


def identifier(check: str, what: str, text: str) -> Case:
    def change(assertion: Element) -> None:
        _identifier(assertion).text = text

    return says(check, what, change=change)


def without(name: str) -> Callable[[Element], None]:
    """The assertion without one attribute."""

    def change(assertion: Element) -> None:
        for attribute in list(assertion.iter(saml("Attribute"))):
            if attribute.get("Name") == natural(name):
                parent = attribute.getparent()
                assert parent is not None
                parent.remove(attribute)

    return change


def representative(*names: str) -> Callable[[Element], None]:
    """The assertion with attributes of somebody who acts for another."""

    def change(assertion: Element) -> None:
        statement = assertion.find(saml("AttributeStatement"))
        assert statement is not None
        for name in names:
            attribute = etree.SubElement(statement, saml("Attribute"))
            attribute.set("Name", f"{REPRESENTATIVE_NATURAL_PERSON}/{name}")
            attribute.set("NameFormat", "urn:oasis:names:tc:SAML:2.0:attrname-format:uri")
            etree.SubElement(attribute, saml("AttributeValue")).text = "x"

    return change


def replaced(old: str, new: str) -> Callable[[Element], None]:
    """One attribute's value anywhere in the tree, changed."""

    def change(root: Element) -> None:
        found = [(element, name) for element in root.iter("*") for name, value in element.items() if value == old]
        assert found, old
        element, name = found[0]
        element.set(name, new)

    return change


def plain_beside(root: Element) -> None:
    etree.SubElement(root, saml("Assertion")).set("ID", "_plain")


def two_encrypted(node: SendingNode) -> Inbound:
    held = [encrypt(node.assertion(Answer(assertion_id=f"_a{n}")), ours().certificate, EIDAS) for n in (1, 2)]
    return posted(node.response(Answer(), *held))


def to_somebody_else(node: SendingNode) -> Inbound:
    held = encrypt(node.assertion(Answer()), rsa_signer(2).certificate, EIDAS)
    return posted(node.response(Answer(), held))


def failure_with_assertion(node: SendingNode) -> Inbound:
    held = encrypt(node.assertion(Answer()), ours().certificate, EIDAS)
    return posted(node.response(Answer(status=RESPONDER, sub_status=AUTHN_FAILED), held))


def short_tag(root: Element) -> None:
    """A GCM tag of 12 octets, as NIST SP 800-38D would allow and the profile does not."""
    value = list(root.iter(f"{{{XENC}}}CipherValue"))[-1]
    value.text = base64.b64encode(base64.b64decode(value.text or "")[:-4]).decode()


def signed_with_pkcs1(node: SendingNode) -> Inbound:
    """RSA as saml2int signs it, by a key that is pinned."""
    root = etree.fromstring(node.response(Answer(signed=False)))
    return posted(sign_enveloped(root, rsa_signer(2), place=1, profile=SAML2INT))


RSA = f"{XENC11}rsa-oaep"
CASES = (
    # signature, before anything else
    says("signature_missing", "an encrypted assertion in a response that nobody signed", signed=False),
    says("signature_missing", "a failure that nobody signed", signed=False, status=RESPONDER),
    Case("signature", "by a stranger", lambda node: posted(node.response(Answer(), signer=curve_signer()))),
    Case("signature_algorithm", "RSA PKCS1", signed_with_pkcs1),
    says("digest", "changed afterwards", spoil=lambda root: root.set("InResponseTo", "_other")),
    # to whom, when, from whom, to what
    says("destination", "another address", destination="https://city.example/saml/acs"),
    says("response_issued", "in the future", issued=NOW + 61),
    says("issuer", "another issuer", issuer="https://lv.example/eidas/metadata"),
    says("in_response_to", "another request", in_response_to="_other"),
    says("status", "a failure", status=RESPONDER, sub_status=AUTHN_FAILED),
    Case("status_with_assertion", "a failure with one", failure_with_assertion),
    # one encrypted assertion, to us, by the profile's algorithms
    Case("one_assertion", "two encrypted", two_encrypted),
    says("plain_assertion", "one beside the encrypted", reshape=plain_beside),
    Case("decryption", "encrypted to somebody else", to_somebody_else),
    says("content_encryption", "AES-CBC", reshape=replaced(f"{XENC11}aes256-gcm", f"{XENC}aes256-cbc")),
    says("key_transport", "RSA 1.5", reshape=replaced(RSA, f"{XENC}rsa-1_5")),
    says("oaep_digest", "SHA-1", reshape=replaced(f"{XENC}sha256", f"{DS}sha1")),
    says("oaep_mgf", "SHA-1", reshape=replaced(f"{XENC11}mgf1sha256", f"{XENC11}mgf1sha1")),
    # meaning of the assertion
    says("recipient", "another address", recipient="https://city.example/saml/acs"),
    says("subject_confirmation_in_response_to", "another request", confirmed_request="_other"),
    says(
        "subject_confirmation_missing",
        "holder of key",
        change=replaced("urn:oasis:names:tc:SAML:2.0:cm:bearer", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
    ),
    says("subject_confirmation_expired", "ended", ends=NOW - 60),
    says("audience", "another connector", audience="https://city.example/saml/metadata"),
    says("authn_instant_stale", "before we asked", authenticated=NOW - 91),
    says("authn_context_unknown", "not in the table", level="urn:ee:mobile"),
    says("authn_context_too_low", "low for substantial", level=LOW),
    says("authn_context_too_low", "substantial for high", expectation(LevelOfAssurance.HIGH), level=SUBSTANTIAL),
    says("name_id_format", "transient for persistent", name_id_format=TRANSIENT),
    says("name_id_format", "transient where none was asked", expectation(name_id_format=""), name_id_format=TRANSIENT),
    says("name_id", "too long", change=lambda root: setattr(root.find(f".//{saml('NameID')}"), "text", "x" * 257)),
    # the person
    *(
        says("minimum_data_set", f"without {name}", change=without(name))
        for name in ("PersonIdentifier", "CurrentFamilyName", "CurrentGivenName", "DateOfBirth")
    ),
    says("representative_minimum", "a part of a representative", change=representative("PersonIdentifier")),
    says(
        "representation",
        "somebody for another",
        change=representative("PersonIdentifier", "CurrentFamilyName", "CurrentGivenName", "DateOfBirth"),
    ),
    identifier("identifier_country", "DE/FR from EE", "DE/FR/x"),
    identifier("identifier_country", "of a neighbour, for us", "LV/NL/0001"),
    identifier("identifier_recipient", "made for another country", "EE/FR/0001"),
    identifier("attribute_value", "no countries", "0001"),
    identifier("identifier", "a control character", "EE/NL/a\x80b"),
)


@pytest.fixture(scope="module")
def node() -> SendingNode:
    """A node of Estonia with a second key, of RSA."""
    return SendingNode(more_keys=[rsa_signer(2)])


@pytest.mark.spec("eidas.md §4 closed grammar")
@pytest.mark.spec("eidas.md §7 refused")
@pytest.mark.spec("eidas.md §4 one EncryptedAssertion")
@pytest.mark.spec("eidas.md §4 no plain Assertion")
@pytest.mark.spec("eidas.md §4 Subject and NameID")
@pytest.mark.spec("eidas.md §4 Conditions")
@pytest.mark.spec("eidas.md §4 bearer confirmation")
@pytest.mark.spec("eidas.md §4 NameID Format")
@pytest.mark.spec("eidas.md §4 NameID length")
@pytest.mark.spec("eidas.md §4 level asked")
@pytest.mark.spec("eidas.md §4 InResponseTo")
@pytest.mark.spec("eidas.md §4 PersonIdentifier country")
@pytest.mark.spec("eidas.md §4 minimum data set")
@pytest.mark.spec("eidas.md §4 representative minimum data set")
@pytest.mark.spec("eidas.md §4 failure without an assertion")
@pytest.mark.spec("eidas.md §7 PKCS1 and SHA-1 refused")
@pytest.mark.spec("eidas.md §7 AES-GCM")
@pytest.mark.spec("eidas.md §7 GCM tag")
@pytest.mark.spec("eidas.md §7 RSA-OAEP")
@pytest.mark.spec("eidas.md §8 5")
@pytest.mark.spec("eidas.md §8 6")
@pytest.mark.spec("eidas.md §8 8")
@pytest.mark.spec("eidas.md §8 9")
@pytest.mark.spec("eidas.md §8 10")
@pytest.mark.spec("eidas.md §8 14")
@pytest.mark.spec("eidas.md §8 15")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_answer_that_breaks_one_check_is_refused_by_that_check(node: SendingNode, case: Case) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        connector_to(node).receive(case.make(node), case.expected, case.now)
    assert refusal.value.check == case.check
    for value in ("Maasikas", "Mari", "1887-04-12", "/0001"):
        assert value not in f"{refusal.value} {refusal.value.detail} {refusal.value.public}"


def _refused(connector: EidasConnector, inbound: Inbound, expected: Expectation | None = None, now: int = NOW) -> str:
    """The check by which an answer is refused."""
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(inbound, expected or expectation(), now)
    return refusal.value.check


@pytest.mark.spec("house-style.md 30")
@pytest.mark.parametrize(
    ("check", "kind"),
    [
        ("signature", SignatureInvalid),
        ("signature_missing", SignatureInvalid),
        ("digest", SignatureInvalid),
        ("authn_context_unknown", AssuranceTooLow),
        ("authn_context_too_low", AssuranceTooLow),
        ("status", AuthenticationFailed),
    ],
)
def test_a_refusal_says_by_its_kind_whose_move_it_was(node: SendingNode, check: str, kind: type[AssertionRejected]) -> None:
    for case in CASES:
        if case.check == check:
            with pytest.raises(kind):
                connector_to(node).receive(case.make(node), case.expected, case.now)


@pytest.mark.spec("eidas.md §8 7")
@pytest.mark.spec("eidas.md §4 level published")
def test_a_level_above_the_published_one_is_not_believed(node: SendingNode) -> None:
    modest = SendingNode(signer=node.signer, assurance=frozenset({SUBSTANTIAL}))
    with pytest.raises(AssertionRejected) as refusal:
        connector_to(modest).receive(modest.says(level=HIGH), expectation(), NOW)
    assert refusal.value.check == "authn_context_unpublished"
    assert connector_to(modest).receive(modest.says(level=SUBSTANTIAL), expectation(), NOW).subject


@pytest.mark.spec("eidas.md §4 citizen country")
def test_a_node_whose_country_became_another_is_not_heard(node: SendingNode) -> None:
    moved = SendingNode(signer=node.signer, facts_changes={"country": "LV"})
    assert _refused(connector_to(moved), moved.says()) == "node_country"


@pytest.mark.spec("eidas.md §4 citizen country")
@pytest.mark.spec("eidas.md §4 PersonIdentifier country")
def test_country_b_does_not_answer_what_country_a_was_asked(node: SendingNode) -> None:
    latvia = SendingNode(country="LV", entity_id="https://lv.example/eidas/metadata")
    connector = connector_to(node, latvia)
    person = {**PERSON, "PersonIdentifier": (EidasValue("LV/NL/0001"),)}
    assert _refused(connector, latvia.says(person=person)) == "signature"
    # not even in the other's name
    assert _refused(connector, latvia.says(issuer=node.entity_id, assertion_issuer=node.entity_id)) == "signature"
    # and a country that is asked itself cannot speak of the other's citizens
    expected = expectation(provider_id=ProviderId("lv"))
    assert _refused(connector_to(latvia, node), latvia.says(), expected) == "identifier_country"
    assert connector_to(latvia).receive(latvia.says(person=person), expected, NOW).namespace == "eidas/LV"


@pytest.mark.spec("eidas.md §8 8")
def test_germanys_identifier_for_france_from_sweden_is_refused() -> None:
    sweden = SendingNode(country="SE", entity_id="https://se.example/eidas/metadata")
    person = {**PERSON, "PersonIdentifier": (EidasValue("DE/FR/x"),)}
    check = _refused(connector_to(sweden), sweden.says(person=person), expectation(provider_id=ProviderId("se")))
    assert check == "identifier_country"


@pytest.mark.spec("eidas.md §4 status codes")
@pytest.mark.parametrize(
    ("sub_status", "message", "kind"),
    [
        (AUTHN_FAILED, LEVEL_NOT_REACHED, AssuranceTooLow),
        ("urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext", "", AssuranceTooLow),
        (AUTHN_FAILED, "The citizen left.", AuthenticationFailed),
        (REQUEST_DENIED, "", AuthenticationFailed),
        ("", "", AuthenticationFailed),
    ],
)
def test_a_level_that_was_not_reached_is_told_from_other_failures(
    node: SendingNode, sub_status: str, message: str, kind: type[AssertionRejected]
) -> None:
    for status in (RESPONDER, REQUESTER):
        inbound = node.says(status=status, sub_status=sub_status, message=message)
        with pytest.raises(AssertionRejected) as refusal:
            connector_to(node).receive(inbound, expectation(), NOW)
        assert type(refusal.value) is kind
        assert refusal.value.check == "status"
        assert message not in str(refusal.value) or not message


@pytest.mark.spec("eidas.md §7 uniform answer")
def test_every_failure_of_a_decryption_looks_the_same(node: SendingNode) -> None:
    def flipped(index: int) -> Callable[[Element], None]:
        def change(root: Element) -> None:
            value = list(root.iter(f"{{{XENC}}}CipherValue"))[index]
            octets = bytearray(base64.b64decode(value.text or ""))
            octets[-1] ^= 1
            value.text = base64.b64encode(octets).decode()

        return change

    seen = set()
    for inbound in (
        node.says(reshape=flipped(0)),
        node.says(reshape=flipped(1)),
        node.says(reshape=short_tag),
        to_somebody_else(node),
    ):
        with pytest.raises(AssertionRejected) as refusal:
            connector_to(node).receive(inbound, expectation(), NOW)
        seen.add((refusal.value.check, str(refusal.value), refusal.value.public, refusal.value.code))
    assert len(seen) == 1
    assert next(iter(seen))[0] == "decryption"


@pytest.mark.spec("eidas.md §4 signature")
@pytest.mark.parametrize("what", ["unsigned", "by a stranger", "changed", "to another address", "a failure"])
def test_nothing_is_decrypted_before_the_response_is_known_to_be_the_nodes_and_for_us(
    node: SendingNode, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_arguments: object) -> bytes:
        pytest.fail("a private key was used")

    inbound = {
        "unsigned": lambda: node.says(signed=False),
        "by a stranger": lambda: posted(node.response(Answer(), signer=curve_signer())),
        "changed": lambda: node.says(spoil=lambda root: root.set("InResponseTo", "_other")),
        "to another address": lambda: node.says(destination="https://evil.example/acs"),
        "a failure": lambda: failure_with_assertion(node),
    }[what]()
    monkeypatch.setattr("idp.keys.file.FileUnwrapper.unwrap", never)
    _refused(connector_to(node), inbound)


@pytest.mark.spec("eidas.md §6 the last good copy until it ends")
def test_a_node_whose_metadata_ended_meanwhile_is_not_heard(node: SendingNode) -> None:
    ended = SendingNode(signer=node.signer, facts_changes={"valid_until": NOW})
    with pytest.raises(PeerUnavailable):
        connector_to(ended).receive(ended.says(), expectation(), NOW)


@pytest.mark.spec("eidas.md §7 certificate dates")
@pytest.mark.parametrize("dates", [(NOW - 100, NOW - 1), (NOW + 1, NOW + 100)], ids=["ended", "not begun"])
def test_a_key_outside_of_its_certificates_dates_verifies_nothing(dates: tuple[int, int]) -> None:
    old = curve_signer(*dates)
    with pytest.raises(PeerUnavailable):
        connector_to(alone := SendingNode(signer=old)).receive(alone.says(), expectation(), NOW)
    node = SendingNode(more_keys=[old])
    assert _refused(connector_to(node), posted(node.response(Answer(), signer=old))) == "signature"


@pytest.mark.spec("eidas.md §6 additions wait")
def test_a_key_that_was_taken_out_verifies_no_more(node: SendingNode) -> None:
    inbound = posted(node.response(Answer(), signer=rsa_signer(2)))
    assert connector_to(node).receive(inbound, expectation(), NOW).subject
    assert _refused(connector_to(SendingNode(signer=node.signer)), inbound) == "signature"


def test_a_surprise_is_a_refusal_that_tells_nothing(node: SendingNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_signed: object, _tolerance: object) -> None:
        raise ZeroDivisionError("Maasikas")

    monkeypatch.setattr("connectors.eidas.read_assertion", broken)
    with pytest.raises(AssertionRejected) as refusal:
        connector_to(node).receive(node.says(), expectation(), NOW)
    assert (refusal.value.check, refusal.value.detail, refusal.value.__cause__) == ("unforeseen", "ZeroDivisionError", None)
