"""The laws of the lattice: never upward, monotone, a way and back gains nothing, notified is never invented."""

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policies.assurance import LevelOfAssurance
from policies.assurance.ladders import (
    NOTHING,
    Assurance,
    Ladder,
    Reached,
    Rung,
    at,
    faults,
    level_of_attribute,
    mapped,
    said_name,
    vocabulary,
)
from policies.errors import Problem
from policies.load.ladders import read_ladders, shipped
from policies.load.table import parse

LADDERS = shipped()
RUNGS = {rung.key: rung for ladder in LADDERS.values() for rung in ladder.rungs}
LOW, SUBSTANTIAL, HIGH = LevelOfAssurance
ELEMENTS = st.builds(Assurance, *[st.integers(0, 3)] * 3, st.booleans())
ANY_RUNG, ANY_LADDER = st.sampled_from(list(RUNGS.values())), st.sampled_from(list(LADDERS.values()))


def city(text: str) -> tuple[Mapping[str, Ladder], list[Problem]]:
    problems: list[Problem] = []
    table = parse("assurance.toml", text.encode(), problems)
    assert table is not None
    return read_ladders(table), problems


@given(ELEMENTS, ELEMENTS, ELEMENTS)
def test_the_meet_is_the_most_that_both_say(one: Assurance, other: Assurance, third: Assurance) -> None:
    meet = one.meet(other)
    assert meet <= one
    assert meet <= other
    assert (third <= one and third <= other) == (third <= meet)
    assert meet == other.meet(one)
    assert one.meet(one) == one


@given(ELEMENTS, ELEMENTS)
def test_a_higher_sign_in_is_of_no_lower_level_and_of_no_fewer_names(one: Assurance, other: Assurance) -> None:
    lower = one.meet(other)
    assert (lower.level or 0) <= (one.level or 0)
    for rung in RUNGS.values():
        assert not Reached(lower).has(rung) or Reached(one).has(rung)


@given(ANY_RUNG, ANY_LADDER)
def test_nothing_is_mapped_upward(rung: Rung, ladder: Ladder) -> None:
    found = mapped((rung,), ladder).rung
    if found is not None and found.ladder != rung.ladder:
        assert found.reaches.assurance <= rung.reaches.assurance


@given(ANY_RUNG, ANY_RUNG, ANY_LADDER)
def test_a_higher_rung_leads_no_lower(one: Rung, other: Rung, ladder: Ladder) -> None:
    if one.ladder != other.ladder or one.rank > other.rank:
        return
    low, high = mapped((one,), ladder).rung, mapped((other,), ladder).rung
    assert low is None or (high is not None and low.rank <= high.rank)


@given(ANY_RUNG, st.lists(ANY_LADDER, max_size=4))
def test_a_way_over_other_ladders_and_back_gains_nothing(rung: Rung, way: list[Ladder]) -> None:
    at_last = rung
    for ladder in [*way, LADDERS[rung.ladder]]:
        found = mapped((at_last,), ladder)
        if found.rung is None:
            return
        at_last = found.rung
    assert at_last.rank <= rung.rank


def test_what_is_lossless_comes_back_whole_and_what_is_not_says_what_is_lost() -> None:
    for rung, ladder in product(RUNGS.values(), LADDERS.values()):
        found = mapped((rung,), ladder)
        if found.rung is not None and ladder.ladder_id != rung.ladder:
            back = mapped((found.rung,), LADDERS[rung.ladder]).rung
            assert (back == rung) or found.lost, (rung.key, found.rung.key)


def test_nothing_makes_a_scheme_notified_that_is_not() -> None:
    speaking = {"eidas", "se-eidas-notified", "idporten-eidas"}
    assert {rung.ladder for rung in RUNGS.values() if rung.reaches.assurance.notified} == speaking
    plain = [rung for rung in RUNGS.values() if not rung.reaches.assurance.notified]
    for sources in [(one,) for one in plain] + [(one, RUNGS["eidas:low"]) for one in plain]:
        for ladder in (LADDERS[name] for name in sorted(speaking)):
            found = mapped(sources, ladder).rung
            assert found is None or found.label == "low", [one.key for one in sources]


