"""Several registers are asked at once: each for itself, by its own deadline, and none costs another one anything."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.attribute_provider import AnswerRefused, RegisterAnswer, RegisterQuery, RegisterUnavailable, ask_all, asked
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Value
from policies.errors import AllRevoked, PeerUnavailable, SignatureInvalid
from policies.parties import RegisterId
from tests.connectors.registers.views import register

ADDRESS, GENDER = AttributeName("address"), AttributeName("gender")
SECRET = "Quaggenweg 17"


class Asked:
    """A register whose answer is that of a function."""

    def __init__(self, name: str, answer: Callable[[], dict[AttributeName, Value]], seconds: float = 5.0) -> None:
        self.register = replace(register(""), register_id=RegisterId(name), seconds=seconds)
        self._answer = answer

    def ask(self, query: RegisterQuery, deadline: float) -> RegisterAnswer:  # noqa: ARG002
        assert deadline <= time.monotonic() + self.register.seconds
        values = self._answer()
        return RegisterAnswer(self.register.register_id, "urn:it", LevelOfAssurance.HIGH, values, 0, 1)


def _outcome(answer: Callable[[], dict[AttributeName, Value]], seconds: float = 5.0) -> object:
    query = asked({}, [ADDRESS], 0)
    return ask_all([(Asked("it", answer, seconds), query)])[RegisterId("it")]


def test_all_are_under_way_before_the_first_has_answered() -> None:
    together = threading.Barrier(3)

    def answer() -> dict[AttributeName, Value]:
        together.wait(30)
        return {GENDER: "x"}

    found = ask_all([(Asked(name, answer, 60), asked({}, [GENDER], 0)) for name in ("a", "b", "c")])
    assert list(found) == ["a", "b", "c"]
    assert all(isinstance(one, RegisterAnswer) for one in found.values())


def test_one_that_hangs_costs_its_own_deadline_and_what_comes_later_is_not_used() -> None:
    hold = threading.Event()

    def late() -> dict[AttributeName, Value]:
        hold.wait(60)
        return {GENDER: "x"}

    slow, quick = Asked("slow", late, 0.05), Asked("quick", lambda: {GENDER: "y"}, 60)
    found = ask_all([(slow, asked({}, [GENDER], 0)), (quick, asked({}, [GENDER], 0))])
    hold.set()
    late_one = found[RegisterId("slow")]
    assert isinstance(late_one, RegisterUnavailable)
    assert (late_one.check, late_one.peer) == ("deadline", "slow")
    assert isinstance(found[RegisterId("quick")], RegisterAnswer)


@pytest.mark.parametrize(
    ("raised", "kind", "check"),
    [
        (PeerUnavailable(check="status"), RegisterUnavailable, "status"),
        (SignatureInvalid("signature"), AnswerRefused, "signature"),
        (AllRevoked(), RegisterUnavailable, "keys"),
        (ValueError(SECRET), AnswerRefused, "unforeseen"),
    ],
)
def test_a_failure_is_the_outcome_of_one_register_and_says_nothing_of_the_person(
    raised: Exception, kind: type[AnswerRefused | RegisterUnavailable], check: str
) -> None:
    def fail() -> dict[AttributeName, Value]:
        raise raised

    found = _outcome(fail)
    assert isinstance(found, kind)
    assert (found.check, found.peer) == (check, "it")
    assert SECRET not in repr(found) + found.detail


def test_an_attribute_that_was_not_asked_refuses_the_whole_answer() -> None:
    found = _outcome(lambda: {ADDRESS: SECRET, GENDER: "x"})
    assert isinstance(found, AnswerRefused)
    assert found.check == "not_asked"


def test_a_question_and_an_answer_show_no_value() -> None:
    query = asked({ADDRESS: SECRET}, [GENDER], 0)
    answer = RegisterAnswer(RegisterId("it"), "urn:it", LevelOfAssurance.LOW, {ADDRESS: SECRET}, 0, 1)
    assert SECRET not in repr(query) + repr(answer)
    assert query.query_id != asked({}, [], 0).query_id
