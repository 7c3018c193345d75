"""A sound folder gives nothing, and every part is looked at however broken the others are."""

from pathlib import Path

from idp.doctor.examination import OFFLINE
from tests.idp.doctor.shelf import note, record, sequence
from tests.idp.doctor.ward import examined, healthy


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
    assert {"clocks", "address"} <= set(report.checked)
