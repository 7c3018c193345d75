"""Statements that are compiled once do what Core's do, in as few statements as there are sizes."""

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, Insert, Select, bindparam, create_engine, func, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from idp.store import tables
from idp.store.engine import upsert
from idp.store.statements import SIZES, Inserting, Row, Statement, Values, plain
from tests.idp.store.sent import Sent, sent_by

TENANT = "city.example"


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = create_engine("sqlite://")
    tables.metadata.create_all(found)
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


def test_a_statement_is_made_once_for_each_number_of_rows(engine: Engine) -> None:
    made: list[int] = []

    def making(_connection: Connection, values: Values) -> Insert:
        made.append(len(values))
        return insert(tables.decisions).values(values)

    inserting = Inserting(tables.decisions, making)
    with engine.begin() as connection:
        for start in (0, 10, 20):
            inserting.run(connection, [row(start + number) for number in range(5)])
    assert made == [4, 1]


def test_what_comes_back_comes_in_the_order_of_the_rows(engine: Engine) -> None:
    def taking(connection: Connection, values: Values) -> Insert:
        return (
            upsert(connection, tables.decisions).values(values).on_conflict_do_nothing().returning(tables.decisions.c.ends)
        )

    inserting = Inserting(tables.decisions, taking)
    with engine.begin() as connection:
        plain(tables.decisions).run(connection, [row(3), row(70)])
        found = [ends for (ends,) in inserting.run(connection, [row(number) for number in range(80)])]
    assert found == [number for number in range(80) if number not in (3, 70)]


def test_a_row_without_a_column_is_a_fault_of_the_program(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(ValueError, match="columns"):
        plain(tables.decisions).run(connection, [(TENANT, b"1", b"c")])


def test_errors_are_those_of_core(engine: Engine) -> None:
    secret = b"canary"
    with pytest.raises(IntegrityError) as caught, engine.begin() as connection:
        plain(tables.decisions).run(connection, [(TENANT, secret, b"c", 1)] * 2)
    assert isinstance(caught.value.orig, sqlite3.IntegrityError)
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.params}"
    with engine.begin() as connection:
        assert stored(connection) == []
    nothing = Statement(lambda _connection: select(func.count()).select_from(tables.marks))
    with engine.connect() as connection:
        nothing.rows(connection)
        connection.exec_driver_sql("DROP TABLE marks")
        with pytest.raises(OperationalError, match="no such table"):
            nothing.rows(connection)


def test_a_statement_runs_with_its_parameters_and_is_made_once(engine: Engine) -> None:
    made: list[str] = []

    def counting(connection: Connection) -> Select[int]:
        made.append(connection.dialect.name)
        return select(func.count()).select_from(tables.decisions).where(tables.decisions.c.ends > bindparam("least"))

    statement = Statement(counting)
    with engine.begin() as connection:
        plain(tables.decisions).run(connection, [row(number) for number in range(10)])
        assert [statement.run(connection, least=least).scalar() for least in (-1, 4, 9)] == [10, 5, 0]
        assert [statement.rows(connection, least=least) for least in (-1, 4, 9)] == [[(10,)], [(5,)], [(0,)]]
    assert made == ["sqlite"]
