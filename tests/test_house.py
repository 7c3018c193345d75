"""`python -m tests.house` finds what is over the budget, and lets pass what is not."""

import json
from pathlib import Path

import pytest

from tests import house
from tests.house import Figure, main, measure


def _built(root: Path, **changes: str) -> dict[str, Figure]:
    """The figures of a small house, with these files in place of its own."""
    files = {
        "policies/rule.py": '"""A rule (docs/why.md)."""\nclass Rule: ...\nclass _Own: ...\n',
        "connectors/ask.py": '"""Asks."""\nclass _Own: ...\n',
        "idp/application/app.py": '"""Wires."""\n',
        "tests/test_rule.py": '"""The rule holds."""\n',
        "docs/why.md": "# Why\n",
        **{name.replace("__", "/").replace("_py", ".py").replace("_md", ".md"): text for name, text in changes.items()},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return {figure.name.split()[0]: figure for figure in measure(root)}


def test_a_small_house_is_within_its_budget(tmp_path: Path) -> None:
    found = _built(tmp_path)
    assert all(figure.holds for figure in found.values())
    assert (found["product"].value, found["median"].value, found["test"].value, found["entries"].value) == (6, 2, 1, 1)


@pytest.mark.parametrize(
    ("figure", "file", "text"),
    [
        ("product", "policies__long_py", "\n" * 75_000),
        ("median", "policies__rule_py", "\n" * 121),
        ("largest", "policies__long_py", "\n" * 4_501),
        ("test", "tests__long_py", "\n" * 107_001),
        ("citations", "policies__rule_py", "# gone.md 3\n"),
        ("citations", "policies__rule_py", "# design §2\n"),
        ("constructors", "idp__made_py", f"class A:\n    def __init__(self, {', '.join('abcdefghijk')}): ...\n"),
        ("constructors", "idp__made_py", "@dataclass\nclass A:\n" + "".join(f"    {x}: int\n" for x in "abcdefghijk")),
        ("names", "idp__made_py", "class Rule: ...\n"),
        ("docstrings", "idp__made_py", '"""Of this."""\n' + 'def f():\n    """Whoever."""\n' * 40),
    ],
)
def test_what_is_over_is_found(tmp_path: Path, figure: str, file: str, text: str) -> None:
    changes = {file: text}
    if figure == "median":
        changes["connectors__ask_py"] = text
    assert not _built(tmp_path, **changes)[figure].holds


def test_what_is_allowed_passes(tmp_path: Path) -> None:
    many = ", ".join("abcdefghijk")
    fields = "".join(f"    {x}: int\n" for x in "abcdefghijk")
    found = _built(
        tmp_path,
        idp__application__app_py=f"class A:\n    def __init__(self, {many}): ...\n",
        idp__record_py=f"@dataclass(frozen=True, slots=True)\nclass B:\n{fields}",
        tests__test_rule_py='@pytest.mark.spec("gone.md 3")\ndef test_it():\n    """It holds."""\n    make("other.md")\n',
        docs__why_md="[x](https://example.com/gone.md) and [y](why.md#why)\n",
    )
    assert all(figure.holds for figure in found.values())


def test_only_a_report_ends_well_where_something_is_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = (Figure("product lines", 3, 2), Figure("test lines", 1, 2))
    monkeypatch.setattr(house, "measure", lambda: figures)
    assert (main([]), main(["--report"])) == (1, 0)
    assert "OVER" in capsys.readouterr().out
    assert main(["--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], [figure["ok"] for figure in told["figures"]]) == (False, [False, True])
    monkeypatch.setattr(house, "measure", lambda: figures[1:])
    assert main([]) == 0
