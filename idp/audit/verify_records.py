"""The check of records: each has one leaf, and its openings open that leaf's commitments and say what the row says.

The openings tell the legal shapes apart: a city's login (a release has a subject, a counter and all openings), a sending
node's login, and an operator's act or an answer that never left (exactly the facts of `idp.ledger.record_contents`, no
subject). A role writes logins of one shape alone: no login wrote one of the other shape. A release that was erased has no
subject, counter and login any more, and our MAC says so.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from idp.audit.record_shapes import OF_A_NODE, SHAPES, RecordShape
from idp.audit.verify_erasures import STRANGER, ErasureCount, faults_of_erasure, is_erased
from idp.audit.verify_own_acts import faults_of_own_act, faults_of_subject
from idp.ledger.canonical_json import jcs
from idp.ledger.findings import LedgerFinding
from idp.ledger.leaf import commitment, open_opening, read_leaf, salt_holds, tag
from idp.ledger.ledger_keys import LedgerKeys, RecordKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ledger.person_records import ERASURE, OWN_ACTS
from idp.ledger.record_contents import ALWAYS, CANCELLATION, OF_A_RELEASE, OPENED, REFUSAL, RELEASE, UNSENT
from idp.store import tables
from idp.store.engine import disposed, open_engine, snapshot
from idp.store.records.erasure_rows import strangers
from idp.store.records.release_record import joined_records
from policies.errors import SignatureInvalid
from policies.parties import Tenant

CHUNK = 500
# A ledger that is wrong from its first leaf on would name every row
MAX_FINDINGS = 1000
# Record ids are checked in so many parts, by their first octet
PARTS, OCTETS, MAX_OCTET = 64, 4, 255
# Records of logins, which tell the role
_OF_LOGINS = (RELEASE, REFUSAL, CANCELLATION, UNSENT)

Facts = Mapping[str, object]
# As `idp.config.settings` has it
Role = Literal["city", "node"]


def verify_records(
    connection: Connection,
    tenant: str,
    keys: LedgerKeys,
    role: Role | None,
    step: Callable[[], None],
    *,
    processes: int = 1,
    leaves: tuple[int, int] | None = None,
) -> Iterator[LedgerFinding]:
    """All faults of records, staged leaves and subjects. Calls `step` for each record; `role` None takes either role's.

    With `leaves` only those of these places (the last one exclusive) and of staged leaves are checked, and no subjects.

    So many `processes` check the records, each a part at a time, and each part in a snapshot of its own.
    """
    erasures = ErasureCount()
    parts = range(PARTS) if leaves is None else _ranges(*leaves)
    for part in _parts(connection, tenant, keys.of_records, role, processes, parts):
        for _ in range(part.records):
            step()
        yield from part.findings
        erasures += part.erasures
    if leaves is not None:
        yield from _strays(connection, tenant, leaves[0])
        return
    if processes > 1 and list(erasures.findings()):
        # Somebody was erased between the snapshots, perhaps: count in one
        erasures = ErasureCount()
        for part in _parts(connection, tenant, keys.of_records, role, 1, parts):
            erasures += part.erasures
    yield from erasures.findings()
    yield from (LedgerFinding("erasures", one.hex(), STRANGER) for one in strangers(connection, Tenant(tenant), keys))
    yield from _strays(connection, tenant)
    yield from _subjects(connection, tenant, keys)


@dataclass(frozen=True, slots=True)
class _Part:
    """The records of a part: how many, their faults, and what was erased of them."""

    records: int
    findings: tuple[LedgerFinding, ...]
    erasures: ErasureCount


# An octet part, or the places of leaves from one to another (exclusive); STAGED are those without a place
_Which = int | tuple[int, int]
STAGED = (-1, 0)


def _ranges(first: int, end: int) -> list[tuple[int, int]]:
    """The places of these leaves in `PARTS` parts, and those that are staged."""
    step = max(1, -(-(end - first) // PARTS))
    return [STAGED, *((begin, min(begin + step, end)) for begin in range(first, end, step))]


def _parts(
    connection: Connection, tenant: str, keys: RecordKeys, role: Role | None, processes: int, parts: Sequence[_Which]
) -> Iterator[_Part]:
    if processes == 1:
        for part in parts:
            yield _part(connection, tenant, keys, role, part)
        return
    url = connection.engine.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(_part_of, *zip(*((url, tenant, keys, role, part) for part in parts), strict=True))


def _part_of(url: str, tenant: str, keys: RecordKeys, role: Role | None, part: _Which) -> _Part:
    """In a process of its own."""
    with disposed(open_engine(url)) as engine, snapshot(engine) as connection:
        return _part(connection, tenant, keys, role, part)


def _within(tenant: str, part: _Which) -> list[ColumnElement[bool]]:
    """The records of a part: whose ids, which are random, begin with one of its octets, or whose leaf is in its places."""
    column = tables.records.c.record
    if part == STAGED:
        staged = tables.staged.alias().c
        return [column.in_(select(staged.record).where(staged.tenant == tenant))]
    if isinstance(part, tuple):
        leaves = tables.leaves.alias().c
        between = leaves.leaf_index.between(part[0], part[1] - 1)
        return [tables.records.c.leaf_hash.in_(select(leaves.leaf_hash).where(leaves.tenant == tenant, between))]
    first, following = part * OCTETS, (part + 1) * OCTETS
    here = [column >= bytes([first])] if part else []
    return here + ([column < bytes([following])] if following <= MAX_OCTET else [])


def _part(connection: Connection, tenant: str, keys: RecordKeys, role: Role | None, part: _Which) -> _Part:
    erasures, findings, records = ErasureCount(), list[LedgerFinding](), 0
    query = joined_records(tenant).where(*_within(tenant, part))
    if isinstance(part, int):
        # Of places no order is asked for: SQLite would go through all records for it
        query = query.order_by(tables.records.c.record)
    for row in connection.execute(query, execution_options={"yield_per": CHUNK}):
        records += 1
        if len(findings) < MAX_FINDINGS:
            findings += faults_of_record(row, tenant, keys, role, erasures)
    return _Part(records, tuple(findings), erasures)


def faults_of_record(
    row: Row[tuple[object, ...]], tenant: str, keys: RecordKeys, role: Role | None, erasures: ErasureCount
) -> Iterator[LedgerFinding]:
    """The faults of a row of `joined_records`, and of its leaf, in its place or staged. `erasures` hears of it."""
    name = row.record.hex()
    if row.leaf is not None and row.staged_leaf is not None:
        yield LedgerFinding("staged", name, "its leaf has a place already")
    if row.staged_leaf is not None and leaf_hash(row.staged_leaf) != row.leaf_hash:
        yield LedgerFinding("staged", name, "it is not the leaf of its record")
        yield LedgerFinding("records", name, "its hash is not that of its leaf")
    found = row.leaf if row.leaf is not None else row.staged_leaf
    if found is None:
        yield LedgerFinding("records", name, "it has no leaf")
        return
    try:
        commitments, tagged = read_leaf(found)
    except ValueError:
        yield LedgerFinding("records", name, "its leaf is no leaf")
        return
    for what in _contents(row, tenant, keys, role, commitments, tagged, erasures):
        yield LedgerFinding("records", name, what)


def _contents(
    row: Row[tuple[object, ...]],
    tenant: str,
    keys: RecordKeys,
    role: Role | None,
    commitments: Mapping[str, bytes],
    tagged: bytes,
    erasures: ErasureCount,
) -> Iterator[str]:
    erased = is_erased(row, tenant, keys)
    # 1. every opening decrypts and opens its commitment
    facts: dict[str, Facts] = {}
    for compartment in sorted(ALWAYS) if erased else OPENED:
        try:
            opened = _open(row, compartment, tenant, keys, commitments[compartment])
        except (SignatureInvalid, ValueError, OverflowError, OSError):
            yield f"its opening of {compartment} does not open what the leaf commits to"
        else:
            if opened is not None:
                facts[compartment] = opened
    # 2. they say what the row says, and the tag is that of its counter
    yield from _facts(row, facts, erased=erased)
    erasures.see(facts.get("decision", {}), erased=erased)
    yield from _of_role(facts.get("decision", {}), role)
    if row.subject is not None and not _tagged(row, tenant, keys, tagged):
        yield "its tag is not that of its subject and counter"


def _open(row: Row[tuple[object, ...]], compartment: str, tenant: str, keys: RecordKeys, committed: bytes) -> Facts | None:
    """The content of an opening; None if the row has none. Raises if it does not fit."""
    sealed = getattr(row, f"{compartment}_opening")
    if sealed is None:
        return None
    if compartment == "subject":
        if row.subject is None or row.salt is None:
            raise ValueError("no subject that it could belong to")
        key = keys.subject_key(tenant, row.subject, row.salt)
    else:
        key = keys.period_key(tenant, row.time)
    opening = open_opening(key, tenant, row.record, compartment, sealed)
    if commitment(opening.nonce, opening.content) != committed:
        raise ValueError("another commitment")
    content = json.loads(opening.content)
    if not isinstance(content, dict) or jcs(content) != opening.content:
        raise ValueError("not canonical JSON")
    return content


def _facts(row: Row[tuple[object, ...]], facts: Mapping[str, Facts], *, erased: bool) -> Iterator[str]:
    sent, decision = facts.get("sent", {}), facts.get("decision", {})
    kind = decision.get("kind")
    if kind not in (*_OF_LOGINS, *SHAPES, *OWN_ACTS):
        yield "it is no release, refusal or cancellation, nothing unsent, and no act of an operator or a person"
        return
    if "node" in decision and kind in _OF_LOGINS:
        yield from _without_subject(row, RecordShape(f"a {kind} to a node", OF_A_NODE), sent, decision)
    elif isinstance(kind, str) and kind in SHAPES:
        yield from _without_subject(row, SHAPES[kind], sent, decision)
    elif kind in OWN_ACTS:
        yield from faults_of_own_act(row, _present(row), facts, erased=erased)
    else:
        yield from _of_a_city(row, f"a {kind}", facts, released=kind == RELEASE and not erased, erased=erased)
        if erased and kind != RELEASE:
            yield f"a {kind} was nobody's, and is marked as erased"
    expected = {"record": row.record.hex(), "time": row.time}
    for name, content in (("sent", sent), ("decision", decision)):
        yield from (f"its {name} has another {key}" for key, value in expected.items() if content.get(key) != value)


def _of_role(decision: Facts, role: Role | None) -> Iterator[str]:
    """A login's record of the other role. An operator's acts stand in either's ledger."""
    if role is None or decision.get("kind") not in _OF_LOGINS:
        return
    if role == "city" and "node" in decision:
        yield "it is of a login for another country's node, and this is a city's ledger"
    if role == "node" and "node" not in decision:
        yield "it is of a login for a relying party, and this is a node's ledger"


