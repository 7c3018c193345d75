"""kill -9 of one of two nodes: what the city was given stands in both ledgers, and whoever waited goes on."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from idp.demo.relying_party import RelyingPartyOfCity
from tests.kill.journey import Journey
from tests.kill.pair import Crossed, ForkedBorder, Pair
from tests.kill.stream import Acknowledged

# A commit that comes too late is killed in a moment; on a loaded machine the moment may be missed
TRIES = 10
PATIENCE = 120.0
Begin = Callable[..., Journey]


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedBorder]:
    yield from opened(tmp_path_factory.mktemp("pair") / "stage")


def opened(folder: Path) -> Iterator[ForkedBorder]:
    border = ForkedBorder(folder)
    try:
        border.open()
        yield border
    finally:
        border.close()


@pytest.fixture(scope="module")
def pair(border: ForkedBorder) -> Iterator[Pair]:
    pair = Pair(border)
    yield pair
    pair.close()


@pytest.fixture
def begin(border: ForkedBorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begin a login of somebody from a country, and take so many steps of it."""
    monkeypatch.setattr("idp.demo.loopback.TIMEOUT", PATIENCE)
    party = RelyingPartyOfCity(border.city._parties["parking"].service, border.issuer)
    journeys: list[Journey] = []

    def begin(steps: int, country: str = "EE") -> Journey:
        end = time.monotonic() + PATIENCE
        while True:
            journey = Journey(border, party, "mari" if country == "EE" else "ivana", country=country)
            journeys.append(journey)
            if not journey.out_of_reach:
                break
            # On a busy machine a node is late to be looked at again
            assert time.monotonic() < end, "the country is out of reach"
            time.sleep(0.2)
        for step in journey.steps()[:steps]:
            step()
            assert journey.page.status == 200
        return journey

    yield begin
    for journey in journeys:
        journey.browser.close()
    party.close()


def finished(journey: Journey, steps: int) -> Crossed:
    """The same login to its end, from where it stands."""
    for step in journey.steps()[steps:]:
        step()
        assert journey.page.status == 200, journey.page.text
    crossed = journey.acknowledged()
    assert journey.sign_in() == journey.nonce
    return crossed


# Steps of a journey: 2 the country has vouched, 3 the sending node informs, 4 its answer is in the browser, 5 the question
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        pytest.param("node-ee", 2, marks=pytest.mark.slow),
        ("node-ee", 3),
        pytest.param("broker", 4, marks=pytest.mark.slow),
        ("broker", 5),
    ],
)
@pytest.mark.spec("security.md §3 I1")
def test_a_login_goes_on_in_the_same_browser_after_a_node_was_killed_in_its_middle(
    border: ForkedBorder, pair: Pair, begin: Begin, name: str, steps: int
) -> None:
    journey = begin(steps)
    border.kill(name)
    border.play(name)
    crossed = finished(journey, steps)
    assert pair.faults([crossed], under_way=1) == []


@pytest.mark.spec("security.md §3 I1, I4, I6, I7")
def test_an_answer_that_was_lost_in_a_kill_comes_again_the_same(border: ForkedBorder, pair: Pair, begin: Begin) -> None:
    journey = begin(3)
    informs = journey.page
    journey.decide("continue")
    border.kill("node-ee")
    border.play("node-ee")
    # What the browser would do whose first answer never came
    journey.page = informs
    crossed = finished(journey, 3)
    assert pair.faults([crossed], under_way=1) == []
    assert len(pair.sent()[crossed.message]) == 1


def test_a_dead_sending_node_is_noticed_by_nobody_who_does_not_need_it(
    border: ForkedBorder, pair: Pair, begin: Begin
) -> None:
    answered, asked = begin(4), begin(5)
    border.kill("node-ee")
    try:
        crossed = [finished(answered, 4), finished(asked, 5), finished(begin(1, "BG"), 1)]
    finally:
        border.play("node-ee")
    assert pair.faults(crossed, under_way=1) == []


def test_a_dead_receiving_node_is_not_noticed_at_the_sending_one(border: ForkedBorder, begin: Begin) -> None:
    journey = begin(2)
    border.kill("broker")
    try:
        journey.send()
        journey.decide("continue")
        assert journey.page.status == 200
    finally:
        border.play("broker")
    finished(journey, 4)


def test_a_login_that_ends_between_the_nodes_is_in_the_sending_ledger_alone(
    border: ForkedBorder, pair: Pair, begin: Begin
) -> None:
    sent, received = len(pair.sent()), len(pair.receiving.releases())
    journey = begin(5)
    border.kill("broker")
    border.play("broker")
    assert (len(pair.sent()), len(pair.receiving.releases())) == (sent + 1, received)
    assert journey.nonce not in pair.receiving.releases()
    finished(journey, 5)
    assert len(pair.receiving.releases()) == received + 1


def test_forged_evidence_is_caught(pair: Pair, begin: Begin) -> None:
    true = finished(begin(0), 0)
    assert pair.faults([true], under_way=1) == []
    never = Crossed(Acknowledged(secrets.token_urlsafe(32), "a" * 22, secrets.token_urlsafe(32), time.time()), "_never")
    found = pair.faults([true, never], under_way=1)
    assert "missing: an acknowledged release has no record" in found
    assert "missing: an acknowledged login has no mark" in found
    assert "missing: an acknowledged code stands for nothing" in found
    assert "missing: no sending record of _never" in found
    assert "two approvals of one message" in pair.faults([true, replace(true, approval=never.approval)], under_way=1)
    assert "-1 are under way" in " ".join(pair.faults([true], under_way=-1))


@pytest.mark.slow
def test_a_sending_node_that_answers_before_it_has_recorded_is_caught(
    border: ForkedBorder, pair: Pair, begin: Begin
) -> None:
    border.kill("node-ee")
    border.hasty.add("node-ee")
    found: list[str] = []
    for _ in range(TRIES):
        border.play("node-ee")
        journey = begin(3)
        journey.decide("continue")
        border.kill("node-ee")
        found = pair.faults([finished(journey, 4)], under_way=1)
        if found:
            break
    border.hasty.clear()
    border.play("node-ee")
    assert [one for one in found if one.startswith("missing: no sending record")]
