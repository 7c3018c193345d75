"""A suspended source refuses its logins; after it is on again, those from before stay refused."""

from hypothesis import given
from hypothesis import strategies as st

from idp.login.suspension import Suspension
from idp.store.switches.switch import COUNTRY, PARTY, PROVIDER
from policies.errors import BrokerError, Replayed, Suspended
from policies.parties import ClientId
from tests.idp.house import COUNTRY as PROVIDER_ID
from tests.idp.house import House
from tests.idp.switched import MemorySwitches

PARKING = ClientId("parking")
THINGS = ((PARTY, PARKING), (COUNTRY, "EE"), (PROVIDER, PROVIDER_ID), (COUNTRY, "LV"))


@given(st.lists(st.tuples(st.sampled_from(THINGS), st.booleans()), max_size=8), st.integers(0, 9))
def test_each_is_refused_as_by_one_look_after_another(switched: list[tuple[tuple[str, str], bool]], acts: int) -> None:
    switches, source = MemorySwitches(), House().role.provider(PROVIDER_ID)
    for thing, off in switched:
        switches.set_switch(*thing, off=off)
    suspension = Suspension(switches)

    def in_turn() -> None:
        suspension.check_party(PARKING)
        suspension.check_source(source)
        if suspension.ended(PARKING, source, acts):
            raise Replayed("policy_changed", f"{PARKING} or {source.provider_id} was switched off meanwhile")

    def at_once() -> None:
        suspension.check_asked(PARKING, source, acts)

    found: list[tuple[type[BrokerError], str] | None] = []
    for check in (in_turn, at_once):
        try:
            check()
            found.append(None)
        except (Replayed, Suspended) as error:
            found.append((type(error), error.detail))
    assert found[0] == found[1]
