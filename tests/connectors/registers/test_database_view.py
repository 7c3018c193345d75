"""A view is asked for one row by a bound value, in a transaction that only reads: by SQLite and PostgreSQL themselves."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from connectors.attribute_provider import asked
from connectors.registers.database_view import RegisterView
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName
from policies.catalogue import STANDARD
from policies.errors import AssertionRejected, Misconfigured, PeerUnavailable
from tests.connectors.registers.authority import ADDRESS, BIRTHDATE, HANDED, NATIONALITY, PERSON, question
from tests.connectors.registers.views import KEY, TABLE, VIEW, postgres, register, sqlite
from tests.postgres import server

NOW = 1_795_600_000
# As a citizen could be called by whoever vouches for them
HOSTILE = ("' OR '1'='1", '" OR 1=1 --', "x'; DROP TABLE people; --", "%", "_", ":key0", "%(key0)s", "\\")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return sqlite(tmp_path) if request.param == "sqlite" else postgres()


@pytest.fixture
def view(database: str) -> Iterator[RegisterView]:
    made = RegisterView(register=register(database), catalogue=STANDARD)
    yield made
    made.close()


def _refused(view: RegisterView, person: str, *wanted: AttributeName) -> str:
    with pytest.raises(AssertionRejected) as caught:
        view.ask(asked({KEY: person}, wanted or (ADDRESS,), NOW), time.monotonic() + 30)
    assert person not in caught.value.detail
    return caught.value.check


@pytest.mark.spec("issue 33 item 3")
def test_one_row_is_the_persons_and_a_date_is_a_date(view: RegisterView) -> None:
    found = view.ask(question([ADDRESS, BIRTHDATE], NOW), time.monotonic() + 30)
    assert found.attributes == {ADDRESS: Address("Quaggenweg 17", "", "Storkhaven", "", "EE"), BIRTHDATE: "1887-04-12"}
    assert (found.loa, found.issued_at, found.ends) == (LevelOfAssurance.HIGH, NOW, NOW + 300)
    # What is not asked for is not read
    assert list(view.ask(question([BIRTHDATE], NOW), time.monotonic() + 30).attributes) == [BIRTHDATE]
    bare = view.ask(asked({KEY: "EE/SE/bare"}, [ADDRESS, BIRTHDATE], NOW), time.monotonic() + 30)
    assert bare.attributes == {}
    assert set(HANDED) == {KEY}


@pytest.mark.spec("issue 33 bad input")
def test_nobody_two_people_a_number_and_what_is_too_long_are_refused_by_their_names(view: RegisterView) -> None:
    assert _refused(view, "EE/SE/nobody") == "person_unknown"
    assert _refused(view, "EE/SE/twice") == "rows_several"
    assert _refused(view, PERSON, NATIONALITY) == "value_type"
    assert _refused(view, "EE/SE/wide") == "value_type"


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(("column", "kept", "spelled"), [("INTEGER", 42, "042"), ("TEXT COLLATE NOCASE", "ab", "AB")])
def test_another_spelling_of_a_key_is_somebody_else(tmp_path: Path, column: str, kept: object, spelled: str) -> None:
    """SQLite compares as the column says."""
    with sqlite3.connect(tmp_path / "city.db") as connection:
        connection.execute(TABLE.replace("national_id TEXT", f"national_id {column}"))
        connection.execute(VIEW)
        connection.execute("INSERT INTO people (national_id, town) VALUES (?, 'Storkhaven')", (kept,))
    connection.close()
    made = RegisterView(register=register(f"sqlite:///{tmp_path}/city.db"), catalogue=STANDARD)
    assert _refused(made, spelled) == "answer_subject"
    made.close()


@pytest.mark.spec("issue 33 item 3")
@pytest.mark.parametrize("text", HOSTILE)
def test_a_value_is_compared_and_never_a_part_of_a_statement(view: RegisterView, text: str) -> None:
    assert _refused(view, text) == "person_unknown"
    assert view.ask(question([ADDRESS], NOW), time.monotonic() + 30).attributes


@pytest.mark.spec("issue 33 item 3")
def test_it_only_reads_whatever_the_account_could_do(database: str) -> None:
    if database.startswith("sqlite"):
        writer, name = database, ""
    else:
        writer, name = str(make_url(database).set(username="ciconia")), str(make_url(database).database)
    made = RegisterView(register=register(writer), catalogue=STANDARD)
    # A view whose reading would write is one that a careless operator makes
    if name:
        server().execute(
            "CREATE FUNCTION seen() RETURNS text LANGUAGE sql VOLATILE AS"
            " $$ INSERT INTO people (town) VALUES ('x') RETURNING town $$",
            name,
        )
        server().execute(
            'CREATE OR REPLACE VIEW residents AS SELECT national_id, "born on", street, seen() AS town, land, number'
            " FROM people",
            name,
        )
        with pytest.raises(PeerUnavailable, match="ReadOnlySqlTransaction") as caught:
            made.ask(question([ADDRESS], NOW), time.monotonic() + 30)
        assert caught.value.check == "database"
    else:
        with made._engine.connect() as connection, pytest.raises(Exception, match="readonly"):
            connection.exec_driver_sql("DELETE FROM people")
    made.close()


@pytest.mark.spec("issue 33 item 3")
def test_a_view_that_may_be_written_or_is_a_table_is_told_to_the_operator(database: str, view: RegisterView) -> None:
    postgres = database.startswith("postgresql")
    if postgres:
        assert view.faults() == []
    owner = database if not postgres else str(make_url(database).set(username="ciconia"))
    by_owner = RegisterView(register=register(owner), catalogue=STANDARD)
    (fault,) = by_owner.faults()
    assert "may write" in fault
    by_owner.close()
    of_a_table = RegisterView(register=register(owner, "people"), catalogue=STANDARD)
    assert "it is a table" in of_a_table.faults()[0]
    of_a_table.close()
    missing = RegisterView(register=register(owner, "nothing"), catalogue=STANDARD)
    with pytest.raises(PeerUnavailable) as caught:
        missing.faults()
    assert caught.value.check == "database"
    missing.close()


@pytest.mark.spec("issue 33 bad input")
def test_a_statement_ends_at_its_deadline(database: str) -> None:
    postgres = database.startswith("postgresql")
    owner = database if not postgres else str(make_url(database).set(username="ciconia"))
    if postgres:
        name = str(make_url(database).database)
        server().execute("CREATE VIEW slow AS SELECT * FROM people WHERE pg_sleep(20)::text = ''", name)
    else:
        with sqlite3.connect(str(make_url(database).database)) as connection:
            connection.execute(
                "CREATE VIEW slow AS SELECT * FROM people WHERE number < (WITH RECURSIVE n(i) AS"
                " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n)"
            )
        connection.close()
    made = RegisterView(register=register(owner, "slow"), catalogue=STANDARD)
    begun = time.monotonic()
    with pytest.raises(PeerUnavailable) as caught:
        made.ask(question([ADDRESS], NOW), begun + 0.3)
    assert caught.value.check == "deadline"
    assert time.monotonic() - begun < 15
    made.close()


def test_a_database_that_is_away_opens_the_breaker(tmp_path: Path) -> None:
    made = RegisterView(register=register(f"sqlite:///{tmp_path}/nothing.db"), catalogue=STANDARD)
    checks = []
    for _ in range(4):
        with pytest.raises(PeerUnavailable) as caught:
            made.ask(question([ADDRESS], NOW), time.monotonic() + 30)
        checks.append(caught.value.check)
    assert checks == ["database", "database", "database", "breaker"]


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "mysql://x/y", "postgresql://x", "postgresql+asyncpg://x/y", "sqlite:///a?mode=rw"]
)
def test_another_database_is_found_at_start(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"registers/residents\.toml:1: database"):
        RegisterView(register=register(url), catalogue=STANDARD)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("postgresql://reader@db.example/city", False),
        ("postgresql://reader@db.example/city?sslmode=require", False),
        ("postgresql://reader@localhost/city?host=db.example", False),
        ("postgresql://reader@/city?hostaddr=192.0.2.1", False),
        ("postgresql://reader@db.example/city?sslmode=verify-full&sslrootcert=/etc/ca.pem", True),
        ("postgresql://reader@/city?host=/run/postgresql", True),
        ("postgresql://reader@127.0.0.1/city", True),
    ],
)
def test_nothing_of_a_person_crosses_a_network_in_plain(url: str, taken: bool) -> None:  # noqa: FBT001
    if taken:
        RegisterView(register=register(url), catalogue=STANDARD).close()
        return
    with pytest.raises(Misconfigured, match="sslmode=verify-full"):
        RegisterView(register=register(url), catalogue=STANDARD)
