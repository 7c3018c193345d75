"""What the pages and the program say of how to install: what they name is there, and no index is asked for our name."""

import re
import tomllib
from pathlib import Path

import pytest

from policies.errors import EXTRAS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPTIONAL = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
LOCK = (ROOT / "docker" / "requirements.lock").read_text("utf-8")
SAID = [
    *DOCS.glob("*.md"),
    ROOT / "README.md",
    *(path for floor in ("policies", "connectors", "idp") for path in (ROOT / floor).rglob("*.py")),
]


@pytest.mark.parametrize("extra", ["cluster", "pki", "postgres"])
def test_the_lock_that_is_named_has_what_each_extra_asks_for(extra: str) -> None:
    names = [re.match(r"[\w-]+", line)[0] for line in OPTIONAL[extra]]  # type: ignore[index]  # each begins so
    assert "docker/requirements.lock" in EXTRAS
    assert [name for name in names if not re.search(rf"^{name}==", LOCK, re.MULTILINE)] == []


def test_nobody_is_sent_to_an_index_for_our_name() -> None:
    """It is not registered, so whoever registers it would be installed."""
    asking = re.compile(r"install [^\n`]*\bciconia(?:\[|\s|'|\"|`|$)")
    assert [str(path) for path in SAID if asking.search(path.read_text("utf-8"))] == []


def test_no_lock_of_hashes_is_a_constraint() -> None:
    assert [path.name for path in DOCS.glob("*.md") if re.search(r"--constraint \S+\.lock", path.read_text("utf-8"))] == []
