"""Sessions in both databases: a sign-in goes on in one or fails, one of two ends it, and one of two workers sends."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from idp.ports import ENDED, SessionRow, sid_digest
from idp.store import tables
from idp.store.logout_queue import FIRST_PAUSE, LEASE, MOST_TRIES, OF_EACH, LogoutQueue
from idp.store.sessions import StoredSessions
from idp.store.store import Store
from policies.errors import Conflict
from policies.parties import ClientId
from tests.idp.store.units import NOW, TENANT, opened, opened_at, release, unit

SESSION = b"s" * 16
LATEST = NOW + 3600
Told = Callable[[ClientId], bool]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A file, and a database of PostgreSQL."""
    if request.param == "sqlite":
        found = opened(request.getfixturevalue("folder"))
    else:
        found = opened_at(request.getfixturevalue("postgres"))
    yield found
    found.close()


def row(client: str = "desk", *, joined: bool = False, cookie: bytes = b"c" * 32) -> SessionRow:
    return SessionRow(
        session=SESSION,
        cookie=cookie,
        person=b"p" * 32,
        upstream=b"u" * 32,
        provider="ee",
        content=b"sealed",
        latest=LATEST,
        end=NOW + 600,
        client=client,
        sid=f"sid of {client}",
        joined=joined,
    )


def signs_in(store: Store, session: SessionRow) -> None:
    store.commit(replace(unit(record=release()), session=session))


def stored(store: Store) -> StoredSessions:
    return StoredSessions(engine=store.engine, tenant=TENANT)


def queue(store: Store) -> LogoutQueue:
    return LogoutQueue(engine=store.engine, tenant=TENANT)


def records(store: Store) -> int:
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.records)) or 0


def test_a_sign_in_goes_on_in_a_session_and_its_handle_is_another_one(store: Store) -> None:
    signs_in(store, row())
    signs_in(store, row("library", joined=True, cookie=b"n" * 32))
    found = stored(store)
    assert found.by_cookie(b"c" * 32, NOW) is None
    now = found.by_cookie(b"n" * 32, NOW)
    assert now is not None
    assert (now.session, now.latest) == (SESSION, LATEST)
    assert found.standing(SESSION, LATEST) is None, "its end has come"
    assert found.of_participant(ClientId("library"), "sid of library", NOW) == SESSION
    assert found.of_participant(ClientId("desk"), "sid of library", NOW) is None
    for names in (
        found.of_person(b"p" * 32, "ee", unnamed=False),
        found.of_upstream("ee", b"u" * 32),
        found.of_providers(["ee"]),
    ):
        assert list(names) == [SESSION]


def test_a_sign_in_in_a_session_that_has_ended_writes_nothing(store: Store) -> None:
    signs_in(store, row())
    stored(store).end([SESSION], NOW, told=lambda _client: False, due=NOW)
    before = records(store)
    with pytest.raises(Conflict, match="session"):
        signs_in(store, row("library", joined=True))
    assert records(store) == before
    assert stored(store).standing(SESSION, NOW) is None


def test_of_many_who_end_a_session_one_does_and_each_service_is_noted_once(store: Store) -> None:
    signs_in(store, row())
    signs_in(store, row("library", joined=True))
    found = stored(store)
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda _: found.end([SESSION], NOW, told=lambda client: client == "desk", due=NOW), range(8)))
    (one,) = filter(None, ended)
    assert [(each.client_id, bool(each.logout)) for each in one] == [("desk", True), ("library", False)]
    assert store.parked(TENANT, ENDED, sid_digest("sid of library"), NOW) == b""
    (entry,) = queue(store).listed()
    assert (entry.client_id, entry.sid, entry.due) == ("desk", "sid of desk", NOW)


def test_of_two_workers_one_takes_what_is_due_until_its_lease_ends(store: Store) -> None:
    signs_in(store, row())
    stored(store).end([SESSION], NOW, told=lambda _client: True, due=NOW)
    workers = queue(store), queue(store)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda place: workers[place % 2].take(NOW), range(8)))
    assert sorted(map(len, taken)) == [0] * 7 + [1]
    assert not workers[1].take(NOW + LEASE - 1)
    assert len(workers[1].take(NOW + LEASE)) == 1


def test_of_each_service_few_are_taken_and_of_one_that_is_busy_none(store: Store) -> None:
    for place, client in enumerate(["desk"] * 5 + ["library"] * 5):
        name = f"{place}".encode() * 16
        signs_in(store, replace(row(client, cookie=name), session=name, sid=f"{place}"))
    stored(store).end(stored(store).of_person(b"p" * 32, "ee", unnamed=False), NOW, told=lambda _client: True, due=NOW)
    found = queue(store)
    assert Counter(one.client_id for one in found.take(NOW)) == {"desk": OF_EACH, "library": OF_EACH}
    assert {one.client_id for one in found.take(NOW, {ClientId("desk")})} == {"library"}
    assert len(found.take(NOW, most=1)) == 1


def test_tries_become_seldom_and_end_and_an_operator_begins_anew(store: Store) -> None:
    signs_in(store, row())
    stored(store).end([SESSION], NOW, told=lambda _client: True, due=NOW)
    found, now, pauses = queue(store), NOW, []
    for _ in range(MOST_TRIES):
        (one,) = found.take(now)
        over = found.failed(one, "status 500", now)
        (left,) = found.listed()
        pauses.append(0 if left.due is None else left.due - now)
        now += pauses[-1]
    assert over
    assert pauses == [FIRST_PAUSE * 2**n for n in range(MOST_TRIES - 1)] + [0]
    assert (found.waiting(), found.take(now + 10**6)) == ((0, 1), ())
    assert (found.retry(now, "library"), found.retry(now, "desk"), found.waiting()) == (0, 1, (1, 0))
    (one,) = found.take(now)
    found.done(one)
    assert found.listed() == []


def test_a_logout_that_names_a_session_ends_of_a_person_what_names_none_at_that_provider(store: Store) -> None:
    others = {"named": {}, "unnamed": {"upstream": b""}, "elsewhere": {"upstream": b"", "provider": "lv"}}
    for name, changes in others.items():
        key = name.ljust(16).encode()
        signs_in(store, replace(row(cookie=key * 2), session=key, sid=name, **changes))  # type: ignore[arg-type] # fields
    found, names = stored(store), {one: one.ljust(16).encode() for one in others}
    assert set(found.of_person(b"p" * 32, "ee", unnamed=True)) == {names["unnamed"]}
    assert set(found.of_person(b"p" * 32, "ee", unnamed=False)) == {names["named"], names["unnamed"]}


def test_a_later_mark_of_what_ended_upstream_takes_the_place_of_an_earlier_and_not_the_other_way(store: Store) -> None:
    found = stored(store)
    for until in (NOW + 5, NOW + 9, NOW + 7):
        found.note([b"one", b"two"], until)
        found.note([], until)
    assert found.noted([b"two", b"three"], NOW + 9)
    assert not found.noted([b"two"], NOW + 10)
    assert not found.noted([b"three"], NOW)
