"""The watch over other countries' nodes: each in its thread, one line a change, and never a wait for a dead one."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from connectors.metadata.peers import Peers
from idp.protocols.eidas.peer_refresh import Seen, Watch
from policies.parties import EntityId, Tenant
from tests.idp.memory import MemoryCopies
from tests.idp.neighbour import DAY, NOW, UNLOADABLE, Neighbour, peers_of
from tests.idp.server.crew import until

TENANT = Tenant("city")
SOON = 0.01
LONG = 600.0
PATIENCE = 60.0
NOTHING = Seen()


@pytest.fixture
def nl() -> Iterator[Neighbour]:
    found = Neighbour()
    yield found
    found.close()


@pytest.fixture
def lv() -> Iterator[Neighbour]:
    found = Neighbour("lv", "LV")
    yield found
    found.close()


@contextmanager
def watching(watch: Watch[EntityId]) -> Iterator[None]:
    watch.start()
    try:
        yield
    finally:
        watch.stop()


def asked(neighbour: Neighbour, times: int) -> None:
    """Wait until it was asked so often from here on."""
    for _ in range(times):
        assert neighbour.asked.acquire(timeout=PATIENCE)


def approved(neighbour: Neighbour) -> str:
    return neighbour.metadata.facts().digest


def events(logs: Sequence[Mapping[str, object]]) -> list[object]:
    return [line["event"] for line in logs]


# -- when it fetches


@pytest.mark.spec("issue: probed every 30 seconds, configurable")
def test_it_fetches_again_after_its_seconds_more_or_less(nl: Neighbour) -> None:
    bounds: list[tuple[float, float]] = []

    def spread(low: float, high: float) -> float:
        bounds.append((low, high))
        return 1.0

    peers = peers_of(MemoryCopies(), nl.peer(approved(nl)))
    with watching(Watch(peers, [nl.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=SOON, spread=spread)):
        asked(nl, 3)
    assert set(bounds) == {(0.9, 1.1)}


@pytest.mark.parametrize("times", [1, 2])
def test_a_node_that_was_not_up_yet_is_asked_again_soon(nl: Neighbour, times: int) -> None:
    nl.does = "fail"
    peers = peers_of(MemoryCopies(), nl.peer(approved(nl)))
    with watching(Watch(peers, [nl.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=LONG)):
        asked(nl, times)
        nl.does = "answer"
        until(lambda: peers.available(nl.entity_id, NOW))


# -- a dead or slow node


@pytest.mark.spec("issue: a slow or dead one never delays another's login")
def test_a_node_that_never_answers_delays_no_other(nl: Neighbour, lv: Neighbour) -> None:
    nl.does = "hang"
    peers = peers_of(MemoryCopies(), nl.peer(), lv.peer(approved(lv)), timeout=60)
    with watching(Watch(peers, [nl.entity_id, lv.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=SOON)):
        asked(nl, 1)
        asked(lv, 5)
        until(lambda: peers.available(lv.entity_id, NOW))
        began = time.monotonic()
        assert not peers.available(nl.entity_id, NOW)
        assert time.monotonic() - began < 20


def test_stop_does_not_wait_for_a_node_that_never_answers(nl: Neighbour) -> None:
    nl.does = "hang"
    watch = Watch(
        peers_of(MemoryCopies(), nl.peer(), timeout=60), [nl.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=SOON
    )
    watch.start()
    asked(nl, 1)
    began = time.monotonic()
    watch.stop()
    assert time.monotonic() - began < 20, "the node would hang for longer"


@pytest.mark.spec("issue: two failures show it as unavailable and one success as back")
def test_two_failures_make_it_unavailable_and_one_success_brings_it_back(nl: Neighbour) -> None:
    peers = peers_of(MemoryCopies(), nl.peer(approved(nl)))
    steps = Stepped()
    watch = Watch(peers, [nl.entity_id], tenant=TENANT, clock=steps.clock, seconds=0.0)
    with capture_logs() as logs, watching(watch):
        steps.go(1)
        until(lambda: "peer_available" in events(logs))
        nl.does = "fail"
        steps.go(1)
        asked(nl, 2)
        until(lambda: "peer_refused" in events(logs))
        assert peers.available(nl.entity_id, NOW)
        steps.go(1)
        until(lambda: "peer_unavailable" in events(logs))
        assert not peers.available(nl.entity_id, NOW)
        nl.does = "answer"
        steps.go(1)
        until(lambda: events(logs).count("peer_available") == 2)
        assert peers.available(nl.entity_id, NOW)
        steps.end()
    assert events(logs) == ["peer_in_use", "peer_available", "peer_refused", "peer_unavailable", "peer_available"]


class Pauses(threading.Event):
    """Waits for nothing, and knows for how long it was to."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.wanted.append(timeout or 0.0)
        return self.is_set()


def test_a_node_that_fails_is_asked_again_soon_and_later_less_often(nl: Neighbour) -> None:
    peers = peers_of(MemoryCopies(), nl.peer(approved(nl)))
    steps, pauses = Stepped(), Pauses()
    watch = Watch(peers, [nl.entity_id], tenant=TENANT, clock=steps.clock, seconds=30.0, spread=lambda _low, _high: 1.0)
    watch._stopping = pauses
    with watching(watch):
        for does, times in (("answer", 2), ("fail", 7), ("answer", 1), ("fail", 1)):
            before = len(pauses.wanted)
            nl.does = does
            steps.go(times)
            until(lambda wanted=before + times: len(pauses.wanted) == wanted)  # type: ignore[misc]  # a lambda's default
        watch.stop()
        steps.end()
    assert pauses.wanted[:11] == [30, 30, 1, 2, 4, 8, 16, 30, 30, 30, 1]


