"""A command whose answer cannot be written says so, ends with 2, and did what it did; a server serves all the same."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from idp.settings import load_settings
from tests.idp.cli.command import CICONIA, SECONDS, ciconia, listen_on_a_free_port

UNHEARD = "The answer could not be written: {}. Look whether it was done before you ask again.\n"


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    assert ciconia("init", folder, "--issuer", "https://city.localhost").returncode == 0
    listen_on_a_free_port(folder)
    return folder


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
    act = [CICONIA, "keys", "new", "es256", "--config", str(city), *more]
    with nobody_hears(how) as (output, why):
        run = subprocess.run(act, stdout=output, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
    assert (run.returncode, run.stderr.count("Traceback")) == (2, 0)
    assert run.stderr.endswith(UNHEARD.format(why))
    assert len(list((city / "keys").glob("es256*"))) == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_where_a_stream_is_closed_nothing_is_said_there_and_the_code_is_the_commands(city: Path, closed: str) -> None:
    assert ciconia("migrate", "--config", city).returncode == 0
    for command, code in (("keys list --config city", 0), ("keys list --config no", 2), ("ledger verify --config city", 0)):
        run = subprocess.run(
            ["sh", "-c", f"{CICONIA} {command} {closed}"], cwd=city.parent, capture_output=True, text=True, check=False
        )
        assert (run.returncode, run.stderr.count("Traceback")) == (code, 0), command


@pytest.mark.parametrize("how", ["a full disk", "a pipe that nobody reads"])
@pytest.mark.parametrize(
    "command",
    ["audit verify no", "doctor --config no", "keys list --config no", "ledger verify --config no", "ledger --unknown"],
)
def test_where_stderr_takes_nothing_the_code_is_the_commands(tmp_path: Path, how: str, command: str) -> None:
    act = [CICONIA, *command.split()]
    with nobody_hears(how) as (errors, _):
        run = subprocess.run(act, cwd=tmp_path, stdout=subprocess.PIPE, stderr=errors, timeout=SECONDS, check=False)
    assert (run.returncode, run.stdout) == (2, b"")


def test_where_nobody_reads_what_is_wrong_either_the_code_says_it(city: Path) -> None:
    with nobody_hears("a pipe that nobody reads") as (output, _):
        run = subprocess.run([CICONIA, "keys", "list", "--config", city], stdout=output, stderr=output, check=False)
    assert run.returncode == 2


@pytest.mark.parametrize("how", ["a full disk", "a pipe that nobody reads"])
def test_a_server_serves_though_nobody_reads_its_one_sentence(city: Path, tmp_path: Path, how: str) -> None:
    address = f"http://127.0.0.1:{load_settings(city).port}/healthz"
    log = tmp_path / "log"
    with nobody_hears(how) as (output, _), log.open("wb") as stderr:
        process = subprocess.Popen([CICONIA, "serve", "--config", str(city)], stdout=output, stderr=stderr)
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


def test_a_server_without_streams_answers_what_it_would_have_logged(city: Path) -> None:
    address = f"http://127.0.0.1:{load_settings(city).port}/authorize"
    process = subprocess.Popen(["sh", "-c", f"exec {CICONIA} serve --config {city} <&- >&- 2>&-"])
    try:
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=10)) as client:
            host = {"host": "city.localhost", "x-forwarded-proto": "https"}
            assert client.get(address, headers=host, timeout=SECONDS).status_code == 400
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0


def test_it_says_which_version_it_is() -> None:
    assert ciconia("--version").stdout.startswith("ciconia 0.")
