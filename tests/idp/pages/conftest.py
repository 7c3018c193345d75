"""The pages, made once."""

import pytest

from idp.pages.render import Pages


@pytest.fixture(scope="session")
def pages() -> Pages:
    return Pages()
