"""Summaries of blocks: made once from checked openings, sealed, bound to the ledger, without persons."""

import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any  # Any: JSON

import pytest
from sqlalchemy import insert, select, text

from idp.audit.questions.filters import LoginFilters
from idp.audit.questions.ledger_summary import SummarisedLedger, summarise, unread
from idp.audit.questions.report import report_releases
from idp.audit.questions.summary import BLOCK, COLUMNS
from idp.ledger.operator_records import draft_switch
from idp.ledger.person_records import DONE, draft_erasure
from idp.ledger.record_contents import REFUSAL, RELEASE, draft_node, draft_unsent, new_record
from idp.ledger.summary_seal import open_summary, summaries_key
from idp.ports import RecordDraft
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.records.clearing import Traces, clear_person
from idp.store.store import Store
from idp.store.stored_tree import BROKEN
from idp.store.switches.switch import PARTY
from policies.errors import SignatureInvalid, StoreUnavailable
from policies.parties import EntityId
from tests.idp.audit.conftest import SIZE
from tests.idp.audit.recorded_city import auditor_of, draft, fill
from tests.idp.store.units import KEYS, NOW, TENANT, commit_all, edit, opened_at, release, unit

EVERYTHING = LoginFilters()


def _answers(store: Store, ledger: SummarisedLedger | None = None) -> dict[str, Any]:
    return report_releases(auditor_of(store), EVERYTHING, ledger).as_json()


def _contents(store: Store) -> dict[int, bytes]:
    with store.engine.connect() as connection:
        rows = connection.execute(select(tables.summaries.c.block, tables.summaries.c.content)).all()
    return {row.block: row.content for row in rows}


def test_an_answer_counts_every_login_once(city_store: Store) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for place in range(SIZE):
        one = draft(place, SIZE, b"s" * 32)
        sent = next(json.loads(opening.content) for opening in one.openings if opening.compartment == "sent")
        expected[sent["client"], one.kind] += 1
    found = _answers(city_store)
    counted = Counter[tuple[str, str]]()
    for row in found["releases"]:
        for kind, name in (("release", "releases"), ("refusal", "refusals"), ("cancellation", "cancellations")):
            counted[row["service"], kind] += row[name]
    assert +counted == expected
    assert found["changed"] == []
    assert not found["lacking"]["found"]
    assert found["lacking"]["pages_unknown"] == 0


