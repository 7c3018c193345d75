"""Sessions of citizens' browsers: the sign-in that a group of services shares (single sign-on).

The browser has a random handle in a cookie of the group. Under its digest the database has a row: keyed digests of the
person and of the provider's session, the provider's id, the ends, and a content that only the handle opens: whom it is
about, the level, and when they signed in (`connectors.resumed.RememberedSignIn`). No attribute is there. Each sign-in makes
a new handle, so one that somebody planted or found before is worth nothing.

Each service knows the session by a name of its own (`sid`), so no two services have one in common.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from connectors.resumed import RememberedSignIn
from connectors.signatures.jws import base64url, read_handle
from idp.ledger.leaf import subject_index
from idp.ledger.ledger_keys import derived, framed, mac
from idp.login.sealing import KEY_BYTES, Sealer
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.login.states import LOGIN_LIFE, Decided, Grant
from idp.ports import ENDED, Parked, SessionRow, sid_digest
from idp.store.sessions import EndedParticipant, StoredSession, StoredSessions
from policies.authentication import ServiceRequest
from policies.errors import AssertionRejected, NotFound, Replayed
from policies.parties import ClientId, IdentityProvider, ProviderId, ServiceId, SubjectNamespace, Tenant
from policies.session_groups import SessionGroup

KIND = "session"
NAME_BYTES, SID_BYTES = 16, 16
# The check of a logout that names nobody whom we could know
UNCLEAR = "logout_session"


@dataclass(frozen=True, slots=True)
class SessionContent:
    """The content that lies sealed under the browser's handle. `acts`: what was switched off since ends it."""

    group: str
    signed_in: RememberedSignIn
    acts: int


def signed_out(parked: Parked, tenant: Tenant, grant: Grant, now: int) -> bool:
    """Whether somebody ended the session in which this was granted. Raises `StoreUnavailable`."""
    try:
        return bool(grant.sid) and parked.parked(tenant, ENDED, sid_digest(grant.sid), now) == b""
    except NotFound:
        return False


@dataclass(frozen=True, slots=True)
class LiveSession:
    """This browser's living session: its name among our rows, in hex, and its content."""

    name: str
    content: SessionContent = field(repr=False)


CONTENT = Codec(SessionContent, plain=NEVER_DEFLATED)


