"""Made-up units of one broker, and the keys of its ledger: what the tests of store, ledger and kill share."""

import secrets
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from idp.ledger.ledger_keys import ledger_keys
from idp.ledger.record_contents import DecidedBy, draft_refusal, draft_release, new_record
from idp.ports import DecisionRow, Mark, ParkedRow, RecordDraft, Unit
from idp.store.engine import open_engine
from idp.store.store import Store, open_store
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form, Value
from policies.authentication import AskedAttribute, Origin, ServiceRequest
from policies.parties import ProviderId, PurposeId, ServiceId, Source, Tenant
from policies.purposes import Basis
from policies.release import Decision, Reason, Ruling, RulingOutcome

TENANT = Tenant("login.storkhaven.example")
ORIGIN = "login.storkhaven.example/log"
KEYS = ledger_keys(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"a made-up key of thirty-two byte"), b"m" * 32)
NOW = 1_790_000_000
LATER = NOW + 1000
NEVER = 2**40  # an end that no clock of a test reaches
SOURCE = Source("purposes/parking.toml", 7)
ADULT = Form("age_over", "18")


class Clock:
    """The time that a test says it is."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def request(unknown: Sequence[str] = ()) -> ServiceRequest:
    return ServiceRequest(
        origin=Origin("openid", ServiceId("parking"), "parking"),
        purpose_id=PurposeId("resident-parking"),
        asked=(AskedAttribute(AttributeName("address"), EXACT), AskedAttribute(AttributeName("birthdate"), EXACT)),
        unknown=tuple(unknown),
        minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    )


def ruling(
    name: str, form: Form | None, value: Value = "", reason: Reason = Reason.AS_ASKED, *, required: bool = True
) -> Ruling:
    released = None if form is None else Attribute(AttributeName(name), form, value)
    outcome = RulingOutcome.WITHHELD if released is None else RulingOutcome.AS_ASKED
    return Ruling(AttributeName(name), EXACT, outcome, reason, required=required, source=SOURCE, released=released)


def decided(address: Address | None = None) -> Decision:
    """Over 18 in place of a birth date, an optional address that was ticked, an email that was not, a name not needed."""
    return Decision(
        rulings=(
            ruling("address", EXACT, address or Address(locality="Storkhaven"), required=False),
            ruling("birthdate", ADULT, value=True, reason=Reason.LEAST_SUFFICIENT),
            ruling("email", None, reason=Reason.NOT_CHOSEN, required=False),
            ruling("family_name", None, reason=Reason.NOT_NEEDED, required=False),
        )
    )


def release(
    subject: bytes = b"s" * 32,
    time: int = NOW,
    *,
    decision: Decision | None = None,
    sub: str = "PAIRWISE",
    path: DecidedBy = DecidedBy.PAGE,
) -> RecordDraft:
    return draft_release(
        record=new_record(),
        time=time,
        request=request(),
        basis=Basis.PUBLIC_TASK,
        policy="0" * 64,
        notice="1" * 64,
        decision=decision or decided(),
        loa=LevelOfAssurance.SUBSTANTIAL,
        source=ProviderId("ee"),
        subject=subject,
        issuer="https://login.storkhaven.example",
        sub=sub,
        evidence={"nonce": "n-0S6"},
        path=path,
    )


def refusal(time: int = NOW) -> RecordDraft:
    return draft_refusal(
        record=new_record(),
        time=time,
        request=request(),
        basis=Basis.PUBLIC_TASK,
        policy="0" * 64,
        notice="1" * 64,
        decision=decided(),
        source=ProviderId("ee"),
    )


def marks(*names: str, kind: str = "login", end: int = LATER) -> tuple[Mark, ...]:
    return tuple(Mark(kind, name.encode().ljust(32, b"."), end) for name in names)


def unit(
    *taken: Mark,
    record: RecordDraft | None = None,
    parked: Sequence[ParkedRow] = (),
    removed: Sequence[bytes] = (),
    end: int = NOW + 60,
) -> Unit:
    """A unit with these marks, or one of its own; a decision row besides, as every decided login has."""
    decision = DecisionRow(secrets.token_bytes(32), b"c" * 32, end)
    own = taken or marks(secrets.token_hex(16))
    return Unit(tenant=TENANT, marks=own, decision=decision, record=record, parked=tuple(parked), removed=tuple(removed))


def parked(digest: bytes = b"d" * 32, kind: str = "code", end: int = NOW + 60, payload: bytes = b"sealed") -> ParkedRow:
    return ParkedRow(kind, digest, payload, end)


def commit_all(store: Store, units: Sequence[Unit]) -> None:
    """Commit them at once, so that they share transactions."""
    with ThreadPoolExecutor(min(32, len(units))) as pool:
        list(pool.map(store.commit, units))


def opened(folder: Path, *, busy_milliseconds: int = 5000) -> Store:
    """The store of `folder/ciconia.db`, migrated before."""
    return opened_at(f"sqlite:///{folder / 'ciconia.db'}", busy_milliseconds=busy_milliseconds)


def opened_at(url: str, *, busy_milliseconds: int = 5000) -> Store:
    """The store of a database of either kind, migrated before."""
    return open_store(url, tenant=TENANT, ledger_keys=KEYS, busy_milliseconds=busy_milliseconds)


def engine_of(folder: Path) -> Engine:
    """Connections of their own to `folder/ciconia.db`."""
    return open_engine(f"sqlite:///{folder / 'ciconia.db'}")


def edit(folder: Path, statement: str, *values: object) -> None:
    """Change the database as an attacker would, past the product."""
    with closing(sqlite3.connect(folder / "ciconia.db")) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement, values)


def change(folder: Path, *statements: str) -> None:
    """The same with several statements."""
    with closing(sqlite3.connect(folder / "ciconia.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
