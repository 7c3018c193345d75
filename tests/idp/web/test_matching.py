"""A person whose identifier changed signs in twice in one browser, and services know them again (decision 0086)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from idp.audit.verify_records import verify_records
from idp.citizen.erasures import Erasures, SignIn
from idp.citizen.matching import Matching
from idp.ledger.leaf import subject_index
from idp.ports import ENDED
from idp.store import tables
from policies.assurance import LevelOfAssurance
from policies.errors import StoreUnavailable
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import Member, SharedStage, emptied
from tests.idp.web.stage import LOWERED
from tests.idp.web.visitor import Answer, login_of, query_of

# Latvia vouches for Mari, too. What it says is substantial here, and what Estonia says is high
OLD, NEW = "demo-lv", "demo-ee"
HIGH_PARTY = ('minimum_assurance = "low"', 'minimum_assurance = "high"')


class MatchingStage(SharedStage):
    """Persons may link their identities. The museum's purpose needs a high level."""

    def _configure(self, *given: object) -> None:
        super()._configure(*given)  # type: ignore[arg-type] # as above
        settings = self.receiving / "ciconia.toml"
        text = settings.read_text("utf-8").replace("matching = false\n", "")
        settings.write_text(f"matching = true\n{text}", "utf-8")
        purpose = (self.receiving / "purposes" / "desk.toml").read_text("utf-8")
        high = purpose.replace(*HIGH_PARTY).replace('id = "desk"', 'id = "high"')
        (self.receiving / "purposes" / "high.toml").write_text(high, "utf-8")
        museum = self.receiving / "parties" / "museum.toml"
        text = museum.read_text("utf-8").replace('purposes = ["desk"]', 'purposes = ["desk", "high"]')
        museum.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStage]:
    with opened(MatchingStage(tmp_path_factory.mktemp("matching") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running: SharedStage) -> Iterator[SharedStage]:
    for found in emptied(running):
        # The clock stands: in a second in which another test ended all, nothing would be issued
        with found.application.store.engine.begin() as connection:
            connection.execute(delete(tables.parked).where(tables.parked.c.kind == ENDED))
        yield found


def _enters(member: Member, provider: str = NEW, citizen: str = "mari", **fields: str) -> Answer:
    picker = member.go("POST", "/me/sign-in", fields=fields)
    onward = member.returns(member.signs_in(member.asked(login_of(picker), provider), citizen))
    assert (onward.status, onward.heading) == (200, "You are signed in"), onward.text
    return member.go("GET", "/me")


def _field(page: Answer, name: str) -> str:
    (found,) = page.found(f"//section[@aria-labelledby='match']//input[@name='{name}']/@value")
    return found


def _twice(member: Member, new: str = NEW, old: str = OLD, citizen: str = "mari") -> Answer:
    """Sign in with the new identity, and beside it with the earlier one."""
    return _enters(member, old, citizen, beside=_field(_enters(member, new), "beside"))


def _link(member: Member) -> Answer:
    done = member.go("POST", "/me/link", fields={"earlier": _field(_twice(member), "earlier")})
    assert done.status == 303, done.text
    return member.go("GET", "/me")


def _undo(member: Member, page: Answer) -> Answer:
    done = member.go("POST", "/me/unlink", fields={"record": _field(page, "record")})
    assert done.status == 303, done.text
    return member.go("GET", "/me")


def _known(stage: SharedStage, provider: str, service: str = "desk", purpose: str = "desk") -> tuple[object, object]:
    """Who and how sure the service hears that somebody is, who signs in there."""
    with Member(stage) as member:
        began = member.authorize(client_id=service, scope=f"openid purpose:{purpose}")
        # Where one country alone is strong enough, nobody chooses
        chosen = began.found("//form[@class='cancel']")
        asked = member.asked(login_of(began), provider) if chosen else query_of(began.onward)
        claims = member.claims(service, member.decides(member.returns(member.signs_in(asked))).back["code"])
    return claims["sub"], claims["acr"]


@pytest.mark.spec("issue 33 item 7")
def test_two_sign_ins_make_one_person_for_services_and_an_undo_makes_them_two_again(stage: SharedStage) -> None:
    (old, _), (new, sure) = _known(stage, OLD), _known(stage, NEW)
    high = _known(stage, NEW, "museum", "high")
    assert (old != new, sure) == (True, "http://eidas.europa.eu/LoA/high")
    with Member(stage) as member:
        page = _link(member)
        assert "Two identities were linked." in page.text
        known = _known(stage, NEW)
        assert known == (old, "http://eidas.europa.eu/LoA/substantial"), "the link speaks up to its level"
        assert _known(stage, OLD)[0] == old
        assert _known(stage, NEW, "museum", "high") == high, "nobody knew the earlier one there"
        for value in ("mari.maasikas", "Maasikas", "49002280001"):
            assert value not in page.text
        with Member(stage) as before:
            seen = _enters(before, OLD)
            assert "Two identities were linked." in seen.text
            assert _field(seen, "record") == _field(page, "record")
        undone = _undo(member, member.go("GET", "/me"))
        assert "The link of two identities was undone." in undone.text
    stage.clock.ahead += 1
    assert _known(stage, NEW) == (new, sure)
    ledger, tenant = stage.application.keys.ledger, stage.application.settings.tenant
    with stage.application.store.engine.connect() as connection:
        assert not [*verify_records(connection, tenant, ledger, "city", lambda: None)]


@pytest.mark.spec("issue 33 item 7")
def test_the_earlier_side_undoes_it_and_all_that_was_issued_meanwhile_ends(stage: SharedStage) -> None:
    with Member(stage) as member, Member(stage) as before, Member(stage) as taken, Member(stage) as slow:
        _link(member)
        code = taken.signs_in_for("desk")
        tokens = taken.tokens("desk", code)
        assert tokens.status == 200
        question = slow.question("mari", NEW, client_id="library", scope="openid purpose:quiet")
        page = _enters(before, OLD)
        _undo(before, page)
        refused = slow.decides(question)
        assert (refused.status, refused.headers.get("location")) == (409, None)
        assert member.go("POST", "/me/unlink", fields={"record": _field(page, "record")}).status == 404
        assert taken.userinfo(json.loads(tokens.text)["access_token"]).status == 401
        assert taken.asks_for("desk", prompt="none").back["error"] == "login_required", "its session ended"


@pytest.mark.spec("issue 33 item 7")
def test_an_undo_that_breaks_off_leaves_the_link_and_its_button_or_no_link(
    stage: SharedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StoreUnavailable("the database is away")

    new = _known(stage, NEW)
    with Member(stage) as member:
        page = _link(member)
        record = {"record": _field(page, "record")}
        for step, stands in (("end_all", True), ("_recorded", False)):
            with monkeypatch.context() as patch:
                patch.setattr(Matching, step, broken)
                assert member.go("POST", "/me/unlink", fields=record).status == 503
            stage.clock.ahead += 1
            assert (_known(stage, NEW) != new) is stands
            if stands:
                again = _enters(member)
                assert _field(again, "record") == record["record"], "it can be pressed again"


@pytest.mark.spec("issue 33 item 7: a linked identity of lower assurance never speaks for a higher one")
def test_no_weaker_sign_in_is_linked_to_a_stronger_one_and_none_speaks_for_a_link_above_it(
    stage: SharedStage, tmp_path: Path
) -> None:
    with Member(stage) as member:
        page = _twice(member, OLD, NEW)
        assert "cannot be linked" in page.text, "Estonia's high sign-in is stronger than Latvia's"
        assert not page.found("//input[@name='earlier']")
        _link(member)
    less = {"providers/demo-ee.toml": (LOWERED[0], LOWERED[1].replace("substantial", "low"))}
    with stage.other_broker(tmp_path / "low", less) as port, Member(stage, port=port) as weak:
        login = weak.login(client_id="desk", scope="openid purpose:desk")
        answer = weak.returns(weak.signs_in(weak.asked(login, NEW)))
        assert (answer.status, "strong" in answer.heading) == (403, True), answer.heading
        page = _enters(weak)
        assert not page.found("//input[@name='record' or @name='beside']"), "neither shown, nor is a second one offered"
    with Member(stage) as member:
        _undo(member, _enters(member))


@pytest.mark.spec("issue 33 item 7")
def test_where_links_do_not_count_the_page_says_of_none_that_it_counts(stage: SharedStage, tmp_path: Path) -> None:
    off = {"ciconia.toml": ("matching = true\n", "matching = false\n")}
    with Member(stage) as member:
        assert "services know you by your earlier identity" in _link(member).text
    with stage.other_broker(tmp_path / "off", off) as port, Member(stage, port=port) as member:
        page = _enters(member)
        assert "services know you by your earlier identity" not in page.text
        assert "The link of two identities was undone." in _undo(member, page).text


@pytest.mark.spec("issue 33 item 7: account takeover by a namesake, replay, one browser")
def test_only_the_sign_in_beside_this_one_in_this_browser_is_linked_and_once(stage: SharedStage) -> None:
    with Member(stage) as member, Member(stage) as other:
        earlier = _field(_twice(member), "earlier")
        _enters(other)
        stolen = {**other.jar, "__Host-me-earlier": member.jar["__Host-me-earlier"]}
        assert other.go("POST", "/me/link", fields={"earlier": earlier}, jar=stolen).status == 404
        alone = other.go("GET", "/me", jar={"__Host-me": member.jar["__Host-me-earlier"]})
        assert alone.heading == "See who got data about you"
        foreign: dict[str, str | None] = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
        assert member.go("POST", "/me/link", fields={"earlier": earlier}, headers=foreign).status == 403
        for wrong in ({}, {"earlier": "A" * 43}, {"earlier": earlier, "more": "x"}):
            assert member.go("POST", "/me/link", fields=wrong).status == 404
        held = dict(member.jar)
        assert member.go("POST", "/me/link", fields={"earlier": earlier}).status == 303
        assert member.go("POST", "/me/link", fields={"earlier": earlier}, jar=held).status == 404
        back = member.go("GET", "/me")
        assert not back.found("//input[@name='beside']"), "an identity has one earlier one"
        _undo(member, back)
    with Member(stage) as member:
        own = _twice(member, NEW, NEW)
        assert not own.found("//input[@name='earlier']"), "one identity is not two"


@pytest.mark.spec("issue 33 item 7")
@pytest.mark.parametrize("side", [OLD, NEW])
def test_a_link_dies_with_the_erasure_of_either_side(stage: SharedStage, side: str) -> None:
    engine, keys, tenant = stage.application.store.engine, stage.application.keys, stage.application.settings.tenant
    long_ago, country = stage.clock() - 20 * 24 * 3600, side[-2:].upper()
    mari = subject_index(keys.index, tenant, f"demo/{country}", "EE-49002280001")
    with Member(stage) as member, Member(stage) as taken:
        record = _field(_link(member), "record")
        token = json.loads(taken.tokens("desk", taken.signs_in_for("desk")).text)["access_token"]
        assert taken.userinfo(token).status == 200
    Erasures(engine=engine, tenant=tenant, keys=keys.ledger).ask(SignIn(mari, LevelOfAssurance.HIGH, long_ago), long_ago)
    assert stage.application.erasing is not None
    stage.application.erasing.begin()
    with Member(stage) as taken:
        assert taken.userinfo(token).status == 401, "it has the name that services know the earlier identity by"
    with stage.application.store.engine.connect() as connection:
        assert not connection.scalars(select(tables.approvals.c.digest)).all()
    for provider in (OLD, NEW):
        with Member(stage) as member:
            _enters(member, provider)
            assert member.go("POST", "/me/unlink", fields={"record": record}).status == 404
