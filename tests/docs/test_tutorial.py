"""docs/tutorial.md, followed by somebody who has nothing else: a citizen signs in to an app, which learns two answers."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.demo.browser import Browser, Page
from idp.demo.citizens import CITIZENS
from idp.server.http import bind
from tests.docs.newcomer import Newcomer
from tests.docs.operators import blocks_of
from tests.docs.pages import DOCS

PAGE = DOCS / "tutorial.md"
BLOCKS = blocks_of(PAGE)
SIGNING_IN, RECORD = "7. Sign in", "8. Look at what was recorded"
DECISION = "//form[.//*[@name='decided']]"
# Values that stand nowhere but in what the identity provider says: a city or a country may stand in the configuration
CANARIES = {"birthdate", "person_identifier", "email", "address.street", "family_name"}


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    somebody = Newcomer(tmp_path)
    yield somebody
    somebody.close()


def _told() -> dict[str, object]:
    """The claims that the page shows."""
    (block,) = (block for block in BLOCKS if block.language == "json")
    assert block.section == SIGNING_IN
    found = json.loads(block.text)
    assert isinstance(found, dict)
    return found


def _question(browser: Browser, newcomer: Newcomer, citizen: str) -> Page:
    """From the app's own address to the broker's question."""
    return browser.submit(_posting(browser, newcomer, citizen), {})


def _posting(browser: Browser, newcomer: Newcomer, citizen: str) -> Page:
    """The page that posts the practice sign-in's answer."""
    picker = browser.get(newcomer.here("http://library.localhost:5000/login"))
    assert picker.status == 200, picker.text
    issuer = newcomer.here("http://login.localhost:8400")
    page = browser.get(picker.link("//a[contains(@href, '/at/practice')]"), origin=issuer)
    return browser.submit(page, {"citizen": citizen})


def _sign_in(newcomer: Newcomer, citizen: str, *said: str) -> dict[str, object]:
    """One citizen's way; what the app shows in the end. The question has each of the words `said`."""
    with Browser() as browser:
        question = _question(browser, newcomer, citizen)
        assert question.status == 200, question.text
        assert all(words in " ".join(question.tree.text_content().split()) for words in said), question.text
        leaving = browser.submit(question, {"choice": "approve"}, DECISION)
        back = leaving.link("//main//a[contains(@href, 'code=')]")
        return browser.get(back, origin=newcomer.here("http://login.localhost:8400")).json()


@pytest.mark.slow
@pytest.mark.spec("issue 4 item 8")
def test_whoever_follows_the_tutorial_alone_signs_a_citizen_in_to_an_app_of_their_own(newcomer: Newcomer) -> None:
    for block in BLOCKS:
        if block.section != RECORD:
            newcomer.follow(block)
    promised = _told()
    reading = PAGE.read_text(encoding="utf-8").partition("read the question:")[2].partition("and what")[0]
    quoted = re.findall(r"\"([^\"]+)\"", reading)
    assert len(quoted) == 2
    shown = _sign_in(newcomer, "mari", *quoted)
    assert {**shown, "sub": "..."} == promised
    assert _sign_in(newcomer, "mari")["sub"] == shown["sub"]
    assert _sign_in(newcomer, "juhan")["resident_of"] == {"Storkhaven": False}
    with Browser() as browser:
        assert _question(browser, newcomer, "toomas").status == 403
    with Browser() as browser:
        assert browser.submit(_question(browser, newcomer, "mari"), {"choice": "refuse"}, DECISION).status == 200
    assert "for each release and each refusal" in PAGE.read_text(encoding="utf-8")

    for block in BLOCKS:
        if block.section == RECORD:
            newcomer.follow(block)
    # Three releases and a refusal: who could not go on left nothing
    assert newcomer.printed[-1].startswith("4 records")
    _nothing_in_clear(newcomer.desk / "city" / "ciconia.db")
    _look_at_a_message(newcomer)


def _look_at_a_message(newcomer: Newcomer) -> None:
    """The commands of the page about failures, tried on an answer of this practice sign-in."""
    with Browser() as browser:
        answer = _posting(browser, newcomer, "mari").tree.xpath("//input[@name='SAMLResponse']/@value")
    assert isinstance(answer, list)
    (newcomer.desk / "answer.b64").write_text(str(answer[0]), encoding="utf-8")
    blocks = blocks_of(DOCS / "why-a-login-failed.md")
    (logged,) = (json.loads(block.text)["timestamp"] for block in blocks if block.language == "json")
    for block in blocks:
        newcomer.follow(replace(block, text=block.text.replace(logged, datetime.now(tz=UTC).isoformat())))
    inspected, examined = newcomer.printed[-2:]
    assert "accepted" in inspected
    assert "Maasikas" not in inspected
    assert "notice" in examined


def _nothing_in_clear(database: Path) -> None:
    """The page says so: no value of anybody who signed in stands in the record."""
    values = [value.encode() for one in CITIZENS for name, value in one.attributes.items() if name in CANARIES]
    with sqlite3.connect(database) as connection:
        dump = "\n".join(connection.iterdump()).encode()
    connection.close()
    assert values
    assert not [value for value in values if value in dump]


def test_every_block_is_commands_a_file_or_what_an_app_is_told() -> None:
    assert {block.language for block in BLOCKS} == {"console", "toml", "json"}
    for block in BLOCKS:
        assert block.commands if block.language == "console" else block.text
        assert block.language != "toml" or block.file


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("nowhere", "practice.xml", "8401"), "nowhere"), (("nowhere", "practice.xml", "many"), "Usage")],
    ids=["no configuration", "no port"],
)
def test_the_practice_sign_in_says_what_it_needs(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "-m", "idp.demo.practice", *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_practice_sign_in_names_the_port_that_is_taken_and_writes_no_metadata(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["init", str(tmp_path / "city")]).exit_code == 0
    listening = bind("127.0.0.1", 0)
    port = str(listening.getsockname()[1])
    try:
        command = [sys.executable, "-m", "idp.demo.practice", "city", "practice.xml", port]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    finally:
        listening.close()
    assert ran.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use. Name another PORT" in ran.stderr
    assert not (tmp_path / "practice.xml").exists()
