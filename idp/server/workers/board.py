"""A page of shared memory that supervisor and workers write instead of messages; it is made before the first fork.

    u32 0      phase of the whole: 0 starting, 1 serving, 2 draining
    u32 1+3n   state of slot n: 0 free, 1 starting, 2 ready, 3 leaving
    u32 2+3n   beats of slot n: grows about ten times a second while its event loop turns
    u32 3+3n   connections of slot n

Each number has one writer at a time, and is written in one piece.
"""

import mmap
from enum import IntEnum

OCTETS = 4  # of a number
NUMBERS = 3  # of a slot
# A worker may have so many connections more than another, or this share of them
SLACK, SLACK_SHARE = 8, 8


class Phase(IntEnum):
    """The phase of the whole server."""

    STARTING = 0
    SERVING = 1
    DRAINING = 2


class State(IntEnum):
    """The state of one worker."""

    FREE = 0
    STARTING = 1
    READY = 2
    LEAVING = 3


class Board:
    """`slots` workers at most, old and new ones of a reload together. A slot's number is a worker's number, less one."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._numbers = memoryview(mmap.mmap(-1, (1 + NUMBERS * slots) * OCTETS)).cast("I")

    @property
    def phase(self) -> Phase:
        """The phase that the supervisor wrote last."""
        return Phase(self._numbers[0])

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._numbers[0] = phase

    def draining(self) -> bool:
        """Whether the whole ends. Each request asks, so no `Phase` is made of the number."""
        return self._numbers[0] == Phase.DRAINING

    def state(self, slot: int) -> State:
        """The state of the worker in a slot."""
        return State(self._numbers[1 + NUMBERS * slot])

    def set_state(self, slot: int, state: State) -> None:
        """Write the state of the worker in a slot."""
        self._numbers[1 + NUMBERS * slot] = state

    def beat(self, slot: int) -> None:
        """Count one sign of life of a worker."""
        self._numbers[2 + NUMBERS * slot] = (self._numbers[2 + NUMBERS * slot] + 1) & 0xFFFFFFFF

    def beats(self, slot: int) -> int:
        """How many signs of life the worker in a slot has given."""
        return self._numbers[2 + NUMBERS * slot]

    def hold(self, slot: int, connections: int) -> None:
        """Write how many connections the worker in a slot has."""
        self._numbers[3 + NUMBERS * slot] = connections

    def is_ahead(self, slot: int) -> bool:
        """Whether the worker in a slot has so many connections that another one should take the next."""
        others = [n for n in range(self.slots) if n != slot and self.state(n) is State.READY]
        if not others:
            return False
        fewest = min(self._numbers[3 + NUMBERS * n] for n in others)
        return self._numbers[3 + NUMBERS * slot] > fewest + max(SLACK, fewest // SLACK_SHARE)

    @property
    def ready(self) -> int:
        """How many workers answer requests; none while the whole drains, so that a proxy goes elsewhere."""
        if self.draining():
            return 0
        return sum(self.state(slot) is State.READY for slot in range(self.slots))
