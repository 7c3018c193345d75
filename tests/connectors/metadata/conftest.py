"""A certification authority for the servers of the tests, made once, and one node of each role."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.metadata.origin import Authority
from tests.connectors.metadata.world import World, world


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("tls")
    return Authority(folder)


@pytest.fixture
def sending() -> Iterator[World]:
    """A sending node of another country, fetched and approved."""
    with world() as found:
        yield found


@pytest.fixture
def receiving() -> Iterator[World]:
    """A receiving node of another country, fetched and approved."""
    with world("connector") as found:
        yield found
