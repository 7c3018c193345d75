"""Keys that take over: the doctor says what is to come, what nobody needs any more, and that nothing is left."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from idp.config.settings import load_settings
from idp.keys import kinds
from idp.keys.file import create_token_key
from idp.keys.folder import load_keys
from idp.store.store import open_store
from idp.store.switches.switch import KEY
from idp.store.switches.switchboard import Switchboard
from tests.idp.doctor.ward import DAY, ERROR, NOTICE, NOW, WARNING, examined, only

MINUTE = NOW // 60 * 60


def key(city: Path, begins: int, made: int = NOW) -> str:
    path = city / "keys" / kinds.ES256.file_from(begins)
    create_token_key(path, "ES256")
    os.utime(path, (made, made))
    return f"keys/{path.name}"


def revoke(city: Path, key_id: str) -> None:
    settings = load_settings(city)
    ledger = load_keys(settings.key_folder, settings.origin, now=NOW).ledger
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=ledger)
    board = Switchboard(engine=store.engine, tenant=settings.tenant, keys=ledger, commits=store)
    board.set_switch(KEY, key_id, off=True, reason="it was seen", now=NOW)
    store.close()


def of(city: Path, now: int) -> str:
    settings = load_settings(city)
    return load_keys(settings.key_folder, settings.origin, now=NOW).es256.at(now).key_id


def first(city: Path) -> str:
    return of(city, 0)


def test_a_key_that_is_to_come_is_told_with_its_remaining_time(city: Path) -> None:
    file = key(city, MINUTE + 3 * DAY)
    found = only(examined(city))
    assert (found.severity, found.file) == (NOTICE, file)
    assert "in 2 days" in found.what or "in 3 days" in found.what


def test_a_key_that_begins_before_others_can_know_it_is_a_warning(city: Path) -> None:
    file = key(city, MINUTE + 3600)
    found = only(examined(city))
    assert (found.severity, found.file) == (WARNING, file)
    assert kinds.ES256.file_from(kinds.ES256.begins("es256.pem") or 0) not in found.fix
    assert "es256-" in found.fix


def test_a_key_that_nobody_needs_any_more_is_a_notice(city: Path) -> None:
    key(city, MINUTE - kinds.ES256.overlap - 60)
    found = only(examined(city))
    assert (found.severity, found.file) == (NOTICE, "keys/es256.pem")
    assert found.fix.startswith("Delete it")


def test_where_every_key_of_a_kind_is_revoked_it_is_an_error(city: Path) -> None:
    revoke(city, first(city))
    found = examined(city).findings
    errors = [one for one in found if one.severity == ERROR]
    assert [one.what for one in errors] == ["every key of es256 is revoked."]
    assert "another machine has one that counts already, copy its file" in errors[0].fix, "a second new key helps nobody"
    assert errors[0].fix.endswith(f"ciconia keys rotate es256 --now --config {city}")
    key(city, MINUTE - 60)
    assert not [one for one in examined(city).findings if one.severity == ERROR], "another one took over"


def test_a_revoked_key_goes_after_those_that_are_over_by_its_file_alone(city: Path) -> None:
    second = key(city, MINUTE - 90 * DAY)
    revoke(city, of(city, MINUTE))
    (found,) = [one for one in examined(city).findings if one.file == second]
    assert found.fix == "Delete it on every machine, and before it es256.pem: without it, those would count again."
    (city / "keys" / "es256.pem").rename(city / "es256.pem")
    (found,) = [one for one in examined(city).findings if one.file == second]
    assert found.fix == "Delete it on every machine."
    # What it is for
    (city / "es256.pem").rename(city / "keys" / "es256.pem")
    (city / second).unlink()
    assert of(city, MINUTE) == first(city)


def test_a_revocation_whose_row_was_deleted_is_an_error_and_names_the_key(city: Path) -> None:
    create_token_key(city / "keys" / kinds.ES256.file_from(MINUTE - 60), "ES256")
    revoked = first(city)
    revoke(city, revoked)
    with closing(sqlite3.connect(city / "ciconia.db")) as connection, connection:
        connection.execute("DELETE FROM switches")
    found = next(one for one in examined(city).findings if one.severity is ERROR)
    assert found.key == f"key {revoked}"
    assert "the ledger has it off, and its row is gone: it counts as off." in found.what
    assert found.fix == f"ciconia keys revoke {revoked}"
