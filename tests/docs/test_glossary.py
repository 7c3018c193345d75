"""The glossary: in order, each entry says where to read on, and explains a word that a reader meets."""

import re

from tests.docs.pages import AT_THE_TOP, DOCS, ROOT, links, pages

GLOSSARY = DOCS / "glossary.md"
ENTRIES = {
    word: text.strip()
    for word, text in re.findall(
        r"^### (.+?)\n(.+?)(?=^### |\Z)", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
}
# Where a reader meets a word: pages, also those that `make docs` writes of requirements, and the broker's own phrases
MET = [
    *(page for page in (*pages(), *AT_THE_TOP) if page != GLOSSARY),
    ROOT / "tests/requirements.toml",
    *(ROOT / "idp/pages/locale/en").rglob("*.po"),
]


def test_entries_stand_in_the_order_of_the_alphabet() -> None:
    assert len(ENTRIES) > 80
    assert list(ENTRIES) == sorted(ENTRIES, key=str.casefold)


def test_each_entry_is_short_and_leads_to_a_page_that_tells_more() -> None:
    for word, text in ENTRIES.items():
        assert any(not link.startswith(("#", "https:")) for link in links(text)), word
        assert len(text.split()) < 90, word


def test_each_word_is_met_somewhere_else() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in MET).casefold()
    assert [word for word in ENTRIES if not re.search(rf"\b{re.escape(word.casefold())}", text)] == []
