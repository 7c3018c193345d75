"""What is not the account's that the broker runs as. Root alone sees it: root reads everything, and the broker does not.

That account is the owner of each folder; of a folder of root's, the owner of the keys, which nobody else may read.
"""

import os
import pwd
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from idp.belonging import ROOT
from idp.doctor.case import Case
from idp.doctor.finding import Finding, Severity
from idp.doctor.keys import KNOWN
from idp.doctor.postgres import is_postgres_url
from idp.keys.kinds import kind_of
from idp.settings import SETTINGS_FILE
from idp.store.engine import database_file
from policies.errors import Misconfigured
from policies.load import FOLDERS

_STOPS = (
    "The broker runs as that account: it neither starts nor reloads with what it cannot read, nor records what it releases."
)
_READ = "The broker can read it, and whoever runs commands as its account cannot change it."
READ, ENTER, WRITE = 0o4, 0o5, 0o6
_BESIDE = ("", "-wal", "-shm")


def owners(case: Case) -> Iterator[Finding]:
    """Each file and folder that the account cannot read, or that is another's in a folder of its own."""
    keys = case.settings.key_folder
    account = account_of(keys, case.folder)
    parts = [case.folder / name for name in (SETTINGS_FILE, *FOLDERS, *sorted(case.files))]
    parts += [keys, *(path for path in _inside(keys) if path.name in KNOWN or kind_of(path.name))]
    if (witness := case.settings.witness_path) is not None:
        parts += [witness, *_inside(witness)]
    yield from foreign(parts, account, case.name)
    yield from foreign(_database(case), account, case.name, need=WRITE)


def foreign(paths: Iterable[Path], account: int, name: Callable[[Path], str], *, need: int = READ) -> Iterator[Finding]:
    """A finding for each of `paths` that is another's; `account` counts where a folder is root's. Nothing but for root."""
    if os.geteuid() != ROOT:
        return
    for path in paths:
        try:
            above, state = path.resolve().parent.stat(), path.stat()
        except OSError:
            continue  # other checks name what is not there
        reader = above.st_uid or account
        if reader == ROOT:
            continue
        wanted = ENTER if stat.S_ISDIR(state.st_mode) else need
        if not _may(state, reader, above.st_gid, wanted):
            whose = "whose folder it lies in" if above.st_uid else "whose the keys are"
            cannot = "write to it" if wanted == WRITE else "read it"
            what = f"it belongs to {_told(state.st_uid)}, and {_told(reader)}, {whose}, cannot {cannot}."
            yield Finding(Severity.ERROR, name(path), 0, "owner", what, _STOPS, _fix(path, state, reader))
        elif state.st_uid not in (above.st_uid, reader):
            what = f"it belongs to {_told(state.st_uid)}, and its folder to {_told(reader)}."
            yield Finding(Severity.NOTICE, name(path), 0, "owner", what, _READ, _fix(path, state, reader))


def account_of(*folders: Path) -> int:
    """The owner of the first of these folders that is not root's; root where all are."""
    for folder in folders:
        try:
            if owner := folder.stat().st_uid:
                return owner
        except OSError:
            continue
    return ROOT


def _may(state: os.stat_result, account: int, group: int, wanted: int) -> bool:
    """Whether an account may do what the bits of `wanted` say; it counts as a member of its folder's `group`."""
    if state.st_uid == account:
        return state.st_mode >> 6 & wanted == wanted
    bits = state.st_mode >> 3 if state.st_gid in {group, *_groups(account)} else state.st_mode
    return bits & wanted == wanted


def _groups(account: int) -> list[int]:
    try:
        known = pwd.getpwuid(account)
    except KeyError:
        return []
    return os.getgrouplist(known.pw_name, known.pw_gid)


def _told(account: int) -> str:
    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:
        return str(account)


def _fix(path: Path, state: os.stat_result, reader: int) -> str:
    command = "chmod u+rwX" if state.st_uid == reader else f"chown {_told(reader)}"
    return f"{command} {shlex.quote(str(path))}"


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _database(case: Case) -> Iterator[Path]:
    """SQLite's files. PostgreSQL's belong to its own server."""
    if is_postgres_url(case.settings.database_url):
        return
    try:
        path = database_file(case.settings.database_url)
    except Misconfigured:
        return
    yield from (path.with_name(path.name + end) for end in _BESIDE)
