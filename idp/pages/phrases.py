"""Reads the pages' phrases from gettext catalogues, strictly: a phrase that a page lacks is found at start.

`locale/LOCALE/LC_MESSAGES/ciconia.po` has the phrases of one language as translators' tools read and write them: a key
(msgctxt), the English text (msgid) and the translation (msgstr). English is one of them, and the source of all others.

A machine's draft that nobody has reviewed is `fuzzy`, which tools call "needs editing". Such a draft is used if the
translator's comment `machine draft MARK` vouches for it: the mark is of key and English text, so a text that a tool
guessed from another phrase is never used.
"""

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from gettext import c2py
from importlib import resources
from io import BytesIO
from sys import intern
from zlib import crc32

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

_FOLDER = resources.files("idp.pages").joinpath("locale")


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of one language by their keys; the forms of one that counts are `KEY.0`, `KEY.1`, as `plural` says."""

    texts: Mapping[str, str]
    plural: Callable[[int], int]


def english_phrases() -> Phrases:
    """The English phrases of the package. Raises ValueError for a catalogue that is not whole."""
    return read_english(catalogue("en"), "en")


def catalogue(locale: str) -> bytes:
    """The package's PO file of this locale (`zh_Hans`)."""
    return _FOLDER.joinpath(locale, "LC_MESSAGES", "ciconia.po").read_bytes()


def draft_mark(message: Message) -> str:
    """The comment that vouches for a machine's draft of this message."""
    english = "\0".join((message.context or "", *_texts(message.id)))
    return f"machine draft {crc32(english.encode()):08x}"


def read_english(content: bytes, name: str) -> Phrases:
    """The English phrases in a PO or POT file. Raises ValueError for one that is not whole."""
    return _read(content, name, None)


def translated_phrases(locale: str, english: Mapping[str, str]) -> Phrases:
    """The phrases of the package in `locale` (`zh_Hans`). Raises ValueError like `read_translations`."""
    return read_translations(catalogue(locale), locale, english)


def read_translations(content: bytes, name: str, english: Mapping[str, str]) -> Phrases:
    """The translations in a PO file.

    Raises:
        ValueError: All phrases that are missing, idle, fuzzy, of another English text, or with other parts (`{name}`).
    """
    return _read(content, name, english)


def _read(content: bytes, name: str, english: Mapping[str, str] | None) -> Phrases:
    catalog = read_po(BytesIO(content), ignore_obsolete=True, abort_invalid=True)
    if problems := list(_problems(catalog, english)):
        raise ValueError(f"{name}: {'; '.join(problems)}")
    texts: dict[str, str] = {}
    for each in _messages(catalog):
        texts.update(_by_key(each, _texts(each.id if english is None else each.string)))
    return Phrases(texts, c2py(catalog.plural_expr))


def _problems(catalog: Catalog, english: Mapping[str, str] | None) -> Iterator[str]:
    seen: set[str] = set()
    for each in _messages(catalog):
        own, texts, parts = _by_key(each, _texts(each.id)), _texts(each.string), _parts(_texts(each.id)[-1])
        if not each.context or not seen.isdisjoint(own):
            yield f"{each.context or each.id} has no key (msgctxt) of its own"
        elif english is None:
            if any(texts) and list(texts) != list(_texts(each.id)):
                yield f"{each.context} has another English text than its msgid"
        elif any(english.get(key) != text for key, text in own.items()):
            yield f"{each.context} translates another English text"
        elif _unvouched(each) or not all(texts) or len(texts) != (catalog.num_plurals if each.pluralizable else 1):
            yield f"{each.context} is not translated"
        elif any(_parts(text) != parts for text in texts):
            yield f"{each.context} has other parts in braces"
        seen.update(own)
    yield from (f"{key} is missing" for key in english or () if key not in seen)


def _messages(catalog: Catalog) -> Iterator[Message]:
    """Every message but the head."""
    return (each for each in catalog if each.id)


def _unvouched(message: Message) -> bool:
    """Whether a text may be a tool's guess from another phrase."""
    return message.fuzzy and draft_mark(message) not in message.user_comments


def _by_key(message: Message, texts: Sequence[str]) -> dict[str, str]:
    """The texts by their keys."""
    key = intern(message.context or "")
    return {f"{key}.{place}": text for place, text in enumerate(texts)} if message.pluralizable else {key: texts[0]}


def _texts(found: str | Sequence[str] | None) -> Sequence[str]:
    """The one text, or all forms of one that counts."""
    return (found or "",) if found is None or isinstance(found, str) else found


def _parts(phrase: str) -> set[str]:
    """The names in braces. Raises ValueError for a brace without its other one."""
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}
