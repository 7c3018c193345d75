"""Every case of a small world, judged by a second opinion that shares no code with `decide`.

Two attributes, every form of each (and none), every registration, need, request, source, level and every choice of the
citizen, within a legal sphere and across its border. The second opinion knows sets: a form is the set of the facts that it
lets a reader tell, weaker means subset, and the meet is the largest form inside an intersection.
"""

import itertools
from dataclasses import replace
from functools import cache

from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName, Value
from policies.authentication import AskedAttribute, Offered
from policies.parties import RelyingParty
from policies.purposes import Purpose
from policies.release import choose, decide
from tests.policies.parts import ON, PARKING, asked, offered, party, purpose

# What each form tells, by its spelling
TELLS = {
    "birthdate": {
        "exact": {"day", "year", "18", "65"},
        "birth_year": {"year"},
        "age_over(18)": {"18"},
        "age_over(65)": {"65"},
    },
    "address": {
        "exact": {"street", "country", "here"},
        "country": {"country"},
        "resident_of(Storkhaven)": {"here"},
    },
}
# The source's values, and for each form the answer that must come out of it
SOURCES: dict[str, tuple[tuple[Value | None, dict[str, Value]], ...]] = {
    "birthdate": (
        (None, {}),
        (
            "1990-04-01",
            {"exact": "1990-04-01", "birth_year": "1990", "age_over(18)": True, "age_over(65)": False},
        ),
    ),
    "address": (
        (None, {}),
        (
            Address(street="Canal Street 12", locality="Storkhaven", country="EE"),
            {
                "exact": Address(street="Canal Street 12", locality="Storkhaven", country="EE"),
                "country": "EE",
                "resident_of(Storkhaven)": True,
            },
        ),
        (Address(country="EE"), {"country": "EE"}),
    ),
}
ANSWERED_YES_OR_NO = {"age_over(18)", "age_over(65)", "resident_of(Storkhaven)"}
# The source's level and its sphere: good enough at home, too low, good enough and abroad
HOME, LOW, ABROAD = (LevelOfAssurance.HIGH, "home"), (LevelOfAssurance.LOW, "home"), (LevelOfAssurance.HIGH, "abroad")
Case = tuple[str | None, str | None, str | None, int, bool]  # asked, registered, needed, source, required


def cases(name: str) -> list[Case]:
    forms = [None, *TELLS[name]]
    whole = itertools.product(forms, forms, forms, range(len(SOURCES[name])), (False, True))
    # An attribute that is not needed cannot be required
    return [case for case in whole if case[2] or not case[4]]


@cache
def expected(name: str, case: Case, *, abroad: bool) -> tuple[str, Value] | None:
    """The form and value that should go, by sets of facts."""
    wanted, registered, needed, source, _ = case
    if not (wanted and registered and needed):
        return None
    answers = SOURCES[name][source][1]
    tells = TELLS[name]
    allowed = tells[wanted] & tells[registered] & tells[needed]
    fitting = [text for text in answers if tells[text] <= allowed]
    if not fitting:
        return None
    if (
        abroad
        and max((text for text in tells if tells[text] <= allowed), key=lambda t: len(tells[t])) not in ANSWERED_YES_OR_NO
    ):
        return None
    best = max(fitting, key=lambda text: len(tells[text]))
    return best, answers[best]


def written(birthdate: str | None, address: str | None) -> dict[str, str]:
    return {name: text for name, text in (("birthdate", birthdate), ("address", address)) if text}


# Each input is made once: the world is small, and the cases are many
@cache
def request_of(birthdate: str | None, address: str | None) -> tuple[AskedAttribute, ...]:
    return asked(**written(birthdate, address))


@cache
def party_of(birthdate: str | None, address: str | None) -> RelyingParty:
    return replace(party((PARKING,), **written(birthdate, address)), sphere="home")


@cache
def purpose_of(birthdate: str | None, address: str | None, required: tuple[bool, bool]) -> Purpose:
    names = tuple(name for name, one in zip(("birthdate", "address"), required, strict=True) if one)
    return purpose(names, LevelOfAssurance.SUBSTANTIAL, **written(birthdate, address))


@cache
def source_of(birthdate: int, address: int, level: LevelOfAssurance, sphere: str) -> Offered:
    values = {"birthdate": SOURCES["birthdate"][birthdate][0], "address": SOURCES["address"][address][0]}
    given = offered(level, **{name: value for name, value in values.items() if value is not None})
    return replace(given, sphere=sphere)


def judge(first: Case, second: Case, where: tuple[LevelOfAssurance, str]) -> int:
    """Compare one case with every choice; return how many were judged."""
    by_name = {"birthdate": first, "address": second}
    decision = decide(
        request_of(first[0], second[0]),
        purpose_of(first[2], second[2], (first[4], second[4])),
        party_of(first[1], second[1]),
        source_of(first[3], second[3], *where),
        ON,
    )
    goes = {name: None if where == LOW else expected(name, case, abroad=where == ABROAD) for name, case in by_name.items()}
    blocked = any(case[0] and case[4] and goes[name] is None for name, case in by_name.items())
    offer = {name: given for name, given in goes.items() if given is not None and not blocked}
    assert {a.name: (str(a.form), a.value) for a in decision.released} == offer
    boxes = [name for name in offer if not by_name[name][4]]
    assert set(decision.optional) == set(boxes)
    count = 0
    for ticked in itertools.chain.from_iterable(itertools.combinations(boxes, n) for n in range(len(boxes) + 1)):
        after = choose(decision, [AttributeName(name) for name in ticked])
        left = {name: given for name, given in offer.items() if name in ticked or name not in boxes}
        assert {a.name: (str(a.form), a.value) for a in after.released} == left
        count += 1
    return count


def test_every_case_of_two_attributes_agrees_with_the_second_opinion() -> None:
    judged = sum(
        judge(first, second, where)
        for first, second, where in itertools.product(cases("birthdate"), cases("address"), (HOME, LOW, ABROAD))
    )
    print(f"exhaustive check of the decision: {judged} cases")
    assert judged >= 100_000
