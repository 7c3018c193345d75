"""`ciconia audit verify`: what a receipt proves, offline; exit 0 it holds, 1 it does not, 2 it could not be read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.ledger.checkpoint import TreeHead, VerifierKey, sign_note
from idp.ledger.key_list import begun_with
from idp.ledger.ledger_keys import LogKey
from idp.receipts.inclusion_proof import Placed
from idp.receipts.receipt_verify import verify_receipt
from tests.idp.ledger.issued import PROMISED, SmallLog
from tests.idp.store.units import KEYS, ORIGIN

LOG = SmallLog()
# Whoever opens a socket, of any kind and to anywhere, is stopped
NO_NETWORK = """
import socket

def refuse(*_, **__):
    raise SystemExit("the network was asked for")

socket.socket.connect = socket.socket.connect_ex = socket.socket.bind = socket.socket.sendto = refuse
socket.getaddrinfo = socket.create_connection = refuse
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A receipt, and the log's key beside it."""
    (tmp_path / "receipt.json").write_bytes(LOG.receipt())
    (tmp_path / "log.vkey").write_text(f"{KEYS.log.at(0).verifier}\n", encoding="utf-8")
    return tmp_path


def verify(*arguments: str | Path) -> Result:
    run = CliRunner().invoke(app, ["audit", "verify", *map(str, arguments)])
    assert run.exception is None or isinstance(run.exception, SystemExit), run.exception
    assert "Traceback" not in run.output
    return run


def line(run: Result) -> dict[str, object]:
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


def test_a_receipt_beside_its_logs_key_holds_and_says_what_it_proves_and_what_not(folder: Path) -> None:
    run = verify(folder / "receipt.json")
    assert run.exit_code == 0, run.output
    said = " ".join(run.stdout.split())
    for words in (
        "it holds.",
        "Proved:",
        "index 3, counted from 0, in the tree of 7",
        "Not proved:",
        "the values were true",
        "a person meant it",
    ):
        assert words in said
    assert "another tree" in said


def test_whose_the_key_is_was_not_proved_and_it_is_named(folder: Path) -> None:
    known = KEYS.log.at(0).verifier.key_id.hex()
    said = verify(folder / "receipt.json").stdout.partition("Not proved:")[2]
    assert f"that the key {known} from {folder / 'log.vkey'} is that of {ORIGIN}" in " ".join(said.split())
    found = line(verify(folder / "receipt.json", "--json"))
    assert (found["key_id"], found["key_file"]) == (known, str(folder / "log.vkey"))
    assert isinstance(found["not_proved"], list)
    assert known in found["not_proved"][-1]


def test_the_name_of_a_file_commands_no_terminal(folder: Path) -> None:
    named = folder / "a\x1b[2K\nb\u202e.json"
    for content, code in ((LOG.receipt(), 0), (b"{}", 1)):
        named.write_bytes(content)
        run = verify(named)
        assert run.exit_code == code
        assert "a?[2K?b?.json" in run.output
        assert all(each.isprintable() for each in run.output.splitlines())
        assert "\u202e" not in verify(named, "--json").stdout
    named.unlink()
    assert "a?[2K?b?.json could not be read" in verify(named).stderr


@pytest.mark.spec("issue 4 item 2")
def test_it_works_in_a_process_without_the_network(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 1
    command = [str(Path(sys.executable).with_name("ciconia")), "audit", "verify", str(folder / "receipt.json")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "it holds." in run.stdout


def test_a_promise_holds_and_says_that_it_is_one_until_its_proof_is_given(folder: Path) -> None:
    promise, proof = folder / "promise.json", folder / "leaf.tlog-proof"
    promise.write_bytes(LOG.receipt(standing=PROMISED))
    proof.write_text(LOG.placed(3).text, encoding="utf-8")
    run = verify(promise)
    assert run.exit_code == 0
    assert "promised" in run.stdout
    assert "--proof" in run.stdout
    redeemed = line(verify(promise, "--proof", proof, "--json"))
    assert (redeemed["index"], redeemed["size"], redeemed["promised_by"]) == (3, 7, None)
    proof.write_text(LOG.placed(2).text, encoding="utf-8")
    assert line(verify(promise, "--proof", proof, "--json"))["check"] == "inclusion"
    assert verify(promise, promise, "--proof", proof).exit_code == 2


@pytest.mark.spec("issue 4: what bad input gets")
@pytest.mark.parametrize("content", [b"", b"no json", b"{}\n", b"\0" * 10_000_000, b"[" * 100_000, LOG.receipt()[:-1]])
def test_what_is_no_receipt_is_refused_in_one_sentence(folder: Path, content: bytes) -> None:
    (folder / "receipt.json").write_bytes(content)
    run = verify(folder / "receipt.json")
    assert run.exit_code == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "it does not hold" in run.stderr


@pytest.mark.parametrize(
    "text", ["", "no key", "a+b+c", f"{KEYS.log.at(0).verifier}\n\n", f" {KEYS.log.at(0).verifier}", "x" * 10_000]
)
def test_what_is_no_key_of_a_log_is_refused(folder: Path, text: str) -> None:
    (folder / "log.vkey").write_text(text, encoding="utf-8")
    run = verify(folder / "receipt.json")
    assert run.exit_code == 2
    assert "no log's key" in run.stderr


def test_another_logs_key_is_refused(folder: Path) -> None:
    (folder / "log.vkey").write_text(
        f"{VerifierKey('other.example/log', KEYS.log.at(0).verifier.public)}\n", encoding="utf-8"
    )
    run = verify(folder / "receipt.json")
    assert (run.exit_code, "(log)" in run.stderr) == (1, True)


def test_every_key_that_a_receipt_rests_on_is_named(folder: Path) -> None:
    """A reader who compares the printed id with the log's own page must not miss a key that took over."""
    (folder / "promise.json").write_bytes(LOG.receipt(standing=PROMISED))
    promise = verify_receipt((folder / "promise.json").read_bytes(), KEYS.log.known)
    stranger = LogKey(ORIGIN, Ed25519PrivateKey.generate())
    with (folder / "log.vkey").open("a", encoding="utf-8") as file:
        file.write(f"{stranger.verifier}\n")
    refused = verify(folder / "promise.json")
    assert (refused.exit_code, "does not vouch for" in " ".join(refused.stderr.split())) == (2, True)
    signers = {each.verifier: each.signer for each in (KEYS.log.at(0), stranger)}
    listed = begun_with(KEYS.log.at(0).verifier).followed_by(stranger.verifier, signers)
    (folder / "log.vkey").write_text(listed.text, encoding="utf-8")
    note = sign_note(TreeHead(ORIGIN, 1, promise.leaf_hash).text, ORIGIN, stranger.signer)
    (folder / "proof").write_text(Placed(0, (), note).text, encoding="utf-8")
    run = verify(folder / "promise.json", "--proof", folder / "proof", "--json")
    assert line(run)["key_ids"] == [KEYS.log.at(0).key_id, stranger.key_id]
    told = verify(folder / "promise.json", "--proof", folder / "proof").stdout
    assert f"the keys {KEYS.log.at(0).key_id}, {stranger.key_id} from" in " ".join(told.split())
