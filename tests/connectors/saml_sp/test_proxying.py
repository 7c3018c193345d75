"""A proxy hears of the service and its bounds, and only the answers of those whom the registration takes count."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.connector import Ask
from connectors.resumed import tells_enough
from connectors.saml_sp.connector import SamlConnector
from connectors.saml_sp.proxying import MAX_REQUESTERS, judge_scoping
from connectors.signatures.parse import Element
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.authentication import Requester, Scoping
from policies.deviations import NO_SCOPING, ORIGINAL_ISSUER
from policies.errors import AssertionRejected
from policies.registrations.saml_registration import SamlRegistration
from tests.connectors import forge
from tests.connectors.forge import ACS, IDP, NOW, SAML, SAMLP, SP, Reply
from tests.connectors.schemas import assert_valid
from tests.connectors.test_saml_request import PROTOCOL, of_redirect

HOME, OTHER, SERVICE = "https://home.example/idp", "https://other.example/idp", "https://portal.example/sp"
PROXY = SamlRegistration(proxies=2)
NONE = Scoping()
Make = Callable[..., SamlConnector]


@pytest.fixture
def make(idp: forge.SigningParty, signer: FileSigner) -> Make:
    def made(registered: SamlRegistration, **changes: object) -> SamlConnector:
        provider = forge.provider(forge.metadata(idp), saml=registered, **changes)
        return SamlConnector(provider=provider, entity_id=SP, acs_url=ACS, signer=signer)

    return made


def ask(scoping: Scoping = NONE, *, requester: str = SERVICE) -> Ask:
    low = LevelOfAssurance.LOW
    return Ask(
        "login", low, force_authentication=False, requester=Requester("Portal", "public", requester), scoping=scoping
    )


def said(connector: SamlConnector, scoping: Scoping = NONE, *, requester: str = SERVICE) -> Element | None:
    """The Scoping of our request, whose schema holds."""
    root, _ = of_redirect(connector.request(ask(scoping, requester=requester), NOW)[0])
    assert_valid(root, PROTOCOL)
    return root.find(f"{{{SAMLP}}}Scoping")


def listed(scoping: Element | None) -> list[str]:
    assert scoping is not None
    return [str(entry.get("ProviderID")) for entry in scoping.iter(f"{{{SAMLP}}}IDPEntry")]


@pytest.mark.spec("saml.md §3 proxying")
def test_a_proxy_hears_a_lower_count_whom_the_service_takes_and_who_asks_where_it_may_know(make: Make) -> None:
    asked = Scoping((HOME, OTHER), proxy_count=2, requesters=("https://first.example/sp",))
    scoping = said(make(replace(PROXY, tells_requester=True)), asked)
    assert scoping is not None
    assert scoping.get("ProxyCount") == "1"
    assert listed(scoping) == [HOME, OTHER]
    names = [one.text for one in scoping.iterchildren(f"{{{SAMLP}}}RequesterID")]
    assert names == ["https://first.example/sp", SERVICE]
    silent = said(make(PROXY), asked)
    assert silent is not None
    assert silent.find(f"{{{SAMLP}}}RequesterID") is None
    blind = said(make(replace(PROXY, tells_requester=True)), requester="")
    assert blind is not None
    assert blind.find(f"{{{SAMLP}}}RequesterID") is None


def test_a_provider_that_is_no_proxy_hears_only_a_count_that_the_service_set(make: Make) -> None:
    alone = make(SamlRegistration())
    assert said(alone) is None
    counted = said(alone, Scoping((HOME,), proxy_count=1))
    assert counted is not None
    assert (counted.get("ProxyCount"), len(counted)) == ("0", 0)


def test_whom_the_registration_takes_bounds_whom_the_service_takes(make: Make) -> None:
    bounded = make(replace(PROXY, authorities=(HOME,)))
    assert listed(said(bounded)) == [HOME]
    assert listed(said(bounded, Scoping((OTHER, HOME)))) == [HOME]
    # The service takes the proxy itself: whoever it takes
    assert listed(said(bounded, Scoping((IDP,)))) == [HOME]
    with pytest.raises(AssertionRejected) as refused:
        said(bounded, Scoping((OTHER,)))
    assert refused.value.check == "scoping"


def test_a_request_that_may_go_no_further_or_was_here_before_ends() -> None:
    judge_scoping(Scoping((), 1, (SERVICE,)), SP)
    chain = tuple(f"https://{number}.example" for number in range(MAX_REQUESTERS + 1))
    for scoping, check in (
        (Scoping(proxy_count=0), "proxy_count"),
        (Scoping(requesters=(SERVICE, SP)), "requester_loop"),
        (Scoping(requesters=chain), "requester_loop"),
    ):
        with pytest.raises(AssertionRejected) as refused:
            judge_scoping(scoping, SP)
        assert refused.value.check == check


def _answer(idp: forge.SigningParty, *authorities: str, **changes: object) -> bytes:
    inside = "".join(f"<saml:AuthenticatingAuthority>{one}</saml:AuthenticatingAuthority>" for one in authorities)
    reply = replace(Reply(context_inside=inside), **changes)  # type: ignore[arg-type]  # a test changes one field
    return forge.signed(reply.xml(), [reply.response_id], idp)


@pytest.mark.spec("saml.md §3 proxying")
def test_who_signed_the_citizen_in_is_told_and_held_against_the_registration(make: Make, idp: forge.SigningParty) -> None:
    def outcome(connector: SamlConnector, *authorities: str, proxies: int | None = None) -> str | tuple[str, ...]:
        expected = replace(forge.expectation(), proxies=proxies)
        try:
            return connector.receive(forge.post(_answer(idp, *authorities)), expected, NOW).authorities
        except AssertionRejected as error:
            return error.check

    anybody, bounded = make(SamlRegistration()), make(replace(PROXY, authorities=(HOME, OTHER)))
    assert outcome(anybody, HOME) == (HOME,)
    assert outcome(bounded, HOME, OTHER) == (HOME, OTHER)
    assert outcome(bounded) == "authority"
    assert outcome(bounded, HOME, "https://stranger.example") == "authority"
    assert outcome(bounded, f"{HOME}/") == "authority"
    assert outcome(anybody, HOME, SP) == "authority_loop"
    assert outcome(anybody, HOME, proxies=1) == (HOME,)
    assert outcome(anybody, HOME, OTHER, proxies=1) == "authority_count"


@pytest.mark.spec("saml.md §3 proxying")
def test_one_of_those_whom_the_service_takes_signed_the_citizen_in(make: Make, idp: forge.SigningParty) -> None:
    connector = make(PROXY)
    expected = replace(connector.request(ask(Scoping((HOME,))), NOW)[1], request_id=forge.REQUEST, issued_at=NOW - 60)
    assert connector.receive(forge.post(_answer(idp, "https://hub.example", HOME)), expected, NOW).authorities[-1] == HOME
    for others in ((OTHER,), ()):
        with pytest.raises(AssertionRejected) as refused:
            connector.receive(forge.post(_answer(idp, *others)), expected, NOW)
        assert refused.value.check == "authority"


def test_a_session_answers_for_its_provider_alone_and_not_for_whoever_stood_behind_it(idp: forge.SigningParty) -> None:
    provider = forge.provider(forge.metadata(idp), saml=PROXY)
    assert tells_enough(NONE, provider)
    assert tells_enough(Scoping((HOME, IDP)), provider)
    assert not tells_enough(Scoping((HOME,)), provider)
    assert not tells_enough(Scoping((IDP,), proxy_count=2), provider)


def test_without_scoping_nobody_may_stand_behind_the_provider(make: Make, idp: forge.SigningParty) -> None:
    connector = make(SamlRegistration(), deviations=frozenset({NO_SCOPING}))
    outbound, expected = connector.request(ask(Scoping(proxy_count=3)), NOW)
    assert of_redirect(outbound)[0].find(f"{{{SAMLP}}}Scoping") is None
    expected = replace(expected, request_id=forge.REQUEST, issued_at=NOW - 60)
    assert connector.receive(forge.post(_answer(idp)), expected, NOW).authorities == ()
    with pytest.raises(AssertionRejected) as refused:
        connector.receive(forge.post(_answer(idp, HOME)), expected, NOW)
    assert refused.value.check == "authority_count"


def test_classes_are_compared_as_the_registration_says(make: Make) -> None:
    def compared(comparison: str) -> tuple[str | None, int]:
        root, _ = of_redirect(make(SamlRegistration(comparison=comparison)).request(ask(), NOW)[0])
        (context,) = root.iterchildren(f"{{{SAMLP}}}RequestedAuthnContext")
        return context.get("Comparison"), len(context.findall(f"{{{SAML}}}AuthnContextClassRef"))

    assert compared("") == compared("minimum") == ("minimum", 1)
    assert compared("exact") == ("exact", 3)


def test_the_original_issuer_of_ad_fs_passes_by_its_deviation_alone_and_nothing_beside_it(
    make: Make, idp: forge.SigningParty
) -> None:
    claims = "http://schemas.xmlsoap.org/ws/2009/09/identity/claims"
    named = f'<saml:Attribute xmlns:a="{claims}" a:OriginalIssuer="urn:partner" Name="urn:oid:2.5.4.4">'
    value = "<saml:AttributeValue>Maasikas</saml:AttributeValue></saml:Attribute>"
    taking = make(SamlRegistration(), deviations=frozenset({ORIGINAL_ISSUER}))
    said_so = _answer(idp, attributes=(named + value,))
    found = taking.receive(forge.post(said_so), forge.expectation(), NOW)
    assert (found.offered.attributes, found.deviations) == ({"family_name": "Maasikas"}, (ORIGINAL_ISSUER,))
    other = _answer(idp, attributes=(named.replace("a:OriginalIssuer", "a:Issuer") + value,))
    for connector, message in ((make(SamlRegistration()), said_so), (taking, other)):
        with pytest.raises(AssertionRejected) as refused:
            connector.receive(forge.post(message), forge.expectation(), NOW)
        assert refused.value.check == "unknown_attribute"
