"""A scoped value counts from a provider that has its scope, and metadata has what the registration wants of it."""

import re

import pytest

from connectors.metadata.pinned_service import pinned_service
from connectors.saml_sp.connector import SamlConnector
from connectors.saml_sp.own_metadata import service_provider_metadata
from idp.keys.file import FileSigner
from policies.attributes import AttributeName
from policies.errors import AssertionRejected, Misconfigured
from policies.federation.categories import RAF
from policies.parties import Source
from policies.registrations.saml_registration import SamlRegistration
from policies.registrations.saml_service import SamlService
from tests.connectors import forge
from tests.connectors.forge import ACS, NOW, SP, Reply

EPPN, HOME, PAIRWISE = (
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "urn:oid:1.3.6.1.4.1.25178.1.2.9",
    "urn:oasis:names:tc:SAML:attribute:pairwise-id",
)
NAME, WORK = AttributeName("family_name"), AttributeName("given_name")
SHIBMD = 'xmlns:shibmd="urn:mace:shibboleth:metadata:1.0"'
SIRTFI = "https://refeds.org/sirtfi"
CERTIFIED = (
    '<md:Extensions><mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute">'
    '<saml:Attribute xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
    ' Name="urn:oasis:names:tc:SAML:attribute:assurance-certification">'
    f"<saml:AttributeValue>{SIRTFI}</saml:AttributeValue></saml:Attribute></mdattr:EntityAttributes></md:Extensions>"
)


def connector(
    idp: forge.SigningParty, signer: FileSigner, *scopes: str, of_entity: str = "", **changes: object
) -> SamlConnector:
    held = "".join(scopes)
    pinned = re.sub(
        rb"(<md:IDPSSODescriptor[^>]*>)", rb"\1<md:Extensions>%s</md:Extensions>" % held.encode(), forge.metadata(idp)
    )
    pinned = pinned.replace(b"<!-- a comment between elements -->", of_entity.encode())
    provider = forge.provider(pinned, **({"attributes": {EPPN: (NAME, ""), HOME: (WORK, "")}} | changes))
    return SamlConnector(provider=provider, entity_id=SP, acs_url=ACS, signer=signer)


def scope(text: str, more: str = "") -> str:
    return f"<shibmd:Scope {SHIBMD}{more}>{text}</shibmd:Scope>"


@pytest.mark.spec("saml.md §2 14")
def test_values_of_another_scope_are_left_out(idp: forge.SigningParty, signer: FileSigner) -> None:
    def offered(by: SamlConnector, name: str, home: str = "uni.example") -> dict[AttributeName, object]:
        reply = Reply(attributes=(forge.attribute(EPPN, name), forge.attribute(HOME, home)))
        message = forge.post(forge.signed(reply.xml(), [reply.response_id], idp))
        return dict(by.receive(message, forge.expectation(), NOW).offered.attributes)

    uni = connector(idp, signer, scope(" Uni.Example\n", ' regexp="false"'), scope(".*", ' regexp="true"'))
    assert offered(uni, "mari@uni.example") == {NAME: "mari@uni.example", WORK: "uni.example"}
    assert offered(uni, "mari@UNI.example")[NAME] == "mari@UNI.example"
    for hostile in (
        "mari@city.example",
        "mari@x.uni.example",
        "mari",
        "mari@city.example@uni.example",
        "mari@uni.example@",
    ):
        assert NAME not in offered(uni, hostile)
    assert WORK not in offered(uni, "x", home="city.example")
    assert offered(connector(idp, signer), "mari@uni.example") == {}
    named = connector(idp, signer, saml=SamlRegistration(scopes=("uni.example",)))
    assert NAME in offered(named, "mari@uni.example")


@pytest.mark.spec("saml.md §2 14")
def test_a_person_is_not_known_by_an_identifier_of_another_scope(idp: forge.SigningParty, signer: FileSigner) -> None:
    by = connector(idp, signer, scope("uni.example"), subject_attribute=PAIRWISE)

    def subject(value: str) -> str:
        reply = Reply(attributes=(forge.attribute(PAIRWISE, value),))
        message = forge.post(forge.signed(reply.xml(), [reply.response_id], idp))
        return by.receive(message, forge.expectation(), NOW).subject

    assert subject("ABCD@uni.example") == "ABCD@uni.example"
    with pytest.raises(AssertionRejected) as refused:
        subject("ABCD@city.example")
    assert refused.value.check == "name_id"


def test_a_provider_starts_only_with_the_certifications_that_its_registration_wants(
    idp: forge.SigningParty, signer: FileSigner
) -> None:
    wanted = SamlRegistration(certified=(SIRTFI,))
    connector(idp, signer, of_entity=CERTIFIED, saml=wanted)
    with pytest.raises(Misconfigured, match="assurance-certification"):
        connector(idp, signer, of_entity=CERTIFIED.replace("sirtfi", "sirtfi2"), saml=wanted)


def test_refeds_assurance_is_read_from_the_answer_and_nothing_else_in_its_place(
    idp: forge.SigningParty, signer: FileSigner
) -> None:
    by = connector(idp, signer)
    values = (RAF, f"{RAF}/IAP/medium", "urn:mace:example:gold", f"{RAF}/IAP/invented")
    reply = Reply(attributes=(forge.attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", *values),))
    message = forge.post(forge.signed(reply.xml(), [reply.response_id], idp))
    offered = by.receive(message, forge.expectation(), NOW).offered
    assert offered.assurance == {RAF, f"{RAF}/IAP/medium"}
    assert not offered.attributes


def test_a_service_has_the_categories_that_its_metadata_has(signer: FileSigner) -> None:
    plain = service_provider_metadata(entity_id=SP, acs_url=ACS, signer=signer, now=NOW, valid_for=60)
    certified = re.sub(rb"(<md:SPSSODescriptor)", CERTIFIED.encode() + rb"\1", plain, count=1)
    assert pinned_service(SamlService(SP, certified), Source("parties/x.toml", 1), {SIRTFI}).facts.marks == {SIRTFI}
    with pytest.raises(Misconfigured, match="entity_categories"):
        pinned_service(SamlService(SP, plain), Source("parties/x.toml", 1), {SIRTFI})
