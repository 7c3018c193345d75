"""README.md promises commands and facts that there are."""

import re
import shlex
import tomllib

import typer

from idp.cli import app
from tests.docs.pages import AT_THE_TOP, DOCS, ROOT
from tests.reference_tables import commands

README = (ROOT / "README.md").read_text(encoding="utf-8")
EVERYWHERE = "\n".join(page.read_text(encoding="utf-8") for page in [*AT_THE_TOP, *sorted(DOCS.glob("*.md"))])
# A page says ciconia with what follows; a sentence may say it of any command
SAID = sorted(
    {found.strip() for found in re.findall(r"ciconia ((?:[a-z][a-z-]*)(?: [a-z-]+)?[^`\n#|]*)", EVERYWHERE) if found}
)
KNOWN = dict(commands())


def _command(words: list[str]) -> str:
    """The command that a line begins with: of one word, of two or of three."""
    names = (" ".join(words[:count]) for count in (3, 2, 1))
    return next((name for name in names if name in KNOWN), "")


def _options(name: str) -> set[str]:
    return {option for one in getattr(KNOWN[name], "params", ()) for option in getattr(one, "opts", ())}


def test_the_two_commands_and_the_site_are_targets_of_make() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"demo", "test", "docs"} <= targets
    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) <= targets


def test_every_command_of_the_readme_is_one_with_these_options() -> None:
    said = re.findall(r"\.venv/bin/ciconia ([^`#\n]+(?:\n[^`#\n ][^`#\n]*)?)", README)
    assert len(said) >= 7
    for line in said:
        words = shlex.split(line)
        name = _command(words)
        assert name, line
        assert {word for word in words if word.startswith("--")} <= _options(name), line


def test_the_pythons_of_the_readme_are_those_of_the_package() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert asked == ">=3.11,<3.14"
    assert "Python 3.11 to 3.13" in README


def test_the_readme_and_the_first_page_of_the_site_begin_alike() -> None:
    first = [text.split("\n\n")[1] for text in (README, (DOCS / "index.md").read_text(encoding="utf-8"))]
    assert first[0] == first[1]
    assert len(first[0].splitlines()) == 5


def test_a_command_that_a_page_names_is_one_with_these_options() -> None:
    for line in SAID:
        words = line.partition(" && ")[0].replace("'", "").replace('"', "").split()
        name = _command(words)
        if not name:
            # A group, or a sentence about the program: `ciconia inspect`, `ciconia metadata`
            groups = set(getattr(typer.main.get_command(app), "commands", {}))
            assert words[0].rstrip(":.,") in groups, line
            continue
        options = set(re.findall(r"(?<=\s)--[a-z-]+", f" {' '.join(words)}"))
        assert options <= {*_options(name), "--help"}, line
