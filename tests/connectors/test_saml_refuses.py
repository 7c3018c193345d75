"""Refusals of a pinned provider's answers: whose move each is, that none quotes the message, and what stands in for what.

The corpus (`idp.selftest.responses`) breaks every check, each in many ways, and turns every wrapping attack.
"""

import logging
from dataclasses import replace

import pytest

from connectors.saml_sp.connector import SamlConnector
from idp.keys.file import FileSigner
from policies.errors import AssertionRejected, AssuranceTooLow, AuthenticationFailed, SignatureInvalid
from tests.connectors import forge
from tests.connectors.forge import NOW, Reply, signed_reply

PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
FAILURE = Reply(status=forge.FAILED, assertions=False)
# The check that refuses an answer, the kind of its refusal, and the answer before it is signed
SAID: list[tuple[str, type[AssertionRejected], Reply]] = [
    ("authn_context_unknown", AssuranceTooLow, Reply(context=PASSWORD)),
    ("authn_context_too_low", AssuranceTooLow, Reply(context="http://eidas.europa.eu/LoA/low")),
    ("status", AuthenticationFailed, FAILURE),
    ("status_with_assertion", AssertionRejected, Reply(status=forge.FAILED)),
    ("recipient", AssertionRejected, Reply(recipient="https://other.example/acs")),
    ("audience", AssertionRejected, Reply(audiences=Reply().audiences.replace(forge.SP, "https://evil.example"))),
    ("name_id", AssertionRejected, Reply(name_id="subject-0001" * 30)),
    ("text", AssertionRejected, Reply(context="Pikk" * 300)),
    ("in_response_to", AssertionRejected, Reply(in_response_to="_evil")),
]


def broken(idp: forge.SigningParty, stranger: forge.SigningParty) -> list[tuple[str, type[AssertionRejected], bytes]]:
    """One answer for each kind of refusal, by whom or in which octets it is broken."""
    good = signed_reply(Reply(), idp)
    return [
        ("signature", SignatureInvalid, signed_reply(Reply(), stranger)),
        ("signature_missing", SignatureInvalid, Reply().xml()),
        ("digest", SignatureInvalid, good.replace(b"Pikk 1", b"Pikk 2")),
        ("comment", AssertionRejected, good.replace(b"Pikk 1", b"Pikk <!-- evil -->1")),
        ("doctype", AssertionRejected, b'<!DOCTYPE r SYSTEM "file:///etc/passwd">' + good),
        ("not_well_formed", AssertionRejected, good[:-9]),
        *((check, kind, signed_reply(reply, idp)) for check, kind, reply in SAID),
    ]


