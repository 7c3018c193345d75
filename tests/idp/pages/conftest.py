"""The pages, made once, and languages that nobody speaks."""

from collections.abc import Iterator

import pytest

from idp.pages.render import Pages
from tests.pseudo import Pseudo, pseudo_languages


@pytest.fixture(scope="session")
def pages() -> Pages:
    return Pages()


@pytest.fixture
def pseudo() -> Iterator[Pseudo]:
    with pseudo_languages() as added:
        yield added
