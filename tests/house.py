"""The budget of the house: how much code there is, how it is divided, and how it reads.

    python -m tests.house             print each figure with its limit; exit 1 where one is over
    python -m tests.house --report    the same, but exit 0
    python -m tests.house --json      the same as JSON, with the places behind each figure

A commit that raises a limit says why.
"""

import argparse
import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.docs.pages import MADE

ROOT = Path(__file__).parents[1]
PRODUCT = ("policies", "connectors", "idp")
# Wires everything together by keyword, so its constructors may take many parts
COMPOSITION = ("idp/application/app.py", "idp/application/composition.py", "idp/application/")
PARAMETERS = 10
OPENING = re.compile(r"\s*(?:As|Of|What|Who|Whoever|Whom|Whose)\b")
TEXTS = {".py", ".md", ".toml", ".html", ".txt", ".yaml", ".cfg", ".conf", ".mako", ".css", ""}
SKIPPED = {"__pycache__", "node_modules"}
CITATION = re.compile(r"(?<![\w/.-])[\w./-]*\w\.md\b")
# Citations without a file's name, of lists that are not in the repository
NAMED = re.compile(r"\b(?:design §|attack catalogue §|house style \d|spec/\w)")
ADDRESS = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number, its limit, and the places behind it, largest first."""

    name: str
    value: int
    limit: int
    places: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the figure is within its limit."""
        return self.value <= self.limit


def measure(root: Path = ROOT) -> tuple[Figure, ...]:
    """Each figure of the budget, of the house at `root`."""
    product = _lines(root, *PRODUCT)
    rooms: Counter[str] = Counter()
    for module, lines in product.items():
        rooms[str(Path(module).parent)] += lines
    modules, floors = _largest(product), _largest(rooms)
    constructors = tuple(_constructors(root, product))
    openings = tuple(_openings(root, (*product, *_lines(root, "tests"))))
    citations = tuple(_citations(root))
    names = tuple(_names_with_two_meanings(root, product))
    entries = tuple(sorted(path.name for path in (root / "idp").iterdir() if path.name not in SKIPPED))
    return (
        Figure("product lines", sum(product.values()), 75_000),
        Figure("median module", int(median(product.values())), 120),
        Figure("largest module", max(product.values()), 380, modules),
        Figure("largest room", max(rooms.values()), 4_500, floors),
        Figure("test lines", sum(_lines(root, "tests").values()), 107_000),
        Figure("entries of idp/", len(entries), 26, entries),
        Figure("citations of pages that are not here", len(citations), 0, citations),
        Figure(f"constructors with more than {PARAMETERS} parameters", len(constructors), 0, constructors),
        Figure("names of classes with two meanings", len(names), 0, names),
        Figure("docstrings that open with As, Of, What, Who, Whoever, Whom or Whose", len(openings), 40, openings),
    )


def _lines(root: Path, *folders: str) -> dict[str, int]:
    """Each Python file below these folders, and how many lines it has."""
    return {
        str(path.relative_to(root)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        if SKIPPED.isdisjoint(path.parts)
    }


def _largest(sizes: dict[str, int]) -> tuple[str, ...]:
    """The ten largest, with their size."""
    return tuple(f"{name} {size}" for name, size in sorted(sizes.items(), key=lambda each: -each[1])[:10])


def _constructors(root: Path, modules: dict[str, int]) -> Iterator[str]:
    """Constructors with too many parameters. A frozen dataclass is a plain record, and composition takes everything."""
    for module in modules:
        if module.startswith(COMPOSITION):
            continue
        for node in ast.walk(ast.parse((root / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and (taken := _parameters(node)) > PARAMETERS:
                yield f"{module}:{node.lineno} {node.name} {taken}"


def _parameters(made: ast.ClassDef) -> int:
    """How many parameters the class's own constructor takes beside `self`."""
    decorators = [ast.unparse(each) for each in made.decorator_list]
    if any("dataclass" in each and "frozen=True" not in each for each in decorators):
        return sum(isinstance(each, ast.AnnAssign) for each in made.body)
    for each in made.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return len(each.args.posonlyargs) + len(each.args.args) + len(each.args.kwonlyargs) - 1
    return 0


def _names_with_two_meanings(root: Path, modules: dict[str, int]) -> Iterator[str]:
    """Public classes of one name in several modules: one word means one thing."""
    found: dict[str, list[str]] = {}
    for module in modules:
        for node in ast.parse((root / module).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    yield from (f"{name}: {', '.join(places)}" for name, places in sorted(found.items()) if len(places) > 1)


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                yield first.lineno, first.value.value


def _openings(root: Path, modules: tuple[str, ...]) -> Iterator[str]:
    for module in modules:
        for line, text in _docstrings(ast.parse((root / module).read_text(encoding="utf-8"))):
            if OPENING.match(text):
                yield f"{module}:{line} {text.strip().splitlines()[0]}"


def _citations(root: Path) -> Iterator[str]:
    """Citations of pages and lists that nobody finds here.

    The marks of tests (`@pytest.mark.spec`) are no citations: they are keys of tests/requirements.toml and of threats.
    """
    files = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix in TEXTS
        and path.is_file()
        and not any(part in SKIPPED or (part.startswith(".") and part != ".ci") for part in path.relative_to(root).parts)
    ]
    there = {path.name for path in files} | {*MADE}
    for path in files:
        name = str(path.relative_to(root))
        tests = name.startswith("tests/")
        if (tests and path.suffix != ".py") or name == "tests/house.py":
            continue
        text = path.read_text(encoding="utf-8")
        for number, line in _prose(text) if tests else enumerate(text.splitlines(), 1):
            said = ADDRESS.sub("", line)
            if NAMED.search(said) or any(Path(each).name not in there for each in CITATION.findall(said)):
                yield f"{name}:{number} {line.strip()}"


def _prose(source: str) -> Iterator[tuple[int, str]]:
    """The lines of a program's comments and docstrings."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for first, text in _docstrings(ast.parse(source)):
        yield from enumerate(text.splitlines(), first)


def main(arguments: list[str] | None = None) -> int:
    """Print the budget. 1 where a figure is over its limit, unless only a report is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="as JSON, with the places behind each figure")
    parser.add_argument("--report", action="store_true", help="exit 0 even where a figure is over its limit")
    asked = parser.parse_args(arguments)
    figures = measure()
    if asked.json:
        told = [{**asdict(figure), "ok": figure.holds} for figure in figures]
        print(json.dumps({"ok": all(figure.holds for figure in figures), "figures": told}))
    else:
        for figure in figures:
            print(f"{'ok  ' if figure.holds else 'OVER'} {figure.value:>7,} of {figure.limit:>6,}  {figure.name}")
    return 0 if asked.report or all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
