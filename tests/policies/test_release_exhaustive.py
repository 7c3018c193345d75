"""Every case of a small world, judged by a second opinion that shares no code with `decide`.

For each kind of attribute: every form (and none), every registration, need, request, source, level and every choice of the
citizen, within a legal sphere and across its border; alone, and beside an attribute that may block it. The second opinion
knows sets: a form is the set of the facts that it lets a reader tell, weaker means subset, and the meet is the largest form
inside an intersection.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import pytest

from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName, Value
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import STANDARD, AttributeType
from policies.forms import FORMS, AttributeKind
from policies.parties import RelyingParty
from policies.persons import PersonKind
from policies.purposes import Purpose
from policies.release import choose, decide
from tests.conftest import COUNTED
from tests.policies.parts import ON, PARKING, asked, form, offered, party, purpose

CATALOGUE = STANDARD.with_own(
    AttributeType(AttributeName(kind), kind, {"en": kind}, kind) for kind in (AttributeKind.SET, AttributeKind.AMOUNT)
)
# asked, registered, needed, source, required
Case = tuple[str | None, str | None, str | None, int, bool]
Answers = Mapping[str, Value]
Facts = Mapping[str, frozenset[str]]
Record = Callable[[str, object], None]


@dataclass(frozen=True, eq=False)
class World:
    """One attribute: what each form tells, and for each source (its values by name) the answers that must come out.

    A form that is left out of `tells` tells itself alone; `exact` tells everything.
    """

    name: str
    sources: tuple[tuple[Mapping[str, Value], Answers], ...]
    others: tuple[str, ...]
    more: Facts = field(default_factory=dict)

    @property
    def kind(self) -> AttributeKind:
        return CATALOGUE.attributes[AttributeName(self.name)].kind

    @cached_property
    def tells(self) -> Facts:
        told = {text: self.more.get(text, frozenset((text,))) for text in self.others}
        return {"exact": frozenset({"the rest"}.union(*told.values())), **told}

    @cached_property
    def cases(self) -> list[Case]:
        forms = [None, *self.tells]
        whole = itertools.product(forms, forms, forms, range(len(self.sources)), (False, True))
        # An attribute that is not needed cannot be required
        return [case for case in whole if case[2] or not case[4]]


def one(name: str, *sources: tuple[Value, Answers], others: tuple[str, ...] = (), **more: set[str]) -> World:
    values = (({name: value}, {"exact": value, **answers}) for value, answers in sources)
    return World(name, (({}, {}), *values), others, {text: frozenset(told) for text, told in more.items()})


FULL = Address(street="Canal Street 12", locality="Storkhaven", region="Harju", country="EE")
NO_TOWN, ONLY_COUNTRY = Address(street="Canal Street 12", country="EE"), Address(country="EE")
PERMITS = '{"limit":{"amount":"5000","currency":"EUR"},"procedures":["permits"],"valid_to":"2026-11-25"}'
MANDATE_FORMS = (
    *("in_force", "limit_at_least(5000 EUR)", "limit_at_least(5001 EUR)"),
    *("may_act(permits)", "may_act(taxes)", "may_act(permits,5001 EUR)"),
)
WORLDS = (
    one("email", ("maria@post.example", {})),
    World(
        "given_name",
        (
            ({}, {}),
            ({"given_name": "Maria"}, {"exact": "Maria", "initials": "M.", "latin": "Maria"}),
            ({"given_name": "李", "given_name.latin": "Li"}, {"exact": "李", "latin": "Li"}),
            ({"given_name": "Мария"}, {"exact": "Мария", "initials": "\u041c."}),
        ),
        ("initials", "latin"),
    ),
    one(
        "birthdate",
        (
            "1990-04-01",
            {
                "year_month": "1990-04",
                "birth_year": "1990",
                "age_over(18)": True,
                "age_over(65)": False,
                "age_in(0,36)": True,
                "age_in(18,25)": False,
            },
        ),
        (
            "1990",
            {
                "year_month": "1990",
                "birth_year": "1990",
                "age_over(18)": True,
                "age_over(65)": False,
                "age_in(0,36)": True,
                "age_in(18,25)": False,
            },
        ),
        others=("year_month", "birth_year", "age_over(18)", "age_over(65)", "age_in(0,36)", "age_in(18,25)"),
        year_month={"month", "birth_year"},
    ),
    World(
        "address",
        (
            ({}, {}),
            (
                {"address": FULL},
                {
                    "exact": FULL,
                    "municipality": replace(FULL, street=""),
                    "region": Address(region="Harju", country="EE"),
                    "country": "EE",
                    "resident_of(Storkhaven)": True,
                    "resident_of(Tallinn)": False,
                },
            ),
            (
                {"address": NO_TOWN},
                {"exact": NO_TOWN, "municipality": ONLY_COUNTRY, "region": ONLY_COUNTRY, "country": "EE"},
            ),
            ({"address": ONLY_COUNTRY}, {"country": "EE"}),
        ),
        ("municipality", "region", "country", "resident_of(Storkhaven)", "resident_of(Tallinn)"),
        {
            "municipality": frozenset(
                {"town", "region", "country", "resident_of(Storkhaven)", "resident_of(Tallinn)"},
            ),
            "region": frozenset({"region", "country"}),
        },
    ),
    one("phone_number", ("+372 5555 1234", {"last4": "1234"}), ("1234567", {}), others=("last4",)),
    one(
        "nationality",
        (
            ("EL", "US"),
            {"is_eu_citizen": True, "nationality_in(GR,US)": True, "nationality_in(EE)": False, "only(GR)": ("GR",)},
        ),
        ("EE", {"is_eu_citizen": True, "nationality_in(GR,US)": False, "nationality_in(EE)": True, "only(EE)": ("EE",)}),
        ("Utopia", {}),
        others=("is_eu_citizen", "nationality_in(GR,US)", "nationality_in(EE)", "only(GR)", "only(EE)"),
    ),
    one(
        "set",
        (("a:1", "b"), {"one_of(b,c)": True, "one_of(c)": False, "only(b)": ("b",), "prefix(a:)": ("a:1",)}),
        ("c", {"one_of(b,c)": True, "one_of(c)": True}),
        others=("one_of(b,c)", "one_of(c)", "only(b)", "only(d)", "prefix(a:)", "prefix(d)"),
    ),
    one(
        "amount",
        ("9 EUR", {"below(10 EUR)": True, "below(9 EUR)": False, "above(8.5 EUR)": True}),
        ("2 EUR/year", {"above(1 EUR/year)": True}),
        ("9", {}),
        others=("below(10 EUR)", "below(9 EUR)", "above(8.5 EUR)", "above(1 EUR/year)"),
    ),
    one(
        "mandate",
        (
            (PERMITS,),
            {
                "in_force": True,
                "limit_at_least(5000 EUR)": True,
                "limit_at_least(5001 EUR)": False,
                "may_act(permits)": True,
                "may_act(taxes)": False,
                "may_act(permits,5001 EUR)": False,
            },
        ),
        (
            ('{"general":true,"valid_to":"2026-11-24"}',),
            dict.fromkeys(MANDATE_FORMS, False),
        ),
        # Without a limit it reaches no amount, and a joint one lets nobody act alone
        (
            ('{"general":true,"joint":true}', '{"procedures":["taxes"]}'),
            {"in_force": True, "may_act(permits)": False, "may_act(taxes)": True, "may_act(permits,5001 EUR)": False},
        ),
        others=MANDATE_FORMS,
    ),
)
YES_OR_NO = (
    "in_force",
    "limit_at_least",
    "may_act",
    "age_",
    "resident_of",
    "is_eu_citizen",
    "nationality_in",
    "one_of",
    "below",
    "above",
)
ALL = frozenset(PersonKind)
# The source's level and its sphere: good enough at home, too low, good enough and abroad
HOME, LOW, ABROAD = (LevelOfAssurance.HIGH, "home"), (LevelOfAssurance.LOW, "home"), (LevelOfAssurance.HIGH, "abroad")


@cache
def expected(world: World, case: Case, *, abroad: bool) -> tuple[str, Value] | None:
    """The form and value that should go, by sets of facts."""
    wanted, registered, needed, source, _ = case
    if not (wanted and registered and needed):
        return None
    answers, tells = world.sources[source][1], world.tells
    allowed = tells[wanted] & tells[registered] & tells[needed]
    within = sorted((text for text in tells if tells[text] <= allowed), key=lambda text: len(tells[text]))
    if abroad and not (within and within[-1].startswith(YES_OR_NO)):
        return None
    fitting = [text for text in within if text in answers]
    return (fitting[-1], answers[fitting[-1]]) if fitting else None


Written = tuple[tuple[str, str], ...]


def written(cases: Iterable[tuple[World, Case]], which: int) -> Written:
    return tuple((world.name, str(case[which])) for world, case in cases if case[which])


# Each input is made once: the world is small, and the cases are many
@cache
def request_of(forms: Written) -> tuple[AskedAttribute, ...]:
    return asked(**dict(forms))


@cache
def party_of(forms: Written) -> RelyingParty:
    return replace(party((PARKING,), **dict(forms)), sphere="home", persons=ALL)


@cache
def purpose_of(forms: Written, required: tuple[str, ...]) -> Purpose:
    return replace(purpose(required, LevelOfAssurance.SUBSTANTIAL, **dict(forms)), persons=ALL)


@cache
def source_of(sources: tuple[tuple[World, int], ...], level: LevelOfAssurance, sphere: str) -> Offered:
    values = {name: value for world, index in sources for name, value in world.sources[index][0].items()}
    # Whoever acts for a company has every kind of attribute
    return replace(offered(level, **values), sphere=sphere, kind=PersonKind.FOR_LEGAL)


def judge(cases: tuple[tuple[World, Case], ...], where: tuple[LevelOfAssurance, str]) -> int:
    """Compare one case with every choice; return how many were judged."""
    decision = decide(
        request_of(written(cases, 0)),
        purpose_of(written(cases, 2), tuple([world.name for world, case in cases if case[4]])),
        party_of(written(cases, 1)),
        source_of(tuple([(world, case[3]) for world, case in cases]), *where),
        ON,
        catalogue=CATALOGUE,
    )
    goes = {world.name: None if where == LOW else expected(world, case, abroad=where == ABROAD) for world, case in cases}
    blocked = any(case[0] and case[4] and goes[world.name] is None for world, case in cases)
    offer = {name: given for name, given in goes.items() if given is not None and not blocked}
    assert {a.name: (str(a.form), a.value) for a in decision.released} == offer
    boxes = [world.name for world, case in cases if world.name in offer and not case[4]]
    assert set(decision.optional) == set(boxes)
    count = 0
    for ticked in itertools.chain.from_iterable(itertools.combinations(boxes, n) for n in range(len(boxes) + 1)):
        after = choose(decision, [AttributeName(name) for name in ticked])
        left = {name: given for name, given in offer.items() if name in ticked or name not in boxes}
        assert {a.name: (str(a.form), a.value) for a in after.released} == left
        count += 1
    return count


def test_every_form_is_in_a_world() -> None:
    found = {world.kind: {form(text).name for text in world.tells} for world in WORLDS}
    assert found == {kind: set(forms) for kind, forms in FORMS.items()}


def test_every_case_of_one_attribute_agrees_with_the_second_opinion(record_property: Record) -> None:
    judged = sum(
        judge(((world, case),), where) for world in WORLDS for case in world.cases for where in (HOME, LOW, ABROAD)
    )
    record_property(COUNTED, f"exhaustive check of the decision: {judged} cases of one attribute")
    assert judged >= 30_000


@pytest.mark.slow
def test_every_case_of_two_attributes_agrees_with_the_second_opinion(record_property: Record) -> None:
    email, name, number = (world for world in WORLDS if world.kind in {"text", "name", "number"})
    pairs = [(name, number), *((world, email) for world in WORLDS if world is not email)]
    judged = sum(
        judge(((first, case), (second, beside)), where)
        for first, second in pairs
        for case, beside, where in itertools.product(first.cases, second.cases, (HOME, LOW, ABROAD))
    )
    record_property(COUNTED, f"exhaustive check of the decision: {judged} cases of two attributes")
    assert judged >= 1_000_000
