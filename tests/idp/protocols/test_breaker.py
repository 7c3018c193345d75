"""The breaker: a country that dies, or drips a byte a second, is unavailable within ten seconds, and slows nobody else."""

import time
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedIOBase

import pytest

from connectors.metadata.peers import TIMEOUT
from idp.protocols.eidas.peer_refresh import JITTER, SECOND_LOOK, Watch
from tests.idp.memory import MemoryCopies
from tests.idp.neighbour import NOW, Neighbour, peers_of
from tests.idp.protocols.test_watch import TENANT, approved, watching
from tests.idp.server.crew import until

FAST = 5


class Dripping(Neighbour):
    """It answers until it drips: an octet of its metadata, a pause, an octet."""

    def __init__(self, pause: float) -> None:
        super().__init__("lv", "LV")
        self.pause, self.drips = pause, False

    def write(self, to: BufferedIOBase, body: bytes) -> None:
        if not self.drips:
            to.write(body)
            return
        with suppress(OSError):
            for octet in body:
                to.write(bytes([octet]))
                if self._ended.wait(self.pause):
                    return


@pytest.fixture
def nl() -> Iterator[Neighbour]:
    made = Neighbour()
    yield made
    made.close()


@pytest.fixture
def lv() -> Iterator[Dripping]:
    made = Dripping(0.05)
    yield made
    made.close()


def test_two_looks_and_the_pause_between_them_take_less_than_ten_seconds() -> None:
    assert 2 * TIMEOUT + SECOND_LOOK * (1 + JITTER) < 10


def test_a_dripping_country_opens_the_breaker_and_keeps_nobody_waiting_who_asks_for_another(
    nl: Neighbour, lv: Dripping
) -> None:
    peers = peers_of(MemoryCopies(), nl.peer(approved(nl)), lv.peer(approved(lv)), timeout=FAST)
    watch = Watch(peers, [nl.entity_id, lv.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=FAST)
    with watching(watch):
        until(lambda: peers.available(nl.entity_id, NOW) and peers.available(lv.entity_id, NOW))
        lv.drips = True
        assert lv.asked.acquire(timeout=60)
        begun = time.monotonic()
        for _ in range(3000):
            assert peers.available(nl.entity_id, NOW)
            peers.current(nl.entity_id, NOW)
        assert time.monotonic() - begun < 3000 * FAST / 2, "whoever waited for the dripping one would wait each time"
        until(lambda: not peers.available(lv.entity_id, NOW))
        assert peers.available(nl.entity_id, NOW)
        lv.drips = False
        until(lambda: peers.available(lv.entity_id, NOW))
