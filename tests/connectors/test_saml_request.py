"""Our question is a signed AuthnRequest by Redirect or POST, which others can verify and the schema knows."""

import base64
import zlib
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from signxml.verifier import XMLVerifier
from xmlsec import constants

from connectors.connector import Ask, Expectation, Outbound, Post, Redirect
from connectors.saml_sp.connector import SamlConnector
from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.signatures.parse import Element
from connectors.wire.names import PERSISTENT, UNSPECIFIED
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.errors import AssertionRejected, AssuranceTooLow, Misconfigured
from tests.connectors import forge
from tests.connectors.forge import ACS, DS, NOW, SAML, SAMLP, SP, SSO, Reply
from tests.connectors.schemas import assert_valid

PROTOCOL = "saml-schema-protocol-2.0.xsd"
SUBSTANTIAL = LevelOfAssurance.SUBSTANTIAL
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
CARD = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
MOBILE = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract"


def ask(*, minimum: LevelOfAssurance = SUBSTANTIAL, force: bool = False, max_age: int | None = None) -> Ask:
    return Ask(relay_state="login id/+=", minimum_assurance=minimum, force_authentication=force, max_age=max_age)


def connector(idp: forge.SigningParty, signer: FileSigner, **changes: object) -> SamlConnector:
    return SamlConnector(provider=forge.provider(forge.metadata(idp), **changes), entity_id=SP, acs_url=ACS, signer=signer)


def of_redirect(outbound: Outbound) -> tuple[Element, dict[str, str]]:
    """The message of a redirect, and its parameters."""
    assert isinstance(outbound, Redirect)
    pairs = parse_qsl(urlsplit(outbound.url).query, strict_parsing=True)
    parameters = dict(pairs)
    assert len(parameters) == len(pairs)
    deflated = base64.b64decode(parameters["SAMLRequest"], validate=True)
    return etree.fromstring(zlib.decompress(deflated, wbits=-15)), parameters


def of_post(outbound: Outbound) -> Element:
    assert isinstance(outbound, Post)
    assert [name for name, _ in outbound.fields] == ["SAMLRequest", "RelayState"]
    return etree.fromstring(base64.b64decode(outbound.fields[0][1], validate=True))


def verified_by_xmlsec(root: Element, certificate: bytes) -> None:
    xmlsec.tree.add_ids(root, ["ID"])
    node = xmlsec.tree.find_node(root, constants.NodeSignature)
    assert node is not None
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate, constants.KeyDataFormatCertDer, None)
    context.verify(node)


@pytest.mark.spec("saml.md §4")
def test_a_redirect_is_signed_over_its_own_encoded_text(idp: forge.SigningParty, signer: FileSigner) -> None:
    outbound, _ = connector(idp, signer).request(ask(), NOW)
    root, parameters = of_redirect(outbound)
    assert list(parameters) == ["SAMLRequest", "RelayState", "SigAlg", "Signature"]
    assert parameters["RelayState"] == "login id/+="
    assert parameters["SigAlg"] == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    assert isinstance(outbound, Redirect)
    octets, _, _ = urlsplit(outbound.url).query.partition("&Signature=")
    key = load_der_x509_certificate(signer.certificate).public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(base64.b64decode(parameters["Signature"]), octets.encode(), PKCS1v15(), SHA256())
    assert root.find(f"{{{DS}}}Signature") is None
    assert_valid(root, PROTOCOL)


def test_a_post_is_verified_by_python_xmlsec_and_by_signxml(idp: forge.SigningParty, signer: FileSigner) -> None:
    outbound, _ = connector(idp, signer, binding="post").request(ask(), NOW)
    root = of_post(outbound)
    assert isinstance(outbound, Post)
    assert outbound.url == f"{SSO}/post" == root.get("Destination")
    assert_valid(root, PROTOCOL)
    seen = XMLVerifier().verify(etree.tostring(root), x509_cert=load_der_x509_certificate(signer.certificate))
    assert not isinstance(seen, list)
    assert seen.signed_xml is not None
    assert seen.signed_xml.get("ID") == root.get("ID")
    verified_by_xmlsec(root, signer.certificate)
    root.set("ForceAuthn", "true")
    with pytest.raises(xmlsec.Error):
        verified_by_xmlsec(root, signer.certificate)


