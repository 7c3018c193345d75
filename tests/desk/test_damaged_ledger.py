"""A desk over a ledger that somebody damaged: it answers with what is whole, and names what it could not read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.audit.questions.ledger_summary import summarise
from idp.audit.questions.summary import BLOCK
from idp.desk.auditor.questions import PAGES
from idp.desk.auditor.summaries import ALL, SummaryKeeper
from idp.receipts.receipt import ReceiptHolder
from idp.store.store import Store
from tests.desk.city_desk import CityDesk, city_desk
from tests.idp.audit.conftest import SIZE, city_folder, city_store, filled, migrated
from tests.idp.audit.recorded_city import receipt_of
from tests.idp.store.units import edit

__all__ = ["city_folder", "city_store", "filled", "migrated"]


@pytest.fixture
def desk(city_store: Store, tmp_path: Path) -> Iterator[CityDesk]:
    with city_desk(city_store, tmp_path) as found:
        yield found


def counted(desk: CityDesk) -> int:
    outcomes = ("releases", "refusals", "cancellations", "unsent")
    return sum(int(str(row[name])) for row in desk.rows("/releases", "releases") for name in outcomes)


def spoil(folder: Path, *places: int) -> None:
    mine = "leaf_hash = (SELECT leaf_hash FROM leaves WHERE leaf_index = ?)"
    for place in places:
        edit(folder, f"UPDATE records SET decision_opening = sent_opening WHERE {mine}", place)  # noqa: S608  text of ours


@pytest.mark.spec("issue 31 item 1")
def test_damaged_blocks_do_not_blind_the_desk_and_their_leaves_are_named(
    desk: CityDesk, city_store: Store, city_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two damaged blocks here are what five are to the real bound
    monkeypatch.setattr("idp.desk.auditor.reading.SOON", BLOCK)
    spoil(city_folder, 5, 6, 7, BLOCK + 9, SIZE - 2)
    assert "8192 leaves are not read yet" in desk.get("/releases").text
    assert desk.get("/releases.csv", table="releases").status_code == 503
    SummaryKeeper(desk.auditor).step()
    named = f"5 leaves cannot be read, or are not what was written: 5 to 7, {BLOCK + 9}, {SIZE - 2}."
    for path in ("/releases", "/attributes", "/lacking", "/over-asking", "/switched-off", "/citizens", "/acts"):
        assert named in desk.get(path).text, path
    assert counted(desk) == SIZE - 5
    assert all(desk.get(page.path).status_code == 200 for page in PAGES)
    assert "does not hold" in desk.get("/prove", record="5").text
    assert named in desk.post("/receipts", receipt_of(city_store, 0, ReceiptHolder.RELYING_PARTY)).text


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("UPDATE leaves SET leaf = zeroblob(100) WHERE leaf_index = 8200", 1),
        # 300 leaves behind two blocks: the first subtree of them has 256
        ("UPDATE leaves SET leaf_hash = zeroblob(32) WHERE leaf_index = 8200", 256),
        ("DELETE FROM leaves WHERE leaf_index = 8200", 256),
        ("UPDATE leaves SET leaf = zeroblob(100) WHERE leaf_index = 4100", 1),
        ("DELETE FROM leaves WHERE leaf_index = 4100", BLOCK),
        ("UPDATE records SET time = 9223372036854775807", SIZE),
        ("UPDATE records SET time = -1", SIZE),
        ("DELETE FROM records", SIZE),
    ],
)
def test_a_leaf_that_is_gone_or_changed_is_a_finding_and_no_outage(
    desk: CityDesk, city_folder: Path, statement: str, lost: int
) -> None:
    edit(city_folder, statement)
    assert counted(desk) == SIZE - lost
    for page in PAGES:
        assert desk.get(page.path).status_code == 200, page.path
    assert f"{lost} leaves cannot be read" in desk.get("/releases").text


def test_what_somebody_put_back_counts_again(desk: CityDesk, city_folder: Path) -> None:
    edit(city_folder, "CREATE TABLE kept AS SELECT record, decision_opening FROM records")
    spoil(city_folder, 5)
    assert counted(desk) == SIZE - 1
    edit(
        city_folder,
        "UPDATE records SET decision_opening = (SELECT decision_opening FROM kept k WHERE k.record = records.record)",
    )
    # No page reads such a block again, and the keeper now and then
    assert counted(desk) == SIZE - 1
    keeper = SummaryKeeper(desk.auditor)
    for _ in range(ALL):
        keeper.step()
    assert counted(desk) == SIZE
    assert not summarise(desk.auditor).changed


def test_a_tree_that_is_not_ours_is_no_answer_and_the_page_says_what_to_do(desk: CityDesk, city_folder: Path) -> None:
    edit(city_folder, "UPDATE trees SET root = zeroblob(32)")
    refused = desk.get("/releases")
    assert (refused.status_code, "ciconia ledger verify" in refused.text) == (503, True)
