"""Which texts need a transliteration beside them: those with characters outside the Latin script.

The standard library does not know Unicode's scripts, but the names of its characters do: the script is their first word.
Where a name does not tell, the answer is the careful one: not Latin.
"""

import unicodedata

# Letters that are Latin, or of no script at all, and whose names begin otherwise
_LETTERS = frozenset("ªºµˇ\u212a\u212b\u2071\u207f")  # ordinals, micro, caron, Kelvin, Angstrom, superscript i and n
_LATIN = ("LATIN ", "FULLWIDTH LATIN ")
_MODIFIER = "MODIFIER LETTER "
# A modifier letter of another script says so in some word of its name
_OTHERS = frozenset(
    ("GREEK", "CYRILLIC", "GEORGIAN", "CHINESE", "BETA", "GAMMA", "DELTA", "THETA", "PHI", "CHI", "RHO"),
)
_MARKS = ("COMBINING ", "VARIATION SELECTOR")
_OTHER_MARKS = tuple(
    f"COMBINING {script}"
    for script in ("CYRILLIC", "DEVANAGARI", "GLAGOLITIC", "GRANTHA", "GREEK", "KATAKANA", "OLD PERMIC")
)
_NUMBERS = ("DIGIT ", "FULLWIDTH DIGIT ", "SUPERSCRIPT ", "SUBSCRIPT ", "VULGAR FRACTION ", "ROMAN NUMERAL ")
# Punctuation, symbols and spaces of no script (Scripts.txt); beyond are those of others: Braille, Han radicals, Yi
_COMMON = (
    (0x80, 0x2E9),
    (0x2EC, 0x36F),
    (0x2000, 0x27FF),
    (0x2900, 0x2BFF),
    (0x2E00, 0x2E5D),
    (0x3000, 0x3004),
    (0xFF01, 0xFF3D),
    (0x1F300, 0x1FAFF),
)
# C1 controls, the soft hyphen, joiners and directions; what is private or unassigned is of no script that we know
_FORMATS = frozenset((*range(0x80, 0xA0), 0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)))


def is_latin(text: str) -> bool:
    """Whether all characters are of Unicode's scripts Latin, Common or Inherited (eIDAS SAML Attribute Profile §2.4)."""
    return all(_is_latin(character) for character in text)


def _is_latin(character: str) -> bool:
    if character.isascii():
        return True
    name = unicodedata.name(character, "")
    match unicodedata.category(character)[0]:
        case "L":
            if name.startswith(_MODIFIER):
                return _OTHERS.isdisjoint(name.split())
            return character in _LETTERS or name.startswith(_LATIN)
        case "M":
            return name.startswith(_MARKS) and not name.startswith(_OTHER_MARKS)
        case "N":
            return name.startswith(_NUMBERS)
        case "C":
            return ord(character) in _FORMATS
        case _:
            return any(first <= ord(character) <= last for first, last in _COMMON)
