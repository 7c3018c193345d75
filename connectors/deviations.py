"""The deviations that one message may have, and those that it used. `policies.deviations` has the table."""

from collections.abc import Iterable

from connectors.profiles import Profile
from policies.deviations import usual


class Tolerance:
    """The tolerance for one message. Readers and checks ask `takes` where they would refuse; `used` tells what passed.

    `Tolerance()` takes nothing.
    """

    __slots__ = ("_allowed", "_used")

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(allowed)
        self._used: set[str] = set()

    def takes(self, deviation: str) -> bool:
        """Whether this deviation passes. It counts as used then, so ask only where the message has it."""
        if deviation not in self._allowed:
            return False
        self._used.add(deviation)
        return True

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the deviations that passed, sorted."""
        return tuple(sorted(self._used))


# Takes nothing, and so never says that anything was used
NOTHING = Tolerance()


def tolerance(profile: Profile, registered: Iterable[str] = ()) -> Tolerance:
    """For a message of a peer of this profile, with what its registration switches on."""
    return Tolerance(usual(profile.name) | frozenset(registered))