def _without_subject(row: Row[tuple[object, ...]], shape: RecordShape, sent: Facts, decision: Facts) -> Iterator[str]:
    """The faults of a record that says the same facts in both of its openings, nothing else, and nothing of a person."""
    names = {*shape.facts, "record", "time"}
    if set(sent) != names or set(decision) != names | {"kind"}:
        yield f"{shape.name} says more or less than it may"
    if any(decision.get(name) != content for name, content in sent.items()):
        yield f"{shape.name} says one thing as sent and another as decided"
    if _present(row) != ALWAYS or row.subject is not None or row.position is not None:
        yield f"{shape.name} has no subject, no counter and no other openings"
    if shape.name == SHAPES[ERASURE].name:
        yield from faults_of_erasure(decision)
    yield from dict.fromkeys(fault for name, holds, fault in shape.rules if not holds(decision.get(name)))


def _of_a_city(
    row: Row[tuple[object, ...]], what: str, facts: Mapping[str, Facts], *, released: bool, erased: bool
) -> Iterator[str]:
    if _present(row) - ({"subject"} if erased else set()) != (OF_A_RELEASE if released else ALWAYS):
        yield f"{what} does not have these openings"
    if len({released, row.subject is not None, row.position is not None}) != 1:
        yield f"{what} has a subject and a counter exactly where it is a release"
    yield from faults_of_subject(row, facts)
    if "login" in facts and facts["login"].get("aud") != facts.get("sent", {}).get("client"):
        yield "its login is of another relying party than it was sent to"


