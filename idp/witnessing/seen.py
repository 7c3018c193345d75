"""A witness's memory: every checkpoint that it cosigned, whole, and every tree that does not fit them.

It is a file of SQLite. A checkpoint is compared with the newest one and written in one transaction, which is on the disk
before the witness answers: two requests at once, or two programs on one file, cannot both extend the same tree.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # Any: a column of SQLite

from idp.ledger.checkpoint import TreeHead
from idp.ledger.merkle_tree import EMPTY_ROOT

WAIT_SECONDS = 5.0
# A log's thief could sign trees without end. The first ones prove the fork
MAX_KEPT = 100
_TABLES = """
CREATE TABLE IF NOT EXISTS cosigned (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (origin, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT, WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS forks AS
    SELECT r.origin, c.size, c.root, c.note, c.time, r.root AS other, r.note AS other_note, r.time AS found
    FROM refused r JOIN cosigned c ON c.origin = r.origin AND c.size = r.size AND c.root != r.root;
CREATE VIEW IF NOT EXISTS unproved AS
    SELECT origin, size, root, note, time FROM refused r
    WHERE NOT EXISTS (SELECT 1 FROM cosigned c WHERE c.origin = r.origin AND c.size = r.size);
"""

_DROP = """
DELETE FROM refused WHERE origin = ? AND (size, root) IN
    (SELECT size, root FROM unproved WHERE origin = ? ORDER BY time DESC, size LIMIT -1 OFFSET ?)
"""


@dataclass(frozen=True, slots=True)
class SeenCheckpoint:
    """A checkpoint that this witness cosigned or refused, as the log signed it; `time` is when."""

    head: TreeHead
    note: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Two checkpoints of one log, both signed by it, for one size with two roots: no log may ever sign these."""

    cosigned: SeenCheckpoint
    other: SeenCheckpoint


class WitnessMemory:
    """The memory in the file `path`, which is made where it is missing. Raises `sqlite3.Error` and OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as connection:
            connection.executescript(_TABLES)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
            # The journal and its folder are synced, too: after a power cut a commit is there, whole
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = EXTRA")
            yield connection

    def newest(self, origin: str) -> SeenCheckpoint | None:
        """The largest checkpoint of a log that this witness cosigned."""
        with self._opened() as connection:
            return _newest(connection, origin)

    def extend(self, head: TreeHead, note: bytes, time: int, judge: Callable[[TreeHead], None]) -> None:
        """Write a checkpoint that `judge` passes. It is told the newest head, of size 0 before the first, and may raise."""
        # What raises before the COMMIT closes the connection, and so undoes it
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            before = _newest(connection, head.origin)
            judge(TreeHead(head.origin, 0, EMPTY_ROOT) if before is None else before.head)
            row = (head.origin, head.size, head.root, note, time)
            connection.execute("INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?, ?)", row)
            connection.execute("COMMIT")

    def keep(self, head: TreeHead, note: bytes, time: int, *, unproved: bool) -> bool:
        """Keep a checkpoint that the log signed and we did not cosign; whether we cosigned another root of its size.

        Without that it is kept only if it is `unproved`: larger than ours, without a proof that holds.
        """
        row = (head.origin, head.size, head.root, note, time)
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            found = connection.execute("SELECT root FROM cosigned WHERE origin = ? AND size = ?", row[:2]).fetchone()
            fork = found is not None and found[0] != head.root
            number = "SELECT count(*) FROM forks WHERE origin = ?"
            full = fork and connection.execute(number, row[:1]).fetchone()[0] >= MAX_KEPT
            if (fork and not full) or (unproved and found is None):
                connection.execute("INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?)", row)
                # Anybody can send the log's checkpoints with a wrong proof: the newest of those are kept
                connection.execute(_DROP, (head.origin, head.origin, MAX_KEPT))
            connection.execute("COMMIT")
            return fork

    def forks(self) -> tuple[Fork, ...]:
        """Every fork, the oldest first."""
        with self._opened() as connection:
            rows = connection.execute("SELECT * FROM forks ORDER BY found, origin, size")
            return tuple(Fork(_seen(row[0], row[1:5]), _seen(row[0], (row[1], *row[5:]))) for row in rows)

    def unproved(self) -> tuple[SeenCheckpoint, ...]:
        """The checkpoints that a log signed, and that nobody proved to extend what was cosigned; the oldest first."""
        with self._opened() as connection:
            rows = connection.execute("SELECT * FROM unproved ORDER BY time, origin, size")
            return tuple(_seen(row[0], row[1:]) for row in rows)


def _seen(origin: str, row: Sequence[Any]) -> SeenCheckpoint:
    size, root, note, time = row
    return SeenCheckpoint(TreeHead(origin, size, root), note, time)


def _newest(connection: sqlite3.Connection, origin: str) -> SeenCheckpoint | None:
    query = "SELECT size, root, note, time FROM cosigned WHERE origin = ? ORDER BY size DESC LIMIT 1"
    found = connection.execute(query, (origin,)).fetchone()
    return None if found is None else _seen(origin, found)
