"""A policy of k of n operators, applied to a receipt, and of a ledger: strangers, bad signatures, too few, too old."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from idp.audit.export import export_lines, newest_checkpoint
from idp.audit.witness_verify import verify_witnesses
from idp.cli import app
from idp.ledger.canonical_json import jcs
from idp.ledger.checkpoint import open_note
from idp.ledger.cosignature import WitnessKey, WitnessPolicy, cosign, known_witnesses
from idp.receipts.receipt import ReceiptHolder
from idp.sequencer.sequencer import Sequencer
from idp.store.records.cosignatures import Cosignature, Cosignatures
from idp.store.store import Store
from tests.idp.ledger.issued import PROMISED, SmallLog
from tests.idp.store.units import KEYS, ORIGIN, TENANT, Clock, edit
from tests.idp.witnessing.neighbour import Neighbour, cosigning, name_of, recorded

ONE, TWO, STRANGER, PRACTICE = (Ed25519PrivateKey.generate() for _ in range(4))
NAMES: Mapping[Ed25519PrivateKey, str] = {
    ONE: "one.example",
    TWO: "two.example",
    STRANGER: "stranger.example",
    PRACTICE: "practice.localhost",
}
NOW = 1_790_000_000


def vkey(signer: Ed25519PrivateKey) -> str:
    return str(WitnessKey.of(NAMES[signer], signer))


def receipt_with(folder: Path, *lines: str, signers: tuple[Ed25519PrivateKey, ...] = ()) -> Path:
    """A receipt whose checkpoint these witnesses cosigned; `lines` stand there, too."""
    log = SmallLog()
    placed = log.placed(3)
    text = open_note(placed.checkpoint.encode(), *KEYS.log.known)
    more = [*(cosign(NAMES[each], each, text, NOW) for each in signers), *lines]
    cosigned = replace(placed, checkpoint=placed.checkpoint + "".join(f"{line}\n" for line in more))
    file = folder / "receipt.json"
    file.write_bytes(log.receipt(3, ReceiptHolder.CITIZEN, cosigned))
    (folder / "log.vkey").write_text(KEYS.log.listed.text, encoding="utf-8")
    return file


def verified(file: Path, *options: str) -> tuple[int, dict[str, object]]:
    done = CliRunner().invoke(app, ["audit", "verify", str(file), *options, "--json"])
    return done.exit_code, json.loads(done.stdout)


def test_a_receipt_says_who_cosigned_and_who_runs_them(tmp_path: Path) -> None:
    file = receipt_with(tmp_path, signers=(ONE, STRANGER, PRACTICE))
    named = ("--witness", f"{vkey(ONE)} City of Neighbour", "--witness", f"{vkey(PRACTICE)} Ourselves")
    code, said = verified(file, *named, "--quorum", "1")
    assert code == 0
    assert said["witnesses"] == [
        {"name": "one.example", "operator": "City of Neighbour", "counts": True, "time": NOW},
        {"name": "practice.localhost", "operator": "Ourselves", "counts": False, "time": NOW},
    ]
    assert said["strangers"] == ["stranger.example"]
    assert "City of Neighbour" in str(said["not_proved"]), "and who would have to act together"


@pytest.mark.spec("decisions.md 23")
@pytest.mark.parametrize(
    ("signers", "named", "quorum", "holds"),
    [
        ((), (), 0, True),
        ((), (), 1, False),
        ((ONE,), (), 1, False),
        ((ONE,), ((ONE, "A"),), 1, True),
        ((ONE,), ((ONE, "A"), (TWO, "B")), 2, False),
        ((ONE, TWO), ((ONE, "A"), (TWO, "B")), 2, True),
        ((ONE, TWO), ((ONE, "A"), (TWO, "a ")), 2, False),
        ((ONE, STRANGER), ((ONE, "A"), (TWO, "B")), 2, False),
        ((PRACTICE,), ((PRACTICE, "A"),), 1, False),
    ],
)
def test_k_of_n_counts_other_operators_that_were_named(
    tmp_path: Path,
    signers: tuple[Ed25519PrivateKey, ...],
    named: tuple[tuple[Ed25519PrivateKey, str], ...],
    quorum: int,
    *,
    holds: bool,
) -> None:
    file = receipt_with(tmp_path, signers=signers)
    options = [part for key, operator in named for part in ("--witness", f"{vkey(key)} {operator}")]
    code, said = verified(file, *options, "--quorum", str(quorum))
    assert (code == 0) == holds, said
    assert holds or said["check"] == "quorum"


def test_a_known_witnesss_bad_signature_refuses_and_a_strangers_is_named(tmp_path: Path) -> None:
    line = cosign(NAMES[ONE], ONE, f"{ORIGIN}\n8\n{'A' * 43}=\n", NOW)
    file = receipt_with(tmp_path, line)
    assert verified(file)[1]["strangers"] == ["one.example"]
    code, said = verified(file, "--witness", f"{vkey(ONE)} A")
    assert (code, said["check"]) == (1, "cosignature")
    twice = receipt_with(tmp_path, signers=(ONE, ONE))
    assert verified(twice, "--witness", f"{vkey(ONE)} A")[1]["check"] in ("cosignature", "note_signature")


def test_a_promise_meets_no_quorum(tmp_path: Path) -> None:
    (tmp_path / "log.vkey").write_text(KEYS.log.listed.text, encoding="utf-8")
    file = tmp_path / "promise.json"
    file.write_bytes(SmallLog().receipt(3, ReceiptHolder.CITIZEN, PROMISED))
    assert verified(file)[0] == 0
    assert verified(file, "--witness", f"{vkey(ONE)} A", "--quorum", "1")[1]["check"] == "quorum"


# -- ledger export


@pytest.mark.spec("decisions.md 23")
def test_an_export_has_the_cosignatures_of_the_newest_checkpoint_that_enough_signed(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour, tmp_path: Path
) -> None:
    policy = WitnessPolicy(known_witnesses([(neighbour.key, neighbour.operator)], origin=ORIGIN), 1)
    for size in (1, 2):
        recorded(store)
        sequencer.step()
        if size == 1:
            assert cosigning(store, clock, neighbour.address).ask(name_of(neighbour.key))
        clock.now += 10
    assert newest_checkpoint(store.engine, TENANT, KEYS).size == 2
    checkpoint = newest_checkpoint(store.engine, TENANT, KEYS, policy)
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(export_lines(store.engine, tenant=TENANT, origin=ORIGIN, checkpoint=checkpoint)))
    (tmp_path / "log.vkey").write_text(KEYS.log.listed.text, encoding="utf-8")

    def audited(*options: str) -> tuple[int, dict[str, object]]:
        done = CliRunner().invoke(app, ["audit", "ledger", str(file), *options, "--json"])
        return done.exit_code, json.loads(done.stdout.splitlines()[-1])

    named = ("--witness", f"{neighbour.key} {neighbour.operator}", "--quorum", "1")
    code, said = audited(*named)
    assert (code, said["size"]) == (0, 1)
    assert said["witnesses"] == [
        {"name": neighbour.name, "operator": neighbour.operator, "counts": True, "time": int(clock.now) - 20}
    ]
    assert audited("--witness", f"{vkey(TWO)} B", "--quorum", "1")[1]["check"] == "quorum", (
        "a stranger's counts for nothing"
    )
    assert audited()[0] == 0
    lines = file.read_bytes().splitlines(keepends=True)
    other = json.loads(lines[-1])["checkpoint"].rpartition("\n\n")[2].splitlines()[0]
    bad = cosign(neighbour.name, neighbour.signers[0], f"{ORIGIN}\n1\n{'A' * 43}=\n", NOW)
    note = f"{json.loads(lines[-1])['checkpoint'].rpartition(chr(10) * 2)[0]}\n\n{other}\n{bad}\n"
    file.write_bytes(b"".join(lines[:-1]) + jcs({"checkpoint": note}) + b"\n")
    assert audited(*named)[1]["check"] == "cosignature"


def test_a_row_above_the_newest_cosignature_hides_nothing(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour, folder: Path
) -> None:
    """A witness whose memory went back is recognised by what it cosigned: nobody can take that from our sight."""
    recorded(store, 3)
    sequencer.step()
    assert cosigning(store, clock, neighbour.address).ask(name_of(neighbour.key))
    rows = Cosignatures(engine=store.engine, tenant=TENANT, keys=KEYS)
    edit(
        folder,
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
        "INSERT INTO cosignatures SELECT tenant, i, witness, time, line, x'00' FROM cosignatures, n",
    )
    newest = rows.newest(name_of(neighbour.key))
    assert (newest is not None and newest.number, rows.known_size(name_of(neighbour.key))) == (1, 3)


# -- ledger verify


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("", ""),
        ("UPDATE cosignatures SET time = time + 1", "its seal does not hold"),
        ("UPDATE cosignatures SET line = x'78'", "its seal does not hold"),
        ("DELETE FROM cosignatures", "no checkpoint has the cosignatures of 1 other operators"),
        ("DELETE FROM checkpoints", "there is no such checkpoint"),
    ],
)
def test_the_ledger_is_checked_against_its_witnesses(
    store: Store,
    sequencer: Sequencer,
    clock: Clock,
    neighbour: Neighbour,
    folder: Path,
    change: str,
    what: str,
) -> None:
    recorded(store, 3)
    sequencer.step()
    assert cosigning(store, clock, neighbour.address).ask(name_of(neighbour.key))
    policy = WitnessPolicy(known_witnesses([(neighbour.key, neighbour.operator)], origin=ORIGIN), 1)
    if change:
        edit(folder, change)
    found = verify_witnesses(store.engine, tenant=TENANT, keys=KEYS, policy=policy)
    assert [what in str(finding) for finding in found.findings][:1] == ([True] if change else [])
    if not change:
        assert (found.size, found.last[0].size, found.last[0].time) == (3, 3, int(clock.now))


def test_a_cosignature_of_another_tree_is_found(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour
) -> None:
    """Our own seal says that we wrote it: the signature decides."""
    recorded(store, 3)
    sequencer.step()
    line = cosign(neighbour.name, neighbour.signers[0], f"{ORIGIN}\n3\n{'A' * 43}=\n", int(clock.now))
    rows = Cosignatures(engine=store.engine, tenant=TENANT, keys=KEYS)
    rows.keep(Cosignature(1, name_of(neighbour.key), int(clock.now), line))
    policy = WitnessPolicy(known_witnesses([(neighbour.key, neighbour.operator)], origin=ORIGIN), 1)
    found = verify_witnesses(store.engine, tenant=TENANT, keys=KEYS, policy=policy)
    assert "it is no cosignature of that checkpoint" in str(found.findings[0])
    assert not found.size
