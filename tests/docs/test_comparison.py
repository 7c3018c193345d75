"""The comparison says where others are better and where that was read, and brings no figure or praise of its own."""

import re

from tests.docs.pages import DOCS

PAGE = (DOCS / "comparison.md").read_text(encoding="utf-8")
OTHERS = re.findall(r"^### (.+?)\n(.+?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
PRAISE = re.compile(r"\b(leading|unique|best|fastest|strictest|seamless\w*|cutting.edge|state.of.the.art)\b", re.IGNORECASE)


def test_each_product_has_what_is_better_what_differs_whose_choice_it_is_and_where_it_was_read() -> None:
    assert len(OTHERS) == 8
    for name, text in OTHERS:
        parts = re.findall(r"^- \*\*((?:Better|Other) than Ciconia:|Choose it if|Read:)", text, flags=re.MULTILINE)
        assert parts == ["Better than Ciconia:", "Other than Ciconia:", "Choose it if", "Read:"], name
        assert re.search(rf"\[{re.escape(name)}\]\(#", PAGE), name
    assert re.search(r"as of \d{4}-\d{2}-\d{2}", PAGE)


def test_what_we_lack_stands_before_what_we_are_for() -> None:
    assert PAGE.index("**Worse than most of them:**") < PAGE.index("**What it is for:**") < PAGE.index("## The others")


def test_a_measured_figure_is_one_of_the_page_of_figures() -> None:
    figures = (DOCS / "performance.md").read_text(encoding="utf-8")
    said = re.findall(r"\d+\.?\d* ms\b|`cpu_vs_satosa_plain` was [\d.]+\d", PAGE)
    assert len(said) == 3
    assert [one for one in said if not re.search(rf"(?<![\d.]){re.escape(one)}(?!\d)", figures)] == []


def test_nothing_is_praised() -> None:
    assert PRAISE.findall(PAGE) == []
