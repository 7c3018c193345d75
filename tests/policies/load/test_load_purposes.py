from datetime import timedelta

import pytest

from policies.attributes import Address, AttributeName, Value
from policies.errors import Misconfigured
from policies.load import load, load_situation
from policies.parties import PurposeId
from tests.policies.load.files import PURPOSE, files, problem_of, problems_of
from tests.policies.parts import ON

FILE = "purposes/parking.toml"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "fix"),
    [
        ("law.en", 'bases = "x"\nlaw.en', 5, "bases", "`basis`"),
        ("required = true", "require = true", 15, "attributes.birthdate.require", "`required`"),
        ("[attributes.birthdate]", "[attributes.birthdat]", 12, "attributes.birthdat", "`birthdate`"),
        ('"age_over(18)"', '"age_above(18)"', 13, "attributes.birthdate.form", "age_over(N)"),
        (
            'form = "age_over(18)"',
            "form = 18",
            13,
            "attributes.birthdate.form",
            "exact, year_month, birth_year, age_over(N)",
        ),
        ('form = "age_over(18)"\n', "", 12, "attributes.birthdate.form", "exact, year_month, birth_year, age_over(N)"),
        ('why.en = "Permits are for adults."\n', "", 12, "attributes.birthdate.why", "why.en"),
        ('basis = "public_task"\n', "", 1, "basis", "public_task"),
        ('"public_task"', '"we want it"', 4, "basis", "legal_obligation"),
        ("law.en", "countries = []\nlaw.en", 5, "countries", "every country"),
        ("law.en", 'countries = [\n"EE",\n"ee"]\nlaw.en', 7, "countries", "ISO 3166-1"),
        ("title.en", "title.lv", 2, "title.en", "title.en"),
        ('"Elaniku parkimisluba"', '" "', 3, "title.et", "write text"),
        ('"privacy@storkhaven.example"', '"a\\u202eb"', 10, "controller.contact", "without this sign"),
        ('id = "resident-parking"\n', "", 1, "id", "64 letters"),
        ('"substantial"', '"medium"', 6, "minimum_assurance", '"low", "substantial", "high"'),
        ('minimum_assurance = "substantial"\n', "", 1, "minimum_assurance", '"high"'),
    ],
)
def test_a_fault_of_a_purpose_is_told_with_line_key_and_fix(old: str, new: str, line: int, key: str, fix: str) -> None:
    text = PURPOSE.replace(old, new, 1)
    assert text != PURPOSE
    (found,) = problems_of({FILE: text.encode()})
    assert (found.file, found.line, found.key) == (FILE, line, key)
    assert fix in found.fix
    assert found.what


def test_a_purpose_may_be_for_the_citizens_of_some_countries() -> None:
    text = PURPOSE.replace("law.en", 'countries = ["EE", "LV"]\nlaw.en')
    assert load({FILE: text.encode()}).purposes[PurposeId("resident-parking")].countries == ("EE", "LV")
    assert load({FILE: PURPOSE.encode()}).purposes[PurposeId("resident-parking")].countries == ()


def test_a_purpose_without_a_controller_is_a_problem() -> None:
    (found,) = problems_of({FILE: PURPOSE.replace("[controller]", "[attributes.email.controller]", 1).encode()})[-1:]
    assert found.file == FILE
    alone = PURPOSE.split("[controller]")[0]
    (missing,) = problems_of({FILE: alone.encode()})
    assert (missing.line, missing.key) == (1, "controller")


@pytest.mark.parametrize("bad", ["", "a/b", "x" * 65, "\u00f5", "a\\n"])
def test_an_id_of_other_signs_is_a_problem(bad: str) -> None:
    (found,) = problems_of({FILE: PURPOSE.replace('id = "resident-parking"', f'id = "{bad}"', 1).encode()})
    assert (found.line, found.key) == (1, "id")


