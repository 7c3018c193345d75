"""WCAG 2.2 AA, page by page: English in every look, two more languages in light and dark, by axe and checks of our own.

docs/accessibility.md says what is tried here, and what no program can try.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from idp.pages.render import Pages
from tests.e2e.branded import branded
from tests.e2e.browser import show, window
from tests.e2e.gallery import OWNER, gallery
from tests.e2e.gallery_server import Gallery
from tests.e2e.wcag import LOOKS, headings, on_paper, small_window, targets, with_axe
from tests.interop.node import MODULES, require_node

pytestmark = pytest.mark.peer

LANGUAGES = ("en", "et", "zh-Hans")
NAMES = tuple(each.name for each in gallery(Pages(OWNER), languages=("en",)))
# A page in a language of its own words is judged by rules; how a text is laid out in the source is nobody's concern
RULES = {
    "root": True,
    "extends": ["html-validate:recommended", "html-validate:a11y"],
    "rules": {
        "doctype-style": "off",
        "no-implicit-button-type": "off",
        "aria-label-misuse": ["error", {"allowAnyNamable": True}],
    },
}


@pytest.fixture(scope="module")
def themed() -> Iterator[Gallery]:
    with branded() as shown:
        yield shown


@pytest.mark.spec("WCAG 2.2 AA, and 1.4.6 of AAA")
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_for_everybody(chromium: Browser, shown: Gallery, themed: Gallery, name: str) -> None:
    found: list[str] = []
    with window(chromium) as opened:
        page = opened.page
        # A theme changes colours and corners, and the reader's own colours replace all: neither depends on the language
        for where, language, looks in (
            (shown, "en", LOOKS),
            *((shown, other, LOOKS[:2]) for other in LANGUAGES[1:]),
            (themed, "en", LOOKS[:2]),
        ):
            about = f"{language}{'' if where is shown else ', themed'}"
            show(page, where.url(name, language))
            for look in looks:
                look.put_on(page)
                found += [f"{about}, {look.name}: {each}" for each in with_axe(page, look=look, own=where is shown)]
            looks[0].put_on(page)
            for check in (on_paper, headings, targets, small_window):
                found += [f"{about}: {each}" for each in check(page)]
        assert opened.complaints == []
    assert found == []


@pytest.mark.spec("issue 32 item 7: real parts: html-validate from npm")
def test_every_page_is_valid_html(tmp_path: Path) -> None:
    require_node("html-validate")
    for each in gallery(Pages(OWNER), languages=LANGUAGES):
        (tmp_path / f"{each.name}.{each.language}.html").write_text(each.html, encoding="utf-8")
    (tmp_path / "rules.json").write_text(json.dumps(RULES), encoding="utf-8")
    node, program = shutil.which("node"), MODULES / "html-validate" / "bin" / "html-validate.mjs"
    assert node
    command = [node, str(program), "--config", str(tmp_path / "rules.json"), "--formatter", "json", "*.html"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    judged = json.loads(run.stdout)
    assert len(judged) == len(list(tmp_path.glob("*.html"))) or run.returncode == 0
    assert [(Path(one["filePath"]).name, each["line"], each["message"]) for one in judged for each in one["messages"]] == []


@pytest.mark.spec("issue 32 item 1; WCAG 2.2, 1.3.2")
def test_a_screen_reader_hears_the_question_in_the_order_of_its_decision(chromium: Browser, shown: Gallery) -> None:
    """docs/decisions/0072: what goes, what is optional, the answers; then who asks, what is not shared, what is deleted."""
    with window(chromium) as opened:
        opened.page.goto(shown.url("approval-arrived"))
        for summary in opened.page.locator("summary").all():
            summary.click()
        heard = opened.page.locator("main").aria_snapshot()
    wanted = (
        r'heading "[^"]*Storkhaven resident parking[^"]*" \[level=1\]',
        r'region "Storkhaven resident parking will receive"',
        r"Family name",
        r'group "[^"]*"',
        r'checkbox "[^"]*"',
        r'button "✓? ?Share',
        r'button "✕? ?Do not share',
        r'heading "Who is asking, and on what basis" \[level=2\]',
        r"City of Storkhaven, Traffic Office",
        r'heading "Asked for, but not shared" \[level=2\]',
        r'heading "Received from your country, and not passed on" \[level=2\]',
    )
    places: list[int] = []
    for each in wanted:
        match = re.compile(each).search(heard, places[-1] if places else 0)
        assert match, (each, heard)
        places.append(match.start())


@pytest.mark.spec("WCAG 2.2, 3.3.1")
def test_a_wrong_code_is_said_beside_its_field(chromium: Browser, shown: Gallery) -> None:
    with window(chromium) as opened:
        opened.page.goto(shown.url("kiosk-code"))
        field = opened.page.get_by_role("textbox")
        assert field.get_attribute("aria-invalid") == "true"
        told = opened.page.locator(f"#{field.get_attribute('aria-describedby')}")
        assert told.get_attribute("role") == "alert"
        assert told.inner_text()
