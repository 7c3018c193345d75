"""A sound folder, made once and copied for each test: what is wrong with it is what the test did to it."""

import shutil
from pathlib import Path

import pytest

from idp.store.migrate import migrate
from tests.connectors.metadata import node
from tests.idp.doctor import ward
from tests.idp.doctor.shelf import hold


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city that asks an identity provider and a country's node, whose metadata is held and approved."""
    folder = tmp_path_factory.mktemp("doctor") / "city"
    folder.mkdir()
    ward.write(folder, "ciconia.toml", ward.SETTINGS)
    ward.write(folder, "purposes/permit.toml", ward.PURPOSE)
    ward.write(folder, "parties/parking.toml", ward.PARTY)
    ward.write(folder, "providers/lv.toml", ward.PROVIDER)
    ward.write(folder, "providers/ee.toml", ward.NODE)
    ward.write(folder, "metadata/lv.xml", ward.provider_metadata(node.curve_signer().certificate))
    ward.write(folder, "metadata/ee.pem", ward.pem(node.key("metadata").certificate))
    ward.write(folder, "theme.toml", 'logo = "logo.svg"\n')
    ward.write(folder, "logo.svg", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4"/></svg>')
    ward.make_keys(folder / "keys")
    migrate(f"sqlite:///{folder / 'ciconia.db'}")
    hold(folder, node.octets(node.proxy()))
    return folder


@pytest.fixture
def city(made_once: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made_once, tmp_path / "city"))
