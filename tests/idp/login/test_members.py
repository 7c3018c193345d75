"""Members of a family at the steps of a login: switched off one at a time or all at once, named by a service, and gone."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from connectors.connector import Connector
from idp.login.suspension import Suspension
from idp.protocols.saml import member_connectors
from idp.protocols.saml.identity_provider import SamlIdentityProvider
from idp.protocols.saml.member_connectors import MemberConnectors
from idp.store.switches.switch import PROVIDER
from policies.errors import SourceSuspended
from policies.federations import member_id, member_of
from policies.parties import ClientId, EntityId, IdentityProvider, ProviderId
from tests.connectors.metadata.test_federations import FEDERATION, document, kept
from tests.connectors.metadata.test_members import FAMILY, MEMBER, ONE, held, known
from tests.idp.protocols.test_saml_identity_provider import House, scoping
from tests.idp.switched import MemorySwitches, off_and_on

OTHER = member_of(FAMILY, EntityId("https://other.example/saml"), FAMILY.title)
MINE = member_of(FAMILY, ONE, FAMILY.title)
PARKING = ClientId("parking")


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize(("name", "stays"), [(MEMBER, True), (FAMILY.provider_id, False)])
def test_a_switch_takes_one_member_or_all_and_what_was_under_way_ends(name: ProviderId, *, stays: bool) -> None:
    switches = MemorySwitches()
    suspension = Suspension(switches)
    before = suspension.acts
    switches.set_switch(PROVIDER, name, off=True)
    with pytest.raises(SourceSuspended):
        suspension.check_source(MINE)
    assert suspension.source_off(OTHER) is not stays
    switches.set_switch(PROVIDER, name, off=False)
    suspension.check_source(MINE)
    assert suspension.ended(PARKING, MINE, before)
    assert suspension.ended(PARKING, OTHER, before) is not stays
    assert not suspension.ended(PARKING, MINE, suspension.acts)
    off_and_on(switches, PROVIDER, "another")
    assert not suspension.ended(PARKING, OTHER, before + 2)


def test_a_member_has_a_connector_once_it_is_asked_and_none_once_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federations = held(tmp_path)
    own = replace(FAMILY, provider_id=ProviderId("own"), entity_id=EntityId("https://own.example"), members=False)
    providers = known(federations, own)
    made: list[IdentityProvider] = []

    def make(provider: IdentityProvider) -> Connector:
        made.append(provider)
        return cast("Connector", object())  # nobody asks it

    connectors = MemberConnectors(providers, make)
    assert list(connectors) == ["own"]
    assert connectors[MEMBER] is connectors[MEMBER]
    assert [one.provider_id for one in made] == ["own", MEMBER]
    assert FAMILY.provider_id not in connectors
    monkeypatch.setattr(member_connectors, "MOST_MADE", 1)
    second = next(name for entity_id in federations.summaries(FEDERATION) if (name := named(entity_id)) != MEMBER)
    first = connectors[MEMBER]
    assert connectors[second]
    assert connectors[MEMBER] is not first
    kept(tmp_path, document(lambda text: text.replace(ONE, "https://new.example/saml"), days=8))
    federations.look()
    assert MEMBER not in connectors


def named(entity_id: str) -> ProviderId:
    return member_id(FAMILY.provider_id, entity_id)


@pytest.mark.spec("saml.md §3")
def test_a_service_may_name_a_member_by_its_entity_id(tmp_path: Path) -> None:
    house = House(tmp_path)
    parts = replace(house.parts, providers=known(held(tmp_path)))
    house.frontend = SamlIdentityProvider(parts)
    assert house.accepted(scoping("https://stranger.example", ONE)).scoping.providers[1] == ONE
    assert house.declined(scoping("https://stranger.example")).statuses == ["Responder", "NoSupportedIDP"]
