"""`ciconia ledger acts`, `person`, `receipts`, and with what `verify` compares the ledger."""

import json
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any  # JSON that a test takes apart

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.changes.bundle import Bundle
from idp.changes.history import History
from idp.ledger.checkpoint import TreeHead, open_note, sign_note
from idp.ledger.operator_records import APPROVED, draft_decryption, draft_plan_act, draft_switch
from idp.ledger.person_records import WITHDRAWAL, ActOn, draft_own_act
from idp.ledger.record_contents import new_record
from idp.ports import RecordDraft
from idp.receipts.receipt import ReceiptHolder
from idp.sequencer.sequencer import Sequencer
from tests.idp.cli.command import in_process, json_of
from tests.idp.cli.ledgers import change, opened, receipt_of, with_ledger
from tests.idp.ledger.issued import SmallLog
from tests.idp.store.units import NOW, ORIGIN, refusal, release, unit

DAY = 86_400
MARI, JUHAN = b"m" * 32, b"j" * 32
DEMO = resources.files("idp.demo").joinpath("receiving")
PARKING = DEMO.joinpath("purposes", "resident-parking.toml").read_bytes()
PARTY = (
    DEMO.joinpath("parties", "parking.toml")
    .read_bytes()
    .replace(b"@CITY@", b"https://city.example")
    .replace(b"@PARKING_SECRET_SHA256@", b"0" * 64)
)


@pytest.fixture(scope="module")
def drafts() -> dict[str, RecordDraft]:
    """Three releases about Mari, two about Juhan, and what operators did."""
    return {
        "mari 1": release(MARI, NOW, sub="MARI"),
        "mari 2": release(MARI, NOW + DAY, sub="MARI"),
        "mari 3": release(MARI, NOW + 2 * DAY, sub="MARI"),
        "juhan 1": release(JUHAN, NOW, sub="JUHAN"),
        "juhan 2": release(JUHAN, NOW + 3 * DAY, sub="JUHAN"),
        "refusal": refusal(NOW + DAY),
        "switch": draft_switch(record=new_record(), time=NOW, switch="party", name="fares", off=True, reason="a drill"),
        "plan": draft_plan_act(
            record=new_record(), time=NOW + DAY, act=APPROVED, plan="0" * 64, who="mari.maasikas", reason="as agreed"
        ),
        "decryption": draft_decryption(record=new_record(), time=NOW + 2 * DAY, file="1" * 64, reason="incident 7"),
    }


@pytest.fixture(scope="module")
def made(drafts: dict[str, RecordDraft], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_ledger(tmp_path_factory.mktemp("ledger"), list(drafts.values()))
    for name, octets in (("purposes/resident-parking.toml", PARKING), ("parties/parking.toml", PARTY)):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(octets)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "folder"))


