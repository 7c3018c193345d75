"""The contents of a login's record, compartment by compartment, as canonical JSON.

`operator_records` has those of operators' acts.

A city's login:

    sent      {"basis","client","loa","names":[[name, form]..],"policy","purpose","record","time"}
    decision  {"asked":[[name, form]..],"bits","kind","notice","path","record","source","time","unknown":[name..],
               "withheld":[[name, reason]..]}; of a release "authorities":[entity id..], where the source named some, and
               "transfer":[sphere, sphere, ground], where it went from one legal sphere to another, and
               "sources":[[name, register]..], of what a register vouches for: the mandate, too, by which they acted
    subject   {"record","subject"}; where the person acted for another, "represented": the keyed index of that one
    login     {"aud","iss","nonce","sub"}; "nonce" binds it to the request, over SAML as the ID of that
    values    {name: value}                     committed to, kept nowhere

A sending node's login has nothing of the person (decision 0000.26): which node asked, in which message, when.

    sent      {"message","node","record","time"}
    decision  {"kind","message","node","record","time"}

An answer that never left. A sending node's has the shape of its logins, with `kind` "unsent"; a city's names the record
that it is about.

    sent      {"about","record","time"}
    decision  {"about","kind","record","time"}

Times are seconds since the epoch, ids and digests lower-case hex, `loa` a level's label ("" if nobody signed in). `bits`
has a digit for each attribute that the citizen could leave out, in order of name: 1 if they shared it. `notice` is the hash
of the page that was shown. It can be found by trying (few names, few languages), and then tells which boxes the citizen
left unticked: so it stands in the decision, which no relying party sees. `path` is how it was decided (`DecidedBy`). `sent`
says whether a predicate went, never its answer (0000.22). `message` is the ID of the other node's request, `node` and
`peer` are entity ids, `file` is the SHA-256 of a file. A city's record has no message id: the ledgers of two nodes have
nothing in common.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from os import urandom

from idp.ledger.canonical_json import Json, jcs
from idp.ledger.leaf import NONCE_BYTES, RECORD_BYTES
from idp.ledger.ledger_keys import framed
from idp.ports import Opening, RecordDraft
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, Value
from policies.authentication import ServiceRequest
from policies.catalogue import MANDATE
from policies.parties import EntityId, ProviderId
from policies.persons import PersonKind
from policies.purposes import Basis
from policies.release import UNTICKED, Decision

RELEASE = "release"
REFUSAL = "refusal"
CANCELLATION = "cancellation"
UNSENT = "unsent"
# The compartments of a release, and their names in order
ALWAYS = {"sent", "decision"}
OF_A_RELEASE = ALWAYS | {"subject", "login"}
OPENED = sorted(OF_A_RELEASE)


class DecidedBy(StrEnum):
    """How a citizen's login was decided: the `path` of its record."""

    PAGE = "page"  # they read the question, and answered
    INFORMED = "informed"  # they read what goes, and continued or left
    REMEMBERED = "remembered"  # they had approved the same before, and one line said so
    UNASKED = "unasked"  # as before, and they had just signed in anew: no page
    OFFLINE = "offline"  # the service had it again by a refresh token, as the page of the sign-in said that it may
    SILENT = "silent"  # as before, and they were signed in still: the service asked for no page


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
    path: DecidedBy = DecidedBy.PAGE,
    authorities: Sequence[str] = (),
    transfer: Sequence[str] = (),
    kind: PersonKind = PersonKind.NATURAL,
    represented: bytes = b"",
    named_by: str = "",
) -> RecordDraft:
    """The record of a release. `decision` is the one after the citizen's choice, `subject` the person's keyed index.

    `evidence` binds the release to the request in the words of its protocol (`Frontend.evidence`). `authorities` are those
    behind the source who signed the person in. `transfer` has the two legal spheres and the ground, if they differ.
    `named_by` is the mandate register by whose word the person acts.
    """
    released = decision.released
    sent: dict[str, Json] = {
        **_sent(record=record, time=time, request=request, basis=basis, policy=policy),
        "loa": loa.label,
        "names": [[a.name, str(a.form)] for a in released],
    }
    decided = _decided(
        kind=RELEASE,
        record=record,
        time=time,
        request=request,
        notice=notice,
        decision=decision,
        source=source,
        path=path,
    )
    if authorities:
        decided["authorities"] = list(authorities)
    if transfer:
        decided["transfer"] = list(transfer)
    sources = {one.name: one.register for one in released if one.register}
    if sources := sources | ({MANDATE: named_by} if named_by else {}):
        decided["sources"] = [[name, register] for name, register in sources.items()]
    of: dict[str, Json] = {"record": record.hex(), "subject": subject.hex()}
    if kind is not PersonKind.NATURAL:
        decided["person"] = kind.value
    if represented:
        of["represented"] = represented.hex()
    openings = (
        opening("sent", sent),
        opening("decision", decided),
        opening("subject", of),
        opening("login", {**evidence, "aud": request.origin.service, "iss": issuer, "sub": sub}),
        opening("values", {a.name: _value(a.value) for a in released}),
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
    path: DecidedBy = DecidedBy.PAGE,
) -> RecordDraft:
    """The record of a refusal or a cancellation: who asked for what, and that nothing went. No subject, no values.

    `decision` and `source` are None if the citizen stopped before a country answered.
    """
    if kind not in (REFUSAL, CANCELLATION):
        raise ValueError("what ends without a release is a refusal or a cancellation")
    sent = _sent(record=record, time=time, request=request, basis=basis, policy=policy)
    source = source or ProviderId("")
    decided = _decided(
        kind=kind,
        record=record,
        time=time,
        request=request,
        notice=notice,
        decision=decision,
        source=source,
        path=path,
    )
    openings = (opening("sent", {**sent, "loa": "", "names": []}), opening("decision", decided))
    return RecordDraft(record=record, kind=kind, time=time, subject=None, openings=openings)