@pytest.mark.spec("saml.md §8")
def test_a_request_says_what_saml2int_asks_for_and_no_more(idp: forge.SigningParty, signer: FileSigner) -> None:
    outbound, expected = connector(idp, signer).request(ask(), NOW)
    root, _ = of_redirect(outbound)
    assert dict(root.items()) == {
        "ID": expected.request_id,
        "Version": "2.0",
        "IssueInstant": "2026-11-25T09:46:40Z",
        "Destination": SSO,
        "AssertionConsumerServiceURL": ACS,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
    assert root.findtext(f"{{{SAML}}}Issuer") == SP
    policy = root.find(f"{{{SAMLP}}}NameIDPolicy")
    assert policy is not None
    assert dict(policy.items()) == {"AllowCreate": "true"}


def test_the_format_that_a_registration_names_is_asked_for_and_has_to_be_answered(
    idp: forge.SigningParty, signer: FileSigner
) -> None:
    made = connector(idp, signer, name_id_format=PERSISTENT)
    for outbound, expected in (made.request(ask(), NOW), made.request(ask(force=True), NOW)):
        policy = of_redirect(outbound)[0].find(f"{{{SAMLP}}}NameIDPolicy")
        assert policy is not None
        assert dict(policy.items()) == {"Format": PERSISTENT, "AllowCreate": "true"}
        assert expected.name_id_format == PERSISTENT
    asked = replace(forge.expectation(), name_id_format=PERSISTENT)
    answers = {
        name: forge.post(forge.signed_reply(Reply(name_id_attributes=f'Format="{name}"'), idp))
        for name in (PERSISTENT, UNSPECIFIED)
    }
    assert made.receive(answers[PERSISTENT], asked, NOW).subject
    with pytest.raises(AssertionRejected) as refusal:
        made.receive(answers[UNSPECIFIED], asked, NOW)
    assert refusal.value.check == "name_id_format"
    # Where none was asked for, or any, both are taken as before
    for expected in (forge.expectation(), replace(asked, name_id_format=UNSPECIFIED)):
        assert all(made.receive(each, expected, NOW).subject for each in answers.values())


def test_what_an_answer_must_match_is_remembered(idp: forge.SigningParty, signer: FileSigner) -> None:
    made = connector(idp, signer)
    _, expected = made.request(ask(force=True, max_age=60), NOW)
    assert expected == Expectation(
        provider_id=forge.expectation().provider_id,
        request_id=expected.request_id,
        issued_at=NOW,
        minimum_assurance=SUBSTANTIAL,
        force_authentication=True,
        max_age=60,
    )
    identifiers = {made.request(ask(), NOW)[1].request_id for _ in range(50)}
    assert len(identifiers) == 50
    # 160 random bits, as an xs:ID
    assert all(identifier[0] == "_" and len(bytes.fromhex(identifier[1:])) == 20 for identifier in identifiers)


@pytest.mark.parametrize(("force", "max_age", "sent"), [(False, None, None), (True, None, "true"), (False, 600, "true")])
def test_a_young_authentication_is_asked_by_force_since_saml_knows_no_age(
    idp: forge.SigningParty, signer: FileSigner, *, force: bool, max_age: int | None, sent: str | None
) -> None:
    outbound, expected = connector(idp, signer).request(ask(force=force, max_age=max_age), NOW)
    assert of_redirect(outbound)[0].get("ForceAuthn") == sent
    assert (expected.force_authentication, expected.max_age) == (force, max_age)


def contexts(outbound: Outbound) -> tuple[str | None, list[str | None]]:
    found = of_redirect(outbound)[0].find(f"{{{SAMLP}}}RequestedAuthnContext")
    assert found is not None
    return found.get("Comparison"), [child.text for child in found]


@pytest.mark.spec("eIDAS Message Format 1.2 §3.2.2")
def test_eidas_levels_are_asked_as_a_minimum(idp: forge.SigningParty, signer: FileSigner) -> None:
    for level in LevelOfAssurance:
        outbound, _ = connector(idp, signer).request(ask(minimum=level), NOW)
        assert contexts(outbound) == ("minimum", [level.uri])


@pytest.mark.spec("saml2int SDP-SP07")
def test_other_classes_are_asked_by_name_each_that_suffices(idp: forge.SigningParty, signer: FileSigner) -> None:
    table = {CARD: LevelOfAssurance.HIGH, PASSWORD: LevelOfAssurance.LOW, MOBILE: SUBSTANTIAL}
    made = connector(idp, signer, assurance=table)
    assert contexts(made.request(ask(), NOW)[0]) == ("exact", [MOBILE, CARD])
    assert contexts(made.request(ask(minimum=LevelOfAssurance.LOW), NOW)[0]) == ("exact", [PASSWORD, MOBILE, CARD])


def test_nobody_is_sent_to_a_provider_that_cannot_reach_the_level(idp: forge.SigningParty, signer: FileSigner) -> None:
    made = connector(idp, signer, assurance={PASSWORD: LevelOfAssurance.LOW})
    with pytest.raises(AssuranceTooLow) as refusal:
        made.request(ask(), NOW)
    assert refusal.value.check == "assurance_unreachable"


@pytest.mark.spec("house-style.md 10")
@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"assurance": {}}, "assurance"),
        ({"assurance": {"urn:a\x00": SUBSTANTIAL}}, "assurance"),
        ({"binding": "artifact"}, "binding"),
        ({"metadata": b""}, "metadata"),
        ({"entity_id": "https://other.example"}, "metadata"),
        ({"attributes": {"urn:oid:2.5.4.6": ("address", "planet")}}, "urn:oid:2.5.4.6"),
    ],
)
def test_a_registration_that_cannot_work_is_named_at_start(
    idp: forge.SigningParty, signer: FileSigner, changes: dict[str, object], key: str
) -> None:
    with pytest.raises(Misconfigured) as problems:
        connector(idp, signer, **changes)
    assert [problem.key for problem in problems.value.problems] == [key]
    assert "providers/ee.toml:1" in str(problems.value)


