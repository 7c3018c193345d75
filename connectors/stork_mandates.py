"""Mandates as STORK 2.0 writes them, and ours: who acts, for whom, in which procedures, from when to when, up to what.

A code of STORK (`typePower`) is one procedure of that name, whatever a peer means by it: none is read as a general power.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from connectors.formats.stork.registry import BASE, MANDATE, NATURAL_PARTS
from connectors.formats.stork.values import StorkComplex, StorkSaid, complex_of
from connectors.mapping import birthdate
from connectors.stork_person import identifier_between
from connectors.wire.text import is_plain
from policies.assurance import LevelOfAssurance
from policies.assurance.ladders import level_of_attribute
from policies.attributes import AttributeName, Value
from policies.catalogue import MANDATE as OUR_MANDATE
from policies.catalogue import REPRESENTED
from policies.errors import AssertionRejected
from policies.load.ladders import shipped
from policies.mandates import Mandate, value_of
from policies.persons import PersonKind

# The code of a mandate of ours that is for every procedure
GENERAL = "general"
# Nobody may say these beside the person's own
_OF_OTHERS = tuple(
    f"{BASE}{name}" for name in ("represented", "representative", "mandateContent", "eLPIdentifier", "legalName")
)
# The parts of whoever is represented, in the catalogue's names
OTHER = {
    part: AttributeName(REPRESENTED + name)
    for part, name in (("eIdentifier", "person_identifier"), ("givenName", "given_name"), ("surname", "family_name"))
}
COMPANY = {"eLPIdentifier": AttributeName("legal_person_identifier"), "legalName": AttributeName("legal_name")}
Parts = tuple[tuple[str, str | StorkComplex], ...]


def represented(
    said: Mapping[str, StorkSaid],
    acting: str,
    *,
    sending: str,
    receiving: str | None,
    level: LevelOfAssurance,
    minimum: LevelOfAssurance,
) -> tuple[PersonKind, str, dict[AttributeName, Value]]:
    """The kind of a sign-in, the identifier of the one for whom the person `acting` acts, and what a mandate says of them.

    `sending` is the country that answers, `receiving` ours; `level` is the sign-in's, `minimum` what was asked. Raises
    `AssertionRejected`: plain attributes of somebody else beside the person's own say nothing of who acts, and one mandate
    is of the very person who signs in.
    """
    if any(uri in said and said[uri].values for uri in _OF_OTHERS):
        raise AssertionRejected("represented", "attributes of somebody who is represented, without a mandate")
    mandates = complex_of(said, MANDATE)
    if not mandates:
        return PersonKind.NATURAL, "", {}
    if len(mandates) > 1:
        raise AssertionRejected("persons", "somebody who acts for several")
    (other,), (holder,) = mandates[0].complexes("represented"), mandates[0].complexes("representative")
    legal = _is_legal(other)
    if _is_legal(holder):
        raise AssertionRejected("legal_representative", "a company that acts for another")
    if holder.text("eIdentifier") != acting:
        raise AssertionRejected("persons", "a mandate of somebody else than who signs in")
    named = other.text("eLPIdentifier" if legal else "eIdentifier")
    if not named or named == acting:
        raise AssertionRejected("persons", "a mandate for nobody, or for themself")
    for content in mandates[0].complexes("mandateContent"):
        _check_content(content, level, minimum)
    parts, kind = (COMPANY, PersonKind.FOR_LEGAL) if legal else (OTHER, PersonKind.FOR_NATURAL)
    identifier = identifier_between((named,), sending=sending, receiving=receiving)
    told: dict[AttributeName, Value] = {
        name: other.text(part) for part, name in parts.items() if is_plain(other.text(part))
    }
    born = None if legal else birthdate(other.text("dateOfBirth"))
    if born is not None:
        told[AttributeName(f"{REPRESENTED}birthdate")] = born
    told[OUR_MANDATE] = value_of(read_contents(mandates[0]))
    return kind, identifier, told


def _is_legal(person: StorkComplex) -> bool:
    """Whether a person in a mandate is a legal one. Nobody is both."""
    natural = {name in NATURAL_PARTS for name, _ in person.parts}
    if len(natural) > 1:
        raise AssertionRejected("persons", "a mandate of a person and a company in one")
    return natural == {False}


def _check_content(content: StorkComplex, level: LevelOfAssurance, minimum: LevelOfAssurance) -> None:
    """No part of a chain, and as sure as the sign-in has to be: an AQAA may lower that, and never raises it."""
    if content.text("isChained") in ("true", "1"):
        raise AssertionRejected("mandate_chained", "a mandate that somebody got from another holder")
    aqaa = content.text("AQAA")
    if not aqaa:
        return
    reached = next(rung.reaches.assurance.attribute for rung in shipped()["aqaa"].rungs if aqaa in rung.names)
    if not reached or level_of_attribute(LevelOfAssurance(reached), level) < minimum:
        raise AssertionRejected("mandate_aqaa", "a mandate whose AQAA is below the level that was asked")


def mandate_value(represented: StorkComplex, acting: StorkComplex, mandates: Sequence[Mandate]) -> StorkComplex:
    """Our answer about somebody who acts for another."""
    contents = tuple(("mandateContent", one) for mandate in mandates for one in _contents(mandate))
    return StorkComplex((("represented", represented), ("representative", acting), *contents))


def _contents(mandate: Mandate) -> Iterator[StorkComplex]:
    """One for each procedure: a code stands alone."""
    days = {"validFrom": mandate.valid_from, "validTo": mandate.valid_to}
    dated: Parts = tuple((name, str(day)) for name, day in days.items() if day)
    more: Parts = (("timeRestriction", StorkComplex(dated)),) if dated else ()
    more = (*more, ("isJoined", "true" if mandate.joint else "false"))
    if mandate.limit:
        bound = StorkComplex((("amount", f"{mandate.limit[0]:f}"), ("currency", mandate.limit[1])))
        more = (*more, ("transactionLimit", bound))
    for code in sorted(mandate.procedures) or [GENERAL]:
        yield StorkComplex((("typePower", code), *more))


def read_contents(value: StorkComplex) -> tuple[Mandate, ...]:
    """The mandates of what another country says. Raises `AssertionRejected` for what is none of ours."""
    return tuple(_read(one) for one in value.complexes("mandateContent"))


def _read(content: StorkComplex) -> Mandate:
    restriction = next(iter(content.complexes("timeRestriction")), StorkComplex(()))
    begins, ends = (restriction.text(name) for name in ("validFrom", "validTo"))
    limit = next(iter(content.complexes("transactionLimit")), None)
    try:
        return Mandate(
            procedures=frozenset((content.text("typePower"),)),
            valid_from=date.fromisoformat(begins) if begins else None,
            valid_to=date.fromisoformat(ends) if ends else None,
            limit=(Decimal(limit.text("amount")), limit.text("currency")) if limit else None,
            joint=content.text("isJoined") in ("true", "1"),
        )
    except ValueError:
        raise AssertionRejected(
            "attribute_value", "a mandate that contradicts itself, or has a code of another form"
        ) from None
