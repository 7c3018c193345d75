"""A command whose answer cannot be written says so, ends with 2, and did what it did; a server serves all the same."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from idp.config.settings import load_settings
from tests.idp.cli.command import CICONIA, listen_on_a_free_port
from tests.idp.cli.forked import SECONDS, start

UNHEARD = "The answer could not be written: {}. Look whether it was done before you ask again.\n"


def told(words: Sequence[str], output: int) -> tuple[int, str]:
    """The exit code of a command, and what it says on stderr."""
    with tempfile.TemporaryFile("w+") as errors, Path(os.devnull).open() as nothing:
        code = start(words, (nothing.fileno(), output, errors.fileno())).wait()
        errors.seek(0)
        return code, errors.read()


@contextmanager
def nobody_hears(how: str) -> Iterator[tuple[int, str]]:
    """A standard output that takes nothing, and why."""
    if how == "a full disk":
        output, why = os.open("/dev/full", os.O_WRONLY), "No space left on device"
    else:
        (reading, output), why = os.pipe(), "Broken pipe"
        os.close(reading)
    yield output, why
    os.close(output)


@pytest.mark.parametrize("how", ["a full disk", "a pipe that nobody reads"])
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_act_was_done_and_its_answer_is_lost(city: Path, how: str, more: tuple[str, ...]) -> None:
    act = ["keys", "new", "es256", "--config", str(city), *more]
    with nobody_hears(how) as (output, why):
        code, said = told(act, output)
    assert (code, said.count("Traceback")) == (2, 0)
    assert said.endswith(UNHEARD.format(why))
    assert len(list((city / "keys").glob("es256*"))) == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_where_a_stream_is_closed_nothing_is_said_there_and_the_code_is_the_commands(city: Path, closed: str) -> None:
    for command, code in (("keys list --config city", 0), ("keys list --config no", 2)):
        run = subprocess.run(
            ["sh", "-c", f"{CICONIA} {command} {closed}"], cwd=city.parent, capture_output=True, text=True, check=False
        )
        assert (run.returncode, run.stderr.count("Traceback")) == (code, 0), command


def test_a_server_serves_though_nobody_reads_its_one_sentence(city: Path, tmp_path: Path) -> None:
    listen_on_a_free_port(city)
    address = f"http://127.0.0.1:{load_settings(city).port}/healthz"
    log = tmp_path / "log"
    with nobody_hears("a pipe that nobody reads") as (output, _), log.open("wb") as stderr:
        process = start(["serve", "--config", city], (stderr.fileno(), output, stderr.fileno()))
        try:
            with httpx2.Client(transport=httpx2.HTTPTransport(retries=10)) as client:
                assert client.get(address, headers={"x-forwarded-proto": "https"}, timeout=SECONDS).status_code == 204
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait(SECONDS)
    assert "Traceback" not in log.read_text(encoding="utf-8")
