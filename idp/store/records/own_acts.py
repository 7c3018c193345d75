"""Reads what a person did about a release, as the service of it hears it: the act, and the service's own name for them."""

import json
from dataclasses import dataclass, field
from typing import Any  # Any: nobody knows the types of a row's columns

from sqlalchemy import Engine, Row, select

from idp.ledger.leaf import open_opening
from idp.ledger.ledger_keys import LedgerKeys
from idp.store import tables
from idp.store.engine import reading
from policies.errors import NotFound, SignatureInvalid
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class OwnAct:
    """An act: its kind, its purpose, when it was, and `sub` of the release that it is about."""

    kind: str
    purpose: str
    time: int
    sub: str = field(repr=False)


class OwnActs:
    """One tenant's."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant, self._keys = engine, tenant, keys

    def read(self, record: bytes) -> OwnAct:
        """The act of this record. Raises `NotFound` where it, or the release, does not open: it may be erased."""
        act = self._row(record)
        sent, decision = self._opened(act, "sent"), self._opened(act, "decision")
        login = self._opened(self._row(bytes.fromhex(decision["about"])), "login")
        return OwnAct(decision["kind"], sent["purpose"], sent["time"], login["sub"])

    def _row(self, record: bytes) -> Row[tuple[Any, ...]]:
        table = tables.records.c
        query = select(tables.records).where(table.tenant == self._tenant, table.record == record)
        with reading(), self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound("no record of this id")
        return row

    def _opened(self, row: Row[tuple[Any, ...]], name: str) -> dict[str, Any]:
        sealed = getattr(row, f"{name}_opening")
        try:
            key = self._keys.period_key(self._tenant, row.time)
            found: dict[str, Any] = json.loads(open_opening(key, self._tenant, row.record, name, sealed or b"").content)
        except (SignatureInvalid, ValueError) as error:
            raise NotFound(f"the {name} of a record that does not open") from error
        return found
