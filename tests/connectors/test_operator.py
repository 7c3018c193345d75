"""Our metadata says who runs us, by the schemas, and claims what the operator claims."""

from dataclasses import replace

import pytest
from lxml import etree

from connectors.formats.metadata import read_identity_provider
from connectors.formats.operator import REMD, Operator
from connectors.formats.service_provider import read_service_provider
from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.signatures.parse import Element
from connectors.wire.names import MDUI
from idp.keys.file import FileSigner
from idp.protocols.saml.identity_provider import idp_metadata
from tests.connectors import forge
from tests.connectors.schemas import assert_valid

ISSUER, SIRTFI = "https://login.city.example", "https://refeds.org/sirtfi"
BARE = Operator("City", "", "https://city.example", "help@city.example", "tech@city.example")
WHOLE = replace(BARE, display_name="The City", security="cert@city.example", privacy_url="https://p", certified=(SIRTFI,))
NAMES = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "mdui": MDUI}


def said(octets: bytes) -> Element:
    root = etree.fromstring(octets)
    assert_valid(root, "saml-schema-metadata-2.0.xsd")
    return root


@pytest.mark.spec("SAML Metadata 2.0 §2.3.2")
@pytest.mark.parametrize("operator", [BARE, WHOLE])
@pytest.mark.parametrize("as_service", [False, True])
def test_both_entities_say_who_runs_us_and_no_more_than_the_operator_wrote(
    signer: FileSigner, operator: Operator, *, as_service: bool
) -> None:
    if as_service:
        octets = service_provider_metadata(
            entity_id=ISSUER, acs_url=f"{ISSUER}/acs", signer=signer, now=forge.NOW, valid_for=9, operator=operator
        )
    else:
        octets = idp_metadata(ISSUER, signer, forge.NOW, 9, operator=operator)
    root = said(octets)
    assert root.findtext(".//mdui:DisplayName", "", NAMES) == operator.shown
    assert root.findtext("md:Organization/md:OrganizationName", "", NAMES) == "City"
    contacts = {str(one.get("contactType")): one for one in root.iterfind("md:ContactPerson", NAMES)}
    is_whole = operator is WHOLE
    assert list(contacts) == ["support", "technical", *(["other"] if is_whole else [])]
    assert not is_whole or contacts["other"].get(f"{{{REMD}}}contactType") == f"{REMD}/contactType/security"
    assert root.findtext(".//mdui:PrivacyStatementURL", "", NAMES) == operator.privacy_url
    if as_service:
        assert read_service_provider(octets).marks == frozenset(operator.certified)
    else:
        found = read_identity_provider(octets, f"{ISSUER}/saml/idp")
        assert found.scopes == frozenset(("login.city.example",))
        assert bool(found.entity_attributes) is is_whole


@pytest.mark.spec("saml.md §6")
def test_an_error_url_has_the_placeholders_of_refeds_with_and_without_an_operator(signer: FileSigner) -> None:
    for operator in (None, BARE):
        role = said(idp_metadata(ISSUER, signer, forge.NOW, 9, operator=operator)).find("md:IDPSSODescriptor", NAMES)
        assert role is not None
        placeholders = "code=ERRORURL_CODE&ts=ERRORURL_TS&rp=ERRORURL_RP&tid=ERRORURL_TID&ctx=ERRORURL_CTX"
        assert role.get("errorURL") == f"{ISSUER}/saml/error?{placeholders}"


@pytest.mark.spec("SAML Metadata 2.0 §2.4.4.1")
def test_what_we_ask_identity_providers_for_is_listed_and_required_of_nobody(signer: FileSigner) -> None:
    wanted = ("urn:oid:2.5.4.4", "urn:oid:2.5.4.42")
    octets = service_provider_metadata(
        entity_id=ISSUER, acs_url=f"{ISSUER}/acs", signer=signer, now=forge.NOW, valid_for=9, operator=WHOLE, wanted=wanted
    )
    said(octets)
    (listed,) = read_service_provider(octets).wanted.values()
    assert [(one.name, one.required) for one in listed] == [(name, False) for name in wanted]
