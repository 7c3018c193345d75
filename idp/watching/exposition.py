"""A board in Prometheus' text format, and what /ready says: read from shared memory alone, no database asked."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from idp.watching.board import Board, Key
from idp.watching.families import BROKEN, DENIED, FAMILIES, READY, Across, Family, Kind


@dataclass(frozen=True, slots=True)
class Ready:
    """Which tenants can be served by some worker that said so a moment ago, and why a worker has closed which others."""

    tenants: dict[str, bool]
    broken: dict[str, str]

    @property
    def any(self) -> bool:
        """Whether one can: the others must not take it out of service."""
        return any(self.tenants.values())


def exposition(board: Board) -> bytes:
    """The whole board in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(board))
    return generate_latest(registry)


def ready(board: Board) -> Ready:
    """What /ready says."""
    figures = merged(board.read())
    return Ready(
        {key[1]: figure > 0 for key, figure in figures.items() if key[0] == READY},
        {key[1]: key[2] for key, figure in figures.items() if key[0] == BROKEN and figure > 0},
    )


def merged(readings: Sequence[Mapping[Key, float]]) -> dict[Key, float]:
    """The workers' figures as one figure a series."""
    found: dict[Key, list[float]] = {}
    for reading in readings:
        for key, figure in reading.items():
            if key[0] in FAMILIES:
                found.setdefault(key, []).append(figure)
    now = time.monotonic()
    return {key: _one(FAMILIES[key[0]].across, figures, now) for key, figures in found.items()}


def _one(across: Across, figures: Sequence[float], now: float) -> float:
    match across:
        case Across.SUM:
            return sum(figures)
        case Across.MAX:
            return max(figures)
        case Across.MIN:
            return min(figures)
        case Across.FRESH:
            return float(DENIED not in figures and any(figure > now for figure in figures))


class _Collector(Collector):
    """What prometheus-client asks for its families."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """Every family that has a series."""
        figures = merged(self._board.read())
        for family in FAMILIES.values():
            series = {key[1:]: figure for key, figure in figures.items() if key[0] == family.name}
            if series:
                yield _metric(family, series)


def _metric(family: Family, series: dict[tuple[str, ...], float]) -> Metric:
    if family.kind is Kind.HISTOGRAM:
        return _histogram(family, series)
    made: CounterMetricFamily | GaugeMetricFamily
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    made = kind(family.name, family.text, labels=family.labels)
    for labels, figure in sorted(series.items()):
        made.add_metric(labels, figure)
    return made


def _histogram(family: Family, series: dict[tuple[str, ...], float]) -> Metric:
    """Each bucket is kept by itself; Prometheus wants them added up."""
    made = HistogramMetricFamily(family.name, family.text, labels=family.labels)
    for labels in sorted({key[:-1] for key in series}):
        total, buckets = 0.0, []
        for bound in (*map(str, family.buckets), "+Inf"):
            total += series.get((*labels, bound), 0.0)
            buckets.append((bound, total))
        made.add_metric(labels, buckets, series.get((*labels, "sum"), 0.0))
    return made
