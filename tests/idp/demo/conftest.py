"""One scene for the whole folder, and a way to serve a small application of a test's own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Thread

import pytest
from starlette.types import ASGIApp

from idp.demo.border import Border
from idp.demo.browser import Browser
from idp.demo.scene import Scene
from idp.server.http import Server, bind

Serving = Callable[[ASGIApp], AbstractContextManager[int]]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("demo") / "scene", fixed=False)
    made.open()
    yield made
    made.close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as made:
        yield made


@pytest.fixture
def serving() -> Serving:
    """Serves an application on a free port of loopback; gives the port."""

    @contextmanager
    def serve(app: ASGIApp) -> Iterator[int]:
        listening = bind("127.0.0.1", 0)
        server = Server(app, listening)
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.stop()
            thread.join(10)

    return serve


@pytest.fixture(scope="session")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    """The whole way across a border, its nodes in this process."""
    made = Border(tmp_path_factory.mktemp("demo") / "border", fixed=False, processes=False, card=True)
    made.open()
    yield made
    made.close()
