"""The figures of the broker's metrics, looked at every quarter of a minute, and the alerts that they are.

The metrics name no person. They lie in the memory of this process for an hour, and are gone with it.
"""

import threading
import time
import tomllib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from prometheus_client.parser import text_string_to_metric_families

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from idp.system.repeated import Repeated

SECONDS, STOP_SECONDS = 15.0, 5.0
HOUR = 3600
KEPT = int(HOUR / SECONDS) + 1
MAX_METRICS, TIMEOUT = 8 * 1024 * 1024, 3.0
FRACTION = 0.99
# The series of one look: a metric's name, its labels, and the figure
Labels = tuple[tuple[str, str], ...]
Series = Mapping[tuple[str, Labels], float]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert. `code` narrows a metric to refusals of this code."""

    name: str
    metric: str
    kind: str
    limit: float
    window: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class JudgedAlert:
    """An alert as it stands: the worst figure, of which series, and whether it is over its limit. None: no figure yet."""

    rule: AlertRule
    figure: float | None
    of: str

    @property
    def fires(self) -> bool:
        """Whether somebody should look."""
        if self.figure is None:
            return False
        return self.figure < self.rule.limit if self.rule.kind in ("below", "until") else self.figure > self.rule.limit


@cache
def rules() -> tuple[AlertRule, ...]:
    """Every alert that is judged here."""
    text = resources.files("idp.desk.operator").joinpath("alerts.toml").read_text("utf-8")
    return tuple(AlertRule(**each) for each in tomllib.loads(text)["alerts"])


class HealthLog(Repeated):
    """The looks of the last hour at one tenant's metrics. `port` is that of metrics on this machine; 0: there is none."""

    def __init__(self, port: int, tenant: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__("health", SECONDS, STOP_SECONDS)
        self.port, self._tenant, self._clock = port, tenant, clock
        self._looks: deque[tuple[float, Series]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        # http is taken, to this machine alone
        self._fetcher = Fetcher(demo=True)

    def step(self) -> None:
        """Look once. Where nothing answers there is no look."""
        if not self.port:
            return
        try:
            url = f"http://localhost:{self.port}/metrics"
            text = self._fetcher.get(url, networks=("127.0.0.0/8",), limit=MAX_METRICS, timeout=TIMEOUT).decode()
            found = self._read(text)
        except (FetchError, ValueError):
            return
        with self._lock:
            self._looks.append((self._clock(), found))

    def _read(self, text: str) -> Series:
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return {
            (each.name, tuple(sorted((key, value) for key, value in each.labels.items() if key != "tenant"))): each.value
            for each in samples
            if each.labels.get("tenant", self._tenant) == self._tenant
        }

    @property
    def looks(self) -> Sequence[tuple[float, Series]]:
        """Every look, the oldest first."""
        with self._lock:
            return tuple(self._looks)

    def fresh(self) -> bool:
        """Whether something answered within a minute."""
        looks = self.looks
        return bool(looks) and self._clock() - looks[-1][0] <= 60  # noqa: PLR2004

    def judged(self) -> Iterator[JudgedAlert]:
        """Each alert."""
        looks = self.looks
        for rule in rules():
            found = [*_figures(rule, looks)]
            worst = min if rule.kind in ("below", "until") else max
            figure, of = worst(found) if found else (None, "")
            yield JudgedAlert(rule, figure, of)


def _figures(rule: AlertRule, looks: Sequence[tuple[float, Series]]) -> Iterator[tuple[float, str]]:
    if not looks:
        return
    now, newest = looks[-1]
    if rule.window:
        begun = next((look for look in looks if now - look[0] <= rule.window), looks[-1])
        grown = increase(rule.metric, begun[1], newest, rule.code)
        if rule.kind == "p99":
            if (seconds := quantile(grown)) is not None:
                yield seconds, ""
        elif (passed := now - begun[0]) > 0:
            total = sum(grown.values())
            yield (total / passed if rule.kind == "rate" else total), ""
        return
    for (name, labels), value in newest.items():
        if name == rule.metric:
            figure = now - value if rule.kind == "age" else value - now if rule.kind == "until" else value
            yield figure, ", ".join(f"{key} {said}" for key, said in labels)


def increase(metric: str, before: Series, after: Series, code: str = "", state: str = "") -> Mapping[Labels, float]:
    """How much each series of a counter grew. One that began anew counts from nothing."""
    grown: dict[Labels, float] = {}
    for (name, labels), value in after.items():
        said = dict(labels)
        if name == metric and (not code or said.get("code") == code) and (not state or said.get("state") == state):
            was = before.get((name, labels), 0.0)
            grown[labels] = value - was if value >= was else value
    return grown


def quantile(buckets: Mapping[Labels, float]) -> float | None:
    """The bound below which 99 of 100 lie, by a histogram's buckets; None of nothing."""
    bounds: dict[float, float] = {}
    for labels, count in buckets.items():
        bound = float(dict(labels)["le"])
        bounds[bound] = bounds.get(bound, 0.0) + count
    total = max(bounds.values(), default=0.0)
    return next((bound for bound in sorted(bounds) if bounds[bound] >= FRACTION * total), None) if total else None
