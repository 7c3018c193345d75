"""The decision: what goes, in which form, what is withheld, and the reason for each."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from policies.attributes import Attribute, AttributeName, Form
from policies.authentication import AskedAttribute, Offered
from policies.parties import RelyingParty, Source
from policies.purposes import Purpose


class Outcome(StrEnum):
    """What became of one attribute that was asked for."""

    AS_ASKED = "as_asked"
    WEAKENED = "weakened"
    WITHHELD = "withheld"


class Reason(StrEnum):
    """Why: stable names, each explained in `docs/`, each a sentence on the approval page."""

    AS_ASKED = "as_asked"
    LEAST_SUFFICIENT = "least_sufficient"
    NOT_REGISTERED = "not_registered"
    PURPOSE_NOT_REGISTERED = "purpose_not_registered"
    NOT_NEEDED = "not_needed"
    NOT_AVAILABLE = "not_available"
    NO_COMMON_FORM = "no_common_form"
    ASSURANCE_TOO_LOW = "assurance_too_low"
    NOT_CHOSEN = "not_chosen"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided about one attribute, and by which line of which file."""

    name: AttributeName
    asked: Form
    outcome: Outcome
    reason: Reason
    required: bool
    source: Source
    released: Attribute | None = field(default=None, repr=False)  # None exactly where it is withheld


@dataclass(frozen=True, slots=True)
class Decision:
    """All rulings, one for each attribute asked, sorted by name.

    `blocked` names the required attributes that were denied; where there is one, nothing at all is released.
    """

    rulings: tuple[Ruling, ...]

    @property
    def blocked(self) -> tuple[AttributeName, ...]:
        """The required attributes that cannot go."""
        return tuple(r.name for r in self.rulings if r.required and r.released is None)

    @property
    def released(self) -> tuple[Attribute, ...]:
        """What goes; nothing where a required attribute is blocked."""
        if self.blocked:
            return ()
        return tuple(r.released for r in self.rulings if r.released is not None)

    @property
    def optional(self) -> tuple[AttributeName, ...]:
        """What the citizen may tick: releasable, and not required."""
        return tuple(r.name for r in self.rulings if r.released is not None and not r.required)


def decide(
    asked: Collection[AskedAttribute], purpose: Purpose, party: RelyingParty, offered: Offered, on: date
) -> Decision:
    """Decide for each attribute asked. Pure: `on` is the date on which ages are counted."""
    raise NotImplementedError


def choose(decision: Decision, chosen: Collection[AttributeName]) -> Decision:
    """The same decision after the citizen's choice: an optional attribute that is not in `chosen` is withheld.

    Raises `ReleaseDenied` where `chosen` names an attribute that was not offered as optional.
    """
    raise NotImplementedError
