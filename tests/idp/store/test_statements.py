"""Statements that are compiled once do what Core's do, in as few statements as there are sizes."""

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, Insert, create_engine, func, select
from sqlalchemy.exc import IntegrityError, OperationalError

from idp.store import tables
from idp.store.engine import Upsert, open_engine
from idp.store.statements import SIZES, CompiledStatement, Inserting, Row, plain
from tests.idp.store.sent import Sent, sent_by

TENANT = "city.example"


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = create_engine("sqlite://")
    tables.metadata.create_all(found)
    yield found
    found.dispose()


@pytest.fixture
def either(url: str) -> Iterator[Engine]:
    found = open_engine(url)
    yield found
    found.dispose()


@pytest.fixture
def sent(engine: Engine) -> Sent:
    """The statements that the driver got."""
    return sent_by(engine)


def row(number: int) -> Row:
    return TENANT, number.to_bytes(4), b"c", number


def stored(connection: Connection) -> list[int]:
    return list(connection.scalars(select(tables.decisions.c.ends).order_by(tables.decisions.c.login)))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 15, 63, 64, 65, 200])
def test_every_row_is_inserted_whatever_their_number(engine: Engine, sent: Sent, count: int) -> None:
    with engine.begin() as connection:
        assert not plain(tables.decisions).run(connection, [row(number) for number in range(count)])
        assert len(sent) <= count // max(SIZES) + len(SIZES) + 2
        assert stored(connection) == list(range(count))


@pytest.mark.parametrize("count", [4, 5, 80])
def test_what_comes_back_comes_in_the_order_of_the_rows(either: Engine, count: int) -> None:
    def taking(fresh: Upsert) -> Insert:
        return fresh.on_conflict_do_nothing().returning(tables.decisions.c.ends)

    inserting = Inserting(tables.decisions, taking)
    with either.begin() as connection:
        plain(tables.decisions).run(connection, [row(3), row(70)])
        found = [ends for (ends,) in inserting.run(connection, [row(number) for number in reversed(range(count))])]
        assert stored(connection) == sorted({*range(count), 3, 70})
    assert found == [number for number in reversed(range(count)) if number not in (3, 70)]


@pytest.mark.parametrize("count", [1, 5, 300])
def test_what_is_stored_is_what_was_given_and_nothing_where_it_was_none(either: Engine, count: int) -> None:
    octets = bytes(range(256))
    rows: list[Row] = [
        (
            'Straße \\ " {NULL},',
            number.to_bytes(16),
            2**62 + number,
            number.to_bytes(32),
            # Every other one has a subject, and nobody a login
            octets if number % 2 else None,
            number if number % 2 else None,
            b"",
            octets,
            None,
            octets,
        )
        for number in range(count)
    ]
    with either.begin() as connection:
        assert not plain(tables.records).run(connection, rows)
        found = connection.execute(select(tables.records).order_by(tables.records.c.record))
        assert [tuple(one) for one in found] == rows


def test_errors_are_those_of_core(engine: Engine) -> None:
    secret = b"canary"
    with pytest.raises(IntegrityError) as caught, engine.begin() as connection:
        plain(tables.decisions).run(connection, [(TENANT, secret, b"c", 1)] * 2)
    assert isinstance(caught.value.orig, sqlite3.IntegrityError)
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.params}"
    with engine.begin() as connection:
        assert stored(connection) == []
    nothing = CompiledStatement(lambda _connection: select(func.count()).select_from(tables.marks))
    with engine.connect() as connection:
        nothing.rows(connection)
        connection.exec_driver_sql("DROP TABLE marks")
        with pytest.raises(OperationalError, match="no such table"):
            nothing.rows(connection)
