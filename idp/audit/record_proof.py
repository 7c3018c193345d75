"""A proof for anybody that records of the log are as they say: what was sent and how it was decided, never about whom.

One record is canonical JSON (RFC 8785) and one line feed:

    {"v": 1, "proves": "record", "ok": true, "log": origin, "leaf": base64 of the leaf's octets, "leaf_hash": hex,
     "openings": {"decision": {"nonce": base64, "content": {...}}, "sent": {...}},
     "index": n, "path": [base64...], "checkpoint": note}

Many records are JSON lines, each canonical: which they are, the records in the order of the log, and the log's signature.

    {"v": 1, "proves": "records", "log": origin, "checkpoint": note, "first": n, "end": n, "filter": {...}}
    {"index": n, "leaf": base64, "openings": {...}, "path": [base64...]}
    {"rows": n, "digest": base64 of the SHA-256 of all lines before, "signature": base64}

`first` and `end` (which is not among them) are indexes of leaves. `filter` has some of `client`, `purpose`, `kind`, `since`
and `until` (seconds; `until` is not in it). Without any of these each leaf between is there. The signature is the log's
Ed25519 over "ciconia/records/v1" LF and the last line's object without it: whoever left out a record signed that.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

from idp.ledger.canonical_json import Json, jcs
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ports import Opening
from idp.receipts.inclusion_proof import Placed, encoded

VERSION = 1
ONE, MANY = "record", "records"
SIGNED = b"ciconia/records/v1\n"
OPENS = ("decision", "sent")


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """The records that somebody asks for; None takes any."""

    client: str | None = None
    purpose: str | None = None
    kind: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def as_json(self) -> dict[str, Json]:
        """The filter's set fields, without the rest."""
        asked = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in asked.items() if value is not None}

    def takes(self, sent: Mapping[str, Json], decision: Mapping[str, Json]) -> bool:
        """Whether it takes a record of these contents."""
        time = decision.get("time")
        return (
            isinstance(time, int)
            and (self.client is None or sent.get("client") == self.client)
            and (self.purpose is None or sent.get("purpose") == self.purpose)
            and (self.kind is None or decision.get("kind") == self.kind)
            and (self.since is None or time >= self.since)
            and (self.until is None or time < self.until)
        )


def proof_of_record(origin: str, leaf: bytes, openings: Mapping[str, Opening], placed: Placed) -> bytes:
    """The file of one record."""
    head: dict[str, Json] = {"v": VERSION, "proves": ONE, "ok": True, "log": origin, "checkpoint": placed.checkpoint}
    return jcs({**head, "leaf_hash": leaf_hash(leaf).hex(), **_row(leaf, openings, placed)}) + b"\n"


def proof_of_records(
    keys: LedgerKeys,
    checkpoint: str,
    span: tuple[int, int],
    asked: RecordFilter,
    rows: Iterable[tuple[bytes, Mapping[str, Opening], Placed]],
    now: int,
) -> Iterator[bytes]:
    """The lines of a file of many records: `rows` are all that `asked` takes in `span`, each placed by `checkpoint`."""
    first, end = span
    digest, count = hashlib.sha256(), 0
    about: dict[str, Json] = {"log": keys.origin, "checkpoint": checkpoint, "filter": asked.as_json}
    octets = jcs({"v": VERSION, "proves": MANY, "first": first, "end": end, **about}) + b"\n"
    digest.update(octets)
    yield octets
    for leaf, openings, placed in rows:
        octets = jcs(_row(leaf, openings, placed)) + b"\n"
        digest.update(octets)
        count += 1
        yield octets
    last: dict[str, Json] = {"rows": count, "digest": encoded(digest.digest())}
    signature = keys.log.at(now).signer.sign(SIGNED + jcs(last))
    yield jcs({**last, "signature": encoded(signature)}) + b"\n"


def _row(leaf: bytes, openings: Mapping[str, Opening], placed: Placed) -> dict[str, Json]:
    opened: dict[str, Json] = {
        name: {"nonce": encoded(openings[name].nonce), "content": json.loads(openings[name].content)} for name in OPENS
    }
    path = [encoded(each) for each in placed.path]
    return {"index": placed.index, "leaf": encoded(leaf), "openings": opened, "path": path}
