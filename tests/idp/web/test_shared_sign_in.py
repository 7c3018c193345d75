"""Services that share a sign-in: what a second one gets without the country, and what a session never does."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any  # a field's own type
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select

from connectors.resumed import RememberedSignIn
from connectors.signatures.jws import from_base64url
from idp.demo.country import _Context, _utc
from idp.login.sessions import CONTENT, SessionContent
from idp.store import tables
from policies.assurance import LevelOfAssurance
from policies.parties import EntityId, ProviderId, SubjectNamespace
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import COOKIE, IDLE, LIFE, Member, SharedStage, emptied
from tests.idp.web.visitor import query_of

LIST = "Which country's eID do you use?"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStage]:
    with opened(SharedStage(tmp_path_factory.mktemp("shared") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running: SharedStage) -> Iterator[SharedStage]:
    yield from emptied(running)


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
def test_a_second_service_asks_its_question_at_once_and_gets_its_own_names(member: Member, stage: SharedStage) -> None:
    first = member.claims("desk", member.signs_in_for("desk"))
    stage.clock.ahead += 60
    page = member.asks_for("library")
    assert page.heading.startswith("Share this with The library")
    second = member.claims("library", member.decides(page).back["code"])
    assert second["auth_time"] == first["auth_time"]
    assert second["acr"] == first["acr"]
    assert {first["sub"], first["sid"]}.isdisjoint({second["sub"], second["sid"]}), "nothing in common"
    assert member.claims("library", member.decides(member.asks_for("library")).back["code"])["sid"] == second["sid"]


def test_who_needs_attributes_asks_the_same_country_again_and_not_by_force(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    sent = member.asks_for("permits")
    assert sent.status == 303
    assert sent.headers["location"].startswith(member.stage.country_base)
    before = member.jar[COOKIE]
    page = member.returns(member.signs_in(dict(_query(sent.headers["location"]))))
    code = member.decides(page).back["code"]
    assert member.jar[COOKIE] != before, "a new handle at each sign-in"
    assert member.claims("permits", code)["sid"]
    assert len(_sessions(stage, member.jar[COOKIE])) == 1
    assert _participants(stage, member.jar[COOKIE]) == {"desk", "permits"}


def test_another_person_at_the_country_gets_a_session_of_their_own(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    before = member.jar[COOKIE]
    code = member.signs_in_for("permits", "juhan", prompt="login")
    assert _participants(stage, member.jar[COOKIE]) == {"permits"}
    assert not _sessions(stage, before), "the one before has ended"
    assert member.claims("permits", code)["sid"]


@pytest.mark.spec("OpenID Connect Core §3.1.2.6")
def test_without_a_page_only_what_was_approved_before_goes(member: Member) -> None:
    def error(service: str, **changes: str) -> str:
        answer = member.asks_for(service, prompt="none", **changes)
        assert answer.status == 303
        return dict(_query(answer.headers["location"]))["error"]

    assert error("library") == "login_required"
    member.signs_in_for("desk")
    assert error("desk") == "consent_required"
    assert error("permits") == "interaction_required"
    member.decides(member.asks_for("library"), ticked={"remember": "yes"})
    answer = member.asks_for("library", prompt="none")
    assert member.claims("library", answer.back["code"])["sub"]
    opened = json.loads(member.go("GET", "/receipt.json").text)["openings"]
    assert opened["decision"]["content"]["path"] == "silent"
    assert error("library", max_age="0") == "login_required"
    assert member.asks_for("library").heading.startswith("Continue to"), "the control"


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
def test_who_asks_for_a_new_sign_in_gets_the_list(member: Member, changes: dict[str, str]) -> None:
    member.signs_in_for("desk")
    assert member.asks_for("library", **changes).heading == LIST


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
def test_max_age_counts_from_the_sign_in_at_the_country(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    stage.clock.ahead += 300
    assert member.asks_for("library", max_age="400").heading.startswith("Share this")
    assert member.asks_for("library", max_age="200").status == 303


@pytest.mark.spec("security.md §2.2 session fixation")
def test_a_session_is_of_one_browser_one_group_and_its_time(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    session = member.jar[COOKIE]
    assert member.asks_for("museum").heading == LIST, "another group"
    with Member(stage) as other:
        assert other.asks_for("library").heading == LIST, "another browser"
        other.jar[COOKIE] = "A" * 43
        assert other.asks_for("library").heading == LIST, "a handle that nobody gave"
    stage.clock.ahead += IDLE - 1
    assert member.asks_for("library").heading.startswith("Share this")
    stage.clock.ahead += 1
    assert member.asks_for("library").heading == LIST, "idle"
    assert member.jar[COOKIE] == session


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({"assurance": {"http://eidas.europa.eu/LoA/high": LevelOfAssurance.LOW}}, True),
        ({"namespace": SubjectNamespace("demo/EE of old")}, True),
        ({"title": {"en": "The same by another name"}, "binding": "post"}, False),
    ],
    ids=["level", "namespace", "title"],
)
def test_a_session_keeps_nothing_that_the_provider_s_registration_took_back(
    member: Member, stage: SharedStage, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], *, asks: bool
) -> None:
    member.signs_in_for("desk")
    role, name = stage.application.city.role, ProviderId("demo-ee")
    registered = role.configuration.providers
    providers = {**registered, name: replace(registered[name], **changes)}
    monkeypatch.setattr(role, "configuration", replace(role.configuration, providers=providers))
    assert (member.asks_for("library").heading == LIST) is asks


def test_no_sign_in_moves_the_latest_end(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    for _ in range(LIFE // (IDLE - 1)):
        stage.clock.ahead += IDLE - 1
        member.decides(member.asks_for("desk"))
    page = member.asks_for("desk")
    assert page.heading.startswith("Share this")
    stage.clock.ahead += LIFE % (IDLE - 1)
    assert member.decides(page).status == 409, "what was asked before its end does not begin it anew"
    assert member.asks_for("desk").heading == LIST


def test_no_session_outlives_what_the_provider_said_of_its_own(
    member: Member, stage: SharedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _Context._assertion

    def says(seconds: int) -> None:
        until = f'<saml:AuthnStatement SessionNotOnOrAfter="{_utc(stage.clock() + seconds)}" '
        monkeypatch.setattr(
            _Context,
            "_assertion",
            lambda self, who: plain(self, who).replace("<saml:AuthnStatement ", until),
        )

    says(-60)
    member.signs_in_for("desk")
    assert member.asks_for("library").heading == LIST, "within what clocks may differ, for this one sign-in"
    member.jar.clear()
    monkeypatch.setattr(_Context, "_assertion", plain)
    member.signs_in_for("desk")
    says(300)
    # It goes on in the session, by the provider's newer word, and then by the session alone
    answer = member.sends(member.question(client_id="desk", scope="openid purpose:desk", prompt="login"))
    assert answer.cookies[COOKIE].attributes["max-age"] == "300"
    stage.clock.ahead += 200
    assert member.sends(member.asks_for("library")).cookies[COOKIE].attributes["max-age"] == "100"
    stage.clock.ahead += 99
    page = member.asks_for("library")
    assert page.heading.startswith("Share this")
    stage.clock.ahead += 1
    assert member.decides(page).status == 409
    assert member.asks_for("library").heading == LIST


def test_a_session_from_before_providers_ends_were_kept_still_opens() -> None:
    issuer, space = EntityId("https://idp.example"), SubjectNamespace("demo/EE")
    signed_in = RememberedSignIn(ProviderId("demo-ee"), issuer, space, "somebody", LevelOfAssurance.HIGH, 1)
    content = SessionContent("city", signed_in, 0)
    older = json.loads(CONTENT.dump(content))
    del older["signed_in"]["session_ends"]
    assert CONTENT.load(json.dumps(older).encode()) == content


@pytest.mark.spec("security.md §2.4 CSRF on consent/login/logout")
def test_the_cookie_is_of_this_host_alone_and_lax(member: Member) -> None:
    answer = member.sends(member.question(client_id="desk", scope="openid purpose:desk"))
    cookie = answer.cookies[COOKIE]
    assert {"secure", "httponly"} <= cookie.attributes.keys()
    assert (cookie.attributes["path"], cookie.attributes["samesite"]) == ("/", "Lax")
    assert "domain" not in cookie.attributes
    assert cookie.attributes["max-age"] == str(IDLE)


def test_what_a_session_vouched_for_goes_nowhere_once_it_has_ended(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    page = member.asks_for("library")
    session = _sessions(stage, member.jar[COOKIE])
    assert stage.application.city.sessions is not None
    stage.application.city.sessions.end(session, stage.clock())
    records = stage.records
    assert member.decides(page).status == 409
    assert stage.records == records, "nothing was released"


@pytest.mark.spec("decisions.md 14")
def test_no_identifier_and_no_value_of_a_person_lies_in_a_session(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    with stage.application.store.engine.connect() as connection:
        kept = (tables.sessions, tables.participants)
        rows = [repr(tuple(row)) for table in kept for row in connection.execute(select(table))]
    for value in ("49002280001", "Maasikas", "demo/EE"):
        assert not [row for row in rows if value in row]


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, strict_parsing=True)


def _sessions(stage: SharedStage, handle: str) -> list[bytes]:
    with stage.application.store.engine.connect() as connection:
        digest = hashlib.sha256(from_base64url(handle)).digest()
        return list(connection.scalars(select(tables.sessions.c.session).where(tables.sessions.c.cookie == digest)))


def _participants(stage: SharedStage, handle: str) -> set[str]:
    (session,) = _sessions(stage, handle)
    with stage.application.store.engine.connect() as connection:
        table = tables.participants.c
        return set(connection.scalars(select(table.client).where(table.session == session)))


def test_a_session_that_is_too_low_leads_to_those_who_reach_the_level_and_without_pages_it_ends(member: Member) -> None:
    high = "http://eidas.europa.eu/LoA/high"
    member.decides(member.question("mari", "demo-lv", client_id="desk", scope="openid purpose:desk"))
    quiet = member.asks_for("library", acr_values=high, prompt="none")
    assert query_of(quiet.headers["location"])["error"] == "login_required"
    question = member.asks_for("library", acr_values=high)
    assert question.status == 303, "Latvia does not reach it, and nobody has to choose among one"
    asking = member.returns(member.signs_in(query_of(question.onward), "mari"))
    assert member.claims("library", member.decides(asking).back["code"])["acr"] == high
