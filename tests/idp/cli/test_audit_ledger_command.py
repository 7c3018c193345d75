"""`ciconia audit ledger`: an export of the log against what a witness kept and what a receipt says; two trees are seen."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.ledger.canonical_json import jcs
from idp.ledger.checkpoint import TreeHead, sign_note
from idp.ledger.ledger_keys import LogKey
from idp.ledger.merkle_tree import EMPTY_ROOT
from tests.idp.ledger.issued import PROMISED, SmallLog
from tests.idp.store.units import KEYS, ORIGIN

LOG, OTHER = SmallLog(), SmallLog()
STRANGER = LogKey(ORIGIN, Ed25519PrivateKey.generate())
Lines = list[bytes]


def lines(log: SmallLog = LOG, size: int = LOG.size) -> Lines:
    leaves = [jcs({"leaf": base64.b64encode(leaf).decode()}) for leaf in log.leaves[:size]]
    return [jcs({"v": 1, "log": ORIGIN, "size": size}), *leaves, jcs({"checkpoint": log.note(size)})]


def written(file: Path, parts: Sequence[bytes]) -> Path:
    file.write_bytes(b"".join(part + b"\n" for part in parts))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export, and the log's key beside it."""
    written(tmp_path / "log.jsonl", lines())
    (tmp_path / "log.vkey").write_text(f"{KEYS.log.at(0).verifier}\n", encoding="utf-8")
    return tmp_path


def audit(*arguments: str | Path) -> Result:
    run = CliRunner().invoke(app, ["audit", "ledger", *map(str, arguments)])
    assert run.exception is None or isinstance(run.exception, SystemExit), run.exception
    assert "Traceback" not in run.output
    return run


