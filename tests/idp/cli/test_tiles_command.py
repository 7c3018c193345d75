"""`ciconia ledger tiles`: a folder from which anybody computes the checkpoint's root, and which only grows."""

import fcntl
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.config.settings import load_settings
from idp.ledger.checkpoint import TreeHead, open_note, sign_note
from idp.ledger.cosignature import cosign
from idp.ledger.merkle_tree import includes, leaf_hash
from idp.sequencer.sequencer import Sequencer
from idp.store.records.cosignatures import Cosignature, Cosignatures
from idp.store.tables import checkpoints
from tests.idp.cli.ledgers import change, opened, with_ledger
from tests.idp.store.units import NOW, TENANT, refusal, release, unit
from tests.idp.tile_reader import leaves_of, root_of
from tests.tile_client import audited

FIRST, SECOND = 250, 270


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of `FIRST` leaves, whose tiles stand in `log`."""
    folder = with_ledger(tmp_path_factory.mktemp("tiles"), [release(), *(refusal() for _ in range(FIRST - 1))])
    assert tiles(folder, "log").exit_code == 0
    return folder


def tiles(folder: Path, to: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["ledger", "tiles", "--config", str(folder), "--to", str(folder / to), *options])


def head_of(folder: Path, at: Path) -> TreeHead:
    with opened(folder) as (_, keys):
        return TreeHead.read(open_note((at / "checkpoint").read_bytes(), *keys.log.known))


def assert_whole(folder: Path, to: str, size: int) -> None:
    head = head_of(folder, folder / to)
    assert head.size == size
    assert root_of(size, lambda place: (folder / to / place).read_bytes()) == head.root


@pytest.mark.spec("issue 31 item 4")
def test_the_folder_gives_the_checkpoints_root_and_grows_without_changing(grown: Path) -> None:
    assert_whole(grown, "log", FIRST)
    assert (grown / "log" / "tile/0/000.p" / str(FIRST)).is_file()
    with opened(grown) as (store, keys):
        sequencer = Sequencer(store, keys, checkpoint_seconds=0)
        for _ in range(SECOND - FIRST):
            store.commit(unit(record=refusal()))
        sequencer.step()
        sequencer.stop()
    told = tiles(grown, "log", "--json")
    found = json.loads(told.stdout.splitlines()[-1])
    assert (told.exit_code, found["size"], found["tiles"]) == (0, SECOND, 3)
    assert_whole(grown, "log", SECOND)
    assert not (grown / "log" / "tile/0/000.p").exists()
    written = {file: file.stat().st_mtime_ns for file in (grown / "log" / "tile").rglob("*") if file.is_file()}
    assert json.loads(tiles(grown, "log", "--json").stdout.splitlines()[-1])["tiles"] == 0
    assert written == {file: file.stat().st_mtime_ns for file in written}
    assert not (grown / "log" / "tile/entries").exists()


def test_the_leaves_go_into_a_folder_that_is_for_auditors_alone(grown: Path) -> None:
    told = tiles(grown, "audit", "--entries")
    assert "do not publish it" in told.output
    size = head_of(grown, grown / "audit").size
    bundles = sorted((grown / "audit/tile/entries").rglob("*"), key=lambda file: file.as_posix())
    leaves = [leaf for file in bundles if file.is_file() for leaf in leaves_of(file.read_bytes())]
    assert len(leaves) == size
    hashes = (
        (grown / "audit/tile/0/000").read_bytes() if size >= 256 else (grown / f"audit/tile/0/000.p/{size}").read_bytes()
    )
    assert [leaf_hash(leaf) for leaf in leaves[:256]] == [hashes[at : at + 32] for at in range(0, len(hashes), 32)]


@pytest.mark.spec("issue 31 item 4")
def test_the_checkpoint_in_the_folder_has_its_cosignatures(grown: Path) -> None:
    witness, at = Ed25519PrivateKey.generate(), grown / "cosigned"
    assert tiles(grown, "cosigned").exit_code == 0
    note = (at / "checkpoint").read_text(encoding="utf-8")
    line = cosign("witness.neighbour.example", witness, note.partition("\n\n")[0] + "\n", NOW)
    with opened(grown) as (store, keys):
        kept = Cosignatures(engine=store.engine, tenant=TENANT, keys=keys)
        with store.engine.connect() as connection:
            number = connection.scalar(select(func.max(checkpoints.c.number))) or 0
        kept.keep(Cosignature(number, "witness.neighbour.example", NOW, line))
    assert tiles(grown, "cosigned").exit_code == 0
    assert (at / "checkpoint").read_text(encoding="utf-8") == f"{note}{line}\n"
    assert tiles(grown, "cosigned").exit_code == 0, "what was written is read again"


@pytest.mark.peer
@pytest.mark.spec("issue 31, real parts")
def test_another_makers_client_reads_the_folder_and_notices_a_changed_octet(grown: Path) -> None:
    assert tiles(grown, "peer", "--entries").exit_code == 0
    at, head = grown / "peer", head_of(grown, grown / "peer")
    note = (at / "checkpoint").read_text(encoding="utf-8")
    with opened(grown) as (store, keys):
        vkey = str(keys.log.at(0).verifier)
        last = store.tile(TENANT, 0, (head.size - 1) // 256, (head.size - 1) % 256 + 1)[-32:]
    found = audited(str(at), note, vkey, entries=True)
    assert found is not None
    assert (found.size, found.bundles) == (head.size, -(-head.size // 256))
    assert includes(head.size - 1, head.size, last, found.last, head.root)
    for file in [each for each in (at / "tile").rglob("*") if each.is_file()]:
        octets = bytearray(file.read_bytes())
        octets[20] ^= 1
        whole = file.read_bytes()
        file.write_bytes(octets)
        assert audited(str(at), note, vkey, entries=True) is None, file
        file.write_bytes(whole)


def test_what_a_killed_run_left_is_made_whole(grown: Path) -> None:
    assert tiles(grown, "killed").exit_code == 0
    at = grown / "killed"
    for file in [at / "checkpoint", *(at / "tile/0").rglob("000*"), *(at / "tile/0/000.p").glob("*")]:
        if file.is_file():
            file.unlink()
    (at / ".half-0123").write_bytes(b"half")
    assert tiles(grown, "killed").exit_code == 0
    assert_whole(grown, "killed", head_of(grown, at).size)
    assert not (at / ".half-0123").exists()


def test_a_folder_of_another_log_or_of_a_larger_tree_is_left_alone(grown: Path, tmp_path: Path) -> None:
    other = with_ledger(tmp_path, [release()])
    assert tiles(other, "log").exit_code == 0
    before = (other / "log/checkpoint").read_bytes()
    refused = CliRunner().invoke(app, ["ledger", "tiles", "--config", str(grown), "--to", str(other / "log")])
    assert (refused.exit_code, "another log" in refused.output) == (2, True)
    assert (other / "log/checkpoint").read_bytes() == before
    # The same keys over another tree
    with opened(other) as (_, keys):
        signer = keys.log.at(0).signer
        for size, root in ((1, bytes(32)), (9, bytes(32))):
            (other / "log/checkpoint").write_text(sign_note(TreeHead(keys.origin, size, root).text, keys.origin, signer))
            refused = tiles(other, "log")
            assert (refused.exit_code, "another tree" in " ".join(refused.output.split())) == (2, True)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM leaves WHERE leaf_index = 3",
        "UPDATE leaves SET leaf_hash = x'00' WHERE leaf_index = 3",
        "DELETE FROM nodes WHERE level = 2",
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 2",
        "UPDATE leaves SET leaf_hash = zeroblob(32) WHERE leaf_index = 3",
    ],
)
def test_a_damaged_database_publishes_no_checkpoint(tmp_path: Path, statement: str) -> None:
    folder = with_ledger(tmp_path, [release() for _ in range(5)])
    change(Path(load_settings(folder).database_url.removeprefix("sqlite:///")), statement)
    refused = tiles(folder, "log")
    assert refused.exit_code == 2, refused.output
    assert "ciconia ledger verify" in " ".join(refused.output.split())
    assert not (folder / "log/checkpoint").exists()


def test_two_runs_do_not_write_at_once_and_before_the_first_checkpoint_there_is_nothing(
    grown: Path, tmp_path: Path
) -> None:
    (grown / "held").mkdir()
    held = os.open(grown / "held", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    refused = tiles(grown, "held")
    os.close(held)
    assert (refused.exit_code, "another command writes" in " ".join(refused.output.split())) == (2, True)
    empty = with_ledger(tmp_path, [])
    nothing = tiles(empty, "log")
    assert (nothing.exit_code, "no checkpoint yet" in nothing.output) == (1, True)
    (grown / "file").write_text("")
    assert tiles(grown, "file").exit_code == 2
