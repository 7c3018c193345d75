"""Every check, broken alone, refuses under its own name; and nothing but a refusal ever comes out."""

import logging
from dataclasses import replace

import pytest

from connectors.checks import ALL_CHECKS, SAML_CHECKS
from connectors.connector import Inbound
from connectors.saml import SamlConnector
from idp.keys.file import FileSigner
from policies.errors import AssertionRejected, AssuranceTooLow, AuthenticationFailed, SignatureInvalid
from tests.connectors import broken, broken_words, forge
from tests.connectors.cases import Case
from tests.connectors.forge import NOW, Reply

CASES = broken.CASES + broken_words.CASES
# The only checks that no answer can fail: `request` fails the first, a library would have to surprise us for the second,
# and lxml refuses what cannot be canonicalised while the namespace check stands before it. Each has its own test.
ELSEWHERE = {"assurance_unreachable", "unforeseen", "canonicalisation"}


@pytest.mark.spec("saml.md §2")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_answer_that_breaks_one_check_is_refused_by_that_check(
    connector: SamlConnector, idp: forge.SigningParty, case: Case
) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(case.make(idp), case.expectation, NOW)
    assert refusal.value.check == case.check


def test_every_check_that_we_name_is_broken_by_some_answer_and_every_name_is_ours() -> None:
    assert {case.check for case in CASES} | ELSEWHERE == set(SAML_CHECKS)
    assert set(SAML_CHECKS) <= set(ALL_CHECKS)
    assert all(sentence for sentence in ALL_CHECKS.values())


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
def test_a_refusal_says_by_its_kind_whose_move_it_is(
    connector: SamlConnector, idp: forge.SigningParty, check: str, kind: type[AssertionRejected]
) -> None:
    for case in CASES:
        if case.check == check:
            with pytest.raises(kind):
                connector.receive(case.make(idp), case.expectation, NOW)


def test_a_failure_with_an_assertion_is_no_mere_failure(connector: SamlConnector, idp: forge.SigningParty) -> None:
    xml = forge.signed_reply(Reply(status=forge.FAILED), idp)
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(forge.post(xml), forge.expectation(), NOW)
    assert not isinstance(refusal.value, AuthenticationFailed)


@pytest.mark.spec("decisions.md 15")
def test_no_refusal_quotes_the_message(
    connector: SamlConnector, idp: forge.SigningParty, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither its words, nor its cause, nor a log line: a library's words would hold pieces of the citizen's message."""
    caplog.set_level(logging.DEBUG)
    for case in CASES:
        with pytest.raises(AssertionRejected) as refusal:
            connector.receive(case.make(idp), case.expectation, NOW)
        shown = f"{refusal.value} {refusal.value.detail} {refusal.value.public} {refusal.value.__cause__!r}"
        for value in ("Pikk", "subject-0001", "18870412", "unapuu", "evil", "passwd"):
            assert value not in shown, case
    assert not caplog.records


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


@pytest.mark.parametrize("seconds", [-181, 480, 86_400, -86_400, 10**9])
def test_an_answer_at_another_time_is_refused(connector: SamlConnector, idp: forge.SigningParty, seconds: int) -> None:
    with pytest.raises(AssertionRejected):
        connector.receive(forge.post(forge.signed_reply(Reply(), idp, "both")), forge.expectation(), NOW + seconds)


def test_an_answer_to_an_earlier_request_of_the_same_browser_is_refused(
    connector: SamlConnector, idp: forge.SigningParty
) -> None:
    later = replace(forge.expectation(), request_id="_asked_again")
    for which in ("response", "assertion", "both"):
        with pytest.raises(AssertionRejected) as refusal:
            connector.receive(forge.post(forge.signed_reply(Reply(), idp, which)), later, NOW)
        assert refusal.value.check == "in_response_to"


def test_a_surprise_in_a_library_is_a_refusal_without_its_words(
    connector: SamlConnector, idp: forge.SigningParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object) -> None:
        raise RuntimeError("Pikk 1")

    monkeypatch.setattr("connectors.saml.verify", surprise)
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(forge.post(forge.signed_reply(Reply(), idp)), forge.expectation(), NOW)
    assert refusal.value.check == "unforeseen"
    assert refusal.value.detail == "RuntimeError"
    assert refusal.value.__suppress_context__


def test_relay_state_authorises_nothing_and_is_not_read(connector: SamlConnector, idp: forge.SigningParty) -> None:
    good = forge.post(forge.signed_reply(Reply(), idp))
    for relay_state in ("", "x" * 10_000, "https://evil.example"):
        inbound = Inbound("post", {**good.parameters, "RelayState": relay_state})
        assert connector.receive(inbound, forge.expectation(), NOW).subject == "subject-0001"


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
