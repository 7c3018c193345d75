"""Another maker's client of C2SP tlog-tiles (aics-tlog), in a process of its own: it checks a whole log."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.interop.peer import HERE, ROOT
from tests.peers import require_peer

PACKAGES = ROOT / ".peers" / "tiles"
PROGRAM = """
import json, sys
from aics_tlog.checkpoint import checkpoint_from_note, verify_checkpoint
from aics_tlog.note import parse_note, parse_vkey
from aics_tlog.remote import HttpTileReader, tile_source_url
from aics_tlog.tiles import inclusion_proof_from_tiles
from aics_tlog.verified import VerifiedTileReader, audit_tiles

base, vkey, entries = sys.argv[1], sys.argv[2], sys.argv[3] == "entries"
reader = HttpTileReader(tile_source_url(base), proxies={})
note = sys.stdin.read()
assert verify_checkpoint(parse_note(note), parse_vkey(vkey)).log_ok
checkpoint, _ = checkpoint_from_note(note)
found = audit_tiles(reader, checkpoint.size, checkpoint.root, entries=entries)
proven = VerifiedTileReader(reader, checkpoint.size, checkpoint.root)
last = [each.hex() for each in inclusion_proof_from_tiles(proven, checkpoint.size - 1, checkpoint.size)]
print(json.dumps({"size": found.size, "tiles": found.tiles, "bundles": found.bundles, "last": last}))
"""


@dataclass(frozen=True, slots=True)
class Audited:
    """The client's findings: the tree's size, the tiles and bundles that it checked, and the last leaf's inclusion path."""

    size: int
    tiles: int
    bundles: int
    last: Sequence[bytes]


def audited(base: str, note: str, vkey: str, *, entries: bool) -> Audited | None:
    """The client's findings about the log at `base`, an address or a folder; None where it refuses a tile."""
    require_peer("aics-tlog", present=PACKAGES.is_dir())
    told = ["-c", PROGRAM, base, vkey, "entries" if entries else "hashes"]
    environment = {"PYTHONPATH": f"{HERE / 'localhost'}:{PACKAGES}", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, *told], input=note, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if "TileVerificationError" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return Audited(**{**found, "last": [bytes.fromhex(each) for each in found["last"]]})
