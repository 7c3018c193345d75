"""All records of one person, by their counter: nothing is left out, or the page says what is missing.

Each record of a person has the next number under their key, and the tag of its leaf is an HMAC of that number. So the
numbers from 1 to the counter are looked for, and each leaf's tag is computed again: a record that was deleted, or put under
another number or person, is missing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any  # Any: nobody knows the types of a row's columns

from sqlalchemy import Connection, Engine, Row, Select, and_, bindparam, select

from idp.citizen.erasures import opened
from idp.ledger.leaf import commitment, open_opening, read_leaf, salt_holds, tag_by, tag_key
from idp.ledger.ledger_keys import DAY, LedgerKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ledger.record_contents import unsent_record
from idp.ports import Opening
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.records.release_record import CHANGED, DECIDED, joined_records
from idp.store.statements import CompiledStatement
from policies.assurance import LevelOfAssurance, level_named
from policies.errors import NotFound, SignatureInvalid, StoreUnavailable
from policies.parties import Tenant
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE

PAGE = 50
# Parameters of one statement
NAMED_AT_ONCE = 500

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One record of a person, and what it says: `sent` and `decision` of `record_contents`."""

    position: int
    record: bytes
    placed: bool  # whether its leaf has a place in the log, and no longer waits for it
    leaf: bytes
    openings: Mapping[str, Opening] = field(repr=False)
    sent: Facts = field(repr=False)
    decision: Facts = field(repr=False)
    # of a release: its answer never left
    unsent: bool = False

    @property
    def kind(self) -> str:
        """The kind of the record."""
        return str(self.decision["kind"])

    @property
    def loa(self) -> LevelOfAssurance:
        """The level of its sign-in: nobody sees it who signs in at a lower one. A record that says none is seen by all."""
        return level_named(str(self.sent.get("loa", ""))) or LevelOfAssurance.LOW


@dataclass(frozen=True, slots=True)
class PersonHistory:
    """One page of a person's records, the newest first, and the numbers of all that are missing or do not open.

    `over` are the numbers of records whose purpose's retention has ended: nobody can tell any more which records those are.
    """

    counter: int
    missing: tuple[int, ...]
    over: tuple[int, ...]
    entries: tuple[HistoryEntry, ...]

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.counter // PAGE))


def _of_person(_connection: Connection) -> Select[int, bytes, bytes, bytes]:
    records, leaves, staged = tables.records, tables.leaves, tables.staged
    in_place = and_(leaves.c.tenant == records.c.tenant, leaves.c.leaf_hash == records.c.leaf_hash)
    waiting = and_(staged.c.tenant == records.c.tenant, staged.c.record == records.c.record)
    joined = records.outerjoin(leaves, in_place).outerjoin(staged, waiting)
    columns = (records.c.position, records.c.leaf_hash, leaves.c.leaf, staged.c.leaf.label("staged_leaf"))
    mine = (records.c.tenant == bindparam("tenant"), records.c.subject == bindparam("subject"))
    return select(*columns).select_from(joined).where(*mine)


_LEAVES = CompiledStatement(_of_person)


