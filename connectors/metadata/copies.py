"""Which copy of a node's metadata counts, and what of it: the rules alone, pure. `Peers` reads, writes and obeys.

A copy is in memory, one is kept, and one may come. Somebody who can write the kept copies can take away, and add nothing.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from connectors.addresses import FetchError
from connectors.formats.eidas.metadata import PeerFacts
from connectors.metadata.approval import approved_part
from policies.parties import EntityId


@dataclass(frozen=True, slots=True)
class Held:
    """The last good copy of a node's metadata: as it came, what it says, what of it is approved, and when it came.

    A copy without octets was forgotten by an operator: its facts count for nothing.
    """

    entity_id: EntityId
    octets: bytes = field(repr=False)
    facts: PeerFacts
    approved: PeerFacts | None
    fetched: int
    named: str = ""  # the digest of a registration (`Peer.digest`) that was used to approve: each approves once
    generation: int = 0  # how often the copy was forgotten: what is of an earlier one is as if it had not come
    signer: str = field(default="", compare=False)  # the id of the key that signed it, told anew where a kept one is read

    @property
    def forgotten(self) -> bool:
        """Whether nothing is held but the memory that something was."""
        return not self.octets


class CopyChange(Enum):
    """The copy in memory after a look at the one that is kept."""

    NOTHING = auto()  # the kept one is the same, or older: an old row that is put back undoes no withdrawal
    APPROVED = auto()  # the kept one has the same facts: the approval of another process counts here, too
    NEWER = auto()  # the kept one takes its place, where the registration still allows it
    FORGOTTEN = auto()  # an operator had the one in memory forgotten; the kept one counts as `NEWER`


def looked(known: Held | None, stored: Held | None) -> CopyChange:
    """The rule for what is kept (`stored`) beside what is in memory (`known`)."""
    if stored is None or stored == known:
        return CopyChange.NOTHING
    if known is None:
        return CopyChange.NEWER
    if stored.generation > known.generation:
        return CopyChange.FORGOTTEN
    if stored.generation == known.generation:
        if stored.facts.valid_until >= known.facts.valid_until:
            return CopyChange.NEWER
        if stored.facts.digest == known.facts.digest:
            return CopyChange.APPROVED
    return CopyChange.NOTHING


class Expiring(Protocol):
    """Metadata that says something until it ends."""

    @property
    def valid_until(self) -> int:
        """Its end."""

    @property
    def digest(self) -> str:
        """A digest of its content: two that say the same have the same."""


def check_newer(came: Expiring, before: Expiring) -> None:
    """Check that a new copy says the same as the one before, or ends later. Raises `FetchError`.

    The same facts may end earlier, as several processes of a node publish them.
    """
    if came.valid_until <= before.valid_until and came.digest != before.digest:
        # An old copy, signed by the right key, brings back keys that were withdrawn.
        detail = "its metadata says other things than the copy that is held, and does not end later."
        raise FetchError("metadata_old", detail)


class Write(Enum):
    """The write that a new copy needs, and why."""

    NOTHING = auto()  # it is kept so
    KEEP = auto()  # it is not
    APPROVE = auto()  # the registration names its digest, and something of it is not approved


@dataclass(frozen=True, slots=True)
class Taken:
    """The facts in force after a new copy: `at_once`, and `then`, when that is written."""

    at_once: Held
    then: Held
    write: Write


def taken(came: Held, known: Held | None, stored: Held | None, registered: str) -> Taken:
    """The rule for a good copy that came: it takes the place of the one in memory, unless that ends no earlier.

    A part that is gone counts no longer, even where nothing can be written. A new part is approved by the digest that is
    `registered`, or waits.
    """
    last = known or stored
    held = known if known and came.facts.valid_until <= known.facts.valid_until else came
    if last:
        # Where the row is gone, so is the approval
        approved = approved_part(held.facts, last.approved) if stored and last.approved else None
        held = replace(held, approved=approved, named=last.named, generation=last.generation)
    then = held
    if held.facts.digest == registered != held.named:
        # Once: a withdrawn key that comes back later brings this very digest back, too
        then = replace(held, approved=held.facts, named=registered)
    if then.approved != held.approved:
        return Taken(held, then, Write.APPROVE)
    return Taken(held, then, Write.NOTHING if then == stored else Write.KEEP)
