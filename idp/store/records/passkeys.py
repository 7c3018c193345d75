"""The passkeys of auditors, or of administrators, and the one-time links that enrol them.

Each row has a MAC: whoever can write to the database and has no key of ours adds nobody and gives nobody another key. An
auditor's row is no administrator's. A row that does not verify counts as none. A link stands here as SHA-256 alone: its
token is random and long.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Engine, Row, delete, insert, select, update

from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from idp.store import tables
from idp.store.commits import durably
from idp.store.engine import exclusively, reading, writing
from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class PasskeyHolder:
    """Somebody as they stand. `credential` is b"" until a passkey is enrolled, `link` is b"" from then on."""

    name: str
    credential: bytes = b""
    public_key: bytes = b""
    uses: int = 0
    link: bytes = b""
    link_ends: int = 0
    since: int = 0

    @property
    def entry(self) -> str:
        """The entry of their passkey in the list of a desk."""
        return hashlib.sha256(self.credential).hexdigest()


AUDITORS, ADMINISTRATORS = "auditors", "administrators"


class PasskeyRegister:
    """One tenant's, of `AUDITORS` or `ADMINISTRATORS`. Methods raise `StoreUnavailable` if the database is away."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys, of: str = AUDITORS) -> None:
        self._engine, self._tenant = engine, tenant
        self._key = derived(keys.rows, b"", of.encode(), tenant.encode())

    def holders(self) -> Sequence[PasskeyHolder]:
        """Everybody whose row is ours, by name."""
        return self._found()

    def by_credential(self, credential: bytes) -> PasskeyHolder | None:
        """The holder of this passkey."""
        return next(iter(self._found(tables.auditors.c.credential == credential)), None) if credential else None

    def name_of(self, entry: str) -> str | None:
        """The name of the holder whose passkey has this entry in the list."""
        return next((one.name for one in self._found() if one.credential and one.entry == entry), None)

    def has(self, name: str) -> bool:
        """Whether there is a row of this name, ours or not."""
        table = tables.auditors.c
        asked = select(table.name).where(table.tenant == self._tenant, table.name == name)
        with reading(), self._engine.connect() as connection:
            return connection.scalar(asked) is not None

    def add(self, name: str, link: bytes, ends: int, now: int) -> bool:
        """Add somebody who may enrol by the link of this digest; False where the name is taken."""
        holder = PasskeyHolder(name, link=link, link_ends=ends, since=now)
        with reading(), durably(writing(self._engine)) as connection:
            exclusively(connection, tables.auditors)
            table = tables.auditors.c
            taken = select(table.name).where(table.tenant == self._tenant, table.name == name)
            if connection.scalar(taken) is not None:
                return False
            connection.execute(insert(tables.auditors).values(self._values(holder)))
            return True

    def enrol(
        self, link: bytes, credential: bytes, public_key: bytes, uses: int, now: int, record: Callable[[str], None]
    ) -> PasskeyHolder | None:
        """Give the holder of a link that is alive this passkey, once. None where there is no such link.

        `record` puts it into the ledger before it counts, by the holder's name.
        """
        found = next((one for one in self._found(tables.auditors.c.link == link) if one.link_ends > now), None)
        if found is None or not link or self.by_credential(credential) is not None:
            return None
        record(found.name)
        enrolled = PasskeyHolder(found.name, credential, public_key, uses, since=now)
        return enrolled if self._exchange(found, enrolled) else None

    def used(self, before: PasskeyHolder, uses: int) -> bool:
        """Note how often a passkey says that it was used; False where it was used meanwhile, or the holder is gone."""
        return uses == before.uses or self._exchange(before, replace(before, uses=uses))

    def remove(self, name: str) -> bool:
        """Take somebody out of the list; False where there is none."""
        table = tables.auditors.c
        with reading(), durably(writing(self._engine)) as connection:
            gone = delete(tables.auditors).where(table.tenant == self._tenant, table.name == name)
            return connection.execute(gone).rowcount == 1

    def _exchange(self, before: PasskeyHolder, after: PasskeyHolder) -> bool:
        table = tables.auditors.c
        same = (table.tenant == self._tenant, table.name == before.name, table.seal == self._seal(before))
        with reading(), durably(writing(self._engine)) as connection:
            return connection.execute(update(tables.auditors).where(*same).values(self._values(after))).rowcount == 1

    def _found(self, *such: ColumnElement[bool]) -> Sequence[PasskeyHolder]:
        table = tables.auditors
        asked = select(table).where(table.c.tenant == self._tenant, *such).order_by(table.c.name)
        with reading(), self._engine.connect() as connection:
            found = [(_holder(row), bytes(row.seal)) for row in connection.execute(asked)]
        return [one for one, seal in found if hmac.compare_digest(self._seal(one), seal)]

    def _values(self, one: PasskeyHolder) -> dict[str, object]:
        values = {"tenant": self._tenant, "name": one.name, "credential": one.credential, "public_key": one.public_key}
        more = {"uses": one.uses, "link": one.link, "link_ends": one.link_ends, "since": one.since}
        return {**values, **more, "seal": self._seal(one)}

    def _seal(self, one: PasskeyHolder) -> bytes:
        numbers = (str(number).encode() for number in (one.uses, one.link_ends, one.since))
        octets = framed(one.name.encode(), one.credential, one.public_key, one.link, *numbers)
        return hmac.digest(self._key, octets, "sha256")


def _holder(row: Row[tuple[object, ...]]) -> PasskeyHolder:
    keys = bytes(row.credential), bytes(row.public_key)
    return PasskeyHolder(row.name, *keys, row.uses, bytes(row.link), row.link_ends, row.since)


def link_digest(token: str) -> bytes:
    """The digest of a link's token, as the register keeps it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
