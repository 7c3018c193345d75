"""Doctor tells what the endpoints counted: place, kind, how often, and what to send to whom."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from idp.settings import load_settings
from idp.store.unforeseen import DAY, TOLD_DAYS
from tests.idp.doctor.ward import NOW, WARNING, examined

TODAY = NOW // DAY


def _counted(city: Path, *rows: tuple[int, str, str, int], tenant: str = "") -> None:
    with closing(sqlite3.connect(city / "ciconia.db")) as connection, connection:
        name = tenant or load_settings(city).tenant
        connection.executemany("INSERT INTO unforeseen VALUES (?, ?, ?, ?, ?)", [(name, *row) for row in rows])


def _told(city: Path) -> list[str]:
    return [one.what for one in examined(city).findings if one.key == "unforeseen"]


def test_a_sound_broker_has_nothing_to_tell(city: Path) -> None:
    assert "unforeseen" in examined(city).checked
    assert _told(city) == []


@pytest.mark.spec("issue 5: what nobody foresaw is counted apart and shown by doctor, because it is a defect of ours")
def test_what_nobody_foresaw_is_a_warning_with_place_kind_and_count(city: Path) -> None:
    _counted(city, (TODAY, "/saml/acs", "KeyError", 3), (TODAY - 2, "/saml/acs", "KeyError", 1), (TODAY, "/token", "E", 1))
    first, second = (one for one in examined(city).findings if one.key == "unforeseen")
    assert (first.severity, first.file, first.line) == (WARNING, "ciconia.db", 0)
    assert first.what.startswith("KeyError at /saml/acs, which nobody foresaw: 4 times in 30 days, last on ")
    assert second.what.startswith("E at /token, which nobody foresaw: once in 30 days")
    assert "a defect of this program" in first.why
    assert "lxml " in first.fix
    assert "`ciconia doctor --selftest`" in first.fix
    assert not examined(city).ok


def test_what_is_older_than_thirty_days_or_another_tenants_is_not_told(city: Path) -> None:
    _counted(city, (TODAY - TOLD_DAYS, "/saml/acs", "KeyError", 3))
    _counted(city, (TODAY, "/saml/acs", "KeyError", 3), tenant="other.test")
    assert _told(city) == []
    _counted(city, (TODAY - TOLD_DAYS + 1, "/token", "KeyError", 3))
    assert len(_told(city)) == 1