def _present(row: Row[tuple[object, ...]]) -> set[str]:
    return {name for name in OPENED if getattr(row, f"{name}_opening") is not None}


def _tagged(row: Row[tuple[object, ...]], tenant: str, keys: RecordKeys, tagged: bytes) -> bool:
    if row.salt is None or row.position is None or row.position < 1:
        return False
    return tag(keys.subject_key(tenant, row.subject, row.salt), row.position) == tagged


def _strays(connection: Connection, tenant: str, first: int = 0) -> Iterator[LedgerFinding]:
    """Leaves that belong to no record: in their place, from the `first` on, or staged."""
    records, leaves, staged = tables.records, tables.leaves, tables.staged
    of_leaf = and_(records.c.tenant == leaves.c.tenant, records.c.leaf_hash == leaves.c.leaf_hash)
    query = select(leaves.c.leaf_index).select_from(leaves.outerjoin(records, of_leaf))
    here = (leaves.c.tenant == tenant, leaves.c.leaf_index >= first)
    for index in connection.scalars(query.where(*here, records.c.record.is_(None))):
        yield LedgerFinding("leaves", str(index), "it belongs to no record")
    of_staged = and_(records.c.tenant == staged.c.tenant, records.c.record == staged.c.record)
    waiting = select(staged.c.record).select_from(staged.outerjoin(records, of_staged))
    for record in connection.scalars(waiting.where(staged.c.tenant == tenant, records.c.record.is_(None))):
        yield LedgerFinding("staged", record.hex(), "it belongs to no record")


