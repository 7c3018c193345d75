import tomllib

from policies.load.lines import KeyLines, Path

TEXT = """\
# a comment with [a.table] and key = 1
id = "one"
title.en = "A # no comment"
title.zh-Hans = "\u5c45\u6c11"
"quoted key" = 'literal "text"'

[attributes.birthdate] # a header's comment
form = "age_over(18)"
why = { en = "Because, of = [this]", et = "x" }

[[examples]]
title = \"\"\"
several
lines = 1
\"\"\"
asked = { birthdate = "exact",
  email = "exact" }

[[examples]]
list = [
  "a", # one
  "b = [",

  { c = 1, d.e = [1, 2] },
]
other = 1

[examples.given]
email = "x\\"] = y"
last = '''a'b''c'''
"""

WHERE: list[tuple[Path, int]] = [
    (("id",), 2),
    (("title",), 3),
    (("title", "en"), 3),
    (("title", "zh-Hans"), 4),
    (("quoted key",), 5),
    (("attributes", "birthdate"), 7),
    (("attributes", "birthdate", "form"), 8),
    (("attributes", "birthdate", "why", "et"), 9),
    (("examples",), 11),
    (("examples", "0"), 11),
    (("examples", "0", "title"), 12),
    (("examples", "0", "asked", "birthdate"), 16),
    (("examples", "1"), 19),
    (("examples", "1", "list"), 20),
    (("examples", "1", "list", "0"), 21),
    (("examples", "1", "list", "1"), 22),
    (("examples", "1", "list", "2"), 24),
    (("examples", "1", "list", "2", "d", "e", "1"), 24),
    (("examples", "1", "other"), 26),
    (("examples", "1", "given"), 28),
    (("examples", "1", "given", "email"), 29),
    (("examples", "1", "given", "last"), 30),
]


def toml_1_0(text: str) -> str:
    """The text without line breaks in inline tables, which TOML 1.0 does not have."""
    return text.replace('"exact",\n  email', '"exact", email')


def test_the_text_of_this_test_is_toml() -> None:
    assert tomllib.loads(toml_1_0(TEXT))["examples"][1]["given"]["email"] == 'x"] = y'


def test_each_key_is_found_on_its_line() -> None:
    assert [KeyLines(TEXT).line(path) for path, _ in WHERE] == [line for _, line in WHERE]
