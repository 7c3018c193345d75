"""Workers hold no state: any step of a login lands on any of them, and what one of them suffers breaks nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alone import within
from tests.idp.server.crew import until
from tests.idp.server.machines import Citizens, Machines, children, lease, sign_in, turns, verified
from tests.postgres import server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path / "stage", database=server().fresh() if request.param == "postgresql" else "")
    yield found
    found.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    """One machine, on each database."""
    found = Machines.alone(tmp_path / "stage", server().fresh() if request.param == "postgresql" else "")
    yield found
    found.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Machines]:
    """One machine, whose workers listen where the issuer is."""
    found = Machines.alone(tmp_path / "stage")
    yield found
    found.close()


def test_every_request_of_a_login_may_go_to_another_process(stage: Machines) -> None:
    party = stage.party()
    with (
        stage.serving(0),
        stage.serving(1),
        turns(stage.front, stage.ports) as given,
    ):
        for citizen in ("mari", "juhan"):
            assert sign_in(stage, party, citizen).userinfo["sub"]
    assert len(given.given) >= 14
    assert all(one != other for one, other in zip(given.given, given.given[1:], strict=False))
    party.close()
    for number in range(2):
        assert "Traceback" not in stage.log(number)


@pytest.mark.slow
def test_logins_go_on_while_it_reloads(alone: Machines) -> None:
    with alone.serving(0, "--workers", "2") as served, Citizens(alone).flowing() as citizens:
        citizens.await_more(3)
        before = set(children(served))
        served.process.send_signal(signal.SIGHUP)
        until(lambda: '"reloaded"' in alone.log(0))
        until(lambda: len(children(served)) == 2)
        assert before.isdisjoint(children(served))
        citizens.await_more(3)
    assert citizens.failed == []
    print(f"{citizens.done} logins through a reload, the longest in {citizens.longest:.1f} s")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_lease_moves_within_ten_seconds_when_its_holder_is_gone(on_each: Machines, number: signal.Signals) -> None:
    """Neither fork nor gap: the ledger is whole, and all that was approved gets its place."""
    most = within(10, 2)
    with on_each.serving(0, "--workers", "2") as served:
        sign_in_afresh(on_each, "mari")
        until(lambda: lease(on_each.folders[0]) != (0, b""))
        epoch, _ = lease(on_each.folders[0])
        # Whoever holds it: the first of both, or the other one; so both are tried until the epoch moves
        for victim in children(served):
            os.kill(victim, number)
            begun = time.monotonic()
            while time.monotonic() - begun < most + 2 and lease(on_each.folders[0])[0] == epoch:
                time.sleep(0.05)
            if lease(on_each.folders[0])[0] != epoch:
                break
        moved = time.monotonic() - begun
        assert lease(on_each.folders[0])[0] > epoch
        assert moved < most
        print(f"the lease moved {moved:.1f} s after {number.name}")
        until(lambda: len(children(served)) == 2)
        sign_in_afresh(on_each, "juhan")
        until(lambda: verified(on_each.folders[0]) == 2)


def sign_in_afresh(stage: Machines, citizen: str) -> None:
    """One login, by a relying party that has no connection to a worker that is gone."""
    party = stage.party()
    sign_in(stage, party, citizen)
    party.close()
