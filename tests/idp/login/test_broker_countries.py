"""A login across the border, without HTTP: which countries may be chosen, what they are told, what of it stays here."""

from dataclasses import replace

import pytest

from idp.login.finish import Choice
from idp.login.role import Reach
from idp.login.states import DECIDED, Decided, Refused, Released
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, AttributeName
from policies.authentication import AskedAttribute, Offered, ServiceRequest
from policies.errors import NotFound, PeerUnavailable, Replayed
from policies.load import Configuration
from policies.parties import ClientId, EntityId, IdentityProvider, Peer, ProviderId, PurposeId, Source, SubjectNamespace
from tests.idp.house import (
    ADDRESS,
    ANSWER,
    APPROVE,
    BIRTHDATE,
    CANCEL,
    COUNTRY,
    EMAIL,
    FAMILY,
    NOW,
    OTHER,
    REFUSE,
    REQUEST,
    SECRET,
    House,
    assertion,
)

LATVIA = EntityId("https://lv.example/eidas/metadata")
PARKING, PURPOSE = ClientId("parking"), PurposeId("resident-parking")
GIVEN, IDENTIFIER = AttributeName("given_name"), AttributeName("person_identifier")


def _node(provider: IdentityProvider) -> IdentityProvider:
    """The provider as Latvia's node."""
    source = Source("providers/lv.toml", 1)
    peer = Peer(LATVIA, "LV", LATVIA, b"", "", (), source)
    return replace(provider, country="LV", protocol="eidas", peer=peer, entity_id=LATVIA, metadata=b"")


def _with_latvia(made: Configuration) -> Configuration:
    return replace(made, providers={COUNTRY: made.providers[COUNTRY], OTHER: _node(made.providers[OTHER])})


def _only(*countries: str) -> House:
    """A house whose purpose is for some countries only."""

    def change(made: Configuration) -> Configuration:
        purposes = {**made.purposes, PURPOSE: replace(made.purposes[PURPOSE], countries=countries)}
        return replace(_with_latvia(made), purposes=purposes)

    return House(change=change)


def _registered(**changes: object) -> House:
    """A house whose relying party is registered otherwise."""

    def change(made: Configuration) -> Configuration:
        party = replace(made.parties[PARKING], **changes)  # type: ignore[arg-type] # whichever fields a test names
        return replace(_with_latvia(made), parties={**made.parties, PARKING: party})

    return House(change=change)


@pytest.fixture
def house() -> House:
    """Estonia is an identity provider whose metadata is pinned, Latvia another country's node."""
    return House(change=_with_latvia)


def _listed(house: House, request: ServiceRequest = REQUEST) -> dict[str, bool]:
    return {one.provider_id: reach is Reach.OPEN for one, reach in house.role.choices(request, NOW)}


def _heard(house: House, offered: Offered | None = None) -> Decided:
    """Latvia's answer, judged."""
    said = offered or assertion().offered
    namespace = SubjectNamespace("eidas/LV")
    house.other.says = assertion(provider_id=OTHER, issuer=LATVIA, namespace=namespace, offered=said)
    _, asked = house.broker.ask(house.broker.begin(replace(REQUEST, ticked=(EMAIL,)), NOW), OTHER, NOW)
    return house.broker.handle_response(asked, ANSWER, "en", NOW)


def test_a_country_is_listed_while_its_metadata_holds_and_is_available_while_it_answers(house: House) -> None:
    assert _listed(house) == {COUNTRY: True, OTHER: True}
    house.nodes.silent = {LATVIA}
    assert _listed(house) == {COUNTRY: True, OTHER: False}
    house.nodes.unknown = {LATVIA}
    assert _listed(house) == {COUNTRY: True}
    house.nodes = type(house.nodes)()
    assert _listed(house)[COUNTRY], "a pinned identity provider is never probed"


