"""One stage for the whole folder: its servers are started once."""

from collections.abc import Iterator

import pytest

from tests.connectors import forge
from tests.idp.staging import Clock, fresh, logs, opened
from tests.idp.web.finland import DAY, CrossingStage, Traveller
from tests.idp.web.shared_stage import Member, SharedStage
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor

__all__ = ["logs"]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(Stage(tmp_path_factory.mktemp("endpoints") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    yield from fresh(running)


@pytest.fixture(autouse=True)
def pages_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services are told of a sign-out while its page waits: on a busy machine for as long as that takes."""
    monkeypatch.setattr("idp.protocols.oidc.logouts.PAGE_SECONDS", 60.0)


@pytest.fixture
def visitor(stage: Stage) -> Iterator[Visitor]:
    with Visitor(stage) as made:
        yield made


@pytest.fixture
def member(stage: SharedStage) -> Iterator[Member]:
    """For a module whose `stage` is one of shared sign-ins."""
    with Member(stage) as made:
        yield made


@pytest.fixture(scope="session")
def idp() -> forge.SigningParty:
    """An identity provider whose answers tests write themselves."""
    return forge.rsa_party()


@pytest.fixture(scope="session")
def running_crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrossingStage]:
    with opened(CrossingStage(tmp_path_factory.mktemp("crossing") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def crossing(running_crossing: CrossingStage) -> Iterator[CrossingStage]:
    """Finland's metadata holds for a day."""
    for stage in fresh(running_crossing):
        stage.finland.life = DAY
        stage.fetch()
        yield stage


@pytest.fixture
def traveller(crossing: CrossingStage) -> Iterator[Traveller]:
    with Traveller(crossing) as made:
        yield made
