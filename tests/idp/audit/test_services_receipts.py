"""Question 9 over whole blocks: sums say that no receipt is missing, and leaves are opened where they do not."""

from collections.abc import Sequence

import pytest

from idp.audit.questions import services_receipts
from idp.audit.questions.ledger_summary import summarise
from idp.audit.questions.services_receipts import ReceiptAgreement, compare_receipts
from idp.receipts.receipt import ReceiptHolder
from idp.store.store import Store
from tests.idp.audit.conftest import SIZE
from tests.idp.audit.recorded_city import auditor_of, places_of, receipt_of
from tests.idp.store.units import KEYS

SMALL = 20


@pytest.fixture(scope="module")
def places() -> list[int]:
    found = places_of(SMALL, SIZE)
    assert len(found) > 10
    assert found[0] < 4096 < found[-2] < 2 * 4096, "its releases stand in two blocks at least"
    return found


def _compared(store: Store, places: Sequence[int]) -> ReceiptAgreement:
    auditor = auditor_of(store)
    files = [(str(place), receipt_of(store, place, ReceiptHolder.RELYING_PARTY)) for place in places]
    return compare_receipts(auditor, summarise(auditor), files, KEYS.log.known)


def test_with_all_receipts_only_the_ends_of_the_period_are_opened(
    city_store: Store, places: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _compared(city_store, [*places, places[3]])
    assert (found.disagreements, found.missing, found.unreceipted) == ((), 0, ())
    assert found.services == {f"service-{SMALL}": (len(places), len(places))}
    # The sums tell: no leaf is opened for it
    monkeypatch.setattr(services_receipts, "open_leaves", None)
    assert _compared(city_store, places).services == found.services


def test_each_release_without_a_receipt_is_named(city_store: Store, places: list[int]) -> None:
    absent = {places[4], places[-3]}
    found = _compared(city_store, [place for place in places if place not in absent])
    assert (found.missing, {one.index for one in found.unreceipted}) == (2, absent)
    assert found.services == {f"service-{SMALL}": (len(places) - 2, len(places))}


def test_of_many_without_a_receipt_some_are_named_and_all_are_counted(
    city_store: Store, places: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_receipts, "MOST_NAMED", 2)
    found = _compared(city_store, [places[0], places[-1]])
    assert (found.missing, len(found.unreceipted)) == (len(places) - 2, 2)