class Histories:
    """Reads the histories of one tenant's persons.

    Every method raises `StoreUnavailable` if a person's own row is not what was written.
    """

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
        self._engine, self._tenant, self._keys = engine, tenant, keys

    def page(self, subject: bytes, number: int = 1) -> PersonHistory:
        """One page of a person's history, from 1 on."""
        return self._read(subject, lambda newest: (newest - number * PAGE + 1, newest - (number - 1) * PAGE))

    def whole(self, subject: bytes) -> PersonHistory:
        """All of a person's history."""
        return self._read(subject, lambda newest: (1, newest))

    def entry(self, subject: bytes, position: int) -> HistoryEntry:
        """One record of a person by its number. Raises `NotFound` where it is missing."""
        for each in self._read(subject, lambda newest: (position, min(position, newest))).entries:
            return each
        raise NotFound("a person has no record of this number")

    def issued(self, subject: bytes, now: int) -> frozenset[tuple[str, str]]:
        """The services that may hold what was issued about a person, each with its own name (`sub`) for them."""
        records = tables.records.c
        mine = (records.subject == subject, records.time > now - LONGEST_REFRESH_LIFE, records.login_opening.is_not(None))
        with reading(), snapshot(self._engine) as connection:
            rows = connection.execute(joined_records(self._tenant).where(*mine)).all()
        found = set()
        for row in rows:
            with suppress(SignatureInvalid, ValueError):  # a damaged record: the page names its number
                login = opened(row, self._tenant, self._keys, "login")
                found.add((str(login["aud"]), str(login["sub"])))
        return frozenset(found)

    def _read(self, subject: bytes, span: Callable[[int], tuple[int, int]]) -> PersonHistory:
        """The entries of a span: its first and its last number, by the newest one. The numbers are looked for in all."""
        person = tables.subjects.c
        named = (person.tenant == self._tenant, person.subject == subject)
        # One moment of the database: a release that comes meanwhile is wholly there, or not at all
        with reading(), snapshot(self._engine) as connection:
            row = connection.execute(select(person.salt, person.counter, person.expired).where(*named)).first()
            if row is None:
                return PersonHistory(0, (), (), ())
            first, last = span(row.counter)
            first = max(1, first)
            records = tables.records.c
            mine = (records.subject == subject, records.position.between(first, last))
            query = joined_records(self._tenant).where(*mine).order_by(records.position.desc())
            shown = connection.execute(query).all() if first <= last else []
            leaves = _LEAVES.rows(connection, tenant=self._tenant, subject=subject)
            unsent = self._unsent(connection, [each.record for each in shown])
        if not salt_holds(self._keys, self._tenant, subject, row.salt):
            raise StoreUnavailable(CHANGED)
        key = tag_key(self._keys.subject_key(self._tenant, subject, row.salt))
        whole = {position for position, hashed, leaf, staged in leaves if _tagged(key, position, hashed, leaf or staged)}
        periods = {day: self._keys.period_key(self._tenant, day * DAY) for day in {each.time // DAY for each in shown}}
        readable = [self._entry(each, periods[each.time // DAY]) for each in shown if each.position in whole]
        entries = tuple(replace(one, unsent=one.record in unsent) for one in readable if one is not None)
        broken = {each.position for each in shown} - {each.position for each in entries}
        absent = {*range(1, row.counter + 1)} - {position for position, *_ in leaves}
        # As many as retention has ended: `ledger verify` holds that number against the leaves of erasures
        over = absent if len(absent) == row.expired else set[int]()
        missing = ({*range(1, row.counter + 1)} - whole - over) | broken
        return PersonHistory(row.counter, tuple(sorted(missing)), tuple(sorted(over)), entries)

    def _unsent(self, connection: Connection, records: Sequence[bytes]) -> frozenset[bytes]:
        """Those of these records of which another record says that nothing of them left."""
        named = {unsent_record(each): each for each in records}
        wanted, found = sorted(named), set[bytes]()
        for begin in range(0, len(wanted), NAMED_AT_ONCE):
            some = tables.records.c.record.in_(wanted[begin : begin + NAMED_AT_ONCE])
            for row in connection.execute(joined_records(self._tenant).where(some)):
                with suppress(SignatureInvalid, ValueError):
                    if opened(row, self._tenant, self._keys, "decision").get("about") == named[row.record].hex():
                        found.add(named[row.record])
        return frozenset(found)

    def _entry(self, row: Row[tuple[Any, ...]], key: bytes) -> HistoryEntry | None:
        """A record, opened; None where it does not open what its leaf commits to."""
        leaf = row.leaf if row.leaf is not None else row.staged_leaf
        try:
            commitments = read_leaf(leaf)[0]
            openings = {name: self._opened(row, key, name, commitments[name]) for name in DECIDED}
        except (SignatureInvalid, ValueError):
            return None
        sent, decision = (json.loads(openings[name].content) for name in DECIDED)
        whole = sent["time"] == row.time and decision["record"] == row.record.hex()
        return (
            HistoryEntry(row.position, row.record, row.leaf is not None, leaf, openings, sent, decision) if whole else None
        )

    def _opened(self, row: Row[tuple[Any, ...]], key: bytes, name: str, committed: bytes) -> Opening:
        opening = open_opening(key, self._tenant, row.record, name, getattr(row, f"{name}_opening"))
        if commitment(opening.nonce, opening.content) != committed:
            raise ValueError("another commitment")
        return opening


def _tagged(key: bytes, position: int, hashed: bytes, leaf: bytes | None) -> bool:
    """Whether a record has its leaf, and that one the tag of this number."""
    if leaf is None or leaf_hash(bytes(leaf)) != hashed:
        return False
    try:
        return read_leaf(bytes(leaf))[1] == tag_by(key, position)
    except ValueError:
        return False
