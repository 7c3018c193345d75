"""A service provider's request: who sent it, whether it is for us and now, and that its answer goes where metadata says."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import pytest
from lxml import etree

from connectors.authn_request_checks import judge_authn_request, receive_authn_request
from connectors.connector import Ask, Inbound, Post, Redirect
from connectors.formats.authn_request import AuthnRequestMessage
from connectors.formats.service_provider import ServiceProviderFacts, read_service_provider
from connectors.profiles import SAML2INT
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.wire.names import ARTIFACT, EMAIL, PERSISTENT, POST, TRANSIENT, UNSPECIFIED
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import NOW, SigningParty
from tests.connectors.schemas import assert_valid
from tests.connectors.sent import (
    ACS,
    AUTHN_REQUEST,
    HERE,
    OTHER_ACS,
    PEER,
    SERVICES,
    both,
    posted,
    service,
    sp_metadata,
)

PARTY = ServiceProviderFacts(PEER, {0: OTHER_ACS, 3: ACS}, 3, {1: ()})
FETCHING = "https://peer.example/artifact"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


def received(inbound: Inbound, by: SigningParty, asking: ServiceProviderFacts = PARTY) -> AuthnRequestMessage:
    keys = [key_of_certificate(by.certificate, SAML2INT)]
    return receive_authn_request(inbound, keys, asking, HERE, NOW, SAML2INT)[0]


def check_of(call: Callable[[], object]) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        call()
    return refusal.value.check


def written(**changes: object) -> str:
    return replace(AUTHN_REQUEST, **changes).xml()  # type: ignore[arg-type] # a test names fields of Message


def at(url: str) -> str:
    return f' AssertionConsumerServiceURL="{url}"'


def indexed(index: str) -> str:
    return f' AssertionConsumerServiceIndex="{index}"'


def classes(*names: str, comparison: str = "") -> str:
    held = "".join(f"<saml:AuthnContextClassRef>{name}</saml:AuthnContextClassRef>" for name in names)
    return f"<samlp:RequestedAuthnContext{comparison}>{held}</samlp:RequestedAuthnContext>"


@pytest.mark.spec("saml.md §3")
def test_a_request_says_what_it_says_by_either_binding(idp: SigningParty) -> None:
    more = f'{at(ACS)} ProtocolBinding="{POST}" ForceAuthn="true" IsPassive="0" AttributeConsumingServiceIndex="1"'
    inside = f'<samlp:NameIDPolicy Format="{PERSISTENT}" SPNameQualifier="{PEER}" AllowCreate="true"/>' + classes(PASSWORD)
    xml = written(more=f'{more} ProviderName="Parking"', inside=inside)
    assert_valid(etree.fromstring(xml), "saml-schema-protocol-2.0.xsd")
    for inbound in both(xml, idp, "SAMLRequest"):
        assert received(inbound, idp) == AuthnRequestMessage(
            request_id="_message0001",
            issue_instant=NOW,
            issuer=PEER,
            destination=HERE,
            acs_url=ACS,
            acs_index=None,
            attribute_index=1,
            protocol_binding=POST,
            force_authentication=True,
            is_passive=False,
            provider_name="Parking",
            consent="",
            name_id_format=PERSISTENT,
            sp_name_qualifier=PEER,
            allow_create=True,
            comparison="exact",
            contexts=(PASSWORD,),
        )


@pytest.mark.spec("saml.md §3")
@pytest.mark.parametrize(
    ("more", "goes_to"),
    [
        ("", ACS),
        (f'{at(ACS)} ProtocolBinding="{POST}"', ACS),
        (indexed("0"), OTHER_ACS),
        (indexed("3"), ACS),
        (at(FETCHING), FETCHING),
        (f' ProtocolBinding="{ARTIFACT}"', FETCHING),
        (indexed("7"), FETCHING),
    ],
)
def test_the_answer_goes_where_the_metadata_says_and_by_its_binding(idp: SigningParty, more: str, goes_to: str) -> None:
    party = read_service_provider(sp_metadata(idp, services=SERVICES + service(FETCHING, 7, binding="HTTP-Artifact")))
    found = received(posted(written(more=more), idp, "SAMLRequest"), idp, party)
    assert (found.acs_url, found.protocol_binding) == (goes_to, ARTIFACT if goes_to == FETCHING else POST)


@pytest.mark.spec("saml.md §3")
def test_a_request_without_address_and_binding_is_answered_at_the_default_of_all_addresses(idp: SigningParty) -> None:
    services = service(ACS, 0) + service(FETCHING, 7, ' isDefault="true"', "HTTP-Artifact")
    party = read_service_provider(sp_metadata(idp, services=services))
    for more, told in (("", (FETCHING, ARTIFACT)), (f' ProtocolBinding="{POST}"', (ACS, POST)), (at(ACS), (ACS, POST))):
        found = received(posted(written(more=more), idp, "SAMLRequest"), idp, party)
        assert (found.acs_url, found.protocol_binding) == told


def test_the_names_that_may_be_asked_are_those_of_the_metadata_where_it_says_some(idp: SigningParty) -> None:
    listed = replace(PARTY, name_id_formats=frozenset({TRANSIENT}))

    def asked(name_format: str, party: ServiceProviderFacts) -> Callable[[], AuthnRequestMessage]:
        inside = f'<samlp:NameIDPolicy Format="{name_format}"/>'
        return partial(received, posted(written(inside=inside), idp, "SAMLRequest"), idp, party)

    for name_format in (PERSISTENT, TRANSIENT, UNSPECIFIED):
        assert asked(name_format, PARTY)().name_id_format == name_format
    for name_format in (TRANSIENT, UNSPECIFIED):
        assert asked(name_format, listed)().name_id_format == name_format
    assert check_of(asked(PERSISTENT, listed)) == "name_id_policy"


def test_a_name_that_a_service_cannot_have_is_refused_where_its_formats_are_known(idp: SigningParty) -> None:
    inside = f'<samlp:NameIDPolicy Format="{EMAIL}"/>'
    asking = received(posted(written(inside=inside), idp, "SAMLRequest"), idp)
    judged = partial(judge_authn_request, asking, PARTY, HERE, NOW, SAML2INT)
    assert judged(formats={EMAIL}).name_id_format == EMAIL
    assert check_of(partial(judged, formats={"", UNSPECIFIED, TRANSIENT})) == "name_id_policy"


@pytest.mark.spec("house-style.md 10")
def test_an_empty_expectation_matches_nothing(idp: SigningParty) -> None:
    found = received(posted(written(), idp, "SAMLRequest"), idp)
    nobody, nowhere = replace(found, issuer=""), replace(found, destination="")
    unnamed = replace(PARTY, entity_id="")
    assert check_of(lambda: judge_authn_request(nobody, unnamed, HERE, NOW, SAML2INT)) == "issuer"
    assert check_of(lambda: judge_authn_request(nowhere, PARTY, "", NOW, SAML2INT)) == "destination"


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize("minimum", [LevelOfAssurance.LOW, LevelOfAssurance.HIGH])
def test_what_we_ask_ourselves_is_taken(
    idp: SigningParty, signer: FileSigner, binding: str, minimum: LevelOfAssurance
) -> None:
    provider = forge.provider(forge.metadata(idp), binding=binding)
    made = SamlConnector(provider=provider, entity_id=forge.SP, acs_url=forge.ACS, signer=signer)
    outbound, expected = made.request(Ask("r", minimum, force_authentication=True), NOW)
    match outbound:
        case Redirect():
            here, inbound = forge.SSO, Inbound("redirect", {}, urlsplit(outbound.url).query)
        case Post():
            here, inbound = outbound.url, Inbound("post", dict(outbound.fields))
    party = ServiceProviderFacts(forge.SP, {0: forge.ACS}, 0)
    keys = [key_of_certificate(signer.certificate, SAML2INT)]
    found, relay_state = receive_authn_request(inbound, keys, party, here, NOW, SAML2INT)
    assert (found.request_id, found.acs_url, relay_state) == (expected.request_id, forge.ACS, "r")
    assert (found.comparison, found.contexts) == ("minimum", (minimum.uri,))
