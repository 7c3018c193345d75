"""The broker's store as small protocols, and the data that they carry."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from policies.parties import Tenant


@dataclass(frozen=True, slots=True)
class Mark:
    """A one-time thing that a unit takes: its kind, its SHA-256, and until when it must be remembered."""

    # "login", "request", "response", "assertion", "code", "refresh", "receipt", "jti", "dpop", "device", "again", "trial",
    # "artifact", "ecp", "me", "own_act", "disowned", "erasure", "year", "onward", "phone".
    # UPSTREAM is none that anybody has to be the first to take
    kind: str
    digest: bytes
    end: int


UNSENT = "unsent"
# What a unit has lost whose `ApprovalRows.read` is another row by now
APPROVAL = "approval"
# A session, or all of a person, that a provider said has ended
UPSTREAM = "upstream"
# A session that somebody ended, or all about a person at one service: what was issued ended, too
ENDED = "ended"


def sid_digest(sid: str) -> bytes:
    """The digest under which it lies parked that a session was ended."""
    return hashlib.sha256(sid.encode()).digest()


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A payload that lies sealed under a secret of its holder: `digest` is SHA-256(handle)."""

    # "request", "pushed", "code", "access", "device", "refresh", "receipt", "logout", "me", "onward", "phone". UNSENT and
    # ENDED hold nothing but a moment (and the name of the visit to "/me" that stays), and lie under the digest of a login,
    # a sid, or a service and `sub`
    kind: str
    digest: bytes
    payload: bytes = field(repr=False)
    end: int


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """How a login ended: until the row's end the same choice gets the same answer, another is refused (decision 0000.8)."""

    login: bytes  # SHA-256 of the login id; of the way on from it, another digest
    choice: bytes  # HMAC over choice and boxes under the Strict cookie's secret
    end: int


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """A row of `idp.login.approvals`, in place of an earlier one: what is remembered until its end, or was taken back."""

    digest: bytes
    content: bytes = field(repr=False)
    end: int


@dataclass(frozen=True, slots=True)
class ApprovalRows:
    """The rows of approvals that a unit writes, and the one that it rests on: nothing is written if that changed since.

    `read` is the digest of that row and the SHA-256 of its content, b"" where there was none. None of an act that counts
    whatever anybody read.
    """

    written: tuple[ApprovalRow, ...] = ()
    read: tuple[bytes, bytes] | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser's session after a sign-in, with the service that got it: see `idp.login.sessions`.

    `joined`: the session was there before. If it has ended meanwhile, nothing of the unit is written.
    """

    session: bytes  # 16 bytes: its name among our rows alone
    cookie: bytes  # SHA-256 of the handle in the browser, another one after each sign-in
    person: bytes
    upstream: bytes
    provider: str
    content: bytes = field(repr=False)
    latest: int  # when the row goes
    end: int  # when the browser's cookie does, and `content` opens no more
    client: str
    sid: str
    joined: bool


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A word to a service that waits until it takes it (`idp.store.logout_queue`). `about` says which."""

    entry: bytes  # 16 random bytes
    client: str
    about: str
    made: int
    due: int
    end: int


@dataclass(frozen=True, slots=True)
class Opening:
    """One compartment's opening, in clear: the writer encrypts it under the key of its kind."""

    compartment: str  # "sent", "decision", "subject", "login", "values"
    nonce: bytes = field(repr=False)
    content: bytes = field(repr=False)  # canonical JSON


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """A unit's record in the release ledger, before the subject's counter is known.

    `subject` is the keyed index of the person (`idp.ledger.leaf.subject_index`), None for a refusal.
    """

    record: bytes  # 16 bytes: the id of this release or refusal, random; of "unsent" by the record that it is about
    kind: str  # "release", "refusal" or "cancellation": inside the encrypted decision opening, never on the leaf
    time: int
    subject: bytes | None
    openings: tuple[Opening, ...]

    def nonce(self, compartment: str) -> bytes:
        """The nonce of one opening. Raises `StopIteration` if the record has no such part."""
        return next(opening.nonce for opening in self.openings if opening.compartment == compartment)


