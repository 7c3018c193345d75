"""SQLite's plans for questions of every half second, or of an emergency: none reads all that there ever was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # Any: the driver's connection, and what the pool knows of it

import pytest
from sqlalchemy import Engine, event

from idp.doctor.ledger import oldest_staged
from idp.store.store import Store
from idp.store.switches.switchboard import Switchboard
from tests.idp.store.units import KEYS, NOW, TENANT, marks, opened, release, unit


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    found = opened(folder)
    found.commit(unit(*marks("once"), record=release(b"r" * 32)))
    yield found
    found.close()


@contextmanager
def told(engine: Engine) -> Iterator[list[str]]:
    asked: list[str] = []

    def watch(connection: Any, *_of_the_pool: Any) -> None:
        connection.set_trace_callback(asked.append)

    event.listen(engine, "checkout", watch)
    try:
        yield asked
    finally:
        event.remove(engine, "checkout", watch)


def plans(store: Store, call: Callable[[], object], *, of: str) -> list[str]:
    """The first step of each question about the tables `of`, as SQLite would take it."""
    with told(store.engine) as asked:
        call()
    questions = [text for text in asked if text.startswith("SELECT") and of in text]
    with store.engine.connect() as connection:
        return [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()[0][3] for text in questions]


def test_whether_it_was_restored_is_asked_without_reading_the_other_marks(store: Store) -> None:
    store._kept.close()  # the connection that it would ask is taken anew
    found = plans(store, store._look, of="marks")
    assert found == ["SEARCH marks USING PRIMARY KEY (tenant=? AND kind=?)"]


def test_the_record_that_waits_longest_is_found_among_those_that_wait(store: Store) -> None:
    def ask() -> None:
        with store.engine.connect() as connection:
            assert oldest_staged(connection, TENANT) == NOW

    assert plans(store, ask, of="staged") == ["SEARCH staged USING PRIMARY KEY (tenant=?)"]


def test_an_act_asks_for_the_newest_moment_among_the_records_that_wait(store: Store) -> None:
    board = Switchboard(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)

    def ask() -> None:
        assert board._newest() == NOW

    assert plans(store, ask, of="staged") == ["SEARCH staged USING PRIMARY KEY (tenant=?)"]
