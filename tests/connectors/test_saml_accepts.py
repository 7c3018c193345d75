"""Valid variants: whatever the standard allows and real identity providers send passes, and says the same."""

import base64
import zlib
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from connectors.connector import Outbound
from connectors.formats.saml import read_signed_response
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.parse import canonical
from connectors.signatures.verification_result import Signed
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName
from policies.authentication import Assertion, SourceSession
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import NOW, Reply, attribute, clock
from tests.connectors.schemas import assert_valid

SLO = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
EVERYWHERE = ("response", "assertion", "both")


def accepted(connector: SamlConnector, xml: bytes) -> Assertion:
    return connector.receive(forge.post(xml), forge.expectation(), NOW)


def with_provider(signer: FileSigner, *pinned: forge.SigningParty, **changes: object) -> SamlConnector:
    return SamlConnector(
        provider=forge.provider(forge.metadata(*pinned), **changes), entity_id=forge.SP, acs_url=forge.ACS, signer=signer
    )


@pytest.mark.spec("saml.md §2.7")
@pytest.mark.parametrize("which", EVERYWHERE)
def test_a_response_signed_at_response_assertion_or_both_gives_the_same_assertion(
    connector: SamlConnector, idp: forge.SigningParty, which: str
) -> None:
    found = accepted(connector, forge.signed_reply(Reply(), idp, which))
    assert found.subject == "subject-0001"
    assert found.offered.loa is LevelOfAssurance.HIGH
    assert found.assertion_id == "_assertion0001"
    # An unsigned Response's id is not believed: the assertion's stands in for it.
    assert found.response_id == ("_assertion0001" if which == "assertion" else "_response0001")
    assert found.authenticated_at == NOW
    assert found.not_on_or_after == NOW + 300
    assert found.session_ends == NOW + 3600
    assert found.offered.attributes == {
        AttributeName("family_name"): "Õunapuu-李",
        AttributeName("given_name"): "Mari & Jüri",
        AttributeName("birthdate"): "1887-04-12",
        AttributeName("address"): Address(street="Pikk 1", locality="Tallinn", country="EE"),
    }


def test_several_values_are_offered_of_those_attributes_that_may_have_them(
    signer: FileSigner, idp: forge.SigningParty
) -> None:
    role, name = AttributeName("role"), AttributeName("given_name")
    table = {"urn:x:role": (role, ""), "urn:oid:2.5.4.42": (name, "")}
    connector = with_provider(signer, idp, attributes=table, multiple=frozenset({role}))
    reply = Reply(attributes=(attribute("urn:x:role", "staff", "alum"), attribute("urn:oid:2.5.4.42", "Mari", "Jüri")))
    assert accepted(connector, forge.signed_reply(reply, idp)).offered.attributes == {role: ("staff", "alum")}


@pytest.mark.spec("security.md §2.0 rule 8")
def test_the_accepted_octets_are_parsed_once_whoever_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = Signed(octets=canonical(etree.fromstring(Reply().xml())), key_id="k")
    tree = signed.tree()
    monkeypatch.setattr(
        "connectors.signatures.verification_result.parse_canonical", lambda _octets: pytest.fail("parsed again")
    )
    assert signed.tree() is tree
    assert read_signed_response(signed).response_id == "_response0001"
    assert repr(signed) == "Signed(key_id='k')"


def test_no_value_of_a_citizen_is_in_the_repr_of_an_assertion(connector: SamlConnector, idp: forge.SigningParty) -> None:
    shown = repr(accepted(connector, forge.signed_reply(Reply(), idp)))
    assert "Õunapuu" not in shown
    assert "subject-0001" not in shown


@pytest.mark.spec("saml.md §2.7")
def test_either_key_of_a_rollover_verifies(
    signer: FileSigner, idp: forge.SigningParty, stranger: forge.SigningParty
) -> None:
    both = with_provider(signer, stranger, idp)
    for key in (idp, stranger):
        assert accepted(both, forge.signed_reply(Reply(), key)).subject == "subject-0001"


@pytest.mark.spec("security.md §2.1 A")
def test_a_key_descriptor_without_use_signs(signer: FileSigner, idp: forge.SigningParty) -> None:
    """Keycloak CVE-2026-16443: reading no `use` as none turned the verification off."""
    pinned = forge.metadata(idp, use="")
    both = SamlConnector(provider=forge.provider(pinned), entity_id=forge.SP, acs_url=forge.ACS, signer=signer)
    assert accepted(both, forge.signed_reply(Reply(), idp)).subject == "subject-0001"
    with pytest.raises(AssertionRejected, match="nobody signed"):
        accepted(both, Reply().xml())


