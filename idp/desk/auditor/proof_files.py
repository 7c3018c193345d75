"""Proofs as files, for somebody who need not believe us: of one record, or of all that a filter takes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from itertools import chain, islice

from idp.audit.questions.many_records import records_in
from idp.audit.questions.one_record import best_checkpoint, is_name, one_record
from idp.audit.record_proof import RecordFilter, proof_of_record, proof_of_records
from idp.desk.auditor.auditor_page import read_day
from idp.desk.auditor.reading import DeskReader
from idp.ledger.ledger_keys import DAY
from idp.store.engine import reading
from idp.store.stored_tree import broken
from policies.errors import NotFound, RequestRefused, SignatureInvalid

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
    checkpoint, `NotReadYet`, and the error of `broken` where a record is not what was written. While the lines are read
    that is `SignatureInvalid`.
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
        since=since,
        until=None if until is None else until + DAY,
    )
    span = (0, best.size)
    # The ledger is read after the checkpoint, so it reaches as far
    rows = records_in(auditor, best, span, asked, reader.ledger())
    try:
        # Before the answer begins: an error is a page then, and no file that breaks off
        begun = list(islice(rows, 1))
    except SignatureInvalid as error:
        raise broken(error.detail) from error
    return proof_of_records(auditor.keys, best.cosigned_note, span, asked, chain(begun, rows), reader.clock())


def _day(text: str) -> int | None:
    return int(datetime.combine(read_day(text), time(), UTC).timestamp()) if text else None