@pytest.mark.parametrize(
    ("countries", "named", "listed"),
    [
        ((), "", {COUNTRY, OTHER}),
        (("LV",), "", {OTHER}),
        (("LV", "EE"), "", {COUNTRY, OTHER}),
        ((), "LV", {OTHER}),
        (("LV", "EE"), "EE", {COUNTRY}),
        (("LV",), "EE", set()),
        ((), "FI", set()),
    ],
)
def test_the_service_and_its_purpose_may_name_countries(
    countries: tuple[str, ...], named: str, listed: set[ProviderId]
) -> None:
    house = _only(*countries)
    request = replace(REQUEST, country=named)
    assert set(_listed(house, request)) == listed
    begun = house.broker.begin(request, NOW)
    for provider in (COUNTRY, OTHER):
        if provider in listed:
            house.broker.ask(begun, provider, NOW)
        else:
            # whoever types the address of another country gets nowhere
            with pytest.raises(NotFound):
                house.broker.ask(begun, provider, NOW)


def test_a_country_that_the_purpose_takes_no_more_ends_a_login_at_its_next_step(house: House) -> None:
    decided = _heard(house)
    _, asked = house.broker.ask(house.broker.begin(REQUEST, NOW), OTHER, NOW)
    narrowed = _only("EE")
    with pytest.raises(NotFound):
        narrowed.broker.handle_response(asked, ANSWER, "en", NOW)
    with pytest.raises(NotFound):
        narrowed.broker.decide(decided, APPROVE, SECRET, NOW)
    assert narrowed.store.units == []


def test_a_country_is_asked_for_what_is_needed_asked_and_registered_and_for_nothing_else(house: House) -> None:
    house.broker.ask(house.broker.begin(replace(REQUEST, ticked=(EMAIL, FAMILY)), NOW), OTHER, NOW)
    (asked,) = house.other.asks
    assert asked.attributes == (ADDRESS, BIRTHDATE, EMAIL), "the purpose does not need the family name"
    assert asked.required == {ADDRESS, BIRTHDATE}
    request = replace(REQUEST, asked=(AskedAttribute(FAMILY, EXACT),))
    house.broker.ask(house.broker.begin(request, NOW), OTHER, NOW)
    wanted = (house.other.asks[1].attributes, house.other.asks[1].required)
    assert wanted == ((ADDRESS, BIRTHDATE), frozenset({ADDRESS, BIRTHDATE})), (
        "what the purpose requires, whatever the request words"
    )


@pytest.mark.spec("eidas.md §3 ProviderName")
@pytest.mark.spec("eidas.md §3 RequesterID")
@pytest.mark.spec("decisions.md 19")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ("Resident parking", "public", "https://broker.example/party/parking")),
        ({"requester_id": "urn:city:parking"}, ("Resident parking", "public", "urn:city:parking")),
        ({"sp_type": "private"}, ("Resident parking", "private", "https://broker.example/party/parking")),
        ({"blind": True, "requester_id": "urn:city:parking"}, ("Storkhaven's sign-in", "public", "")),
    ],
)
def test_a_country_is_told_who_asks_unless_the_relying_party_is_blind(
    changes: dict[str, object], told: tuple[str, str, str]
) -> None:
    house = _registered(**changes)
    house.broker.ask(house.broker.begin(REQUEST, NOW), OTHER, NOW)
    requester = house.other.asks[0].requester
    assert requester is not None
    assert (requester.provider_name, requester.sp_type, requester.requester_id) == told


@pytest.mark.spec("decisions.md 18")
def test_names_of_what_came_from_another_country_are_kept_for_the_page_and_values_are_not(house: House) -> None:
    known = assertion().offered
    offered = replace(
        known, attributes={**known.attributes, GIVEN: "Mari-Canary", IDENTIFIER: "LV/NL/0001-canary", FAMILY: "Maasikas"}
    )
    decided = _heard(house, offered)
    assert decided.judged.arrived == (ADDRESS, BIRTHDATE, EMAIL, FAMILY, GIVEN, IDENTIFIER)
    sealed = DECIDED.dump(decided)
    assert b"mari@post.example" in sealed, "the control: it is searched where values lie"
    for value in (b"Mari-Canary", b"0001-canary", b"Maasikas", b"1990", b"Canal Street"):
        assert value not in sealed