def told(run: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_an_export_beside_its_logs_key_holds_and_says_what_it_proves_and_what_not(folder: Path) -> None:
    run = audit(folder / "log.jsonl")
    assert run.exit_code == 0, run.output
    assert f"signed a checkpoint over these {LOG.size} leaves" in " ".join(run.stdout.split())
    assert "that anybody was shown this tree" in " ".join(run.stdout.split())
    (line,) = told(audit(folder / "log.jsonl", "--json"))
    assert (line["ok"], line["size"], line["log"]) == (True, LOG.size, ORIGIN)
    assert line["key_id"] == KEYS.log.at(0).verifier.key_id.hex()


def test_checkpoints_that_were_kept_earlier_exports_and_receipts_fit(folder: Path) -> None:
    kept = folder / "kept.checkpoint"
    kept.write_text(LOG.note(5), encoding="utf-8")
    nothing = folder / "nothing.checkpoint"
    signer = KEYS.log.at(0).signer
    nothing.write_text(sign_note(TreeHead(ORIGIN, 0, EMPTY_ROOT).text, ORIGIN, signer), encoding="utf-8")
    earlier = written(folder / "earlier.jsonl", lines(size=3))
    placed, promised = folder / "placed.json", folder / "promised.json"
    placed.write_bytes(LOG.receipt(index=2, standing=LOG.placed(2, 4)))
    promised.write_bytes(LOG.receipt(index=6, standing=PROMISED))
    given: list[str | Path] = ["--checkpoint", kept, "--checkpoint", earlier, "--checkpoint", nothing, "--receipt", placed]
    run = audit(folder / "log.jsonl", *given, "--receipt", promised, "--json")
    assert run.exit_code == 0, run.output
    assert [line.get("size", line.get("index")) for line in told(run)] == [LOG.size, 5, 3, 0, 2, 6]
    said = audit(folder / "log.jsonl", "--checkpoint", kept, "--receipt", placed).stdout
    assert "is the beginning of this one" in said
    assert "stands at index 2, counted from 0" in said


@pytest.mark.parametrize("size", [1, 4, 5, LOG.size])
def test_a_log_that_signed_two_trees_is_seen_by_whoever_kept_a_checkpoint(folder: Path, size: int) -> None:
    kept = folder / "kept.checkpoint"
    kept.write_text(OTHER.note(size), encoding="utf-8")
    run = audit(folder / "log.jsonl", "--checkpoint", kept)
    assert run.exit_code == 1, run.output
    assert "export_split" in run.stderr
    assert "Keep both files" in run.stderr
    (_, line) = told(audit(folder / "log.jsonl", "--checkpoint", kept, "--json"))
    assert (line["ok"], line["check"]) == (False, "export_split")


def test_a_receipt_of_another_tree_does_not_fit(folder: Path) -> None:
    """Its leaf may stand there all the same: a log may show one leaf in two trees."""
    receipt = folder / "receipt.json"
    receipt.write_bytes(OTHER.receipt())
    assert "export_split" in audit(folder / "log.jsonl", "--receipt", receipt).stderr


def test_a_log_that_signed_more_leaves_before_than_it_exports_has_shrunk(folder: Path) -> None:
    short, kept = written(folder / "short.jsonl", lines(size=3)), folder / "kept.checkpoint"
    kept.write_text(LOG.note(LOG.size), encoding="utf-8")
    run = audit(short, "--checkpoint", kept)
    assert (run.exit_code, f"the log shrank: it signed {LOG.size} leaves" in " ".join(run.stderr.split())) == (1, True)
    kept.write_text(LOG.note(3), encoding="utf-8")
    assert audit(short, "--checkpoint", kept).exit_code == 0


def _of(place: int, change: Callable[[bytes], bytes]) -> Callable[[Lines], Lines]:
    return lambda parts: [change(part) if at == place % len(parts) else part for at, part in enumerate(parts)]


def _signed(note: str) -> bytes:
    return jcs({"checkpoint": note})


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda parts: parts[:0], "export"),
        (lambda parts: parts[1:], "export"),
        (lambda parts: parts[:-1], "export"),
        (lambda parts: parts[:-2] + parts[-1:], "export"),
        (lambda parts: [*parts, b"{}"], "export"),
        (lambda parts: [*parts[:2], *parts[1:]], "export"),
        (lambda parts: [parts[0], *parts[2:-1], parts[1], parts[-1]], "export_root"),
        (_of(3, lambda _: lines(OTHER)[3]), "export_root"),
        (_of(3, lambda part: part.replace(b'{"leaf"', b'{ "leaf"')), "export"),
        (_of(3, lambda _: jcs({"leaf": "é"})), "export"),
        (_of(3, lambda _: jcs({"leaf": 3})), "export"),
        (_of(3, lambda _: b"[" * 100_000), "export"),
        (_of(3, lambda _: b"9" * 300_000), "export"),
        (_of(0, lambda _: jcs({"v": 2, "log": ORIGIN, "size": LOG.size})), "export"),
        (_of(0, lambda _: jcs({"v": 1, "log": ORIGIN, "size": -1})), "export"),
        (_of(0, lambda _: jcs({"v": 1, "log": ORIGIN, "size": True})), "export"),
        (_of(0, lambda _: jcs({"v": 1, "log": ORIGIN, "size": 2**53 - 1})), "export"),
        (_of(0, lambda _: jcs({"v": 1, "log": "other.example/log", "size": LOG.size})), "log"),
        (_of(-1, lambda _: _signed(LOG.note(3))), "export_root"),
        (_of(-1, lambda _: _signed("no note")), "note"),
        (_of(-1, lambda _: jcs({"checkpoint": 1})), "export"),
        (
            _of(-1, lambda _: _signed(sign_note(LOG.note(7).partition("\n\n")[0] + "\n", ORIGIN, STRANGER.signer))),
            "note_signature",
        ),
        (_of(-1, lambda _: _signed(LOG.note(7) + LOG.note(7).rpartition("\n\n")[2])), "note_signature"),
    ],
)
def test_an_export_of_which_anything_was_changed_does_not_hold(
    folder: Path, change: Callable[[Lines], Lines], check: str
) -> None:
    file = written(folder / "log.jsonl", change(lines()))
    run = audit(file, "--json")
    assert run.exit_code == 1, run.output
    assert [line["check"] for line in told(run)] == [check]


def test_what_is_no_checkpoint_or_receipt_of_this_log_is_named_and_the_rest_is_compared(folder: Path) -> None:
    strange, kept, absent = folder / "strange", folder / "kept", folder / "absent"
    strange.write_text(sign_note(TreeHead(ORIGIN, 0, EMPTY_ROOT).text, ORIGIN, STRANGER.signer), encoding="utf-8")
    kept.write_text(LOG.note(5), encoding="utf-8")
    run = audit(folder / "log.jsonl", "--checkpoint", strange, "--checkpoint", kept, "--json")
    assert run.exit_code == 1, run.output
    assert [(line["file"], line["ok"]) for line in told(run)] == [
        (str(strange), False),
        (str(folder / "log.jsonl"), True),
        (str(kept), True),
    ]
    assert audit(folder / "log.jsonl", "--receipt", kept).exit_code == 1
    half = written(folder / "half.jsonl", [b'{"checkpoint":"\\ud800"}'])
    assert audit(folder / "log.jsonl", "--checkpoint", half).exit_code == 1
    for option in ("--checkpoint", "--receipt"):
        assert audit(folder / "log.jsonl", option, absent).exit_code == 2
