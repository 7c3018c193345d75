"""Weaker forms of a value: computed on an explicit date, or not available. Pure, and never a guess in the person's favour.

A birth date is `YYYY-MM-DD`, or as much of it as the country knows: `YYYY-MM`, `YYYY`. A partial date answers yes only if
each of its possible days does. A date that is impossible, in the future or spelled otherwise is not available in any form.
What is not said clearly (an amount without its unit, a country that is no code) has no answer.
"""

import calendar
import re
import unicodedata
from datetime import date

from policies.attributes import EXACT, Address, Form, Value
from policies.forms import MULTIPLE, AttributeKind, is_form
from policies.latin import is_latin
from policies.mandates import fault_of, read_mandates
from policies.parameters import COUNTRY, EU_MEMBERS, amount, country_code, entries

MIN_OF_LAST4 = 8

# Before an eIDAS identifier stand two countries, which are no secret (eIDAS SAML Attribute Profile §2.2)
_COUNTRIES = re.compile(r"^[A-Z]{2}/[A-Z]{2}/")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_PARTS_OF_A_NAME = re.compile(r"[\s\-\u2010\u2011]+")


def available(kind: AttributeKind, value: Value, on: date) -> Form | None:
    """The strongest form in which the source has this value; None where it has nothing that we can use.

    A weaker form may still lack what it is made of: `derive` gives None then, and for every form below it too. Otherwise a
    narrower registration would release more than a wider one.
    """
    match value:
        case str() if kind is AttributeKind.MANDATE:
            return available(kind, (value,), on)
        case str():
            if kind is AttributeKind.DATE:
                return EXACT if _possible_days(value, on) else None
            return EXACT if kind is not AttributeKind.ADDRESS and value.strip() else None
        case Address() if kind is AttributeKind.ADDRESS:
            if any(part.strip() for part in (value.street, value.postal_code, value.locality, value.region)):
                return EXACT
            return Form("country") if COUNTRY.fullmatch(value.country) else None
        case tuple() if kind is AttributeKind.MANDATE:
            return EXACT if read_mandates(value) else None
        case tuple() if kind in MULTIPLE:
            return EXACT if value and all(one.strip() for one in value) else None
        case _:
            return None


def derive(kind: AttributeKind, value: Value, form: Form, on: date, latin: Value = "") -> Value | None:
    """The value in this form, as it is on the day `on`; None where it is not available in it.

    `latin` is the source's transliteration of a name, "" where it has none.
    """
    if form.name == EXACT.name:
        return value if form == EXACT == available(kind, value, on) else None
    if not is_form(kind, form) or available(kind, value, on) is None:
        return None
    match value:
        case Address():
            return _of_address(value, form)
        case str() if kind is AttributeKind.DATE:
            return _of_date(value, form, on)
        case str() if kind is AttributeKind.NAME:
            return initials(value) if form.name == "initials" else in_latin(value, latin)
        case str() if kind is AttributeKind.NUMBER:
            return last4(value)
        case str() if kind is AttributeKind.AMOUNT:
            return _compared(value, form)
        case str() | tuple():
            if kind is AttributeKind.MANDATE:
                return _of_mandates(value, form, on)
            values = (value,) if isinstance(value, str) else value
            return _of_countries(values, form) if kind is AttributeKind.NATIONALITY else _of_set(values, form)
        case _:
            return None


def _of_date(birthdate: str, form: Form, on: date) -> Value | None:
    match form.name:
        case "age_over":
            return age_over(birthdate, int(form.parameter), on)
        case "age_in":
            youngest, oldest = entries(form.parameter)
            return age_in(birthdate, int(youngest), int(oldest), on)
        case "year_month":
            return birthdate[:7]
        case _:
            return birthdate[:4]


def _of_address(address: Address, form: Form) -> Value | None:
    country = address.country if COUNTRY.fullmatch(address.country) else ""
    match form.name:
        case "resident_of":
            return resident_of(address, form.parameter)
        case "municipality":
            less = Address(locality=address.locality.strip(), region=address.region.strip(), country=country)
        case "region":
            less = Address(region=address.region.strip(), country=country)
        case _:
            return country or None
    return less if less != Address() else None


def _of_countries(values: tuple[str, ...], form: Form) -> Value | None:
    """A citizenship, by codes. What is no code cannot say no: it leaves the question open, unless another says yes."""
    codes = [country_code(value) for value in values]
    wanted = EU_MEMBERS if form.name == "is_eu_citizen" else frozenset(entries(form.parameter))
    if form.name == "only":
        return tuple(code for code in dict.fromkeys(codes) if code is not None and code in wanted) or None
    if not wanted.isdisjoint(codes):
        return True
    return None if None in codes else False


def _of_set(values: tuple[str, ...], form: Form) -> Value | None:
    """Texts are compared sign by sign. Where nothing is left, nothing goes."""
    wanted = entries(form.parameter)
    match form.name:
        case "one_of":
            return any(value in wanted for value in values)
        case "only":
            return tuple(value for value in values if value in wanted) or None
        case _:
            return tuple(value for value in values if value.startswith(wanted)) or None


def _of_mandates(value: Value, form: Form, on: date) -> bool | None:
    """Nothing is said about amounts where no mandate in question has a limit of that currency."""
    fault = fault_of(read_mandates(value) or (), form, on)
    return None if fault == "mandate_without_limit" else not fault


def _compared(value: str, form: Form) -> bool | None:
    """Whether an amount is less or more than a threshold of its own unit; no two units are converted."""
    have, limit = amount(value), amount(form.parameter)
    if have is None or limit is None or have[1] != limit[1]:
        return None
    return have[0] < limit[0] if form.name == "below" else have[0] > limit[0]


def age_over(birthdate: str, years: int, on: date) -> bool | None:
    """Whether at least `years` birthdays have come by the day `on`; one on 29 February comes on 1 March in other years."""
    days = _possible_days(birthdate, on)
    return _birthdays(days[1], on) >= years if days else None


def age_in(birthdate: str, youngest: int, oldest: int, on: date) -> bool | None:
    """Whether from `youngest` to `oldest` birthdays have come by the day `on`, whichever of its possible days it was."""
    days = _possible_days(birthdate, on)
    return _birthdays(days[1], on) >= youngest and _birthdays(days[0], on) <= oldest if days else None


def _birthdays(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


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


def in_latin(name: str, latin: Value) -> str | None:
    """The name in Latin letters: as it is, or the source's transliteration; not available where it has none."""
    return next((text for text in (name, latin) if isinstance(text, str) and text.strip() and is_latin(text)), None)


def last4(number: str) -> str | None:
    """The last four letters or digits; not available of fewer than eight, of which they would be more than half."""
    signs = [sign for sign in _COUNTRIES.sub("", number, count=1) if sign.isalnum()]
    return "".join(signs[-4:]) if len(signs) >= MIN_OF_LAST4 else None


def _folded(text: str) -> str:
    """Caseless and composed (Unicode 3.13 D145, but composed)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text.strip()).casefold())


def _possible_days(birthdate: str, on: date) -> tuple[date, date] | None:
    """The first and the last day on which this birth date can have been, never after `on`; None for no date at all."""
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
        return first, first
    last_month = first.month if month else 12
    return first, min(date(first.year, last_month, calendar.monthrange(first.year, last_month)[1]), on)
