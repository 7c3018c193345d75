"""A broker without a witness: a notice while nothing was signed, then a warning, since an older ledger would go on."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.doctor.finding import Finding
from tests.idp.doctor.shelf import meddling, note, record, sequence
from tests.idp.doctor.ward import ERROR, NOTICE, WARNING, edit, examined

pytestmark = pytest.mark.spec("security.md §3 restore from backup")

SET = 'witness = "seen.checkpoint"'


def told(city: Path) -> list[Finding]:
    return [one for one in examined(city).findings if one.key == "witness"]


def test_with_a_witness_there_is_nothing_to_say(city: Path) -> None:
    record(city)
    sequence(city)
    assert examined(city).ok


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


@pytest.mark.parametrize("folder", [False, True])
def test_where_the_issuer_has_another_port_the_fix_is_the_port_of_before(
    city: Path, tmp_path: Path, *, folder: bool
) -> None:
    record(city)
    sequence(city)
    if folder:
        (tmp_path / "witness").mkdir()
        (tmp_path / "witness" / "ours").write_text(note(city), encoding="utf-8")
        edit(city, "ciconia.toml", SET, f'witness = "{tmp_path / "witness"}"')
    edit(city, "ciconia.toml", "https://login.storkhaven.test", "https://login.storkhaven.test:8443")
    (found,) = told(city)
    assert found.severity is ERROR
    host = "login.storkhaven.test"
    assert found.what.endswith(f" has no checkpoint of {host}:8443/log: the ledger's are of {host}/log.")
    assert found.fix == f"Change `issuer` in ciconia.toml back to https://{host}, or begin with a fresh folder."


def test_an_export_into_the_empty_folder_is_a_witness(city: Path, tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    folder.mkdir()
    record(city)
    sequence(city)
    edit(city, "ciconia.toml", SET, f'witness = "{folder}"')
    assert "has none" in told(city)[0].what
    run = CliRunner().invoke(app, ["ledger", "export", "--config", str(city), str(folder / "first")])
    assert run.exit_code == 0, run.output
    assert told(city) == []


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


def test_a_first_checkpoint_that_is_signed_while_it_looks_is_no_error(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(city)
    sequence(city)
    monkeypatch.setattr("idp.doctor.witness.witnessed", lambda *_: ())  # as it was read a moment before
    assert not told(city)


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
