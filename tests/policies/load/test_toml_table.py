import pytest

from policies.assurance import LevelOfAssurance
from policies.errors import Problem
from policies.load.table import Table, parse
from policies.parties import Source


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


def test_a_level_that_cannot_be_read_counts_as_high() -> None:
    """A fault in a file must not open anything, even before its problems are told."""
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


def test_tables_know_their_lines() -> None:
    table, problems = read("[[each]]\na = 1\n\n[[each]]\na = 2\n")
    first, second = table.tables("each", "write it.")
    assert (first.source(), second.source()) == (Source("x.toml", 1), Source("x.toml", 4))
    assert second.source("a") == Source("x.toml", 5)
    second.problem("a", "is wrong.", "mend it.")
    assert told(problems) == [(5, "each.1.a", "is wrong.")]


def test_a_problem_is_one_sentence_with_all_five_parts() -> None:
    table, problems = read("\nkey = 1")
    table.text("key", "write text.")
    assert str(problems[0]) == "x.toml:2: key: must be text. Fix: write text."
