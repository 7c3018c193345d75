"""Every configuration that was ever in force: its files by hash, and which one was put in force when, and by whom.

Each change is numbered, and is in the release ledger before it counts. The record's id is a MAC of the number
(`idp.store.records.numbered_records`), so of two that change at once one has the number, and the other is told
(`Overtaken`). Then its row in `applied` is written. If the process dies between the two, the record counts.

An attacker who can write to the database and has no key of ours puts nothing in force. A row without our seal counts as
none; files vouch for themselves by their hash; a row that was deleted is still in the ledger. A process that saw a number
believes no lower one. The attacker can delete the newest rows together with the newest records: `ciconia ledger verify`
names the leaves that are left.
"""

import hashlib
import hmac
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any  # Any: nobody knows the types of a table's columns

from sqlalchemy import Connection, Engine, Row, Select, bindparam, select

from idp.changes.bundle import Bundle, listed
from idp.ledger.ledger_keys import LedgerKeys, derived, framed
from idp.ledger.operator_records import CONFIGURATION, draft_configuration
from idp.ports import Commits, Unit
from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import reading, single, upsert, writing
from idp.store.records.numbered_records import Facts, NumberedRecords
from idp.store.statements import CompiledStatement
from idp.system.files import MAX_FILE
from idp.system.logs import log_of
from policies.errors import StoreUnavailable
from policies.parties import Tenant

# One statement asks for so many hashes, and one transaction writes so many files
AT_ONCE, IN_ONE_TURN = 500, 100
FIX = "ciconia doctor"
# In place of an operator: a server that began, or that read its folder anew
START, RELOAD = "start", "reload"


@dataclass(frozen=True, slots=True)
class Applied:
    """A configuration that was put in force: its number (from 1), its digest (hex), when and by whom."""

    number: int
    digest: str
    time: int
    who: str


class Overtaken(Exception):
    """Somebody else changed the configuration meanwhile: `newest` is in force."""

    def __init__(self, newest: Applied | None) -> None:
        super().__init__("the configuration in force has changed meanwhile")
        self.newest = newest


def _newest(_connection: Connection) -> Select[*tuple[Any, ...]]:
    table = tables.applied.c
    mine = (table.tenant == bindparam("tenant"), table.number >= bindparam("number"))
    return select(tables.applied).where(*mine).order_by(table.number.desc())


_NEWEST = CompiledStatement(_newest)


