"""Which texts have something to see in them. One that has nothing stands for nothing, however many characters it has."""

import unicodedata

# Printable characters that show nothing: the space, Braille without a dot, and the default-ignorable ones beside the format
# characters (Unicode Standard §5.21): the joiner of graphemes, fillers of Hangul, two vowels of Khmer, variation selectors
_UNSEEN = frozenset(
    " \u2800\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)


# Letters where a font has them, though Python does not print them: private use, or newer than Python's Unicode. Those in
# `_NEVER` are unassigned, in a block of ignored characters
_LETTERS = frozenset({"Co", "Cn"})
_NEVER = frozenset(map(chr, (0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000))))


def is_visible(text: str) -> bool:
    """Whether any character of a text can be seen: no space, no control, no mark of format can, nor what is ignored."""
    # It is nearly always the first, and a generator for `any` would cost more than to look at it
    for mark in text:
        if mark.isprintable():
            if mark not in _UNSEEN:
                return True
        elif unicodedata.category(mark) in _LETTERS and mark not in _NEVER:
            return True
    return False
