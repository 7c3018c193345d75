"""The flight recorder's rows on both databases: bounded for a sign-in and in all, and written by several workers."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.monitoring.recorder import rows as module
from idp.monitoring.recorder.rows import MOST_OF_A_LOGIN, SHOWN_SECONDS, RecordedStep, RecordedSteps
from idp.store.retention import KEPT_SECONDS
from policies.parties import Tenant
from tests.idp.store.units import NOW, TENANT, opened_at


def step(reference: str, time: int = NOW, *, opened: bool = True) -> RecordedStep:
    return RecordedStep(reference, time, "service", "parking", "begun", size=4, opened=opened)


def test_workers_write_the_steps_of_one_sign_in_at_once_and_it_has_a_bound(url: str) -> None:
    stores = [opened_at(url) for _ in range(2)]
    workers = [RecordedSteps(store.engine, TENANT) for store in stores]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: workers[n % 2].add([step("a"), step("a"), step(f"b{n}")]), range(24)))
    assert len(workers[0].of("a", NOW)) == 48
    workers[1].add([step("a")] * 40)
    assert len(workers[0].of("a", NOW)) == MOST_OF_A_LOGIN
    assert [len(workers[0].of(f"b{n}", NOW)) for n in range(24)] == [1] * 24
    assert workers[0].of("b1", NOW) == [step("b1")]
    for store in stores:
        store.close()


def test_the_oldest_make_room_and_strangers_among_themselves(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IN_ALL", 10)
    monkeypatch.setattr(module, "MOST_OF_STRANGERS", 3)
    store = opened_at(url)
    steps, others = RecordedSteps(store.engine, TENANT), RecordedSteps(store.engine, Tenant("login.other.example"))
    others.add([step("a", NOW - 50)])
    steps.add([step(f"s{n}", NOW + n, opened=False) for n in range(20)])
    steps.add([step(f"a{n}", NOW - n) for n in range(7)])
    assert [n for n in range(20) if steps.of(f"s{n}", NOW)] == [17, 18, 19]
    assert all(steps.of(f"a{n}", NOW) for n in range(7))
    steps.add([step("new", NOW + 1)])
    assert [n for n in range(7) if steps.of(f"a{n}", NOW)] == [0, 1, 2, 3, 4, 5]
    assert others.of("a", NOW), "another tenant's rows are its own"
    assert others.of("new", NOW) == []
    store.close()


def test_a_step_is_shown_for_a_day_and_then_purged(url: str) -> None:
    store = opened_at(url)
    steps = RecordedSteps(store.engine, TENANT)
    steps.add([step("a")])
    assert steps.of("a", NOW + SHOWN_SECONDS - 1)
    assert not steps.of("a", NOW + SHOWN_SECONDS)
    assert store.purge(NOW + SHOWN_SECONDS) == 1
    store.close()
    assert SHOWN_SECONDS + KEPT_SECONDS < 26 * 3600
