"""A city with forty services and the citizens of thirty countries, and its ledger of any size, written in bulk.

Every record is as a login writes it: real decisions of real purposes, commitments, openings sealed under real keys,
subjects with their counters, the true tree, and a signed checkpoint. `ciconia ledger verify` finds nothing in it.
"""

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from functools import cache
from importlib import resources
from itertools import islice
from multiprocessing import get_context
from os import urandom
from typing import NamedTuple

from sqlalchemy import Connection, Table, insert

from idp.audit.questions.auditor import Auditor
from idp.changes.history import History
from idp.ledger.leaf import complete, new_salt, prepare
from idp.ledger.merkle_tree import CompactRange, leaf_hash
from idp.ledger.operator_records import draft_switch
from idp.ledger.record_contents import CANCELLATION, REFUSAL, RELEASE, DecidedBy, draft_refusal, draft_release
from idp.ports import RecordDraft
from idp.receipts.issue import Receipts
from idp.receipts.receipt import ReceiptHolder
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.engine import is_postgres, writing
from idp.store.records.release_record import Releases
from idp.store.store import Store
from idp.store.switches.switch import COUNTRY, PARTY
from idp.store.tree_state import TreeState, create_state
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, AttributeName, Value
from policies.authentication import AskedAttribute, Offered, Origin, ServiceRequest
from policies.catalogue import STANDARD
from policies.examples import party_with_everything
from policies.load import Configuration, load
from policies.notice import notice_hash
from policies.parties import EntityId, IdentityProvider, ProviderId, ServiceId, Source, SubjectNamespace
from policies.purposes import Purpose
from policies.release import Decision, choose, decide
from tests.idp.store.units import KEYS, NOW, TENANT

SERVICES, YEAR = 40, 365 * 86400
COUNTRIES = re.findall("..", "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEISITLILTLULVMTNLNOPLPTROSESISK")
PAGES = "5" * 64
# The languages of its citizens: each page has a hash of its own in each
SPOKEN = ("en", "et", "zh-Hans")
# The service and the country that were off for a while, in a ledger that is large enough
OFF, MOST_WITHOUT_ACTS = 5, 10_000
CHUNK, ROWS = 4000, 2000
ASKED = {"birthdate": EXACT, "address": EXACT, "family_name": EXACT, "email": EXACT}
Row = tuple[object, ...]


class RecordRows(NamedTuple):
    """The rows of one record."""

    record: Row
    leaf: bytes
    hashed: bytes


@cache
def city() -> Configuration:
    """The configuration: a purpose for each service, and a provider for each country."""
    demo = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml").read_text("utf-8")
    whole = demo.partition("# Examples are tests")[0]
    files = {}
    for number in range(SERVICES):
        text = whole.replace('id = "resident-parking"', f'id = "purpose-{number:02}"')
        basis = ("public_task", "consent", "legal_obligation", "contract")[number % 4]
        files[f"purposes/purpose-{number:02}.toml"] = text.replace('"public_task"', f'"{basis}"').encode()
    providers = [
        IdentityProvider(
            provider_id=ProviderId(country.lower()),
            title={"en": country},
            country=country,
            namespace=SubjectNamespace(f"made-up/{country}"),
            entity_id=EntityId(f"https://{country.lower()}.example/"),
            metadata=b"",
            attributes={},
            subject_attribute="",
            assurance={},
            source=Source(f"providers/{country.lower()}.toml", 1),
        )
        for country in COUNTRIES
    ]
    return replace(load(files), providers={one.provider_id: one for one in providers})


def auditor_of(store: Store) -> Auditor:
    """An auditor of this city's ledger."""
    return Auditor(
        engine=store.engine,
        tenant=TENANT,
        keys=KEYS,
        history=History(engine=store.engine, tenant=TENANT, keys=KEYS),
        configuration=city(),
        pages=PAGES,
        languages=SPOKEN,
    )


def receipt_of(store: Store, place: int, holder: ReceiptHolder) -> bytes:
    """The receipt of the release at a place."""
    issuing = Receipts(
        tenant=TENANT,
        country="EE",
        keys=KEYS,
        log=store,
        records=Releases(engine=store.engine, tenant=TENANT, keys=KEYS),
        configuration=city(),
        checkpoint_seconds=10,
    )
    return issuing.issue(holder, _record(place), urandom(32), NOW).octets


