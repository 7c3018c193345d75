"""Valid variants: whatever the standard allows and real identity providers send passes, and says the same."""

import base64
import time
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from xmlsec import constants

from connectors.connector import Inbound
from connectors.formats.saml import read_signed_response
from connectors.saml import SamlConnector
from connectors.signatures.parse import canonical
from connectors.signatures.signed import Signed
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName
from policies.authentication import Assertion
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import NOW, How, Reply, attribute, clock
from tests.connectors.schemas import assert_valid

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
    assert found.offered.attributes == {
        AttributeName("family_name"): "Õunapuu-李",
        AttributeName("given_name"): "Mari & Jüri",
        AttributeName("birthdate"): "1887-04-12",
        AttributeName("address"): Address(street="Pikk 1", locality="Tallinn", country="EE"),
    }


@pytest.mark.spec("security.md §2.0 rule 8")
def test_the_accepted_octets_are_parsed_once_whoever_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = Signed(octets=canonical(etree.fromstring(Reply().xml())), key_id="k")
    tree = signed.tree()
    monkeypatch.setattr("connectors.signatures.signed.parse_canonical", lambda _octets: pytest.fail("parsed again"))
    assert signed.tree() is tree
    assert read_signed_response(signed).response_id == "_response0001"
    assert repr(signed) == "Signed(key_id='k')"


def test_no_value_of_a_citizen_is_in_the_repr_of_an_assertion(connector: SamlConnector, idp: forge.SigningParty) -> None:
    shown = repr(accepted(connector, forge.signed_reply(Reply(), idp)))
    assert "Õunapuu" not in shown
    assert "subject-0001" not in shown


@pytest.mark.parametrize("which", EVERYWHERE)
@pytest.mark.parametrize(
    "how",
    [
        How(signature=constants.TransformRsaSha384, digest=constants.TransformSha384),
        How(signature=constants.TransformRsaSha512, digest=constants.TransformSha512),
        How(prefix="dsig"),
        How(prefixes="xs"),
        How(prefixes="xs saml #default nowhere"),
    ],
    ids=["sha384", "sha512", "other-prefix", "inclusive-xs", "inclusive-many"],
)
def test_every_way_to_sign_that_the_profile_has_is_taken(
    connector: SamlConnector, idp: forge.SigningParty, which: str, how: How
) -> None:
    assert accepted(connector, forge.signed_reply(Reply(), idp, which, how)).subject == "subject-0001"


@pytest.mark.parametrize(
    ("curve", "method"),
    [(ec.SECP256R1(), constants.TransformEcdsaSha256), (ec.SECP384R1(), constants.TransformEcdsaSha384)],
    ids=["P-256", "P-384"],
)
def test_ecdsa_is_taken(signer: FileSigner, curve: ec.EllipticCurve, method: object) -> None:
    key = forge.party(ec.generate_private_key(curve))
    xml = forge.signed_reply(Reply(), key, "both", How(signature=method))
    assert accepted(with_provider(signer, key), xml).subject == "subject-0001"


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


def test_a_chain_of_certificates_in_key_info_is_a_hint_and_no_more(
    connector: SamlConnector, idp: forge.SigningParty, stranger: forge.SigningParty
) -> None:
    how = How(key_info=(stranger.certificate, idp.certificate))
    assert accepted(connector, forge.signed_reply(Reply(), idp, "both", how)).subject == "subject-0001"


def wrapped(xml: bytes, width: int, line_end: str) -> Inbound:
    text = base64.b64encode(xml).decode()
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    return Inbound("post", {"SAMLResponse": line_end.join(lines) + line_end, "RelayState": "r"})


@pytest.mark.parametrize(("width", "line_end"), [(76, "\r\n"), (76, "\n"), (64, "\n")])
def test_base64_wrapped_as_mime_does_is_taken(
    connector: SamlConnector, idp: forge.SigningParty, width: int, line_end: str
) -> None:
    inbound = wrapped(forge.signed_reply(Reply(), idp), width, line_end)
    assert connector.receive(inbound, forge.expectation(), NOW).subject == "subject-0001"


@pytest.mark.parametrize(
    "declaration",
    [
        b'<?xml version="1.0"?>',
        b'<?xml version="1.0" encoding="UTF-8"?>\n',
        b"<?xml version='1.0' encoding='utf-8' standalone='no' ?>",
    ],
)
def test_an_xml_declaration_of_utf_8_is_taken(
    connector: SamlConnector, idp: forge.SigningParty, declaration: bytes
) -> None:
    xml = declaration + forge.signed_reply(Reply(), idp) + b"\n"
    assert accepted(connector, xml).subject == "subject-0001"


def test_indented_messages_are_taken(connector: SamlConnector, idp: forge.SigningParty) -> None:
    for which in EVERYWHERE:
        root = etree.fromstring(Reply().xml())
        etree.indent(root, "    ")
        ids = {"response": ["_response0001"], "assertion": ["_assertion0001"], "both": ["_assertion0001", "_response0001"]}
        xml = forge.signed(etree.tostring(root, encoding="utf-8"), ids[which], idp)
        assert accepted(connector, xml).subject == "subject-0001", which


