"""Folders that the demo writes from templates, with the words of this run."""

import re
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from idp.config.settings import SETTINGS_FILE
from idp.keys.file import write_private
from idp.system.toml_text import quoted

_WORD = re.compile(r"@[A-Z0-9_]+@")


def write_new(path: Path, octets: bytes) -> None:
    """Writes a new file, never into one that somebody else made, nor through a link."""
    with path.open("xb") as file:
        file.write(octets)


def write_templates(source: Traversable, target: Path, words: Mapping[str, str]) -> None:
    """Copies a folder of templates with each `@WORD@` replaced. New files replace old ones.

    A word stands in a quoted text, and is quoted as such. Raises ValueError for a value that no text can hold.
    """
    target.mkdir(parents=True, exist_ok=True)
    for each in source.iterdir():
        if each.is_dir():
            write_templates(each, target / each.name, words)
            continue
        text = each.read_text(encoding="utf-8")
        # All at once: a value that holds another word is written as it is
        text = _WORD.sub(lambda found: quoted(words[found[0]]) if found[0] in words else found[0], text)
        file = target / each.name
        file.unlink(missing_ok=True)
        # The address of the database may have a password
        write = write_private if each.name == SETTINGS_FILE else write_new
        write(file, text.encode())
