"""Files that the broker ignores, and files that others may write to, or read a password in."""

import os
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import make_url

from idp.config.settings import SETTINGS_FILE, Settings
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.pages.theme import THEME_FILE
from policies.load import FOLDERS, PATTERNS

_HIDDEN_OK = frozenset({".gitignore", ".gitkeep", ".git"})
# A whole disk may hang below a folder
_MAX_FILES = 10_000
_UNREAD = "What stands in it counts for nothing, however much it looks like configuration."
_WRITABLE = "Whoever has an account on this machine could register a service, or send citizens elsewhere."
_PASSWORD = "Whoever has an account on this machine could read the password, and change or delete what is behind it."
OTHERS_WRITE = 0o002
OTHERS_READ = 0o044
# libpq's parameters of an address that are secrets, and valkey's
_SECRETS = frozenset({"password", "sslpassword"})


def stray_files(case: Examination) -> Iterator[DoctorFinding]:
    """Finds each file that looks like configuration, and that the broker ignores."""
    for path in _walk(case):
        name = path.relative_to(case.folder).as_posix()
        if name in (SETTINGS_FILE, THEME_FILE) or name in case.files or path.name in _HIDDEN_OK:
            continue
        top = name.partition("/")[0]
        expected = [pattern for pattern in PATTERNS if pattern.startswith(f"{top}/")] if "/" in name else []
        if top in FOLDERS and "/" in name and not _expected(name, expected):
            known = " and ".join(dict.fromkeys(pattern.partition("/")[2] for pattern in expected))
            what = f"nobody reads it: in {top}/ there are {known}, and no folders below."
            yield NOTICE(name, "file", what, _UNREAD, "Give it the right name and place, or move it out of the folder.")
        elif top not in FOLDERS and name.lower().endswith(".toml"):
            known = f"{', '.join(one for one in PATTERNS if '/' not in one)}, {THEME_FILE} and {SETTINGS_FILE}"
            what = f"nobody reads it: outside of their folders there are {known}."
            yield NOTICE(
                name, "file", what, _UNREAD, f"Move it into one of {', '.join(sorted(FOLDERS))}, or out of the folder."
            )


def _expected(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) and name.count("/") == pattern.count("/") for pattern in patterns)


def permissions(case: Examination) -> Iterator[DoctorFinding]:
    """Finds parts of the configuration that everybody may change, and a password that others may read."""
    yield from _writable(case)
    yield from _readable(case)


def _readable(case: Examination) -> Iterator[DoctorFinding]:
    path, told = case.folder / SETTINGS_FILE, list(_passwords(case.settings))
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # the check of the settings names it
    if told and mode & OTHERS_READ:
        what = f"others than its owner may read it (mode {mode & 0o7777:o}), and {' and '.join(told)} has a password."
        fix = f"chmod 600 {shlex.quote(str(path))}, as the account that the broker runs as; and change the password."
        yield WARNING(SETTINGS_FILE, "permissions", what, _PASSWORD, fix)


def _passwords(settings: Settings) -> Iterator[str]:
    """The names of the settings whose address has a password."""
    database, valkey = make_url(settings.database_url), urlsplit(settings.valkey)
    if database.password or _SECRETS & database.query.keys():
        yield "database"
    if valkey.password or _SECRETS & parse_qs(valkey.query).keys():
        yield "valkey"


def _writable(case: Examination) -> Iterator[DoctorFinding]:
    parts = [case.folder, *(case.folder / name for name in (SETTINGS_FILE, THEME_FILE, *sorted(FOLDERS)))]
    for path in [*parts, *(case.folder / name for name in sorted(case.files))]:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & OTHERS_WRITE:
            name = case.name(path)
            what = f"everybody on this machine may write to it (mode {mode & 0o7777:o})."
            yield ERROR(name, "permissions", what, _WRITABLE, f"chmod o-w {shlex.quote(str(path))}")


def _walk(case: Examination) -> Iterator[Path]:
    """Every file below the folder except git's and those of the key folders, which have a check of their own."""
    keys, count = {each.resolve() for each in case.settings.key_folders}, 0
    for where, folders, names in os.walk(case.folder):
        folders[:] = sorted(name for name in folders if name != ".git" and (Path(where) / name).resolve() not in keys)
        for name in sorted(names):
            count += 1
            if count > _MAX_FILES:
                return
            yield Path(where) / name
