"""A person of a national answer as STORK asks for them: each attribute is required, or the citizen's to leave out.

`isAgeOver` is an answer of yes or no: the page shows it, and only a yes is told to the country that asks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from connectors.formats.eidas.registry import REQUEST_DENIED, RESPONDER
from connectors.formats.stork.registry import AVAILABLE, CITIZEN_QAA, IS_AGE_OVER, NOT_AVAILABLE, WITHHELD
from connectors.formats.stork.request import StorkAttributeRequest
from connectors.formats.stork.values import StorkComplex, StorkSaid, StorkText
from connectors.request_checks import PeerRequestRefused
from connectors.stork_mandates import COMPANY, OTHER, mandate_value
from connectors.stork_person import stork_value
from idp.login.state_codec import NEVER_DEFLATED, Codec
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Attribute, AttributeName, Form, Value, latin_name
from policies.authentication import AskedAttribute, Assertion, ServiceRequest
from policies.catalogue import MANDATE, REPRESENTED, AttributeType, Catalogue
from policies.derive import derive
from policies.errors import AssertionRejected
from policies.load.ladders import shipped
from policies.mandates import read_mandates
from policies.parties import IdentityProvider
from policies.persons import ACTING, NATURAL_ALONE, PersonKind

# This protocol's name in the table of frontends
NAME = "stork"
BIRTHDATE = AttributeName("birthdate")
# Whoever acts, in the parts that a mandate has of the other, too
_ACTING = {part: AttributeName(name.removeprefix(REPRESENTED)) for part, name in OTHER.items()}


@dataclass(frozen=True, slots=True)
class StorkQuestion:
    """The part of a request that only this protocol reads (`Origin.protocol`)."""

    relay_state: str
    asked: tuple[StorkAttributeRequest, ...] = ()


STORK_QUESTION = Codec(StorkQuestion, plain=NEVER_DEFLATED)


def qaa_for(request: ServiceRequest, provider: IdentityProvider) -> Mapping[LevelOfAssurance, str]:
    """The levels from the minimum on that this provider can reach, with the QAA of each. Never upward."""
    reached = set(provider.assurance.values())
    names = {level: qaa for qaa, level in shipped()[NAME].levels.items() if qaa.isdigit()}
    return {level: names[level] for level in reached if level >= request.minimum_assurance}


def kinds_asked(asked: Collection[AskedAttribute]) -> frozenset[PersonKind]:
    """The kinds of person that a request is about: whoever signs in, and with a mandate those who act for somebody."""
    mandate = next((one for one in asked if one.name == MANDATE), None)
    if mandate is None:
        return NATURAL_ALONE
    return ACTING if mandate.required else ACTING | NATURAL_ALONE


def asked_attributes(asked: tuple[StorkAttributeRequest, ...], catalogue: Catalogue) -> tuple[AskedAttribute, ...]:
    """The request in our words, sorted, each name once. A whole birth date says whether somebody is old enough."""
    names = names_by_uri(catalogue) | {IS_AGE_OVER: BIRTHDATE}
    known = [one for one in asked if one.name in names]
    forms = {names[one.name]: EXACT for one in known if one.name != IS_AGE_OVER}
    for one in known:
        if one.name == IS_AGE_OVER:
            forms.setdefault(BIRTHDATE, Form("age_over", one.values[0]))
    required = {names[one.name] for one in known if one.required}
    return tuple(AskedAttribute(name, forms[name], name in required) for name in sorted(forms))


def check_required(asked: tuple[StorkAttributeRequest, ...], catalogue: Catalogue) -> None:
    """Refuses what nobody here can ever say and is required, before anybody signs in, as PEPS engines do after it (202010).

    Raises `PeerRequestRefused`.
    """
    known = {*names_by_uri(catalogue), IS_AGE_OVER, CITIZEN_QAA}
    if lacking := sorted(one.name.rpartition("/")[2] for one in asked if one.required and one.name not in known):
        detail = f"nobody here can say {', '.join(lacking)}, and it is required"
        raise PeerRequestRefused("required_attribute", detail, saml_status=RESPONDER, saml_sub_status=REQUEST_DENIED)


def names_by_uri(catalogue: Catalogue) -> dict[str, AttributeName]:
    """Our name for each attribute of STORK that the catalogue has too."""
    return {one.stork: one.name for one in catalogue.attributes.values() if one.stork}


def of_mandate(kind: PersonKind) -> frozenset[AttributeName]:
    """The two persons of a mandate of STORK: it goes whole, or not at all."""
    if not kind.acts:
        return frozenset()
    represented = COMPANY if kind is PersonKind.FOR_LEGAL else OTHER
    return frozenset((MANDATE, *_ACTING.values(), *represented.values()))


def asked_data(
    kind: PersonKind,
    asked: Collection[AskedAttribute],
    assertion: Assertion,
    identifiers: Mapping[AttributeName, str],
    catalogue: Catalogue,
    on: date,
) -> tuple[Attribute, ...]:
    """The attributes that can go on the day `on`. `identifiers` are those between the two countries.

    Raises `AssertionRejected` where one that is required is not there: the detail tells the operator which, and no value.
    """
    offered = {**assertion.offered.attributes, **identifiers}
    mandated = of_mandate(kind)
    forms = {one.name: one.form for one in asked} | dict.fromkeys(mandated, EXACT)
    if not kind.acts:
        forms.pop(MANDATE, None)
    found = [_one(catalogue.attributes[name], form, offered, on) for name, form in sorted(forms.items())]
    attributes = tuple(one for one in found if one is not None)
    required = {one.name for one in asked if one.required} | mandated
    if missing := sorted(required - {one.name for one in attributes}):
        detail = f"{assertion.provider_id} gave no {', '.join(missing)} that STORK can say, and it is required"
        raise AssertionRejected("required_attribute", detail)
    return attributes


def _one(row: AttributeType, form: Form, offered: Mapping[AttributeName, Value], on: date) -> Attribute | None:
    value = offered.get(row.name)
    if value is None:
        return None
    if row.name == MANDATE:
        return Attribute(row.name, EXACT, value) if read_mandates(value) else None
    if form != EXACT:
        answer = derive(row.kind, value, form, on)
        return Attribute(row.name, form, answer) if isinstance(answer, bool) else None
    latin = offered.get(latin_name(row.name))
    spelled = latin if isinstance(latin, str) and stork_value(row, value).status != AVAILABLE else ""
    return Attribute(row.name, EXACT, value, spelled) if stork_value(row, value, spelled).status == AVAILABLE else None


def answers(
    question: StorkQuestion,
    attributes: tuple[Attribute, ...],
    left_out: frozenset[AttributeName],
    catalogue: Catalogue,
    now: int,
) -> tuple[tuple[str, StorkSaid], ...]:
    """The answer about each attribute that was asked for and that STORK has, in the order of the request.

    `left_out` are those that the citizen left out and of which that may be told.
    """
    names, released = names_by_uri(catalogue), {one.name: one for one in attributes}
    found: list[tuple[str, StorkSaid]] = []
    for one in question.asked:
        name = BIRTHDATE if one.name == IS_AGE_OVER else names.get(one.name, AttributeName(""))
        known = released.get(name)
        if name == MANDATE and known is not None:
            said = StorkSaid(AVAILABLE, (_mandate(released),))
        elif known is None:
            said = StorkSaid(WITHHELD if name in left_out else NOT_AVAILABLE)
        elif one.name == IS_AGE_OVER:
            said = _age_over(known, one.values[0], catalogue, now)
        else:
            said = stork_value(catalogue.attributes[name], known.value, known.latin)
        found.append((one.name, said))
    return tuple(found)


def _mandate(released: Mapping[AttributeName, Attribute]) -> StorkComplex:
    """The acting and the represented person, and the mandates."""

    def person(parts: Mapping[str, AttributeName]) -> StorkComplex:
        texts = {part: released[name].latin or released[name].value for part, name in parts.items()}
        return StorkComplex(tuple((part, text) for part, text in texts.items() if isinstance(text, str)))

    represented = COMPANY if COMPANY["legalName"] in released else OTHER
    mandates = read_mandates(released[MANDATE].value) or ()
    return mandate_value(person(represented), person(_ACTING), mandates)


def _age_over(known: Attribute, years: str, catalogue: Catalogue, now: int) -> StorkSaid:
    """The age as it was asked, where the answer is yes."""
    answer = known.value
    if known.form == EXACT:
        day, form = datetime.fromtimestamp(now, UTC).date(), Form("age_over", years)
        answer = derive(catalogue.attributes[BIRTHDATE].kind, known.value, form, day) or False
    return StorkSaid(AVAILABLE, (StorkText(years),)) if answer is True else StorkSaid(NOT_AVAILABLE)