@pytest.mark.parametrize("source", ["aqaa:4", "nist-fal:FAL3", "acr:phrh", "refeds-iap:high", "stork:1", "nist-ial:IAL3"])
def test_what_has_no_surely_lower_level_is_none(source: str) -> None:
    assert mapped((RUNGS[source],), LADDERS["level"]).rung is None


def test_two_parts_of_one_sign_in_are_a_level_together() -> None:
    parts = (RUNGS["nist-ial:IAL3"], RUNGS["nist-aal:AAL2"])
    assert mapped(parts, LADDERS["level"]).rung == RUNGS["level:substantial"]


def test_an_attribute_is_never_surer_than_the_sign_in_and_a_sure_one_makes_no_person_surer() -> None:
    for source, sign_in in product(LevelOfAssurance, LevelOfAssurance):
        assert level_of_attribute(source, sign_in) <= min(source, sign_in)
    assert at(LOW).together(RUNGS["aqaa:4"].reaches.assurance).level is LOW


def test_every_shipped_ladder_keeps_the_laws_and_every_row_says_who_says_so() -> None:
    for ladder in LADDERS.values():
        assert list(faults(ladder)) == []
        for rung in ladder.rungs:
            grounds = [rung.reaches, *([rung.said_from] if rung.said_from else [])]
            assert all(ground.reference and ground.basis in {"law", "standard", "policy"} for ground in grounds)


@pytest.mark.parametrize(
    ("asked", "ladders", "reached", "answered"),
    [
        (
            "https://www.spid.gov.it/SpidL2 https://www.spid.gov.it/SpidL3",
            "spid",
            SUBSTANTIAL,
            "https://www.spid.gov.it/SpidL2",
        ),
        ("eidas1 http://eidas.europa.eu/LoA/substantial", "franceconnect", HIGH, "http://eidas.europa.eu/LoA/substantial"),
        ("1 2", "stork", LOW, "2"),
        ("https://www.spid.gov.it/SpidL3", "spid", SUBSTANTIAL, ""),
        # Nobody but Sweden's own says so
        ("http://id.elegnamnden.se/loa/1.0/loa3", "se", HIGH, ""),
        # Not registered
        ("https://www.spid.gov.it/SpidL1", "se", HIGH, ""),
    ],
)
def test_the_highest_asked_name_that_was_reached_is_said(
    asked: str, ladders: str, reached: LevelOfAssurance, answered: str
) -> None:
    known = vocabulary([LADDERS[name] for name in ladders.split()])
    assert said_name(asked.split(), known, Reached(at(reached))) == answered


def test_a_provider_of_the_same_ladder_is_answered_in_it() -> None:
    known = vocabulary([LADDERS["se"]])
    reached = Reached(at(SUBSTANTIAL), RUNGS["se:LoA3"])
    names = [name for rung in LADDERS["se"].rungs for name in rung.names]
    assert said_name(names, known, reached) == "http://id.elegnamnden.se/loa/1.0/loa3"


def test_a_notified_name_is_said_of_a_notified_scheme_alone() -> None:
    known, name = vocabulary([LADDERS["se-eidas-notified"]]), "http://id.elegnamnden.se/loa/1.0/eidas-nf-sub"
    assert said_name([name], known, Reached(at(HIGH))) == ""
    assert said_name([name], known, Reached(at(HIGH, notified=True))) == name


CARD = '[card]\ntitle = "Library card"\nreference = "Council decision 17"\nbasis = "policy"\nlevels = [{}]\n'
ROW = '{ label = "a", names = ["urn:card:a"], reaches = "low", said_from = "low" }'
TOP = '{{ label = "a", names = ["{}"], reaches = "high" }}'


