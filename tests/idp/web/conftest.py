"""One stage for the whole folder: its servers are started once."""

from collections.abc import Iterator, MutableMapping
from typing import Any  # structlog's own type of an event

import pytest
from structlog.testing import capture_logs

from tests.idp.steps_apart import without_steps
from tests.idp.web.stage import Clock, Stage
from tests.idp.web.visitor import Visitor


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("endpoints") / "stage", Clock())
    stage.open()
    yield stage
    stage.close()


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    """The stage at the machine's time, whatever a test does to the clock, in a minute in which nothing was refused yet."""
    running.application.watched.refusals._causes.clear()
    running.clock.reset()
    yield running
    running.clock.reset()


@pytest.fixture
def visitor(stage: Stage) -> Iterator[Visitor]:
    made = Visitor(stage)
    yield made
    made.http.close()


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is said beside the steps of logins, which have their own tests."""
    with capture_logs(processors=[without_steps]) as lines:
        yield lines
