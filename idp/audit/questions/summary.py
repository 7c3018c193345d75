"""The summary of a block of leaves: how many logins said the same, by day, and where other records stand.

A row counts the logins of one day that have the same four parts, and when the first and the last of them was. A part is a
canonical JSON array of texts:

    terms    [service, purpose, basis, policy]      of a sending node: [node, "", "", ""]
    way      [kind, source, loa, path]
    choice   [[[name, form]..] sent, [[name, form]..] asked, [[name, reason]..] withheld, whether more was asked by a name
              that we do not know]
    notice   ["hash of the page"]

There is no id of a record or of a person in it, no counter and no value. A record that is no login stands with its place,
kind and time. An answer that never left ("unsent") has the terms of the record that it is about.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from idp.audit.questions.opened import Content, OpenedLeaf
from idp.ledger.ledger_keys import DAY
from idp.ledger.record_contents import CANCELLATION, REFUSAL, RELEASE, UNSENT

LEVEL = 12
BLOCK = 1 << LEVEL  # leaves
VERSION = 1
OF_LOGINS = (RELEASE, REFUSAL, CANCELLATION, UNSENT)
PARTS = ("terms", "way", "choice", "notice")
# The columns of the rows: a day since the epoch, the number of each part, and then counts and times
COLUMNS = ("day", *PARTS, "count", "first", "last")

# Made once: `json.dumps` would make one for each text
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)

Parts = tuple[str, str, str, str]


class OtherRecord(NamedTuple):
    """A record that is no login: the place of its leaf, its kind, and its time."""

    place: int
    kind: str
    time: int


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """The figures of a block. `tables` has the different texts of each part, `rows` the columns.

    `pages` is the digest of the pages of the program that made it. `changed` has the places of leaves that are not what was
    written: they are in no figure.
    """

    others: tuple[OtherRecord, ...]
    tables: Mapping[str, Sequence[str]]
    rows: Mapping[str, Sequence[int]]
    pages: str
    changed: tuple[int, ...] = ()

    def packed(self) -> bytes:
        """The octets of it, deflated."""
        head = {
            "v": VERSION,
            "others": self.others,
            "changed": self.changed,
            "pages": self.pages,
            "tables": [len(self.tables[name]) for name in PARTS],
        }
        texts = [text for name in PARTS for text in self.tables[name]]
        columns = [_compact(self.rows[name]) for name in COLUMNS]
        # A canonical JSON text has no line break
        return zlib.compress("\n".join([_compact(head), *columns, *texts]).encode())


def unpacked(octets: bytes) -> BlockSummary | None:
    """The summary that `packed` made; None for one of another version."""
    head_text, *lines = zlib.decompress(octets).decode().split("\n")
    head = json.loads(head_text)
    if head.get("v") != VERSION:
        return None
    rows = {name: json.loads(lines[place]) for place, name in enumerate(COLUMNS)}
    tables, start = {}, len(COLUMNS)
    for name, length in zip(PARTS, head["tables"], strict=True):
        tables[name] = lines[start : start + length]
        start += length
    others = tuple(OtherRecord(*act) for act in head["others"])
    return BlockSummary(others, tables, rows, head["pages"], tuple(head["changed"]))


def summarised(leaves: Iterable[OpenedLeaf], pages: str, about: Callable[[str], OpenedLeaf | None]) -> BlockSummary:
    """Count what these leaves say. `about` finds the record of an id (hex), for an answer that never left."""
    others: list[OtherRecord] = []
    tables: dict[str, dict[str, int]] = {name: {} for name in PARTS}
    counted: dict[tuple[int, ...], list[int]] = {}
    for leaf in leaves:
        kind, time = str(leaf.decision.get("kind")), int(leaf.decision["time"])
        if kind not in OF_LOGINS:
            others.append(OtherRecord(leaf.place, kind, time))
            continue
        numbers = [
            tables[name].setdefault(text, len(tables[name]))
            for name, text in zip(PARTS, parts_of(leaf, about), strict=True)
        ]
        row = counted.setdefault((time // DAY, *numbers), [0, time, time])
        row[0] += 1
        row[1], row[2] = min(row[1], time), max(row[2], time)
    columns = list(zip(*((*key, *row) for key, row in counted.items()), strict=True)) or [()] * len(COLUMNS)
    return BlockSummary(
        tuple(others), {name: list(tables[name]) for name in PARTS}, dict(zip(COLUMNS, columns, strict=True)), pages
    )


def parts_of(leaf: OpenedLeaf, about: Callable[[str], OpenedLeaf | None]) -> Parts:
    """The texts of the four parts of a login."""
    sent, decision = leaf.sent, leaf.decision
    if decision["kind"] == UNSENT and "about" in decision:
        found = about(decision["about"])
        of, source = (found.sent, found.decision.get("source", "")) if found else ({}, "")
        return _compact(_terms(of)), _compact([UNSENT, source, "", ""]), _compact([[], [], [], False]), '[""]'
    # Of a sending node's login the country is that of the node that asked
    way = [decision["kind"], decision.get("source", sent.get("node", "")), sent.get("loa", ""), decision.get("path", "")]
    choice = [sent.get("names", []), decision.get("asked", []), decision.get("withheld", []), bool(decision.get("unknown"))]
    return _compact(_terms(sent)), _compact(way), _compact(choice), _compact([decision.get("notice", "")])


def _terms(sent: Content) -> list[str]:
    return [sent.get("client", sent.get("node", "")), *(sent.get(name, "") for name in ("purpose", "basis", "policy"))]


def _compact(said: object) -> str:
    return _ENCODER.encode(said)
