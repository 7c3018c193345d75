"""A witness of its own: the statuses of C2SP tlog-witness, one tree a log, written down before it answers, forks kept."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from connectors.fetch import Fetcher, HttpAnswer
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_note, sign_note, signature_line
from idp.ledger.cosignature import OperatorWitness, WitnessPolicy
from idp.ledger.merkle_tree import (
    CompactRange,
    Position,
    consistency_spans,
    leaf_hash,
    positions,
    proof_hashes,
    tree_root,
)
from idp.witnessing.seen import MAX_KEPT, WitnessMemory
from idp.witnessing.witness import MAX_REQUEST, Request
from tests.idp.store.units import Clock
from tests.idp.witnessing.neighbour import OPERATOR, Neighbour

LOG, OTHER_LOG = "log.example/one", "log.example/two"
SIGNER, NEXT, STRANGER = (Ed25519PrivateKey.generate() for _ in range(3))


def key_of(name: str, signer: Ed25519PrivateKey) -> VerifierKey:
    return VerifierKey(name, signer.public_key().public_bytes_raw())


class Tree:
    """The leaves `label 0`, `label 1` and so on, and checkpoints over them."""

    def __init__(self, label: str = "leaf", size: int = 40) -> None:
        self._hashes: dict[Position, bytes] = {}
        edge = CompactRange()
        for index in range(size):
            hashed = leaf_hash(f"{label} {index}".encode())
            self._hashes[0, index] = hashed
            self._hashes.update(edge.append(hashed))

    def head(self, size: int, log: str = LOG) -> TreeHead:
        return TreeHead(log, size, tree_root(size, self._hashes))

    def note(self, size: int, log: str = LOG, signer: Ed25519PrivateKey = SIGNER) -> bytes:
        return sign_note(self.head(size, log).text, log, signer).encode()

    def proof(self, old: int, new: int) -> tuple[bytes, ...]:
        spans = consistency_spans(old, new)
        assert set(positions(spans)) <= set(self._hashes)
        return tuple(proof_hashes(spans, self._hashes))

    def request(self, old: int, new: int, log: str = LOG) -> bytes:
        return Request(old, self.proof(old, new), self.note(new, log)).body


TREE = Tree()


@pytest.fixture
def neighbour(tmp_path: Path, clock: Clock) -> Iterator[Neighbour]:
    logs: dict[str, Sequence[VerifierKey]] = {
        LOG: (key_of(LOG, SIGNER), key_of(LOG, NEXT)),
        OTHER_LOG: (key_of(OTHER_LOG, SIGNER),),
    }
    found = Neighbour(tmp_path / "neighbour", clock, logs=logs)
    yield found
    found.close()


def ask(neighbour: Neighbour, body: bytes, path: str = "/add-checkpoint") -> HttpAnswer:
    with Fetcher(demo=True).channel(["127.0.0.0/8"], connections=1, keep=False) as channel:
        return channel.ask(neighbour.url + path, content=body, limit=MAX_REQUEST, timeout=10)


def look(neighbour: Neighbour, path: str) -> HttpAnswer:
    return Fetcher(demo=True).look(neighbour.url + path, networks=["127.0.0.0/8"], limit=MAX_REQUEST, timeout=10)


def size_of(neighbour: Neighbour, log: str = LOG) -> int:
    newest = neighbour.seen.newest(log)
    return 0 if newest is None else newest.head.size


@pytest.mark.spec("C2SP tlog-witness: add-checkpoint")
def test_a_tree_that_extends_the_last_one_is_cosigned(neighbour: Neighbour, clock: Clock) -> None:
    sizes = [0, 1, 2, 3, 8, 21, 21, 40]
    for old, new in zip([0, *sizes], sizes, strict=False):
        answer = ask(neighbour, TREE.request(old, new))
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        policy = WitnessPolicy((OperatorWitness(neighbour.key, OPERATOR, counts=True),))
        found = policy.judge(TREE.head(new).text, answer.body.decode().splitlines())
        assert [time for _, time in found.witnesses] == [int(clock.now)]
        assert size_of(neighbour) == new
        clock.now += 1


@pytest.mark.spec("C2SP tlog-witness: add-checkpoint")
def test_each_log_has_a_tree_of_its_own(neighbour: Neighbour) -> None:
    assert ask(neighbour, TREE.request(0, 7)).status == 200
    assert ask(neighbour, TREE.request(0, 5, OTHER_LOG)).status == 200
    assert (size_of(neighbour), size_of(neighbour, OTHER_LOG)) == (7, 5)
    assert ask(neighbour, TREE.request(5, 9, OTHER_LOG)).status == 200


def test_the_next_key_of_a_log_signs_as_well(neighbour: Neighbour) -> None:
    assert ask(neighbour, TREE.request(0, 7)).status == 200
    assert ask(neighbour, Request(7, TREE.proof(7, 9), TREE.note(9, signer=NEXT)).body).status == 200


SIGNED = TREE.note(7)
FORGED = SIGNED.replace(b"\n7\n", b"\n8\n")
UNKNOWN_LINE = signature_line("other.example", STRANGER, TREE.head(7).text.encode()).encode() + b"\n"


@pytest.mark.spec("C2SP tlog-witness: add-checkpoint")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, SIGNED),
        (400, b"old 0\n" + SIGNED),
        (400, b"old 00\n\n" + SIGNED),
        (400, b"old -1\n\n" + SIGNED),
        (400, b"old 1e1\n\n" + SIGNED),
        (400, b"old 9999999999999999999999\n\n" + SIGNED),
        (400, b"old 0\nnot base64\n\n" + SIGNED),
        (400, b"old 0\nAAAA\n\n" + SIGNED),
        (400, Request(0, (b"h" * 32,) * 64, SIGNED).body),
        (400, b"old 8\n\n" + SIGNED),
        (404, b"old 0\n\n" + TREE.note(7, "log.example/three")),
        (403, b"old 0\n\n" + FORGED),
        (403, b"old 0\n\n" + TREE.note(7, signer=STRANGER)),
        (403, b"old 0\n\n" + SIGNED.rpartition(b"\n\n")[0] + b"\n\n" + UNKNOWN_LINE),
        (403, b"old 0\n\n" + FORGED + signature_line(LOG, NEXT, TREE.head(8).text.encode()).encode() + b"\n"),
        (409, TREE.request(3, 7)),
        (422, Request(0, TREE.proof(3, 7), SIGNED).body),
        (422, b"old 0\n\n" + sign_note(TreeHead(LOG, 0, b"r" * 32).text, LOG, SIGNER).encode()),
    ],
)
def test_what_is_not_right_has_its_status_and_leaves_no_trace(neighbour: Neighbour, status: int, body: bytes) -> None:
    answer = ask(neighbour, body)
    assert answer.status == status, answer.body
    assert neighbour.seen.newest(LOG) is None
    if status == 409:
        assert (answer.body, answer.headers["content-type"]) == (b"0\n", "text/x.tlog.size")


def test_a_line_of_a_stranger_is_no_reason_to_refuse_and_is_not_kept(neighbour: Neighbour) -> None:
    assert ask(neighbour, b"old 0\n\n" + SIGNED + UNKNOWN_LINE).status == 200
    newest = neighbour.seen.newest(LOG)
    assert newest is not None
    assert b"other.example" not in newest.note


def test_a_request_that_is_too_long_and_other_addresses_are_refused(neighbour: Neighbour) -> None:
    assert ask(neighbour, b"x" * (MAX_REQUEST + 1)).status == 413
    assert ask(neighbour, b"", "/elsewhere").status == 404
    assert look(neighbour, "/add-checkpoint").status == 405
    assert ask(neighbour, TREE.request(0, 7)).status == 200, "and it goes on"


@pytest.mark.spec("C2SP tlog-witness: Monitor Retrieval Mechanism")
def test_monitors_get_the_newest_checkpoint_with_the_logs_signature_and_the_witnesss(neighbour: Neighbour) -> None:
    address = f"/{hashlib.sha256(LOG.encode()).hexdigest()}/checkpoint"
    assert look(neighbour, address).status == 404
    ask(neighbour, TREE.request(0, 7))
    answer = look(neighbour, address)
    assert answer.status == 200
    text = open_note(answer.body, key_of(LOG, SIGNER))
    lines = answer.body.decode().removeprefix(f"{text}\n").splitlines()
    policy = WitnessPolicy((OperatorWitness(neighbour.key, OPERATOR, counts=True),))
    assert policy.judge(text, lines).operators() == {OPERATOR}
    assert look(neighbour, f"/{'0' * 64}/checkpoint").status == 404


@pytest.mark.spec("C2SP tlog-witness: add-checkpoint")
def test_of_many_requests_at_once_no_two_extend_the_same_tree(neighbour: Neighbour) -> None:
    """The race of the specification: a smaller tree must never take the place of a larger one."""
    assert ask(neighbour, TREE.request(0, 5)).status == 200
    seen: list[int] = []
    ending = threading.Event()

    def watch() -> None:
        while not ending.is_set():
            seen.append(size_of(neighbour))

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda new: ask(neighbour, TREE.request(5, new)).status, range(6, 30)))
    ending.set()
    watching.join()
    assert sorted(answers) == [200] + [409] * 23
    assert seen == sorted(seen)


def test_nothing_is_cosigned_that_is_not_on_the_disk(
    neighbour: Neighbour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(neighbour, TREE.request(0, 5)).status == 200
    with sqlite3.connect(tmp_path / "neighbour" / "witness.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("idp.witnessing.seen.WAIT_SECONDS", 0.1)
        answer = ask(neighbour, TREE.request(5, 9))
        assert answer.status == 503
        assert "—" not in answer.body.decode()
        other.execute("ROLLBACK")
    other.close()
    assert size_of(neighbour) == 5
    assert ask(neighbour, TREE.request(5, 9)).status == 200


def test_a_witness_that_starts_again_knows_what_it_cosigned(neighbour: Neighbour, tmp_path: Path) -> None:
    ask(neighbour, TREE.request(0, 5))
    again = WitnessMemory(tmp_path / "neighbour" / "witness.db").newest(LOG)
    assert again is not None
    assert again.head == TREE.head(5)


# -- forks

FORKED = Tree("another leaf")


@pytest.mark.spec("decisions.md 23")
@pytest.mark.parametrize(("size", "status"), [(21, 422), (7, 409)])
def test_two_signed_trees_of_one_size_are_both_kept(neighbour: Neighbour, size: int, status: int) -> None:
    """Also at an old size: every checkpoint that was cosigned is kept, and not the newest alone."""
    for old, new in ((0, 7), (7, 21)):
        assert ask(neighbour, TREE.request(old, new)).status == 200
    body = Request(size, (), FORKED.note(size)).body
    assert ask(neighbour, body).status == status
    (fork,) = neighbour.seen.forks()
    assert (fork.first.head, fork.other.head) == (TREE.head(size), FORKED.head(size))
    heads = {TreeHead.read(open_note(each.note, key_of(LOG, SIGNER))) for each in (fork.first, fork.other)}
    assert heads == {TREE.head(size), FORKED.head(size)}, "both are signed by the log: that is the proof"
    assert ask(neighbour, TREE.request(21, 30)).status == 200, "the first tree goes on"


def test_a_larger_tree_without_a_proof_is_kept_as_unproved_and_proves_nothing_yet(neighbour: Neighbour) -> None:
    ask(neighbour, TREE.request(0, 7))
    for tree, size in ((FORKED, 9), (TREE, 12)):
        assert ask(neighbour, Request(7, (b"h" * 32,), tree.note(size)).body).status == 422
    assert [each.head for each in neighbour.seen.unproved()] == [FORKED.head(9), TREE.head(12)]
    assert not neighbour.seen.forks()
    for old, new in ((7, 9), (9, 12)):
        assert ask(neighbour, TREE.request(old, new)).status == 200
    assert not neighbour.seen.unproved(), "one was proved now, and the other is a fork"
    (fork,) = neighbour.seen.forks()
    assert fork.other.head == FORKED.head(9)


def spam(neighbour: Neighbour, clock: Clock) -> None:
    """More of the log's checkpoints than anybody needs, with proofs that fail."""
    for size in range(100, 100 + 2 * MAX_KEPT):
        clock.now += 1
        neighbour.seen.keep(TreeHead(LOG, size, b"r" * 32), b"note", int(clock.now))