@dataclass(frozen=True, slots=True)
class Unit:
    """All that is written together, or not at all. Data only, never a callback."""

    tenant: Tenant
    marks: tuple[Mark, ...] = ()
    decision: DecisionRow | None = None
    parked: tuple[ParkedRow, ...] = ()
    record: RecordDraft | None = None
    approvals: ApprovalRows = ApprovalRows()
    session: SessionRow | None = None
    queued: tuple[QueuedRow, ...] = ()
    # digests of parked rows that end with this unit (a code that was redeemed, the token of a code used twice)
    removed: tuple[bytes, ...] = ()


class Commits(Protocol):
    """The one way to write: durable when it returns."""

    def commit(self, unit: Unit) -> None:
        """Write the unit; return only after a durable commit.

        Raises `Conflict` if a mark was taken already, or what the unit rests on has changed (then nothing of it is
        written), `StoreUnavailable` if the database cannot write.
        """


class Parked(Protocol):
    """Reads of what is parked."""

    def parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        """The payload under this digest. Raises `NotFound` if none is alive at `now`."""


class Remembered(Protocol):
    """Reads of what citizens let us remember, and of what they took back."""

    def approvals(self, tenant: Tenant, digests: Collection[bytes]) -> Sequence[ApprovalRow]:
        """The rows of these digests, as they are at one moment. Their ends may have come."""


class Decisions(Remembered, Parked, Protocol):
    """Reads of how a login ended, of what lies parked for it, and of what is remembered of earlier ones."""

    def decision(self, tenant: Tenant, login: bytes, now: int) -> DecisionRow | None:
        """The row of this login while it lives, else None."""

    def unsent(self, tenant: Tenant, login: bytes, now: int) -> bool:
        """Whether the record says that this login's answer never left."""


@dataclass(frozen=True, slots=True)
class SealingRow:
    """A sealing key of one kind and hour (hours since the epoch), closed under a key that the database never sees."""

    kind: str
    hour: int
    wrapped: bytes = field(repr=False)
    end: int  # seconds since the epoch: from then on it is purged


class SealingRows(Protocol):
    """The sealing keys that all workers of a tenant share."""

    def rows(self, hour: int) -> Sequence[SealingRow]:
        """Every row of this hour and later. Raises `StoreUnavailable`."""

    def add(self, rows: Sequence[SealingRow]) -> None:
        """Insert rows; one that is there already stays as it is. Raises `StoreUnavailable`."""

    def drop(self, rows: Sequence[SealingRow]) -> None:
        """Delete these rows, where they are still the same. Raises `StoreUnavailable`."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed tree head: `note` is the C2SP signed note with the log's signature line, `cosignatures` are witnesses'."""

    size: int
    root: bytes
    note: str
    time: int
    cosignatures: tuple[str, ...] = ()

    @property
    def cosigned_note(self) -> str:
        """The note with every signature line, as others see it."""
        return self.note + "".join(f"{line}\n" for line in self.cosignatures)


class Log(Protocol):
    """Reads of the release ledger."""

    def checkpoint(self, tenant: Tenant) -> Checkpoint | None:
        """The newest checkpoint, None before the first."""

    def recent(self, tenant: Tenant) -> Sequence[Checkpoint]:
        """The last few checkpoints, the newest first: witnesses may have cosigned an older one already."""

    def final(self, tenant: Tenant, year: int) -> Checkpoint:
        """The final checkpoint of a year. Raises `NotFound` if it has none, or has not ended."""

    def index_of(self, tenant: Tenant, leaf_hash: bytes) -> int | None:
        """The place of a leaf in the tree, None while it is staged or unknown."""

    def inclusion(self, tenant: Tenant, index: int, size: int) -> Sequence[bytes]:
        """The inclusion path of leaf `index` in the tree of `size` leaves (RFC 6962 §2.1.1)."""

    def leaf_of(self, tenant: Tenant, record: bytes) -> bytes | None:
        """The leaf hash of a record id."""

    def tile(self, tenant: Tenant, level: int | None, index: int, width: int) -> bytes:
        """The octets of a tile (`idp.ledger.tiles`). Raises `NotFound` if no checkpoint covers it."""
