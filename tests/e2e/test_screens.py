"""The pictures of our pages in the documentation are there, small, shown, and of the pages as they are today."""

import os
import struct
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from idp.pages.render import Pages
from tests.docs.pages import pages, pictures
from tests.e2e.browser import launch, show, window
from tests.e2e.city_gallery import city_gallery
from tests.e2e.desk_gallery import desk_gallery
from tests.e2e.gallery import OWNER, gallery
from tests.e2e.gallery_server import serve
from tests.e2e.screens import HEIGHT, IMAGES, SCREENS, chunks, note, smaller, taken

HTML = {(each.name, each.language): each.html for each in (*gallery(Pages(OWNER)), *desk_gallery().values())}
HTML |= {(name, "en"): html for name, html in city_gallery().items()}
AGAIN = "CICONIA_SCREENSHOTS"
MAX_BYTES, MAX_HEIGHT = 150_000, 3000


def _size(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG (its first chunk, PNG §11.2.2)."""
    kind, content = chunks(picture.read_bytes())[0]
    assert kind == b"IHDR"
    width, height = struct.unpack(">II", content[:8])
    return int(width), int(height)


@pytest.mark.peer
@pytest.mark.skipif(not os.environ.get(AGAIN), reason=f"takes the pictures anew where {AGAIN}=1 asks for it")
def test_pictures_are_taken() -> None:
    with sync_playwright() as playwright, serve(desk_gallery()) as shown:
        chromium = launch(playwright, "--disable-lcd-text", "--force-device-scale-factor=1")
        for screen in SCREENS:
            with window(chromium, theme=screen.theme, locale=screen.language, width=screen.width, height=HEIGHT) as opened:
                if screen.page in city_gallery():
                    opened.page.set_content(HTML[screen.page, screen.language])
                else:
                    show(opened.page, shown.url(screen.page, screen.language))
                whole = opened.page.screenshot(full_page=True)
                opened.page.goto("about:blank")
                screen.file.write_bytes(smaller(opened.page, whole))
        chromium.close()
    note({screen.file.name: screen.digest(HTML[screen.page, screen.language]) for screen in SCREENS})


def test_a_picture_is_of_the_page_as_it_is_today() -> None:
    """Where this fails: CICONIA_SCREENSHOTS=1 .venv/bin/python -m pytest tests/e2e/test_screens.py, and look at them."""
    for screen in SCREENS:
        assert taken()[screen.file.name] == screen.digest(HTML[screen.page, screen.language])


def test_a_picture_is_small_and_of_the_width_that_was_asked() -> None:
    for screen in SCREENS:
        width, height = _size(screen.file)
        assert width == screen.width
        assert HEIGHT <= height <= MAX_HEIGHT
        assert screen.file.stat().st_size < MAX_BYTES


def test_every_picture_is_shown_and_nothing_else_lies_there() -> None:
    shown = {(page.parent / address).resolve().name for page in pages() for _, address in pictures(page)}
    there = {file.name for file in IMAGES.glob("*.png")}
    assert there == {screen.file.name for screen in SCREENS} == set(taken())
    assert there <= shown
