"""Shared memory without files: each worker counts in a slot of its own, and any process reads all slots as one.

The supervisor makes a `Board` before it forks. A slot has one writing process, so there is no lock between processes: a
figure is one aligned store of eight bytes, and a series is there once the slot's length has grown over it.

    board   version, then slots
    slot    octets in use (8) | series dropped (8) | entry, entry, ...
    entry   length of the key (8) | key, JSON of [name, label, ...], padded to 8 | figure, a double (8)

When a worker has ended, the supervisor folds its counts into slot 0, which no worker has, and its gauges vanish. While it
does so the version is odd: whoever reads then, reads again.
"""

import json
import mmap
import re
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from idp.watching.families import BUILD, DROPPED, FAMILIES, READY, WORKERS, Kind

SLOTS = 128
# Of a slot, for each tenant. One with thirty countries has some 70 KiB when each check failed once: 660 series. Pages that
# nobody writes to cost nothing
TENANT_BYTES = 128 * 1024
# The part of a slot that is kept for whether tenants are ready: a proxy must not lose one to a graph
READY_PART = 16
HEADER = 4096
WORD = 8
# What a label may hold: ids, countries, hosts and codes of ours
LABEL = re.compile(r"[A-Za-z0-9_.:/-]{0,253}")
OTHER = "other"
MAX_READS = 1000
# Series without room that a process remembers, so that they cost it nothing again
MOST_DROPPED = 10_000

# A metric's name, then its labels; of a histogram, with the bound of the bucket at the end, or `sum`
Key = tuple[str, ...]


