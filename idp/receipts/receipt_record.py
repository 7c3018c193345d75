"""The readable part of a receipt, with names after ISO/IEC TS 27560:2023, and its check.

{"schema_version", "record_id", "receipt_id", "pii_principal_id",
 "processing": {"privacy_notice", "purposes": [{"purpose", "title", "lawful_basis", "law"}],
                "pii_information": [{"attribute", "pii_attribute_id", "pii_type"}], "collection_method",
                "pii_controllers": [{"party_name", "party_contact"}],
                "recipient_third_parties": [{"party_id", "party_name"}],
                "jurisdiction", "retention_period", "storage_locations", "withdrawal_method"},
 "events": [{"event_time", "event_type", "event_state"}]}

Most releases of a public body rest on a public task, so `lawful_basis` is the one that applied, and only a release by
consent says `given`. `pii_attribute_id` is the claim that carried the attribute, `pii_type` its form. `privacy_notice` is
the hash of the page that was shown, in a citizen's receipt alone: it can be found by trying, and tells what was left
unticked. The check compares it with the openings; the rest is the log's word alone, by its signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from idp.ledger.canonical_json import Json
from idp.ledger.record_contents import DecidedBy
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.errors import SignatureInvalid
from policies.forms import parse_form
from policies.purposes import Basis

SCHEMA_VERSION = "ciconia/receipt/v1, with names after ISO/IEC TS 27560:2023"
_SIGNED_IN = "The person signed in at their country's sign-in service"
COLLECTION: Mapping[DecidedBy, str] = {
    DecidedBy.PAGE: f"{_SIGNED_IN}, was shown on a page what would go, and approved it there.",
    DecidedBy.INFORMED: f"{_SIGNED_IN}, was shown on a page what would go, and continued there.",
    DecidedBy.REMEMBERED: f"{_SIGNED_IN}, had approved the same before and let the broker remember it, and continued.",
    DecidedBy.UNASKED: f"{_SIGNED_IN} anew. They had approved the same before and let the broker remember it.",
    DecidedBy.OFFLINE: (
        f"{_SIGNED_IN}, and was told that the recipient may have the same again. It did, and the person was not there."
    ),
    DecidedBy.SILENT: (
        f"{_SIGNED_IN} for another service, and the sign-in was still shared. "
        "They had approved the same before and let the broker remember it."
    ),
}
# The type and the state of the event: of a release by consent, and of any other
_GIVEN = ("expressed consent", "given")
_APPROVED = ("approval of a release that does not rest on consent", "approved")
_GIVEN_BEFORE = ("release of what was consented to before", "given before")
_APPROVED_BEFORE = ("release of what was approved before, and does not rest on consent", "approved before")
_EVENTS: Mapping[DecidedBy, tuple[tuple[str, str], tuple[str, str]]] = {
    DecidedBy.PAGE: (_GIVEN, _APPROVED),
    DecidedBy.INFORMED: (_GIVEN, ("information about a release that does not rest on consent", "informed")),
    DecidedBy.REMEMBERED: (_GIVEN, _APPROVED),
    DecidedBy.UNASKED: (_GIVEN_BEFORE, _APPROVED_BEFORE),
    DecidedBy.OFFLINE: (_GIVEN_BEFORE, _APPROVED_BEFORE),
    DecidedBy.SILENT: (_GIVEN_BEFORE, _APPROVED_BEFORE),
}
RETENTION = (
    "The log keeps the commitments for good. What opens them lies encrypted beside it, until its keys are destroyed. "
    "Values lie encrypted under a secret of the recipient's, who can have them until twenty-six minutes after the sign-in "
    "began, and the broker deletes them in the seventy minutes after that. "
    "The recipient answers for its own copy."
)
OFFLINE_RETENTION = (
    " This purpose lets the recipient have the same values again while the person is away, each time with a record of its "
    "own: until then they lie encrypted under a secret of the recipient's, for at most thirty days after the sign-in."
)
STORAGE = (
    "The broker's release log, which holds commitments and no value, and wherever the recipient keeps what it received."
)
_NO_CONSENT = "This release does not rest on consent, so there is no consent to withdraw."
_OBJECTION = f"{_NO_CONSENT} One can object to the processing at the controller (GDPR Article 21)."
WITHDRAWAL: Mapping[Basis, str] = {
    Basis.CONSENT: (
        "Consent can be withdrawn at any time, at the controller. "
        "What was done until then remains lawful (GDPR Article 7(3))."
    ),
    Basis.CONTRACT: _NO_CONSENT,
    Basis.LEGAL_OBLIGATION: _NO_CONSENT,
    Basis.VITAL_INTERESTS: _NO_CONSENT,
    Basis.PUBLIC_TASK: _OBJECTION,
    Basis.LEGITIMATE_INTERESTS: _OBJECTION,
}
NOT_STATED = "not stated"
NOTICE_ELSEWHERE = "as shown to the citizen; its hash is in the citizen's receipt"
_MEMBERS = {"schema_version", "record_id", "receipt_id", "pii_principal_id", "processing", "events"}
_PROCESSING = {
    "privacy_notice",
    "purposes",
    "pii_information",
    "collection_method",
    "pii_controllers",
    "recipient_third_parties",
    "jurisdiction",
    "retention_period",
    "storage_locations",
    "withdrawal_method",
}

Object = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Stated:
    """The configuration's part, in English; "" for what it does not say any more.

    `retention` is a duration of ISO 8601. `claims` has the claim of each attribute that went, in the order of the opening's
    names. `offline` says that the recipient may have the values again without the citizen.
    """

    title: str
    law: str
    controller: str
    contact: str
    recipient: str
    jurisdiction: str
    retention: str
    claims: tuple[str, ...]
    offline: bool = False


def record_of(holder: str, opened: Mapping[str, Object], path: DecidedBy, stated: Stated) -> Object:
    """The readable part, from the contents of the openings that this holder has, the way it was decided, and `stated`."""
    sent, login = opened["sent"], opened["login"]
    basis = Basis(_text(sent, "basis"))
    controller: list[Json] = [{"party_name": stated.controller, "party_contact": stated.contact}]
    return {
        "schema_version": SCHEMA_VERSION,
        "record_id": sent["record"],
        "receipt_id": f"{_text(sent, 'record')}/{holder}",
        "pii_principal_id": login["sub"],
        "processing": {
            "privacy_notice": _notice(opened),
            "purposes": [
                {"purpose": sent["purpose"], "title": stated.title, "lawful_basis": basis.value, "law": stated.law}
            ],
            "pii_information": [
                {"attribute": name, "pii_attribute_id": claim, "pii_type": form}
                for (name, form), claim in zip(names_of(sent), stated.claims, strict=True)
            ],
            "collection_method": COLLECTION[path],
            "pii_controllers": controller if stated.controller else [],
            "recipient_third_parties": [{"party_id": sent["client"], "party_name": stated.recipient}],
            "jurisdiction": stated.jurisdiction or NOT_STATED,
            "retention_period": _retention(stated),
            "storage_locations": STORAGE,
            "withdrawal_method": WITHDRAWAL[basis],
        },
        "events": [_event(sent, path)],
    }


def check_record(record: Object, holder: str, opened: Mapping[str, Object]) -> None:
    """Compare the readable part with the openings. Raises `SignatureInvalid` (check `record`) at the first difference."""
    sent, login, decision = opened["sent"], opened["login"], opened.get("decision")
    # Only a citizen's receipt opens how it was decided
    paths = DecidedBy if decision is None else [DecidedBy(_text(decision, "path"))]
    processing = _inner(record, "processing")
    if set(record) != _MEMBERS or set(processing) != _PROCESSING:
        raise _differs("has other members than a receipt's record has")
    purpose, recipient = _only(processing, "purposes"), _only(processing, "recipient_third_parties")
    said: dict[str, tuple[Json, Json]] = {
        "schema_version": (record["schema_version"], SCHEMA_VERSION),
        "record_id": (record["record_id"], sent["record"]),
        "receipt_id": (record["receipt_id"], f"{_text(sent, 'record')}/{holder}"),
        "pii_principal_id": (record["pii_principal_id"], login["sub"]),
        "privacy_notice": (processing["privacy_notice"], _notice(opened)),
        "purposes.purpose": (purpose.get("purpose"), sent["purpose"]),
        "purposes.lawful_basis": (purpose.get("lawful_basis"), sent["basis"]),
        "withdrawal_method": (processing["withdrawal_method"], WITHDRAWAL[Basis(_text(sent, "basis"))]),
        "recipient_third_parties.party_id": (recipient.get("party_id"), sent["client"]),
    }
    if record["events"] not in [[_event(sent, path)] for path in paths]:
        raise _differs("says something else as events than what it opens")
    for name, (readable, committed) in said.items():
        if readable != committed or type(readable) is not type(committed):
            raise _differs(f"says something else as {name} than what it opens")
    _check_information(processing["pii_information"], names_of(sent))


def names_of(sent: Object) -> list[tuple[str, str]]:
    """The names and forms that were sent. Raises ValueError or TypeError for another shape."""
    pairs = sent["names"]
    if not isinstance(pairs, list | tuple):
        raise TypeError("names is no list")
    found: list[tuple[str, str]] = []
    for pair in pairs:
        match pair:
            case [str(name), str(form)]:
                found.append((name, form))
            case _:
                raise ValueError("a name without a form")
    return found


def time_text(seconds: int) -> str:
    """RFC 3339, in UTC. Raises ValueError, OverflowError or OSError for a time that no calendar has."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_information(listed: Json, names: list[tuple[str, str]]) -> None:
    if not isinstance(listed, list) or len(listed) != len(names):
        raise _differs("lists more or fewer attributes than what it opens")
    for each, (name, form) in zip(listed, names, strict=True):
        if not isinstance(each, dict) or set(each) != {"attribute", "pii_attribute_id", "pii_type"}:
            raise _differs("has an attribute without name, claim and form")
        if (each["attribute"], each["pii_type"]) != (name, form):
            raise _differs("names another attribute or form than what it opens")
        known = parse_form(form)
        if known is None or not STANDARD.knows(AttributeName(name), known):
            continue  # a city's own attribute: the log's word for the claim
        if each["pii_attribute_id"] != STANDARD.claim_for(AttributeName(name), known):
            raise _differs("names a claim that does not carry the attribute that it opens")


