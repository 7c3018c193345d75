import os
from pathlib import Path

import pytest

from connectors.signatures.x509_lists import MAX_LIST
from idp.config.folder import load_configuration, read_configuration
from policies.errors import Misconfigured
from policies.parties import ClientId
from tests.policies.load.files import FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_folder_is_read_by_its_relative_paths(folder: Path) -> None:
    assert dict(read_configuration(folder)) == {name: text.encode() for name, text in FILES.items()}


def test_settings_keys_and_databases_are_never_read(folder: Path) -> None:
    for name in (
        "ciconia.toml",
        "keys/subject.key",
        "ciconia.db",
        "purposes/notes.txt",
        "parties/old/x.toml",
        "metadata/x.key",
    ):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret", encoding="utf-8")
    assert set(read_configuration(folder)) == set(FILES)


def test_a_folder_becomes_a_configuration(folder: Path) -> None:
    assert ClientId("parking") in load_configuration(folder).parties


@pytest.mark.parametrize("name", ["absent", "a-file"])
def test_what_is_no_folder_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(Misconfigured) as refused:
        load_configuration(tmp_path / name)
    (problem,) = refused.value.problems
    assert "ciconia init" in problem.fix


def test_a_problem_of_a_file_names_it(folder: Path) -> None:
    (folder / "purposes" / "parking.toml").write_text("colour = 1", encoding="utf-8")
    with pytest.raises(Misconfigured) as refused:
        load_configuration(folder)
    assert ("purposes/parking.toml", 1, "colour") in [(p.file, p.line, p.key) for p in refused.value.problems]


@pytest.mark.parametrize("kind", ["a pipe", "a device", "ten megabytes", "a link out", "a circle"])
def test_what_would_not_end_is_a_problem_and_holds_nothing_up(folder: Path, kind: str) -> None:
    path = folder / "purposes" / "endless.toml"
    match kind:
        case "a pipe":
            os.mkfifo(path)
        case "a device":
            path.symlink_to("/dev/zero")
        case "a link out":
            path.symlink_to(Path(__file__))
        case "a circle":
            path.symlink_to(path)
        case _:
            with path.open("wb") as file:
                file.truncate(10 * 1024**2)
    with pytest.raises(Misconfigured) as refused:
        read_configuration(folder)
    (problem,) = refused.value.problems
    assert problem.file == "purposes/endless.toml"


def test_a_folder_that_leads_out_is_a_problem_and_a_link_within_is_read(folder: Path) -> None:
    away = folder.parent / f"{folder.name}-away"
    (folder / "purposes").rename(away)
    (folder / "purposes").symlink_to(away)
    with pytest.raises(Misconfigured, match="purposes: file: is a link out of the folder"):
        read_configuration(folder)
    (folder / "purposes").unlink()
    away.rename(folder / "..data")
    (folder / "purposes").symlink_to("..data")
    assert set(read_configuration(folder)) == set(FILES)


def test_a_list_of_revoked_certificates_is_read_as_long_as_one_may_be(folder: Path) -> None:
    path = folder / "metadata" / "root.crl"
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(MAX_LIST)
    assert len(read_configuration(folder)["metadata/root.crl"]) == MAX_LIST
