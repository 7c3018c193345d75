"""Which texts of a message may stand for something."""

import unicodedata

from policies.visible import is_visible

# saml2int SDP-G02: attribute values have at most 256 characters; SAML Core 2.0 §8.3.7 says the same of a persistent NameID
MAX_VALUE = 256

_CONTROLS = ("Cc", "Cs", "Cn", "Zl", "Zp")


def is_plain(text: str) -> bool:
    """Whether a text may stand for something: 1 to 256 characters, no control characters, something to see."""
    if len(text) > MAX_VALUE or not is_visible(text):
        return False
    # A printable text has none of them, and nearly every text is printable
    return text.isprintable() or not any(unicodedata.category(mark) in _CONTROLS for mark in text)
