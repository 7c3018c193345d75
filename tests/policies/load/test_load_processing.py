"""The keys that say how a purpose's data are processed, and how the citizen is asked."""

import pytest

from policies.attributes import AttributeName
from policies.load import examine, load
from policies.parties import ClientId, ProviderId, PurposeId
from policies.purposes import AskMode, AskRule, Purpose, Rights, Show
from tests.policies.load.files import FILES, PURPOSE, files, problem_of, problems_of

FILE, PARKING = "purposes/parking.toml", "parties/parking.toml"
PROVIDER, NODE = "providers/demo-ee.toml", "providers/lv.toml"
# As a purpose writes them, each in place of the line of its law
WHOLE = """\
retention = "P1Y6M"
recipients = [{ en = "The treasury", et = "Riigikassa" }, { en = "The auditor" }]
rights = { object = "privacy@storkhaven.example", complain = "https://authority.example" }
dpv_purpose = "https://w3id.org/dpv#ServiceProvision"
dpv_processing = ["dpv:Store", "https://w3id.org/dpv#Use"]
never = ["person_identifier"]
ask = "remember(P180D)"
show = "inform"
"""


def _purpose(text: str) -> Purpose:
    return load(files(**{FILE: text})).purposes[PurposeId("resident-parking")]


def test_every_key_is_read() -> None:
    found = _purpose(
        PURPOSE.replace("law.en", WHOLE + "law.en").replace("required = true", "required = true\nmust_be_true = true")
    )
    assert (found.retention, found.recipients[0]["et"], found.recipients[1]) == (
        "P1Y6M",
        "Riigikassa",
        {"en": "The auditor"},
    )
    assert found.rights == Rights(object="privacy@storkhaven.example", complain="https://authority.example")
    assert (found.dpv_purpose, found.dpv_processing) == ("dpv:ServiceProvision", ("dpv:Store", "dpv:Use"))
    assert (found.never, found.ask, found.show) == (("person_identifier",), AskRule(AskMode.REMEMBER, 180), Show.INFORM)
    assert [name for name, need in found.needs.items() if need.must_be_true] == ["birthdate"]


def test_a_file_without_them_asks_each_time_and_promises_nothing() -> None:
    found = _purpose(PURPOSE)
    assert (found.ask, found.show, found.retention, found.rights) == (AskRule(AskMode.EACH_TIME), Show.ASK, "", None)
    loaded = load(files())
    assert not any(party.enforce or party.sphere for party in loaded.parties.values())
    assert not found.needs[AttributeName("birthdate")].must_be_true


def test_a_citizen_may_refuse_without_loss_what_rests_on_consent() -> None:
    text = PURPOSE.replace('"public_task"', '"consent"').replace("law.en", "refusable_without_loss = true\nlaw.en")
    assert _purpose(text).refusable_without_loss


TRANSFER = '[transfers.ch]\nbasis = "adequacy"\nlaw.en = "Decision 2000/518/EC"\n\n'


def test_a_registration_is_enforced_and_lies_in_a_sphere() -> None:
    changed = {
        "purposes/parking.toml": FILES["purposes/parking.toml"].replace("[attributes", TRANSFER + "[attributes", 1),
        PARKING: FILES[PARKING].replace("[attributes]", 'enforce = true\nsphere = "eu"\n[attributes]'),
        PROVIDER: FILES[PROVIDER].replace("[attributes]", 'sphere = "ch"\n[attributes]', 1),
        NODE: 'sphere = "eu"\n' + FILES[NODE],
    }
    found = load(files(**changed))
    party, provider = found.parties[ClientId("parking")], found.providers[ProviderId("demo-ee")]
    assert (party.enforce, party.sphere, provider.sphere) == (True, "eu", "ch")
    assert found.providers[ProviderId("lv")].sphere == "eu"
    purpose = found.purposes[PurposeId("resident-parking")]
    assert purpose.crossing("ch", "eu") == ("ch", "eu", "adequacy")
    assert purpose.crossing("ch", "ch") == purpose.crossing("", "eu") == ()


