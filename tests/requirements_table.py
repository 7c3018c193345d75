"""docs/requirements.md and docs/conformance.md: each requirement of a standard, and the tests that prove it.

    python -m tests.requirements_table    write both, as `make docs` does; exit 1 where a mark is unknown

The requirements are `tests/requirements.toml` (eIDAS) and `tests/openid_requirements.toml` (OpenID Connect, OAuth, and the
plans of the OpenID conformance suite). The proofs are the marks `@pytest.mark.spec(...)` of tests, read from the
source, not by running it. A requirement without a test is a hole, and shows as one, unless `does_not_apply` says why.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOLE = "**no test**"
EIDAS_HEAD = """\
# Requirements of eIDAS

What the eIDAS SAML profile (protocol versions 1.2 to 1.4) asks of a sending and of a receiving node, and which tests
prove it. Made by `python -m tests.requirements_table` from the marks of the tests.
"""
OPENID_HEAD = """\
# Conformance of OpenID Connect

What OpenID Connect, OAuth and their profiles ask of a provider and of a relying party, and which tests prove it. Made by
`python -m tests.requirements_table` from the marks of the tests. The first parts list the certification plans of the OpenID
conformance suite, module by module. The suite itself has not been run: tests of the same names do the same steps against a
running broker.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a list: `requirements` maps the words of a mark, behind the `name`, to a sentence, in order.

    `does_not_apply` has a reason for those of them that concern nothing of ours.
    """

    name: str
    title: str
    requirements: Mapping[str, str]
    does_not_apply: Mapping[str, str] = field(default_factory=dict)

    def mark(self, words: str) -> str:
        """The whole text of a mark: the standard, or the list and its section, and the requirement."""
        return f"{self.name} {words}"


@dataclass(frozen=True, slots=True)
class Proof:
    """One mark at one test."""

    mark: str
    file: str
    test: str


@dataclass(frozen=True, slots=True)
class Table:
    """One page. A clause is of this page if it has one of the `names`, which `prefix` puts before a section's number."""

    source: Path
    page: Path
    head: str
    prefix: str = ""

    def sections(self) -> tuple[Section, ...]:
        """The list of requirements."""
        return read_sections(self.source.read_text(encoding="utf-8"), self.prefix)

    def proofs(self, sections: Sequence[Section]) -> tuple[Proof, ...]:
        """The marks of this page at all tests."""
        return all_proofs(ROOT / "tests", self.names(sections))

    def names(self, sections: Sequence[Section]) -> tuple[str, ...]:
        """The texts by which a clause is told to be of this page."""
        return (self.prefix.strip(" §"),) if self.prefix else tuple(section.name for section in sections)


EIDAS = Table(ROOT / "tests" / "requirements.toml", ROOT / "docs" / "requirements.md", EIDAS_HEAD, "eidas.md §")
OPENID = Table(ROOT / "tests" / "openid_requirements.toml", ROOT / "docs" / "conformance.md", OPENID_HEAD)


def read_sections(text: str, prefix: str = "") -> tuple[Section, ...]:
    """A list of requirements. A section that says `same_as` has those of an earlier one, under a name of its own."""
    found: dict[str, Section] = {}
    for one in tomllib.loads(text)["section"]:
        requirements = found[one["same_as"]].requirements if "same_as" in one else one["requirements"]
        not_ours = one.get("does_not_apply", {})
        sentences = (*requirements.values(), *not_ours.values())
        assert all(isinstance(sentence, str) and sentence.strip() for sentence in sentences)
        assert not_ours.keys() <= requirements.keys(), "a reason for no requirement"
        name = f"{prefix}{one['number']}" if prefix else str(one["name"])
        found[name] = Section(name, str(one["title"]), requirements, not_ours)
    return tuple(found.values())


def proofs_in(file: str, source: str, names: Sequence[str]) -> Iterator[Proof]:
    """The marks of a page in one file: at tests, in their parameters, and for a whole module (`pytestmark`)."""
    tree = ast.parse(source)
    whole = [
        mark
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for mark in _marks(node.value, names)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            marks = [mark for decorator in node.decorator_list for mark in _marks(decorator, names)]
            for mark in dict.fromkeys([*whole, *marks]):
                yield Proof(mark, file, node.name)


def _marks(node: ast.expr, names: Sequence[str]) -> Iterator[str]:
    """The clauses of a page in `pytest.mark.spec("...")` anywhere in an expression; `;` parts two clauses."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "spec":
            for argument in call.args:
                text = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(text, str):
                    clauses = (part.strip() for part in text.split(";"))
                    yield from (clause for clause in clauses if any(name in clause for name in names))


def all_proofs(folder: Path, names: Sequence[str]) -> tuple[Proof, ...]:
    """Every mark of a page under a folder of tests, by file and place."""
    files = sorted(folder.rglob("test_*.py"))
    return tuple(
        proof
        for file in files
        if "node_modules" not in file.parts
        for proof in proofs_in(file.relative_to(folder.parent).as_posix(), file.read_text(encoding="utf-8"), names)
    )


def unknown(sections: Sequence[Section], proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    """Marks that name no requirement of the list, or one that does not apply: a slip of the pen would hide a hole."""
    known = {
        section.mark(words) for section in sections for words in section.requirements.keys() - section.does_not_apply.keys()
    }
    return tuple(proof for proof in proofs if proof.mark not in known)


def holes(sections: Sequence[Section], proofs: Sequence[Proof]) -> tuple[str, ...]:
    """Requirements that apply, and that no test proves."""
    proved = {proof.mark for proof in proofs}
    marks = (
        section.mark(words) for section in sections for words in section.requirements if words not in section.does_not_apply
    )
    return tuple(mark for mark in marks if mark not in proved)


def render(head: str, sections: Sequence[Section], proofs: Sequence[Proof]) -> str:
    """The whole page."""
    count = sum(len(section.requirements) for section in sections)
    without = len(holes(sections, proofs))
    elsewhere = sum(len(section.does_not_apply) for section in sections)
    parts = [head, f"{count} requirements, {without} without a test{f', {elsewhere} not ours' if elsewhere else ''}.\n"]
    for section in sections:
        rows = ["| requirement | what it says | proved by |", "|---|---|---|"]
        for words, sentence in section.requirements.items():
            tests = [proof for proof in proofs if proof.mark == section.mark(words)]
            reason = section.does_not_apply.get(words)
            none = f"does not apply: {reason}" if reason else HOLE
            cell = "<br>".join(f"`{Path(proof.file).name}::{proof.test}`" for proof in tests) or none
            rows.append(f"| {words} | {sentence} | {cell} |")
        name = section.name.removeprefix("eidas.md ")
        title = section.title if section.title.startswith(name) else f"{name} {section.title}"
        parts.append(f"## {title}\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def write(table: Table) -> bool:
    """Write one page, and print its holes. Whether every mark names something of the list."""
    sections = table.sections()
    proofs = table.proofs(sections)
    strangers = unknown(sections, proofs)
    for proof in strangers:
        print(f"{proof.file}: {proof.test}: `{proof.mark}` is not in {table.source.name}.", file=sys.stderr)
    for mark in holes(sections, proofs):
        print(f"hole: {mark}")
    table.page.write_text(render(table.head, sections, proofs), encoding="utf-8")
    return not strangers


def main() -> int:
    """Write the tables. 1 where a mark names nothing of its list."""
    written = [write(table) for table in (EIDAS, OPENID)]
    return 0 if all(written) else 1


if __name__ == "__main__":
    sys.exit(main())
