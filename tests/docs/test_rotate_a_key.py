"""docs/rotate-a-key.md: every key stands in its table, its commands change the keys that they say while the server runs."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from idp.config.settings import load_settings
from idp.keys.kinds import KINDS
from tests.docs.newcomer import Newcomer
from tests.docs.operators import Block, blocks_of
from tests.docs.pages import DOCS

PAGE = DOCS / "rotate-a-key.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = blocks_of(PAGE)
LIST, NEW, SOONER = "See what there is", "Make the next key", "Have it begin sooner"
SEALING, STOLEN = "The sealing keys of the hour", "When a key was stolen"
# A server looks at its folder every five seconds
SECONDS = 20.0


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Newcomer]:
    """An operator with a broker that runs."""
    somebody = Newcomer(tmp_path)
    somebody.follow(Block("before", "console", "$ ciconia init city\n$ ciconia serve --config city\n"))
    yield somebody
    somebody.close()


def _kids(operator: Newcomer) -> list[str]:
    """The keys for ES256 that the proxy in front gets, the one that signs first."""
    settings = load_settings(operator.desk / "city")
    headers = {"host": settings.issuer.partition("://")[2], "x-forwarded-proto": "https"}
    answer = httpx2.get(f"http://127.0.0.1:{settings.port}/jwks", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return [str(key["kid"]) for key in json.loads(answer.text)["keys"] if key["alg"] == "ES256"]


def _published(operator: Newcomer, number: int, *, first: str = "") -> list[str]:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        kids = _kids(operator)
        if len(kids) == number and (not first or kids[0] != first):
            return kids
        time.sleep(0.5)
    raise AssertionError(f"{number} keys did not come, or the first one stayed")


def _files(operator: Newcomer, kind: str) -> set[str]:
    return {path.name for path in (operator.desk / "city" / "keys").iterdir() if KINDS[kind].begins(path.name) is not None}


def _follow(operator: Newcomer, section: str) -> None:
    (block,) = (block for block in BLOCKS if block.section == section)
    operator.follow(block)


@pytest.mark.slow
def test_whoever_follows_the_page_changes_keys_while_the_server_runs(operator: Newcomer) -> None:
    (first,) = _kids(operator)
    _follow(operator, LIST)
    _follow(operator, NEW)
    assert _published(operator, 2)[0] == first, "the next one is known, and does not sign"
    _follow(operator, SOONER)
    assert len(_files(operator, "es256")) == 2
    _follow(operator, SEALING)
    assert len(_files(operator, "sealing")) == 2
    _follow(operator, STOLEN)
    assert _published(operator, 2, first=first)[1] == first, "the old one is still known"


@pytest.mark.slow
def test_every_key_that_init_makes_stands_in_the_table(operator: Newcomer) -> None:
    table = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    made = {path.name for path in (operator.desk / "city" / "keys").iterdir()}
    assert set(re.findall(r"`([\w-]+\.(?:key|vkey|pem))`", table)) == made


def test_the_page_has_a_command_for_each_of_its_steps() -> None:
    assert [block.section for block in BLOCKS] == [LIST, NEW, SOONER, SEALING, STOLEN]
    assert all(f"`{kind}`" in TEXT for kind in KINDS)


def test_the_page_says_the_times_that_the_program_keeps() -> None:
    hours = {name: (kind.lead // 3600, kind.overlap // 3600) for name, kind in KINDS.items()}
    assert hours["sealing"] == (1, 30 * 24 + 2)
    assert hours["es256"] == hours["rs256"] == (2, 2)
    assert hours["saml"] == (14 * 24 + 1, 14 * 24 + 1)
    assert hours["log"] == (14 * 24, 1)
    assert (hours["node"], hours["node-encryption"], hours["node-metadata"][0]) == ((25, 25), (1, 15 * 24 + 1), 14 * 24)