class History:
    """One tenant's. Not safe in several threads; safe beside other processes. All methods raise `StoreUnavailable`.

    Without `commits` it is read alone.
    """

    def __init__(self, *, engine: Engine, tenant: Tenant, keys: LedgerKeys, commits: Commits | None = None) -> None:
        self._engine, self._tenant, self._commits = engine, tenant, commits
        self._records = NumberedRecords(tenant, keys, b"configuration records", CONFIGURATION)
        self._key = derived(keys.rows, b"", b"applied", tenant.encode())
        self._known: Applied | None = None
        self._told: set[bytes] = set()

    def newest(self) -> Applied | None:
        """The change that is in force; None before the first."""
        known = self._known.number if self._known else 0
        with reading(), single(self._engine).connect() as connection:
            rows = _NEWEST.run(connection, tenant=self._tenant, number=known).all()
            found = next((applied for row in rows if (applied := self._believed(row)) is not None), self._known)
            # What is in the ledger counts, although its row is gone
            while ahead := self._records.read(connection, found.number + 1 if found else 1):
                for number, facts in sorted(ahead.items()):
                    found = _of_record(number, facts) or Applied(number, "", 0, "")
        if found is not None and not found.digest:
            raise StoreUnavailable(f"the record of configuration {found.number} was changed: `{FIX}`")
        self._known = found
        return found

    def at(self, number: int) -> Applied | None:
        """The change of this number, by its row or else by its record."""
        table = tables.applied.c
        here = select(tables.applied).where(table.tenant == self._tenant, table.number == number)
        with reading(), single(self._engine).connect() as connection:
            row = connection.execute(here).first()
            found = None if row is None else self._believed(row)
            return found or _of_record(number, self._records.read(connection, number).get(number))

    def facts(self, number: int) -> Facts | None:
        """The ledger's record of a change (`record_contents`); None where there is none, or it was changed."""
        with reading(), single(self._engine).connect() as connection:
            return self._records.read(connection, number).get(number)

    def record(self, number: int) -> bytes:
        """The id of the record of a change."""
        return self._records.record(number)

    def bundle(self, digest: str, like: Bundle | None = None) -> Bundle | None:
        """`kept_bundle` of this tenant."""
        return kept_bundle(self._engine, self._tenant, digest, like)

    def purpose_text(self, policy_hash: str) -> bytes | None:
        """The file of a purpose as it was when a record named this hash (hex); None where it was never in force."""
        return _kept(self._engine, self._tenant, [policy_hash]).get(policy_hash)

    def keep(self, bundle: Bundle, *, now: int) -> None:
        """Keep a configuration by hash, without putting it in force."""
        octets = {hash_: bundle.files[path] for path, hash_ in bundle.hashes.items()} | {bundle.digest: bundle.octets}
        missing = octets.keys() - _kept(self._engine, self._tenant, octets).keys()
        values = [
            {"tenant": self._tenant, "digest": bytes.fromhex(each), "octets": zlib.compress(octets[each]), "kept": now}
            for each in sorted(missing)
        ]
        table = tables.configurations
        # Logins wait for SQLite's one writer, so five thousand files go in several turns
        for start in range(0, len(values), IN_ONE_TURN):
            with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
                fresh = upsert(connection, table)
                # What is there and does not fit its hash is a stranger's
                key, ours = [table.c.tenant, table.c.digest], {"octets": fresh.excluded.octets, "kept": fresh.excluded.kept}
                kept = fresh.on_conflict_do_update(index_elements=key, set_=ours)
                connection.execute(kept, values[start : start + IN_ONE_TURN])

    def last(self, digest: str) -> int:
        """The last number under which this configuration (hex) was put in force; 0 where it never was."""
        table = tables.applied.c
        here = select(tables.applied).where(table.tenant == self._tenant, table.digest == bytes.fromhex(digest))
        with reading(), single(self._engine).connect() as connection:
            rows = connection.execute(here).all()
        return max((row.number for row in rows if self._believed(row)), default=0)

    def begin(self, bundle: Bundle, *, now: int) -> Applied:
        """Put the first configuration in force. It changes nothing, so the ledger has no record of it.

        Raises `Overtaken` where another one is in force by now.
        """
        self.keep(bundle, now=now)
        applied = Applied(1, bundle.digest, now, START)
        with reading(), writing(self._engine).begin() as connection:
            connection.execute(upsert(connection, tables.applied).values(self._row(applied)).on_conflict_do_nothing())
        if (newest := self.newest()) is None:
            # A stranger's row is there
            self._write(applied)
            newest = self.newest()
        if newest != applied:
            raise Overtaken(newest)
        return applied

    def put(
        self,
        bundle: Bundle,
        *,
        who: str,
        now: int,
        before: Applied | None,
        widened: Sequence[str] = (),
        approved: Sequence[str] = (),
    ) -> Applied:
        """Put a configuration in force in place of `before`. Whoever calls has judged it.

        Raises `Overtaken` where something else is in force by now.
        """
        if self._commits is None:
            raise ValueError("this history is read alone")
        newest = self.newest()
        if newest != before:
            raise Overtaken(newest)
        if before:
            self.complete(before)
        self.keep(bundle, now=now)
        number = before.number + 1 if before else 1
        applied = Applied(number, bundle.digest, now, who)
        draft = draft_configuration(
            record=self._records.record(number),
            time=now,
            number=number,
            who=who,
            before=before.digest if before else "",
            after=bundle.digest,
            widened=widened,
            approved=approved,
        )
        try:
            self._commits.commit(Unit(tenant=self._tenant, record=draft))
        except StoreUnavailable:
            if (newest := self.newest()) != before:
                raise Overtaken(newest) from None
            raise
        content = next(opening.content for opening in draft.openings if opening.compartment == "decision")
        if self.facts(number) != json.loads(content):
            # Another's record has this number
            raise Overtaken(self.newest())
        self._write(applied)
        self._known = applied
        return applied

    def complete(self, applied: Applied) -> None:
        """Write the row of a change, if its process died after the record, or somebody deleted it."""
        table = tables.applied
        here = select(table).where(table.c.tenant == self._tenant, table.c.number == applied.number)
        with reading(), single(self._engine).connect() as connection:
            row = connection.execute(here).first()
        if row is None or self._believed(row) != applied:
            log_of(self._tenant).warning("applied_row_written", number=applied.number)
            self._write(applied)

    def faults(self) -> Iterator[str]:
        """A sentence for each thing that is not as the changes left it."""
        table = tables.applied.c
        with reading(), self._engine.connect() as connection:
            rows = connection.execute(select(tables.applied).where(table.tenant == self._tenant)).all()
            recorded: dict[int, Facts | None] = {}
            while ahead := self._records.read(connection, max(recorded, default=0) + 1):
                recorded |= ahead
        ours = {row.number: found for row in rows if (found := self._believed(row, quiet=True)) is not None}
        for number in sorted({row.number for row in rows} - ours.keys()):
            yield f"applied {number}: its row has no seal of ours: it counts as none."
        for number, facts in sorted(recorded.items()):
            if facts is None:
                yield f"applied {number}: its record was changed."
            elif number not in ours:
                yield f"applied {number}: its row is gone: the ledger's record counts, and the next start writes it again."
        # The first one changed nothing
        for number in sorted(ours.keys() - recorded.keys() - {1}):
            yield f"applied {number}: its record is gone."
        if (newest := self.newest()) is not None and self.bundle(newest.digest) is None:
            yield f"applied {newest.number}: a file of the configuration in force is gone or was changed."

    def _row(self, applied: Applied) -> dict[str, Any]:  # Any: as above
        said = {"digest": bytes.fromhex(applied.digest), "time": applied.time, "who": applied.who}
        return {"tenant": self._tenant, "number": applied.number, **said, "seal": self._seal(applied)}

    def _write(self, applied: Applied) -> None:
        values = self._row(applied)
        with reading(), writing(self._engine).begin() as connection:
            fresh = upsert(connection, tables.applied).values(values)
            connection.execute(fresh.on_conflict_do_update(index_elements=["tenant", "number"], set_=values))

    def _believed(self, row: Row[*tuple[Any, ...]], *, quiet: bool = False) -> Applied | None:
        """A row that somebody who has the key wrote."""
        found = Applied(row.number, row.digest.hex(), row.time, row.who)
        if hmac.compare_digest(self._seal(found), row.seal):
            return found
        if not quiet and row.seal not in self._told:
            self._told.add(row.seal)
            log_of(self._tenant).error("applied_row_changed", number=row.number, fix=FIX)
        return None

    def _seal(self, applied: Applied) -> bytes:
        texts = (str(applied.number), applied.digest, str(applied.time), applied.who)
        return hmac.digest(self._key, framed(*(text.encode() for text in texts)), "sha256")