def test_a_block_is_read_once_and_leaves_behind_the_last_one_each_time(city_store: Store) -> None:
    auditor = auditor_of(city_store)
    assert unread(auditor) == 2 * BLOCK
    read: list[int] = []
    before = _answers(city_store, summarise(auditor, advance=read.append))
    assert (read, unread(auditor)) == ([BLOCK, BLOCK], 0)
    contents = _contents(city_store)
    city_store.commit(unit(record=release()))
    signing = Sequencer(city_store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    signing.step()
    signing.stop()
    after = _answers(city_store, summarise(auditor, advance=read.append))
    assert len(read) == 2
    assert _contents(city_store) == contents
    assert after["size"] == before["size"] + 1
    assert sum(row["releases"] for row in after["releases"]) == sum(row["releases"] for row in before["releases"]) + 1


def test_processes_make_what_one_makes_and_either_database_says_the_same(postgres: str, city_store: Store) -> None:
    alone = summarise(auditor_of(city_store), processes=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("idp.audit.questions.ledger_summary.ALONE", 0)
        store = opened_at(postgres)
        fill([store], SIZE, processes=1)
        together = summarise(auditor_of(store), processes=2)
        again = summarise(auditor_of(store))
        store.close()
    assert together == again
    assert together.summaries == alone.summaries


def test_nothing_of_a_person_is_in_a_summary(city_store: Store) -> None:
    summarise(auditor_of(city_store))
    with city_store.engine.connect() as connection:
        hashes = dict(
            connection.execute(
                select(tables.nodes.c.node_index, tables.nodes.c.hash).where(tables.nodes.c.level == 12)
            ).all()
        )
    key = summaries_key(KEYS.openings, TENANT)
    for block, content in _contents(city_store).items():
        head, *lines = zlib.decompress(open_summary(key, block, hashes[block], content)).decode().split("\n")
        assert set(json.loads(head)) == {"v", "others", "changed", "pages", "tables"}
        parts = [json.loads(line) for line in lines[len(COLUMNS) :]]
        texts = {text for part in parts for text in _texts(part)}
        digests = {text for text in texts if len(text) >= 32}
        policies = {purpose.digest for purpose in auditor_of(city_store).configuration.purposes.values()}
        notices = {part[0] for part in parts if len(part) == 1}
        assert digests <= policies | notices
        assert len(notices) <= 40 * 3


def _texts(part: object) -> list[str]:
    if isinstance(part, list):
        return [text for each in part for text in _texts(each)]
    return [part] if isinstance(part, str) else []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE summaries SET content = zeroblob(100) WHERE block = 1",
        "UPDATE summaries SET content = (SELECT content FROM summaries WHERE block = 0) WHERE block = 1",
        "DELETE FROM summaries WHERE block = 1",
        "INSERT INTO summaries VALUES ('login.storkhaven.example', 7, zeroblob(100))",
    ],
)
def test_a_summary_that_is_not_ours_or_of_another_block_is_made_again(
    city_folder: Path, city_store: Store, statement: str
) -> None:
    before = summarise(auditor_of(city_store))
    edit(city_folder, statement)
    assert summarise(auditor_of(city_store)) == before
    read: list[int] = []
    assert summarise(auditor_of(city_store), advance=read.append) == before
    assert read == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 12 AND node_index = 1",
        "DELETE FROM nodes WHERE level = 12 AND node_index = 1",
        "DELETE FROM nodes WHERE level = 8 AND node_index = 32",
        "UPDATE trees SET size = size - 1",
        "UPDATE trees SET root = zeroblob(32)",
    ],
)
def test_a_changed_tree_is_no_answer(city_folder: Path, city_store: Store, statement: str) -> None:
    summarise(auditor_of(city_store))
    edit(city_folder, statement)
    with pytest.raises(StoreUnavailable) as refused:
        summarise(auditor_of(city_store))
    assert refused.value.code == BROKEN


OF_PLACE = "(SELECT record FROM records JOIN leaves USING (tenant, leaf_hash) WHERE leaf_index = {})"


@pytest.mark.parametrize("place", [5, 2 * BLOCK + 5])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET decision_opening = zeroblob(1072) WHERE record = {of}",
        "UPDATE records SET decision_opening = sent_opening WHERE record = {of}",
        "UPDATE records SET sent_opening = (SELECT max(sent_opening) FROM records) WHERE record = {of}",
        "UPDATE records SET time = time + 1 WHERE record = {of}",
        "DELETE FROM records WHERE record = {of}",
    ],
)
def test_a_record_that_is_not_what_was_written_is_named_and_left_out(
    city_folder: Path, city_store: Store, statement: str, place: int
) -> None:
    edit(city_folder, statement.format(of=OF_PLACE.format(place)))
    found = summarise(auditor_of(city_store))
    assert found.changed == (place,)
    assert sum(sum(summary.rows["count"]) for summary in found.summaries) == SIZE - 1
    again: list[int] = []
    assert summarise(auditor_of(city_store), advance=again.append, again=False) == found
    assert again == []
    assert summarise(auditor_of(city_store), advance=again.append) == found
    assert again == ([BLOCK] if place == 5 else []), "a block with a changed record is read again"
    assert any("ciconia ledger verify" in note for note in _answers(city_store)["notes"])


def test_a_switch_that_was_changed_after_its_block_was_read_is_named(store: Store) -> None:
    switch = draft_switch(record=new_record(), time=NOW, switch=PARTY, name="parking", off=True, reason="an incident")
    commit_all(store, [unit(record=switch)])
    Sequencer(store, KEYS, checkpoint_seconds=0).step()
    ledger = summarise(auditor_of(store))
    assert [one["name"] for one in _answers(store, ledger)["switched_off"]] == ["parking"]
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE records SET decision_opening = sent_opening"))
    found = _answers(store, ledger)
    assert (found["switched_off"], found["changed"]) == ([], [0])
    assert any("ciconia ledger verify" in note for note in found["notes"])


