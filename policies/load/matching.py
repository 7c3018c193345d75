"""`[matching]` of a purpose: a register says which earlier identifier a person had, and two of three facts agree."""

from collections.abc import Iterable, Iterator, Mapping

from policies.attribute_register import AttributeRegister
from policies.attributes import EXACT, AttributeName
from policies.catalogue import Catalogue
from policies.errors import Problem
from policies.forms import AttributeKind
from policies.load.table import Table, nearest
from policies.matching import BIRTHDATE, FACTS, ConfirmedBy, MatchingRule
from policies.parties import IdentityProvider, ProviderId, RegisterId, RelyingParty
from policies.persons import NATURAL_ALONE
from policies.purposes import SIGN_IN, Purpose

_FIX = "write [matching] with identifier, provider, confirmed_by and [matching.facts] (docs/match-a-person.md)."
_FACTS_FIX = "write three lines in [matching.facts], each an attribute of the sign-in and the register's word for it."
_BY = {one.value: one for one in ConfirmedBy}
_ONE_TEXT = (AttributeKind.TEXT, AttributeKind.NUMBER)
# Facts that twins share find the other twin, too, and a namesake is told by the birth date
_TELLS_TWINS = AttributeName("given_name")
# A number that several people have
_SHARED = AttributeName("phone_number")


def read_matching(purpose: Table) -> MatchingRule | None:
    """The rule, if the purpose has one. Problems go to the table's list."""
    table = purpose.table("matching", _FIX, required=False)
    if table is None:
        return None
    given = table.table("facts", _FACTS_FIX)
    names = [] if given is None else [*given.names()]
    facts = {AttributeName(name): AttributeName(given.text(name, _FACTS_FIX)) for name in names if given is not None}
    found = MatchingRule(
        identifier=AttributeName(table.text("identifier", _FIX)),
        provider_id=ProviderId(table.text("provider", 'write provider = "ID": whose identifiers the register gives.')),
        facts=facts,
        confirmed_by=table.choice("confirmed_by", _BY, ConfirmedBy.OFFICER),
    )
    if len({*facts, *facts.values()}) != 2 * FACTS:
        table.problem("facts", f"has {len(facts)} facts, and three different ones are compared.", _FACTS_FIX)
    table.close()
    return found


def problems_of_matching(
    purpose: Purpose,
    registers: Mapping[RegisterId, AttributeRegister],
    providers: Mapping[ProviderId, IdentityProvider],
    catalogue: Catalogue,
    parties: Iterable[RelyingParty],
) -> Iterator[Problem]:
    """The problems of a purpose whose register could say the wrong person, or whose facts would prove nothing."""
    rule, source = purpose.matching, purpose.source
    if rule is None:
        return
    need = purpose.needs.get(rule.identifier)
    register = registers.get(need.sources[0]) if need and len(need.sources) == 1 else None
    found = [*_of_rule(purpose, rule, providers), *_of_services(purpose, parties)]
    if need is None or register is None or not need.required or need.form != EXACT:
        fix = f'write [attributes.{rule.identifier}] with form = "exact", required = true and one register in from.'
        found.append(("identifier", "is not a required attribute of one register.", fix))
    else:
        found += [*_of_register(rule, register, catalogue), *_of_facts(purpose, rule, register, catalogue)]
    for key, what, fix in found:
        yield Problem(source.file, source.line, f"matching.{key}", what, fix)


# A key, what is wrong with it, and what to do
_Faults = Iterator[tuple[str, str, str]]


def _of_rule(purpose: Purpose, rule: MatchingRule, providers: Mapping[ProviderId, IdentityProvider]) -> _Faults:
    provider = providers.get(rule.provider_id)
    if provider is None or provider.members:
        what = f"`{rule.provider_id}` is no provider" + (" of its own." if provider else ".")
        yield "provider", what, nearest(rule.provider_id, providers)
    if purpose.persons != NATURAL_ALONE:
        yield "identifier", "is of a person for themself, and the purpose is for others.", "leave persons out."


def _of_services(purpose: Purpose, parties: Iterable[RelyingParty]) -> _Faults:
    for party in parties:
        if purpose.purpose_id in party.purposes:
            yield "identifier", f"would go to {party.client_id}.", "let no service have this purpose."


def _of_register(rule: MatchingRule, register: AttributeRegister, catalogue: Catalogue) -> _Faults:
    kinds = catalogue.attributes
    if kinds[rule.identifier].kind not in _ONE_TEXT:
        yield "identifier", "may have several values.", 'give it kind = "text".'
    identified = any(kinds[one].kind is AttributeKind.NUMBER and one != _SHARED for one in register.found_by)
    if not identified and not (_TELLS_TWINS in register.found_by and BIRTHDATE in rule.facts):
        what = f"{register.register_id} would find a namesake, or the other one of twins."
        fix = "let [found_by] have person_identifier, or given_name with birthdate among the facts."
        yield "identifier", what, fix


def _of_facts(purpose: Purpose, rule: MatchingRule, register: AttributeRegister, catalogue: Catalogue) -> _Faults:
    kinds, needs = catalogue.attributes, purpose.needs
    for ours, theirs in rule.facts.items():
        here, there = needs.get(ours), needs.get(theirs)
        if here is None or here.form != EXACT or here.sources != (SIGN_IN,) or ours in register.found_by:
            fix = f'write [attributes.{ours}] with form = "exact" and without from; the register must not find by it.'
            yield f"facts.{ours}", "is no fact of the sign-in alone: it would agree with itself.", fix
        alike = here and there and kinds[ours].kind == kinds[theirs].kind
        if not alike or there is None or there.sources != (register.register_id,) or there.form != EXACT:
            fix = f'write [attributes.{theirs}] with form = "exact" and from = "{register.register_id}", of the same kind.'
            yield f"facts.{ours}", f"`{theirs}` is no fact of {register.register_id}.", fix
