"""Every page by the keyboard alone, in a file of its own: WCAG's other checks take as long again."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from idp.pages.render import Pages
from tests.e2e.branded import branded
from tests.e2e.browser import show, window
from tests.e2e.gallery import OWNER, gallery
from tests.e2e.gallery_server import Gallery
from tests.e2e.wcag import LOOKS, keyboard

pytestmark = pytest.mark.peer

NAMES = tuple(each.name for each in gallery(Pages(OWNER), languages=("en",)))


@pytest.fixture(scope="module")
def themed() -> Iterator[Gallery]:
    with branded() as shown:
        yield shown


@pytest.mark.spec("WCAG 2.2, 2.1.1, 2.1.2, 2.4.3, 2.4.7 and 2.4.11")
@pytest.mark.parametrize("name", NAMES)
def test_the_keyboard_alone_is_enough(chromium: Browser, shown: Gallery, themed: Gallery, name: str) -> None:
    found: list[str] = []
    with window(chromium) as opened:
        for where, look in ((shown, LOOKS[0]), (shown, LOOKS[1]), (shown, LOOKS[2]), (themed, LOOKS[0])):
            look.put_on(opened.page)
            show(opened.page, where.url(name))
            found += [f"{where.base}, {look.name}: {each}" for each in keyboard(opened.page)]
        assert opened.complaints == []
    assert found == []
