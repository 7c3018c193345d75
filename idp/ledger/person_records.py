"""The contents of the records of a person's own acts, as canonical JSON: what `operator_records` is for operators' acts.

An erasure (decision 0060): it was asked for, withdrawn, refused (and why) or done. `erasure` is the random id of the
request, "" where retention ended records by itself. `leaves` says how many leaves it covered, `backups` when the last
backup that has more can no longer be read (seconds since the epoch; 0 before it is done). `who` are two officers, "person"
or "retention".

    sent      {"act","backups","erasure","leaves","reason","record","time","who":[text..]}
    decision  {"act","backups","erasure","kind","leaves","reason","record","time","who"}

What a person did on their own page (decision 0059): `kind` is "withdrawal" of consent, "objection" to a public task,
"disowned" (they did not make this sign-in), "approval_off" (what was remembered is not any more), "link" (two identities
are one person, decision 0086), "link_asked" (an officer has to confirm it) or "unlink". `about` is the record of the
release, "" for what is only remembered. A link and its undo are recorded under both identities. There `about` is the record
of the link, or of the asking, under the earlier one, and "" in that itself. `loa` is the level of the sign-in for the page.
Such a record has a number under the person's key, as a release has. `policy` is the hash of the purpose's file that the
release rests on, or that was in force: its retention counts for the act, too.

    sent      {"basis","client","loa","policy","purpose","record","time"}
    decision  {"about","kind","record","time"}
    subject   {"record","subject"}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from idp.ledger.canonical_json import Json
from idp.ledger.record_contents import opening, without_subject
from idp.ports import RecordDraft

ERASURE = "erasure"
ASKED, WITHDRAWN, REFUSED, DONE = "asked", "withdrawn", "refused", "done"
ACTS = (ASKED, WITHDRAWN, REFUSED, DONE)
PERSON, RETENTION = "person", "retention"
WITHDRAWAL, OBJECTION, DISOWNED, APPROVAL_OFF = "withdrawal", "objection", "disowned", "approval_off"
LINK, UNLINK, LINK_ASKED = OF_LINKS = "link", "unlink", "link_asked"
OWN_ACTS = (WITHDRAWAL, OBJECTION, DISOWNED, APPROVAL_OFF, *OF_LINKS)
# The compartments of a person's own act
OF_AN_ACT = {"sent", "decision", "subject"}


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


@dataclass(frozen=True, slots=True)
class ActOn:
    """A release that a person's act is about, and the level of their sign-in for the page."""

    about: str  # the record's id (hex); "" where the act is about what is remembered
    client: str
    purpose: str
    basis: str
    loa: str
    policy: str


def draft_own_act(*, record: bytes, time: int, kind: str, subject: bytes, on: ActOn) -> RecordDraft:
    """The record of what a person did on their page. ValueError for another kind."""
    if kind not in OWN_ACTS:
        raise ValueError("no act of a person's own")
    said: dict[str, Json] = {"record": record.hex(), "time": time}
    rests_on = {"basis": on.basis, "client": on.client, "loa": on.loa, "policy": on.policy, "purpose": on.purpose}
    openings = (
        opening("sent", {**said, **rests_on}),
        opening("decision", {**said, "about": on.about, "kind": kind}),
        opening("subject", {"record": record.hex(), "subject": subject.hex()}),
    )
    return RecordDraft(record=record, kind=kind, time=time, subject=subject, openings=openings)
