"""Grants at the desk: shown to everybody, used by their auditor alone, and each use on record first."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from idp.demo.browser import Browser
from tests.desk.reader import Desk, signed_in
from tests.desk.stage import DeskStage
from tests.idp.changes.signing import Person, person
from tests.idp.cli.command import Served, in_process, json_of
from tests.idp.server.crew import until

ANNA, BERT = person("anna"), person("bert")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> DeskStage:
    stage = DeskStage(tmp_path_factory.mktemp("desk"))
    (stage.config / "operators").mkdir()
    for one in (ANNA, BERT):
        (stage.config / "operators" / f"{one.name}.pub").write_text(one.line)
        (stage.folder / f"{one.name}.key").write_bytes(one.private)
    return stage


@pytest.fixture(scope="module")
def desk(stage: DeskStage, served: Served) -> Desk:
    return signed_in(stage, served, "liis")


@pytest.fixture(scope="module")
def record(desk: Desk) -> str:
    """A record of somebody else than the auditor, whose sign-in is of a person, too."""
    with Browser() as browser:
        desk.stage.release(browser, "juhan", "fares")
        receipt = browser.get(f"{desk.stage.issuer}/receipt.json", origin=desk.stage.issuer)
    return str(json.loads(receipt.text)["record"]["record_id"])


def act(desk: Desk, who: Person, *words: str | Path) -> str:
    """A step of an officer; the id of the grant."""
    by = ("--as", who.name, "--key", desk.stage.folder / f"{who.name}.key", "--config", desk.stage.config, "--json")
    return str(json_of(in_process("ledger", "grant", *words, *by))["grant"])


def granted(desk: Desk, record: str, auditor: str, *, second: bool = True) -> str:
    found = act(desk, ANNA, "new", "--auditor", auditor, "--record", record, "--reason", "case 7")
    if second:
        act(desk, BERT, "approve", found)
    return found


def used(desk: Desk, grant: str, record: str = "") -> httpx2.Response:
    """Use it as the form of the page does."""
    url, headers = f"http://127.0.0.1:{desk.stage.desk_port}/grants", {**desk.headers, "origin": desk.stage.url}
    return httpx2.post(url, headers=headers, data={"grant": grant, "record": record}, timeout=60)


def steps(desk: Desk, grant: str) -> list[tuple[str, str]]:
    """The steps of a grant on record, and who made them."""
    told = [json.loads(str(one["facts"])) for one in desk.rows("/acts", "acts", kind="mandate")]
    return [(one["act"], one["who"]) for one in told if one["mandate"] == grant]


@pytest.mark.spec("decisions.md 24")
def test_a_grant_of_two_officers_opens_one_person_to_its_auditor_and_its_use_is_on_record(desk: Desk, record: str) -> None:
    grant = granted(desk, record, "liis")
    page = desk.get("/grants").text
    assert "Open under this grant: case 7" in page
    assert record not in page
    opened = used(desk, grant)
    assert "No number is missing" in opened.text
    assert f"<td>{record}</td>" in opened.text
    # Juhan's alone: the auditor's own sign-ins are of another person
    assert "<td>auditors</td>" not in opened.text
    until(lambda: ("used", "liis") in steps(desk, grant))
    act(desk, BERT, "end", grant)
    assert "the grant is ended" in used(desk, grant).text
    assert "Open under this grant" not in desk.get("/grants").text


@pytest.mark.spec("decisions.md 24")
def test_a_grant_of_a_period_tells_nothing_of_records_outside_it(desk: Desk, record: str) -> None:
    today = datetime.now(UTC).date().isoformat()
    period = ("new", "--auditor", "liis", "--from", today, "--to", today, "--reason", "case 8")
    grant = act(desk, ANNA, *period)
    act(desk, BERT, "approve", grant)
    page = used(desk, grant, record).text
    assert f"<td>{record}</td>" in page
    assert ("in the period of the grant" in page, "number is missing" in page) == (True, False)
    told = json_of(
        in_process(
            *("ledger", "person", "--grant", grant, "--as", "liis", "--record", record, "--config", desk.stage.config),
            "--json",
        )
    )
    assert (told["counter"], told["missing"], told["ok"]) == (None, None, True)
    act(desk, BERT, "end", grant)


@pytest.mark.spec("decisions.md 24")
def test_a_grant_of_one_officer_or_of_another_auditor_opens_nothing_and_is_shown_to_all(desk: Desk, record: str) -> None:
    waiting, of_eve = granted(desk, record, "liis", second=False), granted(desk, record, "eve")
    states = {one["grant"]: (one["auditor"], one["state"]) for one in desk.rows("/grants", "grants")}
    assert (states[waiting], states[of_eve]) == (("liis", "waiting"), ("eve", "open"))
    for grant, why in ((waiting, "waiting"), (of_eve, "another auditor"), ("0" * 32, "no such grant")):
        refused = used(desk, grant)
        assert why in refused.text.replace("&#39;", "'"), grant
        assert record not in refused.text
    until(lambda: ("refused", "liis") in steps(desk, waiting) and ("refused", "liis") in steps(desk, of_eve))
    assert used(desk, "no hex").status_code == 400
    # The same officer's second signature is none
    ended = in_process(
        *("ledger", "grant", "approve", waiting, "--as", "anna", "--key", desk.stage.folder / "anna.key"),
        *("--config", desk.stage.config, "--json"),
    )
    assert ended.returncode == 1
    assert "waiting" in used(desk, waiting).text
