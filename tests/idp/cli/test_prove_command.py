"""`ciconia ledger show` and `prove`, `ciconia audit proof`, and the second verifier that stands in the documentation."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any  # JSON that a test takes apart

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.ledger_summary import SummarisedLedger, summarise
from idp.audit.record_proof import SIGNED
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.canonical_json import jcs
from idp.ledger.cosignature import WitnessKey
from idp.ledger.operator_records import draft_switch
from idp.ledger.record_contents import new_record
from idp.sequencer.sequencer import Sequencer
from idp.store.records.cosignatures import Cosignature, Cosignatures
from idp.witnessing.seen import WitnessMemory
from idp.witnessing.witness import Request, WitnessService
from tests.idp.cli.command import in_process, json_of
from tests.idp.cli.ledgers import change, opened, with_ledger
from tests.idp.ledger.issued import SmallLog
from tests.idp.store.units import NOW, ORIGIN, refusal, release

DOCS = Path(__file__).parents[3] / "docs"
RECORDS = 9
SWITCH = 8
PERSON = b"p" * 32
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drafts = [release(PERSON) if number % 2 else refusal() for number in range(SWITCH)]
    drafts.append(draft_switch(record=new_record(), time=NOW, switch="party", name="parking", off=True, reason="drill"))
    return with_ledger(tmp_path_factory.mktemp("ledger"), drafts, [release()])


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "folder"))


def run(command: str, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return in_process("ledger", command, *arguments, "--config", folder)


def index_of(folder: Path, kind: str) -> int:
    """The last leaf of a kind: leaves of one batch stand in the order of random ids."""
    shown = [json_of(run("show", folder, str(index), "--json")) for index in range(RECORDS)]
    return next(index for index, each in reversed([*enumerate(shown)]) if each["kind"] == kind)


def audit(file: Path, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return in_process("audit", "proof", file, "--log", folder / "keys" / "log.vkey", *arguments)


def second(file: Path, folder: Path, *witnesses: Path) -> subprocess.CompletedProcess[str]:
    """The verifier of the documentation, as anybody runs it."""
    program: list[str | Path] = [
        sys.executable,
        "-I",
        DOCS / "check_proof.py",
        file,
        folder / "keys" / "log.vkey",
        *witnesses,
    ]
    return subprocess.run(program, capture_output=True, text=True, check=False)


# -- show


def test_a_record_is_shown_by_its_index_its_id_and_its_leaf_and_nothing_of_the_person(folder: Path) -> None:
    index = index_of(folder, "release")
    found = run("show", folder, str(index), "--json")
    assert found.returncode == 0, found.stderr
    told = json_of(found)
    assert (told["ok"], told["index"], told["kind"], told["findings"]) == (True, index, "release", [])
    sent = told["sent"]
    assert isinstance(sent, dict)
    assert (sent["basis"], sent["names"]) == ("public_task", [["address", "exact"], ["birthdate", "age_over(18)"]])
    for named in (str(told["record"]), str(told["leaf_hash"])):
        assert json_of(run("show", folder, named, "--json")) == told
    for_people = run("show", folder, str(index)).stdout
    assert "It holds." in for_people
    for text in (found.stdout, for_people):
        assert PERSON.hex() not in text
        assert "PAIRWISE" not in text, "the login is the service's and the citizen's"


def test_an_operators_act_is_shown_with_its_reason(folder: Path) -> None:
    found = json_of(run("show", folder, str(index_of(folder, "switch")), "--json"))
    decision = found["decision"]
    assert isinstance(decision, dict)
    assert (decision["reason"], decision["state"]) == ("drill", "off")


def test_a_record_that_is_staged_is_shown_and_one_that_there_is_not_exits_1(folder: Path) -> None:
    with opened(folder) as (store, _), store.engine.connect() as connection:
        staged = connection.exec_driver_sql("SELECT record FROM staged").scalar_one()
    assert json_of(run("show", folder, staged.hex(), "--json"))["index"] is None
    assert "not in its place yet" in run("show", folder, staged.hex()).stdout
    for named in ("9", "10", "0" * 32, "f" * 64, "x", "1" * 20):
        assert run("show", folder, named).returncode == 1, named


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE records SET time = time + 1 WHERE leaf_hash = {hash}", "another time"),
        ("UPDATE records SET decision_opening = sent_opening WHERE leaf_hash = {hash}", "opening of decision"),
        (
            "UPDATE leaves SET leaf = (SELECT leaf FROM leaves WHERE leaf_index = {other}) WHERE leaf_index = {index}",
            "open",
        ),
        ("DELETE FROM nodes", "do not lead"),
        ("UPDATE nodes SET hash = zeroblob(32)", "do not lead"),
    ],
)
def test_a_record_that_was_changed_does_not_hold_and_is_not_proved(
    folder: Path, tmp_path: Path, statement: str, said: str
) -> None:
    index = index_of(folder, "release")
    hashed = f"(SELECT leaf_hash FROM leaves WHERE leaf_index = {index})"  # noqa: S608  our names
    change(folder / "ciconia.db", statement.format(hash=hashed, index=index, other=(index + 1) % RECORDS))
    found = run("show", folder, str(index), "--json")
    assert (found.returncode, said in found.stdout) == (1, True), found.stdout
    assert "DOES NOT FIT" in run("show", folder, str(index)).stdout
    for arguments in ([str(index)], [f"0-{RECORDS - 1}"]):
        proved = run("prove", folder, *arguments, "--out", tmp_path / "proof.json")
        assert proved.returncode != 0
        assert not (tmp_path / "proof.json").exists()


# -- one record


@pytest.mark.spec("issue 31, item 2: prove to a third party that this one release happened as it says")
def test_each_record_is_proved_to_somebody_with_the_logs_key_alone_by_two_verifiers(folder: Path, tmp_path: Path) -> None:
    for index in range(RECORDS):
        file = tmp_path / f"{index}.json"
        assert run("prove", folder, str(index), "--out", file).returncode == 0
        assert file.read_text("utf-8") == run("prove", folder, str(index), "--json").stdout
        shown = json_of(run("show", folder, str(index), "--json"))
        held = json_of(audit(file, folder, "--json"))
        assert (held["index"], held["size"], held["sent"], held["decision"]) == (
            *(index, RECORDS),
            *(shown["sent"], shown["decision"]),
        )
        assert "it holds" in audit(file, folder).stdout
        other = second(file, folder)
        assert other.returncode == 0, other.stderr
        assert {name: json.loads(other.stdout)[name] for name in ("sent", "decision", "index")} == {
            name: held[name] for name in ("sent", "decision", "index")
        }
        assert PERSON.hex() not in file.read_text("utf-8")


def test_a_proof_is_written_over_nothing(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("mine", "utf-8")
    found = run("prove", folder, "0", "--out", file)
    assert (found.returncode, file.read_text("utf-8")) == (2, "mine")
    assert run("prove", folder, "0", "--out", tmp_path / "no" / "folder").returncode == 2


def parsed(octets: bytes) -> Lines:
    return [json.loads(line) for line in octets.splitlines()]


def spelt(lines: Lines) -> bytes:
    return b"".join(jcs(line) + b"\n" for line in lines)


def to(*path: str | int, value: object) -> Callable[[Lines], object]:
    def changed(lines: Lines) -> None:
        inside: Any = lines
        for step in path[:-1]:
            inside = inside[step]
        inside[path[-1]] = value

    return changed


ZERO = base64.b64encode(bytes(32)).decode()
ONE: dict[str, tuple[Callable[[Lines], object], str]] = {
    "a member more": (to(0, "more", value=1), "shape"),
    "another version": (to(0, "v", value=2), "shape"),
    "not ok": (to(0, "ok", value=False), "shape"),
    "another log": (to(0, "log", value="other.example/log"), "log"),
    "no leaf": (to(0, "leaf", value=ZERO), "shape"),
    "another leaf's hash": (to(0, "leaf_hash", value="0" * 64), "shape"),
    "another service": (to(0, "openings", "sent", "content", "client", value="other"), "commitment"),
    "another nonce": (to(0, "openings", "sent", "nonce", value=ZERO), "commitment"),
    "another decision": (to(0, "openings", "decision", "content", "kind", value="refusal"), "commitment"),
    "the subject's part": (to(0, "openings", "subject", value={}), "openings"),
    "a member of an opening more": (to(0, "openings", "sent", "more", value=1), "openings"),
    "another index": (to(0, "index", value=0), "inclusion"),
    "an index beyond": (to(0, "index", value=RECORDS), "inclusion"),
    "an index that is true": (to(0, "index", value=True), "shape"),
    "another step": (to(0, "path", 0, value=ZERO), "inclusion"),
    "a step less": (lambda lines: lines[0]["path"].pop(), "inclusion"),
    "a checkpoint that nobody signed": (to(0, "checkpoint", value="a\n1\nb\n"), "note"),
}


@pytest.mark.spec("issue 31, bad input: tampered export")
@pytest.mark.parametrize("name", ONE)
def test_a_proof_of_which_anything_was_changed_is_refused_by_both(folder: Path, tmp_path: Path, name: str) -> None:
    change_it, check = ONE[name]
    index = index_of(folder, "release")
    lines = parsed(run("prove", folder, str(index), "--json").stdout.encode())
    change_it(lines)
    refused(tmp_path / "proof.json", spelt(lines), folder, check)


def refused(file: Path, octets: bytes, folder: Path, check: str) -> None:
    file.write_bytes(octets)
    found = audit(file, folder, "--json")
    assert (found.returncode, json_of(found)["check"]) == (1, check)
    other = second(file, folder)
    assert other.returncode == 1, other.stdout
    assert "Traceback" not in other.stderr, other.stderr


@pytest.mark.parametrize("octets", [b"", b"{}\n", b"[]\n", b"{", b"\xff\n", b'{"proves":"records"}\n', b'{"v":1.5}\n'])
def test_what_is_no_proof_is_refused(folder: Path, tmp_path: Path, octets: bytes) -> None:
    file = tmp_path / "proof.json"
    file.write_bytes(octets)
    assert audit(file, folder).returncode == 1
    assert second(file, folder).returncode == 1


def test_another_spelling_of_a_proof_is_refused(folder: Path, tmp_path: Path) -> None:
    octets = run("prove", folder, "0", "--json").stdout.encode()
    for other in (octets.replace(b":", b": ", 1), octets[:-1], octets + b"\n", octets + octets):
        file = tmp_path / "proof.json"
        file.write_bytes(other)
        assert audit(file, folder).returncode == 1
        assert second(file, folder).returncode == 1


def test_a_proof_of_another_log_is_refused(folder: Path, tmp_path: Path) -> None:
    file, stranger = tmp_path / "proof.json", tmp_path / "stranger" / "keys"
    run("prove", folder, "0", "--out", file)
    stranger.mkdir(parents=True)
    for name, code in (("log.vkey", 1), ("none", 2)):
        (stranger / "log.vkey").write_text(f"{SmallLog().keys.log.at(0).verifier}\n", "utf-8")
        assert in_process("audit", "proof", file, "--log", stranger / name).returncode == code
    assert second(file, tmp_path / "stranger").returncode == 1


# -- many records


@pytest.fixture
def many(folder: Path, tmp_path: Path) -> Path:
    file = tmp_path / "records.jsonl"
    found = run("prove", folder, f"2-{RECORDS - 1}", "--out", file, "--json")
    assert found.returncode == 0, found.stderr
    assert json_of(found)["rows"] == RECORDS - 2
    return file


@pytest.mark.spec("issue 31, item 1: a signed bundle whose every row has its proof")
def test_many_records_hold_for_both_and_none_is_missing(folder: Path, many: Path) -> None:
    found = json_of(audit(many, folder, "--json"))
    assert (found["rows"], found["first"], found["end"], found["filter"]) == (RECORDS - 2, 2, RECORDS, {})
    assert "none is missing" in audit(many, folder).stdout
    rows = [json.loads(line) for line in second(many, folder).stdout.splitlines()]
    assert [row["index"] for row in rows] == list(range(2, RECORDS))


def test_a_filter_takes_its_records_alone(folder: Path, tmp_path: Path) -> None:
    for arguments, rows in (
        (["--kind", "release"], 4),
        (["--kind", "release", "--service", "parking", "--purpose", "resident-parking"], 4),
        (["--service", "parking"], 8),
        (["--service", "library"], 0),
        (["--from", "2026-09-21", "--to", "2026-09-21"], RECORDS),
        (["--from", "2026-09-22"], 0),
        (["--to", "2026-09-20"], 0),
        (["--kind", "switch", "--from", "2026-09-21"], 1),
    ):
        file = tmp_path / f"{'-'.join(arguments)}.jsonl"
        assert run("prove", folder, "all", *arguments, "--out", file).returncode == 0
        found = audit(file, folder, "--json")
        assert (found.returncode, json_of(found)["rows"]) == (0, rows), found.stdout
        assert second(file, folder).returncode == 0


def test_a_checkpoint_that_comes_while_it_reads_leaves_no_record_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log signs that none is missing, up to the end that the file names."""

    def slowly(auditor: Auditor) -> SummarisedLedger:
        found = summarise(auditor)
        with opened(folder) as (store, keys):
            signing = Sequencer(store, keys, checkpoint_seconds=0)
            assert signing.step()
            signing.stop()
        return found

    monkeypatch.setattr("idp.cli.records.prove.summarise", slowly)
    file = tmp_path / "records.jsonl"
    assert run("prove", folder, "all", "--service", "parking", "--out", file).returncode == 0
    found = json_of(audit(file, folder, "--json"))
    rows, end = found["rows"], int(str(found["end"]))
    monkeypatch.undo()
    again = tmp_path / "again.jsonl"
    assert run("prove", folder, f"0-{end - 1}", "--service", "parking", "--out", again).returncode == 0
    assert json_of(audit(again, folder, "--json"))["rows"] == rows


