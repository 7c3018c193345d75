"""One rule at a time says more. Examples that hold every rule leave none unheld; without one, its rule is named."""

import pytest

from policies.catalogue import STANDARD
from policies.load import load
from policies.persons import PersonKind
from policies.simulation.mutate import missing_examples, mutate
from tests.policies.load.files import FILES

OF_NATURAL = {name for name, one in STANDARD.attributes.items() if PersonKind.NATURAL in one.persons}
OTHERS = sorted(OF_NATURAL - {"birthdate", "address"})
EVERYTHING = ", ".join(f'{name} = "exact"' for name in ("birthdate", "address", *OTHERS))
NOT_NEEDED = ", ".join(f'{name} = "not_needed"' for name in OTHERS)
HELD = f"""
[[examples]]
title = "Everything is asked for, and the required one has no box"
on = 2026-11-25
loa = "high"
asked = {{ {EVERYTHING} }}
given = {{ birthdate = 1990-04-01, address = {{ locality = "Storkhaven" }} }}
refused = ["birthdate"]
released = {{ birthdate = "age_over(18)", address = "resident_of(Storkhaven)" }}
withheld = {{ {NOT_NEEDED} }}

[[examples]]
title = "Too low"
on = 2026-11-25
loa = "low"
asked = {{ birthdate = "exact" }}
given = {{ birthdate = 1990-04-01 }}
withheld = {{ birthdate = "assurance_too_low" }}
"""
PURPOSE = FILES["purposes/parking.toml"].partition("[[examples]]")[0] + HELD
NARROW = FILES["parties/parking.toml"].replace('address = "exact"\n', "").replace("exact", "age_over(18)")
BY_CLIENT = """
[[examples]]
title = "Its registration has no address"
client = "parking"
on = 2026-11-25
loa = "high"
asked = { birthdate = "exact", address = "exact" }
given = { birthdate = 1990-04-01, address = { locality = "Storkhaven" } }
released = { birthdate = "age_over(18)" }
withheld = { address = "not_registered" }
"""


def differences_of(purpose: str, party: str = FILES["parties/parking.toml"]) -> list[str]:
    configuration = load({"purposes/parking.toml": purpose.encode(), "parties/parking.toml": party.encode()})
    (examples,) = configuration.examples.items()
    return [found for one in examples[1] for found in configuration.differences(examples[0], one)]


def unheld(purpose: str = PURPOSE, party: str = FILES["parties/parking.toml"]) -> dict[str, tuple[str, ...]]:
    configuration = load({"purposes/parking.toml": purpose.encode(), "parties/parking.toml": party.encode()})
    assert not differences_of(purpose, party)
    return {one.rule: one.changes for one in mutate(configuration).unheld}


def test_examples_that_hold_every_rule_leave_none() -> None:
    assert unheld() == {}


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (
            'asked = { birthdate = "exact", address',
            'asked = { birthdate = "age_over(18)", address',
            {"attributes.birthdate.form": ("exact in place of age_over(18)",)},
        ),
        ('refused = ["birthdate"]\n', "", {"attributes.birthdate.required": ("dropped",)}),
        (HELD[HELD.rindex("[[") :], "", {"minimum_assurance": ("low in place of substantial",)}),
        ('email = "exact", ', "", {"attributes": ("email added",)}),
    ],
    ids=["form", "required", "assurance", "one more attribute"],
)
def test_a_rule_without_its_example_is_named(old: str, new: str, rules: dict[str, tuple[str, ...]]) -> None:
    assert old in PURPOSE
    assert unheld(PURPOSE.replace(old, new).replace('email = "not_needed", ' * ("email" in old), "")) == rules


def test_a_registration_that_is_narrower_than_its_purpose_is_held_by_an_example_of_its_own() -> None:
    assert unheld(party=NARROW) == {"attributes": ("address added",)}
    assert unheld(PURPOSE + BY_CLIENT, NARROW) == {}


def test_the_sphere_of_a_registration_is_held_by_an_example_from_another_one() -> None:
    party = FILES["parties/parking.toml"].replace("[attributes]", 'sphere = "eu"\n\n[attributes]')
    purpose = PURPOSE.replace('"resident_of(Storkhaven)"', '"country"', 1).replace("resident_of(Storkhaven)", "country")
    purpose = purpose.replace('locality = "Storkhaven"', 'locality = "Storkhaven", country = "EE"')
    assert unheld(purpose) == {}
    assert unheld(purpose, party) == {"sphere": ("dropped",)}
    abroad = BY_CLIENT.replace("client =", 'sphere = "ch"\nclient =').replace("not_registered", "other_sphere")
    assert unheld(purpose + abroad, party) == {}


def test_an_answer_that_must_be_yes_is_held_by_an_example_that_ends_the_login() -> None:
    purpose = PURPOSE.replace("required = true", "required = true\nmust_be_true = true")
    assert unheld(purpose) == {"attributes.birthdate.must_be_true": ("dropped",)}
    minor = BY_CLIENT.replace("1990-04-01", "2012-04-01").replace('client = "parking"', 'ended_by = ["birthdate"]')
    minor = minor.partition("withheld")[0].replace(', address = "exact"', "")
    assert unheld(purpose + minor) == {}
    (said,) = differences_of(purpose + minor.replace("2012", "1990"))
    assert said == "the file says that birthdate ends the login, and nothing does."


def test_an_enforced_registration_is_held_by_an_example_of_its_own_that_ends_the_login() -> None:
    party = FILES["parties/parking.toml"].replace("[attributes]", "enforce = true\n\n[attributes]")
    assert unheld(PURPOSE, party) == {"enforce": ("dropped",)}
    short = BY_CLIENT.partition("given")[0].replace(', address = "exact"', "")
    ends = short + 'given = {}\nwithheld = { birthdate = "not_available" }\nended_by = ["birthdate"]\n'
    assert unheld(PURPOSE + ends, party) == {}
    (said,) = differences_of(PURPOSE + ends)
    assert said == "the file says that birthdate ends the login, and nothing does."


def test_a_purpose_without_a_release_or_a_refusal_is_named() -> None:
    def lacks(purpose: str) -> list[tuple[str, ...]]:
        return [one.lacks for one in missing_examples(load({"purposes/parking.toml": purpose.encode()}))]

    assert lacks(PURPOSE) == []
    assert lacks(PURPOSE.partition("[[examples]]")[0]) == [("release", "refusal")]
    assert lacks(PURPOSE.replace(HELD[: HELD.rindex("[[")], "")) == [("release",)]
