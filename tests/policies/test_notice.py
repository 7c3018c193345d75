import hashlib

import pytest

from policies.assurance import LevelOfAssurance
from policies.notice import notice_hash
from policies.release import Decision, choose, decide
from tests.policies.parts import ON, PARKING, asked, offered, party, purpose

NEEDS = purpose(required=("birthdate",), birthdate="age_over(18)", email="exact")
RULES = party(birthdate="exact", email="exact")


def decision(birthdate: str = "1990-04-01", email: str = "maria@example.org") -> Decision:
    values = {"birthdate": birthdate, "email": email}
    source = offered(LevelOfAssurance.HIGH, **{name: value for name, value in values.items() if value})
    return decide(asked(birthdate="exact", email="exact", gender="exact"), NEEDS, RULES, source, ON)


def notice(of: Decision, template: str = "approval-1", language: str = "en") -> str:
    return notice_hash(template=template, language=language, purpose_id=PARKING, decision=of)


@pytest.mark.spec("decisions.md 22")
def test_the_notice_hash_is_over_names_and_forms_in_canonical_json() -> None:
    text = (
        '{"language":"en","purpose":"resident-parking","released":{"birthdate":"age_over(18)","email":"exact"},'
        '"template":"approval-1","withheld":{"gender":"exact"}}'
    )
    assert notice(decision()) == hashlib.sha256(text.encode()).hexdigest()


def test_no_value_changes_the_notice_hash() -> None:
    assert notice(decision("1990-04-01")) == notice(decision("2020-04-01", "other@example.org"))


def test_what_was_shown_changes_the_notice_hash() -> None:
    shown = {
        notice(decision()),
        notice(decision(), template="approval-2"),
        notice(decision(), language="et"),
        notice(decision(email="")),
        notice(decision(birthdate="")),
    }
    assert len(shown) == 5


def test_a_reason_is_not_part_of_the_notice_hash() -> None:
    assert notice(choose(decision(), ())) == notice(decision(email=""))


def test_a_blocked_decision_shows_everything_as_withheld() -> None:
    text = (
        '{"language":"en","purpose":"resident-parking","released":{},"template":"approval-1",'
        '"withheld":{"birthdate":"exact","email":"exact","gender":"exact"}}'
    )
    assert notice(decision(birthdate="")) == hashlib.sha256(text.encode()).hexdigest()
