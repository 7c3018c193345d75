"""The demo city's register of residents: a database of the city with a view, which the broker may only read."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from idp.demo.citizens import Citizen

COLUMNS = {"card": "person_identifier", "street": "address.street", "town": "address.locality"}


def write_residents(path: Path, citizens: Iterable[Citizen]) -> None:
    """Makes the database, with a row for each citizen. The view has nothing else of them."""
    rows = [(one.attributes["family_name"], *(one.attributes[name] for name in COLUMNS.values())) for one in citizens]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE people (name TEXT, card TEXT UNIQUE, street TEXT, town TEXT)")
        database.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
        database.execute("CREATE VIEW residents AS SELECT card, street, town FROM people")
