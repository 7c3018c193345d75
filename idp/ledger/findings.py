"""The findings of a check of the ledger, by table and row."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerFinding:
    """One thing that does not fit. `row` is an index, a number or an id in hex; "" means the whole table."""

    table: str
    row: str
    what: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.what}" if self.row else f"{self.table}: {self.what}"


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The result of `verify_ledger`, with the root of the leaves."""

    size: int
    root: bytes
    checkpoints: int
    records: int
    staged: int
    findings: tuple[LedgerFinding, ...]

    @property
    def holds(self) -> bool:
        """Whether everything fits."""
        return not self.findings

    @property
    def told(self) -> str:
        """The number of findings, in words."""
        count = len(self.findings)
        return "1 thing does not fit" if count == 1 else f"{count} things do not fit"