class Sessions:
    """One tenant's. Every method may raise `StoreUnavailable`.

    `groups` are those of its configuration, `told` says which services take logout tokens. `index_key` alone finds no
    session: names are under a key of `subjects`, the ledger's master.
    """

    def __init__(
        self,
        *,
        tenant: Tenant,
        sealer: Sealer,
        stored: StoredSessions,
        index_key: bytes,
        subjects: bytes,
        groups: Mapping[str, SessionGroup],
        told: Callable[[ClientId], bool],
    ) -> None:
        self._tenant, self._sealer, self.stored, self._groups, self.told = tenant, sealer, stored, groups, told
        self._index_key, self._naming = index_key, derived(subjects, b"", b"sessions name")

    def live(self, group: str, handle: str, now: int) -> LiveSession | None:
        """The living session of a group that a cookie's text names; None for anything else."""
        found = read_handle(handle, KEY_BYTES)
        if not found or group not in self._groups:
            return None
        row = self.stored.by_cookie(hashlib.sha256(found).digest(), now)
        try:
            content = CONTENT.load(self._sealer.unpark(KIND, found, row.content, now)) if row is not None else None
        except NotFound:
            return None
        if row is None or content is None or content.group != group:
            return None
        return LiveSession(row.session.hex(), content)

    def row(self, decided: Decided, handle: bytes, now: int) -> SessionRow | None:
        """The row that a sign-in writes, for the browser that will have `handle`; None where the service shares none.

        It goes on in the session that the login began in while that one lives and is about the same person; else it is a
        new session. What a session alone vouched for goes on in it, or not at all: raises `Replayed`, as it does where the
        provider has ended what the sign-in rests on.
        """
        shared, signed_in = decided.request.shared, decided.signed_in
        if shared is None or signed_in is None or (group := self._groups.get(shared.group)) is None:
            return None
        person = self.person(signed_in.namespace, signed_in.subject)
        self._check_upstream(signed_in, person, decided.heard, now)
        before = self._standing(decided.request, now)
        standing = before is not None and before.person == person
        if decided.resumed and not standing:
            raise Replayed("session_ended", "the session alone vouched for the person, and has ended")
        name = bytes.fromhex(shared.session) if standing else self._name(b"session", handle)[:NAME_BYTES]
        latest = before.latest if before is not None and standing else now + group.life
        # No session of ours outlives the provider's (SAML Core 2.0 §2.7.2)
        latest = min(latest, signed_in.session_ends or latest)
        end = min(latest, now + group.idle)
        content = CONTENT.dump(SessionContent(group.group_id, signed_in, decided.acts))
        parked = self._sealer.park(KIND, handle, content, end)
        service = decided.request.origin.service
        return SessionRow(
            session=name,
            cookie=parked.digest,
            person=person,
            upstream=self.upstream(signed_in.upstream) if signed_in.upstream else b"",
            provider=signed_in.provider_id,
            content=parked.payload,
            latest=latest,
            end=end,
            client=service,
            sid=self._sid(name, service),
            joined=standing,
        )

    def end(self, names: Collection[bytes], now: int) -> tuple[EndedParticipant, ...]:
        """End sessions; the services that are told of it hear at once."""
        return self.stored.end(names, now, told=self.told, due=now)

    def ended_upstream(
        self, provider: IdentityProvider, subject: str, sessions: Collection[str], at: int
    ) -> Collection[bytes]:
        """A provider ended sessions of its, or all of a subject: the names of ours that rest on them, which are to end.

        First it leaves marks of that, for a sign-in whose question is open: it finds them, or is found. What the provider
        vouched for before begins no session of ours. Raises `AssertionRejected` where nobody can say which are meant.
        """
        name, named = provider.provider_id, [self.upstream(one) for one in sessions]
        person = self.person(provider.namespace, subject) if subject and not provider.subject_attribute else b""
        marks = [self._over(name, one) for one in named]
        if person:
            marks.append(self._over(name, person, b"unnamed" if named else b"all"))
        self.stored.note(marks, at + LOGIN_LIFE)
        found = {each for one in named for each in self.stored.of_upstream(name, one)}
        if found or not subject or (named and not person):
            return found
        if not person:
            raise AssertionRejected(UNCLEAR, "a logout of a subject whom our registration knows by another name")
        return self.stored.of_person(person, name, unnamed=bool(named))

    def _check_upstream(self, signed_in: RememberedSignIn, person: bytes, heard: int, now: int) -> None:
        """Raises `Replayed` where the provider has ended what this sign-in rests on; ends what rests on it already."""
        name, upstream = signed_in.provider_id, self.upstream(signed_in.upstream)
        of_session = self._over(name, upstream) if signed_in.upstream else self._over(name, person, b"unnamed")
        since = signed_in.authenticated_at or heard
        if not self.stored.noted((of_session, self._over(name, person, b"all")), max(since + LOGIN_LIFE, now + 1)):
            return
        if signed_in.upstream:
            self.end(self.stored.of_upstream(name, upstream), now)
        raise Replayed("session_ended", "the provider has ended what this sign-in rests on")

    def person(self, namespace: SubjectNamespace, subject: str) -> bytes:
        """The keyed digest by which a person's sessions are found. The ledger's index of them is another one."""
        return self.of_index(subject_index(self._index_key, self._tenant, namespace, subject))

    def of_index(self, index: bytes) -> bytes:
        """The same, of a person's index in the ledger."""
        return self._name(b"person", index)

    def upstream(self, session: str) -> bytes:
        """The keyed digest by which the sessions that rest on one of a provider's are found."""
        return self._name(b"upstream", session.encode())

    def _standing(self, request: ServiceRequest, now: int) -> StoredSession | None:
        named = request.shared.session if request.shared is not None else ""
        return self.stored.standing(bytes.fromhex(named), now) if named else None

    def _sid(self, session: bytes, service: ServiceId) -> str:
        return base64url(self._name(b"sid", session, service.encode())[:SID_BYTES])

    def _over(self, provider_id: ProviderId, *parts: bytes) -> bytes:
        return self._name(b"over", provider_id.encode(), *parts)

    def _name(self, *parts: bytes) -> bytes:
        return mac(self._naming, framed(self._tenant.encode(), *parts))
