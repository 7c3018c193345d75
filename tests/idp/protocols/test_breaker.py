"""The breaker: a country that dies, or drips a byte a second, is unavailable within ten seconds, and slows nobody else."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from connectors.metadata.peers import TIMEOUT
from idp.protocols.eidas.peer_refresh import JITTER, SECOND_LOOK, Watch
from tests.idp.memory import MemoryCopies
from tests.idp.neighbour import NOW, Neighbour, peers_of
from tests.idp.protocols.test_watch import TENANT, approved, until, watching

FAST, SLOW_SECONDS = 1.5, 600.0


class Dripping(Neighbour):
    """It answers until it drips: an octet of its metadata, a pause, an octet."""

    def __init__(self, pause: float) -> None:
        super().__init__("lv", "LV")
        self.pause, self.drips = pause, False
        dripping = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                dripping.asked.release()
                body = dripping.metadata.octets()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if not dripping.drips:
                    self.wfile.write(body)
                    return
                try:
                    for octet in body:
                        self.wfile.write(bytes([octet]))
                        if dripping._ended.wait(dripping.pause):
                            return
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                return

        self._server.RequestHandlerClass = Handler


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


def test_a_first_failure_is_looked_at_again_without_waiting_for_the_next_turn(nl: Neighbour) -> None:
    turns = threading.Semaphore(0)
    pauses: list[float] = []

    class Counted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            turns.acquire(timeout=60)
            return self.is_set()

    peers = peers_of(MemoryCopies(), nl.peer(approved(nl)))
    watch = Watch(
        peers, [nl.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=SLOW_SECONDS, spread=lambda _low, _high: 1.0
    )
    watch._stopping = Counted()
    with watching(watch):
        until(lambda: len(pauses) == 1)
        nl.does = "fail"
        for expected in (2, 3):
            turns.release()
            until(lambda expected=expected: len(pauses) == expected)  # type: ignore[misc]  # mypy has no type for it
        assert pauses == [SLOW_SECONDS, SECOND_LOOK, 2 * SECOND_LOOK], "the open breaker is probed soon, and then later"
        assert not peers.available(nl.entity_id, NOW)
        nl.does = "answer"
        turns.release()
        until(lambda: peers.available(nl.entity_id, NOW))
        watch._stopping.set()
        turns.release(5)


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