def _retention(stated: Stated) -> str:
    said = f"The recipient says that it keeps this for {stated.retention} (ISO 8601). " if stated.retention else ""
    return said + RETENTION + (OFFLINE_RETENTION if stated.offline else "")


def _notice(opened: Mapping[str, Object]) -> Json:
    return opened["decision"]["notice"] if "decision" in opened else NOTICE_ELSEWHERE


def _event(sent: Object, path: DecidedBy) -> Object:
    """An approval is the giving of consent only where consent was the basis (decision 0000.25)."""
    time = sent["time"]
    if type(time) is not int:
        raise ValueError("a time that is no number")
    of_consent, of_others = _EVENTS[path]
    event_type, state = of_consent if sent["basis"] == Basis.CONSENT.value else of_others
    return {"event_time": time_text(time), "event_type": event_type, "event_state": state}


def _inner(record: Object, name: str) -> Object:
    found = record.get(name)
    if not isinstance(found, dict):
        raise _differs(f"has no object {name}")
    return found


def _only(processing: Object, name: str) -> Object:
    match processing.get(name):
        case [dict(only)]:
            return only
        case _:
            raise _differs(f"has not exactly one entry in {name}")


def _text(content: Object, name: str) -> str:
    found = content[name]
    if not isinstance(found, str):
        raise TypeError(f"{name} is no text")
    return found


def _differs(what: str) -> SignatureInvalid:
    return SignatureInvalid("record", f"the readable part {what}")
