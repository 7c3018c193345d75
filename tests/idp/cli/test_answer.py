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


def test_where_standard_output_is_closed_nothing_is_said_and_the_code_is_the_commands(city: Path) -> None:
    for command, code in (("keys list --config city", 0), ("keys list --config nowhere", 2)):
        run = subprocess.run(
            ["sh", "-c", f"{CICONIA} {command} >&-"], cwd=city.parent, capture_output=True, text=True, check=False
        )
        assert (run.returncode, run.stderr.count("Traceback")) == (code, 0)


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


def test_it_says_which_version_it_is() -> None:
    assert ciconia("--version").stdout.startswith("ciconia 0.")