def test_leaves_that_no_checkpoint_covers_are_not_proved(folder: Path, tmp_path: Path) -> None:
    for span in (f"0-{RECORDS}", "5-4", "100-200"):
        assert run("prove", folder, span, "--out", tmp_path / "none").returncode == 1
    assert run("prove", folder, "0-1").returncode == 2, "many go into a file"
    assert run("prove", folder, "0", "--kind", "release").returncode == 2
    early = ["--from", "2026-09-22", "--to", "2026-09-21"]
    assert run("prove", folder, "all", *early, "--out", tmp_path / "none").returncode == 2


MANY: dict[str, tuple[Callable[[Lines], object], str]] = {
    "a missing row": (lambda lines: lines.pop(3), "records_missing"),
    "no first row": (lambda lines: lines.pop(1), "records_missing"),
    "no last row": (lambda lines: lines.pop(-2), "records_missing"),
    "a row twice": (lambda lines: lines.insert(3, lines[3]), "records_order"),
    "rows in another order": (lambda lines: lines.insert(2, lines.pop(3)), "records_missing"),
    "no row at all": (lambda lines: lines.__delitem__(slice(1, -1)), "records_missing"),
    "a later beginning": (lambda lines: (lines.pop(1), to(0, "first", value=3)(lines)), "records_digest"),
    "an earlier end": (lambda lines: (lines.pop(-2), to(0, "end", value=RECORDS - 1)(lines)), "records_digest"),
    "an end that is not there yet": (to(0, "end", value=RECORDS + 1), "records_order"),
    "a filter that takes all": (to(0, "filter", value={"since": 0}), "records_digest"),
    "another filter": (to(0, "filter", value={"kind": "release"}), "records_filter"),
    "an unknown filter": (to(0, "filter", value={"name": "x"}), "shape"),
    "another row's opening": (
        lambda lines: to(2, "openings", value=lines[3]["openings"])(lines),
        "commitment",
    ),
    "a count": (to(-1, "rows", value=1), "records_digest"),
    "a digest": (to(-1, "digest", value=ZERO), "records_digest"),
    "no last line": (lambda lines: lines.pop(), "json"),
    "a line behind": (lambda lines: lines.append({}), "shape"),
    "a signature": (to(-1, "signature", value=base64.b64encode(bytes(64)).decode()), "signature"),
}


