"""Other makers' witnesses and verifier for our log, and our witness for their log (litetlog, sigsum-go)."""

import hashlib
import time
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.fetch import Fetcher, HttpAnswer
from idp.ledger.checkpoint import TreeHead, open_note, sign_note
from idp.ledger.cosignature import OperatorWitness, WitnessPolicy
from idp.ledger.ledger_keys import LedgerKeys, ledger_keys
from idp.ledger.merkle_tree import CompactRange, Position, consistency_spans, leaf_hash, proof_hashes
from idp.receipts.inclusion_proof import HEADER
from idp.receipts.issue import placed_in
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store, open_store
from idp.store.tree_state import read_placed
from idp.witnessing.asking import WitnessFailed
from idp.witnessing.witness import Request
from tests.idp.store.units import KEYS, TENANT, Clock, edit
from tests.idp.witnessing.neighbour import OPERATOR, Neighbour, address_of, cosigning, name_of, recorded
from tests.idp.witnessing.other_makers import SpicyLog, litewitness, require_litetlog, require_sigsum, run, sigsum_witness
from tests.idp.witnessing.test_cosigned_end_to_end import published
from tests.idp.witnessing.test_witness_service import ask

pytestmark = pytest.mark.peer
LITE = "lite.example/witness"
SIGNER = Ed25519PrivateKey.from_private_bytes(b"a made-up key of a sigsum log 32")


def sigsum_keys() -> LedgerKeys:
    """The keys of a log whose name is made as sigsum makes one: its witness takes no other."""
    digest = hashlib.sha256(SIGNER.public_key().public_bytes_raw()).hexdigest()
    return ledger_keys(f"sigsum.org/v1/tree/{digest}", SIGNER, b"m" * 32)


def test_sigsum_witness_cosigns_our_log_and_refuses_its_fork(folder: Path, tmp_path: Path, clock: Clock) -> None:
    require_sigsum()
    clock.now = time.time()  # it goes by the machine's
    keys = sigsum_keys()
    public = SIGNER.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n"
    with (
        closing(open_store(f"sqlite:///{folder / 'ciconia.db'}", tenant=TENANT, ledger_keys=keys)) as store,
        sigsum_witness(tmp_path / "sigsum", public) as (url, key),
    ):
        sequencer = Sequencer(store, keys, checkpoint_seconds=0, lease_seconds=30, clock=clock)
        asks = cosigning(store, clock, address_of(url, key, OPERATOR), keys=keys)
        for count in (1, 2, 5, 13):
            recorded(store, count)
            assert sequencer.step()
            assert asks.ask(name_of(key))
            assert published(store, key, keys=keys).operators() == {OPERATOR}
            clock.now += 1
        # Our memory of it is gone: it names its size, and is asked again from there
        edit(folder, "DELETE FROM cosignatures")
        recorded(store, 3)
        assert sequencer.step()
        assert asks.ask(name_of(key))
        fork = TreeHead(keys.origin, 24, b"another root of thirty-two bytes")
        with Fetcher(demo=True).channel(["127.0.0.0/8"], connections=1) as channel:
            body = Request(24, (), sign_note(fork.text, keys.origin, SIGNER).encode()).body
            answer = channel.ask(f"{url}/add-checkpoint", content=body, limit=1000, timeout=30)
        assert answer.status in (409, 422), "an older edition of the specification says 409 here"
        sequencer.stop()


