"""The check of erasures: a cleared record has our MAC, and the leaves of erasures say how many there are."""

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Self

from sqlalchemy import Row

from idp.ledger.findings import LedgerFinding
from idp.ledger.leaf import MAC_BYTES, erasure_mark
from idp.ledger.ledger_keys import RecordKeys
from idp.ledger.person_records import ACTS, DONE, ERASURE, REFUSED

FACTS = ("act", "backups", "erasure", "leaves", "reason", "who")
# Of a row in `erasures`
STRANGER = "its seal does not hold: somebody else wants a person erased"
_ID = re.compile(r"[0-9a-f]{32}|")

Facts = Mapping[str, object]


def is_cleared(row: Row[tuple[object, ...]]) -> bool:
    """Whether a record looks like one that was cleared; `is_erased` says whether we did it."""
    return row.subject is None and row.subject_opening is not None and len(row.subject_opening) == MAC_BYTES


def is_erased(row: Row[tuple[object, ...]], tenant: str, keys: RecordKeys) -> bool:
    """Whether a record was cleared by us."""
    if not is_cleared(row) or row.position is not None or row.login_opening is not None:
        return False
    return hmac.compare_digest(row.subject_opening, erasure_mark(keys, tenant, row.record, row.leaf_hash))


def faults_of_erasure(facts: Facts) -> Iterator[str]:
    """The faults of what an erasure's record says."""
    act, leaves, who = facts.get("act"), facts.get("leaves"), facts.get("who")
    if act not in ACTS:
        yield "an erasure is neither asked for, withdrawn, refused nor done"
    if not _is_count(leaves) or not _is_count(facts.get("backups")) or (act != DONE and leaves):
        yield "an erasure does not say how many leaves it covered"
    if not isinstance(facts.get("erasure"), str) or not _ID.fullmatch(str(facts["erasure"])):
        yield "an erasure names no request by 32 hex digits"
    if not isinstance(who, list) or not who or not all(isinstance(one, str) and one for one in who):
        yield "an erasure does not say who wanted it"
    if not isinstance(facts.get("reason"), str) or (act == REFUSED and not facts["reason"]):
        yield "an erasure was refused, and does not say why"


def _is_count(said: object) -> bool:
    return isinstance(said, int) and not isinstance(said, bool) and said >= 0


class ErasureCount:
    """Counts cleared records, and the leaves that erasures say they covered."""

    def __init__(self) -> None:
        self._cleared = self._covered = 0

    def __iadd__(self, other: "ErasureCount") -> Self:
        """And those of other records."""
        self._cleared, self._covered = self._cleared + other._cleared, self._covered + other._covered
        return self

    def see(self, decision: Facts, *, erased: bool) -> None:
        """One record more."""
        self._cleared += erased
        leaves = decision.get("leaves")
        if decision.get("kind") == ERASURE and decision.get("act") == DONE and isinstance(leaves, int):
            self._covered += leaves

    def findings(self) -> Iterator[LedgerFinding]:
        """The fault where both numbers differ."""
        if self._cleared != self._covered:
            what = f"{self._cleared} are erased, and the leaves of erasures cover {self._covered}"
            yield LedgerFinding("records", "", what)