@pytest.mark.spec("decisions.md 23")
def test_no_spam_drives_out_a_tree_that_becomes_a_fork_later(neighbour: Neighbour, clock: Clock) -> None:
    ask(neighbour, TREE.request(0, 7))
    ask(neighbour, Request(7, (), FORKED.note(7)).body)
    ask(neighbour, Request(7, (), FORKED.note(12)).body)
    spam(neighbour, clock)
    assert len(neighbour.seen.unproved()) == 2 * MAX_KEPT + 1
    assert ask(neighbour, TREE.request(7, 12)).status == 200
    heads = {(fork.first.head, fork.other.head) for fork in neighbour.seen.forks()}
    assert heads == {(TREE.head(size), FORKED.head(size)) for size in (7, 12)}


@pytest.mark.spec("decisions.md 23")
@pytest.mark.parametrize(("old", "status"), [(21, 400), (7, 409)])
def test_two_signed_trees_of_a_size_that_was_never_cosigned_are_both_kept(
    neighbour: Neighbour, clock: Clock, old: int, status: int
) -> None:
    for each, new in ((0, 7), (7, 21)):
        assert ask(neighbour, TREE.request(each, new)).status == 200
    for tree in (FORKED, TREE):
        assert ask(neighbour, Request(old, (), tree.note(12)).body).status == status
        clock.now += 1
        assert len(neighbour.seen.unproved()) == (1 if tree is FORKED else 0)
    spam(neighbour, clock)
    (fork,) = neighbour.seen.forks()
    assert (fork.first.head, fork.other.head) == (FORKED.head(12), TREE.head(12))


