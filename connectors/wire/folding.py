"""Texts as people look for them: without case, accents and punctuation."""

import unicodedata

# Letters that Unicode does not decompose, as people type them on a keyboard without them
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"})
# Scripts from here on (CJK radicals, kana, Han) put no spaces between words
_WITHOUT_SPACES = "\u2e80"


def folded(text: str) -> str:
    """The text in small letters, without accents, with one space between words."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in parts if not unicodedata.combining(letter)).translate(_LETTERS)
    return " ".join("".join(letter if letter.isalnum() else " " for letter in bare).split())


def place_in(text: str, wanted: str) -> int:
    """Where something wanted begins a word of a text, both folded; -1 where it does not.

    In scripts without spaces between words it may stand anywhere.
    """
    return text.find(wanted) if max(wanted) >= _WITHOUT_SPACES else f" {text}".find(f" {wanted}")
