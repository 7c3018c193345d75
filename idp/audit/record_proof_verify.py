"""The offline check of a proof of one record, or of many.

1. strict JSON in its canonical spelling, the members and no other, of the log whose keys were given
2. `sent` and `decision` open what the leaf commits to, and are of one record and one time
3. the path leads from the leaf to the root of a checkpoint that a key of the log signed
4. of many: each record is between the first leaf and the end, behind the one before, and of the filter; without a filter
   none is missing; the log signed how many there are, and every line
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from idp.audit.record_proof import MANY, ONE, OPENS, SIGNED, VERSION, RecordFilter
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_cosigned_note
from idp.ledger.cosignature import NOBODY_NAMED, Cosigned, WitnessPolicy
from idp.ledger.leaf import NONCE_BYTES, SIZE_CLASSES, commitment, read_leaf
from idp.ledger.merkle_tree import includes, leaf_hash
from idp.ledger.record_contents import RELEASE
from idp.receipts.inclusion_proof import decoded
from idp.receipts.members import Object, number_in, object_in, read_canonical, text_in, texts_in
from idp.receipts.receipt_verify import ProvedReceipt
from policies.errors import SignatureInvalid

# Two of the largest openings, each sign in up to two of JSON, and the rest
MAX_RECORD = 5 * SIZE_CLASSES[-1]
SIGNATURE_BYTES = 64
_WHAT = "a proof of a record"
_Tree = tuple[VerifierKey, TreeHead, Cosigned]
_ROW = frozenset({"index", "leaf", "openings", "path"})


@dataclass(frozen=True, slots=True)
class ProvedRecord:
    """A record whose every check held: its place, and what it opens. `key` signed the checkpoint."""

    key: VerifierKey
    head: TreeHead
    cosigned: Cosigned
    index: int
    leaf_hash: bytes
    sent: Mapping[str, Json]
    decision: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ProvedRecords:
    """A file of many records whose every check held; `key` signed that these are all. `places` has those asked for."""

    key: VerifierKey
    head: TreeHead
    cosigned: Cosigned
    first: int
    end: int
    asked: RecordFilter
    rows: int
    places: Mapping[bytes, int]

    def place_of(self, receipt: ProvedReceipt) -> int | None:
        """The index of a receipt's leaf; None if the file does not speak of it.

        Raises `SignatureInvalid` if it should be among the records, and is not: the log signed that these were all.
        """
        if (found := self.places.get(receipt.leaf_hash)) is not None:
            return found
        sent: Mapping[str, Json] = {"client": receipt.client, "purpose": receipt.purpose}
        taken = self.asked.takes(sent, {"time": receipt.time, "kind": RELEASE})
        if taken and receipt.index is not None and self.first <= receipt.index < self.end:
            what = f"the log signed that these are all, and the leaf at index {receipt.index} is not among them"
            raise SignatureInvalid("records_missing", f"{what}. Keep both files, which prove it")
        return None


def proves_many(line: bytes) -> bool:
    """Whether a file that begins with this line is of many records."""
    return b'"proves":"records"' in line


def verify_record(octets: bytes, keys: Sequence[VerifierKey], witnesses: WitnessPolicy = NOBODY_NAMED) -> ProvedRecord:
    """Check a proof of one record under the keys of one log, and its witnesses. Raises `SignatureInvalid`."""
    found = read_canonical(octets, MAX_RECORD, _WHAT, truths=True)
    try:
        _check_head(found, ONE, {"v", "proves", "ok", "log", "checkpoint", "leaf_hash", *_ROW}, keys)
        proved = _record(found, _tree(text_in(found, "checkpoint"), keys, witnesses))
        if found["ok"] is not True or found["leaf_hash"] != proved.leaf_hash.hex():
            raise SignatureInvalid("shape", "its leaf_hash is another leaf's, or ok is not true")
    except (ValueError, KeyError, TypeError):
        raise SignatureInvalid("shape", f"it is not shaped as {_WHAT} is") from None
    return proved


def verify_records(
    file: BinaryIO,
    keys: Sequence[VerifierKey],
    leaves: Collection[bytes] = (),
    witnesses: WitnessPolicy = NOBODY_NAMED,
) -> ProvedRecords:
    """Check a file of many records. `leaves` are hashes whose place is asked for. Raises `SignatureInvalid`."""
    try:
        return _Reading(file, keys, witnesses).records(leaves)
    except (ValueError, KeyError, TypeError):
        raise SignatureInvalid("shape", f"a line is not shaped as in {_WHAT}") from None


class _Reading:
    """One reading of a file of many records."""

    def __init__(self, file: BinaryIO, keys: Sequence[VerifierKey], witnesses: WitnessPolicy) -> None:
        self._file, self._keys, self._digest = file, keys, hashlib.sha256()
        head = self._line()
        _check_head(head, MANY, {"v", "proves", "log", "checkpoint", "first", "end", "filter"}, keys)
        self._first, self._end = number_in(head, "first"), number_in(head, "end")
        self._asked = _filter(object_in(head, "filter"))
        self._tree = _tree(text_in(head, "checkpoint"), keys, witnesses)
        if not self._first <= self._end <= self._tree[1].size:
            raise SignatureInvalid("records_order", "the leaves that it is about are not in the tree")

    def records(self, leaves: Collection[bytes]) -> ProvedRecords:
        places, before, rows = dict[bytes, int](), self._first - 1, 0
        digest = self._digest.digest()
        while "leaf" in (line := self._line()):
            proved = self._row(line, before)
            if proved.leaf_hash in leaves:
                places[proved.leaf_hash] = proved.index
            before, rows, digest = proved.index, rows + 1, self._digest.digest()
        if not self._asked.as_json:
            self._assert_next(self._end, before)
        key = _signed(line, rows, digest, self._keys)
        if self._file.read(1):
            raise SignatureInvalid("shape", "something stands behind its last line")
        return ProvedRecords(key, self._tree[1], self._tree[2], self._first, self._end, self._asked, rows, places)

    def _line(self) -> Object:
        octets = self._file.readline(MAX_RECORD + 1)
        self._digest.update(octets)
        return read_canonical(octets, MAX_RECORD, _WHAT, truths=True)

    def _row(self, line: Object, before: int) -> ProvedRecord:
        if set(line) != _ROW:
            raise SignatureInvalid("shape", "a record has other members than index, leaf, openings and path")
        proved = _record(line, self._tree)
        if not before < proved.index < self._end:
            what = f"leaf {proved.index} is not behind leaf {before} and before {self._end}"
            raise SignatureInvalid("records_order", what)
        if not self._asked.takes(proved.sent, proved.decision):
            raise SignatureInvalid("records_filter", f"leaf {proved.index} is not one that the filter takes")
        if not self._asked.as_json:
            self._assert_next(proved.index, before)
        return proved

    def _assert_next(self, index: int, before: int) -> None:
        if index != before + 1:
            raise SignatureInvalid("records_missing", f"leaf {before + 1} is not there")


def _signed(last: Object, rows: int, digest: bytes, keys: Sequence[VerifierKey]) -> VerifierKey:
    """The key that signed the last line, which says how many records there are, and the digest of all lines."""
    if set(last) != {"rows", "digest", "signature"}:
        raise SignatureInvalid("shape", "it does not end with what the log signed")
    if number_in(last, "rows") != rows or decoded(text_in(last, "digest")) != digest:
        raise SignatureInvalid("records_digest", "a record is missing, or a line is not the one that the log signed")
    signature = decoded(text_in(last, "signature"), SIGNATURE_BYTES)
    message = SIGNED + jcs({name: value for name, value in last.items() if name != "signature"})
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        except InvalidSignature:
            continue
        return key
    raise SignatureInvalid("signature", "the log's signature over the records does not hold")


def _tree(checkpoint: str, keys: Sequence[VerifierKey], witnesses: WitnessPolicy) -> _Tree:
    """The tree of a checkpoint, the key of the log that signed it, and who cosigned it. Raises if these are too few."""
    key, text, others = open_cosigned_note(checkpoint.encode(), *keys)
    head, cosigned = TreeHead.read(text), witnesses.judge(text, others)
    if head.origin != key.name:
        raise SignatureInvalid("checkpoint", "the checkpoint is another log's")
    witnesses.assert_met(cosigned)
    return key, head, cosigned


def _check_head(found: Object, proves: str, members: Collection[str], keys: Sequence[VerifierKey]) -> None:
    if set(found) != members or number_in(found, "v") != VERSION or text_in(found, "proves") != proves:
        raise SignatureInvalid("shape", f"it has other members, or another version, than {_WHAT} has")
    if any(text_in(found, "log") != key.name for key in keys):
        raise SignatureInvalid("log", "it is of another log than the key")


def _filter(found: Object) -> RecordFilter:
    if not set(found) <= set(RecordFilter.__slots__):
        raise ValueError("another filter")
    client, purpose, kind = (text_in(found, name) if name in found else None for name in ("client", "purpose", "kind"))
    since, until = (number_in(found, name) if name in found else None for name in ("since", "until"))
    return RecordFilter(client, purpose, kind, since, until)


def _record(row: Object, tree: _Tree) -> ProvedRecord:
    """Check what a record opens, and its place."""
    leaf = decoded(text_in(row, "leaf"), None)
    commitments, openings = read_leaf(leaf)[0], object_in(row, "openings")
    if set(openings) != {*OPENS}:
        raise SignatureInvalid("openings", "it opens more or less than sent and decision")
    opened: dict[str, Object] = {}
    for name in OPENS:
        opening = object_in(openings, name)
        content = opened[name] = object_in(opening, "content")
        if set(opening) != {"nonce", "content"}:
            raise SignatureInvalid("openings", f"the opening of {name} has other members than nonce and content")
        if commitment(decoded(text_in(opening, "nonce"), NONCE_BYTES), jcs(content)) != commitments[name]:
            raise SignatureInvalid("commitment", f"the opening of {name} does not open what the leaf commits to")
    sent, decision = opened["sent"], opened["decision"]
    said = [(text_in(each, "record"), number_in(each, "time")) for each in (sent, decision)]
    if said[0] != said[1] or not text_in(decision, "kind"):
        raise SignatureInvalid("openings", "its openings are of two records")
    (key, head, cosigned), index, hashed = tree, number_in(row, "index"), leaf_hash(leaf)
    if not includes(index, head.size, hashed, [decoded(each) for each in texts_in(row, "path")], head.root):
        raise SignatureInvalid("inclusion", "the path does not lead from this leaf to the checkpoint's root")
    return ProvedRecord(key, head, cosigned, index, hashed, sent, decision)
