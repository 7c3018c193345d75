"""The made-up world of a comparison: sources as a decision sees them, and people with every kind of value."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister
from policies.attributes import EXACT, LATIN, Address, AttributeName, Form, Value, latin_name
from policies.authentication import AttributeSource, Offered
from policies.catalogue import Catalogue
from policies.federation.categories import RAF_VALUES
from policies.forms import FORMS, AttributeKind
from policies.mandates import Mandate
from policies.parameters import PROCEDURE, SORTS, amount, entries
from policies.parties import IdentityProvider, RegisterId
from policies.persons import PersonKind
from policies.purposes import SIGN_IN, Purpose

# Any day does: the values are made for it
ON = date(2026, 1, 1)
_HOME = Address("Canal Street 12", "99999", "Storkhaven", "Coast", "EE")
_IN_PART, _OTHERWISE = "is known in part", "is another"
_IN_A_DATE = 2  # hyphens


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One value of an attribute (None: the source has none), and how it differs from a whole one, in words."""

    value: Value | None = field(repr=False)
    differs: str = ""


@lru_cache(maxsize=4096)
def made_up(kind: AttributeKind, forms: frozenset[Form]) -> tuple[MadeUp, ...]:
    """Values of one kind, a whole one first and none at all last. Each answer that one of the forms can give occurs."""
    said = sorted({part for form in forms if form.parameter for part in entries(form.parameter)})
    whole, *others = dict.fromkeys(_values(kind, said))
    return (MadeUp(whole), *(MadeUp(one, _differs(kind, one)) for one in others), MadeUp(None, "is missing"))


def _differs(kind: AttributeKind, value: Value) -> str:
    match kind, value:
        case AttributeKind.DATE, str():
            return _OTHERWISE if value.count("-") == _IN_A_DATE else _IN_PART
        case AttributeKind.ADDRESS, Address(street="") | Address(locality=""):
            return _IN_PART
        case AttributeKind.NAME, _:
            return "is in a script without capitals"
        case _:
            return _OTHERWISE


def _values(kind: AttributeKind, said: Sequence[str]) -> Iterator[Value]:
    match kind:
        case AttributeKind.DATE:
            yield from ("1980-06-15", "1980-06", "1980")
            ages = [int(age) + more for age in said for more in (0, 1)]
            for day in (date(ON.year - age, ON.month, ON.day) for age in ages):
                yield from (str(one) for one in (day, day + timedelta(1)) if one <= ON)
        case AttributeKind.ADDRESS:
            yield from (_HOME, replace(_HOME, locality=""), Address(country=_HOME.country))
            yield from (replace(_HOME, locality=place) for place in ("Elsewhere", *said))
        case AttributeKind.NAME:
            yield from ("Anna-Maria", "\u674e")
        case AttributeKind.NUMBER:
            yield from ("38001085718", "1234")
        case AttributeKind.NATIONALITY:
            yield from ((code,) for code in (*said, "EE", "US", "no code"))
        case AttributeKind.SET:
            yield from ((word,) for word in (*sorted(said, key=len, reverse=True), "something"))
        case AttributeKind.AMOUNT:
            limits = filter(None, map(amount, said))
            yield from (f"{max(number + more, 0):f} {unit}" for number, unit in limits for more in (-1, 0, 1))
            yield from ("31200 EUR/year", "12 apples")
        case AttributeKind.MANDATE:
            yield from _mandates(said)
        case _:
            yield "something"


def _mandates(said: Sequence[str]) -> Iterator[Value]:
    """One for everything, one that ended, and for each procedure and amount one that just reaches, and one short of it."""
    limits = dict.fromkeys((money for text in said if (money := amount(text))), None) or {(Decimal(5000), "EUR"): None}
    for limit in limits:
        yield (Mandate(general=True, limit=limit).text,)
        yield (Mandate(general=True, limit=(max(limit[0] - 1, Decimal(0)), limit[1])).text,)
    yield (Mandate(general=True).text,)
    yield (Mandate(general=True, valid_to=ON - timedelta(1)).text,)
    for code in ("something-else", *(one for one in said if PROCEDURE.fullmatch(one))):
        yield (Mandate(frozenset((code,)), limit=next(iter(limits))).text,)


@lru_cache(maxsize=4096)
def forms_to_ask(kind: AttributeKind, used: frozenset[Form]) -> tuple[Form, ...]:
    """The forms of a kind that make a difference to who asks: `exact` first; parameters that are in use, and one more."""
    known = {Form(one.name, SORTS[one.parameter].example if one.parameter else "") for one in FORMS[kind].values()}
    return (EXACT, *sorted((known | used) - {EXACT}))


