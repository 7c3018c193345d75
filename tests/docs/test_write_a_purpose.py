"""docs/write-a-purpose.md, followed from its first block to its last: the purpose loads, and its examples hold."""

import re
from collections.abc import Iterator

import pytest

from policies.forms import FORMS, parse_form
from policies.purposes import Basis
from tests.docs.newcomer import Newcomer
from tests.docs.operators import blocks_of
from tests.docs.pages import DOCS
from tests.idp.cli.command import ciconia, json_of

PAGE = DOCS / "write-a-purpose.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    somebody = Newcomer(tmp_path_factory.mktemp("purpose"))
    for block in blocks_of(PAGE):
        somebody.follow(block)
    yield somebody
    somebody.close()


@pytest.mark.slow
def test_whoever_follows_the_page_has_a_purpose_whose_examples_hold(followed: Newcomer) -> None:
    (tried,) = (text for text in followed.printed if "examples hold" in text)
    assert "2 of 2 examples hold." in tried
    explained = followed.printed[-1]
    assert "age_over(16)" in explained
    assert re.search(r"address.*not_needed", explained)


@pytest.mark.slow
def test_each_row_names_the_line_that_decided(followed: Newcomer) -> None:
    assert re.search(r"birthdate.*purposes/swimming-pass\.toml:[0-9]+", followed.printed[-1])


@pytest.mark.slow
def test_an_answer_that_is_not_needed_is_not_shown_and_no_value_is(followed: Newcomer) -> None:
    assert "1990-" not in followed.printed[-1]
    files = ("--from", followed.desk / "maria.toml", "--config", followed.desk / "city")
    run = ciconia("policy", "explain", "--purpose", "swimming-pass", *files, "--json")
    released = json_of(run)["released"]
    assert isinstance(released, dict)
    assert set(released) == {"birthdate", "email"}


def test_the_bases_and_forms_of_the_page_are_those_of_the_code() -> None:
    (row,) = (line for line in TEXT.splitlines() if line.startswith("| `basis` |"))
    assert {basis.value for basis in Basis} <= set(re.findall(r"`([a-z_]+)`", row))
    table = TEXT.partition("## 1.")[2].partition("## 2.")[0]
    named = [found for line in table.splitlines() if line.startswith("|") for found in re.findall(r"`([^`]+)`", line)]
    forms = [parse_form(text) for text in named]
    assert None not in forms
    # The list of the page lacks no form but the whole
    assert {form.name for form in forms if form} == {name for table in FORMS.values() for name in table} - {"exact"}
