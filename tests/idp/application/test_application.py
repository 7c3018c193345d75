"""The composition: what cannot be composed leaves nothing open behind it."""

import contextlib
import threading
from pathlib import Path

import pytest

import idp.application.app
from idp.application.app import Application
from idp.changes.bundle import Bundle
from idp.changes.history import Applied
from idp.changes.in_force import InForce
from idp.config.settings import load_settings
from idp.keys.folder import create_keys
from idp.store.migrate import migrate
from policies.errors import Misconfigured, Problem
from policies.load import load
from tests.policies.load.files import files

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


@pytest.mark.parametrize("part", ["Sequencer", "Peers", "Watch", "connectors_of", "compose", "web_application"])
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


@pytest.mark.parametrize("part", ["compose", "looks_of", "Peers", "crossing_problems"])
def test_what_cannot_be_taken_up_changes_nothing_of_what_is_served(
    folder: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_countries = () if part == "Peers" else ("providers/", "nodes/")
    made = {name: octets for name, octets in files().items() if not name.startswith((*of_countries, "parties/fares"))}
    taken = InForce(Applied(2, "", 0, "mari"), Bundle(made), load(made))
    application = Application(folder)

    def served() -> tuple[object, ...]:
        one = application
        return one.site, one.peers, one.watch, one.watched, one.asgi.router.routes

    before = served()

    def refuses(*_arguments: object, **_named: object) -> None:
        raise KeyError(part)

    monkeypatch.setattr(idp.application.app, "crossing_problems", lambda *_: ())
    with monkeypatch.context() as patched:
        patched.setattr(idp.application.app, part, refuses)
        with pytest.raises(KeyError, match=part):
            application.take_up(taken)
    assert all(now is then for now, then in zip(served(), before, strict=True))
    if part != "Peers":
        application.take_up(taken)
        assert served()[0] is not before[0]
    application.stop()
