"""The check of cosignatures: each row is the one that was written, and holds, and enough operators cosigned the log.

A line of a witness that the settings do not name any more is somebody's whom we do not know: it is counted, and not judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, Row, select

from idp.ledger.checkpoint import open_own_note
from idp.ledger.cosignature import OperatorWitness, WitnessPolicy
from idp.ledger.findings import LedgerFinding
from idp.ledger.ledger_keys import LedgerKeys
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.records.cosignatures import as_cosignature
from policies.errors import SignatureInvalid

CHUNK = 500
MAX_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class LastCosigned:
    """The largest tree that a witness cosigned, and when (by its own clock); 0 for both if there is none."""

    witness: OperatorWitness
    size: int = 0
    time: int = 0

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "name": self.witness.key.name,
            "operator": self.witness.operator,
            "counts": self.witness.counts,
            "size": self.size,
            "time": self.time,
        }


@dataclass(frozen=True, slots=True)
class WitnessReport:
    """The witnesses of a policy, the largest tree that enough of their operators cosigned, and what does not fit."""

    policy: WitnessPolicy
    last: tuple[LastCosigned, ...]
    size: int
    findings: tuple[LedgerFinding, ...]

    @property
    def holds(self) -> bool:
        """Whether everything fits."""
        return not self.findings


def verify_witnesses(
    engine: Engine, *, tenant: str, keys: LedgerKeys, policy: WitnessPolicy, first: int = 1
) -> WitnessReport:
    """Check every cosignature in the database, from those of checkpoint `first` on.

    Raises `StoreUnavailable` if it cannot be read.
    """
    with reading(), snapshot(engine) as connection:
        signed, cosigned = tables.checkpoints, tables.cosignatures
        query = select(cosigned, signed.c.note, signed.c.size).join_from(
            cosigned, signed, (signed.c.tenant == cosigned.c.tenant) & (signed.c.number == cosigned.c.number), isouter=True
        )
        rows = connection.execute(
            query.where(cosigned.c.tenant == tenant, cosigned.c.number >= first).order_by(cosigned.c.number),
            execution_options={"yield_per": CHUNK},
        )
        check = _Check(tenant, keys, policy)
        findings = [finding for row in rows for finding in check.row(row)][:MAX_FINDINGS]
        any_signed = connection.scalar(select(signed.c.number).where(signed.c.tenant == tenant).limit(1)) is not None
    if policy.quorum and any_signed and not check.size:
        what = f"no checkpoint has the cosignatures of {policy.quorum} other operators"
        findings.append(LedgerFinding("cosignatures", "", what))
    return WitnessReport(policy, tuple(check.last.values()), check.size, tuple(findings))


class _Check:
    """One run over the rows, the smallest checkpoint first."""

    def __init__(self, tenant: str, keys: LedgerKeys, policy: WitnessPolicy) -> None:
        self._tenant, self._keys, self._policy = tenant, keys, policy
        self.last = {each: LastCosigned(each) for each in policy.witnesses}
        self.size = 0
        self._number, self._operators = 0, frozenset[str]()

    def row(self, row: Row[tuple[object, ...]]) -> Iterator[LedgerFinding]:
        """Judge one row."""
        found, name = as_cosignature(row), f"{row.number} {row.witness}"
        if found.seal(self._keys, self._tenant) != row.seal:
            yield LedgerFinding("cosignatures", name, "its seal does not hold: somebody else changed the row")
            return
        if row.note is None:
            yield LedgerFinding("cosignatures", name, "there is no such checkpoint")
            return
        try:
            _, text = open_own_note(row.note, *self._keys.log.known)
        except SignatureInvalid:
            return  # the checkpoint itself is a finding
        try:
            judged = self._policy.judge(text, [found.line])
        except SignatureInvalid as error:
            yield LedgerFinding("cosignatures", name, f"it is no cosignature of that checkpoint ({error.check})")
            return
        if row.number != self._number:
            self._number, self._operators = row.number, frozenset()
        self._operators |= judged.operators()
        if self._policy.quorum and len(self._operators) >= self._policy.quorum:
            self.size = row.size
        for witness, time in judged.witnesses:
            self.last[witness] = LastCosigned(witness, row.size, time)
