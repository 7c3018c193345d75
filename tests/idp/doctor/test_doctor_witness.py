"""A broker without a witness: a notice while nothing was signed, then a warning, since an older ledger would go on."""

import os
from pathlib import Path

import pytest

from idp.doctor.finding import DoctorFinding
from tests.idp.doctor.shelf import note, record, sequence
from tests.idp.doctor.ward import ERROR, NOTICE, WARNING, edit, examined

pytestmark = pytest.mark.spec("security.md §3 restore from backup")

SET = 'witness = "seen.checkpoint"'


def told(city: Path) -> list[DoctorFinding]:
    return [one for one in examined(city).findings if one.key == "witness"]


def test_a_ledger_that_is_older_than_the_witness_saw_is_an_error(city: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    edit(city, "ciconia.toml", SET, f'witness = "{witness}"')
    record(city)
    older = (city / "ciconia.db").read_bytes()
    sequence(city)
    witness.mkdir()
    (witness / "ours").write_text(note(city), encoding="utf-8")
    assert not told(city)
    (city / "ciconia.db").write_bytes(older)
    (found,) = told(city)
    assert found.severity is ERROR
    assert "a ledger of 1 leaves, and the database has 0" in found.what
    (witness / "strange").write_text("no checkpoint", encoding="utf-8")
    (found,) = told(city)
    assert found.severity is ERROR
    assert "has no checkpoint that our key signed" in found.what
    assert "checkpoints of this ledger alone" in found.fix


def test_a_witness_that_has_no_checkpoint_of_a_ledger_that_has_some_is_an_error(city: Path) -> None:
    assert not told(city)
    record(city)
    sequence(city)
    (city / "seen.checkpoint").unlink()
    (found,) = told(city)
    assert (found.severity, found.file) == (ERROR, "ciconia.toml")
    assert "has none" in found.what
    assert "Mount it" in found.fix


@pytest.mark.parametrize("signed", [False, True])
def test_a_witness_without_its_folder_is_an_error_whether_or_not_anything_was_signed(city: Path, *, signed: bool) -> None:
    if signed:
        record(city)
        sequence(city)
    line = edit(city, "ciconia.toml", SET, 'witness = "no/such"')
    (found,) = told(city)
    assert (found.severity, found.file, found.line) == (ERROR, "ciconia.toml", line)
    assert f"cannot be written (there is no folder {city / 'no'})." in found.what
    assert "Make or mount the folder" in found.fix
    (city / "ciconia.db").unlink()
    assert told(city) == [found]
    (city / "no").mkdir()
    assert not told(city)


def test_a_witness_that_is_not_ours_to_write_to_is_an_error(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(city)
    sequence(city)
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and allowed(path, mode))
    (found,) = told(city)
    assert found.severity is ERROR
    assert "not ours to write to" in found.what


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
