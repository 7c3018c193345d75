"""Steps that find in memory all that they need run on the event loop. It waits for no database and no other machine."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from idp.blocking import Blocks, without_blocking
from idp.demo.loopback import client
from idp.endpoints.login import AT_HAND_RESPONSE
from idp.endpoints.logins import Logins
from idp.endpoints.oidc import AT_HAND_REQUEST
from idp.keys.sealing import HourlyKeys
from idp.login import Asked, Requested
from idp.ports import Unit
from idp.rates import Rates, Shared
from idp.responders.oidc import OpenIDProvider
from idp.store import engine
from idp.store.switches import PARTY, Switches
from tests.idp.endpoints.stage import Stage
from tests.idp.endpoints.visitor import Answer, Visitor

BEGUN, HEARD = "begun", "heard"


def on_a_loop() -> bool:
    """Whether whoever calls runs on an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Which steps began, each with whether that was on the event loop."""
    found: list[tuple[str, bool]] = []
    receive, returned = OpenIDProvider.receive, Logins.returned

    def received(self: OpenIDProvider, *args: object) -> object:
        found.append((BEGUN, on_a_loop()))
        return receive(self, *args)  # type: ignore[arg-type]

    def heard(self: Logins[Requested | Asked], *args: object) -> object:
        found.append((HEARD, on_a_loop()))
        return returned(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(OpenIDProvider, "receive", received)
    monkeypatch.setattr(Logins, "returned", heard)
    return found


@pytest.fixture
def fresh(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was read of switches stays fresh."""
    monkeypatch.setattr(stage.application.switches, "_hold", 60.0)
    stage.application.switches.current()
    stage.application.sealing.keep_ready()
    yield
    stage.application.switches._read = None


def walk(visitor: Visitor) -> Answer:
    """Both steps, up to the approval page."""
    return visitor.question()


@pytest.mark.usefixtures("fresh")
def test_both_steps_run_on_the_event_loop(visitor: Visitor, places: list[tuple[str, bool]]) -> None:
    assert walk(visitor).fields["decided"]
    assert places == [(BEGUN, True), (HEARD, True)]


def _old_switches(_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.store.switches.AT_HAND_SECONDS", 100.0)


def _no_sealing_keys(_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HourlyKeys, "at_hand", False)


def _away() -> Shared:
    """Shared limits that nobody answers for."""
    return Shared("valkey://127.0.0.1:1", key=b"k" * 32)


def _shared_limits(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, begin = _away(), Rates.begin

    def alone(self: Rates, client: str, party: str) -> None:
        self.shared = None
        begin(self, client, party)
        self.shared = shared

    monkeypatch.setattr(stage.application.watched.rates, "shared", shared)
    monkeypatch.setattr(Rates, "begin", alone)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("away", [_old_switches, _no_sealing_keys, _shared_limits])
def test_where_something_is_not_at_hand_they_run_in_threads(
    stage: Stage,
    visitor: Visitor,
    places: list[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    away: Callable[[Stage, pytest.MonkeyPatch], None],
) -> None:
    away(stage, monkeypatch)
    assert walk(visitor).fields["decided"]
    assert places == [(BEGUN, False), (HEARD, False)]


@pytest.mark.usefixtures("fresh")
def test_what_is_long_is_judged_in_a_thread(visitor: Visitor, places: list[tuple[str, bool]]) -> None:
    visitor.authorize(state="s" * AT_HAND_REQUEST)
    visitor.go("POST", "/authorize", body=urlencode(visitor.request()).encode(), headers={"sec-fetch-site": "cross-site"})
    visitor.returns({"SAMLResponse": "A" * (AT_HAND_RESPONSE + 4), "RelayState": "x"})
    assert places == [(BEGUN, False), (BEGUN, False), (HEARD, False)]


@pytest.mark.usefixtures("fresh")
def test_a_step_that_would_wait_after_all_runs_again_in_a_thread_and_is_told_once(
    stage: Stage, visitor: Visitor, places: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Switches, "at_hand", True)
    with capture_logs() as lines:
        stage.application.switches._read = None
        visitor.authorize()
        stage.application.switches._read = None
        visitor.returns({"SAMLResponse": "x", "RelayState": "x"})
    assert places == [(BEGUN, True), (BEGUN, False), (HEARD, True)]  # an answer to no login asks for no switch
    assert [line["event"] for line in lines] == ["login", "refused"]


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("what", ["switches", "sealing keys", "a read", "a commit", "shared limits", "any statement"])
def test_whatever_waits_is_refused_to_the_event_loop(stage: Stage, what: str) -> None:
    app, tenant = stage.application, stage.application.settings.tenant
    asks: dict[str, Callable[[], object]] = {
        "switches": lambda: app.switches.off(PARTY, "parking"),
        "sealing keys": lambda: app.sealing._load({app.sealing.hour()}),
        "a read": lambda: app.store.checkpoint(tenant),
        "a commit": lambda: app.store.commit(Unit(tenant=tenant)),
        "shared limits": lambda: _away().hit(),
        "any statement": lambda: ExitStack().enter_context(engine.reading()),
    }
    app.switches._read = None
    with pytest.raises(Blocks):
        without_blocking(asks[what])
    if what != "shared limits":
        asks[what]()  # whoever may wait gets an answer


@pytest.mark.usefixtures("fresh")
def test_a_key_that_is_not_in_memory_is_not_at_hand(stage: Stage) -> None:
    sealing = stage.application.sealing
    assert sealing.at_hand
    sealing._held = {place: held for place, held in sealing._held.items() if place[0] != "decided"}
    assert not sealing.at_hand
    sealing.keep_ready()
    assert sealing.at_hand


@pytest.mark.usefixtures("fresh")
def test_a_step_that_ended_leaves_nothing_forbidden(stage: Stage) -> None:
    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        without_blocking(fails)
    stage.application.switches._read = None
    assert stage.application.switches.current() is not None


@pytest.mark.usefixtures("fresh")
def test_while_the_database_stands_still_the_event_loop_answers(
    stage: Stage, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that is begun on the loop, and finds the database silent, keeps its own thread waiting and nobody else."""
    stage.application.vitals.look()
    reading, answers, found = threading.Event(), threading.Event(), Switches._again

    def silent(self: Switches) -> object:
        reading.set()
        assert answers.wait(10)
        return found(self)

    monkeypatch.setattr(Switches, "at_hand", True)
    monkeypatch.setattr(Switches, "_again", silent)
    stage.application.switches._read = None
    with ThreadPoolExecutor(1) as pool, client() as http:
        waiting = pool.submit(visitor.authorize)
        assert reading.wait(10)
        assert Visitor(stage, http=http).go("GET", "/healthz").status == 204
        assert not waiting.done()
        answers.set()
        assert waiting.result(10).status == 200
