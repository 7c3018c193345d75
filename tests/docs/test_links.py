"""No page of the documentation leads nowhere, loads anything from elsewhere, or is left out of the site."""

import re
from collections import defaultdict
from xml.etree import ElementTree as ET

from tests.docs.pages import AT_THE_TOP, DOCS, MADE, ROOT, broken, navigation, pages, pictures, prose

LARGEST_PICTURE = 150_000
SVG = "{http://www.w3.org/2000/svg}"
PATH = re.compile(r"`((?:idp|connectors|policies|tests|docker|docs|\.ci)/[\w./-]+)`")
CONSTANT = re.compile(r"`(\w+)\.(_?[A-Z][A-Z_]+)`")
MODULE = re.compile(r"`(\w+\.py)`|python -m (tests[\w.]+)")


def test_every_link_and_anchor_leads_somewhere() -> None:
    for page in [*pages(), *AT_THE_TOP]:
        assert list(broken(page, prose(page))) == []


def test_a_broken_link_is_found() -> None:
    for text, said in [
        ("[a](nowhere.md)", "no such file"),
        ("[a](threats.md#nowhere)", "no such anchor"),
        ("[a](#nowhere)", "no such anchor"),
        ("[a](images/way.svg#nowhere)", "no such anchor"),
        ("![a](images/nowhere.png)", "no such file"),
        ("[a](decisions/)", "no such file"),
        ("[a](../README.md)", "out of the site"),
        ("[a](http://plain.example)", "no such file"),
        ('<img src="images/nowhere.svg">', "no such file"),
    ]:
        (found,) = broken(DOCS / "index.md", text)
        assert said in found


def test_every_file_and_module_that_a_page_names_is_there() -> None:
    modules = defaultdict[str, str](str)
    for path in [path for floor in ("idp", "connectors", "policies", "tests") for path in (ROOT / floor).rglob("*.py")]:
        modules[path.name] += path.read_text(encoding="utf-8")
    for page in [*pages(), *AT_THE_TOP]:
        text = page.read_text(encoding="utf-8")
        paths = [path for path in PATH.findall(text) if path.removeprefix("docs/") not in MADE]
        assert [path for path in paths if not (ROOT / path).exists() and not _function(path)] == [], page
        for name, module in MODULE.findall(text):
            assert name in modules or (ROOT / f"{module.replace('.', '/')}.py").exists(), (page, name or module)
        for name, constant in CONSTANT.findall(text):
            assert constant in modules[f"{name}.py"], (page, constant)


def _function(path: str) -> bool:
    """Whether it is `folder/module.function`, as a page may write it."""
    return (ROOT / path).with_suffix(".py").exists()


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(navigation()) == sorted([*MADE, *(str(page.relative_to(DOCS)) for page in pages())])


def test_a_picture_is_ours_small_and_says_in_words_what_it_shows() -> None:
    for page in [*pages(), *AT_THE_TOP]:
        for words, address in pictures(page):
            assert len(words) > 20, address
            assert not re.match(r"\w+:", address), address
            assert (page.parent / address).stat().st_size < LARGEST_PICTURE, address


def test_every_picture_is_shown_somewhere() -> None:
    shown = {(page.parent / address).resolve() for page in [*pages(), *AT_THE_TOP] for _, address in pictures(page)}
    assert {file for file in (DOCS / "images").iterdir() if file not in shown} == set()


def test_a_drawing_has_a_title_and_a_description_two_themes_and_loads_nothing() -> None:
    for drawing in sorted(DOCS.rglob("*.svg")):
        text = drawing.read_text(encoding="utf-8")
        root = ET.fromstring(text)  # noqa: S314 # a file of ours
        told = root.get("aria-labelledby", "").split()
        assert root.get("role") == "img"
        assert told == [root[0].get("id"), root[1].get("id")]
        assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"https?:(?!//www\.w3\.org/2000/svg)|<script|@import|url\((?!#)", text)


def test_no_page_brings_scripts_frames_or_styles() -> None:
    for page in pages():
        assert not re.search(r"<(script|iframe|style|link|object)\b", prose(page), flags=re.IGNORECASE), page
