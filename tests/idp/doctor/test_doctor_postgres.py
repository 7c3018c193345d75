"""A database of PostgreSQL, as doctor sees it."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete

from idp.ledger.ledger_keys import ledger_keys as keys_of
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.engine import writing
from idp.store.migrate import migrate
from idp.store.store import open_store
from idp.system.clock import system_clock
from policies.errors import Misconfigured
from tests.idp.doctor.shelf import HOST, TENANT, ledger_keys
from tests.idp.doctor.ward import ERROR, NOW, WARNING, at, edit, examined
from tests.idp.store.units import release
from tests.idp.store.units import unit as unit_of
from tests.postgres import server

BEFORE = 'database = "ciconia.db"'


def named(city: Path, url: str) -> str:
    """Let the city use this database; how findings name it."""
    edit(city, "ciconia.toml", BEFORE, f'database = "{url}"')
    host, _, name = url.partition("@")[2].partition("/")
    return f"{name} at {host}"


OTHERS = keys_of(f"{HOST}/log", Ed25519PrivateKey.generate(), b"o" * 32)


@pytest.fixture
def plain() -> str:
    """A migrated database of a role that may do nothing else."""
    url = server().fresh()
    name = url.rpartition("/")[2]
    server().execute(f"CREATE ROLE {name} LOGIN")
    server().execute(f"ALTER DATABASE {name} OWNER TO {name}")
    own = url.replace("ciconia@", f"{name}@")
    migrate(own)
    return own


def test_a_database_that_is_as_it_should_be_has_no_finding(city: Path, plain: str) -> None:
    place = named(city, plain)
    report = examined(city, clock=system_clock)
    assert [one for one in report.findings if one.file == place or one.key == "database"] == []


@pytest.mark.parametrize(("ahead", "way"), [(3600, "ahead of"), (-3600, "behind")])
def test_a_clock_that_is_not_the_databases_is_an_error_that_says_which_way(
    city: Path, plain: str, ahead: int, way: str
) -> None:
    place = named(city, plain)
    found = at(examined(city, clock=lambda: system_clock() + ahead), place, "clock")
    assert found.severity is ERROR
    assert re.fullmatch(f"the clock of this machine is [0-9]+ seconds {way} the database's; 20 are allowed.", found.what)
    assert found.fix == "Set the clock of this machine, or the database's, by NTP."


def test_a_role_that_may_do_everything_is_a_warning(city: Path) -> None:
    url = server().fresh()
    migrate(url)
    place = named(city, url)
    assert at(examined(city), place, "role", "everything").severity is WARNING


def test_commits_that_might_be_lost_are_an_error(city: Path, plain: str) -> None:
    name = plain.rpartition("/")[2]
    server().execute(f"ALTER ROLE {name} SET synchronous_commit = off")
    place = named(city, plain)
    assert at(examined(city), place, "durability", "synchronous_commit = off").severity is ERROR


def test_a_table_that_a_crash_would_empty_is_an_error_that_says_how_it_is_mended(city: Path, plain: str) -> None:
    server().execute("ALTER TABLE marks SET UNLOGGED", plain.rpartition("/")[2])
    place = named(city, plain)
    found = at(examined(city), place, "schema", "marks: this table is UNLOGGED")
    assert (found.severity, found.fix) == (ERROR, "Run ALTER TABLE marks SET LOGGED.")
    assert "the server does not start" in found.why


def test_a_database_that_was_made_read_only_is_an_error(city: Path, plain: str) -> None:
    name = plain.rpartition("/")[2]
    server().execute(f"ALTER ROLE {name} SET default_transaction_read_only = on")
    place = named(city, plain)
    found = at(examined(city), place, "read_only", "was made read-only")
    assert found.severity is ERROR


def test_a_server_that_does_not_answer_is_an_error_and_its_password_is_not_told(city: Path) -> None:
    named(city, "postgresql://ciconia:canary@127.0.0.1:1/city")
    report = examined(city)
    assert at(report, "ciconia.toml", "database", "(OperationalError (refused)). Nobody listens there.").severity is ERROR
    assert "canary" not in repr(report)


def test_a_database_of_other_keys_is_named_as_serve_does_and_nothing_in_it_as_broken(city: Path, plain: str) -> None:
    place = named(city, plain)
    store = open_store(plain, tenant=TENANT, ledger_keys=OTHERS)
    store.commit(type(one := unit_of(record=release()))(tenant=TENANT, record=one.record))
    sequencer = Sequencer(store, OTHERS, checkpoint_seconds=0, clock=lambda: NOW)
    assert sequencer.step()
    sequencer.stop()
    with pytest.raises(Misconfigured) as refused:
        open_store(plain, tenant=TENANT, ledger_keys=ledger_keys(city))
    report = examined(city, clock=system_clock)
    (found,) = (one for one in report.findings if one.file == place)
    assert (found.severity, found.what) == (ERROR, refused.value.problems[0].what)
    assert found.fix.lower() == f"{refused.value.problems[0].fix}.".lower()
    with writing(store.engine).begin() as connection:
        connection.execute(delete(tables.installations))  # as of a version that wrote none
    store.close()
    assert [one.what for one in examined(city, clock=system_clock).findings if one.file == place] == [found.what]


@pytest.mark.parametrize("asked", ["standby", "read-only"])
def test_a_url_that_asks_for_a_standby_is_an_error(city: Path, plain: str, asked: str) -> None:
    named(city, f"{plain}?target_session_attrs={asked}")
    assert at(examined(city), "ciconia.toml", "database", f"target_session_attrs={asked}").severity is ERROR


def test_a_way_that_others_could_listen_to_is_a_warning(city: Path) -> None:
    named(city, "postgresql://ciconia@db.example:1/city?hostaddr=127.0.0.1")
    assert at(examined(city), "ciconia.toml", "database", "encrypted").severity is WARNING


def test_looking_writes_nothing_and_sees_what_waits(city: Path, plain: str) -> None:
    place = named(city, plain)
    store = open_store(plain, tenant=TENANT, ledger_keys=ledger_keys(city))
    one = unit_of(record=release(time=NOW - 100_000))
    store.commit(type(one)(tenant=TENANT, record=one.record))
    found = at(examined(city), place, "staged", "waits for its place")
    assert found.severity is WARNING
    store.close()