@pytest.mark.spec("issue 31, bad input: a bundle with a missing row")
@pytest.mark.parametrize("name", MANY)
def test_many_records_of_which_anything_was_changed_are_refused_by_both(
    folder: Path, tmp_path: Path, many: Path, name: str
) -> None:
    change_it, check = MANY[name]
    lines = parsed(many.read_bytes())
    change_it(lines)
    refused(tmp_path / "changed.jsonl", spelt(lines), folder, check)


def test_a_stranger_signs_no_bundle(folder: Path, tmp_path: Path, many: Path) -> None:
    lines = parsed(many.read_bytes())
    to(0, "filter", value={"since": 0})(lines)
    resign(lines, Ed25519PrivateKey.generate())
    refused(tmp_path / "changed.jsonl", spelt(lines), folder, "signature")


def resign(lines: Lines, key: Ed25519PrivateKey) -> None:
    """Sign the rows that are there, as the log does."""
    last: dict[str, Any] = {"rows": len(lines) - 2, "digest": base64.b64encode(sha256(spelt(lines[:-1])).digest()).decode()}
    lines[-1] = {**last, "signature": base64.b64encode(key.sign(SIGNED + jcs(last))).decode()}


@pytest.mark.spec("issue 31, bad input: a bundle with a missing row")
def test_a_row_that_the_log_itself_left_out_is_noticed_by_whoever_has_its_receipt(folder: Path, tmp_path: Path) -> None:
    """Nobody else can: that is what the log's signature under the filter is for."""
    log = SmallLog(keys=load_ledger_keys(folder / "keys", "login.storkhaven.example/log"))
    assert log.keys.origin == ORIGIN
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(log.receipt(index=3))
    lines: Lines = [
        {
            "v": 1,
            "proves": "records",
            "log": ORIGIN,
            "checkpoint": log.note(log.size),
            "first": 0,
            "end": log.size,
            "filter": {"client": "parking"},
        },
        *[row(log, index) for index in range(log.size)],
        {},
    ]
    whole, short = tmp_path / "whole.jsonl", tmp_path / "short.jsonl"
    signer = log.keys.log.at(NOW).signer
    resign(lines, signer)
    whole.write_bytes(spelt(lines))
    found = audit(whole, folder, "--receipt", receipt, "--json")
    assert found.returncode == 0, found.stdout
    assert [json.loads(line).get("index") for line in found.stdout.splitlines()] == [None, 3]
    del lines[4]
    resign(lines, signer)
    short.write_bytes(spelt(lines))
    assert audit(short, folder).returncode == 0, "the log said so"
    found = audit(short, folder, "--receipt", receipt)
    assert (found.returncode, "records_missing" in found.stderr) == (1, True)
    assert "Keep both files" in found.stderr


