"""Workers of one tenant with hourly keys, a clock to move, and rows in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.signatures.key_ring import Ring, Scheduled
from idp.keys.hourly_keys import HOUR, HourlyKeys
from idp.keys.wrapping import WrappingKey, wrapping_key
from idp.login.sealing import Sealer
from idp.ports import SealingRow, SealingRows
from policies.errors import StoreUnavailable
from policies.parties import Tenant

TENANT = Tenant("broker.example")
SECRET = bytes(range(32))
# Half past an hour
NOW = 1_795_600_000 // HOUR * HOUR + HOUR // 2


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class MemoryRows:
    """`SealingRows` without a database, which counts and can fail."""

    held: dict[tuple[str, int], SealingRow] = field(default_factory=dict)
    reads: int = 0
    fails: bool = False

    def rows(self, hour: int) -> Sequence[SealingRow]:
        self.reads += 1
        if self.fails:
            raise StoreUnavailable("SQLITE_BUSY")
        return [row for row in self.held.values() if row.hour >= hour]

    def add(self, rows: Sequence[SealingRow]) -> None:
        for row in rows:
            self.held.setdefault((row.kind, row.hour), row)

    def drop(self, rows: Sequence[SealingRow]) -> None:
        for row in rows:
            if self.held.get((row.kind, row.hour)) == row:
                del self.held[row.kind, row.hour]


def ring(*secrets: tuple[int, bytes]) -> Ring[WrappingKey]:
    found = [Scheduled(begins, wrapping_key(secret), "") for begins, secret in secrets or ((0, SECRET),)]
    return Ring(found, 26 * HOUR)


@dataclass
class Worker:
    """One process: its own memory and clock over shared rows."""

    rows: SealingRows = field(default_factory=MemoryRows)
    clock: Clock = field(default_factory=Clock)
    wrapping: Ring[WrappingKey] = field(default_factory=ring)
    revoked: set[str] = field(default_factory=set)
    tenant: Tenant = TENANT

    def __post_init__(self) -> None:
        self.wrapping.obey(self.revoked.__contains__)
        self.keys = HourlyKeys(
            tenant=self.tenant,
            wrapping=self.wrapping,
            rows=self.rows,
            clock=self.clock,
            revoked=self.revoked.__contains__,
        )
        self.sealer = Sealer(tenant=self.tenant, keys=self.keys)
