"""A witness's memory: every checkpoint that it cosigned, whole, and of each size the first that it refused.

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
# Of one size the first other trees prove the fork: whoever stole a log's key could sign them without end
MAX_KEPT = 100
# Refused checkpoints of one log: an honest one signs so many in eleven days, of which a witness refuses next to none
MAX_REFUSED = 100_000
_TABLES = """
CREATE TABLE IF NOT EXISTS cosigned (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (origin, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT, WITHOUT ROWID;
"""
# The first tree is the one that we cosigned. Where we cosigned none of that size it is the one that we saw first
_FORKS = """
SELECT f.*, r.root, r.note, r.time AS found
    FROM refused r JOIN cosigned f ON f.origin = r.origin AND f.size = r.size AND f.root != r.root
UNION ALL
SELECT f.*, r.root, r.note, r.time AS found
    FROM refused r JOIN refused f ON f.origin = r.origin AND f.size = r.size AND f.root != r.root
    WHERE NOT EXISTS (SELECT 1 FROM cosigned c WHERE c.origin = r.origin AND c.size = r.size) AND f.root =
        (SELECT root FROM refused e WHERE e.origin = r.origin AND e.size = r.size ORDER BY time, root LIMIT 1)
ORDER BY found, 1, 2
"""
_UNPROVED = """
SELECT * FROM refused r
    WHERE NOT EXISTS (SELECT 1 FROM cosigned c WHERE c.origin = r.origin AND c.size = r.size)
    AND NOT EXISTS (SELECT 1 FROM refused o WHERE o.origin = r.origin AND o.size = r.size AND o.root != r.root)
ORDER BY time, origin, size
"""


@dataclass(frozen=True, slots=True)
class SeenCheckpoint:
    """A checkpoint that this witness cosigned or refused, as the log signed it; `time` is when."""

    head: TreeHead
    note: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Two checkpoints of one log, both signed by it, for one size with two roots: no log may ever sign these.

    `first` is the one that was cosigned, if one of that size was.
    """

    first: SeenCheckpoint
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

    def extend(self, head: TreeHead, note: bytes, time: int, judge: Callable[[TreeHead], None]) -> bool:
        """Write a checkpoint that `judge` passes; whether the log signed another tree of its size before.

        `judge` is told the newest head, of size 0 before the first, and may raise.
        """
        # What raises before the COMMIT closes the connection, and so undoes it
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            before = _newest(connection, head.origin)
            judge(TreeHead(head.origin, 0, EMPTY_ROOT) if before is None else before.head)
            row = (head.origin, head.size, head.root, note, time)
            connection.execute("INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?, ?)", row)
            connection.execute("DELETE FROM refused WHERE (origin, size, root) = (?, ?, ?)", row[:3])
            fork = bool(_other_roots(connection, head))
            connection.execute("COMMIT")
            return fork

    def keep(self, head: TreeHead, note: bytes, time: int) -> bool:
        """Keep a checkpoint that the log signed and we did not cosign; whether the log signed another tree of its size.

        Nothing that was kept goes: anybody can send the log's checkpoints, and only the log can make more of them.
        """
        row = (head.origin, head.size, head.root, note, time)
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            query = "SELECT root FROM cosigned WHERE origin = ? AND size = ?"
            ours = connection.execute(query, row[:2]).fetchone()
            others = _other_roots(connection, head)
            fork = others > 0 if ours is None else ours[0] != head.root
            held = connection.execute("SELECT count(*) FROM refused WHERE origin = ?", row[:1]).fetchone()[0]
            # Who has a log's key can sign without end: there is room left for a fork
            room = held < (2 * MAX_REFUSED if fork else MAX_REFUSED) and others < MAX_KEPT
            if (ours is None or ours[0] != head.root) and room:
                connection.execute("INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?)", row)
            connection.execute("COMMIT")
            return fork

    def forks(self) -> tuple[Fork, ...]:
        """Every fork, the oldest first."""
        with self._opened() as connection:
            rows = connection.execute(_FORKS)
            return tuple(Fork(_seen(row[0], row[1:5]), _seen(row[0], (row[1], *row[5:]))) for row in rows)

    def unproved(self) -> tuple[SeenCheckpoint, ...]:
        """The checkpoints that a log signed, and that nobody proved to extend what was cosigned; the oldest first."""
        with self._opened() as connection:
            rows = connection.execute(_UNPROVED)
            return tuple(_seen(row[0], row[1:]) for row in rows)


def _seen(origin: str, row: Sequence[Any]) -> SeenCheckpoint:
    size, root, note, time = row
    return SeenCheckpoint(TreeHead(origin, size, root), note, time)


def _other_roots(connection: sqlite3.Connection, head: TreeHead) -> int:
    """How many other trees of this size are kept that we did not cosign."""
    query = "SELECT count(*) FROM refused WHERE origin = ? AND size = ? AND root != ?"
    found: int = connection.execute(query, (head.origin, head.size, head.root)).fetchone()[0]
    return found


def _newest(connection: sqlite3.Connection, origin: str) -> SeenCheckpoint | None:
    query = "SELECT size, root, note, time FROM cosigned WHERE origin = ? ORDER BY size DESC LIMIT 1"
    found = connection.execute(query, (origin,)).fetchone()
    return None if found is None else _seen(origin, found)
