"""Cosigning: whoever holds the ledger's lease asks every witness, and each worker looks at what came of it.

One thread a witness, so that one that hangs keeps no other waiting, and no login waits for any. Cosignatures are asked for
again while the log stands still: their age says whether the witnesses are there.

With `fail = "closed"` a worker takes no record unless `quorum` operators cosigned one checkpoint within `max_age_seconds`.
That holds from its first moment on, before anything is known.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connectors.fetch import Channel, Fetcher
from idp.config.settings import Settings
from idp.ledger.checkpoint import open_own_note
from idp.ledger.cosignature import OperatorWitness
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import consistency_spans, positions, proof_hashes
from idp.ledger.operator_records import LOG_BEGUN, draft_act
from idp.ledger.record_contents import new_record
from idp.ports import Unit
from idp.store.engine import reading
from idp.store.reads import read_hashes
from idp.store.records.cosignatures import Cosignature, Cosignatures
from idp.store.store import Store
from idp.system.logs import log_of
from idp.witnessing.asking import FIXES, CheckpointAsked, WitnessFailed, ask
from policies.errors import SignatureInvalid, StoreUnavailable

POLL_SECONDS = 1.0
# A witness that fails is asked again after so long, then twice as long, up to the last
AGAIN_SECONDS, MOST_SECONDS = 1.0, 60.0
STOP_SECONDS = 1.0
# A cosignature is asked for again in a third of the time for which it counts
THIRD = 3
# Who begins a log, in its first record
START = "start"
# Without a policy nothing depends on it
DEFAULT_AGE = 600


@dataclass(slots=True)
class _Way:
    """The way to one witness, and what came of the last attempts."""

    witness: OperatorWitness
    url: str
    channel: Channel
    failures: int = 0
    again: float = 0.0
    said: str = ""

    @property
    def name(self) -> str:
        """Its key's name and id: what its rows are filed under."""
        return self.witness.key.label


