"""How the command line speaks: plain sentences, problems with file, line, key and fix, and JSON where asked."""

import json
from pathlib import Path

from rich.console import Console

from policies.errors import Misconfigured

# emoji: else `12:AB:34` in a fingerprint, which people compare by eye, is shown as 12 and a pictogram
_OUT = Console(emoji=False, highlight=False, soft_wrap=True)
_ERROR = Console(stderr=True, emoji=False, highlight=False, soft_wrap=True)


def say(text: str, *, error: bool = False) -> None:
    """One line for a person; on stderr where something is wrong."""
    (_ERROR if error else _OUT).print(text, markup=False)


def problems(error: Misconfigured, *, as_json: bool = False) -> None:
    """Every problem at once."""
    if as_json:
        found = [{"file": p.file, "line": p.line, "key": p.key, "what": p.what, "fix": p.fix} for p in error.problems]
        print(json.dumps({"problems": found}, ensure_ascii=False))
        return
    for problem in error.problems:
        say(str(problem), error=True)


def taken(directory: Path) -> bool:
    """Whether something stands there already that a command must not write into. An empty folder is free."""
    return directory.exists() and (not directory.is_dir() or any(directory.iterdir()))
