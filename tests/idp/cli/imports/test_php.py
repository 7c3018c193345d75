"""Literals of PHP are values; everything else is named with its line, and ends where PHP would end it."""

import pytest

from idp.application.imports.php import read_php
from idp.application.imports.values import Unread


def value(text: str) -> object:
    (found,), skipped = read_php(f"<?php\n$config = {text};\n")
    assert not skipped
    return found.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'it\\'s \\\\ \\n'", "it's \\ \\n"),
        ('"a\\tb \\$c"', "a\tb $c"),
        ("array(1, -2, 1.5, TRUE, null,)", [1, -2, 1.5, True, None]),
        ("[0 => 'a', 1 => 'b']", ["a", "b"]),
        ("['saml:SP', 'idp' => null]", {"0": "saml:SP", "idp": None}),
        ("[ /* a ] */ 'a' => [], // ]\n # ]\n 'b' => [[]] ]", {"a": [], "b": [[]]}),
    ],
)
def test_a_literal_is_its_value(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "getenv('A')",
        '"a $b"',
        '"\\101"',
        "'a' . 'b'",
        "0755",
        "\\SAML2\\Constants::POST",
        "fn($a) => ['x', $a]",
        "function ($x) { return ['a' => 1]; }",
        "<<<EOT\nhello; ] )\nEOT",
        "$other['a']",
    ],
)
def test_what_is_no_literal_is_named_and_what_stands_beside_it_is_read(text: str) -> None:
    found = value(f"['before' => 1, 'it' => {text}, 'after' => [2]]")
    assert found == {"before": 1, "it": Unread(" ".join(text.split()), 2), "after": [2]}


@pytest.mark.parametrize(
    "statement",
    [
        "$metadata[getenv('A')] = ['a' => 1];",
        "if (true) { $metadata['b'] = []; }",
        "foreach ($all as $one) { $metadata[$one] = [];}",
        "$metadata['a']['b'] = 1;",
        "unset($metadata['a']);",
    ],
)
def test_a_statement_that_assigns_no_literal_is_passed_as_a_whole(statement: str) -> None:
    assigned, skipped = read_php(f"<?php\n{statement}\n$metadata['c'] = 'd';")
    assert [(one.key, one.value, one.line) for one in assigned] == [("c", "d", 3)]
    assert [one.line for one in skipped] == [2]


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "'" + "\\'" * 50_000, "/*" * 50_000, "<<<A\n" * 20_000, "[1 => " * 40 + "]" * 40, "['a' => [x," * 3_000],
    ids=["open", "quote", "comment", "heredoc", "deep", "broken"],
)
def test_a_file_that_never_closes_what_it_opens_ends(text: str) -> None:
    assigned, skipped = read_php(f"<?php $a = {text};")
    assert assigned or skipped


@pytest.mark.parametrize(
    "between", ["?>\n<?php", "// no comment holds ?>\n<?php", "# nor one of this kind ?><?php", "?> <p>"]
)
def test_a_second_block_is_refused_since_it_may_change_what_the_first_one_says(between: str) -> None:
    with pytest.raises(ValueError, match="has more after the \\?> in line 2"):
        read_php(f"<?php $metadata['a'] = ['b' => 1];\n{between} unset($metadata['a']);")
    assert read_php("<?php $a = '?>'; // the end ?>\n \n")[0][0].value == "?>"


def test_a_page_is_no_php() -> None:
    with pytest.raises(ValueError, match="does not begin"):
        read_php("<html><?php $a = 1;")
