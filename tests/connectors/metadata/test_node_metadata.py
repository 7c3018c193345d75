"""Our own eIDAS metadata, row by row, judged by the schemas and by another implementation."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any  # signxml has no types

import pytest
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from signxml.algorithms import SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from connectors.formats.eidas.metadata import read_peer
from connectors.formats.eidas.own_metadata import SIGNATURE_PLACE, ConnectorMetadata, ProxyMetadata, connector_element
from connectors.formats.eidas.registry import NATURAL
from connectors.profiles import EIDAS
from connectors.signatures.parse import Element
from connectors.signatures.xmlsign import sign_enveloped
from tests.connectors.metadata import node
from tests.connectors.schemas import assert_valid, schema

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
EIDAS_NS = "{http://eidas.europa.eu/saml-extensions}"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
Metadata = ProxyMetadata | ConnectorMetadata

both = pytest.mark.parametrize("make", [node.proxy, node.connector], ids=["proxy", "connector"])


def entity(root: Element, name: str) -> list[str | None]:
    """The values of an entity attribute, which is of the name format uri."""
    found = [attribute for attribute in root.iter(f"{SAML}Attribute") if attribute.get("Name") == name]
    assert all(attribute.get("NameFormat") == URI for attribute in found)
    return [value.text for attribute in found for value in attribute]


def locals_of(parent: Element) -> list[str]:
    return [etree.QName(child).localname for child in parent]


@both
@pytest.mark.spec("eidas.md §6 signed EntityDescriptor")
def test_ours_is_valid_by_the_schemas_signed_and_unsigned(make: Callable[[], Metadata]) -> None:
    assert_valid(node.element(make()), "saml-schema-metadata-2.0.xsd")
    root = etree.fromstring(node.octets(make()))
    assert_valid(root, "saml-schema-metadata-2.0.xsd")
    assert locals_of(root)[0] == "Signature"
    for tag in ("NodeCountry", "SPType"):
        for element in root.iter(EIDAS_NS + tag):
            assert_valid(element, "eidas-schema-saml-extensions.xsd")
    container = node.find(root, "EntityAttributes")
    schema("sstc-metadata-attr.xsd").assertValid(container)
    for tag in ("DigestMethod", "SigningMethod"):
        for element in root.iter("{urn:oasis:names:tc:SAML:metadata:algsupport}" + tag):
            assert_valid(element, "sstc-saml-metadata-algsupport-v1.0.xsd")


@both
def test_our_signature_holds_for_another_implementation(make: Callable[[], Metadata]) -> None:
    signer = node.rsa_signer()
    root = node.element(make())
    octets = sign_enveloped(root, signer, place=SIGNATURE_PLACE, profile=EIDAS)
    certificate = load_der_x509_certificate(signer.certificate)
    config = SignatureConfiguration(
        signature_methods=frozenset([SignatureMethod.SHA512_RSA_MGF1]),
        verification_time=datetime.fromtimestamp(node.NOW, UTC),
    )
    found: Any = XMLVerifier().verify(octets, x509_cert=certificate, expect_config=config, id_attribute="ID")
    assert found.signed_xml.get("entityID") == node.ENTITY


@both
def test_what_we_write_is_what_we_read(make: Callable[[], Metadata]) -> None:
    metadata = make()
    facts = read_peer(node.signed(metadata), node.role_of(metadata))
    assert (facts.role, facts.entity_id, facts.country) == (node.role_of(metadata), node.ENTITY, "EE")
    assert facts.signing == frozenset(metadata.signing)
    assert facts.encryption == frozenset(metadata.encryption)
    assert facts.versions == {"1.4", "1.3", "1.2"}
    assert facts.valid_until == metadata.valid_until
    assert (facts.wants_requester_id, facts.sp_type) == (False, "")
    if isinstance(metadata, ProxyMetadata):
        assert facts.endpoints == {(POST, metadata.post_url), (REDIRECT, metadata.redirect_url)}
        assert facts.attributes == frozenset(NATURAL)
        assert facts.assurance == frozenset(metadata.assurance)
    else:
        assert facts.endpoints == {(POST, metadata.acs_url)}
        assert len(facts.encryption_methods) == 3


@both
@pytest.mark.spec("eidas.md §6 validUntil")
def test_the_root_says_when_it_ends(make: Callable[[], Metadata]) -> None:
    assert node.element(make()).get("validUntil") == "2026-11-26T09:46:40Z"


@pytest.mark.spec("eidas.md §6 order of the extensions")
def test_the_extensions_stand_in_their_order() -> None:
    root = connector_element(node.connector(sp_type="public"))
    expected = ["EntityAttributes", "SPType", *["DigestMethod"] * 3, *["SigningMethod"] * 6]
    assert locals_of(root[0]) == expected
    assert locals_of(root) == ["Extensions", "SPSSODescriptor", "Organization", "ContactPerson", "ContactPerson"]


@both
@pytest.mark.spec("eidas.md §6 protocol-version")
def test_the_protocol_versions_are_one_attribute_with_three_values(make: Callable[[], Metadata]) -> None:
    root = node.element(make())
    assert entity(root, "http://eidas.europa.eu/entity-attributes/protocol-version") == ["1.4", "1.3", "1.2"]


@both
@pytest.mark.spec("eidas.md §6 application-identifier")
def test_the_application_names_itself(make: Callable[[], Metadata]) -> None:
    root = node.element(make())
    assert entity(root, "http://eidas.europa.eu/entity-attributes/application-identifier") == ["ciconia:0.1.0"]


@pytest.mark.spec("eidas.md §6 assurance-certification")
def test_a_proxy_says_which_levels_it_has_and_a_connector_does_not() -> None:
    name = "urn:oasis:names:tc:SAML:attribute:assurance-certification"
    levels = (f"{node.LOA}high", "http://eidas.europa.eu/NotNotified/LoA/low")
    assert entity(node.element(node.proxy(assurance=levels)), name) == list(levels)
    assert entity(node.element(node.connector()), name) == []


@pytest.mark.spec("eidas.md §6 termsofaccess requesterid")
def test_a_proxy_that_wants_the_requester_says_so() -> None:
    name, value = "http://macedir.org/entity-category", "http://eidas.europa.eu/entity-attributes/termsofaccess/requesterid"
    assert entity(node.element(node.proxy(wants_requester_id=True)), name) == [value]
    assert entity(node.element(node.proxy()), name) == []
    assert read_peer(node.signed(node.proxy(wants_requester_id=True)), "proxy").wants_requester_id


@both
@pytest.mark.spec("eidas.md §6 NodeCountry")
def test_the_country_stands_in_the_extensions_of_the_role(make: Callable[[], Metadata]) -> None:
    country = node.find(node.element(make()), "NodeCountry")
    assert country.text == "EE"
    extensions = country.getparent()
    assert extensions is not None
    role = extensions.getparent()
    assert role is not None
    assert etree.QName(role).localname in {"IDPSSODescriptor", "SPSSODescriptor"}


@pytest.mark.spec("eidas.md §6 IDPSSODescriptor")
def test_a_proxy_wants_signed_requests_at_both_bindings() -> None:
    role = node.find(node.element(node.proxy()), "IDPSSODescriptor")
    assert role.get("WantAuthnRequestsSigned") == "true"
    services = [(service.get("Binding"), service.get("Location")) for service in role.iter(f"{MD}SingleSignOnService")]
    assert services == [(POST, "https://node.example/sso"), (REDIRECT, "https://node.example/sso")]
    assert [key.get("use") for key in role.iter(f"{MD}KeyDescriptor")] == ["signing"]


@pytest.mark.spec("eidas.md §6 SPSSODescriptor")
def test_a_connector_takes_responses_by_post_alone() -> None:
    role = node.find(node.element(node.connector()), "SPSSODescriptor")
    assert (role.get("AuthnRequestsSigned"), role.get("WantAssertionsSigned")) == ("true", "false")
    (service,) = role.iter(f"{MD}AssertionConsumerService")
    assert dict(service.items()) == {
        "Binding": POST,
        "Location": "https://node.example/acs",
        "index": "0",
        "isDefault": "true",
    }
    assert [key.get("use") for key in role.iter(f"{MD}KeyDescriptor")] == ["signing", "encryption"]


@pytest.mark.spec("eidas.md §6 EncryptionMethod")
def test_the_encryption_key_lists_gcm_alone_the_strongest_first() -> None:
    root = node.element(node.connector())
    methods = [method.get("Algorithm") for method in root.iter(f"{MD}EncryptionMethod")]
    assert methods == [f"http://www.w3.org/2009/xmlenc11#aes{bits}-gcm" for bits in (256, 192, 128)]


@both
@pytest.mark.spec("eidas.md §6 several keys for signing in a rollover")
def test_in_a_rollover_both_keys_are_there(make: Callable[..., Metadata]) -> None:
    certificates = (node.key("messages").certificate, node.key("next").certificate)
    metadata = make(signing=certificates)
    assert_valid(node.element(metadata), "saml-schema-metadata-2.0.xsd")
    assert read_peer(node.signed(metadata), node.role_of(metadata)).signing == frozenset(certificates)


@both
@pytest.mark.spec("eidas.md §6 NameIDFormat")
def test_the_three_name_id_formats_are_there(make: Callable[[], Metadata]) -> None:
    formats = [element.text for element in node.element(make()).iter(f"{MD}NameIDFormat")]
    assert [str(name).rpartition(":")[2] for name in formats] == ["persistent", "transient", "unspecified"]


@pytest.mark.spec("eidas.md §6 supported attributes")
def test_a_proxy_lists_the_attributes_that_it_can_give() -> None:
    role = node.find(node.element(node.proxy()), "IDPSSODescriptor")
    listed = {attribute.get("Name"): attribute.get("FriendlyName") for attribute in role.iterchildren(f"{SAML}Attribute")}
    assert listed == {uri: attribute.friendly_name for uri, attribute in NATURAL.items()}
    with pytest.raises(KeyError):
        node.element(node.proxy(attributes=(f"{node.PERSON}Unheard",)))


@pytest.mark.spec("eidas.md §6 SPType")
def test_a_connector_has_a_type_where_it_is_fixed_and_none_else() -> None:
    assert node.find(node.element(node.connector(sp_type="private")), "SPType").text == "private"
    assert read_peer(node.signed(node.connector(sp_type="private")), "connector").sp_type == "private"
    assert list(node.element(node.connector()).iter(f"{EIDAS_NS}SPType")) == []


@both
@pytest.mark.spec("eidas.md §6 Organization and ContactPerson")
def test_who_runs_it_and_whom_to_write_to(make: Callable[[], Metadata]) -> None:
    root = node.element(make())
    organization = node.find(root, "Organization")
    assert [child.text for child in organization] == ["Ministry of Nodes", "Nodes", "https://nodes.example/"]
    assert {child.get("{http://www.w3.org/XML/1998/namespace}lang") for child in organization} == {"en"}
    contacts = {contact.get("contactType"): contact[-1].text for contact in root.iter(f"{MD}ContactPerson")}
    assert contacts == {"support": "mailto:help@nodes.example", "technical": "mailto:tech@nodes.example"}


@pytest.mark.spec("eidas.md §7 advertised algorithms")
def test_only_algorithms_of_the_profile_are_advertised() -> None:
    root = node.element(node.proxy())
    namespace = "{urn:oasis:names:tc:SAML:metadata:algsupport}"
    assert {found.get("Algorithm") for found in root.iter(f"{namespace}DigestMethod")} == EIDAS.digests
    assert {found.get("Algorithm") for found in root.iter(f"{namespace}SigningMethod")} == EIDAS.signature_algorithms
