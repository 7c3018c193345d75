"""Shared memory in which the supervisor and its workers say how they are; it is made before the first fork.

Each number has one writer at a time, and is written in one piece.
"""

import mmap
from ctypes import Structure, c_uint32, sizeof
from enum import IntEnum

# A worker may have so many connections more than another, or this share of them
SLACK, SLACK_SHARE = 8, 8


class ServerPhase(IntEnum):
    """The phase of the whole server."""

    STARTING = 0
    SERVING = 1
    DRAINING = 2


class WorkerState(IntEnum):
    """The state of one worker."""

    FREE = 0
    STARTING = 1
    READY = 2
    LEAVING = 3


class Slot(Structure):
    """One worker's numbers. `beats` grows about ten times a second while its event loop turns."""

    _fields_ = (("state", c_uint32), ("beats", c_uint32), ("connections", c_uint32))
    state: int
    beats: int
    connections: int


class Board:
    """The server's phase and `count` slots, for old and new workers of a reload together.

    A slot's index is a worker's number, less one.
    """

    def __init__(self, count: int) -> None:
        memory = mmap.mmap(-1, sizeof(c_uint32) + count * sizeof(Slot))
        self._phase = c_uint32.from_buffer(memory)
        self.slots = (Slot * count).from_buffer(memory, sizeof(c_uint32))

    @property
    def phase(self) -> int:
        """The phase that the supervisor wrote last."""
        return self._phase.value

    @phase.setter
    def phase(self, phase: ServerPhase) -> None:
        self._phase.value = phase

    def draining(self) -> bool:
        """Whether the whole server is about to end."""
        return self._phase.value == ServerPhase.DRAINING

    def is_ahead(self, index: int) -> bool:
        """Whether a worker has so many connections that another one should take the next."""
        mine = self.slots[index].connections
        others = [
            slot.connections
            for number, slot in enumerate(self.slots)
            if number != index and slot.state == WorkerState.READY
        ]
        fewest = min(others, default=mine)
        return mine > fewest + max(SLACK, fewest // SLACK_SHARE)
