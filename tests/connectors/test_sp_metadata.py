"""Metadata of those who ask, and of those who take part in single logout: which keys vouch, and where answers may go."""

import base64

import pytest
from lxml import etree

from connectors.formats.metadata import MAX_INDEX, read_participant
from connectors.formats.service_provider import ServiceProviderFacts, read_service_provider
from connectors.profiles import AES256_GCM, RSA_OAEP, SAML2INT, SHA256
from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.wire.names import PERSISTENT, TRANSIENT
from idp.keys.file import FileSigner
from tests.connectors import forge
from tests.connectors.forge import SigningParty
from tests.connectors.schemas import assert_valid
from tests.connectors.sent import ACS, OTHER_ACS, PEER, key_descriptor, service, sp_metadata


@pytest.mark.spec("saml.md §6")
def test_metadata_gives_keys_addresses_by_index_and_what_may_be_asked(idp: SigningParty, stranger: SigningParty) -> None:
    before = f"<md:NameIDFormat>{PERSISTENT}</md:NameIDFormat><md:NameIDFormat>\n{TRANSIENT} </md:NameIDFormat>"
    after = '<md:AttributeConsumingService index="2"/><md:AttributeConsumingService index="5"/>'
    soap = service("https://peer.example/paos", 9, binding="PAOS")
    octets = sp_metadata(idp, stranger, idp, before=before, services=soap + service(OTHER_ACS, 0) + service(ACS, 3) + after)
    certificates, formats = (idp.certificate, stranger.certificate), frozenset({PERSISTENT, TRANSIENT})
    assert read_service_provider(octets) == ServiceProviderFacts(
        *(PEER, {0: OTHER_ACS, 3: ACS}, 0, {2: (), 5: ()}, formats, certificates),
        paos_urls={9: "https://peer.example/paos"},
    )


def test_our_own_metadata_is_read_too(signer: FileSigner) -> None:
    octets = service_provider_metadata(entity_id=PEER, acs_url=ACS, signer=signer, now=forge.NOW, valid_for=9)
    facts = read_service_provider(octets)
    assert (facts.acs_urls, facts.default_index, facts.certificates) == ({0: ACS}, 0, (signer.certificate,))


@pytest.mark.spec("SAML Metadata 2.0 §2.2.3")
@pytest.mark.parametrize(
    ("defaults", "chosen"),
    [(("", "", ""), 0), (("false", "", ""), 1), (("false", "", "true"), 2), (("false", "false", "false"), 0)],
)
def test_the_default_address_is_the_one_that_says_so_or_the_first_that_does_not_deny_it(
    idp: SigningParty, defaults: tuple[str, ...], chosen: int
) -> None:
    written = [f' isDefault="{value}"' if value else "" for value in defaults]
    services = "".join(service(f"https://peer.example/{n}", n, text) for n, text in enumerate(written))
    assert read_service_provider(sp_metadata(idp, services=services)).default_index == chosen