def test_a_receipt_of_which_the_file_does_not_speak_is_not_compared(folder: Path, tmp_path: Path, many: Path) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(SmallLog(keys=load_ledger_keys(folder / "keys", ORIGIN)).receipt(index=0))
    assert audit(many, folder, "--receipt", receipt).returncode == 2
    receipt.write_bytes(SmallLog().receipt(index=0))
    assert audit(many, folder, "--receipt", receipt).returncode == 1, "a receipt of another log"


def row(log: SmallLog, index: int) -> dict[str, Any]:
    openings = log.openings(index)
    opened = {
        name: {
            "nonce": base64.b64encode(openings[name].nonce).decode(),
            "content": json.loads(openings[name].content),
        }
        for name in ("sent", "decision")
    }
    path = [base64.b64encode(each).decode() for each in log.placed(index).path]
    return {"index": index, "leaf": base64.b64encode(log.leaves[index]).decode(), "openings": opened, "path": path}


# -- witnesses


@pytest.mark.spec("issue 31, item 4: policy k of n in the verifier")
def test_a_proof_has_the_cosignatures_of_witnesses_and_both_verifiers_see_who(folder: Path, tmp_path: Path) -> None:
    """The witness is `WitnessService`, of another operator: it saw the log's checkpoint, and the database kept its line."""
    signer, name = Ed25519PrivateKey.generate(), "witness.neighbour.example"
    with opened(folder) as (store, keys):
        kept = Cosignatures(engine=store.engine, tenant=store.tenant, keys=keys)
        numbered = kept.numbered_checkpoint()
        assert numbered is not None
        logs, seen = {keys.origin: keys.log.known}, WitnessMemory(tmp_path / "witness.db")
        witness = WitnessService(name=name, signers=[signer], logs=logs, seen=seen, clock=lambda: NOW)
        answer = witness.add_checkpoint(Request(0, (), numbered[1].note.encode()).body)
        assert answer.status == 200
        key = WitnessKey.of(name, signer)
        kept.keep(Cosignature(numbered[0], key.label, NOW, answer.body.removesuffix("\n")))
    file, vkey = tmp_path / "proof.json", tmp_path / "witness.vkey"
    vkey.write_text(f"{key}\n", "utf-8")
    for arguments in (["3"], ["0-4"]):
        file.unlink(missing_ok=True)
        assert run("prove", folder, *arguments, "--out", file).returncode == 0
        mine = ["--witness", f"{key} City of Neighbour", "--quorum", "1"]
        found = json_of(audit(file, folder, *mine, "--json"))
        assert [(each["name"], each["counts"]) for each in found["witnesses"]] == [(name, True)]  # type: ignore[attr-defined]
        assert "The witness witness.neighbour.example (City of Neighbour) cosigned" in audit(file, folder, *mine).stdout
        assert json_of(audit(file, folder, "--json"))["strangers"] == [name]
        other = WitnessKey.of("witness.other.example", Ed25519PrivateKey.generate())
        assert audit(file, folder, "--witness", f"{other} Other", "--quorum", "1").returncode == 1
        assert f"cosigned by {name}" in second(file, folder, vkey).stdout
        assert "cosigned" not in second(file, folder).stdout


# -- the second verifier


def test_the_second_verifier_has_at_most_200_lines_and_imports_nothing_of_ours() -> None:
    lines = (DOCS / "check_proof.py").read_text("utf-8").splitlines()
    assert len(lines) <= 200
    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names | {"cryptography"}
