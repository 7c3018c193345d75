"""Refusals of another country's answers: whose move each is, and what only a node can say. The corpus breaks each check."""

import base64
from collections.abc import Callable

import pytest

from connectors.connector import Expectation, Inbound
from connectors.eidas import EidasConnector
from connectors.formats.eidas.registry import (
    AUTHN_FAILED,
    LEVEL_NOT_REACHED,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
)
from connectors.formats.eidas.values import EidasValue
from connectors.profiles import EIDAS
from connectors.signatures.parse import Element
from connectors.signatures.xmlenc import encrypt
from connectors.wire.names import TRANSIENT
from policies.errors import (
    AssertionRejected,
    AssuranceTooLow,
    AuthenticationFailed,
    PeerUnavailable,
    SignatureInvalid,
)
from policies.parties import ProviderId
from tests.connectors.eidas.node import (
    LOW,
    NOW,
    PERSON,
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


@pytest.fixture(scope="module")
def node() -> SendingNode:
    """A node of Estonia with a second key, of RSA."""
    return SendingNode(more_keys=[rsa_signer(2)])


def _refused(connector: EidasConnector, inbound: Inbound, expected: Expectation | None = None, now: int = NOW) -> str:
    """The check by which an answer is refused."""
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(inbound, expected or expectation(), now)
    return refusal.value.check


@pytest.mark.spec("house-style.md 30")
@pytest.mark.parametrize(
    ("check", "kind", "make"),
    [
        ("signature", SignatureInvalid, lambda node: posted(node.response(Answer(), signer=curve_signer()))),
        ("signature_missing", SignatureInvalid, lambda node: node.says(signed=False)),
        ("digest", SignatureInvalid, lambda node: node.says(spoil=lambda root: root.set("InResponseTo", "_other"))),
        ("authn_context_unknown", AssuranceTooLow, lambda node: node.says(level="urn:ee:mobile")),
        ("authn_context_too_low", AssuranceTooLow, lambda node: node.says(level=LOW)),
        ("status", AuthenticationFailed, lambda node: node.says(status=RESPONDER, sub_status=AUTHN_FAILED)),
        ("name_id_format", AssertionRejected, lambda node: node.says(name_id_format=TRANSIENT)),
    ],
)
def test_a_refusal_says_by_its_kind_whose_move_it_was_and_quotes_nothing(
    node: SendingNode, check: str, kind: type[AssertionRejected], make: Callable[[SendingNode], Inbound]
) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        connector_to(node).receive(make(node), expectation(), NOW)
    assert (refusal.value.check, type(refusal.value)) == (check, kind)
    for value in ("Maasikas", "Mari", "1887-04-12", "/0001"):
        assert value not in f"{refusal.value} {refusal.value.detail} {refusal.value.public}"


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
    def broken(*_given: object) -> None:
        raise ZeroDivisionError("Maasikas")

    monkeypatch.setattr("connectors.eidas.read_assertion", broken)
    with pytest.raises(AssertionRejected) as refusal:
        connector_to(node).receive(node.says(), expectation(), NOW)
    assert (refusal.value.check, refusal.value.detail, refusal.value.__cause__) == ("unforeseen", "ZeroDivisionError", None)