def test_a_block_with_leaves_of_another_tree_counts_nowhere(city_folder: Path, city_store: Store) -> None:
    edit(city_folder, "DELETE FROM leaves WHERE leaf_index = 5")
    found = summarise(auditor_of(city_store))
    assert found.changed == tuple(range(BLOCK))
    assert sum(sum(summary.rows["count"]) for summary in found.summaries) == SIZE - BLOCK


def test_an_answer_that_never_left_counts_for_the_service_that_did_not_get_it(store: Store) -> None:
    first = release()
    commit_all(store, [unit(record=first)])
    commit_all(
        store,
        [unit(record=draft_unsent(time=NOW, about=about)) for about in (first.record, b"x" * 16)],
    )
    signing = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    signing.step()
    signing.stop()
    rows = {row["service"]: (row["releases"], row["unsent"]) for row in _answers(store)["releases"]}
    assert rows == {"parking": (1, 1), "": (0, 1)}


def test_an_empty_ledger_says_so(store: Store) -> None:
    found = _answers(store)
    assert (found["size"], found["releases"], found["notes"]) == (0, [], ["The ledger is empty."])


def test_an_answer_is_the_same_after_a_person_was_erased(city_folder: Path, city_store: Store) -> None:
    before = summarise(auditor_of(city_store))
    subject, erasure = next(iter(_subjects(city_store))), b"e" * 16
    row = {"tenant": TENANT, "erasure": erasure, "subject": subject, "asked": NOW, "due": NOW, "officers": "", "seal": b""}
    with city_store.engine.begin() as connection:
        connection.execute(insert(tables.erasures), [row])

    def written(leaves: int) -> RecordDraft:
        return draft_erasure(record=new_record(), time=NOW, act=DONE, erasure=erasure, leaves=leaves, who=("person",))

    cleared = clear_person(city_store.engine, TENANT, KEYS, erasure, traces=lambda _: Traces(), draft=written)
    assert cleared is not None
    assert cleared.leaves > 1
    edit(city_folder, "DELETE FROM summaries")
    assert summarise(auditor_of(city_store)) == before


def _subjects(store: Store) -> list[bytes]:
    with store.engine.connect() as connection:
        return list(connection.scalars(select(tables.subjects.c.subject).where(tables.subjects.c.counter > 1)))


def test_a_nodes_logins_are_those_of_the_nodes_that_asked(store: Store) -> None:
    node = EntityId("https://node.example/")
    drafts = [
        draft_node(record=new_record(), time=NOW, kind=kind, message="_m", node=node)
        for kind in (RELEASE, RELEASE, REFUSAL)
    ]
    commit_all(store, [unit(record=draft) for draft in drafts])
    signing = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    signing.step()
    signing.stop()
    found = _answers(store)
    (row,) = found["releases"]
    assert (row["service"], row["purpose"], row["releases"], row["refusals"]) == (node, "", 2, 1)
    assert found["lacking"]["compared"] == 0


def test_a_summary_of_another_tenant_does_not_open(city_store: Store) -> None:
    summarise(auditor_of(city_store))
    with city_store.engine.connect() as connection:
        hashed = connection.scalar(
            select(tables.nodes.c.hash).where(tables.nodes.c.level == 12, tables.nodes.c.node_index == 0)
        )
    content = _contents(city_store)[0]
    assert open_summary(summaries_key(KEYS.openings, TENANT), 0, hashed or b"", content)
    for key, block, of in (
        (summaries_key(KEYS.openings, "other.example"), 0, hashed),
        (summaries_key(b"o" * 32, TENANT), 0, hashed),
        (summaries_key(KEYS.openings, TENANT), 1, hashed),
        (summaries_key(KEYS.openings, TENANT), 0, b"h" * 32),
    ):
        with pytest.raises(SignatureInvalid):
            open_summary(key, block, of or b"", content)
