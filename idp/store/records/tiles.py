"""Reads the tiles of a log, each by the keys of its rows: a large log costs what a small one does."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from idp.ledger.merkle_tree import CompactRange, Position, leaf_hash, positions
from idp.ledger.tiles import HEIGHT, Tile
from idp.store import tables
from idp.store.reads import read_hashes
from policies.errors import NotFound, StoreUnavailable

LENGTH_BYTES = 2
_BROKEN = "a part of a tile is not there, or is not what it was: run ciconia ledger verify"


def published_size(connection: Connection, tenant: str) -> int:
    """The number of leaves under the newest checkpoint, 0 before the first."""
    table = tables.checkpoints.c
    newest = select(table.size).where(table.tenant == tenant).order_by(table.number.desc()).limit(1)
    return connection.scalar(newest) or 0


def read_tile(connection: Connection, tenant: str, tile: Tile) -> bytes:
    """The octets of a tile.

    Raises `NotFound` if no checkpoint covers it, `StoreUnavailable` if a part is missing or does not give the nodes above:
    caches keep a tile for good.
    """
    if not tile.is_in(published_size(connection, tenant)):
        raise NotFound("no checkpoint covers such a tile")
    if tile.level is None:
        return _bundle(connection, tenant, tile)
    hashes = _hashes(connection, tenant, tile)
    tree, found = CompactRange(), dict[Position, bytes]()
    for place, hashed in enumerate(hashes):
        found |= {(0, place): hashed, **dict(tree.append(hashed))}
    tops = positions([(0, tile.width)])
    above = {(level, index): (HEIGHT * tile.level + level, (tile.begin >> level) + index) for level, index in tops}
    stored = read_hashes(connection, tenant, above.values())
    if any(found[place] != stored.get(above[place]) for place in tops):
        raise StoreUnavailable(_BROKEN)
    return b"".join(hashes)


def _hashes(connection: Connection, tenant: str, tile: Tile) -> Sequence[bytes]:
    leaves, nodes = tables.leaves.c, tables.nodes.c
    places = range(tile.begin, tile.begin + tile.width)
    if tile.level:
        at = (nodes.tenant == tenant, nodes.level == HEIGHT * tile.level)
        within = nodes.node_index.between(places[0], places[-1])
        query = select(nodes.node_index, nodes.hash).where(*at, within).order_by(nodes.node_index)
    else:
        within = leaves.leaf_index.between(places[0], places[-1])
        query = (
            select(leaves.leaf_index, leaves.leaf_hash).where(leaves.tenant == tenant, within).order_by(leaves.leaf_index)
        )
    found = connection.execute(query).all()
    if [place for place, _ in found] != list(places):
        raise StoreUnavailable(_BROKEN)
    return [hashed for _, hashed in found]


def _bundle(connection: Connection, tenant: str, tile: Tile) -> bytes:
    """The leaves themselves, each after its length."""
    hashes = _hashes(connection, tenant, tile)
    table = tables.leaves.c
    within = table.leaf_index.between(tile.begin, tile.begin + tile.width - 1)
    query = select(table.leaf).where(table.tenant == tenant, within).order_by(table.leaf_index)
    leaves: Sequence[bytes] = connection.scalars(query).all()
    if [leaf_hash(leaf) for leaf in leaves] != hashes:
        raise StoreUnavailable(_BROKEN)
    return b"".join(len(leaf).to_bytes(LENGTH_BYTES) + leaf for leaf in leaves)
