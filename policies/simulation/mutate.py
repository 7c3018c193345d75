"""Mutation of a configuration: one rule at a time changes so that more would leave; those that no example holds are named.

| rule | its changes |
|---|---|
| the form of an attribute in a purpose | each form without a parameter that says more |
| `required`, `must_be_true`; `enforce` and the `sphere` of a registration | dropped |
| `minimum_assurance` | one level lower |
| the attributes of a purpose | each other attribute of the catalogue, added in full |
| a registration that is narrower than its purposes | each form that lets more go; each needed attribute, added |

A change is noticed where an example that held does not hold any more. Run the examples first: one that fails notices all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, AttributeName, Form
from policies.catalogue import Catalogue
from policies.examples import Example, differences, party_with_everything
from policies.forms import FORMS, is_predicate
from policies.load import Configuration
from policies.parties import PurposeId, RelyingParty, Rule, Source
from policies.purposes import Need, Purpose


@dataclass(frozen=True, slots=True)
class UnheldRule:
    """A rule that no example holds: its place and key, the changes that none noticed, and an example that would."""

    source: Source
    rule: str
    changes: tuple[str, ...]
    fix: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """The number of changes that were tried, and the rules of those that nothing noticed."""

    tried: int
    unheld: tuple[UnheldRule, ...]


@dataclass(frozen=True, slots=True)
class _Mutant:
    source: Source
    rule: str
    change: str
    fix: str
    changed: Purpose | RelyingParty


@dataclass(frozen=True, slots=True)
class MissingExamples:
    """A purpose whose examples lack a release, in which something goes, or a refusal, in which something stays."""

    purpose: Purpose
    lacks: tuple[str, ...]


def missing_examples(configuration: Configuration) -> tuple[MissingExamples, ...]:
    """The purposes without a release or without a refusal among their examples."""
    found = []
    for purpose_id, purpose in configuration.purposes.items():
        examples = configuration.examples.get(purpose_id, ())
        present = {"release": any(one.released for one in examples), "refusal": any(one.withheld for one in examples)}
        if lacks := tuple(word for word, there in present.items() if not there):
            found.append(MissingExamples(purpose, lacks))
    return tuple(found)


def mutate(configuration: Configuration) -> Mutation:
    """Change each rule in each way, one at a time."""
    unheld = dict[tuple[Source, str], UnheldRule]()
    by_purpose: dict[str, list[tuple[PurposeId, Example]]] = {}
    by_client: dict[str, list[tuple[PurposeId, Example]]] = {}
    for purpose_id, examples in configuration.examples.items():
        by_purpose[purpose_id] = [(purpose_id, one) for one in examples]
        for one in examples:
            by_client.setdefault(one.client_id, []).append((purpose_id, one))
    mutants = [
        (mutant, by_purpose.get(one.purpose_id, ()))
        for one in configuration.purposes.values()
        for mutant in _of_purpose(one, configuration.catalogue)
    ]
    mutants += [
        (mutant, by_client.get(one.client_id, ()))
        for one in configuration.parties.values()
        for mutant in _of_party(one, configuration)
    ]
    for mutant, judges in mutants:
        if not _noticed(mutant.changed, judges, configuration):
            before = unheld.get((mutant.source, mutant.rule))
            changes = (*(before.changes if before else ()), mutant.change)
            unheld[mutant.source, mutant.rule] = UnheldRule(mutant.source, mutant.rule, changes, mutant.fix)
    return Mutation(len(mutants), tuple(unheld.values()))


def _noticed(
    changed: Purpose | RelyingParty, cases: Sequence[tuple[PurposeId, Example]], configuration: Configuration
) -> bool:
    for purpose_id, example in cases:
        purpose = changed if isinstance(changed, Purpose) else configuration.purposes[purpose_id]
        party = changed if isinstance(changed, RelyingParty) else configuration.parties.get(example.client_id)
        everything = party or party_with_everything(purpose, configuration.catalogue)
        on = example.situation.on
        if on is not None and differences(example, purpose, everything, on, catalogue=configuration.catalogue):
            return True
    return False


def _of_purpose(purpose: Purpose, catalogue: Catalogue) -> Iterator[_Mutant]:
    for name, need in purpose.needs.items():
        rule = f"attributes.{name}"
        for form in wider_forms(catalogue, name, need.form):
            fix = f'write an example that asks for more: asked = {{ {name} = "exact" }}.'
            changed = _with_need(purpose, name, replace(need, form=form))
            yield _Mutant(need.source, f"{rule}.form", f"{form} in place of {need.form}", fix, changed)
        if need.must_be_true:
            fix = f'write an example with ended_by = ["{name}"], in which the answer is no.'
            changed = _with_need(purpose, name, replace(need, must_be_true=False))
            yield _Mutant(need.source, f"{rule}.must_be_true", "dropped", fix, changed)
        if need.required:
            fix = f'write an example with refused = ["{name}"], in which {name} goes all the same.'
            changed = _with_need(purpose, name, replace(need, required=False))
            yield _Mutant(need.source, f"{rule}.required", "dropped", fix, changed)
    if purpose.minimum_assurance > LevelOfAssurance.LOW:
        lower = LevelOfAssurance(purpose.minimum_assurance - 1)
        fix = f'write an example with loa = "{lower.label}" and withheld = {{ NAME = "assurance_too_low" }}.'
        change = f"{lower.label} in place of {purpose.minimum_assurance.label}"
        yield _Mutant(purpose.source, "minimum_assurance", change, fix, replace(purpose, minimum_assurance=lower))
    for name in catalogue.attributes:
        # Another kind of person has it: its examples would say nothing
        if name not in purpose.needs and not catalogue.attributes[name].persons.isdisjoint(purpose.persons):
            fix = 'write an example that asks for each of them, and says withheld = { NAME = "not_needed" }.'
            changed = _with_need(purpose, name, Need(EXACT, {}, required=False, source=purpose.source))
            yield _Mutant(purpose.source, "attributes", f"{name} added", fix, changed)


def _with_need(purpose: Purpose, name: AttributeName, need: Need) -> Purpose:
    return replace(purpose, needs={**purpose.needs, name: need})


def _of_party(party: RelyingParty, configuration: Configuration) -> Iterator[_Mutant]:
    catalogue, needed = configuration.catalogue, dict[AttributeName, set[Form]]()
    purposes = [configuration.purposes[one] for one in party.purposes]
    for purpose in purposes:
        for name, need in purpose.needs.items():
            needed.setdefault(name, set()).add(need.form)
    if party.enforce and any(need.required for purpose in purposes for need in purpose.needs.values()):
        fix = f'write an example with client = "{party.client_id}" and ended_by, in which a required attribute falls short.'
        yield _Mutant(party.source, "enforce", "dropped", fix, replace(party, enforce=False))
    if party.sphere and not all(is_predicate(form) for forms in needed.values() for form in forms):
        fix = f'write an example with client = "{party.client_id}", another sphere, and NAME = "other_sphere" in withheld.'
        yield _Mutant(party.source, "sphere", "dropped", fix, replace(party, sphere=""))
    for name, forms in needed.items():
        fix = f'write an example with client = "{party.client_id}" that asks for {name} in full, and gets no more.'
        rule = party.attributes.get(name)
        if rule is None:
            yield _Mutant(party.source, "attributes", f"{name} added", fix, _with_rule(party, name, EXACT, party.source))
            continue
        for form in wider_forms(catalogue, name, rule.form):
            if any(catalogue.meet(name, form, one) != catalogue.meet(name, rule.form, one) for one in forms):
                change = f"{form} in place of {rule.form}"
                yield _Mutant(rule.source, f"attributes.{name}", change, fix, _with_rule(party, name, form, rule.source))


def _with_rule(party: RelyingParty, name: AttributeName, form: Form, source: Source) -> RelyingParty:
    rules: Mapping[AttributeName, Rule] = {**party.attributes, name: Rule(form, source)}
    return replace(party, attributes=rules)


def wider_forms(catalogue: Catalogue, name: AttributeName, form: Form) -> tuple[Form, ...]:
    """The forms without a parameter that say more than this one, `exact` among them."""
    known = [Form(kind.name) for kind in FORMS[catalogue.attributes[name].kind].values() if not kind.parameter]
    return tuple(one for one in known if one != form and catalogue.meet(name, one, form) == form)
