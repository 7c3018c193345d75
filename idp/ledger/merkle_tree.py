"""The Merkle tree of RFC 6962 §2.1: hashes, inclusion and consistency proofs, an append that needs its right edge alone.

A leaf's hash is SHA-256(0x00 || leaf), a node's SHA-256(0x01 || left || right); the empty tree's root is SHA-256(""). A
*position* is (level, index): the complete subtree over leaves [index << level, (index + 1) << level). Other ranges are
folded from complete subtrees, so a proof reads O(log n) stored hashes.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Position = tuple[int, int]
Span = tuple[int, int]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The right edge of a growing tree: its size, and the hashes of its complete subtrees from left to right."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError("a tree has one peak for each bit of its size")
        self.size = size
        self._peaks = list(peaks)

    def append(self, hashed: bytes) -> list[tuple[Position, bytes]]:
        """Add the hash of one leaf; returns the nodes (level 1 and up) that it completes, the lowest first."""
        completed: list[tuple[Position, bytes]] = []
        level, index = 0, self.size
        while index & 1:
            hashed = node_hash(self._peaks.pop(), hashed)
            level, index = level + 1, index >> 1
            completed.append(((level, index), hashed))
        self._peaks.append(hashed)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        return _folded(self._peaks) if self._peaks else EMPTY_ROOT


def positions(spans: Iterable[Span]) -> list[Position]:
    """The complete subtrees that these ranges of leaves are folded from."""
    return [position for start, end in spans for position in _cover(start, end)]


def tree_root(size: int, hashes: Mapping[Position, bytes]) -> bytes:
    """The root of the first `size` leaves, from the hashes at `positions([(0, size)])`."""
    return _folded([hashes[position] for position in _cover(0, size)]) if size else EMPTY_ROOT


def inclusion_spans(index: int, size: int) -> list[Span]:
    """PATH(index, D[0:size]) of RFC 6962 §2.1.1 as ranges of leaves, the leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    path: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append((split, end))
            end = split
        else:
            path.append((start, split))
            start = split
    return path[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """PROOF(old, D[0:new]) of RFC 6962 §2.1.2 as ranges of leaves. Empty for old == 0, which every tree extends."""
    if not 0 <= old <= new:
        raise ValueError("a tree extends smaller ones alone")
    if old == 0:
        return []
    proof: list[Span] = []
    start, end, whole = 0, new, True
    while old != end:
        split = start + _split(end - start)
        if old <= split:
            proof.append((split, end))
            end = split
        else:
            proof.append((start, split))
            start, whole = split, False
    if not whole:
        proof.append((start, end))
    return proof[::-1]


def proof_hashes(spans: Iterable[Span], hashes: Mapping[Position, bytes]) -> list[bytes]:
    """The hash of each range, from the hashes at `positions(spans)`."""
    return [_folded([hashes[position] for position in _cover(start, end)]) for start, end in spans]


def includes(index: int, size: int, hashed: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the leaf hash stands at `index` in the tree of `size` leaves (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, computed = index, size - 1, hashed
    for sibling in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and computed == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the new tree begins with the whole old tree (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """The largest power of two below `size` (size > 1)."""
    return 1 << (size - 1).bit_length() - 1


def _cover(start: int, end: int) -> list[Position]:
    """Complete subtrees over [start, end), from left to right, each as large as its place allows."""
    found: list[Position] = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        found.append((level, start >> level))
        start += 1 << level
    return found


def _folded(hashes: Sequence[bytes]) -> bytes:
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded
