"""The identifiability meter: how much a form of an attribute says about a person, on average.

Bits are Shannon entropy over the residents of the European Union: n bits tell one person in 2^n apart. A predicate counts
by its entropy, whatever its answer: no figure may tell the answer. A sum takes attributes for independent, which they are
not; `docs/identifiability.md` has the sources and the limits.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import log2

from policies.attributes import EXACT, AttributeName, Form
from policies.parameters import entries
from policies.purposes import Purpose
from policies.release import Decision

# Residents in thousands on 1 January 2024 (Eurostat, demo_gind, 11 July 2024)
RESIDENTS: Mapping[str, int] = {
    "DE": 83445,
    "FR": 68402,
    "IT": 58990,
    "ES": 48611,
    "PL": 36621,
    "RO": 19064,
    "NL": 17943,
    "BE": 11832,
    "CZ": 10901,
    "PT": 10640,
    "SE": 10552,
    "GR": 10397,
    "HU": 9585,
    "AT": 9159,
    "BG": 6446,
    "DK": 5961,
    "FI": 5604,
    "SK": 5425,
    "IE": 5344,
    "HR": 3862,
    "LT": 2886,
    "SI": 2124,
    "LV": 1872,
    "EE": 1375,
    "CY": 934,
    "LU": 672,
    "MT": 563,
}
POPULATION = 1000 * sum(RESIDENTS.values())
# No figure tells apart more people than there are
MOST = log2(POPULATION)
# The share of residents who are at least so old (Eurostat, Population structure and ageing, 2024): straight lines between
_AT_LEAST = ((0, 1.0), (15, 0.854), (65, 0.216), (80, 0.061), (110, 0.0))
_GROUPS = tuple((more - fewer, older - younger) for (younger, more), (older, fewer) in pairwise(_AT_LEAST))
_YEAR = sum(share * log2(years / share) for share, years in _GROUPS)


def _entropy(*shares: float) -> float:
    return -sum(share * log2(share) for share in shares if share > 0)


@dataclass(frozen=True, slots=True)
class Figure:
    """Bits, and where they come from."""

    bits: float
    source: str


_COUNTRY = _entropy(*(1000 * each / POPULATION for each in RESIDENTS.values()))
_MUNICIPALITY = Figure(log2(95_000), "at most: some 95,000 municipalities, taken for equal (Eurostat, LAU 2022)")
_SURNAME = Figure(
    12.3, "at least: surnames with 100 bearers and more in the US census of 2000 (J. Fenton, 2015); rare ones say more"
)
# Attributes in full. One that is not here counts like a name that nobody else has
IN_FULL: Mapping[str, Figure] = {
    "family_name": _SURNAME,
    "birth_family_name": _SURNAME,
    "given_name": Figure(10.0, "first names of US births: 8.2 bits in 1880, 11.5 in 2015 (Social Security Administration)"),
    "birthdate": Figure(_YEAR + log2(365.25), "the year of birth, and days of a year taken for equal"),
    "gender": Figure(_entropy(0.511, 0.489), "51.1 % women (Eurostat, 2024)"),
    "nationality": Figure(_COUNTRY, "residents by country (Eurostat, demo_gind, 2024), as if each had its nationality"),
    "place_of_birth": _MUNICIPALITY,
    "address": Figure(log2(200_000_000), "200 million households (Eurostat, 2023), taken for equal"),
}
ANYBODYS_OWN = Figure(MOST, "as if nobody else had the same: 449 million residents (Eurostat, 2024)")
# Forms without a parameter, whatever attribute they are of
SAY: Mapping[str, Figure] = {
    "birth_year": Figure(_YEAR, "residents by age group (Eurostat, 2024), years of a group taken for equal"),
    "year_month": Figure(_YEAR + log2(12), "the year of birth, and months taken for equal"),
    "initials": Figure(log2(26), "at most: 26 letters, taken for equal, of a name in one part"),
    "municipality": _MUNICIPALITY,
    "region": Figure(log2(244), "at most: 244 regions (NUTS 2, 2024), taken for equal"),
    "country": Figure(_COUNTRY, "residents by country (Eurostat, demo_gind, 2024)"),
    "last4": Figure(log2(10_000), "four digits"),
    "is_eu_citizen": Figure(_entropy(0.936, 0.064), "6.4 % are citizens of no Member State (Eurostat, 2024)"),
}
# A predicate of which nobody knows how many answer yes
COIN = Figure(1.0, "at most: no yes or no says more on average")
_AGES = "residents by age group (Eurostat, 2024), straight lines between"


def figure(name: AttributeName, form: Form) -> Figure:
    """The bits of one attribute in one form, and where the figure comes from."""
    full = IN_FULL.get(name, ANYBODYS_OWN)
    if form.name in _COMPUTED:
        found = _COMPUTED[form.name](form.parameter)
    elif form == EXACT or form.name in ("latin", "prefix"):
        return full
    else:
        found = SAY.get(form.name, COIN)
    return found if found.bits <= full.bits else full


def bits(name: AttributeName, form: Form) -> float:
    """The bits of one attribute in one form."""
    return figure(name, form).bits


def total(forms: Iterable[tuple[AttributeName, Form]]) -> float:
    """The sum over attributes, as if none told anything about another. It may exceed `MOST`: see `identifying`."""
    return sum((bits(name, form) for name, form in forms), 0.0)


def bits_asked(decision: Decision) -> float:
    """The sum over what the service asked for."""
    return total((ruling.name, ruling.asked) for ruling in decision.rulings)


def bits_released(decision: Decision) -> float:
    """The sum over what goes."""
    return total((one.name, one.form) for one in decision.released)


def bits_needed(purpose: Purpose) -> float:
    """The most that a purpose lets go, summed."""
    return total((name, need.form) for name, need in purpose.needs.items())


def identifying(said: float) -> float:
    """Bits that can tell people apart: no more than there are people."""
    return min(said, MOST)


def about_one_in(said: float) -> int:
    """One person in how many is left, for a page: 4 for 2 bits; never more than there are people."""
    return min(POPULATION, max(1, round(2 ** identifying(said))))


def _share_at_least(age: int) -> float:
    for (younger, more), (older, fewer) in pairwise(_AT_LEAST):
        if age <= older:
            return more + (fewer - more) * (age - younger) / (older - younger)
    return 0.0


def _share(share: float, source: str) -> Figure:
    return Figure(_entropy(share, 1 - share), source)


def _age_in(ages: str) -> Figure:
    youngest, oldest = map(int, entries(ages))
    return _share(_share_at_least(youngest) - _share_at_least(oldest + 1), _AGES)


def _nationality_in(codes: str) -> Figure:
    listed = entries(codes)
    if not RESIDENTS.keys() >= set(listed):
        return COIN
    return _share(1000 * sum(RESIDENTS[code] for code in listed) / POPULATION, IN_FULL["nationality"].source)


def _only(listed: str) -> Figure:
    return Figure(float(len(entries(listed))), "at most: a yes or no for each entry of the list")


_COMPUTED: Mapping[str, Callable[[str], Figure]] = {
    "age_over": lambda age: _share(_share_at_least(int(age)), _AGES),
    "age_in": _age_in,
    "nationality_in": _nationality_in,
    "only": _only,
}
