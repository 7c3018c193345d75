"""`ciconia serve --workers`: a reload that is refused says one line, and what watches beside the workers answers."""

import json
import os
import shutil
import signal
from pathlib import Path

import httpx2
import pytest

from idp.config.settings import SETTINGS_FILE
from tests.idp.cli.command import CICONIA, Served, listen_on_a_free_port, serving
from tests.idp.server.crew import until
from tests.idp.server.machines import change
from tests.ports import free_port

HEALTH = {"x_forwarded_proto": "https"}


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(made, tmp_path / "city")
    listen_on_a_free_port(folder)
    return folder


def command(folder: Path, *options: str) -> list[str]:
    return [CICONIA, "serve", "--config", str(folder), *options]


def events(served: Served, name: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in served.lines if line.startswith("{")]
    return [line for line in found if line["event"] == name]


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / SETTINGS_FILE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_reload_takes_what_is_sound_and_says_in_one_line_what_is_not(city: Path, tmp_path: Path) -> None:
    with serving(city, tmp_path / "log", command(city, "--workers", "2")) as served:
        # A setting that there is not; then one that a reload cannot change; then all as it was
        edit(city, "checkpoint_seconds", "checkpoint_second")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: len(events(served, "reload_refused")) == 1)
        assert "checkpoint_second: no setting has this name." in str(events(served, "reload_refused")[0]["problems"])
        edit(city, "checkpoint_second", "checkpoint_seconds")
        edit(city, "login.city.example", "other.city.example")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: len(events(served, "reload_refused")) == 2)
        assert "a reload cannot change it" in str(events(served, "reload_refused")[1]["problems"])
        assert served.get("/healthz", **HEALTH).status_code == 204
        edit(city, "other.city.example", "login.city.example")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: len(events(served, "reloaded")) == 1)
        assert served.get("/.well-known/openid-configuration", **HEALTH).status_code == 200
        print(f"a reload of two workers took {events(served, 'reloaded')[0]['seconds']} s")
        assert served.end(signal.SIGTERM) == 0
        assert "Traceback" not in served.stderr


def test_readiness_is_told_beside_the_workers_and_denied_when_all_of_it_is_about_to_leave(
    city: Path, tmp_path: Path
) -> None:
    port = free_port()
    change(city, "metrics_listen", f"127.0.0.1:{port}")

    def ready() -> int:
        return httpx2.get(f"http://127.0.0.1:{port}/ready", timeout=60).status_code

    with serving(city, tmp_path / "log", command(city, "--workers", "2", "--drain", "30")) as served:
        until(lambda: ready() == 200)
        assert b"ciconia" in httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=60).content
        served.process.send_signal(signal.SIGTERM)
        until(lambda: ready() == 503)
        assert served.get("/healthz", **HEALTH).status_code == 503
        assert served.get("/jwks", **HEALTH).headers["connection"] == "close"
        # A second signal does not wait any longer
        assert served.end(signal.SIGTERM) == 0


def test_a_worker_that_starts_again_serves_what_the_others_serve_until_a_reload(city: Path, tmp_path: Path) -> None:
    with serving(city, tmp_path / "log", command(city)) as served:
        path = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        edit(city, "login.city.example", "other.example")
        for broken in (False, True):
            if broken:
                (city / "purposes" / "broken.toml").write_text("no TOML", encoding="utf-8")
            before = path.read_text(encoding="ascii")
            os.kill(int(before), signal.SIGKILL)
            until(lambda: path.read_text(encoding="ascii") not in {"", before})  # noqa: B023 - called here and now
            found = served.get("/.well-known/openid-configuration", **HEALTH)
            assert (found.status_code, found.json()["issuer"]) == (200, "https://login.city.example")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: len(events(served, "reload_refused")) == 1)


def test_a_key_file_that_is_broken_keeps_one_worker_from_starting_again_and_the_other_serves(
    city: Path, tmp_path: Path
) -> None:
    with serving(city, tmp_path / "log", command(city, "--workers", "2")) as served:
        path = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        key = city / "keys" / "es256.pem"
        sound = key.read_bytes()
        key.write_bytes(b"half a key")
        stays, dies = path.read_text(encoding="ascii").split()
        os.kill(int(dies), signal.SIGKILL)
        until(lambda: bool(events(served, "worker_misconfigured")))
        assert "es256.pem: key: This is no unencrypted" in str(events(served, "worker_misconfigured")[0]["problems"])
        assert served.get("/healthz", **HEALTH).status_code == 204
        key.write_bytes(sound)
        until(lambda: len(events(served, "ready")) == 3)
        assert stays in path.read_text(encoding="ascii").split()


def test_a_worker_takes_no_request_before_it_knows_whether_it_is_fit(city: Path, tmp_path: Path) -> None:
    """A proxy that hears "not ready" once takes the whole machine out: the first of all answers must be the true one."""
    with serving(city, tmp_path / "log", command(city)) as served:
        path = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        for _ in range(5):
            before = path.read_text(encoding="ascii")
            os.kill(int(before), signal.SIGKILL)
            until(lambda: path.read_text(encoding="ascii") not in {"", before})  # noqa: B023 - called here and now
            # It waits in the queue of the socket until the next worker takes it
            assert served.get("/healthz", **HEALTH).status_code == 204
