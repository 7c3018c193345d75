"""What supervisor and workers tell each other without a message: a page of shared memory, made before the first fork.

    u32 0      phase of the whole: 0 starting, 1 serving, 2 draining
    u32 1+3n   state of slot n: 0 free, 1 starting, 2 ready, 3 leaving
    u32 2+3n   beats of slot n: grows about twice a second while its event loop turns
    u32 3+3n   connections of slot n

Each number has one writer at a time, and is written in one piece.
"""

import mmap
from enum import IntEnum

NUMBER = 4
# Of a slot
NUMBERS = 3
# So many connections more than another worker, or this share of them, are nothing to wait for
SLACK, SLACK_SHARE = 8, 8


class Phase(IntEnum):
    """Of the whole server."""

    STARTING = 0
    SERVING = 1
    DRAINING = 2


class State(IntEnum):
    """Of one worker."""

    FREE = 0
    STARTING = 1
    READY = 2
    LEAVING = 3


class Board:
    """`slots` workers at most, old and new ones of a reload together. A slot's number is a worker's number, less one."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._numbers = memoryview(mmap.mmap(-1, (1 + NUMBERS * slots) * NUMBER)).cast("I")

    @property
    def phase(self) -> Phase:
        """What the supervisor said last."""
        return Phase(self._numbers[0])

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._numbers[0] = phase

    def draining(self) -> bool:
        """Whether the whole ends: asked twice a request, so without a `Phase` made of the number."""
        return self._numbers[0] == Phase.DRAINING

    def state(self, slot: int) -> State:
        """How the worker in a slot is."""
        return State(self._numbers[1 + NUMBERS * slot])

    def set_state(self, slot: int, state: State) -> None:
        """Say how the worker in a slot is."""
        self._numbers[1 + NUMBERS * slot] = state

    def beat(self, slot: int) -> None:
        """A worker's sign of life."""
        self._numbers[2 + NUMBERS * slot] = (self._numbers[2 + NUMBERS * slot] + 1) & 0xFFFFFFFF

    def beats(self, slot: int) -> int:
        """How often the worker in a slot has given a sign of life."""
        return self._numbers[2 + NUMBERS * slot]

    def hold(self, slot: int, connections: int) -> None:
        """Say how many connections the worker in a slot has."""
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
        """How many workers answer requests. None does, in the eyes of a proxy, once the whole is draining."""
        if self.draining():
            return 0
        return sum(self.state(slot) is State.READY for slot in range(self.slots))