def test_answers_of_another_sphere_need_a_ground_that_the_purpose_names() -> None:
    changed = {
        PARKING: FILES[PARKING].replace("[attributes]", 'sphere = "eu"\n[attributes]'),
        PROVIDER: FILES[PROVIDER].replace("[attributes]", 'sphere = "ch"\n[attributes]', 1),
    }
    (problem,) = examine(files(**changed))[1]
    assert (problem.file, problem.key) == ("purposes/parking.toml", "transfers")
    assert "[transfers.ch]" in problem.fix
    told = TRANSFER.replace("adequacy", "explicit_consent") + "[attributes"
    text = FILES["purposes/parking.toml"].replace("[attributes", told, 1).replace("law.en", 'show = "inform"\nlaw.en', 1)
    (problem,) = examine(files(**changed, **{"purposes/parking.toml": text}))[1]
    assert problem.key == "show"
    # A purpose that is not for the citizens of that country needs none
    elsewhere = FILES["purposes/parking.toml"].replace("law.en", 'countries = ["LV"]\nlaw.en', 1)
    assert not examine(files(**changed, **{"purposes/parking.toml": elsewhere}))[1]


@pytest.mark.parametrize(
    ("line", "key", "fix"),
    [
        *(
            (f'retention = "{bad}"', "retention", '"P1Y"')
            for bad in ("1Y", "P", "P0D", "P1D1Y", "PT1H", "p1y", "P-1Y", "P01Y")
        ),
        ('recipients = "treasury"', "recipients", "write recipients"),
        ('recipients = [{ et = "Riigikassa" }]', "recipients.0.en", "write recipients"),
        ('rights = { withdraw = "here" }', "rights.withdraw", "consent"),
        ('rights = { erase = "here" }', "rights.erase", "known here"),
        ('dpv_purpose = "dpv:service provision"', "dpv_purpose", "w3id.org/dpv"),
        ('dpv_purpose = "https://w3id.org/dpv/"', "dpv_purpose", "w3id.org/dpv"),
        ('dpv_processing = ["dpv:Use", "Use"]', "dpv_processing", "w3id.org/dpv"),
        ("dpv_processing = []", "dpv_processing", "w3id.org/dpv"),
        ('never = ["shoe_size"]', "never", "known here"),
        ('never = ["address"]', "never", "[attributes.address]"),
        *(
            (f'ask = "{bad}"', "ask", "remember(P180D)")
            for bad in ("never", "remember", "remember(P366D)", "remember(P1Y)")
        ),
        ('show = "hide"', "show", '"inform", "ask"'),
        ("refusable_without_loss = true", "refusable_without_loss", "consent"),
    ],
)
def test_a_fault_is_told_with_line_key_and_fix(line: str, key: str, fix: str) -> None:
    found = problem_of(FILE, "law.en", f"{line}\nlaw.en")
    assert (found.line, found.key) == (5, key)
    assert fix in found.fix


@pytest.mark.parametrize("basis", ["consent", "contract", "vital_interests", "legitimate_interests"])
def test_only_a_task_or_a_duty_informs_without_asking(basis: str) -> None:
    found = problem_of(FILE, '"public_task"', f'"{basis}"\nshow = "inform"')
    assert (found.key, basis in found.what) == ("show", True)


@pytest.mark.parametrize("basis", ["consent", "contract", "legal_obligation", "vital_interests"])
def test_only_a_task_or_an_interest_is_objected_to(basis: str) -> None:
    assert problem_of(FILE, '"public_task"', f'"{basis}"\nrights.object = "here"').key == "rights.object"


@pytest.mark.parametrize(
    ("old", "new", "fix"),
    [
        ('"age_over(18)"', '"birth_year"', "yes or no"),
        ("required = true\n", "", "required = true"),
    ],
)
def test_only_a_required_predicate_must_be_true(old: str, new: str, fix: str) -> None:
    text = PURPOSE.replace(old, new, 1).replace("[attributes.address]", "must_be_true = true\n\n[attributes.address]")
    found = problem_of(FILE, PURPOSE, text)
    assert (found.key, fix in found.fix) == ("attributes.birthdate.must_be_true", True)


def test_whoever_signs_in_cannot_choose_among_the_purposes_of_an_enforced_registration() -> None:
    other = PURPOSE.replace("resident-parking", "visitor-parking")
    two = FILES[PARKING].replace('["resident-parking"]', '["resident-parking", "visitor-parking"]')
    assert load(files(**{"purposes/other.toml": other, PARKING: two}))
    found = problems_of(
        files(**{"purposes/other.toml": other, PARKING: two.replace("[attributes]", "enforce = true\n[attributes]")})
    )
    assert [(one.file, one.key, "for each purpose" in one.fix) for one in found] == [(PARKING, "enforce", True)]


@pytest.mark.parametrize(("file", "key"), [(PARKING, "sphere"), (PROVIDER, "sphere"), (PARKING, "enforce")])
def test_a_sphere_is_a_name_and_enforce_a_yes_or_a_no(file: str, key: str) -> None:
    assert problem_of(file, "[attributes]", f'{key} = "e u"\n[attributes]').key == key
