"""The databases of the store's tests: hourly keys lie in one."""

from pathlib import Path

import pytest

from tests.idp.store.conftest import folder, migrated

__all__ = ["folder", "migrated"]


@pytest.fixture
def database(folder: Path) -> str:
    """The URL of an empty database."""
    return f"sqlite:///{folder / 'ciconia.db'}"
