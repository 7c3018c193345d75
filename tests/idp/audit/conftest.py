"""A migrated database of either kind, and a city's ledger of two blocks and some leaves behind them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.store.store import Store
from tests.idp.audit.recorded_city import fill
from tests.idp.store.conftest import folder, migrated, postgres, postgres_template, store
from tests.idp.store.units import opened

__all__ = ["folder", "migrated", "postgres", "postgres_template", "store"]
SIZE = 2 * 4096 + 300


@pytest.fixture(scope="session")
def filled(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    shutil.copy(migrated, folder / "ciconia.db")
    store = opened(folder)
    fill([store], SIZE, processes=1)
    store.close()
    return folder


@pytest.fixture
def city_folder(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "city"))


@pytest.fixture
def city_store(city_folder: Path) -> Iterator[Store]:
    found = opened(city_folder)
    yield found
    found.close()
