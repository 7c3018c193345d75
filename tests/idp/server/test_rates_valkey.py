"""Limits over a real Valkey: counted together, begun anew after a flush, refused while it is gone, refused at start."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.config.setting_types import Limits
from idp.config.settings import Settings
from idp.server.http import bind
from idp.server.rate_limits import VALKEY_SECONDS, Rates, check_valkey
from policies.errors import Misconfigured, StoreUnavailable, TooManyRequests
from tests.valkey import Valkey, valkey_server

pytestmark = pytest.mark.peer
NOON = 43_200.0
HOME, AWAY, PARTY = "93.184.216.34", "93.184.216.35", "parking"


@pytest.fixture
def valkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    monkeypatch.setattr("idp.server.rate_limits.VALKEY_SECONDS", 30)  # on a busy machine it answers late
    with valkey_server(tmp_path) as made:
        yield made


def _worker(valkey: Valkey, **limits: int) -> Rates:
    # Every ten minutes an address has another key
    return Rates(Limits(**limits), shared=valkey.shared(lambda: NOON))


def _settings(valkey: Valkey) -> Settings:
    return Settings(issuer="https://login.city.example", folder=valkey.folder, valkey=valkey.url)


def test_workers_of_all_machines_count_together(valkey: Valkey) -> None:
    one, other = _worker(valkey, begin_address=3), _worker(valkey, begin_address=3)
    for worker in (one, other, one):
        worker.begin(HOME, PARTY)
    for worker in (one, other):
        with pytest.raises(TooManyRequests, match="begin_address"):
            worker.begin(HOME, PARTY)
    other.begin(AWAY, PARTY)


def _asked(worker: Rates) -> int:
    """How many questions Valkey had."""
    assert worker.shared is not None
    told = worker.shared._storage.storage.info("commandstats")
    return sum(int(told[name]["calls"]) for name in ("cmdstat_evalsha", "cmdstat_eval") if name in told)


def test_all_networks_of_one_line_begin_four_times_as_often_as_one_on_all_workers(valkey: Valkey) -> None:
    workers = [_worker(valkey, begin_address=3, begin_party=20) for _ in range(2)]
    for number in range(12):
        workers[number % 2].begin(f"2001:db8:1:{number:x}::1", PARTY)
    for number in range(12, 64):
        with pytest.raises(TooManyRequests, match="begin_address"):
            workers[number % 2].begin(f"2001:db8:1:{number:x}::1", PARTY)
    for number in range(8):
        workers[0].begin(f"93.184.216.{number}", PARTY)
    with pytest.raises(TooManyRequests, match="begin_party"):
        workers[1].begin("2001:db8:2::1", PARTY)


def test_what_has_no_room_in_one_window_is_counted_in_none(valkey: Valkey) -> None:
    worker, line = _worker(valkey, begin_address=1, begin_party=2), "2001:db8:1:1::1"
    worker.begin(HOME, PARTY)
    for _ in range(5):
        with pytest.raises(TooManyRequests, match="begin_address"):
            worker.begin(HOME, PARTY)
    worker.begin(AWAY, PARTY)
    for _ in range(5):
        with pytest.raises(TooManyRequests, match="begin_party"):
            worker.begin(line, PARTY)
    worker.begin(line, "fares")


def test_a_beginning_is_one_question(valkey: Valkey) -> None:
    worker = _worker(valkey)
    worker.begin("2001:db8:1:1::1", PARTY)
    before = _asked(worker)
    for client in (HOME, "2001:db8:1:1::1", "127.0.0.1"):
        worker.begin(client, PARTY)
    assert _asked(worker) == before + 3


def test_no_key_in_valkey_names_an_address_or_a_party(valkey: Valkey) -> None:
    worker = _worker(valkey)
    worker.begin(HOME, PARTY)
    worker.begin("2001:db8:1:2::1", PARTY)
    assert worker.shared is not None
    keys = [str(key) for key in worker.shared._storage.storage.keys("*")]
    assert len(keys) == 4, "two addresses, a line and a party"
    assert not any(text in key for key in keys for text in (HOME, "93.", "2001", PARTY, "5db8d822"))


@pytest.mark.spec("decisions.md I")
def test_after_ten_minutes_the_same_address_has_another_key(valkey: Valkey) -> None:
    times = iter((600.0, 1199.0, 1200.0))
    shared = valkey.shared(lambda: next(times))
    worker = Rates(Limits(), shared=shared)
    for _ in range(3):
        worker.begin(HOME, PARTY)
    assert len(shared._storage.storage.keys("*")) == 4


def test_after_a_flush_limits_begin_anew_and_nothing_else_changes(valkey: Valkey) -> None:
    worker = _worker(valkey, begin_party=1)
    worker.begin(HOME, PARTY)
    with pytest.raises(TooManyRequests):
        worker.begin(HOME, PARTY)
    assert worker.shared is not None
    worker.shared._storage.storage.flushall()
    worker.begin(HOME, PARTY)
    with pytest.raises(TooManyRequests):
        worker.begin(HOME, PARTY)


def test_while_it_is_gone_nothing_begins_and_what_has_begun_is_not_touched(valkey: Valkey) -> None:
    worker = _worker(valkey)
    worker.begin(HOME, PARTY)
    valkey.stop()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            worker.begin(HOME, PARTY)
    assert worker.shared is not None
    assert not worker.shared.reachable
    address = worker.address(HOME)
    worker.page(address)
    worker.failed(address)
    worker.check_failures(address)
    valkey.start()
    end = time.monotonic() + 60
    while time.monotonic() < end and not worker.shared.reachable:
        try:
            worker.begin(HOME, PARTY)
        except StoreUnavailable:
            time.sleep(0.05)
    assert worker.shared.reachable, "it is asked again within a second or so"


def test_whoever_asks_a_dead_valkey_waits_once_and_the_next_not_at_all(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idp.server.rate_limits.VALKEY_SECONDS", VALKEY_SECONDS)
    worker = _worker(valkey)
    valkey.stop()
    with bind("127.0.0.1", valkey.port) as silent:
        # It takes the connection and says nothing
        assert silent
        begun = time.monotonic()
        for _ in range(50):
            with pytest.raises(StoreUnavailable):
                worker.begin(HOME, PARTY)
        assert time.monotonic() - begun < 50 * VALKEY_SECONDS / 2


def test_start_is_refused_where_a_full_memory_would_drop_counters(valkey: Valkey) -> None:
    check_valkey(_settings(valkey))
    valkey.stop()
    valkey.policy = "allkeys-lru"
    valkey.start()
    with pytest.raises(Misconfigured, match="allkeys-lru"):
        check_valkey(_settings(valkey))


def test_start_is_refused_where_nobody_answers_and_no_password_is_told(valkey: Valkey) -> None:
    valkey.stop()
    settings = _settings(valkey).model_copy(update={"valkey": f"valkey://u:Canary-1887@127.0.0.1:{valkey.port}/0"})
    with pytest.raises(Misconfigured, match="does not answer") as caught:
        check_valkey(settings)
    assert "Canary" not in str(caught.value)
    assert "Canary" not in repr(settings)
