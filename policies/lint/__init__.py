"""The findings of `ciconia policy lint`: what the files of a configuration allow, and nobody should want. Pure.

A finding is no fault: the configuration loads and serves. `docs/policy-lint.md` explains each kind.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from policies.lint.case import LintCase
from policies.lint.finding import Finding
from policies.lint.languages import lacking
from policies.lint.purposes import (
    consent_for_public_tasks,
    embedding_identifiers,
    identifying_combinations,
    missing_retention,
    predicates_would_do,
)
from policies.lint.registrations import accept, close_thresholds, outside_categories, unused, unused_registers, wider
from policies.load import Configuration
from policies.parties import Source

# A city of middle size
POPULATION = 100_000


def lint(
    configuration: Configuration,
    files: Mapping[str, bytes],
    *,
    languages: Collection[str] = (),
    population: int = POPULATION,
) -> tuple[Finding, ...]:
    """Every finding, the accepted ones too, by file and line.

    `files` are those that the configuration was loaded from, `languages` those of the pages (none: no text lacks one).
    """
    case = LintCase(configuration, files, languages, population)
    found = [finding for check in _CHECKS for finding in check(case)]
    return tuple(sorted(accept(found, files), key=lambda one: (one.source.file, one.source.line, one.code)))


def _missing_languages(case: LintCase) -> Iterator[Finding]:
    for one in lacking(case.files, tuple(case.languages)):
        line, key = one.places[0]
        yield Finding("missing_language", Source(one.file, line), key, one.what, one.fix)


_CHECKS: tuple[Callable[[LintCase], Iterator[Finding]], ...] = (
    lambda case: wider(case.configuration),
    lambda case: outside_categories(case.configuration),
    unused,
    lambda case: unused_registers(case.configuration),
    lambda case: close_thresholds(case.configuration),
    embedding_identifiers,
    identifying_combinations,
    predicates_would_do,
    missing_retention,
    consent_for_public_tasks,
    _missing_languages,
)
