"""A reload: the supervisor waits for no database, and a tenant that came with it gets its tables."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from idp.application.tenants import OpenInstallation
from idp.cli import serve_plan
from idp.cli.serve_plan import Looked, look, look_again, migrate_where_needed, plan
from idp.config.settings import load_settings
from idp.keys.change import make
from idp.keys.kinds import KINDS
from idp.pages.compiled_pages import compiled
from idp.store.commits import Unconfirmed
from idp.store.engine import open_engine
from idp.store.migrate import serves
from idp.store.switches.switch import ActLost
from policies.errors import StoreUnavailable


def never(*_arguments: object) -> None:
    raise AssertionError("a supervisor waits for no database")


def test_a_reload_asks_no_database_in_the_supervisor(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = look(city)
    monkeypatch.setattr(serve_plan, "migrate_ours", never)
    monkeypatch.setattr(serve_plan, "open_engine", never)
    assert look_again(city, served) == served


def test_a_worker_of_a_reload_makes_the_tables_that_lack(city: Path) -> None:
    served = look(city)
    url = load_settings(city).database_url
    for file in city.glob("*.db*"):
        file.unlink()
    composed = plan(city, look_again(city, served), None, 0).compose(1)
    engine = open_engine(url)
    assert serves(engine)
    engine.dispose()
    composed.start()
    composed.stop()


def test_a_worker_reads_no_private_key_and_compiles_no_page(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.cache_clear()
    served = look(city)
    monkeypatch.setattr("idp.keys.file.load_pem_private_key", never)
    monkeypatch.setattr("idp.pages.compiled_pages._compiled", never)
    plan(city, served, None, 0).compose(1).stop()


def test_a_worker_that_starts_again_has_no_kind_of_key_that_the_others_lack_until_a_reload(city: Path) -> None:
    kind, folder = KINDS["saml-encryption"], load_settings(city).key_folder
    (folder / kind.file).unlink()
    served = look(city)
    make(folder, kind, 60, host="login.city.example", now=1, production=False)

    def kinds_of(looked: Looked) -> set[str]:
        composed = plan(city, looked, None, 0).compose(1)
        composed.stop()
        assert isinstance(composed, OpenInstallation)
        return {*composed.tenants[""].keys.rings}

    assert kind.name not in kinds_of(served), "its metadata would ask for what no other worker can decrypt"
    assert kind.name in kinds_of(look_again(city, served))


def test_a_database_that_may_be_served_is_not_locked(city: Path) -> None:
    look(city)
    settings = load_settings(city)
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        migrate_where_needed(settings)


def test_serve_says_what_the_word_of_a_database_means_and_nothing_of_the_disk_where_that_is_not_why(
    city: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_plan.tell(city, ActLost("a record of a switch is gone"))
    assert capsys.readouterr().err == "The database ciconia.db cannot be used: a record of a switch is gone.\n"
    serve_plan.tell(city, StoreUnavailable("SQLITE_FULL"))
    assert "SQLITE_FULL. The disk is full. Make room on it." in capsys.readouterr().err
    serve_plan.tell(city, StoreUnavailable("InsufficientPrivilege 42501"))
    assert "has not the rights" in capsys.readouterr().err
    serve_plan.tell(city, Unconfirmed())
    assert "disk" not in capsys.readouterr().err
