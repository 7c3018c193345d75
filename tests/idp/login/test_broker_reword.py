"""The same question in another language, without HTTP: what of it is new, and when it is not put again."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from policies.errors import Replayed, RequestRefused, Suspended
from tests.idp.house import ANSWER, APPROVE, NOW, REFUSE, SECRET, House
from tests.idp.switched import off_and_on


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.spec("decisions.md 22")
def test_the_language_and_the_hash_of_what_is_shown_are_new_and_nothing_else(house: House) -> None:
    decided = house.decided(languages=("en-GB", "en"))
    again = house.broker.reword(decided, "et", NOW + 7)
    assert again.request.languages == ("et",)
    assert again == replace(decided, request=again.request, judged=again.judged)
    assert replace(again.judged, notice=decided.judged.notice) == decided.judged
    assert replace(again.request, languages=decided.request.languages) == decided.request
    assert (
        again.judged.notice
        == house.broker.handle_response(house.asked(), ANSWER, "et", NOW).judged.notice
        != decided.judged.notice
    )
    assert house.broker.reword(again, "en", NOW).judged.notice == decided.judged.notice
    assert house.store.units == []


@pytest.mark.spec("decisions.md 8")
def test_both_pages_are_one_question(house: House) -> None:
    decided = house.decided()
    again = house.broker.reword(decided, "et", NOW)
    ended = house.broker.decide(again, APPROVE, SECRET, NOW)
    before = house.broker.decide(decided, APPROVE, SECRET, NOW)
    assert (before.receipt, before.first, ended.first) == (ended.receipt, False, True)
    with pytest.raises(Replayed):
        house.broker.decide(decided, REFUSE, SECRET, NOW)
    assert len(house.store.units) == 1


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        (lambda: House(resident_parking=("Only residents", "Solely residents")), Replayed),
        (lambda: House(parking=('birthdate = "age_over(18)"\n', "")), Replayed),
        (lambda: House(parking=("/parking/callback", "/parking/elsewhere")), RequestRefused),
    ],
    ids=["the purpose's file", "the registration", "the redirect address"],
)
def test_what_has_changed_since_it_was_shown_is_not_shown_again(
    house: House, changed: Callable[[], House], error: type[Exception]
) -> None:
    with pytest.raises(error):
        changed().broker.reword(house.decided(), "et", NOW)


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("off", [("party", "parking"), ("country", "EE"), ("provider", "demo-ee")], ids=repr)
def test_what_is_switched_off_is_not_asked_about_and_what_was_off_since_neither(house: House, off: tuple[str, str]) -> None:
    decided = house.decided()
    house.switches.set_switch(*off, off=True)
    with pytest.raises(Suspended):
        house.broker.reword(decided, "et", NOW)
    house.switches.set_switch(*off, off=False)
    with pytest.raises(Replayed, match="switched off meanwhile"):
        house.broker.reword(decided, "et", NOW)
    decided = house.decided()
    off_and_on(house.switches, *off)
    with pytest.raises(Replayed, match="switched off meanwhile"):
        house.broker.reword(decided, "et", NOW)
