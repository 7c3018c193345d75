"""Texts that citizens read, and the languages of the pages that they lack."""

from collections.abc import Iterator, Mapping

from idp.doctor.case import Case
from idp.doctor.finding import Finding, Severity
from idp.pages.languages import LANGUAGES
from policies.load.lines import Lines, Path
from policies.toml import read_toml

_WHY = "Citizens who read the page in that language get this text in English, in the middle of theirs."
# Every table of these names is a text by language, wherever it stands
_TEXTS = frozenset({"title", "law", "why", "name"})
_FOLDERS = ("purposes/", "parties/", "providers/", "nodes/", "catalogue.toml")


def translations(case: Case) -> Iterator[Finding]:
    """One notice for each text that lacks a language."""
    for file, content in sorted(case.files.items()):
        if not (file.endswith(".toml") and file.startswith(_FOLDERS)):
            continue
        try:
            text = content.decode("utf-8").replace("\r\n", "\n")
            parsed = read_toml(text)
        except ValueError:
            continue
        lines = Lines(text)
        for path, lacks in _lacking(parsed, ()):
            what = f"it has no {', '.join(lacks)}."
            key, fix = ".".join(path), f'Write {path[-1]}.{lacks[0]} = "...".'
            yield Finding(Severity.NOTICE, file, lines.line(path), key, what, _WHY, fix)


def _lacking(table: Mapping[str, object], path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for key, value in table.items():
        if not isinstance(value, dict) or key == "examples":
            continue
        if key in _TEXTS and "en" in value:
            if lacks := tuple(language for language in LANGUAGES if language not in value):
                yield (*path, key), lacks
        else:
            yield from _lacking(value, (*path, key))
