"""Tiles out of SQL: what they cost does not grow with the log, and damage gives no tile."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, text, update

from idp.ledger.leaf import is_leaf
from idp.ledger.merkle_tree import CompactRange, leaf_hash
from idp.ledger.tiles import Tile
from idp.sequencer.sequencer import Sequencer
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.store.records.tiles import read_tile
from idp.store.store import Store
from idp.store.tables import leaves, nodes
from policies.errors import NotFound, StoreUnavailable
from tests.idp.store.conftest import folder, migrated, postgres, postgres_template, url
from tests.idp.store.units import KEYS, NOW, TENANT, opened_at, refusal, unit
from tests.idp.tile_reader import leaves_of

__all__ = ["folder", "migrated", "postgres", "postgres_template", "url"]
SIZE = 7


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    found = opened_at(url)
    yield found
    found.close()


def filled(held: Store) -> None:
    for _ in range(SIZE):
        held.commit(unit(record=refusal()))
    sequencer = Sequencer(held, KEYS, checkpoint_seconds=0, clock=lambda: float(NOW))
    sequencer.step()
    sequencer.stop()


@pytest.mark.spec("issue 31 item 4")
def test_a_tile_is_there_once_a_checkpoint_covers_it_and_never_before(store: Store) -> None:
    with pytest.raises(NotFound):
        store.tile(TENANT, 0, 0, 1)
    filled(store)
    whole = store.tile(TENANT, 0, 0, SIZE)
    assert len(whole) == 32 * SIZE
    for width in range(1, SIZE):
        assert store.tile(TENANT, 0, 0, width) == whole[: 32 * width]
    bundle = leaves_of(store.tile(TENANT, None, 0, SIZE))
    assert all(is_leaf(leaf) for leaf in bundle)
    assert b"".join(leaf_hash(leaf) for leaf in bundle) == whole
    for level, index, width in ((0, 0, SIZE + 1), (0, 0, 256), (0, 1, 1), (1, 0, 1), (7, 0, 256), (0, 2**60, 1)):
        with pytest.raises(NotFound):
            store.tile(TENANT, level, index, width)


def test_damage_gives_no_tile(store: Store) -> None:
    filled(store)
    of_leaf = update(leaves).where(leaves.c.leaf_index == 2)
    for statement, level in (
        (of_leaf.values(leaf_hash=b"x" * 32), 0),
        (of_leaf.values(leaf_hash=b"x" * 32), None),
        (of_leaf.values(leaf=b"x" * 32), None),
        (update(nodes).where(nodes.c.level == 2).values(hash=b"x" * 32), 0),
        (delete(nodes).where(nodes.c.level == 2), 0),
        (delete(leaves).where(leaves.c.leaf_index == 2), 0),
        (delete(leaves).where(leaves.c.leaf_index == 2), None),
    ):
        with store.engine.connect() as connection, connection.begin() as transaction:
            connection.execute(statement)
            with pytest.raises(StoreUnavailable, match="ledger verify"):
                read_tile(connection, TENANT, Tile(level, 0, SIZE))
            transaction.rollback()


def tall(file: Path, size: int) -> str:
    """A database with a tree of so many leaves, whose hashes are numbers: as if many years had gone."""
    url = f"sqlite:///{file}"
    migrate(url)
    with closing(sqlite3.connect(file)) as link:
        rows = ((TENANT, index, b"", index.to_bytes(32)) for index in range(size))
        link.executemany("INSERT INTO leaves (tenant, leaf_index, leaf, leaf_hash) VALUES (?, ?, ?, ?)", rows)
        tree, made = CompactRange(), []
        for index in range(size):
            made += [(TENANT, level, at, hashed) for (level, at), hashed in tree.append(index.to_bytes(32))]
        link.executemany("INSERT INTO nodes (tenant, level, node_index, hash) VALUES (?, ?, ?, ?)", made)
        link.execute("INSERT INTO checkpoints VALUES (?, 1, ?, ?, 0, x'', x'')", (TENANT, size, tree.root()))
        link.commit()
    return url


def steps(connection: Connection, tile: Tile) -> int:
    """The number of steps that SQLite's machine takes for a tile, in tens."""
    counted = 0

    def step() -> int:
        nonlocal counted
        counted += 1
        return 0

    link = connection.connection.driver_connection
    assert isinstance(link, sqlite3.Connection)
    link.set_progress_handler(step, 10)
    assert len(read_tile(connection, TENANT, tile)) == 32 * tile.width
    link.set_progress_handler(None, 10)
    return counted


@pytest.mark.spec("issue 31 item 4")
def test_a_tile_of_a_large_log_takes_the_steps_of_a_small_one(tmp_path: Path) -> None:
    taken: list[list[int]] = []
    for size in (600, 66_136):
        engine = open_engine(tall(tmp_path / f"{size}.db", size))
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            last = size // 256 - 1
            tiles = (Tile(0, 0), Tile(0, last), Tile(0, last + 1, size % 256), Tile(1, 0, 2))
            taken.append([steps(connection, tile) for tile in tiles])
        engine.dispose()
    small, large = taken
    for one, other in zip(small, large, strict=True):
        assert other <= one + 30, taken
