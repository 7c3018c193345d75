"""A real ledger of a city, and those outside of it: a witness of another operator, a service with receipts, two citizens.

What happened is in `Login`. What the operator records of it may be something else.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select, update

from idp.audit.questions.auditor import Auditor
from idp.changes.history import History
from idp.ledger.checkpoint import TreeHead, sign_note
from idp.ledger.leaf import complete, prepare
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import CompactRange, leaf_hash
from idp.ledger.operator_records import draft_switch
from idp.ledger.record_contents import DecidedBy, draft_release, new_record
from idp.ports import Checkpoint, RecordDraft
from idp.receipts.inclusion_proof import Placed
from idp.receipts.receipt import ReceiptHolder, make_receipt
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.engine import open_engine, writing
from idp.store.migrate import migrate
from idp.store.reads import read_checkpoint, read_inclusion
from idp.store.records.release_record import Releases
from idp.store.store import Store
from idp.store.tree_state import TreeState, add_checkpoint, create_state
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.authentication import Origin
from policies.catalogue import STANDARD
from policies.errors import BrokerError
from policies.forms import parse_form
from policies.load import examine
from policies.parties import ProviderId, PurposeId, ServiceId
from policies.purposes import Basis
from policies.release import Decision
from tests.idp.ledger.issued import STATED
from tests.idp.store.units import KEYS, NOW, TENANT, decided, opened, refusal, request, unit

MARI, JUHAN = b"m" * 32, b"j" * 32
SUBS = {MARI: "MARI", JUHAN: "JUHAN"}
DAY = 86_400
OLDER = "older.db"


@dataclass(frozen=True, slots=True)
class Login:
    """The happenings: who signed in, what they saw and approved, and what the service got."""

    person: bytes
    time: int
    purpose: str = "resident-parking"
    basis: Basis = Basis.PUBLIC_TASK
    path: DecidedBy = DecidedBy.PAGE
    decision: Decision = field(default_factory=decided)
    record: bytes = field(default_factory=new_record)
    # What the service got, where that is not what was approved
    went: Decision | None = None
    # A service that works with the operator keeps no receipt against them
    honest: bool = True

    @property
    def names(self) -> list[list[str]]:
        return [[each.name, str(each.form)] for each in self.decision.released]

    def draft(self, sub: str = "") -> RecordDraft:
        """The record of it."""
        asked = replace(
            request(), origin=Origin("openid", ServiceId("parking"), "parking"), purpose_id=PurposeId(self.purpose)
        )
        return draft_release(
            record=self.record,
            time=self.time,
            request=asked,
            basis=self.basis,
            policy="0" * 64,
            notice="1" * 64,
            decision=self.decision,
            loa=LevelOfAssurance.SUBSTANTIAL,
            source=ProviderId("ee"),
            subject=self.person,
            issuer=f"https://{TENANT}",
            sub=sub or SUBS[self.person],
            evidence={"nonce": "n-0S6"},
            path=self.path,
        )


@dataclass
class Stage:
    """One ledger in `folder`. `logins` are what happened; `receipts` what honest services were given, by record."""

    folder: Path
    keys: LedgerKeys = KEYS
    logins: list[Login] = field(default_factory=list)
    receipts: dict[bytes, bytes] = field(default_factory=dict)
    # Drafts as they were recorded, whose openings have the nonces
    drafts: dict[bytes, RecordDraft] = field(default_factory=dict)
    # A checkpoint of another tree, which one viewer alone was shown, and whether they asked the witness about it
    shown: str = ""
    asked: bool = False
    # The ledger of which the citizens' page is made, where it is another one
    page: "Stage | None" = None

    @property
    def database(self) -> Path:
        return self.folder / "ciconia.db"

    def copied(self, folder: Path) -> "Stage":
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder, logins=[*self.logins], receipts={**self.receipts}, drafts={**self.drafts})

    @contextmanager
    def store(self) -> Iterator[Store]:
        found = opened(self.folder)
        try:
            yield found
        finally:
            found.close()

    def auditor(self, store: Store) -> Auditor:
        history = History(engine=store.engine, tenant=TENANT, keys=self.keys)
        configuration = examine({})[0]
        return Auditor(engine=store.engine, tenant=TENANT, keys=self.keys, history=history, configuration=configuration)

    # -- what happens at an honest broker

    def happen(self, login: Login, recorded: RecordDraft | None = None, *, record: bool = True) -> Login:
        """A login. The operator records it as it was, or as `recorded`, or not at all."""
        self.logins.append(login)
        if record:
            self.commit(recorded or login.draft())
        return login

    def commit(self, draft: RecordDraft) -> None:
        self.drafts[draft.record] = draft
        with self.store() as store:
            store.commit(unit(record=draft))

    def sequence(self) -> None:
        """The sequencer places what waits and signs, services fetch their receipts, and the witness is asked."""
        with self.store() as store:
            sequencer = Sequencer(store, self.keys, checkpoint_seconds=0, clock=lambda: float(NOW + len(self.receipts)))
            sequencer.step()
            sequencer.stop()
        for login in self.logins:
            if login.honest and login.record not in self.receipts and (octets := self.receipt(login.record)):
                self.receipts[login.record] = octets

    def receipt(self, record: bytes, holder: ReceiptHolder = ReceiptHolder.RELYING_PARTY) -> bytes | None:
        """The receipt that the broker gives out; None if it has none to give."""
        with self.store() as store, store.engine.connect() as connection:
            try:
                found = Releases(engine=store.engine, tenant=TENANT, keys=self.keys).release(record)
            except BrokerError:
                return None
            newest = read_checkpoint(connection, TENANT)
            index = store.index_of(TENANT, leaf_hash(found.leaf))
            if newest is None or index is None:
                standing: Placed | int = found.time + 70
            else:
                path = tuple(read_inclusion(connection, TENANT, index, newest.size))
                standing = Placed(index, path, newest.note)
            openings = found.openings
            names = [
                (AttributeName(name), parse_form(form)) for name, form in json.loads(openings["sent"].content)["names"]
            ]
            claims = tuple(STANDARD.claim_for(name, form) for name, form in names if form is not None)
            return make_receipt(
                holder=holder,
                keys=self.keys,
                leaf=found.leaf,
                openings=openings,
                values_nonce=self.drafts[record].nonce("values"),
                stated=replace(STATED, claims=claims),
                standing=standing,
                now=NOW,
            )

    def newest(self) -> str:
        """The newest checkpoint."""
        (note,) = self.one("SELECT note FROM checkpoints ORDER BY number DESC")
        assert isinstance(note, bytes)
        return note.decode()

    # -- what somebody does who can write to the database

    def sql(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            done = connection.execute(statement, values)
            assert done.rowcount != 0, f"this changes nothing: {statement}"

    def one(self, statement: str, *values: object) -> tuple[object, ...]:
        with closing(sqlite3.connect(self.database)) as connection:
            found = connection.execute(statement, values).fetchone()
            assert isinstance(found, tuple)
            return found

    def index(self, record: bytes) -> int:
        statement = "SELECT leaf_index FROM leaves JOIN records USING (tenant, leaf_hash) WHERE record = ?"
        return int(str(self.one(statement, record)[0]))

    # -- what somebody does who also has every key

    def rebuild(
        self, change: Callable[[list[bytes]], object] = lambda _: None, key: Ed25519PrivateKey | None = None
    ) -> None:
        """Make the tree and its checkpoints anew from the leaves as `change` leaves them, sealed and signed."""
        signer = key or self.keys.log.at(NOW).signer
        engine = open_engine(f"sqlite:///{self.database}")
        with writing(engine).begin() as connection:
            rows = connection.execute(select(tables.leaves.c.leaf).order_by(tables.leaves.c.leaf_index))
            leaves = [row.leaf for row in rows]
            change(leaves)
            signed = [
                row.size for row in connection.execute(select(tables.checkpoints).order_by(tables.checkpoints.c.number))
            ]
            sizes = [*(min(size, len(leaves)) for size in signed[:-1]), len(leaves)]
            for table in (tables.leaves, tables.nodes, tables.trees, tables.checkpoints):
                connection.execute(delete(table))
            tree, heads = CompactRange(), dict[int, bytes]()
            for index, leaf in enumerate(leaves):
                row = {"tenant": TENANT, "leaf_index": index, "leaf": leaf, "leaf_hash": leaf_hash(leaf)}
                connection.execute(insert(tables.leaves), [row])
                for (level, place), hashed in tree.append(leaf_hash(leaf)):
                    node = {"tenant": TENANT, "level": level, "node_index": place, "hash": hashed}
                    connection.execute(insert(tables.nodes), [node])
                heads[tree.size] = tree.root()
            for number, size in enumerate(sizes, 1):
                note = sign_note(TreeHead(self.keys.origin, size, heads[size]).text, self.keys.origin, signer)
                add_checkpoint(connection, TENANT, number, Checkpoint(size, heads[size], note, NOW + number), self.keys)
            create_state(connection, TENANT, TreeState(tree.size, tree.root(), len(sizes)), self.keys)
        engine.dispose()

    def rewrite(self, draft: RecordDraft) -> None:
        """Write another content under a record's id, and put its leaf in place of the old one."""
        subject, position, salt = self.one(
            "SELECT subject, position, salt FROM records JOIN subjects USING (tenant, subject) WHERE record = ?",
            draft.record,
        )
        assert isinstance(subject, bytes)
        assert isinstance(salt, bytes)
        index = self.index(draft.record)
        prepared = prepare(draft, TENANT, self.keys)
        entry = complete(prepared, TENANT, self.keys.subject_key(TENANT, subject, salt), int(str(position)))
        values: dict[str, object] = {f"{name}_opening": sealed for name, sealed in prepared.sealed.items()}
        values |= {"subject_opening": entry.subject_opening, "leaf_hash": leaf_hash(entry.leaf), "time": draft.time}
        self._update(draft.record, values)
        self.rebuild(lambda leaves: leaves.__setitem__(index, entry.leaf))

    def take_out(self, record: bytes, *, renumber: bool) -> None:
        """Remove a release and its leaf; with `renumber` also close the gap in its person's numbers."""
        subject, position = self.one("SELECT subject, position FROM records WHERE record = ?", record)
        index = self.index(record)
        self.sql("DELETE FROM records WHERE record = ?", record)
        self.rebuild(lambda leaves: leaves.pop(index))
        if renumber and subject is not None:
            self.sql("UPDATE subjects SET counter = counter - 1 WHERE subject = ?", subject)
            later = "SELECT record FROM records WHERE subject = ? AND position > ? ORDER BY position"
            with closing(sqlite3.connect(self.database)) as connection:
                following = [row[0] for row in connection.execute(later, (subject, position))]
            for each in following:
                self.sql("UPDATE records SET position = position - 1 WHERE record = ?", each)
                self.rewrite(self.drafts[each])

    def _update(self, record: bytes, values: Mapping[str, object]) -> None:
        engine = open_engine(f"sqlite:///{self.database}")
        with writing(engine).begin() as connection:
            connection.execute(update(tables.records).where(tables.records.c.record == record).values(values))
        engine.dispose()


def made(folder: Path) -> Stage:
    """An honest ledger: five logins, a refusal and a switch, two checkpoints."""
    folder.mkdir()
    migrate(f"sqlite:///{folder / 'ciconia.db'}")
    stage = Stage(folder)
    for person, offset in ((MARI, 0), (JUHAN, 0), (MARI, 1)):
        stage.happen(Login(person, NOW + offset * DAY))
    stage.commit(refusal(NOW + DAY))
    stage.sequence()
    stage.sql(f"VACUUM INTO '{folder / OLDER}'")
    stage.commit(draft_switch(record=new_record(), time=NOW, switch="party", name="fares", off=True, reason="a drill"))
    for person, offset in ((MARI, 2), (JUHAN, 3)):
        stage.happen(Login(person, NOW + offset * DAY))
    stage.sequence()
    return stage
