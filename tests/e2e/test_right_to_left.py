"""A script from right to left needs a catalogue and no other change: here made-up long phrases in Arabic letters."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from idp.pages.render import Pages
from idp.pages.views import Text
from tests.e2e.browser import overflow, show, violations, window
from tests.e2e.gallery import DECISION, OWNER, Shown, approval, gallery
from tests.e2e.gallery_server import Gallery, serve
from tests.pseudo import pseudo_languages

pytestmark = pytest.mark.peer

TAG = "ar"
NAMES = tuple(each.name for each in gallery(Pages(OWNER), languages=("en",)))


@pytest.fixture(scope="module")
def mirrored() -> Iterator[Gallery]:
    with pseudo_languages() as pseudo:
        pseudo.add(TAG)
        with serve(pages=Pages(OWNER), languages=(TAG,)) as shown:
            yield shown


@pytest.mark.spec("issue 32 item 6: right to left")
def test_every_page_stays_within_its_window_from_right_to_left(chromium: Browser, mirrored: Gallery) -> None:
    found: list[str] = []
    with window(chromium, width=320, locale=TAG) as opened:
        for name in NAMES:
            show(opened.page, mirrored.url(name, TAG))
            found += [f"{name}: {each}" for each in overflow(opened.page)]
            assert opened.page.locator("html").get_attribute("dir") == "rtl", name
            begins, ends = opened.page.evaluate(
                "() => { const box = document.querySelector('h1').getBoundingClientRect(), range = new Range();"
                " range.selectNodeContents(document.querySelector('h1')); const text = range.getBoundingClientRect();"
                " return [box.right - text.right, text.left - box.left] }"
            )
            assert begins <= ends + 1, f"{name}: its heading begins at the left"
    assert found == []


@pytest.mark.spec("issue 32 item 6: right to left")
def test_the_question_from_right_to_left(chromium: Browser, mirrored: Gallery) -> None:
    with window(chromium, width=390, locale=TAG) as opened:
        show(opened.page, mirrored.url("approval", TAG))
        share, refuse = (opened.page.locator(f"button[value={each}]").bounding_box() for each in ("approve", "refuse"))
        assert share
        assert refuse
        assert share["x"] > refuse["x"], "the first button stands where reading begins"
        assert violations(opened.page) == []
        value = opened.page.locator(".value bdi", has_text="Tamm-Põldvere")
        assert value.evaluate("e => getComputedStyle(e).direction") == "ltr", "a name keeps its own direction"


LONG, ARABIC, MARKED = "Donaudampfschifffahrt" * 24, "خدمة مواقف السكان", "Zo\u0308e\u0323\u0301 L\u030c" * 12


@pytest.mark.spec("issue 32: a title of 500 characters, right-to-left text in a left-to-right page, combining marks")
@pytest.mark.parametrize("width", [320, 1280])
def test_text_that_nobody_planned_for_stays_within_the_page(chromium: Browser, width: int) -> None:
    pages = Pages(OWNER)
    view = approval(pages, "en", DECISION)
    items = tuple(replace(one, value=(MARKED,)) for one in view.items)
    odd = {
        "arabic": replace(view, service=Text(ARABIC, "ar"), items=items),
        "long": replace(view, service=Text(LONG, "de"), purpose=Text(LONG, "de"), controller=Text(LONG, "de")),
    }
    shown = {f"/{name}/en": Shown(name, "en", pages.approval(each), each.kind) for name, each in odd.items()}
    found = []
    with serve(shown) as served, window(chromium, width=width) as opened:
        for name in odd:
            show(opened.page, served.url(name))
            opened.page.evaluate("() => document.querySelectorAll('details').forEach(e => { e.open = true })")
            found += [f"{name}: {each}" for each in (*overflow(opened.page), *violations(opened.page))]
    assert found == []
