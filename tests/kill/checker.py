"""An independent judge of a broker's database after a crash. It shares no code with the product.

`check(database, acknowledged)` reads the tables, hashes the tree again as RFC 6962 §2.1 words it, and names what is wrong:
an acknowledged record that is missing or doubled, a record without exactly one leaf, a gap, a root that is not the leaves'.
`judge(database, lines)` reads the drivers' journal too, and holds the invariants I1 to I7 of a crash test (`invariants`).
A database is the path of a SQLite file, or the words of libpq for one of PostgreSQL. It needs no key, so it knows nothing
of openings and signatures; `ledger verify` does.
"""

import base64
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from tests.kill.journal import Line

WITH_EVERY_UNIT = ("marks", "decisions", "parked", "records")
# Until when a withdrawal and a switch hold everywhere (I5). It counts for whoever asks later than that: how long the answer
# takes is the machine's affair
WITHDRAWN_SECONDS = 1.0


class Rows(Protocol):
    """The rows of one query, in one snapshot of either database."""

    def __call__(self, query: str) -> list[tuple[bytes, ...]]:
        """Ask."""


@contextmanager
def reading(database: Path | str) -> Iterator[Rows]:
    """Read a database as it stands, beside whoever writes to it."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as lite:
            lite.execute("BEGIN")
            yield lambda query: lite.execute(query).fetchall()
        return
    with psycopg.connect(database) as post:
        post.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield lambda query: post.execute(query.encode()).fetchall()


def check(database: Path | str, acknowledged: Sequence[str]) -> list[str]:
    """The problems of this database; `acknowledged` are ids of records in hex, each acknowledged once."""
    with reading(database) as rows:
        return [*_acknowledged(rows, acknowledged), *_leaves(rows), *_Tree(rows).faults(), *_damage(rows, database)]


def judge(database: Path | str, lines: Sequence[Line], *, whole: bool = True) -> list[str]:
    """The problems of this database after everything that the drivers wrote down: I1 to I7.

    `whole`: the units are those of `tests.kill.drivers`, each with a mark of its own.
    """
    told = {word: [line.parts for line in lines if line.word == word] for word in {line.word for line in lines}}
    acknowledged = [parts[0] for parts in told.get("ack", [])]
    with reading(database) as rows:
        tree = _Tree(rows)
        return [
            *(f"I1 I7 {problem}" for problem in [*_acknowledged(rows, acknowledged), *_leaves(rows)]),
            *(f"I1 {problem}" for problem in tree.unproven(told.get("proof", []))),
            *_tokens(rows, lines, told),
            *(f"I4 {problem}" for problem in [*tree.faults(), *tree.unshown(told.get("checkpoint", []))]),
            *_logins(rows, told),
            *_wholes(rows, told, own_mark=whole),
            *_damage(rows, database),
        ]


def halves(database: Path | str) -> list[str]:
    """Half written units, where every unit has one mark, one decision, one parked row and one record."""
    with reading(database) as rows:
        counts = {name: rows(f"SELECT count(*) FROM {name}")[0][0] for name in WITH_EVERY_UNIT}  # noqa: S608  our names
    return [] if len(set(counts.values())) == 1 else [f"half written: {counts}"]


def _damage(rows: Rows, database: Path | str) -> Iterator[str]:
    if isinstance(database, Path):
        yield from (f"damaged: {row[0]!s}" for row in rows("PRAGMA integrity_check") if str(row[0]) != "ok")


def _acknowledged(rows: Rows, acknowledged: Sequence[str]) -> Iterator[str]:
    stored = Counter(record.hex() for (record,) in rows("SELECT record FROM records"))
    yield from (f"missing: {record}" for record in acknowledged if not stored[record])
    yield from (f"doubled: {record}" for record, count in stored.items() if count > 1)
    yield from (f"acknowledged twice: {record}" for record, count in Counter(acknowledged).items() if count > 1)


def _leaves(rows: Rows) -> Iterator[str]:
    placed = Counter(_leaf(leaf) for (leaf,) in rows("SELECT leaf FROM leaves"))
    waiting = Counter(_leaf(leaf) for (leaf,) in rows("SELECT leaf FROM staged"))
    records = {row[0]: row[1] for row in rows("SELECT leaf_hash, record FROM records")}
    for hashed, record in records.items():
        if placed[hashed] + waiting[hashed] != 1:
            yield f"not one leaf but {placed[hashed] + waiting[hashed]}: {record.hex()}"
    strays = (placed + waiting).keys() - records.keys()
    yield from (f"a leaf without a record: {hashed.hex()}" for hashed in strays)


def _tokens(rows: Rows, lines: Sequence[Line], told: dict[str, list[tuple[str, ...]]]) -> Iterator[str]:
    """I2, I3 and I5: of a token, its record; of a code, one token; of what was withdrawn, nothing."""
    records = {record.hex() for (record,) in rows("SELECT record FROM records")}
    taken = {mark.hex() for (mark,) in rows("SELECT digest FROM marks WHERE kind = 'code'")}
    parked = {handle.hex() for (handle,) in rows("SELECT digest FROM parked WHERE kind = 'code'")}
    record_of = {code: record for record, _, code in told.get("try", [])}
    tokens = Counter(code for code, *_ in told.get("token", []))
    for code, count in tokens.items():
        if record_of[code] not in records:
            yield f"I2 a token whose record is not there: {code}"
        if count > 1:
            yield f"I3 {count} tokens of one code: {code}"
        if code not in taken:
            yield f"I3 a token whose code has no mark: {code}"
        if code in parked:
            yield f"I3 I7 a code that was redeemed lies there still: {code}"
    ended = {line.parts[0]: line.at for line in lines if line.word == "ended"}
    yield from (f"I5 what was withdrawn lies there still: {code}" for code in ended.keys() & parked)
    for line in lines:
        if line.word in ("token", "yielded"):
            code, asked = line.parts[0], float(line.parts[1])
            if asked > ended.get(code, asked) + WITHDRAWN_SECONDS:
                yield f"I5 a {line.word} of what was withdrawn: {code}"
    yield from _switched(lines)


def _switched(lines: Sequence[Line]) -> Iterator[str]:
    """I5: nobody who asks a second after the switch was acknowledged, and before it is set back, gets a token."""
    spans: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for line in lines:
        of_it = spans.setdefault(line.parts, []) if line.word in ("off", "on") else []
        if line.word == "off":
            of_it.append((line.at + WITHDRAWN_SECONDS, float("inf")))
        elif line.word == "on":
            of_it[:] = [(begun, min(line.at, over)) for begun, over in of_it]
    for line in lines:
        if line.word == "token" and any(
            begun < float(line.parts[1]) < over for begun, over in spans.get(line.parts[2:], ())
        ):
            yield f"I5 a token of what was switched off: {' '.join(line.parts[2:])}"


def _logins(rows: Rows, told: dict[str, list[tuple[str, ...]]]) -> Iterator[str]:
    """I6: however often a login is decided, in however many processes, it has one record."""
    records = {record.hex() for (record,) in rows("SELECT record FROM records")}
    of_login = Counter(login for record, login, _ in told.get("try", []) if record in records)
    yield from (f"I6 {count} records of one login: {login}" for login, count in of_login.items() if count > 1)
    of_ack = {parts[0] for parts in told.get("ack", [])}
    yield from (f"I6 lost, and recorded: {r}" for (r,) in told.get("lost", []) if r in records and r not in of_ack)


def _wholes(rows: Rows, told: dict[str, list[tuple[str, ...]]], *, own_mark: bool) -> Iterator[str]:
    """I7: of each unit that was tried, its own mark, its record and, unless it was redeemed, its code; or none of them."""
    records = {record.hex() for (record,) in rows("SELECT record FROM records")}
    marks = {(str(kind), digest.hex()) for kind, digest in rows("SELECT kind, digest FROM marks")}
    decisions = {login.hex() for (login,) in rows("SELECT login FROM decisions")}
    parked = {handle.hex() for (handle,) in rows("SELECT digest FROM parked WHERE kind = 'code'")}
    touched = {parts[0] for word in ("redeeming", "ending") for parts in told.get(word, [])}
    won: set[str] = set()
    for record, login, code in told.get("try", []):
        own = hashlib.sha256(repr((bytes.fromhex(record),)).encode()).hexdigest()
        parts = {record in records, ("response", own) in marks} if own_mark else {record in records}
        if code not in touched and own_mark:
            parts.add(code in parked)
        if len(parts) > 1:
            yield f"I7 half written: {record}"
        if record in records:
            won.add(login)
    for _, login, _ in told.get("try", []):
        if {("login", login) in marks, login in decisions} != {login in won}:
            yield f"I7 a login's mark or decision without its record: {login}"


class _Tree:
    """The leaves in their order, and the root at each size that somebody asks for."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        leaves = rows("SELECT leaf_index, leaf FROM leaves ORDER BY leaf_index")
        self._gap = [int(index) for index, _ in leaves] != list(range(len(leaves)))
        self._hashes = [_leaf(leaf) for _, leaf in leaves]
        self._roots = list(_roots(self._hashes))

    def faults(self) -> Iterator[str]:
        """State and checkpoints as they are stored."""
        if self._gap:
            yield "a gap in the leaves"
        for size, root in self._rows("SELECT size, root FROM trees"):
            if int(size) != len(self._hashes) or root != self._roots[-1]:
                yield f"the tree's state is not that of its {len(self._hashes)} leaves"
        before = 0
        for size, root, note in self._rows("SELECT size, root, note FROM checkpoints ORDER BY number"):
            at = int(size)
            if not before < at <= len(self._hashes) or root != self._roots[at]:
                yield f"the checkpoint of size {at} is not that of the leaves"
            if _said(note) != (str(at), base64.b64encode(root).decode()):
                yield f"the checkpoint of size {at} says something else in its note"
            before = at

    def unshown(self, notes: Sequence[tuple[str, ...]]) -> Iterator[str]:
        """Checkpoints that were shown once, and are not those of the leaves: the log was forked, or went back."""
        for (note,) in notes:
            size, root = _said(base64.b64decode(note))
            if int(size) >= len(self._roots) or base64.b64encode(self._roots[int(size)]).decode() != root:
                yield f"a checkpoint of size {size} was shown that is not the log's"

    def unproven(self, proofs: Sequence[tuple[str, ...]]) -> Iterator[str]:
        """Inclusion proofs that were shown and prove nothing (RFC 9162 §2.1.3.2)."""
        for leaf, index, size, joined in proofs:
            path = b"" if joined == "-" else bytes.fromhex(joined)
            hashes = [path[at : at + 32] for at in range(0, len(path), 32)]
            known = int(size) < len(self._roots) and self._hashes[int(index)] == bytes.fromhex(leaf)
            if not known or _proven(bytes.fromhex(leaf), int(index), int(size), hashes) != self._roots[int(size)]:
                yield f"a proof that proves nothing: {leaf}"


def _said(note: bytes) -> tuple[str, str]:
    lines = note.decode().split("\n")
    return lines[1], lines[2]


def _leaf(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _roots(hashes: Sequence[bytes]) -> Iterator[bytes]:
    """The root of no leaf, of one leaf, of two..: of each size, the complete subtrees are folded from the right."""
    yield hashlib.sha256().digest()
    peaks: list[tuple[int, bytes]] = []
    for hashed in hashes:
        peaks.append((1, hashed))
        while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
            (width, right), (_, left) = peaks.pop(), peaks.pop()
            peaks.append((2 * width, _node(left, right)))
        root = peaks[-1][1]
        for _, left in reversed(peaks[:-1]):
            root = _node(left, root)
        yield root


def _proven(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a path leads to, no root where it is too long or too short."""
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return b""
        if at & 1 or at == last:
            found = _node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else b""