class Board:
    """All slots, each with room for so many tenants. Make it before the first fork; it lives as long as the supervisor."""

    def __init__(self, slots: int = SLOTS, tenants: int = 1) -> None:
        self._slots = slots
        self._slot_bytes = tenants * TENANT_BYTES
        memory = mmap.mmap(-1, HEADER + slots * self._slot_bytes)
        self._octets = memoryview(memory)
        self._words = self._octets.cast("q")
        self._figures = self._octets.cast("d")
        self._supervisor: Measures | None = None

    def worker(self, slot: int) -> "Measures":
        """Where the worker of this slot counts; no two living processes have the same. Raises ValueError for no slot."""
        if not 0 <= slot < self._slots:
            raise ValueError("there is no such slot")
        measures = Measures(self, slot)
        measures.set(BUILD, version("ciconia"), figure=1)
        return measures

    def ended(self, slot: int) -> None:
        """The worker of this slot has ended: keep its counts, forget its gauges. For the supervisor alone."""
        if not 0 < slot < self._slots:
            raise ValueError("there is no such slot of a worker")
        own = self._own()
        start = self._start(slot)
        self._words[0] += 1
        try:
            for key, figure in self._entries(slot):
                if key[0] in FAMILIES and FAMILIES[key[0]].kind is not Kind.GAUGE:
                    own.cell(key).add(figure)
            self._words[start] = 0
            self._words[start + 1] = 0
        finally:
            self._words[0] += 1

    def note_workers(self, *, wanted: int, alive: int) -> None:
        """How many workers there ought to be, and are. For the supervisor alone."""
        own = self._own()
        own.set(WORKERS, "wanted", figure=wanted)
        own.set(WORKERS, "alive", figure=alive)

    def read(self) -> list[Mapping[Key, float]]:
        """The figures of every slot that says something, at one moment as far as folding goes."""
        for _ in range(MAX_READS):
            before = self._words[0]
            found = [dict(self._entries(slot)) for slot in range(self._slots)]
            if before == self._words[0] and before % 2 == 0:
                break
        return [one for one in found if one]

    def _own(self) -> "Measures":
        if self._supervisor is None:
            self._supervisor = Measures(self, 0)
        return self._supervisor

    def _start(self, slot: int) -> int:
        return (HEADER + slot * self._slot_bytes) // WORD

    def _entries(self, slot: int) -> Iterator[tuple[Key, float]]:
        for key, figure in self.places(slot):
            yield key, self._figures[figure]
        if dropped := self._words[self._start(slot) + 1]:
            yield (DROPPED,), float(dropped)

    def places(self, slot: int, behind: int = 0) -> Iterator[tuple[Key, int]]:
        """The series of a slot, each with the word of its figure; those behind such a word, where one is given."""
        start = self._start(slot)
        at, end = behind + 1 if behind else start + 2, start + 2 + self._words[start] // WORD
        while at < end:
            length = self._words[at]
            begin = (at + 1) * WORD
            figure = at + 1 + -(-length // WORD)
            yield tuple(json.loads(bytes(self._octets[begin : begin + length]))), figure
            at = figure + 1

    def place(self, slot: int, key: Key) -> int:
        """Give a series that a slot has not a place in it: the word of its figure, or -1 where there is no room."""
        start = self._start(slot)
        at = start + 2 + self._words[start] // WORD
        text = json.dumps(key, separators=(",", ":")).encode()
        figure = at + 1 + -(-len(text) // WORD)
        room = self._slot_bytes if key[0] == READY else self._slot_bytes - self._slot_bytes // READY_PART
        if figure >= start + room // WORD:
            self._words[start + 1] += 1
            return -1
        self._words[at] = len(text)
        self._octets[(at + 1) * WORD : (at + 1) * WORD + len(text)] = text
        self._figures[figure] = 0.0
        # Last: until the length has grown, nobody reads the entry
        self._words[start] += (figure + 1 - at) * WORD
        return figure

    def figures(self) -> "memoryview[float]":
        """All words as doubles."""
        return self._figures


class Cell:
    """One figure in shared memory. Safe in any thread of the one process that writes it."""

    __slots__ = ("_at", "_figures", "_lock")

    def __init__(self, figures: "memoryview[float]", at: int, lock: threading.Lock) -> None:
        self._figures, self._at, self._lock = figures, at, lock

    def add(self, amount: float = 1.0) -> None:
        """Count."""
        with self._lock:
            self._figures[self._at] += amount

    def set(self, figure: float) -> None:
        """Say how it is now."""
        self._figures[self._at] = figure


class Measures:
    """Where one process counts: a slot of a board, or of one of its own. Safe in any thread.

    It knows all series of its slot, so that none is sought there: with many tenants there are tens of thousands.
    A label that is not of the kind that `LABEL` has becomes `other`: no series holds a text that a stranger sent.
    """

    def __init__(self, board: Board | None = None, slot: int = 1) -> None:
        self.board = board or Board(2)
        self._slot = slot
        self._cells: dict[Key, Cell] = {}
        self._lock = threading.Lock()
        self._known = 0  # the word of the last figure in the slot that is in `_cells`
        self._dropped = 0
        self._spare = Cell(memoryview(bytearray(WORD)).cast("d"), 0, self._lock)

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter, or to a gauge that sums."""
        key = (name, *labels)
        (self._cells.get(key) or self.cell(key)).add(by)

    def set(self, name: str, *labels: str, figure: float) -> None:
        """Say how a gauge stands."""
        key = (name, *labels)
        (self._cells.get(key) or self.cell(key)).set(figure)

    def observe(self, name: str, *labels: str, seconds: float) -> None:
        """One more of a histogram."""
        bounds = FAMILIES[name].buckets
        found = bisect_left(bounds, seconds)
        self.count(name, *labels, str(bounds[found]) if found < len(bounds) else "+Inf")
        self.count(name, *labels, "sum", by=seconds)

    def cell(self, key: Key) -> Cell:
        """The cell of a series. Raises KeyError for a metric that there is not, ValueError for labels that it has not."""
        if (found := self._cells.get(key)) is not None:
            return found
        family = FAMILIES[key[0]]
        if len(key) - 1 != len(family.labels) + (family.kind is Kind.HISTOGRAM):
            raise ValueError(f"{family.name} has the labels {family.labels}")
        clean = tuple(part if LABEL.fullmatch(part) or part == "+Inf" else OTHER for part in key)
        if clean != key:
            # Not remembered under what came: that would be a memory that strangers fill
            return self.cell(clean)
        with self._lock:
            self._learn()
            return self._cells.get(key) or self._placed(key)

    def _learn(self) -> None:
        """Take in what the slot has beyond what is known: of a process before this one, or what was just placed."""
        for key, at in self.board.places(self._slot, self._known):
            self._cells[key] = Cell(self.board.figures(), at, self._lock)
            self._known = at

    def _placed(self, key: Key) -> Cell:
        if self.board.place(self._slot, key) >= 0:
            self._learn()
            return self._cells[key]
        if self._dropped < MOST_DROPPED:
            self._dropped += 1
            self._cells[key] = self._spare
        return self._spare
