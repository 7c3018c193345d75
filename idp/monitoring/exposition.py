"""Shows in Prometheus' text format what workers counted, and says whether the broker is ready. It asks no database."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from idp.monitoring.families import BROKEN, MOMENTS, READY


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
