"""Make a new key, or have one begin at another moment. Nothing is ever replaced, and no reader finds half a file."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.signatures.key_ring import KeyState, Named, Scheduled
from idp.keys import kinds
from idp.keys.file import create_saml_key, create_token_key, sync_folder, write_private
from idp.keys.folder import AnyRing
from idp.keys.kinds import KeyKind
from idp.keys.ledger_files import create_log_key

MINUTE = 60


def next_key(ring: AnyRing, now: int) -> Scheduled[Named] | None:
    """The key that waits for its moment and is not revoked, as the ring knows it; None where none does."""
    later: list[Scheduled[Named]] = [each for each in ring.scheduled if each.begins > now]
    waiting = [each for each in later if ring.state(each, now) is not KeyState.REVOKED]
    return waiting[-1] if waiting else None


def safe_from(kind: KeyKind, made: int) -> int:
    """The first minute in which a key that is known since `made` may sign without anybody meeting it for the first time."""
    return next_minute(made + kind.lead)


def next_minute(now: int) -> int:
    """The first minute that begins at `now` or later."""
    return -(-now // MINUTE) * MINUTE


def this_minute(now: int) -> int:
    """The minute that has begun."""
    return now // MINUTE * MINUTE


def make(folder: Path, kind: KeyKind, begins: int, *, host: str, now: int, production: bool) -> Path:
    """Write a new key of this kind that begins at a minute. Raises FileExistsError where one does already.

    `host` names its certificate, which begins `now`; `production` marks a key to which somebody may encrypt. A log's key is
    not in `log.vkey` yet (`idp.keys.ledger_files.list_log_keys`).
    """
    path = folder / kind.file_from(begins)
    half = folder / f".{kind.name}-{secrets.token_hex(8)}"
    try:
        if kind is kinds.SEALING:
            write_private(half, f"{secrets.token_hex(32)}\n".encode())
        elif kind in (kinds.ES256, kinds.RS256):
            create_token_key(half, kind.name.upper())
        elif kind is kinds.LOG:
            create_log_key(half)
        else:
            create_saml_key(half, host, now=now, production=production)
        with _alone(folder):
            os.link(half, path)
    finally:
        half.unlink(missing_ok=True)
    # Others are told of this key, and data is closed with it: it must be there after a power cut, too
    sync_folder(folder)
    return path


def move(folder: Path, kind: KeyKind, file: str, begins: int) -> Path:
    """Have the key of `file` begin at another minute.

    Raises FileExistsError where another one begins then, FileNotFoundError where `file` is gone.
    """
    path = folder / kind.file_from(begins)
    with _alone(folder):
        if path.exists():
            raise FileExistsError(str(path))
        # In one step: under two names at once it would be one key for two moments
        (folder / file).rename(path)
    sync_folder(folder)
    return path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other command gives a key its name here: a rename replaces what came since it was looked for."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some file systems of a network lock no folder: there it goes without
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
