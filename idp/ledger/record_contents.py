"""What a release, a refusal or a cancellation says of itself: the contents of its compartments, as canonical JSON.

A city's:

    sent      {"basis","client","loa","names":[[name, form]..],"policy","purpose","record","time"}
    decision  {"asked":[[name, form]..],"bits","kind","notice","path","record","source","time","unknown":[name..],
               "withheld":[[name, reason]..]}
    subject   {"record","subject"}
    login     {"aud","iss","sub", and what binds it to the request: of OpenID Connect "nonce"}
    values    {name: value}                     committed to, kept nowhere

A sending node's knows of no person at all (decision 0000.26): which node asked, in which message, when.

    sent      {"message","node","record","time"}
    decision  {"kind","message","node","record","time"}

What an operator approved of another node's metadata (decision 0000.30) is in the record of either role:

    sent      {"digest","peer","record","time"}
    decision  {"digest","kind","peer","record","time"}

What an operator decrypted of a production configuration's messages by hand, and why (decision 0000.16), before they did:

    sent      {"file","reason","record","time"}
    decision  {"file","kind","reason","record","time"}

What an operator switched off or on again, and why (decision 0000.31), before it counted:

    sent      {"name","reason","record","state","switch","time"}       state: "off" or "on"
    decision  {"kind","name","reason","record","state","switch","time"}

What was recorded, and then could not be answered: nothing of it left. A sending node's has the shape of its logins, with
`kind` "unsent"; a city's names the record that it is about.

    sent      {"about","record","time"}
    decision  {"about","kind","record","time"}

64 zeros for a digest: the operator had all of it forgotten, and nothing of that node is approved from then on.

Times are seconds since the epoch, ids and digests lower-case hex, `loa` a level's label ("" where nobody signed in).
`bits` has one figure for each attribute that the citizen could leave out, in order of name: 1 where they shared it.
`notice` is the hash of what was shown. It can be found by trying (few names, few languages), and then says which boxes the
citizen left unticked: so it stands with the decision, which no relying party sees.
`path` is how it was decided: "page". What was sent says whether a predicate went, never what it answered (0000.22).
`message` is the ID of the other node's request, `node` and `peer` are entity ids, `file` is the SHA-256 of a file. A city's
record has none of a message's ids: nothing is common to the ledgers of two nodes that a login passed.
"""

from collections.abc import Mapping
from dataclasses import asdict
from os import urandom

from idp.ledger.canonical_json import Json, jcs
from idp.ledger.leaf import NONCE_BYTES, RECORD_BYTES
from idp.ports import Opening, RecordDraft
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, Value
from policies.authentication import ServiceRequest
from policies.parties import EntityId, ProviderId
from policies.purposes import Basis
from policies.release import Decision, Reason

RELEASE = "release"
REFUSAL = "refusal"
CANCELLATION = "cancellation"
METADATA = "metadata"
DECRYPTION = "decryption"
SWITCH = "switch"
UNSENT = "unsent"
# The compartments of a release, and their names in order
ALWAYS = {"sent", "decision"}
OF_A_RELEASE = ALWAYS | {"subject", "login"}
OPENED = sorted(OF_A_RELEASE)
# Long enough to name an incident; a message would not fit
MAX_REASON = 200
# How it was decided: there is one way
BY_PAGE = "page"


def new_record() -> bytes:
    """16 random bytes: the id of a record."""
    return urandom(RECORD_BYTES)


def draft_release(
    *,
    record: bytes,
    time: int,
    request: ServiceRequest,
    basis: Basis,
    policy: str,
    notice: str,
    decision: Decision,
    loa: LevelOfAssurance,
    source: ProviderId,
    subject: bytes,
    issuer: str,
    sub: str,
    evidence: Mapping[str, str],
) -> RecordDraft:
    """The record of a release. `decision` is what stands after the citizen's choice, `subject` the person's keyed index.

    `evidence` is what binds the release to the request in the words of its protocol (`Frontend.evidence`).
    """
    released = decision.released
    sent: dict[str, Json] = {
        **_sent(record=record, time=time, request=request, basis=basis, policy=policy),
        "loa": loa.label,
        "names": [[a.name, str(a.form)] for a in released],
    }
    login: dict[str, Json] = {**evidence, "aud": request.origin.issuer, "iss": issuer, "sub": sub}
    values: dict[str, Json] = {a.name: _value(a.value) for a in released}
    openings = (
        _opening("sent", sent),
        _opening(
            "decision",
            _decided(
                kind=RELEASE,
                record=record,
                time=time,
                request=request,
                notice=notice,
                decision=decision,
                source=source,
            ),
        ),
        _opening("subject", {"record": record.hex(), "subject": subject.hex()}),
        _opening("login", login),
        _opening("values", values),
    )
    return RecordDraft(record=record, kind=RELEASE, time=time, subject=subject, openings=openings)