@pytest.mark.spec("saml.md §6")
def test_our_metadata_is_signed_valid_and_says_what_we_do(signer: FileSigner) -> None:
    octets = service_provider_metadata(entity_id=SP, acs_url=ACS, signer=signer, now=NOW, valid_for=86_400)
    root = etree.fromstring(octets)
    assert_valid(root, "saml-schema-metadata-2.0.xsd")
    verified_by_xmlsec(root, signer.certificate)
    assert root.get("entityID") == SP
    assert root.get("validUntil") == "2026-11-26T09:46:40Z"
    role = root.find("{*}SPSSODescriptor")
    assert role is not None
    assert (role.get("AuthnRequestsSigned"), role.get("WantAssertionsSigned")) == ("true", "true")
    service = role.find("{*}AssertionConsumerService")
    assert service is not None
    assert dict(service.items()) == {
        "Binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        "Location": ACS,
        "index": "0",
        "isDefault": "true",
    }
    certificate = role.findtext("{*}KeyDescriptor/{*}KeyInfo/{*}X509Data/{*}X509Certificate")
    assert base64.b64decode(certificate or "") == signer.certificate


@pytest.mark.parametrize(
    "location", ["http://idp.example/sso", "javascript:alert(1)", "//idp.example", "https://u@idp.example/"]
)
@pytest.mark.parametrize("binding", ["redirect"])
def test_no_citizen_is_sent_to_an_address_in_the_open_or_to_none(
    idp: forge.SigningParty, signer: FileSigner, location: str, binding: str
) -> None:
    pinned = forge.metadata(idp).replace(b'"%s/post"' % SSO.encode(), b'"%s"' % location.encode())
    pinned = pinned.replace(b'"%s"' % SSO.encode(), b'"%s"' % location.encode())
    with pytest.raises(Misconfigured) as refused:
        SamlConnector(provider=forge.provider(pinned, binding=binding), entity_id=SP, acs_url=ACS, signer=signer)
    assert [problem.key for problem in refused.value.problems] == ["SingleSignOnService"]
