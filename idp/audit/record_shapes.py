"""The legal shapes of records without a subject: the facts of each kind, and what each fact may be."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from idp.audit.verify_erasures import FACTS
from idp.ledger.operator_records import (
    ACT,
    ACTS,
    APPROVED,
    CONFIGURATION,
    DECRYPTION,
    MANDATE,
    MANDATE_ACTS,
    METADATA,
    PLAN,
    REFUSED,
    SWITCH,
    is_reason,
)
from idp.ledger.person_records import ERASURE
from idp.ledger.record_contents import UNSENT
from policies.load.table import IDENTIFIER, URI

_DIGEST, _RECORD = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{32}")
# The entity id of a node, or the id of a federation
_PEER = re.compile(f"{URI.pattern}|{IDENTIFIER.pattern}")


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda said: isinstance(said, str) and pattern.fullmatch(said) is not None


def _is_given_reason(said: object) -> bool:
    return isinstance(said, str) and is_reason(said)


@dataclass(frozen=True, slots=True)
class RecordShape:
    """A record without a subject: its name for people, its facts beside record and time, and a fault for each bad one."""

    name: str
    facts: tuple[str, ...]
    rules: tuple[tuple[str, Callable[[object], bool], str], ...] = ()


OF_A_NODE = ("message", "node")
SHAPES = {
    METADATA: RecordShape(
        "an approval of metadata",
        ("digest", "peer"),
        (
            ("digest", _matches(_DIGEST), "an approval of metadata has no digest of 64 hex digits"),
            ("peer", _matches(_PEER), "an approval of metadata has no entity id"),
        ),
    ),
    DECRYPTION: RecordShape(
        "a decryption by hand",
        ("file", "reason"),
        (
            ("file", _matches(_DIGEST), "a decryption by hand names no file by a digest of 64 hex digits"),
            ("reason", _is_given_reason, "a decryption by hand has no reason"),
        ),
    ),
    SWITCH: RecordShape(
        "a switch",
        ("name", "reason", "state", "switch"),
        (
            ("state", lambda said: said in ("off", "on"), "a switch does not say what is off or on"),
            ("switch", bool, "a switch does not say what is off or on"),
            ("name", bool, "a switch does not say what is off or on"),
            ("reason", _is_given_reason, "a switch has no reason"),
        ),
    ),
    PLAN: RecordShape(
        "what somebody said to a plan",
        ("act", "plan", "reason", "who"),
        (
            ("act", lambda said: said in (APPROVED, REFUSED), "what somebody said to a plan is neither yes nor no"),
            ("plan", _matches(_DIGEST), "what somebody said to a plan names no plan by 64 hex digits"),
            ("reason", _is_given_reason, "what somebody said to a plan has no reason"),
            ("who", bool, "what somebody said to a plan does not say who it was"),
        ),
    ),
    CONFIGURATION: RecordShape(
        "a configuration",
        ("after", "approved", "before", "number", "who", "widened"),
        (
            ("after", _matches(_DIGEST), "a configuration has no digest of 64 hex digits"),
            ("before", lambda said: said == "" or _matches(_DIGEST)(said), "a configuration does not say what was before"),
            ("number", lambda said: isinstance(said, int) and said > 0, "a configuration has no number"),
            ("who", bool, "a configuration does not say who put it in force"),
        ),
    ),
    ACT: RecordShape(
        "an act of an operator",
        ("about", "act", "reason", "who"),
        (
            ("act", lambda said: said in ACTS, "an act of an operator is none that there is"),
            ("about", _is_given_reason, "an act of an operator does not say what it is about"),
            ("reason", _is_given_reason, "an act of an operator has no reason"),
            ("who", lambda said: said == "" or _is_given_reason(said), "an act of an operator does not say who it was"),
        ),
    ),
    ERASURE: RecordShape("an erasure", FACTS),
    MANDATE: RecordShape(
        "a step of two officers",
        ("act", "auditor", "mandate", "of", "reason", "scope", "until", "who"),
        (
            ("act", lambda said: said in MANDATE_ACTS, "a step of two officers does not say which"),
            ("of", lambda said: said in ("grant", "erasure"), "a step of two officers is of no grant and no erasure"),
            ("mandate", _matches(_RECORD), "a step of two officers names none by 32 hex digits"),
            ("reason", _is_given_reason, "a step of two officers has no reason"),
            ("who", bool, "a step of two officers does not say who it was"),
        ),
    ),
    UNSENT: RecordShape(
        "what was not sent",
        ("about",),
        (("about", _matches(_RECORD), "what was not sent names no record by 32 hex digits"),),
    ),
}
