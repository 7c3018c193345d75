"""A certification authority for the servers of the tests, made once."""

from pathlib import Path

import pytest

from tests.connectors.metadata.origin import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("tls")
    return Authority(folder)
