"""One sending node for the whole folder: its server is started once."""

from collections.abc import Iterator, MutableMapping
from typing import Any  # structlog's own type of an event

import pytest
from structlog.testing import capture_logs

from tests.idp.steps_apart import without_steps
from tests.idp.web.stage import Clock
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage


@pytest.fixture(scope="session")
def running_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeStage]:
    stage = NodeStage(tmp_path_factory.mktemp("sending"), Clock())
    stage.open()
    yield stage
    stage.close()


@pytest.fixture
def stage(running_node: NodeStage) -> Iterator[NodeStage]:
    """The node at the machine's time, whatever a test does to the clock, in a minute in which nothing was refused yet."""
    running_node.application.watched.refusals._causes.clear()
    running_node.clock.reset()
    yield running_node
    running_node.clock.reset()


@pytest.fixture
def browser(stage: NodeStage) -> Iterator[Browser]:
    made = Browser(stage)
    yield made
    made.http.close()


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is said beside the steps of logins, which have their own tests."""
    with capture_logs(processors=[without_steps]) as lines:
        yield lines
