"""Groups of services that share a sign-in (single sign-on)."""

from dataclasses import dataclass

from policies.parties import Source


@dataclass(frozen=True, slots=True)
class SessionGroup:
    """One group: how long a session lives at the most, and how long without a sign-in. In seconds."""

    group_id: str
    life: int
    idle: int
    source: Source
