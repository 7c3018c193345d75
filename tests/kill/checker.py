"""An independent judge of a broker's database after a crash. It shares no code with the product.

`check(database, acknowledged)` reads the tables, hashes the tree again as RFC 6962 §2.1 words it, and names what is wrong:
an acknowledged record that is missing or doubled, a record without exactly one leaf, a gap, a root that is not the leaves'.
It needs no key, so it knows nothing of openings and signatures; `ledger verify` does.
"""

import base64
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

WITH_EVERY_UNIT = ("marks", "decisions", "parked", "records")


def check(database: Path, acknowledged: Sequence[str]) -> list[str]:
    """The problems of this database; `acknowledged` are ids of records in hex, each acknowledged once."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")
        return [
            *_acknowledged(connection, acknowledged),
            *_leaves(connection),
            *_roots(connection),
            *(f"damaged: {row[0]}" for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"),
        ]


def halves(database: Path) -> list[str]:
    """Half written units, where every unit has one mark, one decision, one parked row and one record."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")
        counts = {name: _all(connection, f"SELECT count(*) FROM {name}")[0][0] for name in WITH_EVERY_UNIT}  # noqa: S608
    return [] if len(set(counts.values())) == 1 else [f"half written: {counts}"]


def _all(connection: sqlite3.Connection, query: str) -> list[tuple[bytes, ...]]:
    return connection.execute(query).fetchall()


def _acknowledged(connection: sqlite3.Connection, acknowledged: Sequence[str]) -> Iterator[str]:
    stored = Counter(record.hex() for (record,) in _all(connection, "SELECT record FROM records"))
    yield from (f"missing: {record}" for record in acknowledged if not stored[record])
    yield from (f"doubled: {record}" for record, count in stored.items() if count > 1)
    yield from (f"acknowledged twice: {record}" for record, count in Counter(acknowledged).items() if count > 1)


def _leaves(connection: sqlite3.Connection) -> Iterator[str]:
    placed = Counter(_leaf(leaf) for (leaf,) in _all(connection, "SELECT leaf FROM leaves"))
    waiting = Counter(_leaf(leaf) for (leaf,) in _all(connection, "SELECT leaf FROM staged"))
    records = {row[0]: row[1] for row in _all(connection, "SELECT leaf_hash, record FROM records")}
    for hashed, record in records.items():
        if placed[hashed] + waiting[hashed] != 1:
            yield f"not one leaf but {placed[hashed] + waiting[hashed]}: {record.hex()}"
    strays = (placed + waiting).keys() - records.keys()
    yield from (f"a leaf without a record: {hashed.hex()}" for hashed in strays)


def _roots(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute("SELECT leaf_index, leaf FROM leaves ORDER BY leaf_index").fetchall()
    if [index for index, _ in rows] != list(range(len(rows))):
        yield "a gap in the leaves"
    hashes = [_leaf(leaf) for _, leaf in rows]
    for size, root in connection.execute("SELECT size, root FROM trees"):
        if size != len(rows) or root != _mth(hashes):
            yield f"the tree's state is not that of its {len(rows)} leaves"
    before = 0
    for size, root, note in connection.execute("SELECT size, root, note FROM checkpoints ORDER BY number"):
        lines = note.decode().split("\n")
        if not before < size <= len(rows) or root != _mth(hashes[:size]):
            yield f"the checkpoint of size {size} is not that of the leaves"
        if lines[1:3] != [str(size), base64.b64encode(root).decode()]:
            yield f"the checkpoint of size {size} says something else in its note"
        before = size


def _leaf(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def _mth(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + _mth(hashes[:split]) + _mth(hashes[split:])).digest()
