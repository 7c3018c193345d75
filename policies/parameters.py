"""The parameters of forms, by their sort: a number, a place, a list, an amount. Each has one canonical spelling.

A list is sorted, and its comma has no space behind it. No parameter is a pattern: texts are compared, or begin with a text.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

# Longer names of places than this exist nowhere in use (the longest has 85 letters).
MAX_TEXT = 100
# The oldest age that anybody could be asked about: nobody on record reached 123.
MAX_AGE = 150
MAX_ENTRIES = 100
# At most four characters compose to one sign. A longer text is not normalised: ordering marks takes their number squared
MAX_SPELLED = 4 * MAX_TEXT
# No parameter is longer than a list of the longest texts
MAX_PARAMETER = MAX_ENTRIES * (MAX_TEXT + 2)

# Member States of the European Union (Treaty on European Union art. 52, as of 1 February 2020), as ISO 3166-1 alpha-2
EU_MEMBERS = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
COUNTRY = re.compile(r"[A-Z]{2}")
# The Union's own codes of countries (Interinstitutional Style Guide §7.1.1) that ISO 3166-1 calls otherwise
_OF_THE_UNION = {"EL": "GR", "UK": "GB"}

_AGE = re.compile(r"[1-9][0-9]{0,2}")
_AGES = re.compile(r"(0|[1-9][0-9]{0,2}), ?(0|[1-9][0-9]{0,2})")
_UNIT = r"[A-Za-z][A-Za-z0-9./%-]{0,31}"
# No sign, no leading or trailing zero: one spelling of each number
_AMOUNT = re.compile(rf"(?:0|[1-9][0-9]{{0,14}})(?:\.[0-9]{{0,5}}[1-9])? {_UNIT}")
_AMOUNT_OF_SOURCE = re.compile(rf"(-?[0-9]{{1,15}}(?:\.[0-9]{{1,6}})?) ({_UNIT})")
# A procedure by its code, and a currency (ISO 4217)
PROCEDURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
CURRENCY = re.compile(r"[A-Z]{3}")
_UNSPELLABLE = frozenset('()"\\')


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of parameter: how a file writes it, an example, and what makes a text canonical (None: it is none)."""

    sample: str
    example: str
    canonical: Callable[[str], str | None]


def country_code(text: str) -> str | None:
    """A country (ISO 3166-1 alpha-2), also where it is written EL or UK; None for what is no such code."""
    return _OF_THE_UNION.get(text, text) if COUNTRY.fullmatch(text) else None


def amount(text: str) -> tuple[Decimal, str] | None:
    """Number and unit of `31200.50 EUR/year`; None where there is no unit, or the number is written otherwise."""
    match = _AMOUNT_OF_SOURCE.fullmatch(text)
    return (Decimal(match[1]), match[2]) if match else None


def entries(parameter: str) -> tuple[str, ...]:
    """The entries of a list in its canonical spelling."""
    return tuple(parameter.split(","))


def _entry(text: str) -> str | None:
    # A list has many of them, and marks take their number squared
    return _text(text) if len(text) <= MAX_TEXT else None


def is_entry(text: str) -> bool:
    """Whether a text may stand in a list, as it is."""
    return "," not in text and _entry(text) == text


def _age(text: str) -> str | None:
    return text if _AGE.fullmatch(text) and int(text) <= MAX_AGE else None


def _ages(text: str) -> str | None:
    match = _AGES.fullmatch(text)
    return f"{match[1]},{match[2]}" if match and int(match[1]) <= int(match[2]) <= MAX_AGE else None


def _text(text: str) -> str | None:
    if not 0 < len(text) <= MAX_SPELLED:
        return None
    text = unicodedata.normalize("NFC", text)
    spelled = len(text) <= MAX_TEXT and text == text.strip() and text.isprintable()
    return text if spelled and _UNSPELLABLE.isdisjoint(text) else None


def _listed(entry: Callable[[str], str | None]) -> Callable[[str], str | None]:
    """A reader of lists of such entries. An entry that stands twice is a mistake, so it is no list."""

    def canonical(text: str) -> str | None:
        if text.count(",") >= MAX_ENTRIES:
            return None
        read = [entry(part.removeprefix(" ")) for part in text.split(",")]
        found = sorted({one for one in read if one is not None})
        return ",".join(found) if len(found) == len(read) else None

    return canonical


def _country(text: str) -> str | None:
    return text if country_code(text) == text else None


def _amount(text: str) -> str | None:
    return text if _AMOUNT.fullmatch(text) else None


def _money(text: str) -> str | None:
    return text if _AMOUNT.fullmatch(text) and CURRENCY.fullmatch(text.rpartition(" ")[2]) else None


def _power(text: str) -> str | None:
    """A procedure, and perhaps an amount of money up to which somebody has to be able to act in it."""
    procedure, comma, rest = text.partition(",")
    money = _money(rest.removeprefix(" ")) if comma else ""
    if not PROCEDURE.fullmatch(procedure) or money is None:
        return None
    return f"{procedure},{money}" if comma else procedure


NO_PARAMETER = ""
SORTS: Mapping[str, Sort] = {
    NO_PARAMETER: Sort("", "", lambda _: None),
    "age": Sort("N", "18", _age),
    "ages": Sort("FROM,TO", "18,25", _ages),
    "place": Sort("PLACE", "Storkhaven", _text),
    "countries": Sort("EE,LV", "EE,LV", _listed(_country)),
    "texts": Sort("A,B", "staff,student", _listed(_entry)),
    "money": Sort("NUMBER EUR", "5000 EUR", _money),
    "power": Sort("PROCEDURE", "building-permit", _power),
    "amount": Sort("NUMBER UNIT", "30000 EUR/year", _amount),
}