@pytest.mark.spec("saml.md §2")
@pytest.mark.spec("saml.md §2.2")
@pytest.mark.spec("saml.md §2.11")
@pytest.mark.spec("house-style.md 30")
@pytest.mark.spec("decisions.md 15")
def test_a_refusal_says_by_its_kind_whose_move_it_is_and_quotes_nothing(
    connector: SamlConnector, idp: forge.SigningParty, stranger: forge.SigningParty, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither its words, nor its cause, nor a log line: a library's words would hold pieces of the citizen's message."""
    caplog.set_level(logging.DEBUG)
    for check, kind, xml in broken(idp, stranger):
        with pytest.raises(AssertionRejected) as refusal:
            connector.receive(forge.post(xml), forge.expectation(), NOW)
        assert (refusal.value.check, type(refusal.value)) == (check, kind)
        shown = f"{refusal.value} {refusal.value.detail} {refusal.value.public} {refusal.value.__cause__!r}"
        for value in ("Pikk", "subject-0001", "18870412", "unapuu", "evil", "passwd"):
            assert value not in shown, check
    assert not caplog.records


def test_what_is_around_a_signed_assertion_is_believed_in_nothing(
    connector: SamlConnector, idp: forge.SigningParty
) -> None:
    """The unsigned Response around it may be anybody's; the assertion's own words bind it to us, now and this request."""
    reply = Reply(response_id="_anything", issued=forge.clock(NOW - 100))
    found = connector.receive(forge.post(signed_reply(reply, idp, "assertion")), forge.expectation(), NOW)
    assert found.response_id == found.assertion_id
    for changed, check in (
        (replace(reply, confirmed_request="_other"), "subject_confirmation_in_response_to"),
        (replace(reply, recipient="https://other.example"), "recipient"),
        (replace(reply, assertion_issuer="https://other.example"), "issuer"),
        (replace(reply, assertion_issued=forge.clock(NOW - 10_000)), "assertion_issued"),
    ):
        with pytest.raises(AssertionRejected) as refusal:
            connector.receive(forge.post(signed_reply(changed, idp, "assertion")), forge.expectation(), NOW)
        assert refusal.value.check == check


@pytest.mark.spec("security.md §2.1 C")
def test_an_answer_of_another_pinned_provider_is_refused(
    connector: SamlConnector, idp: forge.SigningParty, stranger: forge.SigningParty
) -> None:
    """CVE-2026-49283: with several providers, one must not vouch for another's citizens."""
    for reply in (Reply(), Reply(issuer="https://second.example", assertion_issuer="https://second.example")):
        with pytest.raises(SignatureInvalid):
            connector.receive(forge.post(forge.signed_reply(reply, stranger, "both")), forge.expectation(), NOW)
    named = Reply(issuer="https://second.example", assertion_issuer="https://second.example")
    with pytest.raises(AssertionRejected, match="another issuer"):
        connector.receive(forge.post(forge.signed_reply(named, idp, "both")), forge.expectation(), NOW)


def test_a_surprise_in_a_library_is_a_refusal_without_its_words(
    connector: SamlConnector, idp: forge.SigningParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object) -> None:
        raise RuntimeError("Pikk 1")

    monkeypatch.setattr("connectors.saml_sp.connector.verify", surprise)
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(forge.post(forge.signed_reply(Reply(), idp)), forge.expectation(), NOW)
    assert refusal.value.check == "unforeseen"
    assert refusal.value.detail == "RuntimeError"
    assert refusal.value.__suppress_context__


@pytest.mark.spec("saml.md §2.14")
@pytest.mark.parametrize("values", [(), ("",), ("EE-1", "EE-2"), ("x" * 257,)])
def test_where_an_attribute_identifies_the_name_id_never_stands_in_for_it(
    signer: FileSigner, idp: forge.SigningParty, values: tuple[str, ...]
) -> None:
    name = "urn:oid:1.3.6.1.4.1.25178.1.2.15"
    provider = forge.provider(forge.metadata(idp), subject_attribute=name)
    by_attribute = SamlConnector(provider=provider, entity_id=forge.SP, acs_url=forge.ACS, signer=signer)
    reply = Reply(attributes=(*forge.ATTRIBUTES, forge.attribute(name, *values)))
    with pytest.raises(AssertionRejected) as refusal:
        by_attribute.receive(forge.post(forge.signed_reply(reply, idp)), forge.expectation(), NOW)
    assert refusal.value.check == "name_id"


@pytest.mark.spec("saml.md §2.14")
@pytest.mark.parametrize(
    ("qualified", "check"),
    [
        (f'Format="{forge.PERSISTENT}" NameQualifier="https://another.example/idp"', "name_qualifier"),
        (f'Format="{forge.PERSISTENT}" SPNameQualifier="https://another.example/sp"', "name_qualifier"),
        ('Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"', "name_id_format"),
        ('Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"', "name_id_format"),
        ('Format=""', "name_id_format"),
    ],
)
def test_a_name_id_in_the_subject_s_attribute_is_judged_as_the_subject_s_own(
    signer: FileSigner, idp: forge.SigningParty, qualified: str, check: str
) -> None:
    targeted = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"
    value = f"<saml:AttributeValue><saml:NameID {qualified}>t-1</saml:NameID></saml:AttributeValue>"
    attribute = f'<saml:Attribute Name="{targeted}" NameFormat="{forge.URI_FORMAT}">{value}</saml:Attribute>'
    for name, reply in (
        ("", Reply(name_id="t-1", name_id_attributes=qualified)),
        (targeted, Reply(attributes=(*forge.ATTRIBUTES, attribute))),
    ):
        provider = forge.provider(forge.metadata(idp), subject_attribute=name)
        connector = SamlConnector(provider=provider, entity_id=forge.SP, acs_url=forge.ACS, signer=signer)
        for which in ("response", "assertion"):
            with pytest.raises(AssertionRejected) as refusal:
                connector.receive(forge.post(forge.signed_reply(reply, idp, which)), forge.expectation(), NOW)
            assert refusal.value.check == check
