"""The deviations in words, those that one message may have, and those that it used."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.profiles import Profile
from policies.deviations import PROFILES, by_registration, usual


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation of `policies.deviations`. Texts are plain sentences for operators; deviations.toml has them."""

    name: str
    profile: str
    what: str
    senders: str
    forbidden_by: str
    bound: str
    # False: on for every peer of its profile. True: on for one peer, by its registration
    by_registration: bool


_TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
DEVIATIONS: Mapping[str, Deviation] = {
    name: Deviation(name=name, profile=profile, by_registration=name in by_registration(profile), **_TEXTS[name])
    for profile in PROFILES
    for name in usual(profile) | by_registration(profile)
}


def named(names: Iterable[str]) -> tuple[Deviation, ...]:
    """The deviations of these names, sorted by name."""
    return tuple(DEVIATIONS[name] for name in sorted(names))


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