def places_of(service: int, size: int) -> list[int]:
    """The places of a service's releases in a ledger of this size."""
    return [place for place in range(size) if is_release_to(service, place, size)]


def is_release_to(service: int, place: int, size: int) -> bool:
    """Whether the login at a place gave this service anything."""
    one = draft(place, size, b"s" * 32)
    return one.kind == RELEASE and f'"client":"service-{service:02}"'.encode() in one.openings[0].content


@cache
def decided(number: int) -> tuple[Purpose, ServiceRequest, Decision]:
    """A service's purpose, its request, and the decision before the citizen's choice."""
    purpose = city().purposes[f"purpose-{number:02}"]  # type: ignore[index]  # an id is text
    asked = tuple(AskedAttribute(AttributeName(name), form) for name, form in sorted(ASKED.items()))
    request = ServiceRequest(
        origin=Origin("openid", ServiceId(f"service-{number:02}"), f"service-{number:02}"),
        purpose_id=purpose.purpose_id,
        asked=asked,
        unknown=(),
        minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    )
    values: dict[str, Value] = {
        "birthdate": "1990-02-28",
        "address": Address(locality="Storkhaven"),
        "family_name": "Maasikas",
        "email": "m@x.eu",
    }
    offered = Offered({AttributeName(name): value for name, value in values.items()}, LevelOfAssurance.HIGH)
    return purpose, request, decide(asked, purpose, party_with_everything(purpose, STANDARD), offered, date(2026, 11, 25))


@cache
def _notice(number: int, language: str) -> str:
    purpose, _, decision = decided(number)
    return notice_hash(template=PAGES, language=language, purpose_id=purpose.purpose_id, decision=decision)


