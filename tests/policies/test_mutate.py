"""One rule at a time says more. Examples that hold every rule leave none unheld; without one, its rule is named."""

import pytest

from policies.catalogue import STANDARD
from policies.load import load
from policies.mutate import missing_examples, mutate
from tests.policies.load.files import FILES

OTHERS = sorted(set(STANDARD.attributes) - {"birthdate", "address"})
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


def unheld(purpose: str = PURPOSE, party: str = FILES["parties/parking.toml"]) -> dict[str, tuple[str, ...]]:
    configuration = load({"purposes/parking.toml": purpose.encode(), "parties/parking.toml": party.encode()})
    for purpose_id, examples in configuration.examples.items():
        assert not [found for one in examples for found in configuration.differences(purpose_id, one)]
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


def test_a_purpose_without_a_release_or_a_refusal_is_named() -> None:
    def lacks(purpose: str) -> list[tuple[str, ...]]:
        return [one.lacks for one in missing_examples(load({"purposes/parking.toml": purpose.encode()}))]

    assert lacks(PURPOSE) == []
    assert lacks(PURPOSE.partition("[[examples]]")[0]) == [("release", "refusal")]
    assert lacks(PURPOSE.replace(HELD[: HELD.rindex("[[")], "")) == [("release",)]
