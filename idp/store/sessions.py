"""Sessions as the database has them, and their end: in one transaction they go, and what is to be told of it is noted.

A sign-in writes a session with its unit (`idp.store.batch`). Whoever ends one deletes its row, and its participants: of two
who want to, one gets each. What was issued to them ends, too: each `sid` then lies among the parked rows as
`ENDED`, which holds nothing.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from os import urandom

from sqlalchemy import ColumnElement, Engine, delete, insert, select

from idp.ports import ENDED, UPSTREAM, Mark, sid_digest
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import reading, single, upsert, writing
from idp.store.logout_queue import KEPT_SECONDS
from policies.parties import ClientId, Tenant
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE

LOGOUT_BYTES = 16
# Nothing that was issued in a session outlives it by more: a refresh token, at the most
ENDED_SECONDS = LONGEST_REFRESH_LIFE


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A row of a session that lives: its name, its person's digest, what lies sealed, and when it ends at the latest."""

    session: bytes
    person: bytes
    content: bytes = field(repr=False)
    latest: int


@dataclass(frozen=True, slots=True)
class EndedParticipant:
    """A service whose session ended. `logout` is its entry in the queue, b"" where it has no address for logout tokens."""

    client_id: ClientId
    sid: str
    logout: bytes


class StoredSessions:
    """One tenant's. Every method raises `StoreUnavailable`. Safe in any thread."""

    def __init__(self, *, engine: Engine, tenant: Tenant) -> None:
        self._engine, self._reads, self._tenant = engine, single(engine), tenant

    def by_cookie(self, digest: bytes, now: int) -> StoredSession | None:
        """The session that this browser's handle names. Its content says whether the idle time is over."""
        return self._one(tables.sessions.c.cookie == digest, now)

    def standing(self, session: bytes, now: int) -> StoredSession | None:
        """The session of this name, until its latest end."""
        return self._one(tables.sessions.c.session == session, now)

    def of_participant(self, client_id: ClientId, sid: str, now: int) -> bytes | None:
        """The name of the living session that this service knows as `sid`."""
        table = tables.participants.c
        named = (table.tenant == self._tenant, table.sid == sid, table.client == client_id, table.ends > now)
        with reading(), self._reads.connect() as connection:
            return connection.scalar(select(table.session).where(*named))

    def of_person(self, person: bytes, provider: str, *, unnamed: bool) -> Sequence[bytes]:
        """The names of a person's sessions at a provider, by their keyed digest; `unnamed`: where it named none of its."""
        table = tables.sessions.c
        which = (table.person == person) & (table.provider == provider)
        return self._named(which & (table.upstream == b"") if unnamed else which)

    def all_of_person(self, person: bytes) -> Sequence[bytes]:
        """The names of all sessions of a person, by their keyed digest."""
        return self._named(tables.sessions.c.person == person)

    def taking_part(self, person: bytes, client: str) -> Sequence[bytes]:
        """The names of those of a person's sessions in which a service took part."""
        parts = tables.participants.c
        took_part = select(parts.session).where(parts.tenant == self._tenant, parts.client == client)
        return self._named((tables.sessions.c.person == person) & tables.sessions.c.session.in_(took_part))

    def of_upstream(self, provider: str, upstream: bytes) -> Sequence[bytes]:
        """The names of the sessions that rest on one session at a provider, by its keyed digest."""
        return self._named((tables.sessions.c.provider == provider) & (tables.sessions.c.upstream == upstream))

    def of_providers(self, providers: Collection[str]) -> Sequence[bytes]:
        """The names of the sessions of some providers."""
        return self._named(tables.sessions.c.provider.in_(sorted(providers)))

    def providers(self) -> Collection[str]:
        """The providers that sessions rest on."""
        with reading(), self._reads.connect() as connection:
            table = tables.sessions.c
            return frozenset(connection.scalars(select(table.provider).where(table.tenant == self._tenant).distinct()))

    def participants(self) -> Collection[str]:
        """The services that take part in sessions."""
        with reading(), self._reads.connect() as connection:
            table = tables.participants.c
            return frozenset(connection.scalars(select(table.client).where(table.tenant == self._tenant).distinct()))

    def end(
        self, sessions: Collection[bytes], now: int, *, told: Callable[[ClientId], bool], due: int
    ) -> tuple[EndedParticipant, ...]:
        """End sessions for good. For each participant that is `told` of it, a logout token is due at `due`."""
        if not sessions:
            return ()
        table, parts = tables.sessions.c, tables.participants.c
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            names = sorted(sessions)
            connection.execute(delete(tables.sessions).where(table.tenant == self._tenant, table.session.in_(names)))
            leaving = delete(tables.participants).where(parts.tenant == self._tenant, parts.session.in_(names))
            found = [
                EndedParticipant(ClientId(client), sid, urandom(LOGOUT_BYTES) if told(ClientId(client)) else b"")
                for client, sid in sorted(
                    tuple(row) for row in connection.execute(leaving.returning(parts.client, parts.sid))
                )
            ]
            entry = {"tenant": self._tenant, "made": now, "tries": 0, "due": due, "failed": "", "ends": now + KEPT_SECONDS}
            if rows := [{"logout": one.logout, "client": one.client_id, "sid": one.sid} for one in found if one.logout]:
                connection.execute(insert(tables.logouts), [{**entry, **row} for row in rows])
            empty = {"tenant": self._tenant, "kind": ENDED, "payload": b"", "ends": now + ENDED_SECONDS}
            if ended := [{"digest": sid_digest(one.sid)} for one in found]:
                connection.execute(insert(tables.parked), [{**empty, **row} for row in ended])
        return tuple(found)

    def note(self, ended: Collection[bytes], until: int) -> None:
        """Leave marks, until `until`, of what a provider said has ended. A later one takes the place of an earlier."""
        if not ended:
            return
        row, table = {"tenant": self._tenant, "kind": UPSTREAM, "unit": b"", "ends": until}, tables.marks.c
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            fresh = upsert(connection, tables.marks).values([{**row, "digest": digest} for digest in sorted(ended)])
            later = fresh.excluded.ends > table.ends
            key = [table.tenant, table.kind, table.digest]
            connection.execute(
                fresh.on_conflict_do_update(index_elements=key, set_={"ends": fresh.excluded.ends}, where=later)
            )

    def noted(self, named: Collection[bytes], until: int) -> bool:
        """Whether there is a mark of one of these, until then or later."""
        table = tables.marks.c
        which = (table.tenant == self._tenant, table.kind == UPSTREAM, table.digest.in_(sorted(named)), table.ends >= until)
        with reading(), self._reads.connect() as connection:
            return connection.scalar(select(table.ends).where(*which).limit(1)) is not None

    def taken(self, mark: Mark) -> bool:
        """Whether a unit took this mark."""
        table = tables.marks.c
        which = (table.tenant == self._tenant, table.kind == mark.kind, table.digest == mark.digest)
        with reading(), self._reads.connect() as connection:
            return connection.scalar(select(table.ends).where(*which)) is not None

    def leave(self, clients: Collection[str]) -> None:
        """Take services out of every session: nothing is sent to one that is switched off, and its switch ends the rest."""
        table = tables.participants.c
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            named = (table.tenant == self._tenant, table.client.in_(sorted(clients)))
            connection.execute(delete(tables.participants).where(*named))

    def _one(self, named: ColumnElement[bool], now: int) -> StoredSession | None:
        table = tables.sessions.c
        query = select(table.session, table.person, table.content, table.latest)
        with reading(), self._reads.connect() as connection:
            row = connection.execute(query.where(table.tenant == self._tenant, named, table.ends > now)).first()
        return None if row is None else StoredSession(row.session, row.person, bytes(row.content), row.latest)

    def _named(self, which: ColumnElement[bool]) -> Sequence[bytes]:
        table = tables.sessions.c
        with reading(), self._reads.connect() as connection:
            return list(connection.scalars(select(table.session).where(table.tenant == self._tenant, which)))