@pytest.mark.spec("security.md §2.1 C: a provider that was taken out")
def test_a_node_that_ended_while_the_page_stood_open_releases_nothing(house: House) -> None:
    decided = _heard(house)
    house.nodes.unknown = {LATVIA}
    with pytest.raises(PeerUnavailable):
        house.broker.decide(decided, APPROVE, SECRET, NOW)
    assert house.store.units == [], "no mark, no record, nothing parked"
    house.nodes.unknown = set()
    # one that only fails to answer is as good as its metadata
    house.nodes.silent = {LATVIA}
    released = house.ends(decided, APPROVE)
    assert isinstance(released, Released)
    house.nodes.unknown = {LATVIA}
    with pytest.raises(PeerUnavailable):
        house.broker.decide(decided, APPROVE, SECRET, NOW)
    assert len(house.store.units) == 2


def test_what_a_node_vouches_holds_while_something_valid_is_known_of_it(house: House) -> None:
    vouched = house.role.vouches
    assert (vouched(COUNTRY, NOW), vouched(OTHER, NOW), vouched(ProviderId("nobody"), NOW)) == (True, True, False)
    house.nodes.silent = {LATVIA}
    assert vouched(OTHER, NOW)
    house.nodes.unknown = {LATVIA}
    assert (vouched(COUNTRY, NOW), vouched(OTHER, NOW)) == (True, False)


def test_what_a_federations_member_vouches_holds_while_it_is_away() -> None:
    def change(made: Configuration) -> Configuration:
        member = replace(made.providers[OTHER], federation="research", entity_id=LATVIA)
        return replace(made, providers={**made.providers, OTHER: member})

    house = House(change=change)
    house.nodes.silent = {LATVIA}
    assert house.role.vouches(OTHER, NOW)
    house.nodes.unknown = {LATVIA}
    assert not house.role.vouches(OTHER, NOW)


def test_what_a_node_vouches_no_more_is_not_asked_about_in_another_language_either(house: House) -> None:
    decided = _heard(house)
    assert house.broker.reword(decided, "et", NOW).judged.vouched == decided.judged.vouched
    house.nodes.unknown = {LATVIA}
    with pytest.raises(PeerUnavailable):
        house.broker.reword(decided, "et", NOW)
    house.nodes.unknown, house.nodes.vouched = set(), "another key"
    with pytest.raises(Replayed) as refused:
        house.broker.reword(decided, "et", NOW)
    assert refused.value.check == "policy_changed"


@pytest.mark.parametrize("choice", [REFUSE, CANCEL])
def test_who_releases_nothing_may_go_back_though_the_node_ended(house: House, choice: Choice) -> None:
    decided = _heard(house)
    house.nodes.unknown = {LATVIA}
    assert isinstance(house.ends(decided, choice), Refused)


@pytest.mark.parametrize("level", LevelOfAssurance)
def test_what_the_service_asks_becomes_what_the_country_is_asked_and_its_level_comes_back(
    house: House, level: LevelOfAssurance
) -> None:
    request = replace(REQUEST, minimum_assurance=level)
    _, asked = house.broker.ask(house.broker.begin(request, NOW), OTHER, NOW)
    least = max(level, LevelOfAssurance.SUBSTANTIAL)  # the purpose's own minimum
    assert house.other.asks[0].minimum_assurance is least
    assert asked.expectation.minimum_assurance is least
    house.other.says = assertion(provider_id=OTHER, offered=replace(assertion().offered, loa=least))
    assert house.broker.handle_response(asked, ANSWER, "en", NOW).judged.loa is least


@pytest.mark.spec("decisions.md 27")
def test_two_countries_never_make_one_person_of_two(house: House) -> None:
    estonian, latvian = house.decided(), _heard(house)
    assert house.country.says.subject == house.other.says.subject, "the same identifier, by two schemes"
    assert estonian.judged.sub != latvian.judged.sub
    assert estonian.judged.subject != latvian.judged.subject