class Stepped:
    """A clock that lets the watch look once each time that a test says so."""

    def __init__(self) -> None:
        self.turns = threading.Semaphore(0)

    def clock(self) -> int:
        self.turns.acquire()
        return NOW

    def go(self, times: int) -> None:
        self.turns.release(times)

    def end(self) -> None:
        """Let it run, so that it can stop."""
        self.turns.release(1_000_000)


# -- what the log says


def look_often(nl: Neighbour, digest: str = "") -> list[dict[str, object]]:
    """The log of many fetches that all came out the same."""
    peers = peers_of(MemoryCopies(), nl.peer(digest))
    with capture_logs() as logs:
        with watching(Watch(peers, [nl.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=SOON)):
            asked(nl, 6)
        return [dict(line) for line in logs]


def test_what_stays_as_it_is_is_said_once(nl: Neighbour) -> None:
    assert events(look_often(nl, approved(nl))) == ["peer_in_use", "peer_available"]


@pytest.mark.spec("decisions.md 30")
def test_what_waits_for_an_operator_is_said_once_with_its_digest(nl: Neighbour) -> None:
    logs = look_often(nl)
    assert events(logs) == ["peer_pending", "peer_unavailable"]
    assert logs[0]["digest"] == approved(nl)
    assert logs[0]["fix"] == "ciconia metadata pending"


def test_metadata_that_is_refused_is_said_once_with_its_check_and_who_can_mend_it(nl: Neighbour) -> None:
    nl.publish(by="thief")
    logs = look_often(nl, approved(nl))
    assert events(logs) == ["peer_refused", "peer_unavailable"]
    assert logs[0]["check"] == "signature"
    assert "Ask its operator" in str(logs[0]["fix"])


def test_what_becomes_another_is_said_again(nl: Neighbour) -> None:
    def look(peers: Peers, before: Seen = NOTHING) -> Seen:
        return Watch(peers, [nl.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=LONG)._look(nl.entity_id, before)

    with capture_logs() as logs:
        waiting = peers_of(MemoryCopies(), nl.peer())
        seen = look(waiting)
        approving = peers_of(MemoryCopies(), nl.peer(approved(nl)))
        used = look(approving)
        nl.publish(signing=("messages", "second"))
        look(waiting, seen)
        (new,) = waiting.pending(NOW)
        waiting.approve(nl.entity_id, new.digest, NOW)
        used = look(waiting, used)
        nl.publish(by="thief")
        seen = look(waiting, used)
        nl.does = "fail"
        look(waiting, seen)
    told = [(line["event"], line["digest"]) for line in logs if "digest" in line]
    assert len({digest for event, digest in told if event == "peer_pending"}) == 2
    assert len({digest for event, digest in told if event == "peer_in_use"}) == 2
    assert len({line["check"] for line in logs if line["event"] == "peer_refused"}) == 2


def test_the_log_holds_no_piece_of_what_came(nl: Neighbour) -> None:
    nl.publish(acs_url="https://qxwvzk-canary.example/acs", valid_until=NOW - DAY)
    assert "canary" not in str(look_often(nl))
    nl.publish(valid_until=NOW + DAY)
    assert "canary" not in str(look_often(nl))


def test_a_removed_key_is_out_of_use_at_the_next_look_and_a_new_one_waits(nl: Neighbour) -> None:
    nl.publish(signing=("messages", "second"))
    peers = peers_of(MemoryCopies(), nl.peer(approved(nl)))
    with watching(Watch(peers, [nl.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=SOON)):
        until(lambda: peers.available(nl.entity_id, NOW) and len(peers.current(nl.entity_id, NOW).signing_keys(NOW)) == 2)
        nl.publish(signing=("messages", "third"))
        until(lambda: len(peers.current(nl.entity_id, NOW).signing_keys(NOW)) == 1)
        assert len(peers.pending(NOW)) == 1


# -- what else can go wrong


def test_a_certificate_that_nobody_loads_is_that_nodes_trouble_alone(nl: Neighbour, lv: Neighbour) -> None:
    copies = MemoryCopies()
    peers = peers_of(copies, nl.peer(approved(nl)), lv.peer())
    watch = Watch(peers, [nl.entity_id, lv.entity_id], tenant=TENANT, clock=lambda: NOW, seconds=SOON)
    with capture_logs() as logs, watching(watch):
        until(lambda: peers.available(nl.entity_id, NOW) and len(peers.pending(NOW)) == 1)
        good = copies.held(nl.entity_id)
        nl.publish(signing=("messages", UNLOADABLE), valid_until=nl.metadata.valid_until + 1)
        until(lambda: "peer_refused" in events(logs))
        lv.publish(valid_until=lv.metadata.valid_until + DAY)
        until(lambda: copies.rows[lv.entity_id].facts.valid_until == lv.metadata.valid_until)
        (waiting,) = peers.pending(NOW)
        peers.approve(lv.entity_id, waiting.digest, NOW)
        assert peers.available(lv.entity_id, NOW)
        assert peers.current(nl.entity_id, NOW)
    assert copies.held(nl.entity_id) == good, "nothing of it was stored"
    assert [line["check"] for line in logs if line["event"] == "peer_refused"] == ["metadata"]
