"""A read-only, locked or full database: a page that says so, nothing released, nothing lost, and a retry that succeeds."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest
from sqlalchemy import Connection, event

from idp.store.engine import BUSY_MILLISECONDS
from idp.web.login_cookies import STRICT
from policies.errors import StoreUnavailable
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

Fault = Callable[[Stage], AbstractContextManager[None]]
UNAVAILABLE = "We cannot record anything at the moment"


@contextmanager
def _pragma(stage: Stage, during: str, after: str) -> Iterator[None]:
    """Every connection that begins something has it; afterwards none, also none that was kept meanwhile."""
    engine, met = stage.application.store.engine, list[sqlite3.Connection]()

    def begun(connection: Connection) -> None:
        found = connection.connection.driver_connection
        assert isinstance(found, sqlite3.Connection)
        found.execute(during)
        met.append(found)

    event.listen(engine, "begin", begun, insert=True)
    try:
        yield
    finally:
        event.remove(engine, "begin", begun)
        for each in met:
            with suppress(sqlite3.ProgrammingError):  # it was closed meanwhile
                each.execute(after)


def read_only(stage: Stage) -> AbstractContextManager[None]:
    return _pragma(stage, "PRAGMA query_only = 1", "PRAGMA query_only = 0")


def full(stage: Stage) -> AbstractContextManager[None]:
    """No page more than there is: SQLite says what it says on a full disk."""
    return _pragma(stage, "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1073741823")


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Somebody else holds the lock for longer than anybody waits."""
    other = sqlite3.connect(stage.receiving / "ciconia.db", isolation_level=None)
    with _pragma(stage, "PRAGMA busy_timeout = 20", f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}"):
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()


# One that is locked keeps everybody waiting for five seconds
FAULTS = [
    (read_only, "SQLITE_READONLY", "approve"),
    (read_only, "SQLITE_READONLY", "refuse"),
    (full, "SQLITE_FULL", "approve"),
    (locked, "SQLITE_BUSY", "approve"),
]


def _unavailable(answer: Answer) -> None:
    assert (answer.status, answer.heading) == (503, UNAVAILABLE)
    assert answer.headers["retry-after"] == "30"
    assert "set-cookie" not in answer.headers, "the login's cookies stay as they are"
    assert "code=" not in answer.text
    assert answer.reference


def _until_full(visitor: Visitor, stage: Stage, choice: str) -> tuple[Answer, Answer, dict[str, int]]:
    """Decide until the last page is full: the question that could not be decided, what came back, what was there before."""
    for _ in range(60):
        question = visitor.question()
        before = stage.written()
        answer = visitor.decides(question, choice)
        if answer.status != 200:
            return question, answer, before
    raise AssertionError("the database never was full")


@pytest.mark.spec("issue 2: a database that is read-only, locked or full")
@pytest.mark.parametrize(("make", "word", "choice"), FAULTS)
def test_a_decision_that_cannot_be_recorded_releases_nothing_and_can_be_made_again(
    visitor: Visitor, stage: Stage, logs: Lines, make: Fault, word: str, choice: str
) -> None:
    with make(stage):
        question, answer, before = _until_full(visitor, stage, choice)
        _unavailable(answer)
        line = next(line for line in logs if line.get("reference") == answer.reference)
        assert (line["code"], line["detail"], line["log_level"]) == ("store_unavailable", word, "error")
        assert stage.written() == before
        _unavailable(visitor.decides(question, choice))
    assert STRICT + question.fields["login"] in visitor.jar
    again = visitor.decides(question, choice)
    assert again.status in (200, 303)
    if choice == "approve":
        assert visitor.redeem(again.back["code"]).status == 200
    else:
        assert again.back["error"] == "access_denied"


def test_a_code_that_cannot_be_redeemed_now_can_be_later(visitor: Visitor, stage: Stage) -> None:
    code = visitor.code()
    with read_only(stage):
        answer = visitor.redeem(code)
        assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "5"
        assert set(answer.json) == {"error", "error_description"}
    assert visitor.redeem(code).status == 200


def test_a_long_request_that_cannot_be_parked_is_refused_before_a_login_begins(visitor: Visitor, stage: Stage) -> None:
    with read_only(stage):
        _unavailable(visitor.authorize(state="".join(f"{number:05d}x" for number in range(600))))
        assert visitor.login(), "a request of usual length needs no row"


def test_what_looks_after_keys_asks_the_database_before_it_accuses_them(
    stage: Stage, logs: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_asked: object) -> None:
        raise StoreUnavailable("gone")

    application = stage.application
    monkeypatch.setattr(application.sealing, "_held", {})
    monkeypatch.setattr(application.sealing._rows, "rows", gone)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(application.store, "_read", gone)
        application.keeper.step()
        assert not logs
    application.keeper.step()
    assert [(line["event"], line["check"]) for line in logs] == [("keys_not_ready", "gone")]
