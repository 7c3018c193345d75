"""Counts by prometheus_client: each worker in its own memory, or in files that all workers share.

The supervisor makes `SharedMeasures` before it forks; each worker then counts in files of its own number, with which its
successor of that number goes on. Where nobody reads metrics, a worker counts in its own memory.
"""

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from idp.monitoring.families import BUILD, DROPPED, FAMILIES, WORKERS

# A label holds ids, countries, hosts and codes of ours
LABEL = re.compile(r"[A-Za-z0-9_.:/-]{0,253}")
OTHER = "other"
# A tenant with thirty countries has 660 series when each check failed once. More than this is a defect that fills memory
MOST_SERIES = 100_000
# Memory that no log and no database can fill: a worker that writes into a file without room for it dies of SIGBUS
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it is made by mkdtemp
FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's name for it
PREFIX = "ciconia-measures-"
# A folder so young may belong to a server that has not locked it yet
YOUNG_SECONDS = 60
SUPERVISOR = 0


class Measures:
    """Counts of one process. Safe in any thread.

    A label that is not of the kind that `LABEL` has becomes `other`: no series holds a text that a stranger sent.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Any: counters, gauges and histograms have no method in common
        self._metrics: dict[str, Any] = {family.name: family.make(self.registry) for family in FAMILIES.values()}
        self._series: dict[tuple[str, ...], Any] = {}

    def collect(self) -> Iterable[Metric]:
        """All figures of this process, where it counts in its own memory."""
        return self.registry.collect()

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        if series := self._one(name, labels):
            series.inc(by)

    def set(self, name: str, *labels: str, figure: float) -> None:
        """Say how a gauge stands."""
        if series := self._one(name, labels):
            series.set(figure)

    def observe(self, name: str, *labels: str, seconds: float) -> None:
        """Add one to a histogram."""
        if series := self._one(name, labels):
            series.observe(seconds)

    def _one(self, name: str, labels: tuple[str, ...]) -> Any | None:
        """The series. None where there are too many. Raises KeyError for another metric, ValueError for other labels."""
        if (found := self._series.get((name, *labels))) is not None:
            return found
        metric = self._metrics[name]
        clean = tuple(label if LABEL.fullmatch(label) else OTHER for label in labels)
        if clean != labels:
            # Not remembered under what came: strangers would fill that memory
            return self._one(name, clean)
        if len(self._series) >= MOST_SERIES:
            self._metrics[DROPPED].inc()
            return None
        return self._series.setdefault((name, *labels), metric.labels(*labels))


class SharedMeasures:
    """The folder in which all processes count. Make it before the first fork; `close` it when all of them have ended."""

    def __init__(self) -> None:
        where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
        _sweep(where)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
        # All children inherit the lock, and the kernel gives it back when the last of them has ended
        self._lock = os.open(self.folder, os.O_RDONLY)
        with suppress(OSError):  # not every file system has locks: then nothing of ours is swept there
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.environ[FOLDER] = str(self.folder)
        self._own: Measures | None = None

    def worker(self, number: int) -> Measures:
        """Return the counts of the worker of this number, from 1. For the worker: no two living ones share a number."""
        # The library's variable of the environment would do so for a process that has not imported it yet
        values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]  # it has no types
        measures = Measures()
        measures.set(BUILD, version("ciconia"), figure=1)
        return measures

    def note_workers(self, wanted: int, alive: int, ended: Iterable[int] = ()) -> None:
        """How many workers there ought to be and are; of those that have `ended`, the counts stay. For the supervisor."""
        for number in ended:
            mark_process_dead(number, str(self.folder))  # type: ignore[no-untyped-call]  # as above
        own = self._own = self._own or self.worker(SUPERVISOR)
        own.set(WORKERS, "wanted", figure=wanted)
        own.set(WORKERS, "alive", figure=alive)

    def collect(self) -> Iterable[Metric]:
        """All figures of all processes."""
        read: Callable[[], Iterable[Metric]] = MultiProcessCollector(None, str(self.folder)).collect  # type: ignore[no-untyped-call]  # as above
        return read()

    def close(self) -> None:
        """Forget it all."""
        values.ValueClass = values.MutexValue
        os.environ.pop(FOLDER, None)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _sweep(where: Path) -> None:
    """Remove what servers of this account left in `where` when they were killed."""
    for folder in where.glob(f"{PREFIX}*"):
        with suppress(OSError):
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                found = os.fstat(opened)
                if found.st_uid == os.geteuid() and found.st_mtime < time.time() - YOUNG_SECONDS:
                    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: somebody counts there
                    shutil.rmtree(folder)
            finally:
                os.close(opened)
