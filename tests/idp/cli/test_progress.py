"""Long work shows itself to whoever looks, on a terminal, and is quiet in a pipe."""

import json
import os
import pty
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from idp.cli import console
from idp.cli.console import EVERY, doing, progress
from idp.keys.ledger import create_ledger_keys
from idp.settings import load_settings
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.store.store import open_store
from idp.transparency.keys import LedgerKeys
from idp.transparency.sequencer import Sequencer
from idp.transparency.verify import steps_of, verify_ledger
from idp.transparency.verify_records import CHUNK
from tests.idp.cli.command import CICONIA, SECONDS, ciconia
from tests.idp.store.units import TENANT, release, unit

RECORDS = 3


@dataclass(frozen=True)
class Seen:
    """What a command wrote to two terminals."""

    code: int
    out: str
    error: str


def on_terminals(*arguments: str | Path, out_is_pipe: bool = False, **environment: str) -> Seen:
    """Run a command whose stdout (or not) and stderr are terminals of their own."""
    out = os.pipe() if out_is_pipe else pty.openpty()
    error = pty.openpty()
    variables = {**os.environ, "COLUMNS": "100", "TERM": "xterm", **environment}
    process = subprocess.Popen([CICONIA, *map(str, arguments)], stdout=out[1], stderr=error[1], env=variables)
    os.close(out[1])
    os.close(error[1])
    found: dict[int, bytes] = {}
    readers = [threading.Thread(target=_read, args=(end, found)) for end in (out[0], error[0])]
    for reader in readers:
        reader.start()
    code = process.wait(SECONDS)
    for reader in readers:
        reader.join(SECONDS)
    return Seen(code, found[out[0]].decode(), found[error[0]].decode())


def _read(end: int, found: dict[int, bytes]) -> None:
    read = b""
    try:
        while part := os.read(end, 4096):
            read += part
    except OSError:  # Linux says EIO where nobody holds the other end of a terminal any more
        pass
    os.close(end)
    found[end] = read


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LedgerKeys]:
    """A configuration folder with a few records in their place, and the ledger's keys."""
    folder = tmp_path_factory.mktemp("progress")
    (folder / "ciconia.toml").write_text(f'issuer = "https://{TENANT}"\n', encoding="utf-8")
    settings = load_settings(folder)
    settings.key_folder.mkdir()
    keys = create_ledger_keys(settings.key_folder, settings.origin)
    migrate(settings.database_url)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    sequencer = Sequencer(store, keys, checkpoint_seconds=0)
    for _ in range(RECORDS):
        store.commit(unit(record=release()))
    sequencer.step()
    sequencer.stop()
    store.close()
    return folder, keys


@pytest.fixture
def folder(kept: tuple[Path, LedgerKeys]) -> Path:
    return kept[0]


@pytest.mark.spec("issue 4 item 7")
def test_on_a_terminal_there_is_a_bar_on_stderr_that_goes_away(folder: Path) -> None:
    seen = on_terminals("ledger", "verify", "--config", folder)
    assert seen.code == 0, seen.error
    assert "verify" in seen.error
    assert f"/{2 * RECORDS + 1}" in seen.error, "leaves, a checkpoint and records"
    assert "\x1b[2K" in seen.error, "the line is cleared"
    assert "Everything fits." in seen.out
    assert "/7" not in seen.out


@pytest.mark.spec("issue 4 item 7")
@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_in_a_pipe_it_is_quiet(folder: Path, environment: Mapping[str, str]) -> None:
    run = ciconia("ledger", "verify", "--config", folder, environment=environment)
    assert (run.returncode, run.stderr) == (0, "")
    seen = on_terminals("ledger", "verify", "--config", folder, out_is_pipe=True, **environment)
    assert (seen.code, seen.error) == (0, ""), "a pager has the terminal"
    assert "Everything fits." in seen.out


@pytest.mark.spec("issue 4 item 7")
def test_with_json_there_is_json_alone_even_on_a_terminal(folder: Path) -> None:
    seen = on_terminals("ledger", "verify", "--json", "--config", folder)
    assert (seen.code, seen.error) == (0, "")
    assert json.loads(seen.out)["ok"] is True


def test_a_fetch_of_several_nodes_has_a_bar(tmp_path: Path) -> None:
    config = tmp_path / "c"
    assert ciconia("init", config).returncode == 0
    assert ciconia("migrate", "--config", config).returncode == 0
    seen = on_terminals("metadata", "fetch", "--config", config)
    assert (seen.code, seen.out.strip()) == (0, "The configuration has no node.")
    assert "Metadata" in seen.error
    assert ciconia("metadata", "fetch", "--config", config).stderr == ""


def test_json_lines_say_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3 * EVERY, "export", as_json=True) as advance:
        for _ in range(25):
            advance(1000)
        assert len(capsys.readouterr().out.splitlines()) == 2, "while it goes on"
        advance(5000)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"progress": "export", "done": 3 * EVERY, "of": 3 * EVERY}


def test_the_bar_moves_as_far_as_it_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(console, "_ERROR", Console(stderr=True, emoji=False, force_terminal=True, width=100))
    with progress(40, ":ab: [red]") as advance:
        advance(10)
        advance(20)
    written = capsys.readouterr()
    assert written.out == ""
    assert "30/40" in written.err
    assert ":ab: [red]" in written.err, "what it is stays as it is"


def test_a_failure_ends_the_bar_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    for as_json in (True, False):
        with pytest.raises(ValueError, match="x"), progress(1, "x", as_json=as_json):
            raise ValueError("x")


def test_the_check_of_a_ledger_tells_whole_chunks_of_every_row(
    kept: tuple[Path, LedgerKeys], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, keys = kept
    settings = load_settings(folder)
    engine = open_engine(settings.database_url)
    told: list[int] = []
    check: Callable[[], object] = lambda: verify_ledger(  # noqa: E731 - said twice
        engine, tenant=settings.tenant, keys=keys, role="city", advance=told.append
    )
    check()
    assert told == [], f"fewer than {CHUNK} rows"
    monkeypatch.setattr("idp.transparency.verify.CHUNK", 2)
    check()
    assert steps_of(engine, settings.tenant) == 2 * RECORDS + 1
    assert told == [2] * RECORDS
    engine.dispose()


def test_what_is_done_is_a_line_that_goes_away_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(console, "_ERROR", Console(stderr=True, emoji=False, force_terminal=True, width=100))
    with doing() as told:
        told("first [red]")
        told("then :ab:")
    written = capsys.readouterr()
    assert written.out == ""
    assert "then :ab:" in written.err, "what it is stays as it is"
    assert "\x1b[2K" in written.err, "the line is cleared"
    assert written.err.count("\n") <= 1


def test_what_is_done_is_a_line_each_in_a_pipe_and_nothing_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json, written in ((False, "first [red]\nthen\n"), (True, "")):
        with doing(as_json=as_json) as told:
            told("first [red]")
            told("then")
        assert capsys.readouterr() == ("", written)