def test_whoever_signs_trees_of_one_size_without_end_fills_no_disk(neighbour: Neighbour) -> None:
    ask(neighbour, TREE.request(0, 7))
    for number in range(2 * MAX_KEPT):
        assert neighbour.seen.keep(TreeHead(LOG, 7, number.to_bytes(32)), b"note", 1)
    assert MAX_KEPT <= len(neighbour.seen.forks()) <= MAX_KEPT + 1


def test_whoever_signs_trees_of_all_sizes_without_end_fills_no_disk_and_hides_no_fork(
    neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idp.witnessing.seen.MAX_REFUSED", 5)
    ask(neighbour, TREE.request(0, 7))
    for size in range(100, 120):
        neighbour.seen.keep(TreeHead(LOG, size, b"r" * 32), b"note", 1)
    assert len(neighbour.seen.unproved()) == 5
    assert neighbour.seen.keep(FORKED.head(7), b"note", 1)
    assert len(neighbour.seen.forks()) == 1


def test_a_fork_is_told_when_its_second_tree_is_cosigned(neighbour: Neighbour) -> None:
    ask(neighbour, TREE.request(0, 7))
    ask(neighbour, Request(7, (), FORKED.note(12)).body)
    with capture_logs() as said:
        assert ask(neighbour, TREE.request(7, 12)).status == 200
    assert [(each["event"], each["size"]) for each in said] == [("witness_fork", 12)]


def test_a_size_beyond_every_tree_is_no_checkpoint(neighbour: Neighbour) -> None:
    body = Request(0, (), sign_note(f"{LOG}\n{2**63}\n{'A' * 43}=\n", LOG, SIGNER).encode()).body
    assert ask(neighbour, body).status == 400


def test_a_stranger_makes_no_fork(neighbour: Neighbour) -> None:
    ask(neighbour, TREE.request(0, 7))
    ask(neighbour, Request(7, (), FORKED.note(7, signer=STRANGER)).body)
    assert not neighbour.seen.forks()
    assert not neighbour.seen.unproved()
