"""The identifiability meter: how many bits a form of an attribute says about a person, on average.

Bits are Shannon entropy over the residents of the European Union: n bits tell one person in 2^n apart. A predicate counts
by its entropy, never by its answer: no figure may tell whether the answer was yes. The figures, their sources and the
limits stand in `docs/identifiability.md`.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import log2

from policies.attributes import EXACT, Attribute, AttributeName, Form

# Residents of the EU on 1 January 2024 (Eurostat, Population structure and ageing)
POPULATION = 449_300_000
MOST = log2(POPULATION)
# The share of people who are at least so old: Eurostat as above; straight lines between, and nobody is 110
_AT_LEAST = ((0, 1.0), (15, 0.854), (65, 0.216), (80, 0.061), (110, 0.0))
_YEAR, _MONTHS, _DAYS = 6.4, log2(12), log2(365.25)
# An attribute in full. One that stands nowhere here may be anybody's own: it counts as much as a person
_IN_FULL = {
    "family_name": 14.5,
    "birth_family_name": 14.5,
    "given_name": 9.0,
    "birthdate": _YEAR + _DAYS,
    "gender": 1.0,
    "nationality": 3.9,
    "place_of_birth": 12.0,
    "address": log2(POPULATION / 2.2),
}
_COUNTRY = 3.9
_AT_MOST = {
    "birth_year": _YEAR,
    "year_month": _YEAR + _MONTHS,
    "initials": log2(26),
    "country": _COUNTRY,
    "municipality": 12.0,
    "region": 7.5,
    "last4": log2(10_000),
}


def bits(name: AttributeName, form: Form) -> float:
    """The bits of one attribute in one form. A yes or no whose share nobody knows counts as 1, the most that it can say."""
    full = _IN_FULL.get(name, MOST)
    if form == EXACT:
        return full
    if form.name in _AT_MOST:
        return min(full, _AT_MOST[form.name])
    if form.name == "age_over":
        return _entropy(_share_at_least(int(form.parameter)))
    return min(full, 1.0)


def total(forms: Iterable[tuple[AttributeName, Form]]) -> float:
    """The sum over attributes, as if none told anything about another. It may exceed `MOST`: see `identifying`."""
    return sum((bits(name, form) for name, form in forms), 0.0)


def bits_of(released: Iterable[Attribute]) -> float:
    """The sum over what went."""
    return total((one.name, one.form) for one in released)


def identifying(said: float) -> float:
    """Bits that can tell people apart: no more than there are people."""
    return min(said, MOST)


def about_one_in(said: float) -> int:
    """One person in how many is left, for the page: 4 for 2 bits; never more than there are people."""
    return max(1, round(2 ** identifying(said)))


def _share_at_least(age: int) -> float:
    for (younger, more), (older, fewer) in pairwise(_AT_LEAST):
        if age <= older:
            return more + (fewer - more) * (age - younger) / (older - younger)
    return 0.0


def _entropy(share: float) -> float:
    return -sum(p * log2(p) for p in (share, 1 - share) if p > 0)
