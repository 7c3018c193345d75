from datetime import date

import pytest

from policies.assurance import LevelOfAssurance
from policies.errors import Problem
from policies.load.table import IDENTIFIER, Table, nearest, parse
from policies.parties import Source

WORDS = {"yes": 1, "no": 2}


def read(text: str) -> tuple[Table, list[Problem]]:
    problems: list[Problem] = []
    table = parse("x.toml", text.encode(), problems)
    assert table is not None
    return table, problems


def told(problems: list[Problem]) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.key, problem.what) for problem in problems]


def test_a_key_that_nobody_took_is_unknown() -> None:
    table, problems = read('first = "x"\nsecond = "y"\nthird = "z"\n')
    table.text("first", "f")
    table.take("third")
    table.close()
    assert told(problems) == [(2, "second", "is not a key that we know.")]


@pytest.mark.parametrize(
    ("word", "fix"),
    [("basis", "did you mean `basis`?"), ("zzz", "known here: basis, law.")],
)
def test_the_nearest_known_word_is_the_fix(word: str, fix: str) -> None:
    assert nearest(word, {"law", "basis"}) == fix


@pytest.mark.parametrize(
    ("text", "value", "what"),
    [
        ('key = "x"', "x", None),
        ("", "", "is missing."),
        ("key = 1", "", "must be text."),
        ('key = " "', "", "must be text."),
    ],
)
def test_text_is_there_and_not_empty(text: str, value: str, what: str | None) -> None:
    table, problems = read(text)
    assert table.text("key", "write it.") == value
    assert told(problems) == ([(1, "key", what)] if what else [])


@pytest.mark.parametrize(("text", "value", "count"), [("", "d", 0), ('key = "x"', "x", 0), ("key = 1", "", 1)])
def test_a_default_stands_in_only_where_the_key_is_missing(text: str, value: str, count: int) -> None:
    table, problems = read(text)
    assert table.text("key", "write it.", default="d") == value
    assert len(problems) == count


@pytest.mark.parametrize(("value", "count"), [("x" * 64, 0), ("x" * 65, 1), ("a b", 1)])
def test_an_identifier_has_one_spelling(value: str, count: int) -> None:
    table, problems = read(f'key = "{value}"')
    table.matching("key", IDENTIFIER, "write it.")
    assert len(problems) == count


@pytest.mark.parametrize(
    ("text", "value", "what"),
    [('key = "no"', 2, None), ("", 1, "is missing."), ('key = "maybe"', 1, "is not one of the words that we know.")],
)
def test_a_choice_is_one_of_the_words(text: str, value: int, what: str | None) -> None:
    table, problems = read(text)
    assert table.choice("key", WORDS, 1) == value
    assert told(problems) == ([(1, "key", what)] if what else [])
    assert all(problem.fix == 'write key = one of "yes", "no".' for problem in problems)


def test_a_level_that_cannot_be_read_counts_as_high() -> None:
    """What is wrong in a file must not open anything, even before its problems are told."""
    table, problems = read('key = "medium"')
    assert table.level("key") is LevelOfAssurance.HIGH
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("text", "value", "count"),
    [("", False, 0), ("key = true", True, 0), ("key = 1", False, 1)],
)
def test_a_flag_is_true_or_false(text: str, *, value: bool, count: int) -> None:
    table, problems = read(text)
    assert table.flag("key") is value
    assert len(problems) == count


@pytest.mark.parametrize(
    ("text", "value", "count"),
    [("key = 2026-11-25", date(2026, 11, 25), 0), ("", None, 0), ("key = 2026-11-25T10:00:00", None, 1)],
)
def test_a_day_is_a_date_without_a_time(text: str, value: date | None, count: int) -> None:
    table, problems = read(text)
    assert table.day("key") == value
    assert len(problems) == count


@pytest.mark.parametrize(
    ("text", "value", "what"),
    [
        ('key = ["a", "b"]', ("a", "b"), None),
        ("", (), "is missing."),
        ("key = []", (), "is empty, and empty means nothing at all."),
        ('key = ["a", "a"]', ("a", "a"), "names something twice."),
        ('key = ["a", ""]', (), "must be a list of texts."),
    ],
)
def test_a_list_holds_texts_none_empty_and_none_twice(text: str, value: tuple[str, ...], what: str | None) -> None:
    table, problems = read(text)
    assert table.texts("key", "write it.") == value
    assert told(problems) == ([(1, "key", what)] if what else [])


