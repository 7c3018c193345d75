"""What deployed peers send although a standard forbids it, and we take all the same: the one table of named deviations.

A deviation changes neither who somebody is, nor what is released, nor to whom. Each names its sender and its bound: the
same message with one thing more is refused by the old check. A harmless one is on for every peer of its profile. Any other
is switched on for one peer, by `deviations = ["name"]` in its registration. `docs/deviations.md` is made from this table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation. Texts are plain sentences for operators."""

    name: str
    profile: str  # "eidas" or "saml2int", as `connectors.profiles` names them
    what: str  # what arrives
    senders: str  # who sends it: products and versions
    forbidden_by: str  # the standard and its section
    bound: str  # why it is harmless, or what bounds it
    # False: on for its profile. True: on for one peer, by its registration
    by_registration: bool = False


_ALL: tuple[Deviation, ...] = ()

DEVIATIONS: Mapping[str, Deviation] = {one.name: one for one in _ALL}


def usual(profile: str) -> frozenset[str]:
    """The names of those that are on for every peer of a profile."""
    return frozenset(name for name, one in DEVIATIONS.items() if one.profile == profile and not one.by_registration)


def by_registration(profile: str) -> frozenset[str]:
    """The names that a registration of a peer of this profile may switch on."""
    return frozenset(name for name, one in DEVIATIONS.items() if one.profile == profile and one.by_registration)


def named(names: Iterable[str]) -> tuple[Deviation, ...]:
    """The rows of these names, sorted by name."""
    return tuple(DEVIATIONS[name] for name in sorted(names))
