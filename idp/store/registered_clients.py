"""Clients that registered themselves (RFC 7591), and the initial access tokens that let them.

Each row has a MAC: whoever can write to the database and has no key of ours adds no client, changes none, and makes no
token. A row that does not verify counts as none. Secrets and tokens stand here as SHA-256 alone: they are random and long.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, Connection, Engine, Row, delete, insert, select, update

from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from idp.store import tables
from idp.store.commits import durably
from idp.store.engine import exclusively, reading, writing
from policies.errors import RequestRefused
from policies.parties import Tenant

# RFC 6750 §3.1
UNKNOWN_TOKEN = "The token has expired, was used up, or was never issued."
FULL = "As many clients are registered as this broker takes."


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A client as it stands. `metadata` counts, `proposed` waits for an operator ("" where nothing does); both are JSON.

    `access` is the SHA-256 of the token that opens it, `since` when it registered (seconds since the epoch).
    """

    client_id: str
    metadata: str = field(repr=False)
    access: bytes = field(repr=False)
    since: int
    proposed: str = field(default="", repr=False)


class ClientRegister:
    """One tenant's. Every method raises `StoreUnavailable` where the database does not answer."""

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant = engine, tenant
        self._key = derived(keys.rows, b"", b"registered clients", tenant.encode())

    def version(self) -> Sequence[tuple[str, bytes]]:
        """Something that changes with every change of a client."""
        table = tables.registered_clients.c
        asked = select(table.client_id, table.seal).where(table.tenant == self._tenant).order_by(table.client_id)
        with reading(), self._engine.connect() as connection:
            return [(row.client_id, row.seal) for row in connection.execute(asked)]

    def clients(self) -> Sequence[StoredClient]:
        """Every client whose row is ours, the oldest first."""
        with reading(), self._engine.connect() as connection:
            return self._clients(connection)

    def client(self, client_id: str) -> StoredClient | None:
        """The client of this id."""
        with reading(), self._engine.connect() as connection:
            return next(iter(self._clients(connection, *self._named(client_id))), None)

    def check_token(self, token: bytes, now: int) -> None:
        """Raises `RequestRefused` (401) where nobody may register by the initial access token of this digest."""
        with reading(), self._engine.connect() as connection:
            self._live(connection, token, now)

    def add(self, client: StoredClient, token: bytes, most: int, now: int) -> None:
        """Add a client, for one use of the initial access token of this digest.

        Raises `RequestRefused`: 401 for the token, 403 where `most` are registered.
        """
        with reading(), durably(writing(self._engine)) as connection:
            exclusively(connection, tables.registered_clients)
            exclusively(connection, tables.registration_tokens)
            self._use(connection, token, now)
            if len(self._clients(connection)) >= most:
                raise RequestRefused(FULL, oauth="access_denied", status=403)
            connection.execute(insert(tables.registered_clients).values(self._values(client)))

    def replace(self, client: StoredClient, before: StoredClient) -> bool:
        """Put a client in the place of what it was; False where somebody else did, and nothing is written."""
        table = tables.registered_clients.c
        same = (*self._named(before.client_id), table.seal == self._seal(before))
        with reading(), durably(writing(self._engine)) as connection:
            done = connection.execute(update(tables.registered_clients).where(*same).values(self._values(client)))
            return done.rowcount == 1

    def approve(self, before: StoredClient) -> bool:
        """Let what a client proposed count, as it was looked at; False where it proposes something else by now."""
        return self.replace(replace(before, metadata=before.proposed or before.metadata, proposed=""), before)

    def remove(self, client_id: str) -> bool:
        """Remove a client; False where there is none."""
        with reading(), durably(writing(self._engine)) as connection:
            return connection.execute(delete(tables.registered_clients).where(*self._named(client_id))).rowcount == 1

    def add_token(self, digest: bytes, uses: int, ends: int, now: int) -> None:
        """Keep an initial access token by its digest. Those that have ended go."""
        table = tables.registration_tokens.c
        with reading(), durably(writing(self._engine)) as connection:
            over = (table.tenant == self._tenant, (table.ends <= now) | (table.uses <= 0))
            connection.execute(delete(tables.registration_tokens).where(*over))
            values = {"tenant": self._tenant, "digest": digest, "uses": uses, "ends": ends}
            seal = self._seal_token(digest, uses, ends)
            connection.execute(insert(tables.registration_tokens).values({**values, "seal": seal}))

    def _use(self, connection: Connection, digest: bytes, now: int) -> None:
        uses, ends = self._live(connection, digest, now)
        table = tables.registration_tokens.c
        values = {"uses": uses - 1, "seal": self._seal_token(digest, uses - 1, ends)}
        here = (table.tenant == self._tenant, table.digest == digest)
        connection.execute(update(tables.registration_tokens).where(*here).values(values))

    def _live(self, connection: Connection, digest: bytes, now: int) -> tuple[int, int]:
        """How often a token may be used, and its end."""
        table = tables.registration_tokens.c
        here = (table.tenant == self._tenant, table.digest == digest)
        row = connection.execute(select(tables.registration_tokens).where(*here)).first()
        ours = row is not None and hmac.compare_digest(row.seal, self._seal_token(digest, row.uses, row.ends))
        if row is None or not ours or row.uses <= 0 or row.ends <= now:
            raise RequestRefused(UNKNOWN_TOKEN, oauth="invalid_token", status=401)
        return row.uses, row.ends

    def _clients(self, connection: Connection, *such: ColumnElement[bool]) -> Sequence[StoredClient]:
        table = tables.registered_clients
        asked = select(table).where(table.c.tenant == self._tenant, *such).order_by(table.c.since, table.c.client_id)
        found = [(_client(row), row.seal) for row in connection.execute(asked)]
        return [one for one, seal in found if hmac.compare_digest(self._seal(one), seal)]

    def _named(self, client_id: str) -> tuple[ColumnElement[bool], ...]:
        table = tables.registered_clients.c
        return table.tenant == self._tenant, table.client_id == client_id

    def _values(self, client: StoredClient) -> dict[str, object]:
        values = {"tenant": self._tenant, "client_id": client.client_id, "metadata": client.metadata}
        more = {"proposed": client.proposed, "access": client.access, "since": client.since, "seal": self._seal(client)}
        return {**values, **more}

    def _seal(self, client: StoredClient) -> bytes:
        texts = (client.client_id, client.metadata, client.proposed, str(client.since))
        octets = (b"client", client.access, *(text.encode() for text in texts))
        return hmac.digest(self._key, framed(*octets), "sha256")

    def _seal_token(self, digest: bytes, uses: int, ends: int) -> bytes:
        return hmac.digest(self._key, framed(b"token", digest, str(uses).encode(), str(ends).encode()), "sha256")


def _client(row: Row[tuple[object, ...]]) -> StoredClient:
    return StoredClient(row.client_id, row.metadata, row.access, row.since, row.proposed)
