import pytest

from policies.attributes import AttributeName, Form, Value
from policies.catalogue import STANDARD
from policies.examples import Example, Situation, decide_for, differences, party_with_everything, withheld_by
from policies.parties import ClientId, Source
from tests.policies.parts import ON, asked, form, offered, party, purpose

BIRTHDATE, EMAIL, GENDER = AttributeName("birthdate"), AttributeName("email"), AttributeName("gender")
NEEDS = purpose(required=("birthdate",), birthdate="age_over(18)", email="exact")
MARIA = Situation(
    ON, asked(birthdate="exact", email="exact", gender="exact"), offered(birthdate="1990-04-01", email="maria@example.org")
)
NOBODY = Situation(ON, asked(birthdate="exact", email="exact"), offered(email="maria@example.org"))
ADULT = {BIRTHDATE: form("age_over(18)"), EMAIL: form("exact")}


def example(
    situation: Situation = MARIA,
    released: dict[AttributeName, Form] | None = None,
    withheld: dict[AttributeName, str] | None = None,
    answers: dict[AttributeName, Value] | None = None,
    refused: tuple[AttributeName, ...] = (),
) -> Example:
    return Example(
        title="One",
        situation=situation,
        refused=refused,
        client_id=ClientId(""),
        released=ADULT if released is None else released,
        answers=answers or {},
        withheld={GENDER: "not_needed"} if withheld is None else withheld,
        source=Source("purposes/x.toml", 1),
    )


def found(one: Example) -> tuple[str, ...]:
    return differences(one, NEEDS, party_with_everything(NEEDS, STANDARD), ON, catalogue=STANDARD)


@pytest.mark.parametrize(
    "one",
    [
        example(),
        example(answers={BIRTHDATE: True, EMAIL: "maria@example.org"}),
        example(
            released={BIRTHDATE: form("age_over(18)")},
            withheld={GENDER: "not_needed", EMAIL: "not_chosen"},
            refused=(EMAIL,),
        ),
        example(NOBODY, released={}, withheld={BIRTHDATE: "not_available", EMAIL: "blocked"}),
    ],
    ids=["as it is", "with answers", "with a refusal", "with a required attribute denied"],
)
def test_an_example_that_holds_has_no_differences(one: Example) -> None:
    assert found(one) == ()


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (
            example(released={**ADULT, BIRTHDATE: form("exact")}),
            "birthdate: the file says released as exact, the decision is released as age_over(18).",
        ),
        (
            example(released={BIRTHDATE: form("age_over(18)")}),
            "email: the file says not asked for, the decision is released as exact.",
        ),
        (
            example(withheld={}),
            "gender: the file says not asked for, the decision is withheld (not_needed).",
        ),
        (
            example(withheld={GENDER: "not_registered"}),
            "gender: the file says withheld (not_registered), the decision is withheld (not_needed).",
        ),
        (example(answers={BIRTHDATE: False}), "birthdate: the file says False, the answer is True."),
        (
            example(NOBODY, released={EMAIL: form("exact")}, withheld={BIRTHDATE: "not_available"}),
            "email: the file says released as exact, the decision is withheld (blocked).",
        ),
        (
            example(withheld={GENDER: "not_needed", AttributeName("address"): "not_needed"}),
            "address: the file says withheld (not_needed), the decision is not asked for.",
        ),
    ],
)
def test_what_comes_out_otherwise_is_said_in_a_sentence(one: Example, sentence: str) -> None:
    assert found(one) == (sentence,)


def test_a_required_attribute_cannot_be_refused_alone() -> None:
    decision = decide_for(MARIA, NEEDS, party_with_everything(NEEDS, STANDARD), ON, (BIRTHDATE,), catalogue=STANDARD)
    assert BIRTHDATE in {attribute.name for attribute in decision.released}


def test_the_registration_of_a_party_counts_where_it_is_named() -> None:
    decision = decide_for(MARIA, NEEDS, party(birthdate="exact"), ON, (), catalogue=STANDARD)
    assert withheld_by(decision) == {EMAIL: "not_registered", GENDER: "not_registered"}


def test_an_answer_is_in_no_repr() -> None:
    assert "maria" not in repr(example(answers={EMAIL: "maria@example.org"}))