def draft_refusal(
    *,
    record: bytes,
    time: int,
    request: ServiceRequest,
    basis: Basis,
    policy: str,
    notice: str = "",
    decision: Decision | None = None,
    source: ProviderId | None = None,
    kind: str = REFUSAL,
) -> RecordDraft:
    """The record of a refusal or a cancellation: who asked for what, and that nothing went. No subject, no values.

    `decision` and `source` are None where the citizen stopped before a country answered.
    """
    if kind not in (REFUSAL, CANCELLATION):
        raise ValueError("what ends without a release is a refusal or a cancellation")
    sent: dict[str, Json] = {
        **_sent(record=record, time=time, request=request, basis=basis, policy=policy),
        "loa": "",
        "names": [],
    }
    openings = (
        _opening("sent", sent),
        _opening(
            "decision",
            _decided(
                kind=kind,
                record=record,
                time=time,
                request=request,
                notice=notice,
                decision=decision,
                source=source or ProviderId(""),
            ),
        ),
    )
    return RecordDraft(record=record, kind=kind, time=time, subject=None, openings=openings)


def draft_node(*, record: bytes, time: int, kind: str, message: str, node: EntityId) -> RecordDraft:
    """The record of a sending node: `node` asked in `message`, and an assertion went or did not. Nothing of the person."""
    if kind not in (RELEASE, REFUSAL, CANCELLATION, UNSENT):
        raise ValueError("a login at a sending node ends with a release, a refusal or a cancellation, or is not answered")
    facts: dict[str, Json] = {"message": message, "node": node, "record": record.hex(), "time": time}
    return _without_subject(record, time, kind, facts)


def draft_unsent(*, record: bytes, time: int, about: bytes) -> RecordDraft:
    """The record of a city that could not answer what the record `about` says: nothing of it left."""
    facts: dict[str, Json] = {"about": about.hex(), "record": record.hex(), "time": time}
    return _without_subject(record, time, UNSENT, facts)


def draft_approval(*, record: bytes, time: int, peer: EntityId, digest: str) -> RecordDraft:
    """The record of an approval: the operator took what `peer`'s metadata said, by its digest, from this moment on."""
    facts: dict[str, Json] = {"digest": digest, "peer": peer, "record": record.hex(), "time": time}
    return _without_subject(record, time, METADATA, facts)


def draft_decryption(*, record: bytes, time: int, file: str, reason: str) -> RecordDraft:
    """The record of a decryption by hand: the SHA-256 (hex) of the file, and the operator's words. ValueError for none."""
    if not is_reason(reason):
        raise ValueError(f"a reason of 1 to {MAX_REASON} visible characters")
    facts: dict[str, Json] = {"file": file, "reason": reason, "record": record.hex(), "time": time}
    return _without_subject(record, time, DECRYPTION, facts)


def draft_switch(*, record: bytes, time: int, switch: str, name: str, off: bool, reason: str) -> RecordDraft:
    """The record of a switch: what kind of thing, which, whether it is off, and why. ValueError for no reason."""
    if not is_reason(reason):
        raise ValueError(f"a reason of 1 to {MAX_REASON} visible characters")
    state = "off" if off else "on"
    facts: dict[str, Json] = {
        "name": name,
        "reason": reason,
        "record": record.hex(),
        "state": state,
        "switch": switch,
        "time": time,
    }
    return _without_subject(record, time, SWITCH, facts)


def is_reason(text: str) -> bool:
    """Whether a text may stand as the reason of an operator's act: some words on one line."""
    return len(text) <= MAX_REASON and bool(text.strip()) and text.isprintable()


def _without_subject(record: bytes, time: int, kind: str, facts: dict[str, Json]) -> RecordDraft:
    openings = (_opening("sent", facts), _opening("decision", {**facts, "kind": kind}))
    return RecordDraft(record=record, kind=kind, time=time, subject=None, openings=openings)


def _sent(*, record: bytes, time: int, request: ServiceRequest, basis: Basis, policy: str) -> dict[str, Json]:
    return {
        "basis": basis.value,
        "client": request.origin.service,
        "policy": policy,
        "purpose": request.purpose_id,
        "record": record.hex(),
        "time": time,
    }


def _decided(
    *,
    kind: str,
    record: bytes,
    time: int,
    request: ServiceRequest,
    notice: str,
    decision: Decision | None,
    source: ProviderId,
) -> dict[str, Json]:
    rulings = decision.rulings if decision is not None else ()
    optional = [r for r in rulings if not r.required and (r.released is not None or r.reason is Reason.NOT_CHOSEN)]
    return {
        "asked": [[asked.name, str(asked.form)] for asked in request.asked],
        "bits": "".join("0" if r.released is None or kind != RELEASE else "1" for r in optional),
        "kind": kind,
        "notice": notice,
        "path": BY_PAGE,
        "record": record.hex(),
        "source": source,
        "time": time,
        "unknown": list(request.unknown),
        "withheld": [[r.name, r.reason.value] for r in rulings if r.released is None],
    }


def _opening(compartment: str, content: dict[str, Json]) -> Opening:
    return Opening(compartment, urandom(NONCE_BYTES), jcs(content))


def _value(value: Value) -> Json:
    return asdict(value) if isinstance(value, Address) else value