def draft_node(*, record: bytes, time: int, kind: str, message: str, node: EntityId) -> RecordDraft:
    """The record of a sending node: `node` asked in `message`, and an assertion went or did not. Nothing of the person."""
    if kind not in (RELEASE, REFUSAL, CANCELLATION, UNSENT):
        raise ValueError("a login at a sending node ends with a release, a refusal or a cancellation, or is not answered")
    return without_subject(record, time, kind, message=message, node=node)


def draft_unsent(*, time: int, about: bytes) -> RecordDraft:
    """The record of a city that could not answer what the record `about` says: nothing of it left."""
    return without_subject(unsent_record(about), time, UNSENT, about=about.hex())


def unsent_record(about: bytes) -> bytes:
    """The id of the record that says so: whoever knows the one finds the other."""
    return hashlib.sha256(framed(UNSENT.encode(), about)).digest()[:RECORD_BYTES]


def without_subject(record: bytes, time: int, kind: str, **facts: Json) -> RecordDraft:
    """The record of a kind that concerns no person: `facts` stand in both openings."""
    said: dict[str, Json] = {**facts, "record": record.hex(), "time": time}
    openings = (opening("sent", said), opening("decision", {**said, "kind": kind}))
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
    path: DecidedBy,
) -> dict[str, Json]:
    rulings = decision.rulings if decision is not None else ()
    optional = [r for r in rulings if not r.required and (r.released is not None or r.reason in UNTICKED)]
    return {
        "asked": [[asked.name, str(asked.form)] for asked in request.asked],
        "bits": "".join("0" if r.released is None or kind != RELEASE else "1" for r in optional),
        "kind": kind,
        "notice": notice,
        "path": path.value,
        "record": record.hex(),
        "source": source,
        "time": time,
        "unknown": list(request.unknown),
        "withheld": [[r.name, r.reason.value] for r in rulings if r.released is None],
    }


def opening(compartment: str, content: dict[str, Json]) -> Opening:
    """One compartment's opening, with a nonce of its own."""
    return Opening(compartment, urandom(NONCE_BYTES), jcs(content))


def _value(value: Value) -> Json:
    if isinstance(value, tuple):
        return list(value)
    return asdict(value) if isinstance(value, Address) else value
