"""What workers counted, in Prometheus' text format, and whether the broker is ready. No database is asked."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from idp.monitoring.families import BROKEN, MOMENTS, READY


@dataclass(frozen=True, slots=True)
class Ready:
    """Which tenants some worker can serve and no worker has closed, and why a worker has closed others."""

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


def ready(counted: Collector) -> Ready:
    """What /ready says."""
    found = {metric.name: metric.samples for metric in _Shown(counted).collect()}
    return Ready(
        {sample.labels["tenant"]: sample.value > 0 for sample in found.get(READY, ())},
        {sample.labels["tenant"]: sample.labels["why"] for sample in found.get(BROKEN, ()) if sample.value > 0},
    )


@dataclass(frozen=True, slots=True)
class _Shown(Collector):
    """Metrics with each of `MOMENTS` as 1 while it is to come, else 0. A tenant that a worker has closed is not ready."""

    counted: Collector

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client has it."""
        metrics = list(self.counted.collect())
        closed = set(_closed(metrics))
        now = time.monotonic()
        for metric in metrics:
            if metric.name in MOMENTS:
                metric.samples = [
                    sample._replace(
                        value=float(sample.value > now and not (metric.name == READY and sample.labels["tenant"] in closed))
                    )
                    for sample in metric.samples
                ]
            yield metric


def _closed(metrics: Iterable[Metric]) -> Iterator[str]:
    for metric in metrics:
        if metric.name == BROKEN:
            yield from (sample.labels["tenant"] for sample in metric.samples if sample.value > 0)