def test_other_prefixes_and_namespaces_declared_elsewhere_are_taken(
    connector: SamlConnector, idp: forge.SigningParty
) -> None:
    text = Reply().xml().decode()
    text = text.replace(f' xmlns:saml="{forge.SAML}"', "").replace("saml:", "a:")
    for name in ("Issuer", "Assertion"):
        # The first opening tag of each that stands outside of an element that declares it
        text = text.replace(f"<a:{name}", f'<a:{name} xmlns:a="{forge.SAML}"', 1)
    text = text.replace("samlp:", "").replace("xmlns:samlp", "xmlns")
    assert accepted(connector, forge.signed(text.encode(), ["_response0001"], idp)).subject == "subject-0001"
    assert accepted(connector, forge.signed(text.encode(), ["_assertion0001"], idp)).subject == "subject-0001"


def test_the_order_and_the_quotes_of_attributes_do_not_matter(connector: SamlConnector, idp: forge.SigningParty) -> None:
    xml = forge.signed_reply(Reply(), idp)
    plain = b'ID="_response0001" Version="2.0"'
    assert plain in xml
    assert accepted(connector, xml.replace(plain, b"Version='2.0'  ID = '_response0001'")).subject == "subject-0001"


@pytest.mark.spec("saml.md §2.11")
@pytest.mark.parametrize(
    "audiences",
    [
        Reply().audiences.replace("<saml:Audience>", "<saml:Audience>https://other.example</saml:Audience><saml:Audience>"),
        Reply().audiences * 2,
        f"<saml:OneTimeUse/>{Reply().audiences}",
    ],
    ids=["several-audiences", "several-restrictions", "one-time-use"],
)
def test_conditions_that_name_us_hold(connector: SamlConnector, idp: forge.SigningParty, audiences: str) -> None:
    assert accepted(connector, forge.signed_reply(Reply(audiences=audiences), idp)).subject == "subject-0001"


@pytest.mark.parametrize(
    "written",
    ["2026-11-25T09:46:40Z", "2026-11-25T09:46:40.1234567Z", "2026-11-25T11:46:40+02:00", "2026-11-24T23:46:40.5-10:00"],
)
def test_times_with_fractions_and_zones_are_taken(connector: SamlConnector, idp: forge.SigningParty, written: str) -> None:
    assert clock(NOW) == "2026-11-25T09:46:40Z"
    reply = Reply(issued=written, assertion_issued=written, authenticated=written)
    assert accepted(connector, forge.signed_reply(reply, idp)).authenticated_at == NOW


@pytest.mark.parametrize(
    "changed",
    [
        {"session_until": None},
        {"conditions_from": None, "conditions_until": None},
        {"issuer_attributes": ' Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity"'},
        {"name_id_attributes": 'Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"'},
        {"name_id_attributes": f'NameQualifier="{forge.IDP}" SPNameQualifier="{forge.SP}"'},
        {"context_inside": "<saml:AuthenticatingAuthority>https://upstream.example</saml:AuthenticatingAuthority>"},
        {"more_confirmations": '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"/>'},
        {
            "recipient": "https://elsewhere.example",
            "more_confirmations": '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f'<saml:SubjectConfirmationData Recipient="{forge.ACS}" InResponseTo="{forge.REQUEST}" Address="192.0.2.1"'
            f' NotOnOrAfter="{clock(NOW + 60)}"/></saml:SubjectConfirmation>',
        },
    ],
    ids=["no-session-end", "no-times", "entity", "unspecified", "qualifiers", "authority", "vouches", "second-bearer"],
)
def test_what_the_standard_leaves_open_is_taken(
    connector: SamlConnector, idp: forge.SigningParty, changed: dict[str, str | None]
) -> None:
    reply = replace(Reply(), **changed)  # type: ignore[arg-type] # each row names fields of Reply
    assert accepted(connector, forge.signed_reply(reply, idp)).subject == "subject-0001"


def test_an_unsigned_response_around_a_signed_assertion_may_leave_out_issuer_and_destination(
    connector: SamlConnector, idp: forge.SigningParty
) -> None:
    reply = Reply(issuer=None, destination=None)
    assert accepted(connector, forge.signed_reply(reply, idp, "assertion")).subject == "subject-0001"


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


def test_a_whole_verification_takes_less_than_five_milliseconds(connector: SamlConnector, idp: forge.SigningParty) -> None:
    """It takes about 0.4 ms: ten times that means that something is loaded on a request that belongs to the start."""
    inbound = forge.post(forge.signed_reply(Reply(), idp))
    begin = time.thread_time()
    for _ in range(20):
        connector.receive(inbound, forge.expectation(), NOW)
    assert (time.thread_time() - begin) / 20 < 0.005


def test_the_messages_of_these_tests_are_those_of_the_standard() -> None:
    """The schema judges in tests: what we take as good is good, and the schema can tell."""
    assert_valid(etree.fromstring(Reply().xml()), "saml-schema-protocol-2.0.xsd")
    with pytest.raises(etree.DocumentInvalid):
        assert_valid(etree.fromstring(Reply(extensions="<saml:Advice/>").xml()), "saml-schema-protocol-2.0.xsd")