def test_a_purpose_may_need_nothing() -> None:
    bare = PURPOSE.split("[attributes.birthdate]")[0]
    assert load({FILE: bare.encode()}).purposes[PurposeId("resident-parking")].needs == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ('title = "An adult of the city"\n', "", 21, "examples.0.title"),
        ("on = 2026-11-25", "on = 2026-11-25T00:00:00Z", 23, "examples.0.on"),
        ('loa = "high"', 'loa = "higher"', 24, "examples.0.loa"),
        ('gender = "female" }', "gender = 1 }", 26, "examples.0.given.gender"),
        ('form = "age_over(18)", answer', 'form = "x", answer', 27, "examples.0.released.birthdate.form"),
        ("answer = true", "anwser = true", 27, "examples.0.released.birthdate.anwser"),
        ('"not_needed"', '"not_wanted"', 28, "examples.0.withheld.gender"),
        ("withheld = {", 'refused = ["shoe_size"]\nwithheld = {', 28, "examples.0.refused"),
        ("withheld = {", 'client = "nobody"\nwithheld = {', 21, "examples.client"),
    ],
)
def test_a_fault_of_an_example_is_told_with_line_and_key(old: str, new: str, line: int, key: str) -> None:
    found = problem_of(FILE, old, new)
    assert (found.line, found.key) == (line, key)
    assert found.fix


def test_a_country_is_no_place_to_live_in() -> None:
    found = problem_of(FILE, 'form = "resident_of(Storkhaven)"', 'form = "resident_of(EE)"')
    assert "names a country" in found.what
    assert "country" in found.fix


def test_an_example_that_expects_nothing_is_a_problem() -> None:
    text = PURPOSE.split("released =")[0]
    (found,) = problems_of({FILE: text.encode()})
    assert (found.line, found.what) == (21, "says nothing about what comes out.")


@pytest.mark.parametrize(
    ("old", "new", "name", "value"),
    [
        ('"age_over(18)", answer = true', '"birth_year", answer = "1990"', "birthdate", "1990"),
        ("answer = true", "answer = false", "birthdate", False),
        (
            'address = "resident_of(Storkhaven)" }',
            'address = { form = "exact", answer = { locality = "X" } } }',
            "address",
            Address(locality="X"),
        ),
    ],
)
def test_an_example_may_insist_on_an_answer(old: str, new: str, name: str, value: Value) -> None:
    head, example = PURPOSE.split("[[examples]]")
    assert old in example
    text = head + "[[examples]]" + example.replace(old, new)
    (read,) = load(files(**{FILE: text})).examples[PurposeId("resident-parking")]
    assert read.answers[AttributeName(name)] == value


def test_a_made_up_person_with_faults_is_told_with_all_of_them() -> None:
    text = b'loa = "x"\nasked = { shoe = "exact" }\nextra = 1\n'
    with pytest.raises(Misconfigured) as refused:
        load_situation("maria.toml", text, load(files()).catalogue, ON)
    assert sorted(p.key for p in refused.value.problems) == ["asked.shoe", "extra", "given", "loa"]
    with pytest.raises(Misconfigured):
        load_situation("maria.toml", b"=", load(files()).catalogue, ON)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ('birthdate = "1990-02-30"', "is no date"),
        (f"birthdate = {ON + timedelta(days=1)}", "one after the day"),
        ("address = {}", "has nothing"),
        ('email = " "', "is empty"),
    ],
)
def test_a_made_up_value_that_no_purpose_can_use_is_told_with_its_line(value: str, what: str) -> None:
    text = f'loa = "high"\nasked = {{ birthdate = "exact" }}\n[given]\ngender = "female"\n{value}\n'
    with pytest.raises(Misconfigured) as refused:
        load_situation("maria.toml", text.encode(), load(files()).catalogue, ON)
    (found,) = refused.value.problems
    assert (found.file, found.line, found.key) == ("maria.toml", 5, f"given.{value.partition(' ')[0]}")
    assert what in found.what


@pytest.mark.parametrize("born", ['"1990"', '"1990-04"', "1990-04-01"])
def test_a_made_up_birth_date_may_be_as_much_as_a_country_knows(born: str) -> None:
    text = f'loa = "high"\nasked = {{ birthdate = "exact" }}\ngiven = {{ birthdate = {born} }}\n'
    found = load_situation("maria.toml", text.encode(), load(files()).catalogue, ON)
    assert found.offered.attributes == {AttributeName("birthdate"): born.strip('"')}


@pytest.mark.parametrize("kept", ["released =", "withheld ="])
def test_an_example_may_say_only_what_goes_or_only_what_stays(kept: str) -> None:
    dropped = {"released =": "withheld =", "withheld =": "released ="}[kept]
    text = "".join(line for line in PURPOSE.splitlines(keepends=True) if not line.startswith(dropped))
    (read,) = load(files(**{FILE: text})).examples[PurposeId("resident-parking")]
    assert bool(read.released) == (kept == "released =")
    assert bool(read.withheld) == (kept == "withheld =")
