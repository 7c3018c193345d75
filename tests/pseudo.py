"""Languages that nobody speaks: every phrase of the English catalogue, longer and in other letters.

They show that a language is one folder and one line, and pages whose script runs from right to left.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from babel.messages.plurals import get_plural

from idp.pages import languages, phrases
from idp.pages.compiled_pages import compiled
from tests.catalogues import LOCALE

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ACCENTED = str.maketrans(LETTERS + LETTERS.upper(), "àƀçđéƒğħïĵķĺɱñôƥɋŕšţüṽŵẋýžÀƁÇĐÉƑĞĦÏĴĶĹṀÑÔƤɊŔŠŢÜṼŴẊÝŽ")
_ARABIC = str.maketrans(LETTERS + LETTERS.upper(), 2 * "ابجدهوزحطيكلمنسعفصقرشتثخذض")
# As much longer as a long translation is
_LONGER = 0.4


class Pseudo:
    """A folder of catalogues of its own, with those of the package, and what is added."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch = folder, patch
        shutil.copytree(LOCALE, folder, dirs_exist_ok=True)
        patch.setattr(phrases, "_FOLDER", folder)

    def add(self, *tags: str) -> None:
        """One folder and one line for each."""
        for tag in tags:
            self.file(tag).parent.mkdir(parents=True)
            self.file(tag).write_text(pseudo_catalogue(tag), encoding="utf-8")
        self.listed(*languages.LANGUAGES, *tags)

    def listed(self, *tags: str) -> None:
        """These languages are offered."""
        self._patch.setattr(languages, "LANGUAGES", tags)
        forgotten()

    def file(self, tag: str) -> Path:
        """The catalogue of a language."""
        return self._folder / languages.locale_of(tag) / "LC_MESSAGES" / "ciconia.po"


def pseudo_catalogue(tag: str) -> str:
    """The English catalogue, translated into a language that nobody speaks."""
    plural = get_plural(languages.locale_of(tag))
    letters = _ARABIC if tag == "ar" else _ACCENTED
    found = []
    for block in phrases.catalogue("en").decode().split("\n\n")[1:]:
        texts = [re.sub(r"\\n", "", text) for text in re.findall(r'^msgid(?:_plural)? "(.*)"$', block, re.MULTILINE)]
        said = [_pseudo(text, letters) for text in texts]
        forms = (
            [f'msgstr "{said[0]}"'] if len(said) == 1 else [f'msgstr[{n}] "{said[-1]}"' for n in range(plural.num_plurals)]
        )
        found.append("\n".join((*[line for line in block.splitlines() if not line.startswith("msgstr")], *forms)))
    head = f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: {plural}\\n"'
    return "\n\n".join((head, *found)) + "\n"


def _pseudo(text: str, letters: dict[int, int]) -> str:
    parts = [part if part.startswith("{") else part.translate(letters) for part in re.split(r"({\w+})", text)]
    return "".join(parts) + "~" * round(_LONGER * len(text))


def forgotten() -> None:
    """Have catalogues and templates read again."""
    for kept in (languages.spoken, languages._of_browser, compiled):
        kept.cache_clear()


@contextmanager
def pseudo_languages() -> Iterator[Pseudo]:
    """Catalogues that a test may add to; afterwards those of the package are there again."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        yield Pseudo(Path(folder), patch)
    forgotten()