def _subjects(connection: Connection, tenant: str, keys: LedgerKeys) -> Iterator[LedgerFinding]:
    """Subjects whose salt is not ours, or whose records do not run from 1 to their counter; and missing subjects."""
    records, subjects = tables.records, tables.subjects
    counted = (
        select(records.c.subject, func.count(records.c.position).label("held"), func.max(records.c.position).label("last"))
        .where(records.c.tenant == tenant, records.c.subject.is_not(None))
        .group_by(records.c.subject)
        .subquery()
    )
    joined = subjects.outerjoin(counted, counted.c.subject == subjects.c.subject)
    query = select(subjects, counted.c.held, counted.c.last).select_from(joined)
    for row in connection.execute(query.where(subjects.c.tenant == tenant)):
        if not salt_holds(keys, tenant, row.subject, row.salt):
            yield LedgerFinding("subjects", row.subject.hex(), "its salt is not the one that we wrote")
        # positions are unique (an index holds them so): as many as the counter says, less those whose retention is over
        if not row.held or not 0 <= row.expired == row.counter - row.held or row.last > row.counter:
            yield LedgerFinding("subjects", row.subject.hex(), "its records do not run from 1 to its counter")
    person = and_(subjects.c.tenant == tenant, subjects.c.subject == counted.c.subject)
    absent = select(counted.c.subject).select_from(counted.outerjoin(subjects, person)).where(subjects.c.subject.is_(None))
    for subject in connection.scalars(absent):
        yield LedgerFinding("subjects", subject.hex(), "records have this subject, and it is not there")
