"""A configuration that is made once, since its keys cost a second, and copied for each test."""

import shutil
from importlib import resources
from pathlib import Path

import pytest

from idp.cli.init import init
from idp.config.settings import load_settings
from idp.store.migrate import migrate
from tests.connectors import forge


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    migrate(load_settings(folder).database_url)
    return folder


@pytest.fixture(scope="session")
def with_purpose(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a purpose that services can be registered for."""
    folder = Path(shutil.copytree(made, tmp_path_factory.mktemp("purpose") / "city"))
    purpose = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml")
    (folder / "purposes" / "resident-parking.toml").write_bytes(purpose.read_bytes())
    return folder


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "city"))


@pytest.fixture(scope="session")
def idp() -> forge.SigningParty:
    """An identity provider whose answers tests write themselves."""
    return forge.rsa_party()
