"""A log of ten million leaves, served from SQL: `python -m tests.benchmarks.tiles [--json] [--leaves N] [--page FILE]`.

Its leaves have the size of real ones and made-up octets: a tile and a proof read hashes, whatever was hashed. Ten million
take some minutes to write, and six gigabytes of SQLite.

- `tile_growth`: what a full tile of hashes takes in the log of N leaves to what it takes in one of 10,000.

The place and the proof of a leaf, which `/log/proof` answers, are figures: a proof is longer in a larger log. Both logs are
asked in turns, each time for another place by chance. Exit 0 all targets met, 1 one missed, 2 could not run.
"""

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from idp.ledger.checkpoint import TreeHead, sign_note
from idp.ledger.merkle_tree import CompactRange, leaf_hash
from idp.ledger.tiles import FULL
from idp.ports import Checkpoint
from idp.receipts.issue import placed_in
from idp.store.engine import writing
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.store.tree_state import TreeState, add_checkpoint, create_state
from policies.errors import BrokerError
from tests.benchmarks.measure import Figure, Report, Target, could_not_run, in_turns, stay_on_one_core
from tests.idp.store.units import KEYS, NOW, ORIGIN, TENANT, opened_at

LEAVES, SMALL, FEWEST = 10_000_000, 10_000, 100_000
# Octets of a leaf, whatever it records
LEAF = 384
ROUNDS, AT_ONCE, MOST = 300, 50_000, 2.0
LIBRARIES = ("ciconia", "sqlalchemy")


def leaf(place: int) -> bytes:
    """A made-up leaf."""
    return place.to_bytes(8).ljust(LEAF, b".")


def filled(folder: Path, size: int) -> Store:
    """A log of so many leaves under a signed checkpoint, written past the sequencer, which would take hours."""
    folder.mkdir()
    file = folder / "ciconia.db"
    migrate(f"sqlite:///{file}")
    tree = CompactRange()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000"):
            connection.execute(f"PRAGMA {setting}")
        for begin in range(0, size, AT_ONCE):
            leaves, nodes = [], []
            for place in range(begin, min(begin + AT_ONCE, size)):
                hashed = leaf_hash(leaf(place))
                leaves.append((TENANT, place, leaf(place), hashed))
                nodes += [(TENANT, level, index, node) for (level, index), node in tree.append(hashed)]
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO leaves (tenant, leaf_index, leaf, leaf_hash) VALUES (?, ?, ?, ?)", leaves)
            connection.executemany("INSERT INTO nodes (tenant, level, node_index, hash) VALUES (?, ?, ?, ?)", nodes)
            connection.execute("COMMIT")
    store = opened_at(f"sqlite:///{file}")
    head = TreeHead(ORIGIN, size, tree.root())
    note = sign_note(head.text, ORIGIN, KEYS.log.at(NOW).signer)
    with writing(store.engine).begin() as connection:
        create_state(connection, TENANT, TreeState(size=size, root=head.root, checkpoints=1), KEYS)
        add_checkpoint(connection, TENANT, 1, Checkpoint(size, head.root, note, NOW), KEYS)
    return store


def asked(store: Store, size: int, chance: random.Random) -> Iterator[tuple[str, Callable[[], object]]]:
    """The questions that a log answers in public, each for a place by chance."""
    tiles, rows = size // FULL, size // FULL**2

    def proof() -> object:
        found = placed_in(store, TENANT, leaf_hash(leaf(chance.randrange(size))), KEYS.log.known)
        if found is None:
            raise ValueError("a leaf has no proof")
        return found

    yield "tile", lambda: store.tile(TENANT, 0, chance.randrange(tiles), FULL)
    if rows:  # a small log has no full tile of the next level
        yield "tile of level 1", lambda: store.tile(TENANT, 1, chance.randrange(rows), FULL)
    yield "proof", proof


def run(folder: Path, size: int) -> Report:
    """Fill both logs, and ask them in turns."""
    chance = random.Random(1)  # noqa: S311 - places, no secrets
    with ExitStack() as stack:
        contestants: dict[str, Callable[[], object]] = {}
        figures: list[Figure] = []
        for count in (SMALL, size):
            store = filled(folder / str(count), count)
            stack.callback(store.close)
            contestants |= {f"{count:,}: {name}": ask for name, ask in asked(store, count, chance)}
            octets = sum(file.stat().st_size for file in (folder / str(count)).iterdir())
            figures.append(Figure(f"{count:,}: SQLite, a leaf", round(octets / count), "octets"))
        stay_on_one_core()
        taken = in_turns(contestants, ROUNDS)
    figures += [Figure(name, round(each.median * 1000, 3), "ms") for name, each in taken.items()]
    growth = taken[f"{size:,}: tile"].median / taken[f"{SMALL:,}: tile"].median
    return Report("tiles", LIBRARIES, figures, [Target("tile_growth", growth, at_most=MOST)])


def main(arguments: list[str]) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description="A large log, served from SQL.")
    parser.add_argument("--json", action="store_true", help="one object, in place of a table")
    parser.add_argument("--leaves", type=int, default=LEAVES, help="leaves of the large log")
    parser.add_argument("--page", type=Path, help="write the figures into this page")
    given = parser.parse_args(arguments)
    if given.leaves < FEWEST:
        parser.error(f"--leaves is at least {FEWEST}")
    folder = Path(tempfile.mkdtemp(prefix="ciconia-tiles-"))
    try:
        report = run(folder, given.leaves)
    except (BrokerError, OSError, ValueError) as error:
        return could_not_run(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report.finish(as_json=given.json, page=given.page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
