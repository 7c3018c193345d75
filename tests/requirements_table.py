"""docs/requirements.md: each requirement of the eIDAS profile, and the tests that prove it.

    python -m tests.requirements_table    write the table, as `make docs` does; exit 1 where a mark is unknown

The requirements are `tests/requirements.toml`. The proofs are the marks `@pytest.mark.spec(...)` of tests, read from the
source, not by running it. A requirement without a test is a hole, and shows as one.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST, TABLE = ROOT / "tests" / "requirements.toml", ROOT / "docs" / "requirements.md"
PAGE = "eidas.md"
HOLE = "**no test**"
HEAD = """\
# Requirements of eIDAS

What the eIDAS SAML profile (protocol versions 1.2 to 1.4) asks of a sending and of a receiving node, and which tests
prove it. Made by `python -m tests.requirements_table` from the marks of the tests.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the list: `requirements` maps the words of a mark to a sentence, in order."""

    number: int
    title: str
    requirements: Mapping[str, str]

    def mark(self, words: str) -> str:
        """The whole text of a mark: the list, the section and the requirement."""
        return f"{PAGE} §{self.number} {words}"


@dataclass(frozen=True, slots=True)
class Proof:
    """One mark at one test."""

    mark: str
    file: str
    test: str


def read_sections(text: str) -> tuple[Section, ...]:
    """The list of requirements."""
    found: list[Section] = []
    for one in tomllib.loads(text)["section"]:
        requirements = one["requirements"]
        assert all(isinstance(sentence, str) and sentence.strip() for sentence in requirements.values())
        found.append(Section(int(one["number"]), str(one["title"]), requirements))
    return tuple(found)


def proofs_in(file: str, source: str) -> Iterator[Proof]:
    """The marks of this page in one file: at tests, in their parameters, and for a whole module (`pytestmark`)."""
    tree = ast.parse(source)
    whole = [
        mark
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for mark in _marks(node.value)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            marks = [mark for decorator in node.decorator_list for mark in _marks(decorator)]
            for mark in dict.fromkeys([*whole, *marks]):
                yield Proof(mark, file, node.name)


def _marks(node: ast.expr) -> Iterator[str]:
    """The clauses of this page in `pytest.mark.spec("...")` anywhere in an expression; `;` parts two clauses."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "spec":
            for argument in call.args:
                text = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(text, str):
                    yield from (clause for part in text.split(";") if PAGE in (clause := part.strip()))


def all_proofs(folder: Path) -> tuple[Proof, ...]:
    """Every mark of this page under a folder of tests, by file and place."""
    files = sorted(folder.rglob("test_*.py"))
    return tuple(
        proof
        for file in files
        if "node_modules" not in file.parts
        for proof in proofs_in(file.relative_to(folder.parent).as_posix(), file.read_text(encoding="utf-8"))
    )


def unknown(sections: Sequence[Section], proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    """Marks that name no requirement of the list: a slip of the pen would hide a hole."""
    known = {section.mark(words) for section in sections for words in section.requirements}
    return tuple(proof for proof in proofs if proof.mark not in known)


def holes(sections: Sequence[Section], proofs: Sequence[Proof]) -> tuple[str, ...]:
    """Requirements that no test proves."""
    proved = {proof.mark for proof in proofs}
    marks = (section.mark(words) for section in sections for words in section.requirements)
    return tuple(mark for mark in marks if mark not in proved)


def render(sections: Sequence[Section], proofs: Sequence[Proof]) -> str:
    """The whole page."""
    count = sum(len(section.requirements) for section in sections)
    without = len(holes(sections, proofs))
    parts = [HEAD, f"{count} requirements, {without} without a test.\n"]
    for section in sections:
        rows = ["| requirement | what it says | proved by |", "|---|---|---|"]
        for words, sentence in section.requirements.items():
            tests = [proof for proof in proofs if proof.mark == section.mark(words)]
            cell = "<br>".join(f"`{Path(proof.file).name}::{proof.test}`" for proof in tests) or HOLE
            rows.append(f"| {words} | {sentence} | {cell} |")
        parts.append(f"## §{section.number} {section.title}\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def main() -> int:
    """Write the table. 1 where a mark names nothing of the list."""
    sections = read_sections(LIST.read_text(encoding="utf-8"))
    proofs = all_proofs(ROOT / "tests")
    strangers = unknown(sections, proofs)
    for proof in strangers:
        print(f"{proof.file}: {proof.test}: `{proof.mark}` is not in {LIST.name}.", file=sys.stderr)
    for mark in holes(sections, proofs):
        print(f"hole: {mark}")
    TABLE.write_text(render(sections, proofs), encoding="utf-8")
    return 1 if strangers else 0


if __name__ == "__main__":
    sys.exit(main())
