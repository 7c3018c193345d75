"""One gallery and one demo scene for all tests of a run."""

from collections.abc import Iterator

import pytest

from idp.demo.border import Border
from idp.demo.scene import Scene
from tests.e2e.gallery_server import Gallery, serve


@pytest.fixture(scope="session")
def shown() -> Iterator[Gallery]:
    with serve() as gallery:
        yield gallery


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    playing = Scene(tmp_path_factory.mktemp("scene"), fixed=False)
    playing.open()
    yield playing
    playing.close()


@pytest.fixture(scope="session")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    """The way across a border, each node in a process of its own: one may be killed, and must be started again."""
    playing = Border(tmp_path_factory.mktemp("border") / "border", fixed=False, processes=True)
    playing.open()
    yield playing
    playing.close()
