"""Proofs as files, for somebody who need not believe us: of one record, or of all that a filter takes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta

from idp.audit.questions.many_records import records_in
from idp.audit.questions.one_record import best_checkpoint, is_name, one_record
from idp.audit.record_proof import RecordFilter, proof_of_record, proof_of_records
from idp.desk.desk_page import read_day
from idp.desk.reading import DeskReader
from idp.store.engine import reading
from policies.errors import NotFound, RequestRefused

# The filters that a bundle can be of
OF_BUNDLES = ("since", "until", "service", "purpose", "outcome")


def proof_file(reader: DeskReader, named: str) -> bytes:
    """The proof of one record. Raises `RequestRefused`, and `NotFound` where there is none, or it does not hold."""
    if not is_name(named):
        raise RequestRefused("no name of a record")
    found = one_record(reader.auditor, named)
    if not found.holds or found.placed is None:
        raise NotFound("no checkpoint covers it, or it does not hold")
    return proof_of_record(reader.auditor.keys.origin, found.leaf, found.openings, found.placed)


def bundle(reader: DeskReader, given: Mapping[str, str]) -> Iterator[bytes]:
    """The lines of a bundle of all records that the filters take, up to the newest checkpoint.

    The last line is the log's signature: a file that ends before it proves nothing. Raises `NotFound` before the first
    checkpoint, and `SignatureInvalid` at a record that is not what was written.
    """
    auditor = reader.auditor
    with reading(), auditor.engine.connect() as connection:
        best = best_checkpoint(connection, auditor, 1)
    if best is None:
        raise NotFound("the log has no checkpoint yet")
    since, until = (_day(given.get(name, "")) for name in ("since", "until"))
    asked = RecordFilter(
        client=given.get("service") or None,
        purpose=given.get("purpose") or None,
        kind=given.get("outcome") or None,
        since=None if since is None else int(since.timestamp()),
        until=None if until is None else int((until + timedelta(days=1)).timestamp()),
    )
    span = (0, best.size)
    rows = records_in(auditor, best, span, asked)
    return proof_of_records(auditor.keys, best.cosigned_note, span, asked, rows, reader.clock())


def _day(text: str) -> datetime | None:
    return datetime.combine(read_day(text), time(), UTC) if text else None