@pytest.mark.parametrize("tag", ["en", "zh-Hans"])
def test_a_language_is_a_tag(tag: str) -> None:
    table, problems = read(f'key = {{ en = "x", "z{tag[1:]}" = "y" }}')
    assert table.translated("key", "X") == {"en": "x", f"z{tag[1:]}": "y"}
    assert problems == []


@pytest.mark.parametrize("tag", ["english", "EN", "zh-hans"])
def test_what_is_no_language_tag_is_told(tag: str) -> None:
    table, problems = read(f'key.en = "x"\nkey."{tag}" = "y"\n')
    table.translated("key", "X")
    assert told(problems) == [(2, f"key.{tag}", "is no language tag.")]


@pytest.mark.parametrize("sign", ["0000", "0085", "202E"])
@pytest.mark.parametrize("lines", [False])
def test_a_sign_that_nobody_can_read_is_told(sign: str, *, lines: bool) -> None:
    table, problems = read(f'key.en = "x"\nkey.et = "Parking\\u{sign}"\n')
    table.translated("key", "X", lines=lines)
    assert told(problems) == [(2, "key.et", f"has the sign U+{sign}, which nobody can read.")]
    assert problems[0].fix.startswith("write it without this sign")


@pytest.mark.parametrize("text", ["می\u200cشود", "👩\u200d👧"])
def test_what_joins_or_parts_letters_is_read(text: str) -> None:
    table, problems = read(f'key = {{ en = "x", et = "{text}" }}')
    assert table.translated("key", "X") == {"en": "x", "et": text}
    assert problems == []


@pytest.mark.parametrize("text", [" \u200c\u2060 ", "\u2800", "\u3164\ufe0f"])
def test_a_text_in_which_there_is_nothing_to_see_is_none(text: str) -> None:
    table, problems = read(f'contact = "{text}"\nkey.en = "x"\nkey.et = "{text}"\n')
    assert (table.text("contact", "write it."), table.translated("key", "X")) == ("", {"en": "x", "et": ""})
    what = "has nothing that anybody can see."
    assert [(problem.file, *told([problem])[0]) for problem in problems] == [
        ("x.toml", 1, "contact", what),
        ("x.toml", 3, "key.et", what),
    ]
    assert [problem.fix for problem in problems] == ["write it.", "write text for et."]


def test_a_text_may_have_a_bound() -> None:
    table, problems = read(f'key.en = "{"x" * 256}"\nkey.et = "{"x" * 257}"\n')
    table.translated("key", "X", most=256)
    assert told(problems) == [(2, "key.et", "has 257 signs.")]


def test_tables_know_their_lines() -> None:
    table, problems = read("[[each]]\na = 1\n\n[[each]]\na = 2\n")
    first, second = table.tables("each", "write it.")
    assert (first.source(), second.source()) == (Source("x.toml", 1), Source("x.toml", 4))
    assert second.source("a") == Source("x.toml", 5)
    second.problem("a", "is wrong.", "mend it.")
    assert told(problems) == [(5, "each.1.a", "is wrong.")]


@pytest.mark.parametrize("text", ["each = 1", "[each]"])
def test_what_is_no_list_of_tables_is_told(text: str) -> None:
    table, problems = read(text)
    assert table.tables("each", "write it.") == ()
    assert told(problems) == [(1, "each", "must be a list of tables.")]


@pytest.mark.parametrize(("text", "what"), [("", "is missing."), ("key = 1", "must be a table.")])
def test_a_table_that_must_be_there_is_told(text: str, what: str) -> None:
    table, problems = read(text)
    assert table.table("key", "write it.") is None
    assert told(problems) == [(1, "key", what)]


def test_a_problem_is_one_sentence_with_all_five_parts() -> None:
    table, problems = read("\nkey = 1")
    table.text("key", "write text.")
    assert str(problems[0]) == "x.toml:2: key: must be text. Fix: write text."
