"""The citizen's own page: after a sign-in for it, every release under their key, and nobody else's."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import delete, select, update

from idp.citizen.visits import VISIT_LIFE
from idp.ledger.leaf import subject_index
from idp.receipts.receipt_verify import verify_receipt
from idp.store import tables
from idp.store.engine import writing
from idp.store.switches.switch import COUNTRY
from tests.forgetting import forget_switches, switch_of
from tests.idp.server.crew import until
from tests.idp.staging import Clock, opened
from tests.idp.web.stage import LOWERED, Stage
from tests.idp.web.visitor import Answer, Visitor, login_of, of_mari

COOKIE = "__Host-me"


def _entered(visitor: Visitor, citizen: str = "mari", provider: str = "demo-ee", **fields: str) -> Answer:
    """Sign in for the page, and open it."""
    picker = visitor.go("POST", "/me/sign-in", fields=fields)
    assert picker.status == 200, picker.text
    onward = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker), provider), citizen))
    assert (onward.status, onward.heading) == (200, "You are signed in"), onward.text
    return visitor.go("GET", "/me")


def _numbers(page: Answer) -> list[int]:
    return [int(each) for each in page.found("//article/@data-number")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of its own: a test here damages the ledger."""
    with opened(Stage(tmp_path_factory.mktemp("me") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def newest(running: Stage) -> int:
    """The number of Mari's newest record when the test begins."""
    with Visitor(running) as looking:
        return max(_numbers(_entered(looking)), default=0)


@pytest.mark.spec("issue 31 item 6")
def test_every_release_under_the_persons_key_is_listed_and_a_service_learns_nothing(
    visitor: Visitor, stage: Stage, newest: int
) -> None:
    visitor.code()
    visitor.code()
    visitor.decides(visitor.question(), "refuse")
    before = stage.written()
    page = _entered(visitor)
    assert page.heading == "Who got data about you"
    assert _numbers(page)[:2] == [newest + 2, newest + 1]
    assert f"All from 1 to {newest + 2} are there" in page.text
    said = page.tree.xpath(f"//article[@data-number='{newest + 1}']")[0].text_content()
    assert all(each in said for each in ("Resident parking", "Needed for a public task", "18 or older")), said
    assert "Family name" in said, "the service asked for it in vain"
    assert stage.written()["records"] == before["records"]
    assert of_mari(page.text) == []


@pytest.mark.spec("issue 31 item 6")
def test_the_receipt_of_each_release_can_be_taken_at_any_time(visitor: Visitor, stage: Stage, newest: int) -> None:
    with Visitor(stage) as other:
        other.code()
    path = _entered(visitor).found("//article//a/@href")[0]
    assert path == f"/me/receipt.json?n={newest + 1}"
    taken = visitor.go("GET", path)
    assert taken.status == 200, taken.text
    assert "attachment" in taken.headers["content-disposition"]
    keys = stage.application.keys.ledger.log.published(stage.clock())
    assert verify_receipt(taken.text.encode(), keys).client == "parking"
    assert visitor.go("GET", f"/me/receipt.json?n={newest + 2}").status == 404
    for wrong in ("", "?n=0", "?n=-1", "?n=1&n=1", "?n=one", "?n=1&x=1", f"?n={2**63}"):
        assert visitor.go("GET", f"/me/receipt.json{wrong}").status == 400
    assert visitor.go("GET", path, jar={}).status == 404


@pytest.mark.spec("issue 31 item 6")
def test_a_release_that_comes_while_the_page_is_open_stands_on_it_when_it_is_loaded_again(
    visitor: Visitor, stage: Stage, newest: int
) -> None:
    _entered(visitor)
    with Visitor(stage) as other:
        other.code()
    assert _numbers(visitor.go("GET", "/me"))[0] == newest + 1


@pytest.mark.spec("issue 31: another person of the same name; the same identifier of another country")
def test_nobody_else_sees_any_of_it(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    with Visitor(stage) as another, Visitor(stage) as abroad:
        assert _numbers(_entered(another, "juhan")) == []
        # The other country vouches for the same name and the same identifier
        assert _numbers(_entered(abroad, "mari", "demo-lv")) == []


@pytest.mark.spec("issue 31 item 6: a session of a service is not enough")
def test_only_a_sign_in_for_the_page_opens_it_and_it_closes_soon(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    door = visitor.go("GET", "/me")
    assert (door.status, door.heading) == (200, "See who got data about you")
    assert _numbers(_entered(visitor))
    cookie = visitor.jar[COOKIE]
    for wrong in ("", "A" * 43, cookie[:-1], visitor.jar["__Host-receipt"]):
        assert not _numbers(visitor.go("GET", "/me", jar={COOKIE: wrong}))
    stage.clock.ahead = VISIT_LIFE
    assert not _numbers(visitor.go("GET", "/me"))


@pytest.mark.spec("decisions.md 7")
def test_another_site_begins_no_sign_in_and_ends_no_session(visitor: Visitor) -> None:
    _entered(visitor)
    foreign: dict[str, str | None] = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    for path in ("/me/sign-in", "/me/end"):
        assert visitor.go("POST", path, headers=foreign).status == 403
        assert visitor.go("POST", path, headers={"origin": "null", "sec-fetch-site": None}).status == 403
    assert visitor.go("GET", "/me", headers={"sec-fetch-dest": "iframe"}).status == 403
    assert visitor.go("GET", "/me/sign-in").status == 405
    assert visitor.go("POST", "/me/sign-in", fields={"level": "none"}).status == 400
    assert visitor.go("POST", "/me/sign-in", fields={"client_id": "parking"}).status == 400
    assert COOKIE in visitor.jar


def test_a_button_ends_the_session_of_this_browser_alone(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    _entered(visitor)
    held = dict(visitor.jar)
    with Visitor(stage) as other:
        _entered(other)
        assert visitor.go("POST", "/me/end").heading == "See who got data about you"
        assert COOKIE not in visitor.jar
        assert not _numbers(visitor.go("GET", "/me", jar=held)), "the handle opens nothing any more"
        assert _numbers(other.go("GET", "/me"))


@pytest.mark.spec("decisions.md 1")
def test_an_answer_opens_one_session(visitor: Visitor) -> None:
    login = login_of(visitor.go("POST", "/me/sign-in"))
    answer = visitor.signs_in(visitor.asked(login))
    jar = dict(visitor.jar)
    assert visitor.returns(answer).status == 200
    again = visitor.comes_back("/saml/acs", visitor.stage.country_base, answer, jar=jar)
    assert again.status == 409
    assert COOKIE not in again.cookies


@pytest.mark.spec("decisions.md 31")
def test_a_country_that_is_switched_off_closes_the_page(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    _entered(visitor)
    switch = switch_of(stage.application, stage.clock)
    try:
        switch(COUNTRY, "EE")
        assert not _numbers(visitor.go("GET", "/me"))
        switch(COUNTRY, "EE", off=False)
        assert not _numbers(visitor.go("GET", "/me")), "on again, it brings nothing back"
    finally:
        forget_switches(stage.application)


def test_a_release_at_a_higher_level_is_shown_to_a_sign_in_of_that_level_alone(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    edits = {"providers/demo-ee.toml": LOWERED}
    with stage.other_broker(stage.folder / "lower", edits) as port, Visitor(stage, port=port) as lower:
        page = _entered(lower)
        number = _numbers(page)[0]
        assert "Resident parking" not in page.text
        assert "High" in page.text
        assert page.found("//article//input[@name='level']/@value")[0] == "high"
        assert lower.go("GET", f"/me/receipt.json?n={number}").status == 404


@pytest.mark.spec("issue 31 item 6: without a gap (the counter proves it)")
def test_a_record_that_is_gone_or_changed_is_missed(visitor: Visitor, stage: Stage) -> None:
    records = tables.records.c
    for _ in range(4):
        visitor.code(citizen="juhan", scope="openid purpose:resident-parking")
    newest = max(_numbers(_entered(visitor, "juhan")))
    engine, keys = stage.application.store.engine, stage.application.keys
    juhan = subject_index(keys.index, stage.application.settings.tenant, "demo/EE", "EE-36406010002")

    def placed() -> bool:
        with engine.connect() as connection:
            return not connection.scalars(select(tables.staged.c.record)).all()

    # A ledger stands still for good when what it is appending goes away
    until(placed)
    with writing(engine).begin() as connection:
        mine = select(tables.records).where(records.subject == juhan)
        found = {row.position: row for row in connection.execute(mine)}
        gone, changed = found[newest - 2], found[newest - 1]
        connection.execute(delete(tables.records).where(records.record == gone.record))
        other = update(tables.records).where(records.record == changed.record)
        connection.execute(other.values(sent_opening=gone.sent_opening))
    page = _entered(visitor, "juhan")
    assert _numbers(page)[:2] == [newest, newest - 3]
    (alert,) = page.found("string(//p[@role='alert'])")
    assert re.findall(r"\d+", alert) == [str(newest - 2), str(newest - 1)]


@pytest.mark.spec("issue 31 items 6 and 7; EUDI TS7 1.0 DATA_DLT_02 a and 07")
def test_the_address_of_wallets_for_deletion_leads_to_an_erasure_that_can_be_stopped(
    visitor: Visitor, stage: Stage
) -> None:
    visitor.code("liisi", scope="openid purpose:resident-parking")
    door = visitor.go("GET", "/me/erase")
    assert (door.status, door.heading) == (200, "See who got data about you")
    assert visitor.go("POST", "/me/erase").status == 404, "nobody has authenticated"
    assert "/me/erase" in _entered(visitor, "liisi").found("//a/@href")
    asked = visitor.go("POST", "/me/erase")
    assert (asked.status, asked.headers["location"]) == (303, f"{stage.issuer}/me/erase")
    page = visitor.go("GET", "/me/erase")
    assert "Until then you can stop it" in page.text
    foreign: dict[str, str | None] = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    assert visitor.go("POST", "/me/erase/stop", headers=foreign).status == 403
    with Visitor(stage) as another:
        _entered(another)
        assert another.go("POST", "/me/erase/stop").status == 403, "nobody stops another person's"
    assert visitor.go("POST", page.found("//main//form/@action")[0]).status == 303
    assert visitor.go("GET", "/me/erase").found("//main//form/@action") == ["/me/erase"]
    assert visitor.go("POST", "/me/erase/stop").status == 403
