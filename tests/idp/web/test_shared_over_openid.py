"""Services that share a sign-in over an OpenID provider: what it did not say nobody claims, and what it ended is over."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from connectors.logout_token import EVENT
from connectors.wire.claims import Json
from idp.login.sessions import Sessions
from idp.login.states import Decided
from idp.ports import UPSTREAM, SessionRow
from idp.server.rate_limits import Rates
from idp.store import tables
from tests.connectors.oidc.upstream import CLIENT, LEFT_OUT, SUBJECT, Upstream, upstream
from tests.connectors_jws.jws_doubles import handmade
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import Member, SharedStage, emptied
from tests.idp.web.test_openid_upstream_http import back, files, sent
from tests.idp.web.visitor import DIRECT, Answer, query_of


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStage]:
    with opened(SharedStage(tmp_path_factory.mktemp("over-openid") / "stage", Clock())) as stage:
        # The stage's own broker does not know the provider of these tests: its courier would end their sessions
        stage.application.courier.stop()
        yield stage


@pytest.fixture
def stage(running: SharedStage) -> Iterator[SharedStage]:
    for found in emptied(running):
        with found.application.store.engine.begin() as connection:
            connection.execute(delete(tables.marks).where(tables.marks.c.kind == UPSTREAM))
        yield found


@pytest.fixture
def op(stage: SharedStage) -> Iterator[Upstream]:
    with upstream(stage.clock()) as made:
        made.method = "any"
        yield made


@pytest.fixture
def member(stage: SharedStage, op: Upstream, tmp_path: Path) -> Iterator[Member]:
    """At a broker that knows the provider by its `sub`, and whose museum has to hear when somebody signed in."""
    added = {name: text.replace('subject = "personal_code"\n', "") for name, text in files(op).items()}
    edits = {"parties/museum.toml": ('session_group = "other"', 'session_group = "city"\nrequire_auth_time = true')}
    with stage.other_broker(tmp_path / "b", edits, added) as port, Member(stage) as made:
        made.port = port
        yield made


def question(member: Member, op: Upstream, service: str = "desk") -> Answer:
    """All the way to the approval page, by the provider, whatever session there is."""
    member.authorize(client_id=service, scope="openid purpose:desk")
    return back(member, op.comes_back(sent(member, member.newest)))


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
def test_when_nobody_said_when_a_max_age_leads_to_the_provider_and_no_auth_time_is_claimed(
    member: Member, op: Upstream
) -> None:
    op.claims["auth_time"] = LEFT_OUT
    claims = member.claims("desk", member.decides(question(member, op)).back["code"])
    assert "auth_time" not in claims
    assert member.asks_for("library").heading.startswith("Share this"), "the control: its session does"
    asked = member.asks_for("library", max_age="999999999")
    assert query_of(asked.headers["location"])["max_age"] == "999999999"
    silent = member.asks_for("library", max_age="60", prompt="none")
    assert query_of(silent.headers["location"])["error"] == "login_required"
    assert question(member, op, "museum").status == 403, "its registration requires an auth_time"
    op.claims["auth_time"] = then = op.now - 30
    assert member.claims("museum", member.decides(question(member, op, "museum")).back["code"])["auth_time"] == then


def _logged_out(member: Member, op: Upstream, **changes: Json) -> None:
    """The provider tells that a session of its ended."""
    now = member.stage.clock()
    times: dict[str, Json] = {"iat": now, "exp": now + 120, "jti": secrets.token_urlsafe(8)}
    claims: dict[str, Json] = {"iss": op.base, "aud": CLIENT, **times, "events": {EVENT: {}}, **changes}
    token = handmade({"alg": op.alg, "kid": op.kid, "typ": "logout+jwt"}, claims, op.key)
    told = member.go("POST", "/oidc/backchannel/op", fields={"logout_token": token}, headers=DIRECT, jar={})
    assert told.status == 200, told.text


@pytest.mark.spec("Back-Channel Logout §2.8")
def test_a_token_that_comes_again_or_names_nobody_whom_we_know_counts_against_no_address(
    member: Member, op: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(Rates, "failed", lambda _, _address, place, **_more: counted.append(place))
    member.decides(question(member, op))
    _logged_out(member, op, sid="session-1", jti="once")
    for wrong, times in (({"jti": "once"}, 0), ({"iss": "https://elsewhere.example"}, 1)):
        with pytest.raises(AssertionError, match="invalid_request"):
            _logged_out(member, op, **{"sid": "session-1", **wrong})
        assert len(counted) == times


def _sessions(stage: SharedStage) -> int:
    with stage.application.store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.sessions)) or 0


@pytest.mark.spec("Back-Channel Logout §2.7")
@pytest.mark.parametrize(
    ("named", "by", "ends"),
    [
        ("session-1", {"sid": "session-1"}, True),
        ("session-1", {"sid": "session-1", "sub": SUBJECT}, True),
        ("session-1", {"sub": SUBJECT}, True),
        (LEFT_OUT, {"sid": "session-1", "sub": SUBJECT}, True),
        ("session-1", {"sid": "session-2", "sub": SUBJECT}, False),
        ("session-1", {"sub": "somebody else"}, False),
    ],
)
def test_a_logout_while_the_question_is_open_is_not_forgotten(
    member: Member, stage: SharedStage, op: Upstream, named: str, by: dict[str, Json], *, ends: bool
) -> None:
    op.claims["sid"] = named
    page, records = question(member, op), stage.records
    stage.clock.ahead += 5
    _logged_out(member, op, **by)
    answer = member.decides(page)
    assert answer.status == (409 if ends else 303)
    assert (stage.records - records, _sessions(stage)) == ((0, 0) if ends else (1, 1))
    stage.clock.ahead += 1
    op.now = stage.clock()
    assert member.decides(question(member, op)).status in (200, 303), "who signs in after it is signed in"


@pytest.mark.spec("Back-Channel Logout §2.7")
def test_a_logout_while_the_release_is_written_sends_nothing_and_leaves_no_session(
    member: Member, stage: SharedStage, op: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, records, row = question(member, op), stage.records, Sessions.row
    told: list[int] = []

    def checked_and_then(self: Sessions, decided: Decided, handle: bytes, now: int) -> SessionRow | None:
        found = row(self, decided, handle, now)
        if not told:
            told.append(now)
            _logged_out(member, op, sid="session-1")
        return found

    monkeypatch.setattr(Sessions, "row", checked_and_then)
    assert member.decides(page).status == 409
    assert stage.records == records + 2, "the release, and that it was not sent"
    assert _sessions(stage) == 0
