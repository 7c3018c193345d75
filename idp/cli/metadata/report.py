"""Reports of `ciconia metadata` about other countries' nodes, in sentences or as JSON."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from connectors.addresses import FetchError
from connectors.deviations import named
from connectors.formats.eidas.metadata import PeerFacts
from connectors.formats.eidas.registry import not_ours
from connectors.formats.grammar import written
from connectors.metadata.peers import Held, PendingMetadata
from idp.cli.console import COULD_NOT_RUN, NO, YES, say
from idp.inspect.metadata import facts_told

NOBODY = "The configuration has no node."
CHANGED = "It was fetched, and another process changed its row: try again."


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result for one node: an error, or a copy, None where another process changed the row meanwhile."""

    name: str
    error: FetchError | None
    held: Held | None = None
    waiting: tuple[PendingMetadata, ...] = ()

    @property
    def code(self) -> int:
        """The exit code for this node."""
        return NO if self.error is not None else COULD_NOT_RUN if self.held is None else YES

    @property
    def told(self) -> dict[str, object]:
        """The result as an object."""
        if self.error is not None:
            found = {"check": self.error.check, "detail": self.error.detail, "mend": self.error.mend}
            return {"ok": False, "peer": self.name, "error": found}
        if self.held is None:
            return {"ok": False, "peer": self.name, "error": {"code": "changed_meanwhile", "detail": CHANGED}}
        facts = self.held.facts
        pending = [pending_told(self.name, one) for one in self.waiting]
        return {
            "ok": True,
            "peer": self.name,
            "valid_until": written(facts.valid_until),
            "digest": facts.digest,
            "pending": pending,
            "deviations": list(facts.deviations),
            "versions_not_ours": not_ours(facts.versions),
        }

    def say(self, config: Path) -> None:
        """Prints the result in sentences; on stderr where it is refused."""
        if self.error is not None:
            say(f"{self.name}: Refused ({self.error.check}): {self.error.detail} {self.error.mend}", error=True)
            return
        if self.held is None:
            say(f"{self.name}: {CHANGED}", error=True)
            return
        facts = self.held.facts
        say(f"{self.name}: its metadata is good, valid until {written(facts.valid_until)}, digest {facts.digest}.")
        say_used(facts.deviations)
        if other := not_ours(facts.versions):
            say(f"It also names protocol versions that we do not speak: {', '.join(other)}.")
        for one in self.waiting:
            say_pending(self.name, one, config)
        if not self.waiting:
            say("Everything that it says is approved.")


def pending_told(name: str, one: PendingMetadata) -> dict[str, object]:
    """One node's pending changes, as an object."""
    return {"peer": name, **asdict(one)}


def say_used(deviations: Sequence[str]) -> None:
    """Prints the named deviations that a node's metadata used."""
    for one in named(deviations):
        say(f"It deviates ({one.name}): {one.what} {one.bound}")


def say_pending(name: str, one: PendingMetadata, config: Path) -> None:
    """Prints one node's pending changes, and what to do about them."""
    say(f"{name} ({one.country}), {one.entity_id}: {'nothing of it was approved before.' if one.first else 'this is new:'}")
    for addition in one.additions:
        say(f"  {addition}")
    say(f"  digest {one.digest}")
    say("Compare the digest with the other operator, on another way than their metadata's. If it is the same:")
    say(f"  {shlex.join(['ciconia', 'metadata', 'approve', name, '--digest', one.digest, '--config', str(config)])}")


def fetch_command(name: str, config: Path) -> str:
    """The command that fetches one node's metadata."""
    return shlex.join(["ciconia", "metadata", "fetch", name, "--config", str(config)])


def held_told(held: Held) -> dict[str, object]:
    """A held copy as an object, with each certificate as its SHA-256."""
    facts: PeerFacts = held.facts
    return {
        "entity_id": facts.entity_id,
        "country": facts.country,
        "role": facts.role,
        "fetched": written(held.fetched),
        **facts_told(facts),
        "approved_digest": held.approved.digest if held.approved is not None else None,
        "attributes": sorted(facts.attributes),
        "sp_type": facts.sp_type or None,
    }
