"""The look at what a worker lives by: what lacks makes it unready, once said, and what hangs makes it unready by itself."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert
from structlog.testing import capture_logs

from idp.monitoring import vitals as module
from idp.monitoring.listener import ready
from idp.monitoring.measures import Measures
from idp.monitoring.vitals import Looks, Vitals
from idp.store import tables
from idp.store.engine import open_engine, writing
from idp.store.migrate import migrate
from policies.errors import AllRevoked, StoreUnavailable
from tests.idp.monitoring.told import told
from tests.idp.server.crew import until

CITY, NOW = "login.city.example", 1_800_000_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'ciconia.db'}"
    migrate(url)
    made = open_engine(url)
    yield made
    made.dispose()


def _vitals(
    engine: Engine, looks: Looks, *, pinned: int = 1, measures: Measures | None = None, seconds: float = 0.01
) -> Vitals:
    return Vitals(
        engine=engine,
        tenant=CITY,
        measures=measures or Measures(),
        looks=looks,
        clock=lambda: NOW,
        pinned=pinned,
        seconds=seconds,
    )


def _fails(_now: int) -> None:
    raise StoreUnavailable("no key can be had")


def test_a_worker_that_lacks_nothing_is_ready(engine: Engine) -> None:
    measures = Measures()
    vitals = _vitals(engine, Looks(), measures=measures)
    assert not vitals.fit, "before the first look"
    assert vitals.look() == ()
    assert vitals.fit
    assert ready(measures).tenants == {CITY: True}


def test_it_begins_with_a_look(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", 60)  # on a busy machine a look may take longer than anybody waits
    vitals = _vitals(engine, Looks())
    vitals.start()
    assert vitals.fit
    vitals.stop()


def test_while_something_lacks_it_looks_again_before_its_turn(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOON", 0.01)
    asked, again = list[str](), threading.Event()

    def halted() -> str:
        asked.append("")
        if len(asked) > 1:
            again.set()
        return "the ledger is older"

    vitals = _vitals(engine, Looks(halted=halted), seconds=600)
    vitals.start()
    assert again.wait(60)
    vitals.stop()


def test_it_begins_without_one_where_that_takes_long(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", 0.05)
    hangs = threading.Event()

    def keys(_now: int) -> None:
        hangs.wait(20)

    vitals = _vitals(engine, Looks(have_keys=keys))
    vitals.start()
    assert not vitals.fit
    hangs.set()
    vitals.stop()


def test_a_log_that_cannot_be_written_is_told_by_a_metric(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    measures = Measures()
    vitals = _vitals(engine, Looks(), measures=measures)
    for writable in (True, False):
        monkeypatch.setattr(module, "writable", lambda found=writable: found)
        assert vitals.look() == ()
        assert told(measures)["ciconia_log_writable", CITY] == writable


@pytest.mark.parametrize(
    ("lacks", "looks"),
    [
        ("keys", Looks(have_keys=_fails)),
        ("restored", Looks(closed=lambda: 1080)),
        ("ledger", Looks(halted=lambda: "the ledger is older")),
        ("database", Looks(stands_still=lambda: True)),
    ],
)
def test_what_lacks_makes_it_unready_until_it_is_there(engine: Engine, lacks: str, looks: Looks) -> None:
    measures = Measures()
    vitals = _vitals(engine, looks, measures=measures)
    assert vitals.look() == (lacks,)
    assert not vitals.fit
    assert ready(measures).tenants == {CITY: False}
    vitals._looks = Looks()
    assert vitals.look() == ()
    assert vitals.fit


def test_without_the_database_nothing_is_said_against_keys_but_that_they_are_revoked(tmp_path: Path) -> None:
    def revoked(_now: int) -> None:
        raise AllRevoked("every key is revoked")

    (tmp_path / "empty.db").touch()
    empty = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with capture_logs() as logs:
        assert _vitals(empty, Looks(have_keys=_fails)).look() == ("database",)
    assert [line["lacks"] for line in logs] == [["database"]]
    assert _vitals(empty, Looks(have_keys=revoked)).look() == ("database", "keys")
    empty.dispose()


def test_a_database_that_cannot_say_whether_it_was_restored_is_looked_at_all_the_same(engine: Engine) -> None:
    with writing(engine).begin() as connection:
        connection.exec_driver_sql("DROP TABLE checkpoints")

    def closed() -> int:
        raise StoreUnavailable("no such table")

    assert _vitals(engine, Looks(closed=closed)).look() == ("database",)


def test_switches_that_cannot_be_counted_take_no_worker_out(engine: Engine) -> None:
    """What is off is asked of each login, by rules of its own: here it is a figure, and nobody is unready for that."""

    def off(_now: int) -> dict[str, int]:
        raise StoreUnavailable("no switch can be read")

    vitals = _vitals(engine, Looks(off=off))
    assert vitals.look() == ()
    assert vitals.fit


def test_without_the_database_or_its_tables_it_is_not_ready(tmp_path: Path) -> None:
    # No migration ran: there is a file, and no table in it
    (tmp_path / "empty.db").touch()
    empty = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    measures = Measures()
    vitals = _vitals(empty, Looks(), measures=measures)
    assert vitals.look() == ("database",)
    assert told(measures)["ciconia_database_reachable", CITY] == 0
    empty.dispose()


@pytest.mark.parametrize(
    ("ends", "pinned", "lacks"),
    [
        ({"EE": 0, "LV": 0}, 0, ("metadata",)),
        ({"EE": 0, "LV": NOW + 1}, 0, ()),
        ({"EE": NOW, "LV": NOW - 1}, 0, ("metadata",)),
        ({"EE": 0, "LV": 0}, 1, ()),
        ({}, 0, ()),
    ],
)
def test_one_country_that_can_be_asked_is_enough_and_none_is_not(
    engine: Engine, ends: dict[str, int], pinned: int, lacks: tuple[str, ...]
) -> None:
    looks = Looks(metadata=lambda _now: ends, available=lambda _now: dict.fromkeys(ends, True))
    assert _vitals(engine, looks, pinned=pinned).look() == lacks


def test_a_look_that_is_old_counts_for_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.05)
    measures = Measures()
    vitals = _vitals(engine, Looks(), measures=measures)
    vitals.look()
    time.sleep(0.06)
    assert not vitals.fit
    assert ready(measures).tenants == {CITY: False}


def test_what_changes_is_one_line(engine: Engine) -> None:
    lacking = [True]

    def keys(now: int) -> None:
        if lacking:
            _fails(now)

    vitals = _vitals(engine, Looks(have_keys=keys))
    with capture_logs() as logs:
        vitals.look()
        vitals.look()
        lacking.clear()
        vitals.look()
        vitals.look()
    assert [(line["event"], line.get("lacks")) for line in logs] == [("not_ready", ["keys"]), ("ready", None)]


@pytest.mark.parametrize(("seconds", "told"), [(60.0, []), (0.0, ["not_ready"])])
def test_metadata_that_is_still_being_fetched_is_no_news(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seconds: float, told: list[str]
) -> None:
    monkeypatch.setattr(module, "FETCHING_SECONDS", seconds)
    there: dict[str, int] = {"EE": 0}
    looks = Looks(metadata=lambda _now: dict(there), available=lambda _now: {"EE": True})
    vitals = _vitals(engine, looks, pinned=0)
    with capture_logs() as logs:
        assert vitals.look() == vitals.look() == ("metadata",)
        assert not vitals.fit
        there["EE"] = NOW + 60
        assert vitals.look() == ()
        there["EE"] = 0
        vitals.look()
    # What was there and is gone is told at once
    assert [line["event"] for line in logs] == [*told, "ready", "not_ready"]


def test_the_ledgers_lag_is_how_many_leaves_wait_and_since_when(engine: Engine) -> None:
    with writing(engine).begin() as connection:
        for number, seconds in ((1, NOW - 5), (2, NOW - 90)):
            record = bytes([number] * 16)
            row = {"tenant": CITY, "record": record, "time": seconds, "leaf_hash": record}
            openings = {"sent_opening": b"x", "decision_opening": b"x"}
            connection.execute(insert(tables.records).values(**row, **openings))
            connection.execute(insert(tables.staged).values(tenant=CITY, record=record, leaf=b"leaf"))
    measures = Measures()
    _vitals(engine, Looks(), measures=measures).look()
    figures = told(measures)
    assert figures["ciconia_ledger_staged", CITY] == 2
    assert figures["ciconia_ledger_oldest_staged_seconds", CITY] == 90
    assert figures["ciconia_ledger_unsigned", CITY] == 2


def test_a_leaf_that_no_checkpoint_covers_is_counted_from_the_first_one_on(engine: Engine) -> None:
    measures = Measures()
    vitals = _vitals(engine, Looks(), measures=measures)

    def unsigned() -> tuple[float, float | None]:
        vitals.look()
        figures = told(measures)
        return figures["ciconia_ledger_unsigned", CITY], figures.get(("ciconia_ledger_checkpoint_timestamp_seconds", CITY))

    assert unsigned() == (0, None)
    with writing(engine).begin() as connection:
        row = {"tenant": CITY, "root": b"r", "checkpoints": 0, "epoch": 1, "holder": b"", "lease_ends": 0, "seal": b"s"}
        connection.execute(insert(tables.trees).values(size=3, **row))
    assert unsigned() == (3, None), "nothing was ever signed"
    with writing(engine).begin() as connection:
        row = {"tenant": CITY, "root": b"r", "time": NOW - 5, "note": b"n", "seal": b"s"}
        connection.execute(insert(tables.checkpoints).values(number=1, size=2, **row))
    assert unsigned() == (1, NOW - 5)
    with writing(engine).begin() as connection:
        connection.execute(insert(tables.checkpoints).values(number=2, size=3, **row))
    assert unsigned() == (0, NOW - 5)


def test_gauges_say_what_the_looks_found(engine: Engine) -> None:
    measures = Measures()
    looks = Looks(
        keys=lambda _now: {"saml": NOW + 9},
        metadata=lambda _now: {"EE": NOW + 7},
        available=lambda _now: {"EE": False},
        off=lambda _now: {"party": 2, "country": 0},
        queue=lambda: (3, {"begun": 1, "new": 250}),
        shared_limits=lambda: False,
    )
    _vitals(engine, looks, measures=measures).look()
    figures = told(measures)
    assert figures["ciconia_key_ends_timestamp_seconds", CITY, "saml"] == NOW + 9
    assert figures["ciconia_metadata_ends_timestamp_seconds", CITY, "EE"] == NOW + 7
    assert figures["ciconia_country_available", CITY, "EE"] == 0
    assert figures["ciconia_switched_off", CITY, "party"] == 2
    assert figures["ciconia_admission_at_work", CITY] == 3
    assert figures["ciconia_admission_waiting", CITY, "new"] == 250
    assert figures["ciconia_shared_limits_reachable", CITY] == 0


def test_a_thread_that_meets_what_nobody_foresaw_goes_on_looking(engine: Engine) -> None:
    calls: list[int] = []

    def keys(_now: int) -> dict[str, int]:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("Canary-1887")
        return {}

    vitals = _vitals(engine, Looks(keys=keys))
    with capture_logs() as logs:
        vitals.start()
        until(lambda: vitals.fit)
        vitals.stop()
    assert logs[0]["event"] == "vitals_failed"
    assert "Canary" not in repr(logs)
