"""No page of the documentation leads nowhere, loads anything from elsewhere, or is left out of the site."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.docs.pages import AT_THE_TOP, DOCS, MADE, ROOT, anchors, broken, links, navigation, pages, pictures, prose

LARGEST_PICTURE = 150_000
every_page = pytest.mark.parametrize("page", [*pages(), *AT_THE_TOP], ids=lambda page: str(page.relative_to(ROOT)))
every_drawing = pytest.mark.parametrize("drawing", sorted(DOCS.rglob("*.svg")), ids=lambda drawing: drawing.name)
SVG = "{http://www.w3.org/2000/svg}"


@every_page
def test_every_link_and_anchor_leads_somewhere(page: Path) -> None:
    assert list(broken(page, prose(page))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a](nowhere.md)", "no such file"),
        ("[a](threats.md#nowhere)", "no such anchor"),
        ("[a](#nowhere)", "no such anchor"),
        ("[a](images/way.svg#nowhere)", "no such anchor"),
        ("![a](images/nowhere.png)", "no such file"),
        ("[a](decisions/)", "no such file"),
        ("[a](../README.md)", "out of the site"),
        ("[a](http://plain.example)", "no such file"),
        ('<img src="images/nowhere.svg">', "no such file"),
    ],
)
def test_a_broken_link_is_found(text: str, said: str) -> None:
    (found,) = broken(DOCS / "index.md", text)
    assert said in found


def test_what_stands_in_code_is_no_link(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```toml\n[a](b.md)\n```\n`[c](d.md)` [e](f.md)\n", encoding="utf-8")
    assert links(prose(page)) == ("f.md",)


def test_an_anchor_counts_where_site_and_source_agree(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('# One\n## Two words\n## `three` a / b\n## Two words\n## <a id="named"></a>x\n', encoding="utf-8")
    assert {"one", "two-words", "named"} <= anchors(page)
    assert not {"three-a-b", "three-a--b", "two-words-1", "two-words_1"} & anchors(page)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(navigation()) == sorted([*MADE, *(str(page.relative_to(DOCS)) for page in pages())])


@every_page
def test_a_picture_is_ours_small_and_says_in_words_what_it_shows(page: Path) -> None:
    for words, address in pictures(page):
        assert len(words) > 20, address
        assert not re.match(r"\w+:", address), address
        assert (page.parent / address).stat().st_size < LARGEST_PICTURE, address


def test_every_picture_is_shown_somewhere() -> None:
    shown = {(page.parent / address).resolve() for page in [*pages(), *AT_THE_TOP] for _, address in pictures(page)}
    assert {file for file in (DOCS / "images").iterdir() if file not in shown} == set()


@every_drawing
def test_a_drawing_has_a_title_and_a_description_two_themes_and_loads_nothing(drawing: Path) -> None:
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
