"""The log's tiles as a folder, for a file server: what is there already stays, since a tile never changes.

checkpoint                the newest one, written last: whoever reads it finds every tile of its tree
years/2026, ...           the final checkpoint of each year
tile/0/000, ...           see `idp.ledger.tiles`
tile/entries/000, ...     the leaves, if they are wanted: for auditors alone
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from idp.audit.export import newest_checkpoint
from idp.keys.file import sync_folder
from idp.ledger.checkpoint import MAX_NOTE, TreeHead, open_note
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import consistency_spans, extends, positions, proof_hashes, tree_root
from idp.ledger.tiles import FULL, tiles_of
from idp.store.engine import reading
from idp.store.reads import read_hashes
from idp.store.records.tiles import read_tile
from idp.store.records.years import ended_years, final_checkpoint
from idp.system.files import read_regular
from policies.errors import SignatureInvalid, StoreUnavailable

CHECKPOINT, YEARS = "checkpoint", "years"
# A file that a killed run left
HALF = ".half-"
Shown = Callable[[int], object]


def write_tiles(
    engine: Engine, *, tenant: str, keys: LedgerKeys, folder: Path, entries: bool = False, advance: Shown = lambda _: None
) -> tuple[int, int]:
    """Write what the folder lacks of the newest checkpoint's tree; returns the tree's size and how many tiles were new.

    Raises `NotFound` before the first checkpoint, `StoreUnavailable` if the folder has the tiles of another tree or the
    database lacks a part, and OSError.
    """
    checkpoint = newest_checkpoint(engine, tenant, keys)
    head = TreeHead.read(open_note(checkpoint.note.encode(), *keys.log.known))
    folder.mkdir(exist_ok=True)
    written = 0
    with _alone(folder), reading(), engine.connect() as connection:
        _assert_continues(connection, tenant, head, folder, keys)
        for left in folder.glob(f"{HALF}*"):
            left.unlink()
        touched: set[Path] = set()
        for tile in tiles_of(head.size, entries=entries):
            if not (folder / tile.path).exists():
                touched |= _write(folder, tile.path, read_tile(connection, tenant, tile))
                written += 1
            advance(1)
        for year in ended_years(connection, tenant):
            if not (folder / f"{YEARS}/{year}").exists():
                note = final_checkpoint(connection, tenant, year, keys).checkpoint.cosigned_note
                touched |= _write(folder, f"{YEARS}/{year}", note.encode())
        for each in sorted(touched):
            sync_folder(each)
        _write(folder, CHECKPOINT, checkpoint.cosigned_note.encode())
        sync_folder(folder)
    for tile in tiles_of(head.size, entries=entries):
        if tile.width == FULL:
            # Whoever has an older checkpoint takes the full tile
            shutil.rmtree(folder / f"{tile.path}.p", ignore_errors=True)
    return head.size, written


def number_of_tiles(engine: Engine, tenant: str, *, entries: bool) -> int:
    """How many tiles the newest checkpoint's tree has. Raises `NotFound` before the first."""
    return sum(1 for _ in tiles_of(newest_checkpoint(engine, tenant).size, entries=entries))


def _assert_continues(connection: Connection, tenant: str, head: TreeHead, folder: Path, keys: LedgerKeys) -> None:
    """Raise unless the stored tree is that of `head`, and extends the one whose tiles the folder has."""
    edge = read_hashes(connection, tenant, positions([(0, head.size)]))
    old = _published(folder, keys)
    spans = consistency_spans(old.size, head.size) if old is not None and old.size <= head.size else []
    try:
        whole = tree_root(head.size, edge) == head.root
        proof = proof_hashes(spans, read_hashes(connection, tenant, positions(spans)))
    except KeyError:
        whole, proof = False, []
    if not whole:
        raise StoreUnavailable("the stored nodes do not give the root of the checkpoint: run ciconia ledger verify")
    if old is not None and not extends(old.size, old.root, head.size, head.root, proof):
        raise StoreUnavailable(f"{folder} has the tiles of another tree, or of a newer one. Nothing was written there")


def _published(folder: Path, keys: LedgerKeys) -> TreeHead | None:
    """The head of the folder's checkpoint, None if it has none."""
    try:
        note = read_regular(folder / CHECKPOINT, MAX_NOTE)
        return TreeHead.read(open_note(note, *keys.log.known))
    except FileNotFoundError:
        return None
    except SignatureInvalid as error:
        raise StoreUnavailable(f"{folder} has the checkpoint of another log. Nothing was written there") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder. Raises `StoreUnavailable` while another process writes there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreUnavailable(f"another command writes to {folder}: wait until it is done") from error
    finally:
        os.close(descriptor)


def _write(folder: Path, place: str, octets: bytes) -> set[Path]:
    """Write a file whole or not at all; returns the folders whose names are to be made durable."""
    file = folder / place
    made = [each for each in file.parents if not each.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{HALF}{secrets.token_hex(8)}"
    try:
        with fresh.open("xb") as out:
            out.write(octets)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    return {file.parent, *(each.parent for each in made)}
