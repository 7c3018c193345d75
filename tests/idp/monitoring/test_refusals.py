"""A flood of refusals leaves so many lines a minute and cause, and each reference that is shown leads to one of them."""

from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any  # structlog's own type of an event

import pytest
from structlog.testing import capture_logs

from idp.monitoring.refusals import MAX_CAUSES, MOST, Refusals

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as found:
        yield found


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def refuse(now: list[float]) -> Callable[..., str]:
    """Write a line of a cause, or not; the reference that finds it."""
    refusals = Refusals(tenant="alder.example", clock=lambda: now[0])

    def refuse_(reference: str = "", *, anybodys: bool = True, **fields: object) -> str:
        return refusals.line({"code": "not_found", "detail": "no such address", **fields}, reference, anybodys=anybodys)

    return refuse_


@pytest.mark.spec("watch-it.md: a flood of requests must not become a flood of lines")
def test_beyond_the_most_all_share_one_line_and_the_next_minute_says_how_many(
    refuse: Callable[..., str], lines: Lines, now: list[float]
) -> None:
    shown = [refuse(f"own{number}") for number in range(MOST + 50)]
    assert len(lines) == MOST + 1
    assert [line["reference"] for line in lines[:MOST]] == shown[:MOST]
    assert (shared := lines[MOST]["reference"]) not in {f"own{number}" for number in range(MOST + 50)}
    assert set(shown[MOST:]) == {shared}
    assert [line.get("shared", False) for line in lines] == [*(False,) * MOST, True]
    now[0] += 60
    assert refuse("next") == "next"
    told, after = lines[MOST + 1 :]
    assert (told["reference"], told["left_out"], told["code"], told["tenant"]) == (shared, 49, "not_found", "alder.example")
    assert (after["reference"], "left_out" in after) == ("next", False)
    now[0] += 60
    refuse("later")
    assert len(lines) == MOST + 4, "it is said once"


def test_who_came_in_time_is_told_of_as_left_out_by_nobody(
    refuse: Callable[..., str], lines: Lines, now: list[float]
) -> None:
    for number in range(MOST + 1):
        refuse(f"own{number}")
    now[0] += 60
    refuse("next")
    assert not [line for line in lines if "left_out" in line], "the shared line was the only one's"


def test_a_flood_of_one_cause_hides_no_other_cause_or_party_and_none_that_began(
    refuse: Callable[..., str], lines: Lines
) -> None:
    for _ in range(MOST * 3):
        refuse("flood")
    before = len(lines)
    for number in range(MOST * 2):
        assert refuse(f"begun{number}", anybodys=False) == f"begun{number}"
    for number, one in enumerate(({"detail": "another"}, {"peer": "parking"}, {"check": "login_cookie"}, {"code": "x"})):
        assert refuse(f"other{number}", **one) == f"other{number}"
    assert len(lines) == before + MOST * 2 + 4


def test_details_that_a_stranger_varies_make_no_more_causes_than_there_is_room_for(
    refuse: Callable[..., str], lines: Lines
) -> None:
    shown = {refuse(f"own{number}", detail=f"of {number} characters") for number in range(MAX_CAUSES + MOST * 5)}
    assert len(lines) == MAX_CAUSES + MOST + 1
    assert shown == {line["reference"] for line in lines}
    assert refuse("known", detail="of 1 characters") == "known"


def test_among_causes_that_are_not_told_apart_a_page_leads_to_a_line_that_says_nothing_of_another(
    refuse: Callable[..., str], lines: Lines
) -> None:
    for number in range(MAX_CAUSES):
        refuse(detail=f"of {number} characters")
    for number in range(MOST):
        refuse(f"flood{number}", detail="of a flood", peer="another", path="/authorize", check="state")
    shown = refuse("honest", detail="redirect_uri is absent", peer="parking", path="/authorize")
    (line,) = [line for line in lines if line.get("reference") == shown]
    said = {"tenant": "alder.example", "code": "not_found", "detail": "one of more than 64 causes", "shared": True}
    assert line == {**said, "reference": shown, "event": "refused", "log_level": "warning"}


def test_a_line_that_no_page_leads_to_has_no_reference(refuse: Callable[..., str], lines: Lines) -> None:
    assert {refuse() for _ in range(MOST * 2)} == {""}
    assert Counter("reference" in line for line in lines) == {False: MOST + 1}
