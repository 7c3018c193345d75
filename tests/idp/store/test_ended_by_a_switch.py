"""A switch ends logins by the number of its act, whatever the clocks of the machines say."""

import pytest

from idp.login.states import Decided, Grant, Released
from idp.ports import Unit
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from idp.store.switches.switch import COUNTRY, PARTY, PROVIDER
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import HOLD_SECONDS, Switches
from policies.errors import Replayed
from tests.idp.house import ANSWER, APPROVE, NOW, SECRET, House
from tests.idp.store.units import KEYS, TENANT, release

pytestmark = pytest.mark.spec("decisions.md 31")
EACH = pytest.mark.parametrize(("kind", "name"), [(PARTY, "parking"), (COUNTRY, "EE"), (PROVIDER, "demo-ee")])


class City:
    """Brokers over one database, and the operator's board. `seconds` is the monotonic clock of all."""

    def __init__(self, store: Store) -> None:
        self.store, self.seconds = store, 100.0
        self.board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)

    def worker(self) -> House:
        switches = Switches(engine=self.store.engine, tenant=TENANT, keys=KEYS, monotonic=lambda: self.seconds)
        return House(switched=switches)

    def off_and_on(self, kind: str, name: str, now: int) -> None:
        """And every worker hears of it."""
        for off in (True, False):
            self.board.set_switch(kind, name, off=off, reason="a test", now=now)
        self.seconds += HOLD_SECONDS

    def released_at(self, now: int, *, placed: bool) -> None:
        """A release was recorded by a clock that said so; where it is placed, the checkpoint is by the right one."""
        self.store.commit(Unit(tenant=TENANT, record=release(time=now)))
        if placed:
            sequencer = Sequencer(self.store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
            assert sequencer.step()
            sequencer.stop()


@pytest.fixture
def city(store: Store) -> City:
    return City(store)


def approved(house: House, decided: Decided, now: int) -> Grant:
    ended = house.ends(decided, APPROVE, SECRET, now)
    assert isinstance(ended, Released)
    return house.grant(ended, now)


@EACH
@pytest.mark.parametrize("placed", [False, True])
def test_what_was_issued_by_a_clock_that_is_ahead_ends_with_a_switch_by_the_right_one(
    city: City, kind: str, name: str, *, placed: bool
) -> None:
    house, ahead = city.worker(), NOW + 60
    asked, decided = house.asked(ahead), house.decided(ahead, ahead)
    grant = approved(house, house.decided(ahead, ahead), ahead)
    city.released_at(ahead, placed=placed)
    city.off_and_on(kind, name, NOW + 1)
    assert house.role.ended(grant)
    for on in (lambda: house.broker.handle_response(asked, ANSWER, "en", ahead), lambda: approved(house, decided, ahead)):
        with pytest.raises(Replayed, match="switched off meanwhile"):
            on()
