"""A desk over a hundred thousand leaves: it says that it reads them, and then each page is there within two seconds."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from idp.desk.auditor.questions import PAGES
from idp.desk.auditor.reading import SOON
from idp.desk.auditor.summaries import SummaryKeeper
from idp.receipts.receipt import ReceiptHolder
from idp.store.migrate import migrate
from idp.store.store import Store
from tests.desk.city_desk import CityDesk, city_desk
from tests.idp.audit.recorded_city import fill, receipt_of
from tests.idp.store.units import opened_at
from tests.postgres import server

pytestmark = pytest.mark.slow
SIZE = 100_000
# Of the processor: others use the machine at the same time
# To read all leaves takes minutes of CPU
SECONDS = 20.0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    file = tmp_path_factory.mktemp("large") / "ciconia.db"
    url = server().fresh() if request.param == "postgresql" else f"sqlite:///{file}"
    migrate(url)
    found = opened_at(url)
    fill([found], SIZE)
    yield found
    found.close()


@pytest.fixture(scope="module")
def desk(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityDesk]:
    with city_desk(store, tmp_path_factory.mktemp("desk")) as found:
        yield found


@pytest.mark.spec("issue 31 item 1")
def test_pages_over_many_leaves_say_that_they_are_read_and_then_answer_soon(desk: CityDesk, store: Store) -> None:
    assert "98304 leaves are not read yet" in desk.get("/releases").text
    with store.engine.begin() as connection:
        # More blocks than a page reads by itself, each with a record that is not what was written
        spoilt = "(SELECT leaf_hash FROM leaves WHERE leaf_index % 8192 = 7)"
        connection.execute(text(f"UPDATE records SET decision_opening = sent_opening WHERE leaf_hash IN {spoilt}"))  # noqa: S608  ours
    damaged = len(range(7, SIZE, 8192))
    assert damaged * 4096 > SOON
    SummaryKeeper(desk.auditor).step()
    asked: list[tuple[str, dict[str, str]]] = [(page.path, {}) for page in PAGES]
    for path, query in [*asked, ("/releases.csv", {"table": "releases"}), ("/prove", {"record": "50000"})]:
        begins = time.process_time()
        answer = desk.get(path, **query)
        took = time.process_time() - begins
        assert (answer.status_code, "not read yet" in answer.text, took < SECONDS) == (200, False, True), (path, took)
    assert f"{damaged} leaves cannot be read" in desk.get("/releases").text
    receipts = [receipt_of(store, place, ReceiptHolder.RELYING_PARTY) for place in range(1, 4)]
    assert "receipt" in desk.post("/receipts", *receipts).text