class Cosigning:
    """One tenant's, in one worker. `leads` says whether this worker holds the ledger's lease."""

    def __init__(
        self,
        store: Store,
        keys: LedgerKeys,
        settings: Settings,
        *,
        fetcher: Fetcher,
        leads: Callable[[], bool],
        clock: Callable[[], int],
    ) -> None:
        self._store, self._keys, self._leads, self._clock = store, keys, leads, clock
        self._rule, self.policy = settings.witness_policy, settings.witness_rules
        self._rows = Cosignatures(engine=store.engine, tenant=store.tenant, keys=keys)
        self._ways = [
            _Way(witness, named.url, fetcher.channel(named.networks, connections=1))
            for named, witness in zip(settings.witnesses, self.policy.witnesses, strict=True)
        ]
        self._begun = False
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name="witness", daemon=True)
            for each in (*(self._asker(way) for way in self._ways), *((self.look,) if self._closes else ()))
        ]

    @property
    def _closes(self) -> bool:
        return self._rule is not None and self._rule.fail == "closed"

    def start(self) -> None:
        """Start the threads. With `fail = "closed"` nothing is released unless this finds fresh cosignatures."""
        if self._closes:
            self._store.withhold("no witness was heard yet")
            self.look()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End soon, whatever hangs."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(STOP_SECONDS / len(self._threads))

    def _run(self, act: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                act()
            except Exception as error:  # noqa: BLE001 - a thread that died would ask nobody, and nobody would know
                log_of(self._store.tenant).error("witness_asking_failed", kind=type(error).__name__)
            self._stopping.wait(POLL_SECONDS)

    # -- asking

    def _asker(self, way: _Way) -> Callable[[], None]:
        return lambda: self._ask_if_due(way)

    def _ask_if_due(self, way: _Way) -> None:
        if not self._leads():
            return
        now = self._clock()
        if way.again > now > way.again - MOST_SECONDS:
            return
        try:
            self.ask(way.name)
        except StoreUnavailable:
            return  # the sequencer says it
        except WitnessFailed as error:
            way.failures += 1
            way.again = now + min(MOST_SECONDS, AGAIN_SECONDS * 2 ** min(way.failures, 10))
            if way.said != error.code:
                way.said = error.code
                told = {"witness": way.witness.key.name, "operator": way.witness.operator, "detail": error.detail}
                log_of(self._store.tenant).error(error.code, **told, fix=FIXES[error.code])
        else:
            if way.said:
                log_of(self._store.tenant).info("witness_cosigns_again", witness=way.witness.key.name)
            way.failures, way.again, way.said = 0, 0.0, ""

    def ask(self, name: str) -> bool:
        """Ask the witness of this name and key id, if its cosignature is due; whether one came.

        Raises `WitnessFailed`, and `StoreUnavailable`.
        """
        way = next(each for each in self._ways if each.name == name)
        newest, numbered = self._rows.newest(name), self._rows.numbered_checkpoint()
        if numbered is None:
            return False
        number, checkpoint = numbered
        now = self._clock()
        if newest is not None and newest.number == number and abs(now - newest.time) < self._fresh_seconds / THIRD:
            return False
        try:
            _, text = open_own_note(checkpoint.note.encode(), *self._keys.log.known)
        except SignatureInvalid as error:
            raise StoreUnavailable("the newest checkpoint is not the one that we wrote") from error
        asked = CheckpointAsked(
            checkpoint.note.encode(), text, checkpoint.size, lambda old: self._proof(old, checkpoint.size)
        )
        known = self._rows.known_size(name)
        line, time = ask(way.witness, way.url, way.channel, asked, known=known, now=now)
        self._rows.keep(Cosignature(number, name, time, line))
        return True

    @property
    def _fresh_seconds(self) -> int:
        return self._rule.max_age_seconds if self._rule is not None else DEFAULT_AGE

    def _proof(self, old: int, size: int) -> Sequence[bytes]:
        """The consistency proof between two trees of ours."""
        spans = consistency_spans(old, size)
        with reading(), self._store.engine.connect() as connection:
            hashes = read_hashes(connection, self._store.tenant, positions(spans))
        try:
            return proof_hashes(spans, hashes)
        except KeyError as error:
            raise StoreUnavailable("a node that proves a tree is not there: run ciconia ledger verify") from error

    # -- looking

    def look(self) -> None:
        """Withhold releases unless enough operators cosigned a checkpoint lately, or take them again."""
        if self._rule is None:
            return
        now = self._clock()
        try:
            signed = self.signed(since=now - self._rule.max_age_seconds)
        except StoreUnavailable:
            why = "whether the witnesses cosigned is not known"
        else:
            missing = len(signed) < self.policy.quorum
            within = f"within {self._rule.max_age_seconds} seconds"
            why = f"{len(signed)} of {self.policy.quorum} witnesses cosigned {within}" if missing else ""
        log = log_of(self._store.tenant)
        if why and why != self._store.withheld:
            log.critical("witnesses_missing", detail=f"nothing is released: {why}", fix="ciconia doctor")
        elif self._store.withheld and not why:
            log.info("witnesses_cosign", detail="releases are taken again")
        self._store.withhold(why)
        if why and not self._begun and self._leads() and self._rows.numbered_checkpoint() is None:
            self._begin(now)

    def _begin(self, now: int) -> None:
        """Give an empty log its first leaf: without one it is never signed, so never cosigned, and releases nothing."""
        about, reason = "the log's first leaf", "without one there is nothing for witnesses to cosign"
        draft = draft_act(record=new_record(), time=now, act=LOG_BEGUN, about=about, who=START, reason=reason)
        self._store.commit(Unit(tenant=self._store.tenant, record=draft))
        self._begun = True

    def times(self) -> Mapping[str, int]:
        """When each witness cosigned last (seconds since the epoch, by its own clock), 0 if it never did."""
        newest = {each.witness.key.name: self._rows.newest(each.name) for each in self._ways}
        return {name: 0 if found is None else found.time for name, found in newest.items()}

    def signed(self, since: int) -> frozenset[str]:
        """The operators that cosigned one checkpoint since then: of the one that most of them cosigned."""
        return self.policy.operators_of((each.number, each.witness) for each in self._rows.since(since))
