"""The lines of a TOML file on which keys and tables stand, for people who mend it."""

import re

_LINE = re.compile(r"\(at line (\d+), column")


def line_told(error: ValueError) -> int:
    """The line that an error of tomllib names in its text, 1 where it names none (before Python 3.14)."""
    found = _LINE.search(str(error))
    return int(found[1]) if found else 1


def line_of(text: str, key: str, number: int = 1, *, after: int = 0) -> int:
    """The line on which a key or the header of a table stands, for the `number`th time; 1 where it stands nowhere."""
    lines = enumerate(text.splitlines(), 1)
    found = [at for at, line in lines if at >= after and line.split("=", 1)[0].strip().strip("[]\"'") == key]
    return found[number - 1] if number <= len(found) else 1
