"""The last page: what goes is made when the citizen goes on, for this browser alone, and only while it may go."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.signatures.jws import from_base64url
from idp.audit.verify import verify_ledger
from idp.login.states import ONWARD_LIFE
from idp.store import tables
from idp.store.switches.switch import COUNTRY, PARTY, PROVIDER
from idp.web.login_cookies import STRICT
from tests.forgetting import Switch, forget_switches, switch_of
from tests.idp.staging import Clock, Lines, opened
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, login_of, of_mari

pytestmark = pytest.mark.spec("issue 32 item 3")
GONE, ELSEWHERE = "This was already decided", "This did not come from our page"
FILE = "/receipt.json"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of these tests alone: the ledger remembers every switch."""
    with opened(Stage(tmp_path_factory.mktemp("last") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def switch(stage: Stage) -> Iterator[Switch]:
    yield switch_of(stage.application, stage.clock)
    forget_switches(stage.application)


def onward(last: Answer) -> str:
    (path,) = last.found("//main//a[@class='button']/@href")
    return path


def stays(last: Answer) -> str:
    (path,) = last.found("//main//a[text()='Stay on this page']/@href")
    return path


def parked(stage: Stage) -> dict[str, int]:
    """How many rows lie parked, by their kind."""
    with stage.application.store.engine.connect() as connection:
        kinds = [row.kind for row in connection.execute(select(tables.parked.c.kind))]
    return {kind: kinds.count(kind) for kind in kinds}


def test_it_names_what_goes_and_no_value_and_nothing_has_gone(visitor: Visitor, stage: Stage) -> None:
    before = parked(stage).get("code", 0)
    last = visitor.presses(visitor.question(), ticked={"share.email": "yes"})
    for page in (last, visitor.go("GET", stays(last))):
        said = page.found("//main//li//text()")
        assert "Date of birth: whether 18 or older" in said
        assert any("mail" in each for each in said)
        assert of_mari(page.text) == []
        assert {"/receipt", "/receipt.json"} < {*page.found("//main//a/@href")}
        assert page.headers["cache-control"] == "no-store"
    assert last.headers["refresh"] == f"10; url={onward(last)}"
    assert "refresh" not in page.headers, "whoever stays goes when they like"
    assert parked(stage).get("code", 0) == before
    assert visitor.goes_on(last).back["code"]
    assert parked(stage)["code"] == before + 1


@pytest.mark.parametrize("choice", ["refuse", "cancel"])
def test_after_a_refusal_it_says_that_nothing_was_shared_and_keeps_nothing_of_the_person(
    visitor: Visitor, choice: str
) -> None:
    last = visitor.presses(visitor.question(), choice)
    assert "ended, and nothing about you." in last.text
    assert not last.found("//main//a[@href='/receipt']")
    assert last.headers["refresh"] == f"10; url={onward(last)}"
    assert visitor.go("GET", stays(last)).heading == last.heading
    assert visitor.goes_on(last).back["error"] == "access_denied"


def test_the_same_answer_for_a_minute_from_going_on_and_then_a_page_that_says_so(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    question = visitor.question()
    last = visitor.presses(question)
    stage.clock.ahead = ONWARD_LIFE - 10
    code = visitor.goes_on(last).back["code"]
    stage.clock.ahead += 9
    assert visitor.goes_on(visitor.presses(question)).back["code"] == code
    stage.clock.ahead = ONWARD_LIFE - 1
    assert visitor.redeem(code).status == 200
    stage.clock.ahead = ONWARD_LIFE
    late = visitor.goes_on(last)
    assert (late.status, late.heading) == (409, GONE)


def test_a_press_leads_to_the_page_which_goes_on_by_itself_once(visitor: Visitor, stage: Stage) -> None:
    pressed = visitor.sends(visitor.question())
    path = f"/login/{visitor.newest}/stay"
    assert (pressed.status, pressed.headers["location"], pressed.text) == (303, stage.issuer + path, "")
    before = stage.written()
    last, again, third = (visitor.go("GET", path) for _ in range(3))
    assert [page.headers.get("refresh") for page in (last, again, third)] == [f"10; url={onward(last)}", None, None]
    assert stage.written() == before, "whoever reads it writes nothing"
    assert visitor.goes_on(third).back["code"]
    back = visitor.go("GET", path)
    assert (back.status, back.heading, back.found("//main//a")) == (409, GONE, []), "nothing waits any more"


def test_a_minute_after_going_on_the_answer_is_given_no_more(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    last = visitor.presses(visitor.question())
    code = visitor.goes_on(last).back["code"]
    stage.clock.ahead = 59
    assert visitor.goes_on(last).back["code"] == code
    stage.clock.ahead = 60
    late = visitor.goes_on(last)
    assert (late.status, late.heading, "code=" in late.text) == (409, GONE, False)
    assert visitor.redeem(code).json["error"] == "invalid_grant", "and its minute is over, too"


def test_whoever_does_not_go_on_within_five_minutes_sends_nothing(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    before, codes = stage.records, parked(stage).get("code", 0)
    last = visitor.presses(visitor.question())
    stage.clock.ahead = ONWARD_LIFE
    for path in (onward(last), stays(last)):
        late = visitor.go("GET", path, headers={"sec-fetch-site": "same-origin"})
        assert (late.status, late.heading) == (409, GONE)
    assert stage.records == before + 1, "the record says that it was authorised, and gets no event"
    assert parked(stage).get("code", 0) == codes


FOREIGN: Mapping[str, Mapping[str, str]] = {
    "another site's link": {"sec-fetch-site": "cross-site"},
    "a neighbour's link": {"sec-fetch-site": "same-site"},
    "typed": {"sec-fetch-site": "none"},
    "prefetched": {"sec-fetch-site": "same-origin", "sec-purpose": "prefetch"},
    "prerendered": {"sec-fetch-site": "same-origin", "sec-purpose": "prefetch;prerender"},
    "prefetched by an older browser": {"sec-fetch-site": "same-origin", "purpose": "prefetch"},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_nobody_else_goes_on_for_the_citizen(visitor: Visitor, name: str) -> None:
    last = visitor.presses(visitor.question())
    answer = visitor.go("GET", onward(last), headers=FOREIGN[name])
    assert (answer.status, answer.heading) == (403, ELSEWHERE)
    framed = visitor.go("GET", onward(last), headers={"sec-fetch-site": "same-origin", "sec-fetch-dest": "iframe"})
    assert framed.status == 403
    assert visitor.go("HEAD", onward(last), headers={"sec-fetch-site": "same-origin"}).status == 405
    assert visitor.goes_on(last).back["code"], "nothing was used up"


def test_it_is_bound_to_this_browser_and_this_login(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    last, other = visitor.presses(visitor.question()), visitor.presses(visitor.question())
    login, second = (onward(page).split("/")[2] for page in (last, other))
    swapped = {STRICT + login: visitor.jar[STRICT + second]}
    for jar, check in (({}, "strict_cookie"), ({STRICT + login: "A" * 43}, "login_ended"), (swapped, "login_ended")):
        for path in (onward(last), stays(last)):
            answer = visitor.go("GET", path, jar=jar, headers={"sec-fetch-site": "same-origin"})
            assert answer.status == 409
            assert not any(word in answer.text for word in ("code=", "18 or older"))
            assert logs[-1]["check"] == check
    for made_up in ("x", "A" * 22, f"{login}A"):
        answer = visitor.go("GET", f"/login/{made_up}/onward", headers={"sec-fetch-site": "same-origin"})
        assert answer.status == 409
    assert login not in repr(logs), "no log has the id"
    with Visitor(stage) as stranger:
        assert stranger.go("GET", onward(last), headers={"sec-fetch-site": "same-origin"}).status == 409
    assert visitor.goes_on(last).back["code"] != visitor.goes_on(other).back["code"]


def test_what_is_remembered_gains_no_page(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    purpose = "purposes/resident-parking.toml"
    edit = {purpose: ("minimum_assurance", 'ask = "remember(P1D)"\nminimum_assurance')}
    with stage.other_broker(tmp_path / "remembers", edit) as visitor.port:
        assert "refresh" in visitor.presses(visitor.question(), ticked={"remember": "yes"}).headers
        again = visitor.question()
        left = visitor.presses(again, "continue")
        assert left.back["code"], "the answer is on the page after the press"
        assert "refresh" not in left.headers
        assert left.found("//meta[@http-equiv='refresh']/@content")[0].startswith("0; ")


@pytest.mark.parametrize(("kind", "name"), [(PARTY, "parking"), (COUNTRY, "EE"), (PROVIDER, "demo-ee")])
def test_what_is_switched_off_meanwhile_is_not_sent_and_the_record_says_so_once(
    visitor: Visitor, stage: Stage, switch: Switch, kind: str, name: str
) -> None:
    question, before = visitor.question(), stage.records
    last = visitor.presses(question)
    switch(kind, name)
    records = stage.records
    for _again in range(2):
        stopped = visitor.goes_on(last)
        assert stopped.status in (409, 503)
        assert "code=" not in stopped.text
    assert stage.records == records + 1, "one event: it never left"
    forget_switches(stage.application)
    assert visitor.goes_on(last).status == 409, "and does not come back with it"
    assert visitor.presses(question).status == 409
    assert stage.records == records + 1 > before
    app = stage.application
    assert not verify_ledger(app.store.engine, tenant=app.settings.tenant, keys=app.keys.ledger, role="city").findings


def test_what_the_person_takes_back_meanwhile_is_not_sent(visitor: Visitor, stage: Stage) -> None:
    visitor.code("mari")
    last = visitor.presses(visitor.question("mari"))
    with Visitor(stage) as own:
        picker = own.go("POST", "/me/sign-in")
        own.returns(own.signs_in(own.asked(login_of(picker)), "mari"))
        page = own.go("GET", "/me")
        number = page.found("//article/@data-number")[0]
        acted = own.go("POST", "/me/act", fields={"n": number, "act": "objection"})
        assert acted.status in (200, 303), acted.text
    answer = visitor.goes_on(last)
    assert (answer.status, "code=" in answer.text) == (409, False)


def test_what_was_withdrawn_from_the_configuration_meanwhile_is_not_sent(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    last = visitor.presses(visitor.question())
    party = {"parties/parking.toml": None}
    with stage.other_broker(tmp_path / "gone", party) as visitor.port:
        answer = visitor.goes_on(last)
        assert (answer.status, "code=" in answer.text) == (400, False)
    visitor.port = None
    assert visitor.goes_on(last).status == 409, "the record says that nothing left"


def test_the_receipt_of_what_was_never_sent_says_what_was_authorised(visitor: Visitor) -> None:
    visitor.presses(visitor.question())
    receipt = json.loads(visitor.go("GET", "/receipt.json").text)
    assert receipt["openings"]["sent"]["content"]["client"] == "parking"


# -- the receipt on a phone


def _link(visitor: Visitor) -> str:
    """The path and query of the link on the page that stays."""
    page = visitor.go("GET", stays(visitor.presses(visitor.question())))
    (address,) = page.found("//main//code/text()")
    assert page.found("//main//*[local-name()='svg']/@viewbox | //main//*[local-name()='svg']/@viewBox")
    assert address.startswith(visitor.stage.issuer)
    return address.removeprefix(visitor.stage.issuer)


def _takes(phone: Visitor, link: str) -> Answer:
    asks = phone.go("GET", link, headers={"sec-fetch-site": "none"})
    assert (asks.status, asks.heading) == (200, "Your receipt")
    return phone.go("POST", "/receipt/phone", fields=asks.fields)


def test_a_phone_gets_this_receipt_once(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    visitor.code("juhan", client_id="parking")
    link = _link(visitor)
    with Visitor(stage) as phone, Visitor(stage) as other:
        for _looked_at_before_it_is_pressed in range(2):
            phone.go("GET", link)
        taken = _takes(phone, link)
        assert (taken.status, taken.headers["location"]) == (303, f"{stage.issuer}/receipt?n=1")
        newest = visitor.go("GET", "/receipt.json").text
        assert json.loads(phone.go("GET", "/receipt.json").text)["leaf"] == json.loads(newest)["leaf"]
        assert phone.go("GET", "/receipt?n=2").status == 404, "that one, and none of the day's others"
        again = _takes(other, link)
        assert (again.status, again.cookies) == (404, {})
    secret = link.partition("link=")[2]
    assert len(secret) == 22
    assert secret not in repr(logs)
    with stage.application.store.engine.connect() as connection:
        rows = connection.execute(select(tables.parked.c.digest, tables.parked.c.payload)).all()
    assert not any(from_base64url(secret) in part for row in rows for part in row), "it is stored nowhere"


def test_a_link_that_somebody_else_sent_puts_no_receipt_before_ones_own(visitor: Visitor, stage: Stage) -> None:
    with Visitor(stage) as other:
        other.code("juhan")
        own = other.go("GET", "/receipt.json").json["leaf"]
        taken = _takes(other, _link(visitor))
        assert (taken.status, taken.headers["location"]) == (303, f"{stage.issuer}/receipt?n=2")
        assert other.go("GET", "/receipt.json").json["leaf"] == own
        foreign, sent = (who.go("GET", path).json["leaf"] for who, path in ((other, "/receipt.json?n=2"), (visitor, FILE)))
        assert foreign == sent


def test_a_link_ends_after_five_minutes_and_none_is_guessed(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    link = _link(visitor)
    with Visitor(stage) as phone:
        for made_up in ("", "x", "A" * 22, "A" * 43):
            assert phone.go("POST", "/receipt/phone", fields={"link": made_up}).status == 404
        foreign = {"link": link.partition("link=")[2]}
        answer = phone.go("POST", "/receipt/phone", fields=foreign, headers={"sec-fetch-site": "cross-site"})
        assert answer.status == 403
        stage.clock.ahead = ONWARD_LIFE
        assert _takes(phone, link).status == 404


def test_no_link_is_on_the_page_that_goes_on_and_none_after_a_refusal(visitor: Visitor) -> None:
    last = visitor.presses(visitor.question())
    assert "link=" not in last.text
    refused = visitor.presses(visitor.question(), "refuse")
    assert "link=" not in visitor.go("GET", stays(refused)).text
