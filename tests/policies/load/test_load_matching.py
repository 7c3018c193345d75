"""`[matching]` of a purpose: a rule that could say the wrong person, or that proves nothing, does not load."""

import pytest

from idp.changes.guard import requirements
from policies.attributes import EXACT, Attribute, AttributeName
from policies.load import load
from policies.matching import ConfirmedBy, MatchingRule
from policies.parties import ProviderId, PurposeId
from tests.idp.web.test_matching_register import CATALOGUE, PURPOSE, REGISTER, RULE
from tests.policies.load.files import OWN, files, problems_of

FILE, REGISTERS = "purposes/known-again.toml", "registers/population.toml"
WHOLE = PURPOSE + RULE.replace("demo-lv", "demo-ee")


def _made(purpose: str = WHOLE, register: str = REGISTER, **more: str) -> dict[str, bytes]:
    catalogue = OWN + CATALOGUE
    return files(**{FILE: purpose, REGISTERS: register.replace("@FOLDER@", ""), "catalogue.toml": catalogue, **more})


def test_a_rule_is_read_and_waits_for_a_second_person() -> None:
    configuration = load(_made())
    rule = configuration.purposes[PurposeId("known-again")].matching
    assert rule is not None
    assert (rule.identifier, rule.provider_id) == ("earlier_identifier", "demo-ee")
    assert rule.confirmed_by is ConfirmedBy.CITIZEN
    (need,) = requirements(load(files()), configuration, four_eyes=True, wider=(), settings=())
    assert "purpose known-again is new." in need.why


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('provider = "demo-ee"\nconf', 'provider = "demo"\nconf', "provider", "is no provider"),
        ('minimum_assurance = "low"', 'minimum_assurance = "low"\npersons = ["for_legal"]', "identifier", "for others"),
        ('identifier = "earlier_identifier"', 'identifier = "email"', "identifier", "not a required attribute of one"),
        ("email = ", "gender = ", "facts.gender", "no fact of the sign-in alone"),
        ("email = ", "person_identifier = ", "facts.person_identifier", "would agree with itself"),
        ('= "registered_email"', '= "registered_name"', "facts", "three different ones"),
        ('email = "registered_email"\n', "", "facts", "three different ones"),
        ('= "registered_email"', '= "family_name"', "facts.email", "no fact of population"),
        ('confirmed_by = "citizen"', 'confirmed_by = "nobody"', "confirmed_by", ""),
    ],
)
def test_a_rule_that_could_say_the_wrong_person_does_not_load(old: str, new: str, key: str, says: str) -> None:
    head, rule = WHOLE.split("[matching]")
    changed = f"{head.replace(old, new)}[matching]{rule.replace(old, new)}"
    assert changed != WHOLE
    found = [(one.key, one.what) for one in problems_of(_made(changed))]
    assert any(one.endswith(key) and says in what for one, what in found), found


def _found_by(name: str, birthdate: str = "birthdate") -> dict[str, bytes]:
    purpose = WHOLE.replace('hand_over = ["person_identifier"]', f'hand_over = ["{name}"]')
    purpose = purpose.replace("birthdate = ", f"{birthdate} = ")
    return _made(purpose, REGISTER.replace("person_identifier = ", f"{name} = "))


def test_a_register_that_finds_twins_or_a_namesake_does_not_say_who_a_person_was() -> None:
    assert load(_found_by("given_name"))
    for shared in (("nationality",), ("phone_number",), ("given_name", "place_of_birth")):
        assert any("twins" in one.what for one in problems_of(_found_by(*shared))), shared


def test_no_service_has_it() -> None:
    party = files()["parties/parking.toml"].decode().replace('purposes = ["', 'purposes = ["known-again", "')
    assert any("would go to" in one.what for one in problems_of(_made(**{"parties/parking.toml": party})))


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({"n": "Ann  LEE", "rn": "ann lee", "b": "1990-01-02", "rb": "1990-01-02"}, True),
        ({"n": "Ann Lee", "rn": "Ann Lee", "b": "1990-01-02", "rb": "1990-01-03", "p": "Riga", "rp": "Rīga"}, False),
        ({"n": "", "rn": "", "b": "1990-01-02", "rb": "1990-01-02"}, False),
        # Each fact with its own
        ({"n": "1990-01-02", "rb": "1990-01-02", "b": "Ann", "rn": "Ann"}, False),
        ({"p": "Riga", "rp": "Riga", "b": "1990-01-02", "rb": "1990-01-02"}, True),
    ],
)
def test_two_of_three_facts_agree_or_nothing_counts(values: dict[str, str], counts: bool) -> None:  # noqa: FBT001
    facts = {AttributeName(name): AttributeName(f"r{name}") for name in "nbp"}
    rule = MatchingRule(AttributeName("id"), ProviderId("p"), facts, ConfirmedBy.CITIZEN)
    said = [Attribute(AttributeName(name), EXACT, value) for name, value in {"id": "7", **values}.items()]
    assert rule.earlier(said) == ("7" if counts else "")
    assert not rule.earlier(said[1:])


@pytest.mark.parametrize(("registered", "found"), [("1990-01-03", ""), ("1990-01-02", "7"), ("", "")])
def test_a_birth_date_that_does_not_agree_is_somebody_elses(registered: str, found: str) -> None:
    facts = {AttributeName(name): AttributeName(f"r_{name}") for name in ("birthdate", "family_name", "email")}
    rule = MatchingRule(AttributeName("id"), ProviderId("p"), facts, ConfirmedBy.CITIZEN)
    agreeing = {name: "alike" for ours in ("family_name", "email") for name in (ours, f"r_{ours}")}
    values = {"id": "7", **agreeing, "birthdate": "1990-01-02", "r_birthdate": registered}
    assert rule.earlier([Attribute(AttributeName(name), EXACT, value) for name, value in values.items()]) == found
