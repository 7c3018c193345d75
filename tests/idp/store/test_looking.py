"""A database that is looked at refuses every write, whatever the code asks."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from idp.store import tables
from idp.store.migrate import migrate
from idp.store.records.looking import looking

WRITES = (
    "DELETE FROM applied",
    "UPDATE switches SET off = 0",
    "INSERT INTO marks (tenant) VALUES ('t')",
    "CREATE TABLE stranger (id INTEGER)",
    "DROP TABLE marks",
)


@pytest.mark.parametrize("write", WRITES)
def test_a_database_that_is_looked_at_takes_no_write(url: str, write: str) -> None:
    migrate(url)
    with looking(url) as engine:
        assert engine is not None
        with engine.connect() as connection:
            assert connection.execute(tables.applied.select()).all() == []
        with pytest.raises(DBAPIError, match=r"readonly|read-only|25006|ReadOnly"), engine.begin() as connection:
            connection.execute(text(write))


def test_a_file_that_is_not_there_is_not_made(folder: object) -> None:
    with looking(f"sqlite:///{folder}/none.db") as engine:
        assert engine is None
