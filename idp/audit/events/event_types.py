"""The types of events, and how a record becomes one. An event says who did what and why, and nothing of a citizen."""

from collections.abc import Mapping
from dataclasses import dataclass

from idp.audit.questions.opened import OpenedLeaf
from idp.ledger.canonical_json import Json
from idp.ledger.operator_records import (
    ACT,
    ADMINISTRATOR_ADDED,
    ADMINISTRATOR_REMOVED,
    AUDITOR_ADDED,
    AUDITOR_ENROLLED,
    AUDITOR_REMOVED,
    CONFIGURATION,
    DECRYPTION,
    EXPORTED,
    INCIDENT_CLOSED,
    INCIDENT_OPENED,
    KEY_MADE,
    KEY_MOVED,
    KEYS_SEPARATED,
    KEYS_VOUCHED,
    LINK_CONFIRMED,
    LINK_REFUSED,
    LOG_BEGUN,
    MANDATE,
    METADATA,
    PLAN,
    RESTORED,
    SIGN_IN_FAILED,
    SWITCH,
    YEAR_ENDED,
)
from idp.ledger.person_records import ERASURE

# Severities of RFC 5424 §6.2.1
WARNING, NOTICE = 4, 5
# The record's kind, and the value of the fact that tells its acts apart ("" for the only one): type, severity, meaning
_Row = tuple[str, int, str]
_TYPES: Mapping[tuple[str, str], _Row] = {
    (CONFIGURATION, ""): ("configuration.applied", NOTICE, "a configuration was put in force"),
    (PLAN, "approved"): ("plan.approved", NOTICE, "somebody approved a plan of another configuration"),
    (PLAN, "refused"): ("plan.refused", NOTICE, "somebody refused a plan of another configuration"),
    (METADATA, ""): ("metadata.approved", NOTICE, "the metadata of another node or federation was approved, or forgotten"),
    (SWITCH, "off"): ("switch.off", WARNING, "a service, country, provider or key was switched off"),
    (SWITCH, "on"): ("switch.on", NOTICE, "it was switched on again"),
    (ACT, KEY_MADE): ("key.made", NOTICE, "a key was made, which begins at its minute"),
    (ACT, KEY_MOVED): ("key.moved", NOTICE, "a key was told to begin at another minute"),
    (ACT, KEYS_VOUCHED): ("key.vouched", WARNING, "keys of the log were vouched for by hand"),
    (ACT, KEYS_SEPARATED): ("key.separated", NOTICE, "the keys that find a person got a folder of their own"),
    (DECRYPTION, ""): ("decryption", WARNING, "a message to a production broker was decrypted by hand"),
    (ACT, RESTORED): ("database.restored", WARNING, "the database was filled from a backup"),
    (ACT, EXPORTED): ("ledger.exported", NOTICE, "the log's leaves were exported; they open nothing"),
    (ACT, LOG_BEGUN): ("ledger.begun", NOTICE, "the log began: its witnesses had nothing to sign, and releases waited"),
    (ACT, YEAR_ENDED): ("ledger.year_ended", NOTICE, "a year ended, and this is the log's final checkpoint of it"),
    (ACT, SIGN_IN_FAILED): ("administrator.sign_in_failed", WARNING, "somebody could not sign in to the auditor's desk"),
    (ACT, AUDITOR_ADDED): ("auditor.added", WARNING, "somebody may enrol a passkey for the auditor's desk"),
    (ACT, AUDITOR_ENROLLED): ("auditor.enrolled", WARNING, "an auditor enrolled their passkey"),
    (ACT, AUDITOR_REMOVED): ("auditor.removed", NOTICE, "an auditor was taken out of the list of passkeys"),
    (ACT, INCIDENT_OPENED): (
        "incident.opened",
        WARNING,
        "the steps of sign-ins are recorded for an incident, until its end",
    ),
    (ACT, INCIDENT_CLOSED): ("incident.closed", NOTICE, "it was closed before its end"),
    (ACT, ADMINISTRATOR_ADDED): ("administrator.added", WARNING, "somebody may enrol a passkey for the operator's pages"),
    (ACT, ADMINISTRATOR_REMOVED): ("administrator.removed", NOTICE, "an administrator was taken out of that list"),
    (ACT, LINK_CONFIRMED): ("link.confirmed", NOTICE, "an officer confirmed that two identities are one person's"),
    (ACT, LINK_REFUSED): ("link.refused", NOTICE, "an officer refused that"),
    (MANDATE, "grant asked"): ("grant.asked", NOTICE, "an officer asked for a grant that opens records to an auditor"),
    (MANDATE, "grant approved"): ("grant.approved", WARNING, "a second officer approved it"),
    (MANDATE, "grant used"): ("grant.used", WARNING, "the auditor used it"),
    (MANDATE, "grant ended"): ("grant.ended", NOTICE, "it was ended before its time"),
    (MANDATE, "grant refused"): ("grant.refused", NOTICE, "it was refused"),
    (MANDATE, ""): ("erasure.officers", NOTICE, "a step of an erasure by two officers"),
    (ERASURE, "asked"): ("erasure.asked", NOTICE, "an erasure was asked for"),
    (ERASURE, "withdrawn"): ("erasure.withdrawn", NOTICE, "it was withdrawn"),
    (ERASURE, "refused"): ("erasure.refused", NOTICE, "it was refused"),
    (ERASURE, "done"): ("erasure.done", NOTICE, "it was done"),
}
TYPES: Mapping[str, str] = {name: meaning for name, _, meaning in _TYPES.values()}
KINDS = frozenset(kind for kind, _ in _TYPES)
# The facts that tell the acts of a kind apart
_TOLD_BY = {PLAN: ("act",), SWITCH: ("state",), ACT: ("act",), MANDATE: ("of", "act"), ERASURE: ("act",)}
_NO_FACTS = frozenset({"record", "time", "kind", "who", "reason"})


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `index` is that of its leaf, from 0; `time` in seconds since the epoch; "" for who or why nobody wrote."""

    index: int
    record: bytes
    time: int
    type: str
    severity: int
    who: str
    why: str
    facts: Mapping[str, Json]

    def as_json(self) -> dict[str, Json]:
        """The event as an object."""
        known: dict[str, Json] = {"index": self.index, "record": self.record.hex(), "time": self.time, "type": self.type}
        return {**known, "who": self.who, "why": self.why, "facts": self.facts}


def event_of(opened: OpenedLeaf) -> Event | None:
    """The event of a leaf; None for a login."""
    said = opened.decision
    kind = str(said.get("kind", ""))
    if kind not in KINDS:
        return None
    told = " ".join(str(said.get(name, "")) for name in _TOLD_BY.get(kind, ()))
    row = _TYPES.get((kind, told)) or _TYPES.get((kind, "")) or (kind, WARNING, "")
    who = said.get("who", "")
    named = ", ".join(map(str, who)) if isinstance(who, list) else str(who)
    facts = {name: value for name, value in said.items() if name not in _NO_FACTS}
    return Event(opened.place, opened.record, int(said["time"]), row[0], row[1], named, str(said.get("reason", "")), facts)
