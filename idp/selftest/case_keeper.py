"""Cases as files, each with the side files of its entrance and the `ciconia inspect` command that asks the same."""

import os
import re
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path

from connectors.attacks.attack_case import AttackCase, Entrance
from idp.selftest.report import TriedCase

COMMANDS = "commands.txt"
_UNUSUAL = re.compile(r"[^a-z0-9.-]+")


def file_name(name: str) -> str:
    """The file of a case: its name, with nothing in it that a shell or a path would understand."""
    return f"{_UNUSUAL.sub('_', name.lower())}.case"


def side_files(entrance: Entrance, folder: Path) -> Sequence[str] | None:
    """Write what an entrance expects into `folder`; the arguments of `ciconia inspect` that name it, None without such."""
    if entrance.arguments is None:
        return None
    folder.mkdir(mode=0o700)
    for name, octets in entrance.files.items():
        # A private key is among them, and `inspect` takes none that others may read
        _write_new(folder / name, octets)
    return [argument.replace("{folder}", str(folder)) for argument in entrance.arguments]


class CaseKeeper:
    """Keeps cases in a folder, which holds nothing else: a file each, and one `commands.txt`.

    OSError where something stands there that is not an empty folder of ours: who may write into it could put a link in
    the place of a file, and have us write wherever it leads.
    """

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            _check_ours(folder)
        self._folder = folder.resolve()
        self._asked: dict[str, Sequence[str] | None] = {}

    def keep(self, case: AttackCase, tried: TriedCase) -> None:
        """Write one case, what its entrance expects, and a line that says what it is and how to ask again."""
        path = self._folder / file_name(case.name)
        _write_new(path, case.octets)
        entrance = _UNUSUAL.sub("_", case.entrance.name.lower())
        if entrance not in self._asked:
            self._asked[entrance] = side_files(case.entrance, self._folder / entrance)
        arguments = self._asked[entrance]
        asked = (
            "# `ciconia inspect` cannot be told what is expected here"
            if arguments is None
            else shlex.join(["ciconia", "inspect", str(path), *arguments])
        )
        with open(self._folder / COMMANDS, "a", encoding="utf-8", opener=_private) as file:
            file.write(f"# {tried.sentence}\n{asked}\n")


def _write_new(path: Path, octets: bytes) -> None:
    """Write a file that is not there yet, for nobody else to read at any time. FileExistsError, for a link too."""
    with open(path, "xb", opener=_private) as file:
        file.write(octets)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _check_ours(folder: Path) -> None:
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    if not ours or any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not an empty folder that is yours and only you may write into: name a new one.")
