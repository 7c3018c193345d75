"""Cases as files, each with the side files of its entrance and the `ciconia inspect` command that asks the same."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from idp.selftest.case import Case, Entrance
from idp.selftest.report import Tried

COMMANDS = "commands.txt"
_UNUSUAL = re.compile(r"[^a-z0-9.-]+")


def file_name(name: str) -> str:
    """The file of a case: its name, with nothing in it that a shell or a path would understand."""
    return f"{_UNUSUAL.sub('_', name.lower())}.case"


def side_files(entrance: Entrance, folder: Path) -> Sequence[str] | None:
    """Write what an entrance expects into `folder`; the arguments of `ciconia inspect` that name it, None without such."""
    if entrance.arguments is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for name, octets in entrance.files.items():
        path = folder / name
        path.write_bytes(octets)
        # A private key is among them, and `inspect` takes none that others may read
        path.chmod(0o600)
    return [argument.replace("{folder}", str(folder)) for argument in entrance.arguments]


class Keeper:
    """Keeps cases in a folder, which holds nothing else: a file each, and one `commands.txt`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()

    def keep(self, case: Case, tried: Tried) -> None:
        """Write one case, what its entrance expects, and a line that says what it is and how to ask again."""
        path = self._folder / file_name(case.name)
        path.write_bytes(case.octets)
        expects = self._folder / _UNUSUAL.sub("_", case.entrance.name.lower())
        arguments = side_files(case.entrance, expects)
        asked = (
            "# `ciconia inspect` cannot be told what is expected here"
            if arguments is None
            else shlex.join(["ciconia", "inspect", str(path), *arguments])
        )
        with (self._folder / COMMANDS).open("a", encoding="utf-8") as file:
            file.write(f"# {tried.sentence}\n{asked}\n")
