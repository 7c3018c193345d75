"""The documentation as a site: it builds strictly, loads nothing from elsewhere, and shows every page in a browser."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.docs.pages import DOCS, MADE, ROOT, SITE, navigation
from tests.e2e.browser import THEMES, window
from tests.listening import Listening
from tests.peers import require_peer

pytestmark = pytest.mark.peer

ZENSICAL = Path(sys.executable).with_name("zensical")
# What makes a browser load something by itself
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data)=\"?([^\"\s>]+)", re.IGNORECASE
)
LINKED = re.compile(r"<link\b[^>]*>", re.IGNORECASE)
HREF = re.compile(r"href=\"?([^\"\s>]+)")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name that the base class gives it
        pass


def _build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `make docs` in another folder."""
    require_peer("zensical", present=ZENSICAL.exists())
    command = [str(ZENSICAL), "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def _copied(folder: Path) -> Path:
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(SITE, folder)
    for made in MADE:
        # What each says, its generator's own tests look at
        (folder / "docs" / made).write_text("# Made\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = _copied(tmp_path_factory.mktemp("site"))
    ran = _build(folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / ".site"


@contextmanager
def _served(site: Path) -> Iterator[str]:
    with Listening(partial(_Quiet, directory=str(site))) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def _asked(page: Page) -> list[str]:
    """Every address that a page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def test_every_page_is_there_and_names_only_files_of_ours_to_load(site: Path) -> None:
    for page in navigation():
        html = (site / page).with_suffix(".html").read_text(encoding="utf-8")
        linked = [HREF.findall(tag) for tag in LINKED.findall(html)]
        for address in [*LOADED.findall(html), *(found[0] for found in linked if found)]:
            assert not re.match(r"(?:\w+:)?//", address), f"{page}: {address}"
        assert "@import" not in html


def test_a_broken_link_ends_the_build(tmp_path: Path) -> None:
    folder = _copied(tmp_path)
    index = folder / "docs" / "index.md"
    index.write_text(index.read_text(encoding="utf-8") + "\n[gone](nowhere.md)\n", encoding="utf-8")
    ran = _build(folder)
    assert ran.returncode != 0
    assert "page does not exist" in ran.stdout + ran.stderr


@pytest.mark.spec("issue 4 item 8")
def test_a_browser_asks_nobody_else_and_shows_each_page_without_an_error(chromium: Browser, site: Path) -> None:
    with _served(site) as base:
        for theme in THEMES:
            with window(chromium, theme=theme) as opened:
                asked = _asked(opened.page)
                for page in navigation():
                    opened.page.goto(f"{base}/{page.removesuffix('.md')}.html")
                    assert opened.page.locator("h1").count() == 1, page
                    broken = opened.page.evaluate(
                        "() => [...document.images].filter(i => i.complete && !i.naturalWidth).length"
                    )
                    assert broken == 0, page
                assert [url for url in asked if not url.startswith((base, "data:"))] == []
                assert opened.complaints == []


def test_the_site_and_its_cache_are_no_part_of_the_source() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {".site/", ".cache/"} <= set(ignored)
