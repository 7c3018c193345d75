"""Each language's alphabetical order, for names of countries.

Letters with accents sort as their base, and accents decide between equals. Where a language has letters of its own
beside those, CLDR's collation says so, and `_LETTERS` repeats it. What CLDR has beyond that is left out: case, and
accents of one letter among each other. Chinese sorts by its old encodings: GB 2312 by pinyin, Big5 by strokes.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache

from connectors.wire.folding import folded

SortKey = Callable[[str], tuple[object, ...]]

# Letters of their own, each group after the letter before it: Czech ch comes after h. A stroke stands between equal ones
_LETTERS: Mapping[str, str] = {
    "bg": "и й",
    "cs": "c č,h ch,r ř,s š,z ž",
    "da": "y ü|ű,z æ|ä ø|ö|ő å|aa",
    "es": "n ñ",
    "et": "s š z ž,w õ ä ö ü x y",
    "fi": "y ü|ű,z å ä|æ ö|ø",
    "hr": "c č ć,d dž đ,l lj,n nj,s š,z ž",
    "hu": "c cs,d dz dzs,g gy,l ly,n ny,o ö|ő,s sz,t ty,u ü|ű,z zs",
    "lt": "c č,s š,z ž",
    "lv": "a ā,c č,e ē,g ģ,i ī,k ķ,l ļ,n ņ,o ō,r ŗ,s š,u ū,z ž",
    "mt": "b ċ,f ġ,g għ,h ħ,y ż",
    "pl": "a ą,c ć,e ę,l ł,n ń,o ó,s ś,z ź ż",
    "ro": "a ă â,i î,s ș|ş,t ț|ţ",
    "sk": "a ä,c č,h ch,o ô,r ř,s š,z ž",
    "sl": "c č ć,d đ,s š,z ž",
    "sv": "y ü|ű,z å ä|æ|ę ö|ø|ő|œ",
}
# Letters that differ from another one as much as an accent does
_ALIKE: Mapping[str, Mapping[int, str]] = {"lt": {ord("y"): "i"}}
_ENCODINGS: Mapping[str, str] = {"zh-Hans": "gb18030", "zh-Hant": "big5hkscs"}


@cache
def sort_key(tag: str) -> SortKey:
    """The sort key of texts in this language; a language without letters of its own sorts by base letters."""
    if tag in _ENCODINGS:
        return lambda text: (text.encode(_ENCODINGS[tag], "replace"), text)
    places: dict[str, tuple[str, int]] = {}
    for group in filter(None, _LETTERS.get(tag, "").split(",")):
        base, *own = group.split()
        places |= {letter: (base, place) for place, letters in enumerate(own, 1) for letter in letters.split("|")}
    longest_first = "|".join(sorted(map(re.escape, places), key=len, reverse=True))
    alike = _ALIKE.get(tag, {})
    letters = re.compile(f"{longest_first}|." if places else ".", re.DOTALL)

    def key(text: str) -> tuple[object, ...]:
        found: list[tuple[str, int]] = []
        for letter in letters.findall(unicodedata.normalize("NFC", text.casefold())):
            bare = letter if letter == " " else folded(letter) or "!"
            found += [places[letter]] if letter in places else [(base, 0) for base in bare.translate(alike)]
        return (tuple(found), text)

    return key
