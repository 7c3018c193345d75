"""Makes a new key, or moves a key's beginning. Nothing is ever replaced, and no reader finds half a file."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.signatures.key_ring import KeyState, Named, Scheduled
from idp.keys import kinds
from idp.keys.file import create_saml_key, create_token_key, self_signed, sync_folder, write_private
from idp.keys.folder import AnyRing
from idp.keys.hsm.address import TokenAddress, spelled
from idp.keys.hsm.generation import ED25519, P256, RSA, generate
from idp.keys.hsm.private_keys import TokenRsaKey, token_key
from idp.keys.kinds import KeyKind
from idp.keys.ledger_files import create_log_key

MINUTE = 60
# The kinds that a token can have, and what is made for them
_ALGORITHMS = {
    kinds.ES256: P256,
    kinds.RS256: RSA,
    kinds.SAML: RSA,
    kinds.OPENID: P256,
    kinds.NODE: RSA,
    kinds.NODE_METADATA: RSA,
    kinds.LOG: ED25519,
}
_NAMES = sorted(kind.name for kind in _ALGORITHMS)


def next_key(ring: AnyRing, now: int) -> Scheduled[Named] | None:
    """The key that waits for its moment and is not revoked; None if none does."""
    later: list[Scheduled[Named]] = [each for each in ring.scheduled if each.begins > now]
    waiting = [each for each in later if ring.state(each, now) is not KeyState.REVOKED]
    return waiting[-1] if waiting else None


def safe_from(kind: KeyKind, made: int) -> int:
    """The first minute in which everybody knows a key that is known since `made`."""
    return next_minute(made + kind.lead)


def next_minute(now: int) -> int:
    """The first minute that begins at `now` or later."""
    return -(-now // MINUTE) * MINUTE


def this_minute(now: int) -> int:
    """The minute that has begun."""
    return now // MINUTE * MINUTE


def make(
    folder: Path, kind: KeyKind, begins: int, *, host: str, now: int, production: bool, token: TokenAddress | None = None
) -> Path:
    """Write a new key of this kind that begins at a minute. Raises FileExistsError if one does already.

    `host` names its certificate, which begins `now`; `production` marks a key to which somebody may encrypt. A log's key is
    not in `log.vkey` yet (`idp.keys.ledger_files.list_log_keys`). `token`: the key is made there, and the file names it.
    Raises `KeysUnavailable`, and ValueError for a kind that no token can have.
    """
    path = folder / kind.file_from(begins)
    half = folder / f".{kind.name}-{secrets.token_hex(8)}"
    try:
        if token is not None:
            write_private(half, _in_token(token, kind, path.stem, host, now))
        elif kind is kinds.SEALING:
            write_private(half, f"{secrets.token_hex(32)}\n".encode())
        elif kind in (kinds.ES256, kinds.RS256):
            create_token_key(half, kind.name.upper())
        elif kind in (kinds.OPENID, kinds.OPENID_ENCRYPTION):
            create_token_key(half, "ES256", production=production and kind is kinds.OPENID_ENCRYPTION)
        elif kind is kinds.LOG:
            create_log_key(half)
        else:
            create_saml_key(half, host, now=now, production=production)
        with _alone(folder):
            os.link(half, path)
    finally:
        half.unlink(missing_ok=True)
    # Others will know this key, and it closes data: a power cut must not take it
    sync_folder(folder)
    return path


def _in_token(token: TokenAddress, kind: KeyKind, label: str, host: str, now: int) -> bytes:
    """The content of the file of a key that a token makes: its address, and its certificate where its kind has one."""
    if kind not in _ALGORITHMS:
        raise ValueError(f"a key of {kind.name} has to be in its file; a token can have {', '.join(_NAMES)}")
    key = token_key(generate(token, _ALGORITHMS[kind], label))
    certificate = self_signed(key, host, now) if isinstance(key, TokenRsaKey) and kind is not kinds.RS256 else b""
    return spelled(key.address).encode() + b"\n" + certificate


def move(folder: Path, kind: KeyKind, file: str, begins: int) -> Path:
    """Have the key of `file` begin at another minute.

    Raises FileExistsError if another key begins then, FileNotFoundError if `file` is gone.
    """
    path = folder / kind.file_from(begins)
    with _alone(folder):
        if path.exists():
            raise FileExistsError(str(path))
        # In one step: under two names it would be one key with two moments
        (folder / file).rename(path)
    sync_folder(folder)
    return path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other commands from naming keys here: a rename would replace a file that came meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some file systems of a network lock no folder: there it goes without
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
