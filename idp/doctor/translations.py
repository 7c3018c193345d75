"""Texts for citizens that lack languages which the installation names elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from idp.doctor.examination import Examination
from idp.doctor.finding import NOTICE, DoctorFinding, OtherPlace
from idp.pages.languages import LANGUAGES
from policies.load.lines import KeyLines, Path
from policies.toml import read_toml

_WHY = "Citizens who read the page in that language get this text in English, in the middle of theirs."
# Every table of these names is a text by language, wherever it stands
_TEXTS = frozenset({"title", "law", "why", "name"})
_FOLDERS = ("purposes/", "parties/", "providers/", "nodes/", "catalogue.toml")


def translations(case: Examination) -> Iterator[DoctorFinding]:
    """Finds texts that lack languages: one notice for all of a file that lack the same, on the line of the first.

    A city that writes English alone is not asked for Estonian: one text in a language asks for it in all others.
    """
    texts = {file: (lines, tuple(_texts(parsed, ()))) for file, lines, parsed in _read(case)}
    named = {language for _, found in texts.values() for _, table in found for language in table}
    for file, (lines, found) in texts.items():
        alike: dict[tuple[str, ...], list[OtherPlace]] = {}
        for path, table in found:
            if lacks := tuple(each for each in LANGUAGES if each in named and each not in table):
                alike.setdefault(lacks, []).append(OtherPlace(lines.line(path), ".".join(path)))
        for lacks, places in alike.items():
            places.sort(key=lambda place: place.line)
            yield _told(file, lacks, places)


def _read(case: Examination) -> Iterator[tuple[str, KeyLines, Mapping[str, object]]]:
    for file, content in sorted(case.files.items()):
        if file.endswith(".toml") and file.startswith(_FOLDERS):
            with suppress(ValueError):
                text = content.decode("utf-8").replace("\r\n", "\n")
                yield file, KeyLines(text), read_toml(text)


def _told(file: str, lacks: tuple[str, ...], places: Sequence[OtherPlace]) -> DoctorFinding:
    first, *others = places
    languages = ", ".join(lacks)
    if not others:
        what, fix = f"it has no {languages}.", f'Write {first.key.rpartition(".")[2]}.{lacks[0]} = "...".'
    else:
        names = ", ".join(place.key for place in places)
        what = f"{len(places)} texts have no {languages}: {names}."
        fix = f'Write {lacks[0]} = "..." into each.'
    return DoctorFinding(NOTICE, file, first.line, first.key, what, _WHY, fix, also=tuple(others))


def _texts(table: Mapping[str, object], path: Path) -> Iterator[tuple[Path, Mapping[str, object]]]:
    for key, value in table.items():
        if not isinstance(value, dict) or key == "examples":
            continue
        if key in _TEXTS and "en" in value:
            yield (*path, key), value
        else:
            yield from _texts(value, (*path, key))
