"""The explanation of a login that was, from what its record says: no value is known any more, and none is needed.

For each attribute a value is made up of which the decision says what the record says, by the purpose and registration of
that day. Where there is none, the record and the policy do not fit, and that is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Form, Value
from policies.authentication import AskedAttribute, AttributeSource, Offered
from policies.catalogue import Catalogue
from policies.explain import Explanation, explain
from policies.federation.categories import RAF_VALUES
from policies.parties import RegisterId, RelyingParty
from policies.persons import PersonKind
from policies.purposes import Purpose
from policies.release import NOT_THERE, Reason, as_from_its_sources, decide, short_of
from policies.simulation.worlds import made_up

_MISSING = (*NOT_THERE, Reason.REGISTER_AWAY)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A login by its record. `released` is None where the citizen let nothing go: nobody knows what could."""

    asked: tuple[AskedAttribute, ...]
    unknown: tuple[str, ...]
    released: Mapping[AttributeName, Form] | None
    withheld: Mapping[AttributeName, str]
    loa: LevelOfAssurance
    on: date
    kind: PersonKind = PersonKind.NATURAL


def recall(
    said: Recorded,
    purpose: Purpose,
    party: RelyingParty,
    sphere: str,
    catalogue: Catalogue,
    only_for: frozenset[str] = frozenset(),
) -> tuple[Explanation, tuple[str, ...]]:
    """Explain a login after the fact; and a sentence for each attribute of which this decision says another thing."""
    refused = [name for name, reason in said.withheld.items() if reason == Reason.NOT_CHOSEN]
    unasked = [name for name, reason in said.withheld.items() if reason == Reason.NOT_ASKED]
    unassured = Reason.IDENTITY_UNASSURED in said.withheld.values()
    vouched = frozenset() if unassured else RAF_VALUES
    whole = Offered({}, said.loa, sphere, vouched, only_for, said.kind, *_registers(said, purpose))
    values = {one.name: _value(one, said, purpose, party, whole, catalogue) for one in said.asked}
    had = {name: value for name, value in values.items() if value is not None}
    offered = replace(whole, attributes=had)
    boxes = decide(said.asked, purpose, party, as_from_its_sources(offered, purpose), said.on, catalogue=catalogue).optional
    explanation = explain(
        said.asked,
        said.unknown,
        purpose,
        party,
        offered,
        said.on,
        catalogue=catalogue,
        refused=[name for name in refused if name in boxes],
        unasked=unasked,
    )
    # What went the source had; of the rest nobody knows what it had
    rows = tuple(replace(row, available=row.goes) for row in explanation.rows)
    missing = {name for name, reason in said.withheld.items() if reason in _MISSING}
    unseen = frozenset(row.ruling.name for row in rows if row.goes is None) - missing
    return replace(explanation, rows=rows, unseen=unseen), _differences(said, explanation)


def _registers(
    said: Recorded, purpose: Purpose
) -> tuple[Mapping[AttributeName, AttributeSource], frozenset[AttributeName]]:
    """The registers that were not sure enough or not asked, and the attributes whose register was away, by the record."""
    sources = {
        name: AttributeSource(need.sources[0] if why == Reason.SOURCE_UNSURE else RegisterId(""), LevelOfAssurance.LOW)
        for name, need in purpose.needs.items()
        if (why := said.withheld.get(name)) in (Reason.SOURCE_UNSURE, Reason.REGISTER_NOT_ASKED)
    }
    away = frozenset(AttributeName(name) for name, why in said.withheld.items() if why == Reason.REGISTER_AWAY)
    return sources, away


def _value(
    one: AskedAttribute, said: Recorded, purpose: Purpose, party: RelyingParty, whole: Offered, catalogue: Catalogue
) -> Value | None:
    """A value that leads to what the record says, else a whole one; None where the record says that there was none."""
    attribute, need, rule = catalogue.attributes.get(one.name), purpose.needs.get(one.name), party.attributes.get(one.name)
    if attribute is None or said.withheld.get(one.name) in _MISSING:
        return None
    forms = frozenset(bound.form for bound in (need, rule) if bound)
    candidates = [each.value for each in made_up(attribute.kind, forms) if each.value is not None]
    for value in candidates:
        source = as_from_its_sources(replace(whole, attributes={one.name: value}), purpose)
        decision = decide([one], purpose, party, source, said.on, catalogue=catalogue)
        released = decision.rulings[0].released
        if said.released is None or one.name not in said.released:
            return value
        if released and released.form == said.released[one.name] and not (party.enforce and short_of(decision, purpose)):
            return value
    return candidates[0]


def _differences(said: Recorded, explanation: Explanation) -> tuple[str, ...]:
    found = []
    for row in explanation.rows:
        name = row.ruling.name
        now = f"as {row.goes}" if row.goes else f"withheld ({row.why})"
        was = f"withheld ({said.withheld[name]})" if name in said.withheld else ""
        if said.released is not None:
            was = f"as {said.released[name]}" if name in said.released else was
        if was and was != now:
            found.append(f"{name}: the record says {was}, and the policy of that day {now}.")
    return tuple(found)
