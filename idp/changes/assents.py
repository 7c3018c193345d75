"""The signatures of operators over a plan, kept until it is applied or something else is in force.

Each is verified again whenever it counts. The seal binds who planned to the row: a database cannot make a planner somebody
who agrees.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select

from idp.changes.guard import Assent
from idp.changes.plan import Plan
from idp.changes.sshsig import signer
from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from idp.store import tables
from idp.store.engine import reading, upsert, writing
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class SignedAssent:
    """An assent with the signature (`sshsig`) that makes it one."""

    assent: Assent
    signature: bytes


class Assents:
    """One tenant's. Safe beside other processes. All methods raise `StoreUnavailable`."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant = engine, tenant
        self._key = derived(keys.rows, b"", b"assents", tenant.encode())

    def of(self, plan: Plan) -> tuple[Assent, ...]:
        """Everybody who signed this plan, and is one of those whose signature counts."""
        return tuple(self._believed(plan))

    def add(self, plan: Plan, signed: SignedAssent) -> None:
        """Keep a signature; the first one of a person for a part stays."""
        assent = signed.assent
        values = {"base": plan.base.number, "planner": int(assent.planner), "signature": signed.signature}
        values["seal"] = self._seal(plan.digest, signed)
        key = {"tenant": self._tenant, "plan": bytes.fromhex(plan.digest), "part": assent.name, "who": assent.who}
        with reading(), writing(self._engine).begin() as connection:
            made = upsert(connection, tables.assents).values({**key, **values})
            connection.execute(made.on_conflict_do_nothing(index_elements=[*key]))

    def forget(self, base: int) -> None:
        """Drop the signatures over plans whose base is older than this number."""
        table = tables.assents
        with reading(), writing(self._engine).begin() as connection:
            connection.execute(delete(table).where(table.c.tenant == self._tenant, table.c.base < base))

    def _believed(self, plan: Plan) -> Iterator[Assent]:
        table = tables.assents.c
        here = (table.tenant == self._tenant, table.plan == bytes.fromhex(plan.digest))
        with reading(), self._engine.connect() as connection:
            rows = connection.execute(select(tables.assents).where(*here)).all()
        for row in rows:
            signed = SignedAssent(Assent(row.part, row.who, row.planner != 0), row.signature)
            try:
                who = signer(plan.operators, row.signature, plan.document(row.part))
            except ValueError:
                continue
            if who == row.who and hmac.compare_digest(self._seal(plan.digest, signed), row.seal):
                yield signed.assent

    def _seal(self, plan: str, signed: SignedAssent) -> bytes:
        one = signed.assent
        texts = (plan, one.name, one.who, str(one.planner))
        return hmac.digest(self._key, framed(*(text.encode() for text in texts), signed.signature), "sha256")
