"""Writes docs/client-libraries.md from libraries.toml, the programs that the cases run, and the kept result of a run.

    python -m tests.interop.library_page

The settings on the page are lines of those programs. What a library lacks has a proof, which a test looks up again.
"""

import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any  # what a TOML file holds

from tests.interop.client_stage import Client
from tests.interop.page import read
from tests.interop.peer import HERE, ROOT, Flow, Package, Peer, PyPI
from tests.interop.roster import PEERS

PAGE = ROOT / "docs" / "client-libraries.md"
BY_NAME: Mapping[str, Peer] = {peer.name: peer for peer in PEERS}
KINDS = {
    "OpenID Connect": "openid-connect-clients",
    "SAML": "saml-service-providers",
}
WIDTH = 140
APP, PURPOSE = "https://permits.city.example", "--purpose resident-parking --config city"


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a program: from the one that begins with `first` to the next of its indent that begins with `last`."""

    file: str
    first: str
    last: str = ""
    replaced: Sequence[Sequence[str]] = ()
    settings: bool = False

    def text(self) -> str:
        """The lines as a developer writes them. A LookupError where the program does not have them any more."""
        lines = (HERE / self.file).read_text(encoding="utf-8").splitlines()
        begun = self._line(lines, 0, self.first, "")
        indent = " " * (len(lines[begun]) - len(lines[begun].lstrip()))
        ended = self._line(lines, begun + 1, self.last, indent) if self.last else begun
        text = textwrap.dedent("\n".join(lines[begun : ended + 1])) + "\n"
        for old, new in self.replaced:
            if old not in text:
                raise LookupError(f"{self.file} has no {old!r}")
            text = text.replace(old, new)
        if self.settings:
            text = re.sub(r"^(\w+)=", r"\1 = ", text, flags=re.MULTILINE)
            text = re.sub(r"^(\S.*),$", r"\1", text, flags=re.MULTILINE)
        return text

    def _line(self, lines: Sequence[str], after: int, words: str, indent: str) -> int:
        for number in range(after, len(lines)):
            line = lines[number] if indent or after else lines[number].strip()
            if line.startswith(indent + words):
                return number
        raise LookupError(f"{self.file} has no line that begins with {words!r}")


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that a library lacks, or leaves to whoever uses it, and where that shows."""

    what: str
    source: str = ""
    line: str = ""
    without: str = ""
    flow: str = ""

    def shows(self, package: Package) -> bool:
        """Whether the installed source is still so."""
        text = package.text(self.source)
        return self.without.lower() not in text.lower() if self.without else bool(self.line) and self.line in text


@dataclass(frozen=True, slots=True)
class Library:
    """One section of the page."""

    name: str
    kind: str
    cases: Sequence[str]
    flow: str = ""
    distribution: str = ""
    printed: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    language: str = ""
    lines: Sequence[Lines] = ()
    lacks: Sequence[Lack] = ()

    @property
    def peers(self) -> list[Peer]:
        """Its cases that are in `make interop`."""
        return [BY_NAME[name] for name in self.cases if name in BY_NAME]

    @property
    def package(self) -> Package:
        """Where it was installed from: for one that the tests alone run, their own venv."""
        return PyPI(self.distribution, ours=True) if self.distribution else self.peers[0].package

    @property
    def flows(self) -> Mapping[str, Flow]:
        """The flows of its cases."""
        return {flow.name: flow for peer in self.peers for flow in peer.flows}


def _told() -> dict[str, Any]:
    return tomllib.loads((HERE / "libraries.toml").read_text(encoding="utf-8"))


def libraries() -> list[Library]:
    """All of them, in the order of the page."""
    return [
        Library(
            **{
                **entry,
                "lines": [Lines(**one) for one in entry.get("lines", ())],
                "lacks": [Lack(**one) for one in entry.get("lacks", ())],
            }
        )
        for entry in _told()["library"]
    ]


def render() -> str:
    """The whole page."""
    return "\n".join(_parts())


def _parts() -> Iterator[str]:
    yield str(_told()["head"])
    versions = {str(row["peer"]): str(row["version"]) for row in read()}
    kind = ""
    for library in libraries():
        if library.kind != kind:
            kind = library.kind
            yield f"## Libraries for {kind}\n"
        yield f"### {library.name}\n"
        yield from _section(library, versions)


def _section(library: Library, versions: Mapping[str, str]) -> Iterator[str]:
    if library.cases:
        yield _tried(library, versions)
    if library.printed:
        yield _printed(library)
    if library.before:
        yield _wrapped(library.before)
    if library.flow:
        yield _registered(library)
    if library.lines:
        texts = [one.text() for one in library.lines]
        parts = "".join(_apart(before, text) for before, text in pairwise(["", *texts])).lstrip("\n")
        yield f"```{library.language}\n{parts}```\n"
    found = [one.what for one in library.lacks]
    found += dict.fromkeys(fault.why for peer in library.peers for fault in peer.faults)
    if found:
        yield "What it lacks:\n"
        yield "".join(_wrapped(f"- {one}", "  ") for one in found)
    elif library.cases:
        yield "In these flows it lacked nothing.\n"


def _apart(before: str, text: str) -> str:
    """The text with the empty lines before it: none for a line, one for a block or after imports, two for a class."""
    if text.startswith(("class ", "@app")):
        return f"\n\n{text}"
    imports = ("from ", "import ")
    ends_imports = before.startswith(imports) and not text.startswith(imports)
    return f"\n{text}" if ends_imports or "\n" in text.strip() else text


def _tried(library: Library, versions: Mapping[str, str]) -> str:
    version = next((versions[peer.name] for peer in library.peers), "") or library.package.pinned()
    some = "one flow" if len(library.flows) == 1 else f"{len(library.flows)} flows"
    where = [f"[{some}](interoperability.md#{KINDS[library.kind]})"] if library.flows else []
    if len(library.peers) < len(library.cases):
        where.append("[tests](interoperability.md#also-run-by-the-tests)")
    named = ", ".join(f"`{name}`" for name in library.cases)
    files = ", ".join(dict.fromkeys(f"`tests/interop/{one.file}`" for one in library.lines))
    return _wrapped(f"Version {version}. Tried in {' and '.join(where)}, as {named}{f', by {files}' if files else ''}.")


def _printed(library: Library) -> str:
    each = [f"[`--snippet {name}`](connect-an-app.md#{anchor})" for name, anchor in library.printed.items()]
    last = f" or {each[-1]}" if len(each) > 1 else each[-1]
    return _wrapped(f"`ciconia party add` prints the whole program: {', '.join(each[:-1])}{last}.")


def _registered(library: Library) -> str:
    flow, peer = library.flows[library.flow], library.peers[0]
    options = " ".join(one for one in flow.registered if one.startswith("--"))
    lines = [f"`{one}`" for one in flow.registered if not one.startswith("--")]
    if isinstance(peer, Client):
        redirect = f"'{APP}{peer.callback}'" if "?" in peer.callback else f"{APP}{peer.callback}"
        command = f"party add permits --redirect {redirect} {options} {PURPOSE}".replace("  ", " ")
    else:
        command = f"party add-saml library --metadata library.xml {PURPOSE}"
    told = f"Its file has besides: {', '.join(lines)}\n".replace("BASE", APP) if lines else ""
    return f"```console\n$ ciconia {command}\n```\n" + (f"\n{told}" if told else "")


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