def ask(command: str, folder: Path, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """The answer in JSON; the one for people has the same exit code."""
    found = in_process("ledger", command, *arguments, "--config", folder, "--json")
    assert found.returncode == code, found.stdout + found.stderr
    assert in_process("ledger", command, *arguments, "--config", folder).returncode == code
    return json_of(found)


def people(command: str, folder: Path, *arguments: str | Path) -> str:
    found = in_process("ledger", command, *arguments, "--config", folder)
    return found.stdout + found.stderr


# -- what was done, and what was allowed


@pytest.mark.spec("issue 31, item 2: what did the policy allow on that day, and who changed it")
def test_every_act_is_listed_with_who_and_why_and_no_login(folder: Path) -> None:
    acts = {each["kind"]: each for each in ask("acts", folder)["acts"]}
    assert set(acts) == {"switch", "plan", "decryption"}
    assert (acts["plan"]["who"], acts["plan"]["why"]) == ("mari.maasikas", "as agreed")
    assert (acts["switch"]["why"], acts["switch"]["facts"]["name"]) == ("a drill", "fares")
    assert "decryption: incident 7" in people("acts", folder)
    shown = json_of(in_process("ledger", "show", str(acts["switch"]["index"]), "--config", folder, "--json"))
    assert shown["record"] == acts["switch"]["record"]


def test_what_citizens_did_is_an_act_and_no_event_and_a_changed_record_is_named_by_acts_alone(tmp_path: Path) -> None:
    on = ActOn(about="0" * 32, client="parking", purpose="resident-parking", basis="consent", loa="high", policy="")
    own = draft_own_act(record=new_record(), time=NOW, kind=WITHDRAWAL, subject=MARI, on=on)
    switch = draft_switch(record=new_record(), time=NOW, switch="party", name="fares", off=True, reason="a drill")
    folder = with_ledger(tmp_path, [own, switch])

    def events() -> list[str]:
        ran = in_process("audit", "events", "--config", folder, "--json")
        assert ran.returncode == 0, ran.stderr
        told: dict[str, Any] = json_of(ran)
        return [each["type"] for each in told["events"]]

    assert sorted(each["kind"] for each in ask("acts", folder)["acts"]) == ["switch", "withdrawal"]
    assert MARI.hex() not in json.dumps(ask("acts", folder))
    assert events() == ["switch.off"]
    change(folder / "ciconia.db", "UPDATE records SET time = time + 1")
    assert (len(ask("acts", folder, code=1)["changed"]), events()) == (2, [])


def test_acts_of_a_period_are_those_of_its_days(folder: Path) -> None:
    day = "2026-09-22"  # the day of NOW + DAY
    assert [each["kind"] for each in ask("acts", folder, "--from", day, "--to", day)["acts"]] == ["plan"]
    assert ask("acts", folder, "--to", "1970-01-01")["acts"] == []
    assert ask("acts", folder, "--from", "0001-01-01", "--to", "9998-12-31")["acts"] != []


def test_an_act_that_was_changed_is_no_act_and_is_named(folder: Path) -> None:
    switch = next(each for each in ask("acts", folder)["acts"] if each["kind"] == "switch")
    change(folder / "ciconia.db", f"UPDATE records SET time = time + 1 WHERE hex(record) = '{switch['record'].upper()}'")  # noqa: S608
    found = ask("acts", folder, code=1)
    assert (found["changed"], len(found["acts"])) == ([switch["index"]], 2)


@pytest.mark.spec("issue 31, item 2: what did the policy allow on that day, and who changed it")
def test_the_policy_of_a_day_says_what_each_purpose_allowed_and_who_put_it_in_force(folder: Path) -> None:
    narrow = PARKING + b"# another one\n"
    first = Bundle({"purposes/resident-parking.toml": PARKING, "parties/parking.toml": PARTY})
    second = Bundle({**first.files, "purposes/resident-parking.toml": narrow})
    assert first.digest != second.digest
    with opened(folder) as (store, keys):
        history = History(engine=store.engine, tenant=store.tenant, keys=keys, commits=store)
        begun = history.begin(first, now=NOW)
        later = history.put(second, who="mari.maasikas", now=NOW + DAY, before=begun, widened=["more"], approved=["juhan"])
        history.put(first, who="juhan", now=NOW + 3 * DAY, before=later)

    def on(offset: int) -> list[tuple[int, str]]:
        day = f"2026-09-{21 + offset}"
        return [(each["number"], each["who"]) for each in ask("acts", folder, "--on", day)["policies"]]

    assert on(-1) == []
    assert on(0) == [(1, "start")]
    assert on(1) == [(1, "start"), (2, "mari.maasikas")], "both were in force on that day"
    assert on(2) == [(2, "mari.maasikas")]
    assert on(5) == [(3, "juhan")]
    (told,) = ask("acts", folder, "--on", "2026-09-23")["policies"]
    assert (told["widened"], told["approved"], told["until"]) == (["more"], ["juhan"], NOW + 3 * DAY)
    (purpose,) = told["purposes"]
    assert (purpose["purpose"], purpose["basis"], purpose["services"]) == ("resident-parking", "public_task", ["parking"])
    assert {"name": "birthdate", "form": "age_over(18)", "required": True} in purpose["attributes"]
    assert "put in force by mari.maasikas, approved by juhan" in people("acts", folder, "--on", "2026-09-23")
    change(folder / "ciconia.db", "DELETE FROM configurations")
    assert ask("acts", folder, "--on", "2026-09-23", code=1)["policies"][0]["kept"] is False
    ask("acts", folder, "--on", "2026-09-23", "--from", "2026-09-23", code=2)


# -- one person


@pytest.mark.spec("issue 31, item 2: show all that was released about one person")
def test_a_persons_receipt_opens_their_records_and_nobody_elses(
    folder: Path, tmp_path: Path, drafts: dict[str, RecordDraft]
) -> None:
    receipt = written(tmp_path / "receipt.json", receipt_of(folder, drafts["mari 2"], ReceiptHolder.CITIZEN))
    found = ask("person", folder, "--receipt", receipt)
    assert (found["counter"], found["missing"]) == (3, [])
    records = {each["record"] for each in found["records"]}
    assert records == {drafts[name].record.hex() for name in ("mari 1", "mari 2", "mari 3")}
    assert [each["number"] for each in found["records"]] == [3, 2, 1]
    said = people("person", folder, "--receipt", receipt)
    assert "birthdate (age_over(18))" in said
    assert MARI.hex() not in said + json.dumps(found)


def test_a_record_that_was_taken_from_a_person_is_missed_by_its_number(
    folder: Path, tmp_path: Path, drafts: dict[str, RecordDraft]
) -> None:
    receipt = written(tmp_path / "receipt.json", receipt_of(folder, drafts["mari 2"], ReceiptHolder.CITIZEN))
    change(folder / "ciconia.db", f"DELETE FROM records WHERE hex(record) = '{drafts['mari 1'].record.hex().upper()}'")  # noqa: S608
    found = ask("person", folder, "--receipt", receipt, code=1)
    assert (len(found["missing"]), len(found["records"])) == (1, 2)


@pytest.mark.spec("issue 31, bad input: a receipt of another log; an auditor without a grant")
def test_nobody_elses_receipt_and_no_receipt_open_nothing(
    folder: Path, tmp_path: Path, drafts: dict[str, RecordDraft]
) -> None:
    services = receipt_of(folder, drafts["mari 2"], ReceiptHolder.RELYING_PARTY)
    for name, octets, check in (
        ("service", services, "service's receipt"),
        ("stranger", SmallLog().receipt(holder=ReceiptHolder.CITIZEN), "no key that is known"),
        ("nothing", b"{}\n", "members"),
    ):
        file = written(tmp_path / name, octets)
        assert check in ask("person", folder, "--receipt", file, code=1)["error"]["detail"], name
    assert "grant of two officers" in ask("person", folder, code=2)["error"]["detail"]
    ask("person", folder, "--receipt", tmp_path / "absent", code=2)


def test_a_receipt_whose_record_stands_under_another_person_proves_it(
    folder: Path, tmp_path: Path, drafts: dict[str, RecordDraft]
) -> None:
    draft = drafts["mari 2"]
    receipt = written(tmp_path / "receipt.json", receipt_of(folder, draft, ReceiptHolder.CITIZEN))
    where = f"WHERE hex(record) = '{draft.record.hex().upper()}'"
    change(folder / "ciconia.db", f"UPDATE records SET subject = x'{JUHAN.hex()}', position = 99 {where}")  # noqa: S608
    assert "another person's key" in ask("person", folder, "--receipt", receipt, code=1)["error"]["detail"]
    change(folder / "ciconia.db", f"DELETE FROM records {where}")  # noqa: S608
    assert "proves that there was one" in ask("person", folder, "--receipt", receipt, code=1)["error"]["detail"]


# -- the services' receipts


def kept(folder: Path, drafts: dict[str, RecordDraft], names: Sequence[str], into: Path) -> Path:
    into.mkdir()
    for name in names:
        written(into / f"{name}.json", receipt_of(folder, drafts[name]))
    return into


@pytest.mark.spec("issue 31, item 2: do the services' receipts agree with our record")
def test_receipts_that_agree_are_counted_and_releases_without_one_are_named(
    folder: Path, tmp_path: Path, drafts: dict[str, RecordDraft]
) -> None:
    ours = [name for name in drafts if name.startswith(("mari", "juhan"))]
    found = ask("receipts", folder, kept(folder, drafts, ours, tmp_path / "all"))
    assert (found["agreeing"], found["missing"], found["disagreements"]) == (5, 0, [])
    assert found["services"] == {"parking": {"receipts": 5, "releases": 5}}
    found = ask("receipts", folder, kept(folder, drafts, [n for n in ours if n != "mari 2"], tmp_path / "some"))
    assert (found["agreeing"], found["missing"]) == (4, 1)
    assert [each["record"] for each in found["without_receipt"]] == [drafts["mari 2"].record.hex()]
    outside = ask("receipts", folder, kept(folder, drafts, ["mari 1"], tmp_path / "one"))
    assert outside["missing"] == 1, "Juhan's of the same second; those after the last receipt are not of the period"


@pytest.mark.spec("decisions.md 20")
def test_a_record_that_was_filed_under_another_persons_key_is_found_by_the_services_receipts(
    tmp_path: Path,
) -> None:
    """The operator has the keys: the leaf, its tag and its openings are as they would be for Juhan."""
    drafts = {
        "mari 1": release(MARI, NOW, sub="MARI"),
        "mari 2": release(JUHAN, NOW, sub="MARI"),
        "juhan 1": release(JUHAN, NOW, sub="JUHAN"),
    }
    folder = with_ledger(tmp_path, list(drafts.values()))
    for name, octets in (("purposes/resident-parking.toml", PARKING), ("parties/parking.toml", PARTY)):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(octets)
    assert json_of(in_process("ledger", "verify", "--config", folder, "--json"))["findings"] == []
    found = ask("receipts", folder, kept(folder, drafts, ["mari 1", "mari 2"], tmp_path / "two"), code=1)
    assert {each["file"] for each in found["disagreements"]} == {"mari 1.json", "mari 2.json"}
    assert "two persons" in found["disagreements"][0]["what"]
    found = ask("receipts", folder, kept(folder, drafts, ["mari 2", "juhan 1"], tmp_path / "other"), code=1)
    assert "the same person" in found["disagreements"][0]["what"]
    ask("receipts", folder, kept(folder, drafts, ["mari 2"], tmp_path / "alone"))


@pytest.mark.spec("issue 31, bad input: a receipt of another log")
def test_receipts_that_do_not_agree_are_named_with_why(
    folder: Path, tmp_path: Path, drafts: dict[str, RecordDraft]
) -> None:
    box = kept(folder, drafts, ["mari 1", "mari 2", "juhan 1"], tmp_path / "box")
    written(box / "stranger.json", SmallLog().receipt(holder=ReceiptHolder.RELYING_PARTY))
    written(box / "nothing", b"")
    change(folder / "ciconia.db", f"DELETE FROM records WHERE hex(record) = '{drafts['mari 1'].record.hex().upper()}'")  # noqa: S608
    found = ask("receipts", folder, box, code=1)
    said = {each["file"]: (each["check"], each["what"]) for each in found["disagreements"]}
    assert set(said) == {"mari 1.json", "stranger.json", "nothing"}
    assert "no record of it" in said["mari 1.json"][1]
    assert (found["agreeing"], said["stranger.json"][0]) == (2, "note_signature")
    ask("receipts", folder, tmp_path / "absent", code=2)


# -- was it changed, and against what was that compared


def note(folder: Path, keys_of: Ed25519PrivateKey | None = None) -> str:
    with opened(folder) as (store, keys):
        newest = store.checkpoint(store.tenant)
        assert newest is not None
        if keys_of is not None:
            return sign_note(open_note(newest.note.encode(), *keys.log.known), keys.origin, keys_of)
        return newest.note


@pytest.mark.spec("issue 31, item 2: was the record changed, and against what was that compared")
def test_verify_says_with_what_the_ledger_was_compared(
    folder: Path, tmp_path: Path, drafts: dict[str, RecordDraft]
) -> None:
    assert ask("verify", folder)["compared"] == []
    assert "Compared with nothing" in people("verify", folder)
    kept_note = written(tmp_path / "kept.checkpoint", note(folder).encode())
    receipt = written(tmp_path / "receipt.json", receipt_of(folder, drafts["mari 1"]))
    export = tmp_path / "log.jsonl"
    assert in_process("ledger", "export", export, "--config", folder).returncode == 0
    files: list[str | Path] = ["--checkpoint", kept_note, "--checkpoint", export, "--receipt", receipt]
    with opened(folder) as (store, keys):
        store.commit(unit(record=release()))
        sequencer = Sequencer(store, keys, checkpoint_seconds=0)
        sequencer.step()
        sequencer.stop()
    for arguments in (files, [*files, "--quick"]):
        compared = ask("verify", folder, *arguments)["compared"]
        assert [(each["with"], each["size"], each["fits"]) for each in compared] == [
            *(("checkpoint", 9, True), ("checkpoint", 9, True), ("receipt", 9, True))
        ]
    assert "Compared with checkpoint" in people("verify", folder, *files)


def test_verify_names_what_the_log_signed_and_the_ledger_does_not_have(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as (_, keys):
        signer = keys.log.at(NOW).signer
    other = written(tmp_path / "split", sign_note(TreeHead(ORIGIN, 5, bytes(32)).text, ORIGIN, signer).encode())
    larger = written(tmp_path / "larger", sign_note(TreeHead(ORIGIN, 50, bytes(32)).text, ORIGIN, signer).encode())
    for file, why in ((other, "two trees"), (larger, "it shrank")):
        for more in ([], ["--quick"]):
            found = ask("verify", folder, "--checkpoint", file, *more, code=1)
            assert (found["ok"], why in found["compared"][0]["why"]) == (False, True)
        assert "Keep their files" in people("verify", folder, "--checkpoint", file)
    strange = written(tmp_path / "strange", note(folder, Ed25519PrivateKey.generate()).encode())
    ask("verify", folder, "--checkpoint", strange, code=2)


def test_a_changed_tree_fits_nothing_that_others_hold_and_verify_still_names_its_findings(
    folder: Path, tmp_path: Path
) -> None:
    file = written(tmp_path / "kept", note(folder).encode())
    change(folder / "ciconia.db", "UPDATE trees SET size = size - 1")
    found = ask("verify", folder, "--checkpoint", file, code=1)
    assert found["findings"]
    assert not found["compared"][0]["fits"]


def written(file: Path, octets: bytes) -> Path:
    file.write_bytes(octets)
    return file
