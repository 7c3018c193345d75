"""Attributes of a city's own, of the kinds that have several values or a unit, from the files to the answer."""

import pytest

from policies.attributes import AttributeName
from policies.load import load
from policies.parties import ProviderId, PurposeId
from tests.policies.load.files import PROVIDER, PURPOSE, files, problems_of

OWN = """\
[attributes.status]
kind = "set"
values = ["pensioner", "staff", "student"]
title.en = "Status"

[attributes.entitlement]
kind = "set"
title.en = "Entitlement"

[attributes.income]
kind = "amount"
title.en = "Income"

[attributes.card]
kind = "number"
title.en = "Number of the card"
"""
HEAD = PURPOSE.split("[attributes.birthdate]")[0]
NEEDS = """\
[attributes]
status = { form = "one_of(student, pensioner)", why.en = "It is cheaper." }
entitlement = { form = "prefix(pool:)", why.en = "It opens the door." }
income = { form = "below(30000 EUR/year)", why.en = "It is cheaper." }
card = { form = "last4", why.en = "To tell cards apart." }
nationality = { form = "only(EE,LV)", why.en = "For the statistics." }
family_name = { form = "latin", why.en = "For the label." }
address = { form = "municipality", why.en = "For the statistics." }

[[examples]]
title = "A student of two countries"
on = 2026-11-25
loa = "high"
asked = { status = "exact", entitlement = "exact", income = "exact", card = "exact", nationality = "exact", \
family_name = "exact", address = "exact" }
given = { status = ["alum", "student"], entitlement = ["pool:swim", "tax:all"], income = "12000 EUR/year", \
card = "12345678", nationality = ["US", "LV"], family_name = "Иванова", "family_name.latin" = "Ivanova", \
address = { street = "Canal Street 12", locality = "Storkhaven", country = "EE" } }

[examples.released]
status = { form = "one_of(pensioner,student)", answer = true }
entitlement = { form = "prefix(pool:)", answer = ["pool:swim"] }
income = { form = "below(30000 EUR/year)", answer = true }
card = { form = "last4", answer = "5678" }
nationality = { form = "only(EE,LV)", answer = ["LV"] }
family_name = { form = "latin", answer = "Ivanova" }
address = { form = "municipality", answer = { locality = "Storkhaven", country = "EE" } }
"""
FILE = "purposes/parking.toml"
CITY = {FILE: (HEAD + NEEDS).encode(), "catalogue.toml": OWN.encode()}


def test_every_kind_goes_from_the_files_to_the_answer() -> None:
    configuration = load(CITY)
    (example,) = configuration.examples[PurposeId("resident-parking")]
    assert configuration.differences(PurposeId("resident-parking"), example) == ()


def test_a_provider_may_send_several_values_of_a_set_alone() -> None:
    text = PROVIDER.replace("[assurance]", '"urn:x:status" = "status"\n"urn:x:c" = "nationality"\n\n[assurance]')
    provider = load(files(**{"catalogue.toml": OWN, "providers/demo-ee.toml": text})).providers[ProviderId("demo-ee")]
    assert provider.multiple == {AttributeName("status"), AttributeName("nationality")}


TOO_MANY = "one_of(" + ",".join(map(str, range(10_000))) + ")"


@pytest.mark.parametrize(
    ("old", "new", "what", "fix"),
    [
        ("one_of(student, pensioner)", TOO_MANY, "has 10000 entries", "at most 100"),
        ("one_of(student, pensioner)", f"one_of({'x' * 1000})", "...` is no form", "one_of(A,B)"),
        ("one_of(student, pensioner)", "one_of(student,studnet)", "'studnet' is no value", "`student`"),
        ("one_of(student, pensioner)", "prefix(stud,x)", "'x' is no value", "known here"),
        ("prefix(pool:)", "prefix(pool:\\u0000)", "is no form", "prefix(A,B)"),
        ("below(30000 EUR/year)", "below(30000)", "is no form", "below(NUMBER UNIT)"),
        ("only(EE,LV)", "only(staff)", "is no form", "only(EE,LV)"),
        ("last4", "last5", "is no form", "exact, last4"),
    ],
)
def test_a_fault_of_a_parameter_is_told_with_its_fix(old: str, new: str, what: str, fix: str) -> None:
    assert old in NEEDS
    (found, *_) = problems_of({**CITY, FILE: (HEAD + NEEDS.replace(old, new, 1)).encode()})
    assert (what in found.what, fix in found.fix) == (True, True), found
    assert len(found.what) < 300
