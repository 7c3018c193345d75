"""A sound folder gives nothing, and every part is looked at however broken the others are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.doctor.checks import OFFLINE
from idp.doctor.examination import Examination
from idp.doctor.finding import DoctorFinding
from tests.idp.doctor.shelf import note, record, sequence
from tests.idp.doctor.ward import ERROR, NOTICE, WARNING, examined, healthy


def test_a_sound_folder_gives_nothing(city: Path) -> None:
    report = examined(city)
    assert [f"{one.place}: {one.what}" for one in report.findings] == []
    assert report.ok
    assert set(report.checked) == set(OFFLINE)


def test_a_sound_folder_behind_its_proxy_gives_nothing(city: Path) -> None:
    record(city)
    sequence(city)
    report = examined(city, outside=healthy(note(city)))
    assert [f"{one.place}: {one.what}" for one in report.findings] == []
    assert {"peers", "address"} <= set(report.checked)


def test_a_check_that_trips_is_named_and_hides_no_other(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trips(_case: Examination) -> Iterator[DoctorFinding]:
        raise RuntimeError("Maasikas")
        yield

    monkeypatch.setitem(OFFLINE, "keys", trips)
    (city / "ciconia.db").chmod(0o644)
    report = examined(city)
    assert [(one.severity, one.key) for one in report.findings] == [(ERROR, "keys"), (WARNING, "permissions")]
    assert "(RuntimeError)" in report.findings[0].what
    assert "Maasikas" not in repr(report)


def test_the_same_thing_is_told_once_and_the_worst_first(city: Path) -> None:
    (city / "ciconia.db").chmod(0o644)
    (city / "keys" / "log.key").chmod(0o644)
    (city / "notes.toml").write_text("", encoding="utf-8")
    report = examined(city)
    assert [one.severity for one in report.findings] == [ERROR, WARNING, NOTICE]
    assert len(set(report.findings)) == 3
    assert [one.place for one in report.findings] == ["keys/log.key:log.key", "ciconia.db:permissions", "notes.toml:file"]
