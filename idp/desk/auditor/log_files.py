"""The log at the desk, as C2SP tlog-tiles has it: its checkpoint, its hash tiles and, for auditors alone, its leaves."""

from idp.audit.export import newest_checkpoint
from idp.desk.auditor.reading import DeskReader
from idp.ledger.tiles import Tile
from idp.store.engine import reading
from idp.store.records.tiles import read_tile
from policies.errors import NotFound


def log_file(reader: DeskReader, place: str) -> bytes:
    """The octets at an address below `/log/`. Raises `NotFound`, and `StoreUnavailable` if a tile is damaged."""
    auditor = reader.auditor
    if place == "checkpoint":
        return newest_checkpoint(auditor.engine, auditor.tenant, auditor.keys).cosigned_note.encode()
    try:
        tile = Tile.read(place.removeprefix("tile/"))
    except ValueError:
        tile = None
    if tile is None or not place.startswith("tile/"):
        raise NotFound("no address of a checkpoint or of a tile")
    with reading(), auditor.engine.connect() as connection:
        return read_tile(connection, auditor.tenant, tile)
