"""The contents of the records of a person's own acts, as canonical JSON: what `operator_records` is for operators' acts.

An erasure (decision 0060): it was asked for, withdrawn, refused (and why) or done. `erasure` is the random id of the
request, "" where retention ended records by itself. `leaves` says how many leaves it covered, `backups` when the last
backup that has more can no longer be read (seconds since the epoch; 0 before it is done). `who` are two officers, "person"
or "retention".

    sent      {"act","backups","erasure","leaves","reason","record","time","who":[text..]}
    decision  {"act","backups","erasure","kind","leaves","reason","record","time","who"}
"""

from collections.abc import Sequence

from idp.ledger.record_contents import without_subject
from idp.ports import RecordDraft

ERASURE = "erasure"
ASKED, WITHDRAWN, REFUSED, DONE = "asked", "withdrawn", "refused", "done"
ACTS = (ASKED, WITHDRAWN, REFUSED, DONE)
PERSON, RETENTION = "person", "retention"


def draft_erasure(
    *,
    record: bytes,
    time: int,
    act: str,
    who: Sequence[str],
    erasure: bytes = b"",
    leaves: int = 0,
    backups: int = 0,
    reason: str = "",
) -> RecordDraft:
    """The record of a step of an erasure. It names nobody, and no leaf. ValueError for an unknown act."""
    if act not in ACTS:
        raise ValueError("an erasure is asked for, withdrawn, refused or done")
    return without_subject(
        record,
        time,
        ERASURE,
        act=act,
        backups=backups,
        erasure=erasure.hex(),
        leaves=leaves,
        reason=reason,
        who=list(who),
    )
