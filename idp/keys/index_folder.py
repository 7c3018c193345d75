"""The keys that find a person, in a folder apart from the keys that open records (decision 0067).

`index.key` finds a person's records. `pairwise.key` makes their `sub`, which each opened record has, so it would find them
as well. `openings.key` opens records, and stays in the key folder. Where `index_keys` names a folder, nothing serves while
one folder has keys of both kinds.
"""

import os
import secrets
import shlex
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from idp.keys.file import sync_folder, write_private
from idp.keys.ledger_files import OPENINGS_KEY
from idp.keys.secret_files import INDEX_KEY, PAIRWISE_KEY, load_index, load_pairwise
from idp.system.files import read_whole
from idp.system.ownership import assert_open
from policies.errors import Misconfigured, Problem
from policies.pseudonyms import PairwiseKey

SETTING = "index_keys"
FINDING = (INDEX_KEY, PAIRWISE_KEY)


def faults_of_place(folder: Path, apart: Path) -> Iterator[Problem]:
    """Faults of the folder `apart` itself: it is not there, or is one with the key folder."""
    try:
        assert_open(apart, SETTING)
    except Misconfigured as error:
        yield from error.problems
        return
    if not apart.is_dir():
        what = f"there is no such folder, and {' and '.join(FINDING)} belong there: they find a person's records."
        yield Problem(str(apart), 0, SETTING, what, "Mount it, or restore it from its own backup.")
        return
    one, other = folder.resolve(), apart.resolve()
    if one == other or one in other.parents or other in one.parents:
        what = f"it and {folder} are one, or one lies in the other: a copy finds a person and opens their records."
        yield Problem(str(apart), 0, SETTING, what, "Name a folder on another disk, or of another machine.")
    if os.path.lexists(apart / OPENINGS_KEY):
        what = f"it lies beside {INDEX_KEY}: a copy of this folder finds a person and opens their records."
        fix = f"Compare it with the one in {shlex.quote(str(folder))}, and remove it here."
        yield Problem(str(apart / OPENINGS_KEY), 0, OPENINGS_KEY, what, fix)


def faults_of_custody(folder: Path, apart: Path) -> Iterator[Problem]:
    """`faults_of_place`, and each key that is still in the key folder."""
    yield from faults_of_place(folder, apart)
    for name in FINDING:
        if os.path.lexists(folder / name):
            what = f"it lies beside {OPENINGS_KEY}, and {SETTING} names another folder for it."
            yield Problem(str(folder / name), 0, name, what, "`ciconia keys separate` moves it there.")


def load_names(folder: Path, apart: Path | None, problems: list[Problem]) -> tuple[bytes | None, PairwiseKey | None]:
    """The keys that find a person, of `apart` or else of the key folder; None where one is among the problems."""
    faults = () if apart is None else tuple(faults_of_custody(folder, apart))
    problems += faults
    place = apart or folder
    return (None, None) if faults else (load_index(place, problems), load_pairwise(place, problems))


def separate(folder: Path, apart: Path) -> Collection[str]:
    """Move the keys that find a person from the key folder to `apart`; returns the names of those that were moved.

    If it stops midway, each key is whole in one of the folders or in both, and the next call goes on. Raises
    `Misconfigured`, and removes nothing then, and `OSError`.
    """
    problems = list(faults_of_place(folder, apart))
    if problems:
        raise Misconfigured(tuple(problems))
    moving = [name for name in FINDING if os.path.lexists(folder / name)]
    for name in moving:
        content, new = read_whole(folder / name), apart / name
        if not new.exists():
            _write(new, content)
        if read_whole(new) != content:
            fix = "Find out which one the database was made with, and take the other one away."
            problems.append(Problem(str(new), 0, name, f"it is another key than the one in {folder}.", fix))
    sync_folder(apart)
    load_index(apart, problems)
    load_pairwise(apart, problems)
    if problems:
        raise Misconfigured(tuple(problems))
    for name in moving:
        (folder / name).unlink()
    sync_folder(folder)
    return moving


def _write(path: Path, content: bytes) -> None:
    """Write a key whole or not at all, in place of none."""
    half = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        write_private(half, content)
        with suppress(FileExistsError):  # another command was first: the contents are compared
            os.link(half, path)
    finally:
        half.unlink(missing_ok=True)
