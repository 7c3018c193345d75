"""Reads the pages' phrases from gettext catalogues, strictly: a phrase that a page lacks is found at start.

`locale/ciconia.pot` has every phrase in English, under its key (msgctxt). `locale/LOCALE/LC_MESSAGES/ciconia.po` has the
same messages with their translations (msgstr), as translators' tools read and write them.
"""

import string
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from io import BytesIO

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

_FOLDER = resources.files("idp.pages").joinpath("locale")


def english_phrases() -> Mapping[str, str]:
    """The English phrases of the package by their keys. Raises ValueError for a template that is not whole."""
    return _read(_FOLDER.joinpath("ciconia.pot").read_bytes(), "ciconia.pot", None)


def translated_phrases(locale: str, english: Mapping[str, str]) -> Mapping[str, str]:
    """The phrases of the package in `locale` (`zh_Hans`) by their keys. Raises ValueError like `read_translations`."""
    return read_translations(_FOLDER.joinpath(locale, "LC_MESSAGES", "ciconia.po").read_bytes(), locale, english)


def read_translations(content: bytes, name: str, english: Mapping[str, str]) -> Mapping[str, str]:
    """The translations in a PO file by their keys.

    Raises:
        ValueError: All phrases that are missing, idle, fuzzy, of another English text, or with other parts (`{name}`).
    """
    return _read(content, name, english)


def _read(content: bytes, name: str, english: Mapping[str, str] | None) -> Mapping[str, str]:
    messages = [each for each in read_po(BytesIO(content), ignore_obsolete=True, abort_invalid=True) if each.id]
    if problems := list(_problems(messages, english)):
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return {str(each.context): str(each.id if english is None else each.string) for each in messages}


def _problems(messages: Iterable[Message], english: Mapping[str, str] | None) -> Iterator[str]:
    seen: set[str] = set()
    for each in messages:
        key = each.context or ""
        if not key or key in seen:
            yield f"{key or each.id} has no key (msgctxt) of its own"
        elif not isinstance(each.id, str):
            yield f"{key} has plural forms, and no page asks for one"
        elif english is None:
            pass
        elif english.get(key) != each.id:
            yield f"{key} translates another English text"
        elif each.fuzzy or not each.string:
            yield f"{key} is not translated"
        elif _parts(str(each.string)) != _parts(each.id):
            yield f"{key} has other parts in braces"
        seen.add(key)
    yield from (f"{key} is missing" for key in english or () if key not in seen)


def _parts(phrase: str) -> set[str]:
    """The names in braces. Raises ValueError for a brace without its other one."""
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}
