"""Reads `operators/NAME.pub`: the public keys of one person, a line each, as `ssh-keygen` writes them."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from policies.errors import Problem
from policies.load.table import IDENTIFIER
from policies.operators import OperatorKey, Operators, read_line

PATTERN = "operators/*.pub"
# A key in use, one in a safe, and those that take over
MAX_KEYS = 16
_FIX = "write a line of `ssh-keygen -t ed25519` or `ssh-keygen -t ed25519-sk` for each key: the file that ends in .pub."


def read_operators(files: Mapping[str, bytes], problems: list[Problem]) -> Operators:
    """The persons of a configuration. Nobody's key is another person's, too: they could approve their own plan."""
    keys: dict[OperatorKey, str] = {}
    for file in sorted(file for file in files if fnmatchcase(file, PATTERN) and file.count("/") == 1):
        name, found = file.partition("/")[2].removesuffix(".pub"), 0
        if not IDENTIFIER.fullmatch(name):
            problems.append(Problem(file, 0, "file", "is no name.", "use letters, digits, dots, hyphens and underscores."))
        for number, line in enumerate(files[file].decode("utf-8", "replace").split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found += 1
            try:
                key = read_line(line.rstrip("\r"))
            except ValueError as error:
                problems.append(Problem(file, number, "key", f"{error}.", _FIX))
                continue
            if key in keys:
                what = f"operators/{keys[key]}.pub has this key already."
                problems.append(Problem(file, number, "key", what, "give each person keys of their own."))
            keys.setdefault(key, name)
        if not 0 < found <= MAX_KEYS:
            problems.append(Problem(file, 0, "key", f"has {found or 'no'} keys.", f"{_FIX} At most {MAX_KEYS}."))
    return keys