@dataclass(frozen=True, slots=True)
class SourceKind:
    """All that a decision sees of a source: level, sphere, kind of person, which part of what comes under which name.

    `sources` are the registers that vouch for attributes beside it.
    """

    loa: LevelOfAssurance
    wires: frozenset[tuple[AttributeName, str, str]]
    sphere: str = ""
    only_for: frozenset[str] = frozenset()
    kind: PersonKind = PersonKind.NATURAL
    sources: frozenset[tuple[AttributeName, AttributeSource]] = frozenset()

    def offered(self, people: Mapping[AttributeName, MadeUp]) -> Offered:
        """All that a source like this has of somebody."""
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
            if latin_name(name) in parts and value is not None:
                had[latin_name(name)] = "Li"
        # Everybody is as sure as can be: of others less goes
        return Offered(had, self.loa, self.sphere, RAF_VALUES, self.only_for, self.kind, dict(self.sources))

    def moved(self, other: "SourceKind") -> frozenset[AttributeName]:
        """The attributes of which a part comes under another name than at `other`, or from another register."""
        before = {(name, part): wire for name, part, wire in other.wires}
        other_registers = {name for name, _ in self.sources ^ other.sources} & {name for name, _, _ in other.wires}
        return frozenset(
            name for name, part, wire in self.wires if name in other_registers or before.get((name, part), wire) != wire
        )


# A source by the namespace of its citizens' identifiers, its word for a level, and the kind of person
Sources = Mapping[tuple[str, str, str], tuple[SourceKind, IdentityProvider]]


def sources_of(
    providers: Iterable[IdentityProvider],
    purpose: Purpose,
    catalogue: Catalogue,
    registers: Mapping[RegisterId, AttributeRegister],
) -> Sources:
    """All that each provider that serves this purpose can send, of each kind of person, by each word of its for a level.

    If a purpose takes an attribute from a register, that stands in its place: of several the surest one.
    """

    def reach(provider: IdentityProvider, level: LevelOfAssurance, kind: PersonKind) -> SourceKind:
        wires = _wires(provider, catalogue, kind)
        own = SourceKind(level, wires, provider.sphere, provider.saml.only_for, kind)
        return _with_registers(own, purpose, catalogue, registers)

    return {
        (provider.namespace, word, kind): (
            reach(provider, level, kind),
            provider,
        )
        for provider in providers
        if purpose.takes(provider.country)
        for word, level in provider.assurance.items()
        for kind in sorted(provider.persons & purpose.persons)
    }


def _with_registers(
    own: SourceKind, purpose: Purpose, catalogue: Catalogue, registers: Mapping[RegisterId, AttributeRegister]
) -> SourceKind:
    wires, sources = set(own.wires), set[tuple[AttributeName, AttributeSource]]()
    for name, need in purpose.needs.items():
        had = {one for one in wires if one[0] in (name, latin_name(name))}
        known = need.registers if own.kind in catalogue.attributes[name].persons else ()
        able = [registers[one] for one in known if one in registers and name in registers[one].says]
        if SIGN_IN in need.sources and (had or not able):
            continue
        wires -= had
        if able:
            surest = max(able, key=lambda one: one.loa)
            said = [(wire, part) for wire, (of, part) in surest.attributes.items() if of == name]
            wires |= {(name, part, f"{surest.register_id}: {wire}") for wire, part in said}
            sources.add((name, AttributeSource(surest.register_id, surest.loa)))
    return replace(own, wires=frozenset(wires), sources=frozenset(sources))


def source_of_everything(
    catalogue: Catalogue,
    kind: PersonKind,
    purpose: Purpose | None,
    registers: Mapping[RegisterId, AttributeRegister],
) -> SourceKind:
    """A source for a configuration that has none yet."""
    had = (name for name, one in catalogue.attributes.items() if kind in one.persons)
    own = SourceKind(LevelOfAssurance.HIGH, frozenset((name, "", name) for name in had), kind=kind)
    return _with_registers(own, purpose, catalogue, registers) if purpose else own


def _wires(provider: IdentityProvider, catalogue: Catalogue, kind: PersonKind) -> frozenset[tuple[AttributeName, str, str]]:
    had = {name: one for name, one in catalogue.attributes.items() if kind in one.persons}
    if provider.peer is not None:  # a country's node: its profile fixes the names
        wires = [(name, one.stork if provider.protocol == "stork" else one.eidas_name) for name, one in had.items()]
        return frozenset((name, "", wire) for name, wire in wires if wire)
    named = [(name, part, wire) for wire, (name, part) in provider.attributes.items()]
    named += [(latin_name(name), "", wire) for wire, name in provider.latin.items()]
    return frozenset(one for one in named if one[0].removesuffix(f".{LATIN}") in had)