@cache
def _switched(of: int) -> dict[int, tuple[str, str, bool]]:
    """Switches of operators, off and on again, by place: a service in a day of spring, a country in one of summer."""
    days = ((PARTY, f"service-{OFF:02}", of // 3), (COUNTRY, COUNTRIES[OFF], of // 2)) if of > MOST_WITHOUT_ACTS else ()
    return {place + later: (kind, name, not later) for kind, name, place in days for later in (0, of // 400)}


def draft(place: int, of: int, subject: bytes) -> RecordDraft:
    """The record of the login or switch at a place among so many, which fill a year that ends now."""
    chance = random.Random(place)  # noqa: S311  the same ledger for the same size
    if (act := _switched(of).get(place)) is not None:
        record, time = _record(place), NOW - YEAR + place * YEAR // of
        return draft_switch(record=record, time=time, switch=act[0], name=act[1], off=act[2], reason="an incident")
    service = min(int(chance.paretovariate(0.7)) - 1, SERVICES - 1)
    country = COUNTRIES[min(int(chance.paretovariate(0.7)) - 1, len(COUNTRIES) - 1)]
    off = {name for at, (_, name, goes) in _switched(of).items() if goes and at < place < at + of // 400}
    service, country = 0 if f"service-{service:02}" in off else service, COUNTRIES[0] if country in off else country
    purpose, request, decision = decided(service)
    ended = chance.random()
    what = {
        "record": _record(place),
        "time": NOW - YEAR + place * YEAR // of,
        "request": request,
        "basis": purpose.basis,
        "policy": purpose.digest,
        "notice": _notice(service, chance.choice(SPOKEN)),
        "source": ProviderId(country.lower()),
    }
    if ended > 0.9:
        kind = CANCELLATION if ended > 0.97 else REFUSAL
        return draft_refusal(**what, decision=decision, kind=kind)  # type: ignore[arg-type]  # the types stand above
    shared = decision.optional if chance.random() > 0.5 else ()
    return draft_release(
        **what,  # type: ignore[arg-type]  # the types stand above
        decision=choose(decision, shared),
        loa=chance.choice((LevelOfAssurance.SUBSTANTIAL, LevelOfAssurance.HIGH)),
        subject=subject,
        issuer=f"https://{TENANT}",
        sub=hashlib.sha256(subject + bytes([service])).hexdigest()[:32],
        evidence={"nonce": "n-0S6"},
        path=DecidedBy.PAGE,
    )


def _rows(first: int, of: int, salts: Sequence[tuple[bytes, bytes, int]]) -> list[RecordRows]:
    """The rows of the logins from a place on, each with its subject, the subject's salt and counter."""
    found = []
    for place, (subject, salt, position) in enumerate(salts, first):
        one = draft(place, of, subject)
        prepared = prepare(one, TENANT, KEYS)
        key = None if one.subject is None else KEYS.subject_key(TENANT, subject, salt)
        entry = complete(prepared, TENANT, key, position if key else 0)
        sealed, own = prepared.sealed, (subject, position) if key else (None, None)
        hashed = leaf_hash(entry.leaf)
        openings = (sealed["sent"], sealed["decision"], sealed.get("login"), entry.subject_opening)
        found.append(RecordRows((TENANT, one.record, one.time, hashed, *own, *openings), entry.leaf, hashed))
    return found


def fill(stores: Sequence[Store], size: int, *, processes: int = 0) -> None:
    """Put so many logins, their leaves and their tree into empty stores, and sign a checkpoint over them."""
    people = max(1, size // 4)
    salts = [(subject, new_salt(KEYS, TENANT, subject)) for subject in map(_subject, range(people))]
    # A refusal has no subject, so a person's counter goes on at their next release
    counters = [0] * people
    places = []
    for place in range(size):
        person = place % people
        counters[person] += _is_release(place, size)
        places.append((*salts[person], counters[person]))
    tree, start = CompactRange(), 0
    nodes: list[tuple[int, int, bytes]] = []
    connections = [writing(store.engine).connect() for store in stores]
    transactions = [connection.begin() for connection in connections]
    for connection in connections:
        if is_postgres(connection):
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        else:
            connection.exec_driver_sql("PRAGMA cache_size = -400000")
        _put(
            connection,
            tables.subjects,
            [(TENANT, *salts[each], counters[each], 0) for each in range(people) if counters[each]],
        )
    for rows in _made(places, size, processes):
        leaves = [(TENANT, start + at, one.leaf, one.hashed) for at, one in enumerate(rows)]
        nodes += [(level, index, node) for one in rows for (level, index), node in tree.append(one.hashed)]
        for connection in connections:
            _put(connection, tables.records, [one.record for one in rows])
            _put(connection, tables.leaves, leaves)
        start += len(rows)
    nodes.sort()
    for connection, transaction in zip(connections, transactions, strict=True):
        _put(connection, tables.nodes, [(TENANT, *node) for node in nodes])
        create_state(connection, TENANT, TreeState(size=tree.size, root=tree.root(), epoch=1), KEYS)
        if is_postgres(connection):
            # Where no statement is bounded: a million rows take a while
            connection.exec_driver_sql("ANALYZE")
        transaction.commit()
        connection.close()
    for store in stores:
        if not is_postgres(store.engine):
            with store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        signing = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
        signing.step()
        signing.stop()


def _record(place: int) -> bytes:
    return hashlib.sha256(b"record" + place.to_bytes(8)).digest()[:16]


def _subject(number: int) -> bytes:
    return hashlib.sha256(b"person" + number.to_bytes(8)).digest()


def _is_release(place: int, of: int) -> bool:
    if place in _switched(of):
        return False
    chance = random.Random(place)  # noqa: S311  as in `draft`
    chance.paretovariate(0.7), chance.paretovariate(0.7)
    return chance.random() <= 0.9


def _made(places: Sequence[tuple[bytes, bytes, int]], size: int, processes: int) -> Iterator[list[RecordRows]]:
    starts = range(0, size, CHUNK)
    if processes == 1 or size <= CHUNK * 2:
        for first in starts:
            yield _rows(first, size, places[first : first + CHUNK])
        return
    with ProcessPoolExecutor(processes or None, get_context("spawn")) as pool:
        waiting = [pool.submit(_rows, first, size, places[first : first + CHUNK]) for first in islice(starts, 8)]
        for number in range(len(starts)):
            yield waiting.pop(0).result()
            if (following := number + 8) < len(starts):
                first = starts[following]
                waiting.append(pool.submit(_rows, first, size, places[first : first + CHUNK]))


def _put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    names = [column.name for column in table.columns]
    if is_postgres(connection):
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    for start in range(0, len(rows), ROWS):
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows[start : start + ROWS]])
