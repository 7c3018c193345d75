"""The store of one tenant: the writer, the reads and the purge behind the ports of `idp.ports`."""

from collections.abc import Sequence

from sqlalchemy import Engine, delete

from idp.ports import Checkpoint, DecisionRow, Unit
from idp.store import reads
from idp.store.engine import BUSY_MILLISECONDS, open_engine, reading, writing
from idp.store.migrate import assert_current
from idp.store.tables import EXPIRING
from idp.store.writer import Writer
from idp.transparency.keys import LedgerKeys
from policies.errors import StoreUnavailable
from policies.parties import Tenant


class Store:
    """`Commits`, `Parked`, `Decisions` and `Log` over one database. Safe in any thread."""

    def __init__(self, *, engine: Engine, writer: Writer, tenant: Tenant) -> None:
        self.engine = engine
        self.tenant = tenant
        self._writer = writer
        self._halted = ""

    def halt(self, reason: str) -> None:
        """Take no record any more, since the ledger is not what we wrote: nothing is released until an operator looked."""
        self._halted = reason

    def commit(self, unit: Unit) -> None:
        """As `idp.ports.Commits` has it. Blocks the calling thread until the unit is on the disk."""
        if unit.tenant != self.tenant:
            raise ValueError("a unit of another tenant")
        if self._halted and unit.record is not None:
            raise StoreUnavailable(f"the ledger is broken: {self._halted}")
        self._writer.commit(unit)

    def parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        """As `idp.ports.Parked` has it."""
        with reading(), self.engine.connect() as connection:
            return reads.read_parked(connection, tenant, kind, digest, now)

    def decision(self, tenant: Tenant, login: bytes, now: int) -> DecisionRow | None:
        """As `idp.ports.Decisions` has it."""
        with reading(), self.engine.connect() as connection:
            return reads.read_decision(connection, tenant, login, now)

    def checkpoint(self, tenant: Tenant) -> Checkpoint | None:
        """As `idp.ports.Log` has it."""
        with reading(), self.engine.connect() as connection:
            return reads.read_checkpoint(connection, tenant)

    def index_of(self, tenant: Tenant, leaf_hash: bytes) -> int | None:
        """As `idp.ports.Log` has it."""
        with reading(), self.engine.connect() as connection:
            return reads.read_index(connection, tenant, leaf_hash)

    def inclusion(self, tenant: Tenant, index: int, size: int) -> Sequence[bytes]:
        """As `idp.ports.Log` has it; raises `NotFound` where the tree has no such leaf or size."""
        with reading(), self.engine.connect() as connection:
            return reads.read_inclusion(connection, tenant, index, size)

    def leaf_of(self, tenant: Tenant, record: bytes) -> bytes | None:
        """As `idp.ports.Log` has it."""
        with reading(), self.engine.connect() as connection:
            return reads.read_leaf_hash(connection, tenant, record)

    def purge(self, now: int) -> int:
        """Delete marks, parked rows and decisions whose stored end has come; returns how many rows went."""
        with reading(), writing(self.engine).begin() as connection:
            return sum(
                connection.execute(delete(table).where(table.c.tenant == self.tenant, table.c.ends <= now)).rowcount
                for table in EXPIRING
            )

    def close(self) -> None:
        """Write what waits, end the writer's thread, close the connections."""
        self._writer.close()
        self.engine.dispose()


def open_store(url: str, *, tenant: Tenant, ledger_keys: LedgerKeys, busy_milliseconds: int = BUSY_MILLISECONDS) -> Store:
    """Open a migrated database (`sqlite:///PATH`). Raises `Misconfigured` where it is not one, or would lose commits."""
    engine = open_engine(url, busy_milliseconds=busy_milliseconds)
    assert_current(engine)
    return Store(engine=engine, writer=Writer(engine=engine, keys=ledger_keys), tenant=tenant)
