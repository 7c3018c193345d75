"""The made-up world of a comparison: sources as a decision sees them, and people with every kind of value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from functools import lru_cache

from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, AttributeName, Form, Value
from policies.authentication import Offered
from policies.catalogue import Catalogue
from policies.forms import FORMS, AttributeKind
from policies.parties import IdentityProvider
from policies.purposes import Purpose

# Any day does: the values are made for it
ON = date(2026, 1, 1)
_HOME = Address("Canal Street 12", "99999", "Storkhaven", "Coast", "EE")
_IN_PART, _OTHERWISE = "is known in part", "is another"
_PARTS = tuple(part.name for part in fields(Address))


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One value of an attribute (None: the source has none), and how it differs from a whole one, in words."""

    value: Value | None = field(repr=False)
    differs: str = ""


@lru_cache(maxsize=4096)
def made_up(kind: AttributeKind, forms: frozenset[Form]) -> tuple[MadeUp, ...]:
    """Values of one kind, a whole one first and none at all last. Each answer that one of the forms can give occurs."""
    said = sorted({part for form in forms for part in form.parameter.split(",") if part})
    match kind:
        case AttributeKind.DATE:
            birthdays = [date(ON.year - int(age), ON.month, ON.day) for age in said if age.isdecimal()]
            either = [day + timedelta(days) for day in birthdays for days in (0, 1)]
            values = [MadeUp(day.isoformat(), _OTHERWISE) for day in either if day <= ON]
            values = [MadeUp("1980-06-15"), MadeUp("1980-06", _IN_PART), MadeUp("1980", _IN_PART), *values]
        case AttributeKind.ADDRESS:
            parts = (replace(_HOME, locality=""), Address(country=_HOME.country))
            elsewhere = [MadeUp(replace(_HOME, locality=place), _OTHERWISE) for place in ("Elsewhere", *said)]
            values = [MadeUp(_HOME), *(MadeUp(one, _IN_PART) for one in parts), *elsewhere]
        case AttributeKind.NAME:
            values = [MadeUp("Anna-Maria"), MadeUp("\u674e", "is in a script without capitals")]
        case _:
            values = [MadeUp("something"), *(MadeUp(part, _OTHERWISE) for part in said)]
    return (*values, MadeUp(None, "is missing"))


@lru_cache(maxsize=4096)
def forms_to_ask(kind: AttributeKind, used: frozenset[Form]) -> tuple[Form, ...]:
    """The forms of a kind that make a difference to who asks: `exact` first, and parameters that are in use."""
    plain = {Form(known.name) for known in FORMS[kind].values() if not known.parameter}
    return (EXACT, *sorted((plain | used) - {EXACT}))


@dataclass(frozen=True, slots=True)
class Reach:
    """All that a decision sees of a source: its level, its sphere, which part of which attribute comes under which name."""

    loa: LevelOfAssurance
    wires: frozenset[tuple[AttributeName, str, str]]
    sphere: str = ""

    def offered(self, people: Mapping[AttributeName, MadeUp]) -> Offered:
        """What a source like this has of somebody."""
        parts: dict[AttributeName, set[str]] = {}
        for name, part, _ in self.wires:
            parts.setdefault(name, set()).add(part)
        had: dict[AttributeName, Value] = {}
        for name, known in parts.items():
            value = people[name].value if name in people else None
            if isinstance(value, Address) and "" not in known:
                value = Address(**{part: getattr(value, part) for part in known})
            if value is not None:
                had[name] = value
        return Offered(had, self.loa, self.sphere)

    def moved(self, other: "Reach") -> frozenset[AttributeName]:
        """The attributes of which a part comes under another name than at `other`: they may say another thing."""
        before = {(name, part): wire for name, part, wire in other.wires}
        return frozenset(name for name, part, wire in self.wires if before.get((name, part), wire) != wire)


# A source by the namespace of its citizens' identifiers, and its word for a level
Sources = Mapping[tuple[str, str], tuple[Reach, IdentityProvider]]


def sources_of(providers: Iterable[IdentityProvider], purpose: Purpose, catalogue: Catalogue) -> Sources:
    """What each provider that serves this purpose can send, for each of its words for a level."""
    return {
        (provider.namespace, word): (Reach(level, _wires(provider, catalogue), provider.sphere), provider)
        for provider in providers
        if purpose.takes(provider.country)
        for word, level in provider.assurance.items()
    }


def source_of_everything(catalogue: Catalogue) -> Reach:
    """A source for a configuration that has none yet."""
    return Reach(LevelOfAssurance.HIGH, frozenset((name, "", name) for name in catalogue.attributes))


def _wires(provider: IdentityProvider, catalogue: Catalogue) -> frozenset[tuple[AttributeName, str, str]]:
    if provider.peer is not None:  # a country's node: its profile fixes the names
        return frozenset((name, "", one.eidas) for name, one in catalogue.attributes.items() if one.eidas)
    return frozenset((name, part, wire) for wire, (name, part) in provider.attributes.items())