def test_a_city_adds_a_ladder_of_its_own() -> None:
    ladders, problems = city(CARD.format(ROW))
    assert not problems
    assert mapped((RUNGS["spid:L3"],), ladders["card"]).rung == ladders["card"].rungs[0]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (CARD.format(ROW.replace('reaches = "low"', 'reaches = "high"')), "mapped upward"),
        (CARD.format(f'{ROW}, {{ label = "b", said_from = "low" }}'), "would be said of a, which is lower"),
        (CARD.format(f'{{ label = "b", reaches = "high" }}, {ROW}'), "stands above b, and reaches less"),
        (
            CARD.format(ROW.replace("urn:card:a", "https://www.spid.gov.it/SpidL1").replace('"low"', '"high"')),
            "reaches less",
        ),
        (
            CARD.format(ROW.replace("urn:card:a", "http://eidas.europa.eu/LoA/low").replace('"low"', '"high"')),
            "reaches less",
        ),
        (CARD.format(f"{ROW}, {ROW}"), "names urn:card:a twice"),
        (CARD.format(ROW).replace("levels", "notified = true\nlevels"), "is not a key that we know"),
        (CARD.format(ROW).replace("[card]", "[spid]"), "ships with Ciconia"),
        (CARD.format(""), "is empty"),
        (CARD.format('{ label = "a", reaches = {} }'), "is empty"),
        (CARD.format('{ label = "a", reaches = "huge" }'), "is not one of the words"),
    ],
)
def test_a_ladder_that_would_map_upward_or_invent_is_refused(text: str, what: str) -> None:
    _, problems = city(text)
    assert any(what in problem.what for problem in problems), problems


WORDS = st.sampled_from(["nothing", "low", "substantial", "high"])
NAMES = st.sampled_from(
    [
        "urn:city:a",
        "urn:city:b",
        "eidas-loa-low",
        "eidas-loa-high",
        "1",
        "2",
        "low",
        "high",
        "https://www.spid.gov.it/SpidL1",
    ]
    + [f"http://id.elegnamnden.se/loa/1.0/loa{level}" for level in (1, 2, 3)]
)
ROWS = st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=2, unique=True), WORDS, WORDS), min_size=1, max_size=2)


def row(label: int, names: list[str], reaches: str, said_from: str) -> str:
    given = {"reaches": reaches, "said_from": said_from}
    parts = "".join(f', {key} = "{word}"' for key, word in given.items() if word != "nothing")
    return f'{{ label = "l{label}", names = {names!r}{parts} }}'


@given(ROWS, ELEMENTS)
@example([(["https://www.spid.gov.it/SpidL1"], "nothing", "low"), (["urn:city:a"], "nothing", "low")], NOTHING)
@example([(["http://id.elegnamnden.se/loa/1.0/loa1"], "nothing", "low")], at(HIGH))
@example([(["eidas-loa-low"], "low", "low")], at(HIGH))
@example([(["eidas-loa-low"], "low", "nothing"), (["urn:city:a"], "low", "nothing")], NOTHING)
@example([(["eidas-loa-low", "urn:city:a"], "low", "nothing")], NOTHING)
def test_a_city_lets_a_known_name_be_said_of_nothing_else_than_where_it_is_known(
    rows: list[tuple[list[str], str, str]], reached: Assurance
) -> None:
    ladders, problems = city(CARD.format(", ".join(row(label, *one) for label, one in enumerate(rows))))
    if problems:
        return
    known = [(name, rung) for rung in RUNGS.values() for name in rung.names]
    for (name, one), rung in product(known, ladders["card"].rungs):
        if name not in rung.names:
            continue
        assert not rung.said_by(reached) or one.said_by(reached)
        for source in ladders["card"].rungs[rung.rank :]:
            for said in {*source.names} - {name}:
                same = [found for word, found in known if word == said and found.ladder == one.ladder]
                own = Reached(source.reaches.assurance, same[0] if same else None)
                assert own.has(one), (name, said)
