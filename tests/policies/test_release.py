from dataclasses import replace

import pytest

from policies.attributes import EXACT, Attribute, AttributeName, Form, Value
from policies.authentication import AskedAttribute, AttributeSource
from policies.errors import ReleaseDenied
from policies.parties import RegisterId, Source
from policies.release import Decision, Reason, Ruling, RulingOutcome, choose, decide, short_of
from tests.policies.parts import HOME, ON, PARTY_FILE, PURPOSE_FILE, asked, form, offered, party, purpose

BIRTHDATE, EMAIL, ADDRESS = AttributeName("birthdate"), AttributeName("email"), AttributeName("address")
MARIA = offered(birthdate="1990-04-01", email="maria@example.org", address=HOME, family_name="Maasikas")


def one(decision: Decision) -> Ruling:
    assert len(decision.rulings) == 1
    return decision.rulings[0]


@pytest.mark.parametrize(
    ("registered", "needed", "line"),
    [
        ("exact", "age_over(18)", Source(PURPOSE_FILE.file, 20)),
        ("age_over(18)", "exact", Source(PARTY_FILE.file, 10)),
        ("age_over(18)", "age_over(18)", Source(PURPOSE_FILE.file, 20)),
    ],
)
def test_the_rule_is_the_line_that_weakened(registered: str, needed: str, line: Source) -> None:
    ruling = one(decide(asked(birthdate="exact"), purpose(birthdate=needed), party(birthdate=registered), MARIA, ON))
    assert ruling.source == line
    assert ruling.outcome is RulingOutcome.WEAKENED


def test_an_answer_of_no_is_released_like_an_answer_of_yes() -> None:
    child = offered(birthdate="2020-04-01")
    decision = decide(asked(birthdate="exact"), purpose(birthdate="age_over(18)"), party(birthdate="exact"), child, ON)
    assert decision.released == (Attribute(BIRTHDATE, form("age_over(18)"), value=False),)


@pytest.mark.parametrize(
    ("needed", "value"), [("age_over(18)", True), ("age_over(16)", None), ("exact", None), ("birth_year", None)]
)
def test_what_a_source_affirmed_answers_that_question_alone(needed: str, value: Value | None) -> None:
    yes = replace(offered(), affirmed={BIRTHDATE: form("age_over(18)")})
    ruling = one(decide(asked(birthdate="exact"), purpose(birthdate=needed), party(birthdate="exact"), yes, ON))
    assert (ruling.released.value if ruling.released else None) == value
    register = replace(yes, sources={BIRTHDATE: AttributeSource(RegisterId("residents"), yes.loa)})
    needs = purpose(birthdate=needed)
    only = replace(needs, needs={BIRTHDATE: replace(needs.needs[BIRTHDATE], sources=(RegisterId("residents"),))})
    silent = one(decide(asked(birthdate="exact"), only, party(birthdate="exact"), register, ON))
    assert (silent.released, silent.reason) == (None, Reason.NOT_IN_REGISTER), "the register has not said it"
    known = replace(yes, attributes={BIRTHDATE: "2020-04-01"})
    young = one(decide(asked(birthdate="exact"), purpose(birthdate="age_over(18)"), party(birthdate="exact"), known, ON))
    assert young.released is not None
    assert young.released.value is False, "a value says more than an answer"


@pytest.mark.parametrize(
    ("forms", "given"),
    [
        (("exact", "age_over(18)"), form("age_over(18)")),
        (("age_over(18)", "age_over(21)"), None),
        (("birth_year", "exact", "age_over(18)"), None),
        (("exact", "exact"), EXACT),
    ],
)
def test_an_attribute_asked_twice_gets_what_both_forms_have_in_common(forms: tuple[str, ...], given: Form | None) -> None:
    wanted = [AskedAttribute(BIRTHDATE, form(text)) for text in forms]
    there, back = (
        one(decide(order, purpose(birthdate="exact"), party(birthdate="exact"), MARIA, ON))
        for order in (wanted, wanted[::-1])
    )
    assert there == back
    assert (there.released.form if there.released else None) == given


def test_no_value_is_in_a_repr() -> None:
    decision = decide(asked(email="exact"), purpose(email="exact"), party(email="exact"), MARIA, ON)
    assert "maria" not in repr(decision)
    assert "maria" not in repr(MARIA)


# -- the citizen's choice ------------------------------------------------------------------------------------------------

NEEDS = purpose(required=("birthdate",), birthdate="age_over(18)", email="exact", address="country")
RULES = party(birthdate="exact", email="exact", address="exact")
OFFER = decide(asked(birthdate="exact", email="exact", address="exact", gender="exact"), NEEDS, RULES, MARIA, ON)


@pytest.mark.parametrize("name", ["birthdate", "gender", "family_name", "", "Email", "nonsense<script>"])
def test_a_tick_for_what_was_never_offered_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ReleaseDenied) as refused:
        choose(OFFER, [EMAIL, AttributeName(name)])
    assert refused.value.code == "not_offered"
    assert not name or name not in refused.value.detail


def test_a_choice_cannot_be_taken_back() -> None:
    with pytest.raises(ReleaseDenied):
        choose(choose(OFFER, ()), [EMAIL])


@pytest.mark.parametrize(
    ("born", "required", "demands", "expected"),
    [
        ("1990-04-01", True, True, ()),
        ("2015-04-01", True, True, ("birthdate",)),
        ("2015-04-01", True, False, ()),
        (None, True, False, ("birthdate",)),
        (None, True, True, ("birthdate",)),
        (None, False, False, ()),
    ],
)
def test_an_enforced_login_is_short_of_what_does_not_come_and_of_a_no_that_must_be_a_yes(
    born: str | None, *, required: bool, demands: bool, expected: tuple[str, ...]
) -> None:
    needs = purpose(("birthdate",) if required else (), birthdate="age_over(18)")
    needs = replace(needs, needs={BIRTHDATE: replace(needs.needs[BIRTHDATE], must_be_true=demands)})
    source = offered(birthdate=born) if born else offered()
    decision = decide(asked(birthdate="exact"), needs, party(birthdate="exact"), source, ON)
    assert short_of(decision, needs) == expected
    # A yes in another form than the purpose names is no answer to its question
    other = replace(needs, needs={BIRTHDATE: replace(needs.needs[BIRTHDATE], form=Form("age_over", "21"))})
    assert short_of(decision, other) == ((BIRTHDATE,) if demands else expected)


def test_a_whole_name_in_another_script_brings_its_latin_form_and_any_other_form_brings_itself_alone() -> None:
    values: dict[AttributeName, Value] = {
        AttributeName("given_name"): "\u5c0f\u4e91",
        AttributeName("given_name.latin"): "Xiaoyun",
    }
    lin = replace(MARIA, attributes=values)
    whole = one(decide(asked(given_name="exact"), purpose(given_name="exact"), party(given_name="exact"), lin, ON)).released
    latin = one(decide(asked(given_name="latin"), purpose(given_name="exact"), party(given_name="exact"), lin, ON)).released
    assert whole == Attribute(AttributeName("given_name"), EXACT, "\u5c0f\u4e91", "Xiaoyun")
    assert latin == Attribute(AttributeName("given_name"), form("latin"), "Xiaoyun")
