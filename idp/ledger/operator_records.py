"""The contents of the records of operators' acts, as canonical JSON: what `record_contents` is for logins.

An operator's approval of another node's metadata (decision 0000.30), in either role. 64 zeros for a digest: the operator
had all of it forgotten, and nothing of that node is approved from then on.

    sent      {"digest","peer","record","time"}
    decision  {"digest","kind","peer","record","time"}

An operator's decryption of a production broker's message, and why (decision 0000.16), before it happens:

    sent      {"file","reason","record","time"}
    decision  {"file","kind","reason","record","time"}

An operator's switch, and why (decision 0000.31), before it counts:

    sent      {"name","reason","record","state","switch","time"}       state: "off" or "on"
    decision  {"kind","name","reason","record","state","switch","time"}

What somebody said to a plan of another configuration: "approved", or "refused" and why (decision 0034):

    sent      {"act","plan","reason","record","time","who"}
    decision  {"act","kind","plan","reason","record","time","who"}

A configuration that was put in force (decision 0033): its number, who did it, the digests before and after, what it widens
in words, and who approved that. `who` is an operator's name, "start" or "reload".

    sent      {"after","approved":[who..],"before","number","record","time","who","widened":[text..]}
    decision  {"after","approved","before","kind","number","record","time","who","widened"}

A step of what two officers sign together (decision 0061): a grant for an auditor, or an erasure (`of`). `mandate` is its
random id. It is "asked" for, "approved" by a second person, "used", "ended", or "refused" and why. `scope` is "person" or
a period, `until` its end (seconds since the epoch), `auditor` whom it is for; "" and 0 of an erasure.

    sent      {"act","auditor","mandate","of","reason","record","scope","time","until","who"}
    decision  {"act","auditor","kind","mandate","of","reason","record","scope","time","until","who"}

Any other act of an operator or an administrator (decision 0063), before it counts: one of `ACTS`, about what, who did it
(an account of the machine, or a listed name; "" where nobody is known) and why.

    sent      {"about","act","reason","record","time","who"}
    decision  {"about","act","kind","reason","record","time","who"}
"""

from collections.abc import Iterator, Sequence

from idp.ledger.canonical_json import jcs
from idp.ledger.leaf import SIZE_CLASSES
from idp.ledger.record_contents import without_subject
from idp.ports import RecordDraft
from policies.parties import EntityId

METADATA = "metadata"
DECRYPTION = "decryption"
SWITCH = "switch"
PLAN = "plan"
CONFIGURATION = "configuration"
MANDATE = "mandate"
ACT = "act"
KEY_MADE, KEY_MOVED, KEYS_VOUCHED, KEYS_SEPARATED = "key_made", "key_moved", "keys_vouched", "keys_separated"
RESTORED, EXPORTED, SIGN_IN_FAILED = "restored", "exported", "sign_in_failed"
LOG_BEGUN, YEAR_ENDED = OF_THE_LOG = "log_begun", "year_ended"
AUDITOR_ADDED, AUDITOR_ENROLLED, AUDITOR_REMOVED = "auditor_added", "auditor_enrolled", "auditor_removed"
ADMINISTRATOR_ADDED, ADMINISTRATOR_REMOVED = OF_ADMINISTRATORS = "administrator_added", "administrator_removed"
OF_AUDITORS = (AUDITOR_ADDED, AUDITOR_ENROLLED, AUDITOR_REMOVED)
INCIDENT_OPENED, INCIDENT_CLOSED = OF_INCIDENTS = "incident_opened", "incident_closed"
LINK_CONFIRMED, LINK_REFUSED = OF_MATCHING = "link_confirmed", "link_refused"
OF_KEYS = (KEY_MADE, KEY_MOVED, KEYS_VOUCHED, KEYS_SEPARATED)
_BY_COMMAND = (*OF_INCIDENTS, *OF_ADMINISTRATORS, *OF_MATCHING)
ACTS = (*OF_KEYS, RESTORED, EXPORTED, SIGN_IN_FAILED, *OF_THE_LOG, *OF_AUDITORS, *_BY_COMMAND)
# Long enough to name an incident; a message would not fit
MAX_REASON = 200
# Octets of what widened that a record has room for: half of the largest opening
MAX_WIDENED = SIZE_CLASSES[-1] // 2
APPROVED, REFUSED = "approved", "refused"
ASKED, USED, ENDED = "asked", "used", "ended"
MANDATE_ACTS = (ASKED, APPROVED, USED, ENDED, REFUSED)


