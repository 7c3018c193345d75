"""Texts for citizens, and the languages that they lack."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from policies.load.lines import KeyLines, Path
from policies.toml import read_toml

# Every table of these names is a text by language, wherever it stands; of a list of these, each element
_TEXTS = frozenset({"title", "law", "why", "name", "recipients"})
_FOLDERS = ("purposes/", "parties/", "providers/", "nodes/", "catalogue.toml")


@dataclass(frozen=True, slots=True)
class Lacking:
    """The texts of one file that lack the same languages: line and key of each, by line."""

    file: str
    languages: tuple[str, ...]
    places: tuple[tuple[int, str], ...]

    @property
    def what(self) -> str:
        """The sentence."""
        languages = ", ".join(self.languages)
        if len(self.places) == 1:
            return f"it has no {languages}."
        return f"{len(self.places)} texts have no {languages}: {', '.join(key for _, key in self.places)}."

    @property
    def fix(self) -> str:
        """The way to mend it."""
        if len(self.places) == 1:
            return f'Write {self.places[0][1].rpartition(".")[2]}.{self.languages[0]} = "...".'
        return f'Write {self.languages[0]} = "..." into each.'


def lacking(files: Mapping[str, bytes], languages: Sequence[str]) -> Iterator[Lacking]:
    """Finds texts without one of these languages that another text of the files has.

    A city that writes English alone is not asked for Estonian: one text in a language asks for it in all others.
    """
    texts = {file: (text, tuple(_texts(parsed, ()))) for file, text, parsed in _read(files)}
    wanted = {language for _, found in texts.values() for _, table in found for language in table}
    for file, (text, found) in texts.items():
        alike: dict[tuple[str, ...], list[Path]] = {}
        for path, table in found:
            if lacks := tuple(each for each in languages if each in wanted and each not in table):
                alike.setdefault(lacks, []).append(path)
        if not alike:
            continue
        lines = KeyLines(text)
        for lacks, paths in alike.items():
            places = sorted((lines.line(path), ".".join(path)) for path in paths)
            yield Lacking(file, lacks, tuple(places))


def _read(files: Mapping[str, bytes]) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    for file, content in sorted(files.items()):
        if file.endswith(".toml") and file.startswith(_FOLDERS):
            with suppress(ValueError):
                text = content.decode("utf-8").replace("\r\n", "\n")
                yield file, text, read_toml(text)


def _texts(table: Mapping[str, object], path: Path) -> Iterator[tuple[Path, Mapping[str, object]]]:
    for key, value in table.items():
        if key == "examples":
            continue
        elements = enumerate(value) if isinstance(value, list) else ()
        inner = {key: value, **{f"{key}.{index}": one for index, one in elements}}
        for name, one in inner.items():
            where = (*path, *name.split("."))
            if isinstance(one, dict) and key in _TEXTS and "en" in one:
                yield where, one
            elif isinstance(one, dict):
                yield from _texts(one, where)
