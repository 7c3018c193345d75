"""Findings in a purpose: it says too much, or says something not at all."""

import re
from collections.abc import Iterator
from math import log2

from policies.attributes import EXACT, AttributeName, Form
from policies.forms import FORMS, is_predicate, spelling
from policies.identifiability import bits
from policies.identifiers import EMBEDDING
from policies.lint.case import LintCase
from policies.lint.finding import Finding
from policies.purposes import Basis, Need, Purpose

_LAST4 = "last4"
# An English reason that speaks of a threshold: of an age or of living somewhere, and not of the value itself
_THRESHOLD = {
    "birthdate": re.compile(
        r"\b(adults?|minors?|pensioners?|seniors?|children|of (full |legal )?age|(over|under|above|at least|from) \d+|"
        r"\d+ (or|and) (older|over|younger|under))\b",
        re.IGNORECASE,
    ),
    "address": re.compile(r"\b(residents?|inhabitants?|liv(e|es|ing) (here|in))\b", re.IGNORECASE),
}
# Words by which an English text names a statute
_STATUTE = re.compile(
    r"\b(acts?|law|by-?law|statute|code|ordinance|regulation|directive|decree|section|sec|art|article|para(graph)?)\b|§",
    re.IGNORECASE,
)


def embedding_identifiers(case: LintCase) -> Iterator[Finding]:
    """Finds person identifiers that embed something else, for the countries that may send one."""
    connected = {provider.country for provider in case.configuration.providers.values()}
    for purpose, name, need in case.needs():
        if name != "person_identifier" or need.form.name not in {EXACT.name, _LAST4}:
            continue
        told: dict[tuple[str, ...], list[str]] = {}
        for country in sorted((set(purpose.countries) or connected or EMBEDDING.keys()) & EMBEDDING.keys()):
            embedded = EMBEDDING[country].last4 if need.form.name == _LAST4 else EMBEDDING[country].tells
            if embedded:
                told.setdefault(embedded, []).append(f"{country} ({EMBEDDING[country].name})")
        if told:
            each = "; ".join(f"{' and '.join(words)} of citizens of {', '.join(of)}" for words, of in told.items())
            fix = "Take `sub`, which stays the same for one person and says nothing, or say why the number is needed."
            yield Finding("embedding_identifier", need.source, f"attributes.{name}", f"{need.form} tells {each}.", fix)


def identifying_combinations(case: LintCase) -> Iterator[Finding]:
    """Finds purposes whose attributes together single out one person of the population, and none of which does alone."""
    enough = log2(case.population)
    for purpose in case.configuration.purposes.values():
        said = {name: bits(name, need.form) for name, need in purpose.needs.items()}
        if sum(said.values()) >= enough > max(said.values(), default=0.0):
            most = max(said, key=lambda name: said[name])
            bits_said = f"{sum(said.values()):.0f} bits: {enough:.1f} single out one of {case.population}."
            what = f"{', '.join(said)} together say {bits_said}"
            fix = f"Take a weaker form of {most}, which says most, or leave one of them out."
            yield Finding("identifying_combination", purpose.source, "id", what, fix)


def predicates_would_do(case: LintCase) -> Iterator[Finding]:
    """Finds attributes in full of which only a predicate is ever used: by the examples, the registrations, or the reason.

    A heuristic. It asks, in this order: do all examples that release it release predicates alone? Is no service registered
    for more than a predicate? Does the English reason speak of an age or of living somewhere?
    """
    for purpose, name, need in case.needs():
        kinds = FORMS[case.configuration.catalogue.attributes[name].kind].values() if need.form == EXACT else ()
        predicates = [spelling(kind) for kind in kinds if kind.predicate]
        if predicates and (because := _because(case, purpose, name, need)):
            fix = f"Write form = one of {', '.join(predicates)}, or say what the value itself is needed for."
            yield Finding(
                "predicate_would_do", need.source, f"attributes.{name}", f"it is needed in full, and {because}.", fix
            )


def _because(case: LintCase, purpose: Purpose, name: AttributeName, need: Need) -> str:
    examples = case.configuration.examples.get(purpose.purpose_id, ())
    registered = [party.attributes[name] for party in case.parties(purpose) if name in party.attributes]
    if only := _only([one.released[name] for one in examples if name in one.released]):
        return f"its examples release {only} alone"
    if only := _only([rule.form for rule in registered]):
        return f"no service is registered for more than {only}"
    words = _THRESHOLD[name].search(need.why.get("en", "")) if name in _THRESHOLD else None
    return f"its reason speaks of `{words[0]}`" if words else ""


def _only(forms: list[Form]) -> str:
    return " and ".join(dict.fromkeys(map(str, forms))) if forms and all(map(is_predicate, forms)) else ""


def missing_retention(case: LintCase) -> Iterator[Finding]:
    """Finds purposes that do not say how long the service keeps what it gets."""
    for purpose in case.configuration.purposes.values():
        if not purpose.retention:
            source = case.source(purpose.source.file, "law")
            fix = 'Write retention = "P1Y" (ISO 8601): one year.'
            yield Finding("missing_retention", source, "retention", "it does not say how long the service keeps it.", fix)


def consent_for_public_tasks(case: LintCase) -> Iterator[Finding]:
    """Finds consent as the basis of what a statute asks for: the law cites one, and an attribute is required."""
    for purpose in case.configuration.purposes.values():
        required = [name for name, need in purpose.needs.items() if need.required]
        cited = _STATUTE.search(purpose.law.get("en", ""))
        if purpose.basis is Basis.CONSENT and cited and required:
            what = f"the basis is consent, the law cites a statute (`{cited[0]}`), and {', '.join(required)} is required."
            fix = 'Write basis = "public_task" or "legal_obligation", or let the citizen leave out what is asked.'
            source = case.source(purpose.source.file, "basis")
            yield Finding("consent_for_public_task", source, "basis", what, fix)
