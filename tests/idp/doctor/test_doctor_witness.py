"""A broker without a witness: a notice while nothing was signed, then a warning, since an older ledger would go on."""

from pathlib import Path

import pytest

from idp.doctor.finding import Finding
from tests.idp.doctor.shelf import meddling, record, sequence
from tests.idp.doctor.ward import NOTICE, WARNING, edit, examined

pytestmark = pytest.mark.spec("security.md §3 restore from backup")

SET = 'witness = "/srv/witness"'


def told(city: Path) -> list[Finding]:
    return [one for one in examined(city).findings if one.key == "witness"]


def test_with_a_witness_there_is_nothing_to_say(city: Path) -> None:
    record(city)
    sequence(city)
    assert examined(city).ok


@pytest.mark.parametrize("how", ['witness = ""', "# no word of it"])
def test_a_ledger_that_was_signed_without_a_witness_is_a_warning_on_its_line(city: Path, how: str) -> None:
    line = edit(city, "ciconia.toml", SET, how)
    record(city)
    sequence(city)
    (found,) = examined(city).findings
    assert (found.severity, found.file, found.key) == (WARNING, "ciconia.toml", "witness")
    assert found.line == (line if how.startswith("witness") else 1)
    assert "revoked" in found.why
    assert "newest checkpoint into it first" in found.fix


def test_while_nothing_was_signed_it_is_a_notice(city: Path) -> None:
    edit(city, "ciconia.toml", SET, "")
    (found,) = examined(city).findings
    assert (found.severity, found.key) == (NOTICE, "witness")
    assert "first" not in found.fix
    (city / "ciconia.db").unlink()
    assert [one.severity for one in told(city)] == [NOTICE]


def test_where_nobody_can_see_whether_anything_was_signed_it_is_a_warning(city: Path) -> None:
    edit(city, "ciconia.toml", SET, "")
    with meddling(city) as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    assert [one.severity for one in told(city)] == [WARNING]


def test_a_demo_needs_none(city: Path) -> None:
    edit(city, "ciconia.toml", SET, "demo = true")
    record(city)
    sequence(city)
    assert not told(city)


def test_of_a_setting_that_is_wrong_nothing_more_is_said(city: Path) -> None:
    edit(city, "ciconia.toml", SET, "witness = 1")
    (found,) = told(city)
    assert found.what != "there is none."
