"""The composition: what cannot be composed leaves nothing open behind it."""

import contextlib
import threading
from pathlib import Path

import pytest

import idp.application.app
from idp.application.app import Application
from idp.config.settings import load_settings
from idp.keys.folder import create_keys
from idp.store.migrate import migrate
from policies.errors import Misconfigured, Problem

SETTINGS = 'issuer = "https://login.city.example"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("composed")
    (made / "ciconia.toml").write_text(SETTINGS, encoding="utf-8")
    settings = load_settings(made)
    create_keys(settings.key_folder, settings.origin, settings.tenant)
    migrate(settings.database_url)
    return made


def open_files(folder: Path) -> set[Path]:
    """The files of a folder that this process has open."""
    paths = set()
    for link in Path("/proc/self/fd").iterdir():
        # Closed by the time that it is looked at: the listing's own descriptor, or another thread's socket
        with contextlib.suppress(FileNotFoundError):
            paths.add(link.readlink())
    return {path for path in paths if path.is_relative_to(folder)}


def of_a_broker() -> set[threading.Thread]:
    """The threads of brokers: a web server of another test may begin and end its own at any moment."""
    return {thread for thread in threading.enumerate() if thread.name.startswith(("ledger-", "watch "))}


def test_a_folder_is_composed_and_closed(folder: Path) -> None:
    threads = of_a_broker()
    application = Application(folder)
    assert open_files(folder), "the control: the database is open"
    assert of_a_broker() - threads
    application.stop()
    assert open_files(folder) == set()


@pytest.mark.parametrize("part", ["Sequencer", "Peers", "Watch", "connectors_of", "compose", "FastAPI"])
@pytest.mark.parametrize("error", [Misconfigured((Problem("a", 1, "b", "c", "d"),)), KeyError("a fault of ours")])
def test_what_cannot_be_composed_leaves_nothing_open(
    folder: Path, part: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = of_a_broker()

    def refuses(*_arguments: object, **_named: object) -> None:
        assert open_files(folder), "the control: the database is open by now"
        raise error

    monkeypatch.setattr(idp.application.app, part, refuses)
    with pytest.raises(type(error)):
        Application(folder)
    assert open_files(folder) == set()
    assert not of_a_broker() - threads
