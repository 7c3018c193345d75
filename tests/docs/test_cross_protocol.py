"""docs/cross-protocol.md: each row's test is there, and each topic has both ways."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cross-protocol.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
OUT, BACK = re.compile(r"^\| [^|→]*OpenID[^|→]*→"), re.compile(r"^\| [^|→]*(SAML|eIDAS|countries)[^|→]*→")
TOPICS = {"Requested attributes", "Assurance", "Force, age and passive", "Who somebody is", "Errors", "Language", "Logout"}


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| from")]


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("row", rows(PAGE))
def test_each_row_names_a_test_that_is_there(row: str) -> None:
    path, name = TEST.fullmatch(row.rstrip(" |").rpartition("| ")[2]).groups()  # type: ignore[union-attr] # else the row is wrong
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE), row


def test_each_topic_has_both_ways() -> None:
    topics = sections()
    assert set(topics) >= {
        "Requested attributes",
        "Assurance",
        "Force, age and passive",
        "Who somebody is",
        "Errors",
        "Language",
    }
    for topic, text in topics.items():
        assert any(OUT.match(row) for row in rows(text)), topic
        assert any(BACK.match(row) for row in rows(text)), topic
