"""Long work shows itself to whoever looks, on a terminal, and is quiet in a pipe."""

import json
import os
import pty
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.idp.cli.command import CICONIA, ciconia
from tests.idp.cli.forked import SECONDS
from tests.idp.cli.ledgers import with_ledger
from tests.idp.store.units import release

RECORDS = 3


@dataclass(frozen=True)
class Output:
    """The output of a command on two terminals."""

    code: int
    out: str
    error: str


def on_terminals(*arguments: str | Path, out_is_pipe: bool = False, **environment: str) -> Output:
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
    return Output(code, found[out[0]].decode(), found[error[0]].decode())


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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder with a few records in their place."""
    return with_ledger(tmp_path_factory.mktemp("progress"), [release() for _ in range(RECORDS)])


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
