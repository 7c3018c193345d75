"""One sending node for the whole folder: its server is started once."""

from collections.abc import Iterator

import pytest

from tests.idp.staging import Clock, fresh, logs, opened
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage

__all__ = ["logs"]


@pytest.fixture(scope="session")
def running_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeStage]:
    with opened(NodeStage(tmp_path_factory.mktemp("sending"), Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running_node: NodeStage) -> Iterator[NodeStage]:
    yield from fresh(running_node)


@pytest.fixture
def browser(stage: NodeStage) -> Iterator[Browser]:
    with Browser(stage) as made:
        yield made