def _of_record(number: int, facts: Facts | None) -> Applied | None:
    if facts is None or facts.get("number") != number:
        return None
    return Applied(number, str(facts["after"]), int(str(facts["time"])), str(facts["who"]))


def _inflated(octets: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(octets, MAX_FILE + 1)
    except zlib.error:
        return None
    return found if inflater.eof else None


def kept_bundle(engine: Engine, tenant: Tenant, digest: str, like: Bundle | None = None) -> Bundle | None:
    """A configuration that was kept; None where a file of it is gone or was changed. Needs no key: hashes vouch for it.

    Files that `like` has are taken from there.
    """
    octets = _kept(engine, tenant, [digest]).get(digest)
    hashes = None if octets is None else listed(octets)
    if hashes is None:
        return None
    have = {like.hashes[path]: octets for path, octets in like.files.items()} if like else {}
    have |= _kept(engine, tenant, {*hashes.values()} - have.keys())
    return Bundle({path: have[each] for path, each in hashes.items()}) if have.keys() >= {*hashes.values()} else None


def unverified_newest(engine: Engine, tenant: Tenant) -> Applied | None:
    """The newest change as its row has it, for somebody without our keys: nobody has looked at its seal."""
    with reading(), single(engine).connect() as connection:
        row = _NEWEST.run(connection, tenant=tenant, number=0).first()
    return None if row is None else Applied(row.number, row.digest.hex(), row.time, row.who)


def _kept(engine: Engine, tenant: Tenant, hashes: Iterable[str]) -> dict[str, bytes]:
    """The files that are kept under these hashes, and fit them."""
    table, wanted = tables.configurations.c, sorted({bytes.fromhex(each) for each in hashes})
    found: dict[str, bytes] = {}
    with reading(), single(engine).connect() as connection:
        for start in range(0, len(wanted), AT_ONCE):
            here = (table.tenant == tenant, table.digest.in_(wanted[start : start + AT_ONCE]))
            for row in connection.execute(select(table.digest, table.octets).where(*here)):
                octets = _inflated(row.octets)
                if octets is not None and hashlib.sha256(octets).digest() == row.digest:
                    found[row.digest.hex()] = octets
    return found
