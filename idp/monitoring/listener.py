"""Answers /metrics, /ready and /alive, in a process of its own beside the workers.

It has no database, no key and no configuration: it reads what workers counted. So it answers when every worker hangs. It
is for a private network: it names tenants and countries and counts, and no person.
"""

import ipaddress
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from idp.monitoring.families import BROKEN, MOMENTS, READY
from idp.server.http import Listening, Server


@dataclass(frozen=True, slots=True)
class Readiness:
    """Tells which tenants some worker can serve and no worker has closed, and why a worker has closed others."""

    tenants: dict[str, bool]
    broken: dict[str, str]

    @property
    def any(self) -> bool:
        """Whether one tenant is ready. The others do not take it out of service."""
        return any(self.tenants.values())


def exposition(counted: Collector) -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Shown(counted))
    return generate_latest(registry)


def ready(counted: Collector) -> Readiness:
    """The answer of /ready."""
    found = {metric.name: metric.samples for metric in _Shown(counted).collect()}
    return Readiness(
        {sample.labels["tenant"]: sample.value > 0 for sample in found.get(READY, ())},
        {sample.labels["tenant"]: sample.labels["why"] for sample in found.get(BROKEN, ()) if sample.value > 0},
    )


@dataclass(frozen=True, slots=True)
class _Shown(Collector):
    """Shows each of `MOMENTS` as 1 while it is to come, else 0. A tenant that a worker has closed is not ready."""

    counted: Collector

    def collect(self) -> Iterator[Metric]:
        """Collect for prometheus_client."""
        metrics = {metric.name: metric for metric in self.counted.collect()}
        now = time.monotonic()
        closed = {sample.labels["tenant"] for sample in _samples(metrics, BROKEN) if sample.value > 0}
        for name in MOMENTS:
            for number, sample in enumerate(shown := _samples(metrics, name)):
                holds = sample.value > now and not (name == READY and sample.labels["tenant"] in closed)
                shown[number] = sample._replace(value=float(holds))
        yield from metrics.values()


def _samples(metrics: dict[str, Metric], name: str) -> list[Sample]:
    return metrics[name].samples if name in metrics else []


# Open connections at once
MOST_AT_ONCE = 64
# Who asks is a program on this machine: whoever says nothing must not keep a probe waiting until it gives up
HEAD_SECONDS = 5.0
HEADERS = {"cache-control": "no-store", "connection": "close"}
METRICS = "text/plain; version=0.0.4; charset=utf-8"


def serve(counted: Collector, listening: Listening, draining: Callable[[], bool] = lambda: False) -> None:
    """Answer on a bound socket until SIGTERM or SIGINT. Call it in the main thread of a process of its own.

    While all workers are `draining`, /ready is false: a proxy sends requests elsewhere.
    """
    server = Server(Listener(counted, draining), listening, most=MOST_AT_ONCE, head_seconds=HEAD_SECONDS)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()


class Listener:
    """The ASGI application."""

    def __init__(self, counted: Collector, draining: Callable[[], bool]) -> None:
        self._counted, self._draining = counted, draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = self._answer(scope)
        except Exception as error:  # noqa: BLE001 - its text may quote what was sent
            structlog.get_logger().error("metrics_failed", kind=type(error).__name__)
            answer = PlainTextResponse("failed\n", 500, HEADERS)
        await answer(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["method"] != "GET":
            return PlainTextResponse("GET alone is answered\n", 501, HEADERS)
        if not _is_ours(next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")):
            return PlainTextResponse("ask by this machine's address\n", 421, HEADERS)
        match scope["path"]:
            case "/metrics":
                return Response(exposition(self._counted), 200, HEADERS, METRICS)
            case "/alive":
                return PlainTextResponse("alive\n", 200, HEADERS)
            case "/ready":
                found = ready(self._counted)
                fit = found.any and not self._draining()
                said: dict[str, object] = {"ready": fit, "tenants": dict(sorted(found.tenants.items()))}
                if found.broken:
                    said["broken"] = dict(sorted(found.broken.items()))
                return JSONResponse(said, 200 if fit else 503, HEADERS)
            case _:
                return PlainTextResponse("/metrics, /ready or /alive\n", 404, HEADERS)


def _is_ours(host: str) -> bool:
    """Whether a Host header names an address, this machine, or a name that nobody can register.

    A page that a browser behind our firewall shows may ask us under its own name, which it made lead here (DNS rebinding).
    """
    try:
        name = urlsplit(f"//{host}").hostname or "" if host else "localhost"
    except ValueError:
        return False
    if "." not in name and ":" not in name:
        return True
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name == socket.gethostname().lower()
