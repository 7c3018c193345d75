"""The proving questions over several blocks of leaves, and in PostgreSQL."""

from dataclasses import replace
from pathlib import Path

import pytest

from idp.audit.questions.acts import acts_between
from idp.audit.questions.compared import CHECKPOINT, HeldEvidence, compare_with
from idp.audit.questions.ledger_summary import summarise
from idp.audit.questions.many_records import records_in, spans_with
from idp.audit.questions.one_record import best_checkpoint, one_record
from idp.audit.questions.services_receipts import compare_receipts
from idp.audit.record_proof import RecordFilter, proof_of_record
from idp.audit.record_proof_verify import verify_record
from idp.ledger.checkpoint import TreeHead, open_note
from idp.ledger.record_contents import RELEASE
from idp.ports import Checkpoint
from idp.store.store import Store
from policies.errors import SignatureInvalid
from tests.idp.audit.conftest import SIZE
from tests.idp.audit.recorded_city import auditor_of, fill
from tests.idp.store.units import KEYS, TENANT, change, opened_at

# As many as prove that whole blocks are passed over: a path is read for each record
FILTERS = [
    RecordFilter(kind="switch"),
    RecordFilter(client="nobody"),
    RecordFilter(kind="cancellation", since=0, until=2**40),
    RecordFilter(kind=RELEASE, until=0),
]


def _best(store: Store) -> Checkpoint:
    with store.engine.connect() as connection:
        found = best_checkpoint(connection, auditor_of(store), 1)
    assert found is not None
    return found


@pytest.mark.parametrize("asked", FILTERS, ids=str)
def test_a_filter_finds_the_same_records_by_summaries_and_without(city_store: Store, asked: RecordFilter) -> None:
    auditor, best = auditor_of(city_store), _best(city_store)
    ledger = summarise(auditor, processes=1)
    by_blocks = [placed.index for _, _, placed in records_in(auditor, best, (0, SIZE), asked, ledger)]
    assert by_blocks == [placed.index for _, _, placed in records_in(auditor, best, (0, SIZE), asked)]


def test_blocks_without_a_record_of_the_period_are_passed_over(city_store: Store) -> None:
    auditor, best = auditor_of(city_store), _best(city_store)
    ledger = summarise(auditor, processes=1)
    last = one_record(auditor, str(SIZE - 1)).time
    assert [*spans_with(ledger, (0, SIZE), RecordFilter(since=last + 1))] == []
    found = [*spans_with(ledger, (10, SIZE), RecordFilter(since=last, until=last + 1))]
    assert found
    assert [*spans_with(ledger, (10, SIZE), RecordFilter())] == [(10, 4096), (4096, 8192), (8192, SIZE)]
    (index,) = {
        placed.index for _, _, placed in records_in(auditor, best, (SIZE - 1, SIZE), RecordFilter(since=last), ledger)
    }
    assert index == SIZE - 1


def test_a_changed_record_is_passed_over_by_no_filter(city_folder: Path, city_store: Store) -> None:
    change(city_folder, "UPDATE records SET sent_opening = decision_opening WHERE rowid = 5000")
    auditor = auditor_of(city_store)
    ledger = summarise(auditor, processes=1)
    assert len(ledger.changed) == 1
    with pytest.raises(SignatureInvalid, match=f"leaf {ledger.changed[0]} "):
        list(records_in(auditor, _best(city_store), (0, SIZE), RecordFilter(client="nobody"), ledger))
    acts = acts_between(auditor, ledger)
    assert acts.changed == ledger.changed


@pytest.mark.spec("issue 31, item 2: over a million releases in under two seconds each, on SQLite and PostgreSQL")
def test_postgresql_answers_the_same(postgres: str) -> None:
    theirs = opened_at(postgres)
    fill([theirs], 300, processes=1)
    auditor, best = auditor_of(theirs), _best(theirs)
    ledger = summarise(auditor, processes=1)
    for index in (0, 17, 299):
        found = one_record(auditor, str(index))
        assert found.holds, found.findings
        assert found.placed is not None
        proof = proof_of_record(KEYS.origin, found.leaf, found.openings, found.placed)
        assert verify_record(proof, KEYS.log.known).index == index
        assert one_record(auditor, found.record.hex()) == found
    acts = acts_between(auditor, ledger)
    assert {act.kind for act in acts.acts} == {other.kind for summary in ledger.summaries for other in summary.others}
    assert [*records_in(auditor, best, (0, 20), RecordFilter(kind=RELEASE), ledger)]
    head = TreeHead.read(open_note(best.note.encode(), *KEYS.log.known))
    held = [HeldEvidence(CHECKPOINT, "kept", head), HeldEvidence(CHECKPOINT, "other", replace(head, root=bytes(32)))]
    assert [each.why == "" for each in compare_with(theirs.engine, TENANT, KEYS, held)] == [True, False]
    assert compare_receipts(auditor, ledger, [("none", b"")], KEYS.log.known).disagreements[0].check == "json"
    theirs.close()
