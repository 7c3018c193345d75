"""A view that our account may write to, a table in its place, and one that cannot be read: `ciconia doctor` says so."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.connectors.registers.views import postgres, sqlite
from tests.idp.doctor.ward import ERROR, WARNING, at, examined, healthy, write

FILE = "registers/population.toml"


def _register(database: str, view: str = "residents", password: str = "") -> str:
    return f"""\
id = "population"
title.en = "Population register"
level = "high"

[controller]
name.en = "City of Storkhaven"
contact = "residents@storkhaven.example"

[found_by]
person_identifier = "national_id"

[attributes]
street = "address.street"
town = "address.locality"

[view]
database = "{database}"
view = "{view}"
{f'password_file = "{password}"' if password else ""}
"""


@pytest.mark.spec("issue 33 bad input")
def test_a_view_that_our_account_may_write_to_is_a_warning_and_one_to_read_is_none(city: Path) -> None:
    url = make_url(postgres()).set(drivername="postgresql")
    reader, owner = str(url), str(url.set(username="ciconia"))
    write(city, FILE, _register(owner))
    found = at(examined(city, outside=healthy()), FILE, "view")
    assert (found.severity, "may write" in found.what) == (WARNING, True)
    write(city, FILE, _register(reader))
    assert [one for one in examined(city, outside=healthy()).findings if one.key == "view"] == []
    # Its account is asked over the network: not where nobody is to be asked
    write(city, FILE, _register(owner))
    assert [one for one in examined(city).findings if one.key == "view"] == []


def test_a_table_is_a_warning_and_what_is_not_there_an_error(city: Path, tmp_path: Path) -> None:
    database = sqlite(tmp_path)
    write(city, FILE, _register(database, "people"))
    assert at(examined(city, outside=healthy()), FILE, "view", "it is a table").severity is WARNING
    write(city, FILE, _register(database, "nothing"))
    assert at(examined(city, outside=healthy()), FILE, "view", "OperationalError").severity is ERROR


def test_the_password_comes_from_its_file_which_nobody_else_may_read(city: Path, tmp_path: Path) -> None:
    url = make_url(postgres()).set(drivername="postgresql")
    password = write(tmp_path, "password", "of a reader\n", mode=0o600)
    write(city, FILE, _register(str(url), password=str(password)))
    assert [one for one in examined(city, outside=healthy()).findings if one.key in ("view", "password")] == []
    password.chmod(0o644)
    found = at(examined(city, outside=healthy()), FILE, "view", "the password's file")
    assert (found.severity, "of a reader" in found.what) == (WARNING, False)
    password.unlink()
    assert at(examined(city, outside=healthy()), str(password), "password").severity is ERROR