def draft_approval(*, record: bytes, time: int, peer: EntityId, digest: str) -> RecordDraft:
    """The record of an approval: from now on the operator accepts `peer`'s metadata of this digest."""
    return without_subject(record, time, METADATA, digest=digest, peer=peer)


def draft_decryption(*, record: bytes, time: int, file: str, reason: str) -> RecordDraft:
    """The record of a decryption by hand: the SHA-256 (hex) of the file, and the operator's words. ValueError for none."""
    return without_subject(record, time, DECRYPTION, file=file, reason=_checked_reason(reason))


def draft_switch(*, record: bytes, time: int, switch: str, name: str, off: bool, reason: str) -> RecordDraft:
    """The record of a switch: what kind of thing, which, whether it is off, and why. ValueError for no reason."""
    state = "off" if off else "on"
    return without_subject(record, time, SWITCH, name=name, reason=_checked_reason(reason), state=state, switch=switch)


def draft_plan_act(*, record: bytes, time: int, act: str, plan: str, who: str, reason: str) -> RecordDraft:
    """The record of an approval of a plan (its digest, hex), or of one that was refused. ValueError for no reason."""
    if act not in (APPROVED, REFUSED):
        raise ValueError("a plan is approved, or an approval refused")
    return without_subject(record, time, PLAN, act=act, plan=plan, reason=_checked_reason(reason), who=who)


def draft_configuration(
    *,
    record: bytes,
    time: int,
    number: int,
    who: str,
    before: str,
    after: str,
    widened: Sequence[str] = (),
    approved: Sequence[str] = (),
) -> RecordDraft:
    """The record of a configuration that is put in force. `before` is "" for the first."""
    return without_subject(
        record,
        time,
        CONFIGURATION,
        after=after,
        approved=list(approved),
        before=before,
        number=number,
        who=who,
        widened=list(_shortened(widened)),
    )


def draft_mandate(
    *,
    record: bytes,
    time: int,
    act: str,
    of: str,
    mandate: str,
    who: str,
    reason: str,
    auditor: str = "",
    scope: str = "",
    until: int = 0,
) -> RecordDraft:
    """The record of a step of a grant, or of an erasure by two officers. ValueError for no reason, or an unknown act."""
    if act not in MANDATE_ACTS:
        raise ValueError("no such step")
    return without_subject(
        record,
        time,
        MANDATE,
        act=act,
        auditor=auditor,
        mandate=mandate,
        of=of,
        reason=_checked_reason(reason),
        scope=scope,
        until=until,
        who=who,
    )


def draft_act(*, record: bytes, time: int, act: str, about: str, who: str, reason: str) -> RecordDraft:
    """The record of an act of `ACTS`. ValueError for another one, for no reason, or for text that is no line."""
    if act not in ACTS or not is_reason(about) or (who and not is_reason(who)):
        raise ValueError("an act of an operator says which one it is, about what, and by whom")
    return without_subject(record, time, ACT, about=about, act=act, reason=_checked_reason(reason), who=who)


def _shortened(sentences: Sequence[str]) -> Iterator[str]:
    """Those for which a record has room: the history has both configurations, and `ciconia policy diff` finds the rest."""
    room = MAX_WIDENED
    for number, sentence in enumerate(sentences):
        room -= len(jcs(sentence))
        if room < 0:
            yield f"and {len(sentences) - number} more"
            return
        yield sentence


def is_reason(text: str) -> bool:
    """Whether a text may be the reason of an operator's act: some words on one line."""
    return len(text) <= MAX_REASON and bool(text.strip()) and text.isprintable()


def _checked_reason(text: str) -> str:
    if not is_reason(text):
        raise ValueError(f"a reason of 1 to {MAX_REASON} visible characters")
    return text
