"""Approvals are remembered for one person, service and purpose, until their end, and while the same would go."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any  # whichever fields a test names

import pytest

from idp.ledger.record_contents import DecidedBy
from idp.login.city_role import DAY
from idp.login.finish import Choice
from idp.login.states import Decided
from idp.ports import ApprovalRow
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.errors import Replayed, RequestRefused
from policies.parties import SubjectNamespace
from tests.idp.house import ANSWER, EMAIL, NOW, SECRET, House, Watched, assertion

BASIS = 'basis = "public_task"'
ON_CHANGE, REMEMBER = ((BASIS, f'{BASIS}\nask = "{ask}"') for ask in ("on_change", "remember(P180D)"))
TICKED = Choice("approve", frozenset({EMAIL}), remember=True)
LATER = NOW + 10 * DAY


def house(store: Watched, ask: tuple[str, str] = ON_CHANGE, parking: tuple[str, str] = ("", "")) -> House:
    return House(store, resident_parking=ask, parking=parking)


def comes(found: House, now: int, changes: dict[str, Any] | None = None, **request: object) -> Decided:
    """Somebody signs in again: each answer of a country is a new one."""
    number = len(found.store.units)
    said = assertion(response_id=f"_r{number}", assertion_id=f"_a{number}", **(changes or {}))
    found.country.says = replace(said, authenticated_at=now, not_on_or_after=now + 300)
    return found.broker.handle_response(found.asked(now, **request), ANSWER, "en", now)


def approved(ask: tuple[str, str] = ON_CHANGE) -> House:
    found = house(Watched(), ask)
    found.broker.decide(comes(found, NOW), TICKED, SECRET, NOW)
    return found


def row(found: House) -> ApprovalRow:
    (only,) = found.store._approvals.values()
    return only


@pytest.mark.parametrize(("ask", "lasts"), [(ON_CHANGE, (364, 728)), (REMEMBER, (100, 179))])
def test_an_end_counts_from_the_last_use_or_from_the_approval(ask: tuple[str, str], lasts: tuple[int, ...]) -> None:
    found = approved(ask)
    for days in lasts:
        page = comes(found, NOW + days * DAY)
        assert page.path is DecidedBy.REMEMBERED
        assert page.judged.notice == found.broker.reword(page, "en", NOW + days * DAY).judged.notice
        released = found.broker.decide(page, Choice("continue"), SECRET, NOW + days * DAY)
        assert EMAIL in {one.name for one in found.grant(released, NOW + days * DAY).attributes}  # type: ignore[arg-type] # released
    days = lasts[-1] + (365 if ask is ON_CHANGE else 1)
    assert comes(found, NOW + days * DAY).path is DecidedBy.PAGE


@pytest.mark.spec("decisions.md 10")
@pytest.mark.parametrize(("forced", "path"), [(True, DecidedBy.UNASKED), (False, DecidedBy.REMEMBERED)])
def test_only_a_forced_authentication_needs_no_page(forced: bool, path: DecidedBy) -> None:  # noqa: FBT001 # a table's column
    assert comes(approved(), LATER, force_authentication=forced).path is path


@pytest.mark.spec("decisions.md 29")
def test_a_required_filter_is_not_answered_without_a_page_or_each_refusal_would_be_a_no() -> None:
    need = '[attributes.nationality]\nform = "only(EE)"\nrequired = true\nwhy.en = "For citizens."\n\n[attributes.email]'
    party = ("client_id =", "enforce = true\nclient_id =", "[attributes]", '[attributes]\nnationality = "exact"')
    offered = assertion().offered
    has = replace(offered, attributes={**offered.attributes, AttributeName("nationality"): ("EE", "US")})
    found = House(Watched(), resident_parking=(*ON_CHANGE, "[attributes.email]", need), parking=party)
    found.broker.decide(comes(found, NOW, {"offered": has}), TICKED, SECRET, NOW)
    assert comes(found, LATER, {"offered": has}, force_authentication=True).path is DecidedBy.REMEMBERED


CHANGES: dict[str, Callable[[Watched], Decided]] = {
    "another file of the purpose": lambda store: comes(house(store, (BASIS, f'{BASIS}\nask = "on_change" ')), LATER),
    "less goes": lambda store: comes(house(store, parking=('email = "exact"', "")), LATER),
    "another pseudonym": lambda store: comes(house(store, parking=('"mobility"', '"roads"')), LATER),
    "another level": lambda store: comes(
        house(store), LATER, {"offered": replace(assertion().offered, loa=LevelOfAssurance.SUBSTANTIAL)}
    ),
    "the service wants the whole question": lambda store: comes(house(store), LATER, ask_anew=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_anything_else_than_before_asks_anew_and_says_since_when(change: str) -> None:
    page = CHANGES[change](approved().store)
    assert page.path is DecidedBy.PAGE
    assert page.earlier is not None
    assert page.earlier.given == NOW
    assert comes(house(approved().store), LATER).path is DecidedBy.REMEMBERED, "the control"


@pytest.mark.parametrize("changes", [{"subject": "EE-2"}, {"namespace": SubjectNamespace("demo/LV")}])
def test_another_person_has_none(changes: dict[str, object]) -> None:
    assert comes(approved(), LATER, changes).earlier is None


def test_what_asks_each_time_looks_at_none_and_takes_no_box() -> None:
    found = house(approved().store, (BASIS, BASIS))
    assert comes(found, LATER).earlier is None
    with pytest.raises(RequestRefused):
        found.broker.decide(comes(found, LATER), TICKED, SECRET, LATER)


@pytest.mark.spec("decisions.md 25")
@pytest.mark.parametrize("ask", [ON_CHANGE, REMEMBER])
def test_what_was_ended_on_one_page_does_not_live_again_by_another(ask: tuple[str, str]) -> None:
    found = approved(ask)
    stale, page = comes(found, LATER), comes(found, LATER)
    found.broker.forget(page, "en", LATER)
    with pytest.raises(Replayed):
        found.broker.decide(stale, Choice("continue"), SECRET, LATER)
    assert comes(found, LATER).path is DecidedBy.PAGE


@pytest.mark.parametrize("choice", [TICKED, Choice("continue", frozenset({EMAIL})), replace(TICKED, word="continue")])
def test_one_line_takes_no_boxes(choice: Choice) -> None:
    found = approved()
    before = row(found)
    with pytest.raises(RequestRefused):
        found.broker.decide(comes(found, LATER), choice, SECRET, LATER)
    assert row(found) == before


def test_it_is_written_with_the_release_or_not_at_all() -> None:
    found = house(Watched())
    page = comes(found, NOW)
    found.broker.decide(page, TICKED, SECRET, NOW)
    unit = found.store.units[-1]
    assert (unit.record is not None, unit.approvals.written) == (True, (row(found),))
    assert found.broker.decide(page, TICKED, SECRET, NOW).first is False, "asked for again: nothing more is written"
    assert found.store.units[-1] == unit
