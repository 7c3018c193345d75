"""A city's database with one view of its people, in SQLite and in PostgreSQL."""

import sqlite3
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister, DatabaseView
from policies.attributes import AttributeName
from policies.parties import RegisterId
from tests.connectors.registers.authority import ADDRESS, BIRTHDATE, NATIONALITY, PERSON, SOURCE
from tests.postgres import server

KEY = AttributeName("person_identifier")
TABLE = """CREATE TABLE people (national_id TEXT, "born on" DATE, street TEXT, town TEXT, land TEXT, number INTEGER)"""
VIEW = "CREATE VIEW residents AS SELECT * FROM people"
ROWS = (
    (PERSON, "1887-04-12", "Quaggenweg 17", "Storkhaven", "EE", 1),
    ("EE/SE/2", "1887-04-13", "Quaggenweg 18", "Storkhaven", "EE", 2),
    ("EE/SE/twice", None, "Quaggenweg 19", "Storkhaven", "EE", 3),
    ("EE/SE/twice", None, "Quaggenweg 20", "Storkhaven", "EE", 4),
    ("EE/SE/wide", None, "x" * 300, "Storkhaven", "EE", 5),
    ("EE/SE/bare", None, None, None, None, None),
)


def register(database: str, view: str = "residents") -> AttributeRegister:
    return AttributeRegister(
        register_id=RegisterId("residents"),
        title={"en": "Residents' register"},
        issuer="residents",
        loa=LevelOfAssurance.HIGH,
        found_by={KEY: "national_id"},
        attributes={
            "born on": (BIRTHDATE, ""),
            "street": (ADDRESS, "street"),
            "town": (ADDRESS, "locality"),
            "land": (ADDRESS, "country"),
            "number": (NATIONALITY, ""),
        },
        transport=DatabaseView(database, view),
        source=SOURCE,
    )


def sqlite(folder: Path) -> str:
    path = folder / "city.db"
    with sqlite3.connect(path) as connection:
        connection.execute(TABLE)
        connection.execute(VIEW)
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", ROWS)
    connection.close()
    return f"sqlite:///{path}"


def postgres() -> str:
    """A database whose view one role may read, and nothing else."""
    url = server().fresh()
    name = str(make_url(url).database)
    reader = f"reader_of_{name}"
    with psycopg.connect(server().conninfo(name), autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute(VIEW)
        connection.cursor().executemany("INSERT INTO people VALUES (%s, %s, %s, %s, %s, %s)", ROWS)
        connection.execute(f"CREATE ROLE {reader} LOGIN".encode())
        connection.execute(f"GRANT SELECT ON residents TO {reader}".encode())
    return str(make_url(url).set(username=reader))
