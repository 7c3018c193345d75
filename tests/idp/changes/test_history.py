"""The history of configurations: each is found by hash, one is in force, and no stranger's row counts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from sqlalchemy import text

from idp.audit.verify import verify_ledger
from idp.changes.bundle import Bundle
from idp.changes.history import Applied, History, Overtaken
from idp.store.engine import writing
from idp.store.store import Store
from policies.errors import StoreUnavailable
from policies.parties import Tenant
from tests.idp.store.units import KEYS, NOW, TENANT, opened_at

FIRST = Bundle({"purposes/a.toml": b'id = "a"', "parties/b.toml": b"b"})
SECOND = Bundle({**FIRST.files, "parties/b.toml": b"c"})


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    found = opened_at(url)
    yield found
    found.close()


def fresh(store: Store, tenant: str = TENANT) -> History:
    """The history as a process that starts now reads it."""
    return History(engine=store.engine, tenant=Tenant(tenant), keys=KEYS, commits=store)


def sql(store: Store, statement: str) -> None:
    with writing(store.engine).begin() as connection:
        connection.execute(text(statement))


def two(store: Store) -> tuple[Applied, Applied]:
    history = fresh(store)
    first = history.put(FIRST, who="start", now=NOW, before=None)
    return first, history.put(SECOND, who="mari", now=NOW + 1, before=first, widened=["more"], approved=["juhan"])


def test_each_configuration_is_found_by_hash_and_the_last_one_is_in_force(store: Store) -> None:
    assert fresh(store).newest() is None
    first, second = two(store)
    history = fresh(store)
    assert history.newest() == second == Applied(2, SECOND.digest, NOW + 1, "mari")
    assert (history.at(1), history.at(3)) == (first, None)
    assert (history.bundle(FIRST.digest), history.bundle(SECOND.digest, like=FIRST)) == (FIRST, SECOND)
    assert history.purpose_text(FIRST.hashes["purposes/a.toml"]) == b'id = "a"'
    assert history.purpose_text("0" * 64) is None
    facts = history.facts(2) or {}
    told = [facts[name] for name in ("before", "after", "who", "widened", "approved")]
    assert told == [FIRST.digest, SECOND.digest, "mari", ["more"], ["juhan"]]
    assert list(history.faults()) == []
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM configurations")).scalar_one() == 5
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role="city")
    assert not [each for each in report.findings if each.table == "records"]


def test_one_of_many_that_change_at_once_has_the_number(store: Store) -> None:
    def put(number: int) -> Applied:
        history = fresh(store)
        try:
            return history.put(Bundle({"parties/b.toml": b"%d" % number}), who=str(number), now=NOW, before=None)
        except Overtaken as overtaken:
            return cast("Applied", overtaken.newest)

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(put, range(6)))
    assert found == {fresh(store).newest()}


def test_a_change_that_widens_thousands_of_services_has_a_record_and_that_says_how_many_it_leaves_out(store: Store) -> None:
    widened = [f"*Service {number}* would newly receive: {'a title ' * 30}" for number in range(5000)]
    fresh(store).put(FIRST, who="start", now=NOW, before=None, widened=widened)
    told = cast("list[str]", (fresh(store).facts(1) or {})["widened"])
    assert told == [*widened[: len(told) - 1], f"and {5001 - len(told)} more"]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE applied SET digest = (SELECT digest FROM applied WHERE number = 1) WHERE number = 2", "no seal"),
        ("DELETE FROM applied WHERE number = 2", "its row is gone"),
        ("DELETE FROM applied", "its row is gone"),
        ("UPDATE applied SET number = 7 WHERE number = 1", "no seal"),
    ],
)
def test_a_stranger_puts_nothing_in_force(store: Store, statement: str, fault: str) -> None:
    second, watching = two(store)[1], fresh(store)
    assert watching.newest() == second
    sql(store, statement)
    assert watching.newest() == fresh(store).newest() == second
    assert any(fault in each for each in fresh(store).faults())


def test_what_was_in_force_is_not_turned_back_in_a_process_that_saw_it(store: Store) -> None:
    second, watching = two(store)[1], fresh(store)
    watching.newest()
    sql(store, "DELETE FROM applied WHERE number = 2")
    sql(store, "DELETE FROM staged")
    sql(store, "DELETE FROM records")
    assert watching.newest() == second


def test_a_record_that_was_changed_and_has_no_row_is_no_guess(store: Store) -> None:
    two(store)
    sql(store, "DELETE FROM applied WHERE number = 2")
    sql(store, "UPDATE records SET time = time + 10000000 WHERE time > 1790000000")
    with pytest.raises(StoreUnavailable, match="configuration 2 was changed"):
        fresh(store).newest()


def test_a_file_that_was_changed_or_is_another_tenants_is_none_of_ours(store: Store) -> None:
    two(store)
    assert fresh(store, "other.example").newest() is None
    assert fresh(store, "other.example").bundle(FIRST.digest) is None
    sql(store, "UPDATE configurations SET octets = (SELECT min(octets) FROM configurations)")
    assert fresh(store).bundle(SECOND.digest) is None
    assert "is gone or was changed" in " ".join(fresh(store).faults())
    fresh(store).keep(SECOND, now=NOW)
    assert fresh(store).bundle(SECOND.digest) == SECOND