@pytest.mark.spec("Keycloak CVE-2026-16443")
def test_a_key_without_a_use_signs_and_one_for_encryption_does_not(idp: SigningParty, stranger: SigningParty) -> None:
    assert read_service_provider(sp_metadata(idp, use="")).certificates == (idp.certificate,)
    both = sp_metadata(idp, before=key_descriptor(stranger, ' use="encryption"'))
    assert read_service_provider(both).certificates == (idp.certificate,)
    for use in (' use="encryption"', ' use=""', ' use="Signing"'):
        with pytest.raises(ValueError, match="no certificate for signing"):
            read_service_provider(sp_metadata(idp, use=use))


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ("", "no AssertionConsumerService by POST"),
        (service("", 0), "one without a Location"),
        (service(ACS, 0) + service(OTHER_ACS, 0), "an index twice"),
        (service(ACS, ""), "is no number"),
        (service(ACS, MAX_INDEX + 1), "too large"),
    ],
)
def test_services_that_leave_open_where_an_answer_goes_are_named(idp: SigningParty, services: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_service_provider(sp_metadata(idp, services=services))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"SPSSODescriptor", b"IDPSSODescriptor", "exactly one SPSSODescriptor"),
        (PEER.encode(), b"", "no entityID"),
        (b"<ds:X509Certificate>\n", b"<ds:X509Certificate>!", "not base64"),
        (b"<md:SPSSODescriptor", b"<!DOCTYPE a><md:SPSSODescriptor", "doctype"),
    ],
)
def test_a_file_that_is_no_service_providers_is_named(idp: SigningParty, old: bytes, new: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_service_provider(sp_metadata(idp).replace(old, new))


def test_two_roles_of_one_kind_are_one_too_many(idp: SigningParty) -> None:
    octets = sp_metadata(idp)
    role = octets[octets.index(b"<md:SPSSODescriptor") : octets.index(b"</md:EntityDescriptor>")]
    with pytest.raises(ValueError, match="exactly one SPSSODescriptor"):
        read_service_provider(octets.replace(b"</md:EntityDescriptor>", role + b"</md:EntityDescriptor>"))


@pytest.mark.spec("saml.md §5")
def test_whoever_takes_part_in_logout_signs_by_the_keys_of_any_of_its_roles(
    idp: SigningParty, stranger: SigningParty
) -> None:
    asking, answering = sp_metadata(stranger), forge.metadata(idp, entity_id=PEER)
    assert read_participant(asking).certificates == (stranger.certificate,)
    assert read_participant(answering).certificates == (idp.certificate,)
    role = asking[asking.index(b"<md:SPSSODescriptor") : asking.index(b"</md:EntityDescriptor>")]
    found = read_participant(answering.replace(b"</md:EntityDescriptor>", role + b"</md:EntityDescriptor>"))
    assert (found.entity_id, found.certificates) == (PEER, (idp.certificate, stranger.certificate))
    with pytest.raises(ValueError, match="neither an IDPSSODescriptor nor an SPSSODescriptor"):
        read_participant(asking.replace(b"SPSSODescriptor", b"PDPDescriptor"))


@pytest.mark.spec("SAML Metadata 2.0 §2.4.1.1")
def test_where_we_have_a_key_to_encrypt_to_our_metadata_says_it_and_what_we_take(
    signer: FileSigner, stranger: SigningParty
) -> None:
    plain, octets = (
        service_provider_metadata(
            entity_id=PEER, acs_url=ACS, signer=signer, now=forge.NOW, valid_for=9, encryption=certificate
        )
        for certificate in (b"", stranger.certificate)
    )
    root = etree.fromstring(octets)
    assert_valid(root, "saml-schema-metadata-2.0.xsd")
    signing, encryption = root.iterfind(".//{*}KeyDescriptor")
    assert (signing.get("use"), encryption.get("use")) == ("signing", "encryption")
    assert [each.get("use") for each in etree.fromstring(plain).iterfind(".//{*}KeyDescriptor")] == ["signing"]
    held = encryption.findtext(".//{*}X509Certificate")
    assert held is not None
    assert base64.b64decode(held) == stranger.certificate
    methods = [each.get("Algorithm") for each in encryption.iterfind("{*}EncryptionMethod")]
    assert (methods[0], methods[3]) == (AES256_GCM, RSA_OAEP)
    assert set(methods) == SAML2INT.content_encryption | SAML2INT.key_transports
    assert len(methods) == len(set(methods))
    inner = [(etree.QName(each).localname, each.get("Algorithm")) for each in encryption.iterfind("{*}EncryptionMethod/*")]
    assert inner == [("DigestMethod", SHA256), ("DigestMethod", SHA256)]
    # Whoever reads it as we read others' takes the key that signs, and that one alone
    assert read_service_provider(octets).certificates == (signer.certificate,)
