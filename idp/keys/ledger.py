"""The files of a ledger's keys.

`log.key` (PEM, PKCS#8) signs checkpoints and receipts from the beginning, `log-20261125T2100Z.key` from that minute on.
`log.vkey` beside them has the public half of each in its text form: a line for each key that ever signed, whose private
half may be gone, or which may be revoked. Auditors get those that count at `/log/vkey`. `openings.key` (32 bytes as hex) is
the master of everything that the database keeps encrypted. With it and the database an operator reads openings; without it
a copy of the database says nothing.
"""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from idp.belonging import assert_open
from idp.files import read_whole
from idp.keys.file import fix_of_unread, write_private
from idp.keys.kinds import LOG
from idp.keys.ring import Scheduled
from idp.transparency.checkpoint import VerifierKey, is_key_name, written_keys
from idp.transparency.keys import KEY_BYTES, LedgerKeys, LogKey, LogKeys, ledger_keys, with_masters
from policies.errors import Misconfigured, Problem, SignatureInvalid

LOG_VKEY = "log.vkey"
OPENINGS_KEY = "openings.key"
_RESTORE = "restore it from its backup; `ciconia init` makes fresh keys for a fresh ledger only"


def create_ledger_keys(folder: Path, origin: str) -> LedgerKeys:
    """Make fresh keys in `folder` (files of mode 0600; an existing one is never replaced) and load them."""
    signer, master = Ed25519PrivateKey.generate(), secrets.token_bytes(KEY_BYTES)
    keys = ledger_keys(_checked_origin(folder, origin), signer, master)
    write_private(folder / LOG.file, _pem(signer))
    write_private(folder / OPENINGS_KEY, master.hex().encode() + b"\n")
    with (folder / LOG_VKEY).open("x", encoding="utf-8") as file:
        file.write(written_keys(keys.log.known))
    return keys


def create_log_key(path: Path) -> None:
    """Write a new key of a log. Its line is missing from `log.vkey` until `list_log_keys`."""
    write_private(path, _pem(Ed25519PrivateKey.generate()))


def list_log_keys(folder: Path, origin: str) -> None:
    """Add the keys of the folder to `log.vkey`, behind whatever stands there. Raises `Misconfigured`."""
    lines = _lines(folder)
    fresh = [line for line in map(str, reversed(load_ledger_keys(folder, origin).log.known)) if line not in lines]
    # What is there is the only copy of keys that are gone: it is never written again
    with (folder / LOG_VKEY).open("ab") as file:
        file.write("".join([f"\n{line}" for line in fresh]).encode().removeprefix(b"\n" if _ends(folder) else b""))
        file.write(b"\n" if fresh else b"")
        file.flush()
        os.fsync(file.fileno())


def load_ledger_keys(folder: Path, origin: str, *, any_log_key: bool = False) -> LedgerKeys:
    """Load what was made here. Raises `Misconfigured` naming the file that does not serve.

    `any_log_key` is for who signs nothing: one key of the log that serves is enough.
    """
    _checked_origin(folder, origin)
    assert_open(folder, "keys")
    keys: list[Scheduled[LogKey]] = []
    problems: list[Misconfigured] = []
    for name, begins in (LOG.files(folder) or {LOG.file: 0}).items():
        try:
            keys.append(Scheduled(begins, LogKey(origin, _log_key(folder / name)), name))
        except Misconfigured as error:
            problems.append(error)
    if problems and not (any_log_key and keys):
        raise problems[0]
    gone = [key for key in map(listed, _lines(folder)) if key is not None and key.name == origin]
    return with_masters(origin, LogKeys(keys, gone), _master(folder / OPENINGS_KEY))


def _log_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(read_whole(path), password=None)
    except OSError as error:
        raise _unread(path, error) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _useless(path, "is not a key") from None  # the cause may quote the file: it is not chained
    if not isinstance(key, Ed25519PrivateKey):
        raise _useless(path, "is not the kind of key that belongs here")
    return key


def _master(path: Path) -> bytes:
    try:
        master = bytes.fromhex(read_whole(path).decode("ascii").strip())
    except OSError as error:
        raise _unread(path, error) from None
    except ValueError:
        raise _useless(path, "is not a key") from None
    if len(master) != KEY_BYTES:
        raise _useless(path, "is not the kind of key that belongs here")
    return master


def _lines(folder: Path) -> list[str]:
    """The lines of `log.vkey`; none where there is no such file."""
    path = folder / LOG_VKEY
    try:
        return read_whole(path).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unread(path, error) from None


def _ends(folder: Path) -> bool:
    """Whether the last line of `log.vkey` has its end."""
    return (folder / LOG_VKEY).read_bytes()[-1:] in (b"", b"\n")


def listed(line: str) -> VerifierKey | None:
    """The key of a line of `log.vkey`. What is no key counts for nothing, and takes no other key with it."""
    try:
        return VerifierKey.read(line)
    except SignatureInvalid:
        return None


def _unread(path: Path, error: OSError) -> Misconfigured:
    what, fix = f"cannot be read ({error.strerror}).", _RESTORE
    if isinstance(error, PermissionError):
        fix = fix_of_unread(path, error)
    return Misconfigured((Problem(str(path), 0, path.name, what, fix),))


def _useless(path: Path, what: str) -> Misconfigured:
    return Misconfigured((Problem(str(path), 0, path.name, f"{what}.", _RESTORE),))


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _checked_origin(folder: Path, origin: str) -> str:
    """The origin, where it may name a key: what stands in every checkpoint cannot be mended later."""
    if is_key_name(origin):
        return origin
    problem = Problem(
        str(folder), 0, "origin", "a log's name has no space and no plus.", "use host and path, as city.example/log"
    )
    raise Misconfigured((problem,))
