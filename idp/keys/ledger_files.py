"""The files of a ledger's keys.

`log.key` (PEM, PKCS#8) signs checkpoints and receipts from the beginning, `log-20261125T2100Z.key` from that minute on.
`log.vkey` has the public half of every key that ever signed, also of a key that is gone or revoked. Each later key is
vouched for by the key before it (`idp.ledger.key_list`), and each whose private half is here signed for its own place: so
the whole file is refused if somebody adds a line. Auditors get it at `/log/vkey`. `openings.key` (32 bytes as hex) is the
master of everything that the database keeps encrypted: without it a copy of the database says nothing.
"""

import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.signatures.key_ring import Scheduled
from idp.keys.file import fix_of_unread, pem_of, sync_folder, write_private
from idp.keys.hsm.address import is_address
from idp.keys.hsm.loading import load_token_key
from idp.keys.kinds import LOG
from idp.ledger.checkpoint import SIGNATURE_MARK, VerifierKey, is_key_name
from idp.ledger.key_list import KeyList, begun_with, read_list
from idp.ledger.ledger_keys import KEY_BYTES, LedgerKeys, LogKey, LogKeys, ledger_keys, with_masters
from idp.system.files import read_whole
from idp.system.ownership import assert_open
from policies.errors import Misconfigured, Problem, SignatureInvalid

LOG_VKEY = "log.vkey"
OPENINGS_KEY = "openings.key"
_VOUCH = (
    "copy it from the machine that made the newest key of the log; where a line is none of yours, take it out; where keys "
    "are from before each had to be vouched for, `ciconia keys vouch --config DIR`"
)
_BRING = (
    "bring its file back from its backup, or from the machine that has it; where it is lost and never signed anything, "
    "take its line out of log.vkey"
)
_RESTORE = "restore it from its backup; `ciconia init` makes fresh keys for a fresh ledger only"


def create_ledger_keys(folder: Path, origin: str) -> LedgerKeys:
    """Make fresh keys in `folder` (files of mode 0600; an existing one is never replaced) and load them."""
    signer, master = Ed25519PrivateKey.generate(), secrets.token_bytes(KEY_BYTES)
    keys = ledger_keys(_checked_origin(folder, origin), signer, master)
    write_private(folder / LOG.file, pem_of(signer))
    write_private(folder / OPENINGS_KEY, master.hex().encode() + b"\n")
    with (folder / LOG_VKEY).open("x", encoding="utf-8") as file:
        file.write(keys.log.listed.text)
    return keys


def create_log_key(path: Path) -> None:
    """Write a new key of a log, which `list_log_keys` adds to `log.vkey`."""
    write_private(path, pem_of(Ed25519PrivateKey.generate()))


def list_log_keys(folder: Path, origin: str) -> Callable[[], None]:
    """Add the keys of the folder to `log.vkey`, each vouched for by the key before it. Raises `Misconfigured`.

    The result puts the file back as it was.
    """
    signers, before = _signers(folder, origin), _read_list(folder, origin)
    found = before
    for key in signers:
        if found is None:
            found = begun_with(key)
        elif key not in found.keys:
            if found.last not in signers:
                what = f"the private half of {found.last.key_id.hex()}, which would vouch for the next key, is not here."
                raise _unvouched(folder, what, _BRING)
            found = found.followed_by(key, signers)
    if found is not None and found != before:
        # The file is the only copy of keys that are gone: its lines stay as they are
        there = (folder / LOG_VKEY).exists()
        kept = read_whole(folder / LOG_VKEY) if there else b""
        fresh = found.text.removeprefix(before.text if before is not None else "")
        _replace(folder, kept + (b"\n" if kept and not kept.endswith(b"\n") else b"") + fresh.encode())
        return partial(_replace, folder, kept) if there else (folder / LOG_VKEY).unlink
    return lambda: None


def vouch_for_log_keys(folder: Path, origin: str, named: Collection[str]) -> KeyList:
    """List every key of `log.vkey` and of the folder anew, for keys that were never vouched for. Raises `Misconfigured`.

    Lines that hold stay. A key whose private half is here is vouched for by the one before it. A key whose private half is
    gone is vouched for only if its id is `named`: an attacker may have added it to the file.
    """
    signers = _signers(folder, origin)
    blocks = list(_blocks(folder, origin))
    found = _longest(blocks, signers)
    listed = [key for line, _ in blocks if (key := listed_key(line)) is not None]
    gone = [key for key in dict.fromkeys(listed) if key not in signers and (found is None or key not in found.keys)]
    if unnamed := [key.key_id.hex() for key in gone if key.key_id.hex() not in named]:
        what = f"the private half of {', '.join(unnamed)} is not here."
        fix = "name each of these ids that was a key of this log; take every other line out of the file"
        raise _unvouched(folder, what, fix)
    for key in (*signers, *gone):
        if found is None:
            found = begun_with(key)
        elif key not in found.keys:
            found = found.followed_by(key, signers)
    if found is None:
        raise _useless(folder / LOG_VKEY, "has no key, and the folder has none")
    _write_list(folder, origin, found)
    return found


def _longest(
    blocks: Sequence[tuple[str, Sequence[str]]], signers: Mapping[VerifierKey, Ed25519PrivateKey]
) -> KeyList | None:
    """The longest beginning of the list that holds, and for whose last key a private half is here; else None."""
    for size in range(len(blocks), 0, -1):
        text = "".join(f"{line}\n" for first, more in blocks[:size] for line in (first, *more))
        try:
            found = read_list(text)
        except SignatureInvalid:
            continue
        if found.last in signers and not found.elders & signers.keys():
            return found
    return None


