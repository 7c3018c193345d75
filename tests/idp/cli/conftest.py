"""A configuration that is made once, since its keys cost a second, and copied for each test."""

import shutil
from pathlib import Path

import pytest

from idp.cli.init import init
from idp.settings import load_settings
from idp.store.migrate import migrate


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    migrate(load_settings(folder).database_url)
    return folder


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "city"))
