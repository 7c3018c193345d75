"""The offline check of an export of the log: its tree is computed anew, and compared with what others have.

1. the first line says which log it is, and how many leaves follow: the log whose keys were given
2. so many leaves follow, each line in its one spelling
3. the last line is a checkpoint over them that one of the log's keys signed; nothing stands behind it
4. its root is that of the leaves
5. as many witnesses of other operators as are wanted cosigned it

A kept checkpoint, and a receipt's, is compared by the root of the same leaves.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from idp.audit.export import VERSION
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.checkpoint import MAX_NOTE, TreeHead, VerifierKey, open_cosigned_note
from idp.ledger.cosignature import NOBODY_NAMED, Cosigned, WitnessPolicy
from idp.ledger.merkle_tree import EMPTY_ROOT, CompactRange, leaf_hash
from idp.receipts.inclusion_proof import decoded
from idp.receipts.receipt_verify import ProvedReceipt
from policies.errors import SignatureInvalid

# JSON writes a sign of a note in at most six
MAX_LINE = 6 * MAX_NOTE


@dataclass(frozen=True, slots=True)
class Exported:
    """An export whose every check held: its checkpoint, who signed that, and the roots and places asked for."""

    head: TreeHead
    key: VerifierKey
    cosigned: Cosigned
    roots: Mapping[int, bytes]
    places: Mapping[bytes, Sequence[int]]

    def assert_begins_with(self, kept: TreeHead) -> None:
        """Raise `SignatureInvalid` if the log signed another tree than this export's, or a larger one before it."""
        if kept.size > self.head.size:
            what = f"the log shrank: it signed {kept.size} leaves, and the export has {self.head.size}"
            raise SignatureInvalid(
                "export_shrank", f"{what}. Ask for an export of today, and keep both files: they prove it"
            )
        if self.roots[kept.size] != kept.root:
            what = f"the first {kept.size} leaves of the export have another root: the log signed two trees"
            raise SignatureInvalid("export_split", f"{what}. Keep both files, which prove it")

    def place_of(self, proved: ProvedReceipt) -> int:
        """The index at which a receipt's leaf stands. Raises as `assert_begins_with`, and `NotCompared`.

        A receipt may be newer than the export.
        """
        if proved.head is not None and proved.head.size > self.head.size:
            raise NotCompared(f"it is over {proved.head.size} leaves, and the export has {self.head.size}")
        if proved.head is not None:
            self.assert_begins_with(proved.head)
        found = self.places[proved.leaf_hash]
        if proved.index is not None and proved.index not in found:
            raise SignatureInvalid("export_leaf", f"its leaf does not stand at index {proved.index} of the export")
        if not found:
            raise NotCompared("its leaf is promised, and not in this export")
        return found[0] if proved.index is None else proved.index


class NotCompared(Exception):
    """An export that is too short for what it is compared with: a newer one decides."""


def read_size(file: BinaryIO, keys: Sequence[VerifierKey]) -> int:
    """How many leaves the first line promises. Raises `SignatureInvalid`."""
    head = _line(file)
    if set(head) != {"v", "log", "size"} or head["v"] != VERSION:
        raise SignatureInvalid("export", "its first line is not that of an export, or of another version")
    if any(head["log"] != key.name for key in keys):
        raise SignatureInvalid("log", "it is of another log than the key")
    size = head["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise SignatureInvalid("export", "its first line has no size")
    return size


def verify_export(
    file: BinaryIO,
    size: int,
    keys: Sequence[VerifierKey],
    *,
    sizes: Collection[int],
    leaves: Collection[bytes],
    advance: Callable[[int], None],
    witnesses: WitnessPolicy = NOBODY_NAMED,
) -> Exported:
    """Read the lines after the first; `sizes` and `leaves` (hashes) are those that will be compared.

    Memory grows with these and not with the log. Raises `SignatureInvalid`.
    """
    tree = CompactRange()
    roots = {0: EMPTY_ROOT}
    places: dict[bytes, list[int]] = {each: [] for each in leaves}
    wanted = set(sizes)
    for place in range(size):
        line = _line(file)
        if set(line) != {"leaf"} or not isinstance(line["leaf"], str):
            raise SignatureInvalid("export", f"leaf {place} is not there")
        try:
            hashed = leaf_hash(decoded(line["leaf"], None))
        except ValueError:
            raise SignatureInvalid("export", f"leaf {place} is not base64") from None
        tree.append(hashed)
        if hashed in places:
            places[hashed].append(place)
        if tree.size in wanted:
            roots[tree.size] = tree.root()
        advance(1)
    last = _line(file)
    if set(last) != {"checkpoint"} or not isinstance(last["checkpoint"], str) or file.read(1):
        raise SignatureInvalid("export", "it does not end with a checkpoint behind its leaves")
    key, text, others = open_cosigned_note(last["checkpoint"].encode("utf-8", "replace"), *keys)
    head, cosigned = TreeHead.read(text), witnesses.judge(text, others)
    if head.origin != key.name:
        raise SignatureInvalid("checkpoint", "the checkpoint is another log's")
    if (head.size, head.root) != (tree.size, tree.root()):
        raise SignatureInvalid("export_root", "its leaves have another root than the checkpoint that the log signed")
    witnesses.assert_met(cosigned)
    return Exported(head, key, cosigned, roots, places)


def _line(file: BinaryIO) -> Mapping[str, Json]:
    """One line, a JSON object in its one spelling."""
    octets = file.readline(MAX_LINE)
    try:
        found = json.loads(octets)
        if isinstance(found, dict) and jcs(found) + b"\n" == octets:
            return found
    except (ValueError, TypeError, RecursionError):
        pass
    raise SignatureInvalid("export", "a line is cut short, or is not the one spelling of a JSON object (RFC 8785)")
