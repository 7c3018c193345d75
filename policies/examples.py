"""The examples in a purpose's file: a made-up citizen, a request, and what must become of it. They run through `decide`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from policies.attributes import EXACT, AttributeName, Form, Value
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import Catalogue
from policies.parties import ClientId, RelyingParty, Rule, Sector, Source
from policies.persons import EVERYBODY
from policies.purposes import Purpose
from policies.release import Decision, as_from_its_sources, choose, decide, short_of

# The word for what would go, were a required attribute not denied
BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Situation:
    """A made-up login: the day (None: the day on which it is tried), what is asked, what the source has."""

    on: date | None
    asked: tuple[AskedAttribute, ...]
    offered: Offered


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a purpose.

    `refused` names optional attributes that the citizen does not tick; all others are ticked. `client_id` "" means a party
    that is registered for everything, and enforced. `answers` are the values that the example insists on. `ended_by` are
    the attributes because of which the broker ends the login; None where the example does not say.
    """

    title: str
    situation: Situation
    refused: tuple[AttributeName, ...]
    client_id: ClientId
    released: Mapping[AttributeName, Form]
    answers: Mapping[AttributeName, Value] = field(repr=False)
    withheld: Mapping[AttributeName, str]
    source: Source
    ended_by: tuple[AttributeName, ...] | None = None


def party_with_everything(purpose: Purpose, catalogue: Catalogue) -> RelyingParty:
    """A relying party that is registered for every attribute in full: then the purpose alone decides."""
    return RelyingParty(
        client_id=ClientId(""),
        title={"en": "a service that is registered for every attribute"},
        sector=Sector(""),
        redirect_uris=(),
        purposes=(purpose.purpose_id,),
        attributes={name: Rule(EXACT, purpose.source) for name in catalogue.attributes},
        source=purpose.source,
        enforce=True,
        persons=EVERYBODY,
    )


def decide_for(
    situation: Situation,
    purpose: Purpose,
    party: RelyingParty,
    on: date,
    refused: Collection[AttributeName],
    *,
    catalogue: Catalogue,
) -> Decision:
    """The production decision, and then the citizen's choice: every optional attribute but the refused ones."""
    offered = as_from_its_sources(situation.offered, purpose)
    decision = decide(situation.asked, purpose, party, offered, on, catalogue=catalogue)
    return choose(decision, [name for name in decision.optional if name not in refused])


def withheld_by(decision: Decision) -> Mapping[AttributeName, str]:
    """The withheld attributes, each with its reason's word; `blocked` for those that a denied required one takes along."""
    blocked = bool(decision.blocked)
    return {
        r.name: BLOCKED if r.released is not None else r.reason.value
        for r in decision.rulings
        if r.released is None or blocked
    }


def differences(
    example: Example, purpose: Purpose, party: RelyingParty, on: date, *, catalogue: Catalogue
) -> tuple[str, ...]:
    """Run an example; say what came out otherwise than it says, one sentence each, nothing where it holds."""
    decision = decide_for(example.situation, purpose, party, on, example.refused, catalogue=catalogue)
    went = {attribute.name: attribute for attribute in decision.released}
    stayed = withheld_by(decision)
    found: list[str] = []
    for name in sorted({*went, *stayed, *example.released, *example.withheld}):
        expected = _told(example.released.get(name), example.withheld.get(name))
        actual = _told(went[name].form if name in went else None, stayed.get(name))
        if actual != expected:
            found.append(f"{name}: the file says {expected}, the decision is {actual}.")
        elif name in example.answers and went[name].value != example.answers[name]:
            found.append(f"{name}: the file says {example.answers[name]}, the answer is {went[name].value}.")
    ends = short_of(decision, purpose) if party.enforce else ()
    if example.ended_by is not None and sorted(example.ended_by) != sorted(ends):
        said, is_so = (", ".join(sorted(names)) or "nothing" for names in (example.ended_by, ends))
        found.append(f"the file says that {said} ends the login, and {is_so} does.")
    return tuple(found)


def _told(released: Form | None, withheld: str | None) -> str:
    if released is not None:
        return f"released as {released}"
    return f"withheld ({withheld})" if withheld else "not asked for"
