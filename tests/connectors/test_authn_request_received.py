"""A service provider's request: who sent it, whether it is for us and now, and that its answer goes where metadata says."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import pytest
from lxml import etree

from connectors.authn_request_checks import AskingParty, asking_party, judge_authn_request, receive_authn_request
from connectors.checks import AUTHN_REQUEST_CHECKS, SAML_CHECKS
from connectors.connector import Ask, Inbound, Post, Redirect
from connectors.formats.authn_request import AuthnRequestMessage
from connectors.formats.metadata import read_service_provider
from connectors.formats.names import PERSISTENT, POST, REDIRECT, TRANSIENT, UNSPECIFIED
from connectors.profiles import SAML2INT
from connectors.request_checks import MAX_CONTEXTS
from connectors.saml import SamlConnector
from connectors.signatures.keys import key_of_certificate
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import NOW, SigningParty, clock
from tests.connectors.schemas import assert_valid
from tests.connectors.sent import (
    ACS,
    AUTHN_REQUEST,
    HERE,
    OTHER_ACS,
    PEER,
    both,
    posted,
    redirected,
    sp_metadata,
)

PARTY = AskingParty(PEER, {0: OTHER_ACS, 3: ACS}, 3, frozenset({1}))
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
SKEW, AGE = SAML2INT.skew, SAML2INT.max_age


def received(inbound: Inbound, by: SigningParty, asking: AskingParty = PARTY) -> AuthnRequestMessage:
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
        (at(ACS), ACS),
        (at(OTHER_ACS), OTHER_ACS),
        (f'{at(ACS)} ProtocolBinding="{POST}"', ACS),
        (f' ProtocolBinding="{POST}"', ACS),
        (indexed("0"), OTHER_ACS),
        (indexed("3"), ACS),
    ],
)
def test_the_answer_goes_where_the_metadata_says(idp: SigningParty, more: str, goes_to: str) -> None:
    party = asking_party(read_service_provider(sp_metadata(idp)))
    assert received(posted(written(more=more), idp, "SAMLRequest"), idp, party).acs_url == goes_to


# (check, what of a good request is otherwise)
CASES: Sequence[tuple[str, dict[str, object]]] = (
    ("issuer", {"issuer": "<saml:Issuer>https://peer.example/metadata#</saml:Issuer>"}),
    ("issuer", {"issuer": "<saml:Issuer/>"}),
    ("missing_element", {"issuer": ""}),
    ("destination", {"destination": None}),
    ("destination", {"destination": HERE + "?"}),
    ("destination", {"destination": HERE.replace("https", "HTTPS")}),
    ("request_issued", {"issued": clock(NOW + SKEW + 1)}),
    ("request_issued", {"issued": clock(NOW - SKEW - AGE - 1)}),
    ("version", {"version": "2"}),
    # Where the answer goes: samlify #634, and every way to say an address nearly right
    ("acs_url", {"more": at("https://evil.example/acs")}),
    ("acs_url", {"more": at(ACS + "/")}),
    ("acs_url", {"more": at(ACS + "?next=1")}),
    ("acs_url", {"more": at(ACS + "#")}),
    ("acs_url", {"more": at(ACS.replace("peer", "PEER"))}),
    ("acs_url", {"more": at(ACS.replace("/acs", "/%61cs"))}),
    ("acs_url", {"more": at(ACS.replace("/acs", "/x/../acs"))}),
    ("acs_url", {"more": at(ACS.replace("https", "http"))}),
    ("acs_url", {"more": at(ACS.replace("peer.example", "peer.example:443"))}),
    ("acs_url", {"more": at("https://peer.example@evil.example/acs")}),
    ("acs_url", {"more": at("javascript:alert(1)")}),
    ("acs_url", {"more": at(" " + ACS)}),
    ("acs_index", {"more": indexed("1")}),
    ("acs_index", {"more": indexed("03")}),
    ("acs_index", {"more": indexed("+3")}),
    ("acs_index", {"more": indexed("-0")}),
    ("acs_index", {"more": indexed("65536")}),
    ("acs_index", {"more": indexed("99999")}),
    ("acs_index", {"more": indexed("")}),
    ("acs_index", {"more": indexed("\u0663")}),
    ("acs_index", {"more": indexed("3") + at(ACS)}),
    ("acs_index", {"more": indexed("3") + at("https://evil.example/acs")}),
    ("acs_index", {"more": indexed("3") + f' ProtocolBinding="{POST}"'}),
    ("protocol_binding", {"more": f' ProtocolBinding="{REDIRECT}"'}),
    ("protocol_binding", {"more": at(ACS) + ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"'}),
    ("attribute_index", {"more": ' AttributeConsumingServiceIndex="2"'}),
    ("attribute_index", {"more": ' AttributeConsumingServiceIndex="01"'}),
    # Whom to sign in, for whom, and until when to believe it
    ("subject", {"inside": "<saml:Subject><saml:NameID>x</saml:NameID></saml:Subject>"}),
    ("conditions", {"inside": "<samlp:NameIDPolicy/><saml:Conditions/>"}),
    ("scoping", {"inside": "<samlp:Scoping ProxyCount='0'/>"}),
    ("scoping", {"inside": classes(PASSWORD) + "<samlp:Scoping><samlp:IDPList/></samlp:Scoping>"}),
    ("extensions", {"inside": "<samlp:Extensions><x xmlns='urn:x'/></samlp:Extensions>"}),
    ("unknown_element", {"inside": classes(PASSWORD) + "<samlp:NameIDPolicy/>"}),
    ("unknown_element", {"inside": "<samlp:NameIDPolicy/><samlp:NameIDPolicy/>"}),
    ("unknown_element", {"inside": "<saml:Assertion/>"}),
    ("unknown_attribute", {"more": ' InResponseTo="_x"'}),
    ("unknown_attribute", {"inside": "<samlp:NameIDPolicy NameQualifier='x'/>"}),
    ("boolean", {"more": ' ForceAuthn="yes"'}),
    ("boolean", {"more": ' IsPassive="TRUE"'}),
    ("boolean", {"inside": "<samlp:NameIDPolicy AllowCreate=''/>"}),
    ("name_id_policy", {"inside": "<samlp:NameIDPolicy Format='urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'/>"}),
    ("name_id_policy", {"inside": "<samlp:NameIDPolicy Format='urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted'/>"}),
    ("name_id_policy", {"inside": "<samlp:NameIDPolicy SPNameQualifier='https://other.example/metadata'/>"}),
    ("authn_context_comparison", {"inside": classes(PASSWORD, comparison=' Comparison="better"')}),
    ("authn_context_comparison", {"inside": classes(PASSWORD, comparison=' Comparison="maximum"')}),
    ("authn_context_refs", {"inside": classes()}),
    ("authn_context_refs", {"inside": classes("")}),
    ("authn_context_refs", {"inside": classes(PASSWORD, PASSWORD)}),
    ("authn_context_refs", {"inside": classes(*(f"urn:{n}" for n in range(MAX_CONTEXTS + 1)))}),
    (
        "authn_context_declaration",
        {"inside": classes().replace("></", "><saml:AuthnContextDeclRef>x</saml:AuthnContextDeclRef></", 1)},
    ),
    ("consent", {"more": ' Consent="urn:x"'}),
    ("provider_name", {"more": f' ProviderName="{"x" * 257}"'}),
    ("provider_name", {"more": ' ProviderName="a&#xA;b"'}),
    ("root", {"root": "LogoutRequest"}),
    ("root", {"root": "Response"}),
)


@pytest.mark.spec("security.md §2.1 C")
@pytest.mark.parametrize(("check", "changes"), CASES)
def test_a_request_with_one_fault_is_refused_by_that_check(
    idp: SigningParty, check: str, changes: dict[str, object]
) -> None:
    assert check in AUTHN_REQUEST_CHECKS or check in SAML_CHECKS
    xml = written(**changes)
    if changes.get("issuer") != "":  # a Signature follows Issuer
        assert check_of(partial(received, posted(xml, idp, "SAMLRequest"), idp)) == check
    assert check_of(partial(received, redirected(xml, idp, "SAMLRequest"), idp)) == check


def test_every_check_of_requests_is_broken_by_a_case() -> None:
    assert {check for check, _ in CASES} >= set(AUTHN_REQUEST_CHECKS)


@pytest.mark.spec("saml.md §3")
def test_a_request_is_signed_by_its_own_service_provider(idp: SigningParty, stranger: SigningParty) -> None:
    assert check_of(partial(received, posted(written(), None, "SAMLRequest"), idp)) == "signature_missing"
    for inbound in both(written(), stranger, "SAMLRequest"):
        assert check_of(partial(received, inbound, idp)) == "signature"
    # A signed assertion inside of a request that nobody signed is no signature of the request
    signed = forge.signed_reply(forge.Reply(), idp, "assertion").decode()
    held = signed[signed.index("<saml:Assertion") : signed.index("</samlp:Response>")]
    around = written(inside=f'<samlp:Extensions xmlns:xsi="urn:x" xmlns:xs="urn:y">{held}</samlp:Extensions>')
    assert check_of(partial(received, posted(around, None, "SAMLRequest"), idp)) == "signature_place"


def test_the_names_that_may_be_asked_are_those_of_the_metadata_where_it_says_some(idp: SigningParty) -> None:
    listed = replace(PARTY, name_id_formats=frozenset({TRANSIENT}))

    def asked(name_format: str, party: AskingParty) -> Callable[[], AuthnRequestMessage]:
        inside = f'<samlp:NameIDPolicy Format="{name_format}"/>'
        return partial(received, posted(written(inside=inside), idp, "SAMLRequest"), idp, party)

    for name_format in (PERSISTENT, TRANSIENT, UNSPECIFIED):
        assert asked(name_format, PARTY)().name_id_format == name_format
    for name_format in (TRANSIENT, UNSPECIFIED):
        assert asked(name_format, listed)().name_id_format == name_format
    assert check_of(asked(PERSISTENT, listed)) == "name_id_policy"


def test_the_last_moments_in_which_a_request_holds(idp: SigningParty) -> None:
    for issued in (NOW - SKEW - AGE, NOW + SKEW):
        received(redirected(written(issued=clock(issued)), idp, "SAMLRequest"), idp)


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
    party = AskingParty(forge.SP, {0: forge.ACS}, 0)
    keys = [key_of_certificate(signer.certificate, SAML2INT)]
    found, relay_state = receive_authn_request(inbound, keys, party, here, NOW, SAML2INT)
    assert (found.request_id, found.acs_url, relay_state) == (expected.request_id, forge.ACS, "r")
    assert (found.comparison, found.contexts) == ("minimum", (minimum.uri,))


def test_a_post_has_a_request_and_nothing_that_could_be_another(idp: SigningParty) -> None:
    good = posted(written(), idp, "SAMLRequest", RelayState="r")
    assert received(good, idp).request_id == "_message0001"
    text = good.parameters["SAMLRequest"]
    for parameters in ({"SAMLResponse": text}, {"SAMLRequest": text, "SAMLResponse": text}, {"SAMLRequest": text, "x": ""}):
        assert check_of(partial(received, Inbound("post", parameters), idp)) == "parameters"
    # The deflated form belongs to the other binding: nothing is tried twice
    query = redirected(written(), idp, "SAMLRequest").raw
    packed = base64.b64encode(b"not XML").decode()
    assert check_of(partial(received, Inbound("post", {"SAMLRequest": packed}), idp)) == "not_well_formed"
    assert check_of(partial(received, Inbound("post", {"SAMLRequest": query}), idp)) == "base64"
