"""The files of a ledger's keys.

`log.key` (PEM, PKCS#8) signs checkpoints; `log.vkey` beside it is its public text form for auditors. `openings.key` (32
bytes as hex) is the master of everything that the database keeps encrypted. With it and the database an operator reads
openings; without it a copy of the database says nothing.
"""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from idp.transparency.checkpoint import is_key_name
from idp.transparency.keys import KEY_BYTES, LedgerKeys, ledger_keys
from policies.errors import Misconfigured, Problem

LOG_KEY = "log.key"
LOG_VKEY = "log.vkey"
OPENINGS_KEY = "openings.key"


def create_ledger_keys(folder: Path, origin: str) -> LedgerKeys:
    """Make fresh keys in `folder` (files of mode 0600; an existing one is never replaced) and load them."""
    signer, master = Ed25519PrivateKey.generate(), secrets.token_bytes(KEY_BYTES)
    keys = ledger_keys(_checked_origin(folder, origin), signer, master)
    _write(folder / LOG_KEY, signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(folder / OPENINGS_KEY, master.hex().encode() + b"\n")
    (folder / LOG_VKEY).write_text(f"{keys.verifier}\n", encoding="utf-8")
    return keys


def load_ledger_keys(folder: Path, origin: str) -> LedgerKeys:
    """Load what `create_ledger_keys` made. Raises `Misconfigured` naming the file that does not serve."""
    _checked_origin(folder, origin)
    name = LOG_KEY
    try:
        signer = load_pem_private_key((folder / LOG_KEY).read_bytes(), password=None)
        name = OPENINGS_KEY if isinstance(signer, Ed25519PrivateKey) else LOG_KEY
        master = bytes.fromhex((folder / OPENINGS_KEY).read_text(encoding="ascii").strip())
        if isinstance(signer, Ed25519PrivateKey) and len(master) == KEY_BYTES:
            return ledger_keys(origin, signer, master)
        what = "is not the kind of key that belongs here"
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = "is not a key"  # the cause may quote the file: it is not chained
    fix = "restore it from its backup; `ciconia init` makes fresh keys for a fresh ledger only"
    raise Misconfigured((Problem(str(folder / name), 0, name, f"{what}.", fix),)) from None


def _checked_origin(folder: Path, origin: str) -> str:
    """The origin, where it may name a key: what stands in every checkpoint cannot be mended later."""
    if is_key_name(origin):
        return origin
    problem = Problem(
        str(folder), 0, "origin", "a log's name has no space and no plus.", "use host and path, as city.example/log"
    )
    raise Misconfigured((problem,))


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
