"""File operations of ours, again and again until the process is killed; `leftovers` says what a kill may leave."""

import contextlib
import itertools
import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from idp.keys.folder import create_keys, load_keys
from idp.ledger.checkpoint import TreeHead, sign_note
from idp.sequencer.witness import Witness
from idp.store.backup import back_up
from idp.store.engine import open_engine
from policies.errors import Misconfigured, StoreUnavailable
from tests.idp.store.units import KEYS, ORIGIN, TENANT

KEYS_FOLDER = "made"
# Once at the beginning; what many turns leave takes long to look through
SELDOM = 2000


def quick_keys() -> None:
    """One RSA key for all that this process and its forks will make: finding primes is not what is killed here."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    setattr(rsa, "generate_private_key", lambda **_: key)  # noqa: B010 - as an assignment it would be a type error


def make_files(url: str, folder: Path) -> None:
    """Keep checkpoints as the witness does, make keys as `init` does, and copy the database as `backup` does."""
    witness = Witness(folder / "kept", KEYS)
    engine = open_engine(url)
    for number in itertools.count():
        # The witness takes nothing older than what it has, from whichever process that came
        size = time.time_ns()
        with contextlib.suppress(StoreUnavailable):
            witness.keep(sign_note(TreeHead(ORIGIN, size, b"r" * 32).text, ORIGIN, KEYS.log.at(0).signer))
        if number % SELDOM == 10:
            create_keys(folder / f"{KEYS_FOLDER}-{os.getpid()}-{number}", ORIGIN, TENANT, demo=False)
        if number % SELDOM == 30:
            with contextlib.suppress(StoreUnavailable):  # PostgreSQL may be killed under it
                back_up(engine, tenant=TENANT, file=folder / f"{os.getpid()}-{number}.backup", advance=lambda _: None)
        threading.Event().wait(0.002)


def leftovers(folder: Path) -> list[str]:
    found: list[str] = []
    try:
        Witness(folder / "kept", KEYS).seen()
    except StoreUnavailable as error:
        found.append(f"half a checkpoint: {error.detail}")
    for made in folder.glob(f"{KEYS_FOLDER}-*"):
        # it may say which key is missing: `init` wants another folder then
        with contextlib.suppress(Misconfigured):
            load_keys(made, ORIGIN)
    secret = (file for file in folder.rglob("*") if file.suffix in (".pem", ".key", ".backup") and file.is_file())
    found += [f"everybody may read {file.name}" for file in secret if file.stat().st_mode & 0o077]
    for copy in folder.glob("*.backup"):
        with closing(sqlite3.connect(copy)) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                found.append(f"half a backup: {copy.name}")
            found += [] if connection.execute("SELECT count(*) FROM trees").fetchone() else ["a backup without its tables"]
        copy.unlink()
    for made in folder.glob(f"{KEYS_FOLDER}-*"):
        shutil.rmtree(made)
    for fresh in (*folder.glob(".*.backup.*"), *folder.glob(".restored.*")):
        if not fresh.name.endswith(("-wal", "-shm", "-journal")) and fresh.stat().st_mode & 0o077 and fresh.stat().st_size:
            found.append(f"everybody may read {fresh.name}")
        fresh.unlink()
    return found
