"""A migrated database for each test: copied from one that was migrated once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.store.memory import MemoryStore
from idp.store.migrate import migrate
from idp.store.store import Store
from tests.idp.store.units import KEYS, TENANT, opened

AnyStore = Store | MemoryStore


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "ciconia.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def folder(tmp_path: Path, migrated: Path) -> Path:
    """A folder with an empty, migrated `ciconia.db`."""
    shutil.copy(migrated, tmp_path / "ciconia.db")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    found = opened(folder)
    yield found
    found.close()


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request: pytest.FixtureRequest, folder: Path) -> Iterator[AnyStore]:
    found: AnyStore = MemoryStore(tenant=TENANT, ledger_keys=KEYS) if request.param == "memory" else opened(folder)
    yield found
    found.close()