def test_litewitness_takes_our_signature_and_proof_as_far_as_its_own_fault(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Debian's litewitness 0.4.3 ends the connection when everything is right. What is not right it refuses before.

    It writes a tree's root with a library that cannot: `reflect.Value.Bytes of unaddressable byte array`, in
    go-llsqlite/crawshaw, sqlitex/exec.go:331.
    """
    require_litetlog()
    clock.now = time.time()
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=30, clock=clock)
    recorded(store, 3)
    sequencer.step()
    newest = store.checkpoint(TENANT)
    assert newest is not None
    note, own = newest.note.encode(), KEYS.log.at(int(clock.now)).signer
    forged = sign_note(newest.note.split("\n\n")[0] + "\n", KEYS.origin, Ed25519PrivateKey.generate()).encode()
    stranger = sign_note(f"x.example\n1\n{'A' * 43}=\n", "x.example", own).encode()
    with (
        litewitness(tmp_path / "lite", LITE, *KEYS.log.known) as (url, key),
        Fetcher(demo=True).channel(["127.0.0.0/8"], connections=1) as channel,
    ):

        def ask_it(body: bytes) -> HttpAnswer:
            return channel.ask(f"{url}/add-checkpoint", content=body, limit=1000, timeout=30)

        answers = [ask_it(Request(old, (), each).body) for old, each in ((0, forged), (0, stranger), (2, note), (4, note))]
        assert [each.status for each in answers] == [403, 403, 409, 400]
        assert (answers[2].body, answers[2].headers["content-type"]) == (b"0\n", "text/x.tlog.size")
        with pytest.raises(WitnessFailed) as caught:
            cosigning(store, clock, address_of(url, key, OPERATOR)).ask(name_of(key))
        assert caught.value.code == "witness_unreachable"
        assert "unaddressable byte array" in (tmp_path / "lite" / "out").read_text(), "mended? Then let it cosign here"
    sequencer.stop()


def test_spicy_verifies_our_proofs_with_their_cosignatures(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour, tmp_path: Path
) -> None:
    require_litetlog()
    recorded(store, 21)
    sequencer.step()
    assert cosigning(store, clock, neighbour.address).ask(name_of(neighbour.key))
    with store.engine.connect() as connection:
        leaves = read_placed(connection, TENANT, 0, 20)
    for place, leaf, hashed in leaves:
        placed = placed_in(store, TENANT, hashed, KEYS.log.known)
        assert placed is not None
        assert f"— {neighbour.name} " in placed.checkpoint
        (tmp_path / f"leaf{place}").write_bytes(leaf)
        (tmp_path / f"leaf{place}.spicy").write_text(placed.text.removeprefix(f"{HEADER}\n"), encoding="utf-8")
    assert len(leaves) == 21
    vkey = str(KEYS.log.known[0])
    run("spicy-litetlog", "-verify", vkey, *(f"leaf{place}" for place in range(21)), cwd=tmp_path)
    # It is a verifier that can refuse
    (tmp_path / "leaf7").write_bytes(b"another leaf")
    assert "could not verify" in run("spicy-litetlog", "-verify", vkey, "leaf7", cwd=tmp_path, check=False)


def test_our_witness_cosigns_a_log_that_spicy_made(tmp_path: Path, clock: Clock) -> None:
    require_litetlog()
    log = SpicyLog(tmp_path / "spicy", "spicy.example/log")
    neighbour = Neighbour(tmp_path / "neighbour", clock, logs={log.key.name: (log.key,)})
    hashes: dict[Position, bytes] = {}
    edge = CompactRange()
    policy = WitnessPolicy((OperatorWitness(neighbour.key, OPERATOR, counts=True),))
    old = 0
    for more in (1, 1, 2, 3, 6):
        for _ in range(more):
            leaf = f"leaf {edge.size}".encode()
            log.add(leaf)
            hashes[0, edge.size] = leaf_hash(leaf)
            hashes.update(edge.append(leaf_hash(leaf)))
        proof = tuple(proof_hashes(consistency_spans(old, edge.size), hashes))
        answer = ask(neighbour, Request(old, proof, log.checkpoint).body)
        assert answer.status == 200, answer.body
        text = open_note(log.checkpoint, log.key)
        assert policy.judge(text, answer.body.decode().splitlines()).operators() == {OPERATOR}
        old = edge.size
    neighbour.close()
