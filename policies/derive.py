"""Weaker forms of a value: computed on an explicit date, or not available. Pure, and never a guess in the person's favour.

A birth date is `YYYY-MM-DD`, or as much of it as the country knows: `YYYY-MM`, `YYYY`. A partial date counts as its last
possible day. A date that is impossible, in the future or spelled otherwise is not available in any form.
"""

import calendar
import re
import unicodedata
from datetime import date

from policies.attributes import EXACT, Address, Form, Value
from policies.forms import AttributeKind, is_form

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PARTS_OF_A_NAME = re.compile(r"[\s\-\u2010\u2011]+")


def available(kind: AttributeKind, value: Value, on: date) -> Form | None:
    """The strongest form in which the source has this value; None where it has nothing that we can use.

    A weaker form may still lack what it is made of: `derive` gives None then. Only forms with nothing below them may fail
    so, for otherwise a narrower registration would release more than a wider one.
    """
    match kind, value:
        case AttributeKind.DATE, str():
            return EXACT if _last_possible_day(value, on) else None
        case AttributeKind.TEXT | AttributeKind.NAME, str():
            return EXACT if value.strip() else None
        case AttributeKind.ADDRESS, Address():
            if any(part.strip() for part in (value.street, value.postal_code, value.locality, value.region)):
                return EXACT
            return Form("country") if _COUNTRY.fullmatch(value.country) else None
        case _:
            return None


def derive(kind: AttributeKind, value: Value, form: Form, on: date) -> Value | None:
    """The value in this form, as it is on the day `on`; None where it is not available in it."""
    if form.name == EXACT.name:
        return value if form == EXACT == available(kind, value, on) else None
    if not is_form(kind, form) or available(kind, value, on) is None:
        return None
    match form.name, value:
        case "age_over", str():
            return age_over(value, int(form.parameter), on)
        case "birth_year", str():
            return value[:4]
        case "initials", str():
            return initials(value)
        case "resident_of", Address():
            return resident_of(value, form.parameter)
        case "country", Address():
            return value.country if _COUNTRY.fullmatch(value.country) else None
        case _:
            return None


def age_over(birthdate: str, years: int, on: date) -> bool | None:
    """Whether at least `years` birthdays have come by the day `on`; one on 29 February comes on 1 March in other years."""
    born = _last_possible_day(birthdate, on)
    if born is None:
        return None
    birthdays = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return birthdays >= years


def resident_of(address: Address, place: str) -> bool | None:
    """Whether the address lies in `place`, by its name alone: equal but for letter case and Unicode composition.

    A place of the same name in another country answers true.
    """
    return _folded(address.locality) == _folded(place) if address.locality.strip() else None


def initials(name: str) -> str | None:
    """The first letter of each part: `Anna-Maria` becomes `A. M.`.

    Not available in scripts without upper and lower case, where the first sign may be the whole name.
    """
    parts = [part.lstrip("'\u2019\u02bc") for part in _PARTS_OF_A_NAME.split(unicodedata.normalize("NFC", name)) if part]
    if not parts or any(not part or part[0].upper() == part[0].lower() for part in parts):
        return None
    return " ".join(f"{part[0].upper()}." for part in parts)


def _folded(text: str) -> str:
    """Caseless and composed (Unicode 3.13 D145, but composed)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text.strip()).casefold())


def _last_possible_day(birthdate: str, on: date) -> date | None:
    """The last day on which a person with this birth date can have been born, never after `on`; None for no date at all."""
    match = _DATE.fullmatch(birthdate)
    if match is None:
        return None
    year, month, day = match.groups()
    try:
        first = date(int(year), int(month or "1"), int(day or "1"))
    except ValueError:
        return None
    if first > on:
        return None
    if day is not None:
        return first
    last_month = first.month if month else 12
    return min(date(first.year, last_month, calendar.monthrange(first.year, last_month)[1]), on)
