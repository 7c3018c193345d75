"""Two cities under one roof: folders as `ciconia init` makes them, composed once a test that asks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idp.application.tenants import OpenInstallation, open_installation
from idp.config.settings import load_settings
from idp.keys.folder import create_keys
from idp.store.migrate import migrate
from tests.tenants.roof import NOW, Roof, write


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tenants, made once: their keys cost a second each."""
    folder = tmp_path_factory.mktemp("roof")
    for name in ("alder", "birch"):
        tenant = write(folder, name)
        settings = load_settings(tenant)
        create_keys(settings.key_folder, settings.origin, settings.tenant, demo=True)
        migrate(settings.database_url)
    return folder


@pytest.fixture
def roof(made: Path, tmp_path: Path) -> Roof:
    """A copy of them that a test may spoil."""
    return Roof.copied(made, tmp_path / "roof")


@pytest.fixture
def opened() -> Iterator[Callable[[Roof], OpenInstallation]]:
    """Open a roof; it is closed after the test."""
    found: list[OpenInstallation] = []

    def open_(roof: Roof) -> OpenInstallation:
        found.append(open_installation(roof.folder, clock=lambda: NOW))
        return found[-1]

    yield open_
    for one in found:
        one.stop()