@pytest.mark.spec("saml2int SDP-G01")
def test_clocks_may_differ_by_three_minutes(connector: SamlConnector, idp: forge.SigningParty) -> None:
    xml = forge.signed_reply(Reply(), idp)
    for now in (NOW - 180, NOW + 300 + 179):
        assert connector.receive(forge.post(xml), forge.expectation(), now).not_on_or_after == NOW + 300


def test_the_end_of_an_assertion_is_the_earliest_of_its_ends(connector: SamlConnector, idp: forge.SigningParty) -> None:
    for reply, end in (
        (Reply(confirmed_until=NOW + 90), NOW + 90),
        (Reply(conditions_until=NOW + 80), NOW + 80),
        # However late its own ends are, its IssueInstant refuses it after five minutes.
        (Reply(confirmed_until=NOW + 10**6, conditions_until=None), NOW + 300),
    ):
        assert accepted(connector, forge.signed_reply(reply, idp)).not_on_or_after == end


@pytest.mark.spec("saml.md §2.12")
def test_a_forced_or_young_authentication_is_taken(connector: SamlConnector, idp: forge.SigningParty) -> None:
    forced = forge.signed_reply(Reply(authenticated=clock(NOW - 30)), idp)
    assert connector.receive(forge.post(forced), forge.expectation(force=True), NOW).authenticated_at == NOW - 30
    old = forge.signed_reply(Reply(authenticated=clock(NOW - 3600)), idp)
    assert connector.receive(forge.post(old), forge.expectation(max_age=3600), NOW).authenticated_at == NOW - 3600


@pytest.mark.spec("saml.md §2.14")
def test_the_subject_may_be_identified_by_an_attribute(signer: FileSigner, idp: forge.SigningParty) -> None:
    by_attribute = with_provider(signer, idp, subject_attribute="urn:oid:1.3.6.1.4.1.25178.1.2.15")
    reply = Reply(
        name_id_attributes='Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"',
        attributes=(*forge.ATTRIBUTES, attribute("urn:oid:1.3.6.1.4.1.25178.1.2.15", "EE-48704120000")),
    )
    assert accepted(by_attribute, forge.signed_reply(reply, idp)).subject == "EE-48704120000"
    reply = replace(reply, name_id_attributes="")
    assert accepted(by_attribute, forge.signed_reply(reply, idp)).subject == "EE-48704120000"


@pytest.mark.parametrize(
    "qualified",
    [
        "",
        f'Format="{forge.PERSISTENT}"',
        f'Format="{forge.PERSISTENT}" NameQualifier="{forge.IDP}" SPNameQualifier="{forge.SP}"',
    ],
)
def test_a_targeted_id_is_the_text_of_its_name_id(signer: FileSigner, idp: forge.SigningParty, qualified: str) -> None:
    name = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"
    value = f'<saml:Attribute Name="{name}"><saml:AttributeValue><saml:NameID {qualified}>t-1</saml:NameID>'
    reply = Reply(attributes=(value + "</saml:AttributeValue></saml:Attribute>",))
    by_attribute = with_provider(signer, idp, subject_attribute=name)
    assert accepted(by_attribute, forge.signed_reply(reply, idp)).subject == "t-1"


def test_the_messages_of_these_tests_are_those_of_the_standard() -> None:
    """The schema judges in tests: what we take as good is good, and the schema can tell."""
    assert_valid(etree.fromstring(Reply().xml()), "saml-schema-protocol-2.0.xsd")
    with pytest.raises(etree.DocumentInvalid):
        assert_valid(etree.fromstring(Reply(extensions="<saml:Advice/>").xml()), "saml-schema-protocol-2.0.xsd")


@pytest.mark.parametrize("body", ["", "https://body.example"])
def test_a_logout_there_is_asked_for_in_the_name_in_which_the_sign_in_was(
    signer: FileSigner, idp: forge.SigningParty, body: str
) -> None:
    service = f'<md:SingleLogoutService Binding="{SLO}" Location="{{}}"/><md:SingleSignOnService'

    def going(location: str) -> tuple[Outbound, str] | None:
        pinned = forge.metadata(idp).replace(b"<md:SingleSignOnService", service.format(location).encode(), 1)
        connector = SamlConnector(provider=forge.provider(pinned), entity_id=forge.SP, acs_url=forge.ACS, signer=signer)
        return connector.log_out(SourceSession("somebody", "urn:x", "", "", "1", body), NOW)

    found = going("https://idp.example/slo")
    assert found is not None
    query = parse_qs(urlsplit(found[0].url).query)
    root = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15))
    assert (root.findtext("{*}Issuer"), root.get("ID")) == (body or forge.SP, found[1])
    assert going("javascript:alert(1)") is None, "no browser is sent there"
