"""A migrated database for each test: copied from one that was migrated once."""

import shutil
from pathlib import Path

import pytest

from idp.store.migrate import migrate


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated-for-keys") / "ciconia.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(tmp_path: Path, migrated_once: Path) -> str:
    """The URL of an empty database."""
    shutil.copy(migrated_once, tmp_path / "ciconia.db")
    return f"sqlite:///{tmp_path / 'ciconia.db'}"