def load_ledger_keys(folder: Path, origin: str, *, any_log_key: bool = False) -> LedgerKeys:
    """Load a ledger's keys. Raises `Misconfigured` naming the file that does not serve.

    `any_log_key` is for a command that signs nothing: one good key of the log is enough, and a bad list counts as none.
    """
    _checked_origin(folder, origin)
    assert_open(folder, "keys")
    if not folder.is_dir():
        what = f"there is no such folder, and {OPENINGS_KEY} belongs there: without it nobody's records open."
        fix = "Mount it, or restore it from its own backup."
        raise Misconfigured((Problem(str(folder), 0, "keys", what, fix),))
    keys: list[Scheduled[LogKey]] = []
    problems: list[Misconfigured] = []
    for name, begins in (LOG.files(folder) or {LOG.file: 0}).items():
        try:
            keys.append(Scheduled(begins, LogKey(origin, _log_key(folder / name)), name))
        except Misconfigured as error:
            problems.append(error)
    if problems and not (any_log_key and keys):
        raise problems[0]
    try:
        listed = _read_list(folder, origin)
        _assert_vouched(folder, listed, keys)
    except Misconfigured:
        if not any_log_key:
            raise
        listed = None
    gone = () if listed is None else listed.keys
    return with_masters(origin, LogKeys(keys, gone, listed), _master(folder / OPENINGS_KEY))


def _log_key(path: Path) -> Ed25519PrivateKey:
    try:
        content = read_whole(path)
        key = load_token_key(path, content) if is_address(content) else load_pem_private_key(content, password=None)
    except OSError as error:
        raise _unread(path, error) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _useless(path, "is not a key") from None  # the cause may quote the file
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
    """The lines of `log.vkey`; none if there is no such file."""
    path = folder / LOG_VKEY
    try:
        return read_whole(path).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unread(path, error) from None


def _blocks(folder: Path, origin: str) -> Iterator[tuple[str, Sequence[str]]]:
    """The lines of this log's keys, each with its signature lines. Other lines, and what is below them, do not count."""
    block: tuple[str, list[str]] | None = None
    for line in _lines(folder):
        if line.startswith(SIGNATURE_MARK):
            if block is not None:
                block[1].append(line)
            continue
        if block is not None:
            yield block
        key = listed_key(line)
        block = (line, []) if key is not None and key.name == origin else None
    if block is not None:
        yield block


def _read_list(folder: Path, origin: str) -> KeyList | None:
    """The list of this log's keys; None if there is none. Raises `Misconfigured` if a key is not vouched for."""
    text = "".join(f"{line}\n" for first, more in _blocks(folder, origin) for line in (first, *more))
    try:
        return read_list(text) if text else None
    except SignatureInvalid as error:
        raise _unvouched(folder, f"{error.detail}.", _VOUCH) from None


def _assert_vouched(folder: Path, listed: KeyList | None, keys: Sequence[Scheduled[LogKey]]) -> None:
    """Raise `Misconfigured` if a key of the folder is not listed, or did not sign for its own place."""
    if listed is None:
        if len(keys) > 1:
            raise _unvouched(folder, "there are several keys of the log, and it lists none.", _VOUCH)
        return
    for each in keys:
        if each.key.verifier not in listed.keys:
            raise _unvouched(folder, f"it does not list {each.file}, or no key before it vouches for it.", _VOUCH)
        if each.key.verifier in listed.elders:
            raise _unvouched(folder, f"{each.file} did not sign for its place: somebody put a key before it.", _VOUCH)


def _signers(folder: Path, origin: str) -> Mapping[VerifierKey, Ed25519PrivateKey]:
    """The keys of the folder, the first to begin first, each with its private half."""
    files = sorted(LOG.files(folder).items(), key=itemgetter(1))
    keys = [LogKey(origin, _log_key(folder / name)) for name, _ in files]
    return {key.verifier: key.signer for key in keys}


def _write_list(folder: Path, origin: str, found: KeyList) -> None:
    """Write the list behind the file's other lines, such as keys under an earlier name."""
    ours = {line for first, more in _blocks(folder, origin) for line in (first, *more)}
    kept = "".join(f"{line}\n" for line in _lines(folder) if line not in ours)
    _replace(folder, kept.encode() + found.text.encode())


def _replace(folder: Path, octets: bytes) -> None:
    """Write `log.vkey`, whole or not at all."""
    fresh = folder / f".{LOG_VKEY}.{secrets.token_hex(8)}"
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as out:
            out.write(octets)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(folder / LOG_VKEY)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(folder)


def listed_key(line: str) -> VerifierKey | None:
    """The key of a line of `log.vkey`; None if it is no key, which takes no other key with it."""
    try:
        return VerifierKey.read(line)
    except SignatureInvalid:
        return None


def _unvouched(folder: Path, what: str, fix: str) -> Misconfigured:
    return Misconfigured((Problem(str(folder / LOG_VKEY), 0, LOG_VKEY, what, fix),))


def _unread(path: Path, error: OSError) -> Misconfigured:
    what, fix = f"cannot be read ({error.strerror}).", _RESTORE
    if isinstance(error, PermissionError):
        fix = fix_of_unread(path, error)
    return Misconfigured((Problem(str(path), 0, path.name, what, fix),))


def _useless(path: Path, what: str) -> Misconfigured:
    return Misconfigured((Problem(str(path), 0, path.name, f"{what}.", _RESTORE),))


def _checked_origin(folder: Path, origin: str) -> str:
    """The origin, if it may name a key: it stands in every checkpoint, and cannot be mended later."""
    if is_key_name(origin):
        return origin
    problem = Problem(
        str(folder), 0, "origin", "a log's name has no space and no plus.", "use host and path, as city.example/log"
    )
    raise Misconfigured((problem,))
