"""One broker with a desk for the tests of a module, and auditors who are signed in."""

from collections.abc import Iterator

import pytest

from tests.desk.stage import DeskStage
from tests.idp.cli.command import Served


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> DeskStage:
    return DeskStage(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def served(stage: DeskStage) -> Iterator[Served]:
    with stage.served() as found:
        yield found
