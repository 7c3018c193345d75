"""The listener of whoever watches, as a process of its own: three addresses, and nothing of what was sent in any answer."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import httpx2
import pytest

from idp.demo.loopback import client
from idp.monitoring import families, listener
from idp.monitoring.listener import serve
from idp.monitoring.measures import SharedMeasures
from idp.server.http import bind
from tests.alone import within
from tests.idp.monitoring.told import sharing

CITY = "login.city.example"
LATE = within(2.0, 3)


@dataclass
class Watched:
    """The counts of workers, and their page."""

    shared: SharedMeasures
    address: str
    port: int
    pid: int


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with sharing() as shared, pytest.MonkeyPatch.context() as soon:
        soon.setattr(listener, "HEAD_SECONDS", LATE)
        listening = bind("127.0.0.1", 0)
        port = listening.getsockname()[1]
        pid = os.fork()
        if pid == 0:
            try:
                serve(shared, listening)
            finally:
                os._exit(0)
        listening.close()
        yield Watched(shared, f"http://127.0.0.1:{port}", port, pid)
        os.kill(pid, signal.SIGTERM)
        assert os.waitpid(pid, 0)[1] == 0, "SIGTERM ends it, and ends it well"


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with client() as made:
        yield made


def test_metrics_are_what_workers_count_while_it_runs(watched: Watched, http: httpx2.Client) -> None:
    measures = watched.shared.worker(1)
    for expected in ("1.0", "2.0"):
        measures.count(families.LOGINS, CITY, "released", "EE")
        answer = http.get(f"{watched.address}/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        line = f'ciconia_logins_total{{country="EE",state="released",tenant="{CITY}"}} {expected}'
        assert line in answer.text.splitlines()


def test_it_is_alive_before_anybody_is_ready(watched: Watched, http: httpx2.Client) -> None:
    assert http.get(f"{watched.address}/alive").status_code == 200
    watched.shared.worker(2).set(families.READY, CITY, figure=0)
    answer = http.get(f"{watched.address}/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "tenants": {CITY: False}})
    watched.shared.worker(2).set(families.READY, CITY, figure=time.monotonic() + 60)
    answer = http.get(f"{watched.address}/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "tenants": {CITY: True}})


def test_a_tenant_that_is_broken_is_named_and_takes_no_other_out_of_service(watched: Watched, http: httpx2.Client) -> None:
    watched.shared.worker(4).set(families.READY, CITY, figure=time.monotonic() + 60)
    for figure, more in ((1, {"broken": {"login.birch.example": "configuration"}}), (0, {})):
        watched.shared.worker(5).set(families.BROKEN, "login.birch.example", "configuration", figure=figure)
        answer = http.get(f"{watched.address}/ready")
        assert (answer.status_code, answer.json()) == (200, {"ready": True, "tenants": {CITY: True}, **more})


def test_another_address_is_answered_without_a_word_of_it(watched: Watched, http: httpx2.Client) -> None:
    answer = http.get(f"{watched.address}/Canary-1887?Canary=1887")
    assert answer.status_code == 404
    assert "Canary" not in answer.text + str(answer.headers)
    assert http.post(f"{watched.address}/metrics").status_code == 501


def test_connections_that_say_nothing_hold_nobody_up(watched: Watched, http: httpx2.Client) -> None:
    silent = [socket.create_connection(("127.0.0.1", watched.port)) for _ in range(20)]
    try:
        begun = time.monotonic()
        assert http.get(f"{watched.address}/alive").status_code == 200
        assert time.monotonic() - begun < LATE, "it waits for none of them"
    finally:
        for each in silent:
            each.close()


def is_closed(port: int, octets: bytes) -> bool:
    """Whether somebody is closed who sends one octet more all the time."""
    with socket.create_connection(("127.0.0.1", port)) as slow:
        begun = time.monotonic()
        slow.settimeout(0.2)
        slow.sendall(b"GET /met")
        while time.monotonic() - begun < 10 * LATE:
            try:
                slow.sendall(octets)
                if slow.recv(1) == b"":
                    return True
            except TimeoutError:
                continue
            except OSError:
                return True
        return False


def test_an_octet_now_and_then_gives_nobody_more_time(watched: Watched) -> None:
    assert is_closed(watched.port, b"x")


def test_one_connection_too_many_is_closed_at_once(watched: Watched) -> None:
    silent = [socket.create_connection(("127.0.0.1", watched.port)) for _ in range(listener.MOST_AT_ONCE + 1)]
    try:
        with suppress(ConnectionResetError):
            assert silent[-1].recv(1) == b""
    finally:
        for each in silent:
            each.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8401", 200),
        ("[::1]:8401", 200),
        ("localhost", 200),
        ("broker:8401", 200),
        ("10.0.0.7", 200),
        (f"{socket.gethostname()}:8401", 200),
        ("evil.example", 421),
        ("[evil]", 421),
        ("[::1", 421),
        ("127.0.0.1.evil.example:8401", 421),
    ],
)
def test_a_name_that_somebody_registered_is_not_answered(
    watched: Watched, http: httpx2.Client, host: str, status: int
) -> None:
    answer = http.get(f"{watched.address}/ready?", headers={"Host": host})
    assert (answer.status_code == 421) == (status == 421)
    assert http.get(f"{watched.address}/alive", headers={"Host": host}).status_code == status
