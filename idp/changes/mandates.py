"""Mandates, which two officers sign together: a grant for an auditor, or the erasure of a person (decisions 0034, 0061).

Both sign one document, canonical JSON with a random id and the log's name, so a signature counts for nothing else. It
counts while its signer is a person of `operators/` in force: each is verified again whenever it counts. Whoever writes to
the database makes no mandate: they have nobody's key.
"""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from os import urandom

from sqlalchemy import Engine, Row, insert, select, update

from idp.changes.sshsig import signer
from idp.ledger.canonical_json import Json, jcs
from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import reading, writing
from policies.errors import NotFound
from policies.operators import Operators
from policies.parties import Tenant

GRANT, ERASURE = "grant", "erasure"
KINDS = (GRANT, ERASURE)
ID_BYTES = 16
# Four eyes
NEEDED = 2


@dataclass(frozen=True, slots=True)
class OfficersMandate:
    """A document, its signatures by name, when it was ended (0: it was not), how often it was used, and when last."""

    mandate: bytes
    kind: str
    document: bytes
    signatures: Mapping[str, str] = field(repr=False)
    ended: int = 0
    used: int = 0
    used_last: int = 0

    @property
    def facts(self) -> Mapping[str, Json]:
        """The facts in it."""
        found: dict[str, Json] = json.loads(self.document)
        return found

    def officers(self, operators: Operators) -> tuple[str, ...]:
        """Those whose signature counts, in order of their names."""
        return tuple(sorted(self._counting(operators)))

    def _counting(self, operators: Operators) -> Iterator[str]:
        for name, signature in self.signatures.items():
            try:
                if signer(operators, signature.encode(), self.document) == name:
                    yield name
            except ValueError:
                continue

    def stands(self, operators: Operators) -> bool:
        """Whether two persons signed it, and nobody ended it."""
        return not self.ended and len(self.officers(operators)) >= NEEDED


class Mandates:
    """One tenant's. Methods raise `StoreUnavailable`."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant, self._origin = engine, tenant, keys.origin
        self._key = derived(keys.rows, b"", b"mandates", tenant.encode())

    def drafted(self, kind: str, facts: Mapping[str, Json]) -> OfficersMandate:
        """A new mandate that nobody has signed. It is kept by `add`."""
        mandate = urandom(ID_BYTES)
        said: dict[str, Json] = {**facts, "id": mandate.hex(), "kind": kind, "log": self._origin, "v": 1}
        return OfficersMandate(mandate, kind, jcs(said), {})

    def add(self, mandate: OfficersMandate) -> None:
        """Keep a new mandate."""
        key = {"tenant": self._tenant, "mandate": mandate.mandate, "kind": mandate.kind}
        row = {**key, "document": mandate.document.decode(), **self._rest(mandate)}
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            connection.execute(insert(tables.mandates).values(row))

    def signed(self, mandate: bytes, who: str, signature: bytes) -> OfficersMandate:
        """Add a signature, which the caller verified. Raises `NotFound`."""
        return self._changed(mandate, lambda one: replace(one, signatures={**one.signatures, who: signature.decode()}))

    def end(self, mandate: bytes, now: int) -> OfficersMandate:
        """End a mandate for good. Raises `NotFound`."""
        return self._changed(mandate, lambda one: replace(one, ended=one.ended or now))

    def count(self, mandate: bytes, now: int) -> OfficersMandate:
        """Count a use. Raises `NotFound`."""
        return self._changed(mandate, lambda one: replace(one, used=one.used + 1, used_last=now))

    def of(self, mandate: bytes) -> OfficersMandate:
        """The mandate of this id. Raises `NotFound`, also for a row that we did not write."""
        found = next((one for one in self.listed() if one.mandate == mandate), None)
        if found is None:
            raise NotFound("there is no grant or erasure of this id")
        return found

    def listed(self, kind: str = "") -> tuple[OfficersMandate, ...]:
        """All of a kind, or of each."""
        table = tables.mandates.c
        query = select(tables.mandates).where(table.tenant == self._tenant).order_by(table.mandate)
        with reading(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found = (self._believed(row) for row in rows)
        return tuple(one for one in found if one is not None and kind in ("", one.kind))

    def _changed(self, mandate: bytes, change: Callable[[OfficersMandate], OfficersMandate]) -> OfficersMandate:
        table = tables.mandates.c
        here = (table.tenant == self._tenant, table.mandate == mandate)
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            row = connection.execute(select(tables.mandates).where(*here).with_for_update()).first()
            found = None if row is None else self._believed(row)
            if found is None:
                raise NotFound("there is no grant or erasure of this id")
            fresh = change(found)
            connection.execute(update(tables.mandates).where(*here).values(self._rest(fresh)))
        return fresh

    def _rest(self, one: OfficersMandate) -> dict[str, object]:
        told = jcs(dict(one.signatures)).decode()
        used = {"used": one.used, "used_last": one.used_last}
        return {"signatures": told, "ended": one.ended, **used, "seal": self._seal(one)}

    def _believed(self, row: Row[tuple[object, ...]]) -> OfficersMandate | None:
        try:
            signatures = json.loads(row.signatures)
        except ValueError:
            return None
        found = OfficersMandate(
            row.mandate, row.kind, row.document.encode(), signatures, row.ended, row.used, row.used_last
        )
        return found if hmac.compare_digest(self._seal(found), row.seal) else None

    def _seal(self, one: OfficersMandate) -> bytes:
        numbers = [str(each).encode() for each in (one.ended, one.used, one.used_last)]
        parts = (one.mandate, one.kind.encode(), one.document, jcs(dict(one.signatures)), *numbers)
        return hmac.digest(self._key, framed(*parts), "sha256")
