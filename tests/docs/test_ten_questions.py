"""docs/ten-questions.md and docs/data-protection.md: their commands print on a demo's record what the pages say."""

import functools
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from idp.application.mandate_desk import LONGEST_GRANT, LONGEST_PERIOD
from idp.citizen.erasures import DELAY
from idp.keys.backup_files import KEPT_DAYS
from idp.ledger.ledger_keys import DAY
from idp.login.states import DECIDED_LIFE, LOGIN_LIFE, RECEIPT_LIFE
from idp.store.retention import KEPT_SECONDS
from idp.store.tables import metadata
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE
from tests.docs.operators import Block, blocks_of
from tests.docs.pages import DOCS, ROOT
from tests.idp.cli.command import ciconia, serving
from tests.ports import free_port

PAGE, FOR_OFFICERS = DOCS / "ten-questions.md", DOCS / "data-protection.md"
LEFT_OUT = "…"
# What differs from run to run, and by what it is known
DIFFERS = (
    (r"\b[0-9a-f]{8,}\b", "HEX"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?", "TIME"),
    (r"localhost:\d+", "localhost:PORT"),
    # Leaves that wait together get their places by chance
    (r"\b(leaf|index) \d+\b", r"\1 PLACE"),
    (r"^\d+  TIME", "PLACE  TIME"),
)


@functools.cache
def today() -> str:
    """The day of the record, whatever the clock says at the last of the commands."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def alike(text: str) -> str:
    """A line without what differs from run to run."""
    for pattern, word in DIFFERS:
        text = re.sub(pattern, word, text)
    return text


def unlike(expected: list[str], printed: list[str]) -> str:
    """Say which expected line was not printed in its place; "" where each was, and nothing else."""
    lines, free = [alike(line) for line in printed], False
    for line in expected:
        if line == LEFT_OUT:
            free = True
            continue
        wanted = re.compile(".*".join(map(re.escape, alike(line).split(LEFT_OUT))))
        found = next((place for place, said in enumerate(lines) if wanted.fullmatch(said)), None)
        if found is None or (found and not free):
            return line
        lines, free = lines[found + 1 :], False
    return "" if free or not lines else f"and more: {lines[0]}"


def test_a_line_that_is_not_printed_in_its_place_is_named() -> None:
    printed = ["one", "leaf 0a1b2c3d4e at 2026-12-01T09:43:17Z", "three"]
    assert not unlike(["one", "leaf 99999999ff at 2027-01-01T00:00:00Z", "three"], printed)
    assert not unlike([LEFT_OUT, "th…"], printed)
    assert unlike(["one", "three"], printed) == "three"
    assert unlike(["one"], printed)
    assert unlike([LEFT_OUT, "two", LEFT_OUT], printed) == "two"


def commands_of(block: Block) -> list[tuple[list[str], list[str]]]:
    """Each command of a block, and the lines that it prints."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((shlex.split(line.removeprefix("$ ")), []))
        else:
            found[-1][1].append(line)
    return found


def follow(page: Path) -> None:
    """Run the commands of a page in order, in this folder, and compare what they print."""
    leaf = ""
    for block in blocks_of(page):
        if block.language == "toml":
            with Path("seen/receiving/ciconia.toml").open("a", encoding="utf-8") as settings:
                settings.write(f"\n{block.text}")
        if block.language != "console":
            continue
        for words, expected in commands_of(block):
            said = [today() if re.fullmatch(r"\d{4}-\d\d-\d\d", word) else word for word in words]
            if said[2:4] == ["prove", "2"]:
                said[3] = leaf  # as the page says
            if said[0] == "ciconia":
                run = ciconia(*said[1:])
            else:
                said = [sys.executable if word == "python" else word.replace("docs/", f"{ROOT}/docs/") for word in said]
                run = subprocess.run(said, capture_output=True, text=True, timeout=60, check=False)
            assert run.returncode == 0, f"{words}: {run.stdout}{run.stderr}"
            printed = [line.rstrip() for line in run.stdout.splitlines()]
            leaf = found[1] if (found := re.search(r"among them, at index (\d+)", run.stdout)) else leaf
            assert not (why := unlike(expected, printed) if expected else ""), f"{words}: {why}\n{run.stdout}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of somebody who walked the ten questions."""
    with chdir(tmp_path_factory.mktemp("auditor")):
        follow(PAGE)
        yield Path.cwd()


def test_the_desk_opens_on_the_record_of_the_ten_questions(place: Path) -> None:
    folder = shutil.copytree(place / "seen" / "receiving", place / "served")
    settings = folder / "ciconia.toml"
    port = free_port()
    settings.write_text(settings.read_text("utf-8").replace("8500", str(port)), "utf-8")
    with serving(folder, place / "log"):
        answer = httpx2.get(f"http://127.0.0.1:{port}/", headers={"host": f"audit.localhost:{port}"})
    assert "Sign in with a passkey" in answer.text, answer


@pytest.mark.usefixtures("place")
def test_the_commands_for_data_protection_officers_print_what_the_page_says() -> None:
    follow(FOR_OFFICERS)


def test_the_page_for_data_protection_officers_names_tables_and_times_that_there_are() -> None:
    page = FOR_OFFICERS.read_text("utf-8")
    assert {*re.findall(r"tables? `([a-z_]+)`", page)} <= {*metadata.tables}
    days = {"done after fourteen days": DELAY, "fourteen days](back-up-and-restore.md)": KEPT_DAYS * DAY}
    days |= {
        "at most 92 days": LONGEST_GRANT,
        "at most 366 days": LONGEST_PERIOD,
        "at most thirty days": LONGEST_REFRESH_LIFE,
    }
    numbers = {"fourteen": 14, "thirty": 30}
    for words, seconds in days.items():
        assert words in " ".join(page.split())
        told = next(word for word in words.split() if word in numbers or word.isdigit())
        assert numbers.get(told, int(told) if told.isdigit() else 0) * DAY == seconds
    assert (LOGIN_LIFE, DECIDED_LIFE, RECEIPT_LIFE, KEPT_SECONDS) == (15 * 60, 5 * 60, DAY, 65 * 60)


def test_each_question_has_why_a_command_the_desks_page_and_what_it_does_not_prove() -> None:
    parts = re.split(r"^## (\d+)\. ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    numbers, questions = parts[1::2], parts[2::2]
    assert numbers == [str(number) for number in range(1, 11)]
    titles = re.findall(r"^\| ([A-Z][^|]+) \|", (DOCS / "audit-desk.md").read_text("utf-8"), flags=re.MULTILINE)
    for question in questions:
        for part in ("**Why:** ", "\n$ ciconia ", "**At the desk:** *", "**Not proved:** "):
            assert part in question, question
        (names,) = re.findall(r"\*\*At the desk:\*\* ([^.;]+)", question)
        assert {*re.findall(r"\*([^*]+)\*", names)} <= {*titles}, names
