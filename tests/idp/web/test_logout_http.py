"""Signing out: by a service, by the citizen, and what the other services of the group hear of it."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from sqlalchemy import delete, insert, select, update

from connectors.logout_token import EVENT, ExpectedLogoutToken, judge_logout_token
from connectors.signatures.jwk import keys_from_jwks
from connectors.wire.claims import Json
from idp.protocols.oidc.logouts import AT_WORK
from idp.server.wrong_answers import ADDRESS_TIMES
from idp.store import tables
from idp.store.logout_queue import LEASE, MOST_TRIES, OF_EACH
from idp.store.retention import KEPT_SECONDS
from idp.store.switches.switch import COUNTRY, PARTY
from policies.parties import ClientId, ProviderId
from tests.connectors.oidc.bench import of, registration
from tests.connectors.oidc.upstream import CLIENT, Upstream, upstream
from tests.connectors_jws.jws_doubles import TokenKey, handmade, token_key
from tests.forgetting import Switch, forget_switches, switch_of
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import COOKIE, IDLE, SERVICES, Member, SharedStage, claims_of, emptied, outcomes
from tests.idp.web.visitor import DIRECT, Answer
from tests.listening import Handler, Listening

BYE = "post_logout_redirect_uri"
EE = ProviderId("demo-ee")


class _Takes(Handler):
    server: "Receiver"

    def post(self, body: bytes) -> None:
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        with self.server.hears:
            self.server.tokens += parse_qs(body.decode(), strict_parsing=True)["logout_token"]
            self.server.hears.notify_all()
        self.server.answering.wait(30)
        self.reply(self.server.answers.pop(0) if self.server.answers else 200)


class Receiver(Listening):
    """A service's address for logout tokens, on a socket of its own. It answers what a test lines up, then 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.tokens: list[str] = []
        self.hears, self.answering = threading.Condition(), threading.Event()
        self.answering.set()
        super().__init__(_Takes)

    @property
    def url(self) -> str:
        return f"http://desk.localhost:{self.server_port}/out"


@pytest.fixture(scope="module")
def receiving() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, receiving: Receiver) -> Iterator[SharedStage]:
    with opened(SharedStage(tmp_path_factory.mktemp("logout") / "stage", Clock(), receiving.url)) as stage:
        # Tests look themselves
        stage.application.courier.stop()
        yield stage


@pytest.fixture
def receiver(receiving: Receiver) -> Receiver:
    receiving.answers.clear()
    receiving.tokens.clear()
    return receiving


@pytest.fixture
def stage(running: SharedStage) -> Iterator[SharedStage]:
    yield from emptied(running)


@pytest.fixture
def switch(stage: SharedStage) -> Iterator[Switch]:
    """At the end nothing is off."""
    yield switch_of(stage.application, stage.clock)
    forget_switches(stage.application)


def signs_in_twice(member: Member) -> tuple[str, str]:
    """The id_tokens of desk and library, of one session."""
    first = member.id_token("desk", member.signs_in_for("desk"))
    return first, member.id_token("library", member.decides(member.asks_for("library")).back["code"])


def logout(member: Member, **parameters: str) -> Answer:
    return member.go("GET", "/logout?" + urlencode(parameters))


def judged(member: Member, token: str) -> str:
    """The session that a logout token names, verified as a service has to."""
    jwks = member.go("GET", "/jwks", jar={}).text
    keys = keys_from_jwks(jwks, "ES256")
    found = judge_logout_token(token, keys, ExpectedLogoutToken(member.stage.issuer, "desk", "ES256"), member.stage.clock())
    return found.session


@pytest.mark.spec("RP-Initiated Logout §2")
@pytest.mark.spec("Back-Channel Logout §2.4")
@pytest.mark.spec("Back-Channel Logout §2.3")
def test_a_service_signs_out_and_the_page_says_of_each_what_became_of_it(member: Member, receiver: Receiver) -> None:
    desk, library = signs_in_twice(member)
    bye = f"{member.stage.city_base}/library/bye"
    page = logout(member, id_token_hint=library, post_logout_redirect_uri=bye, state="af0")
    assert page.heading == "You are signed out here"
    assert outcomes(page) == {"The desk": "ended", "The library": "itself"}
    assert page.found("//a/@href") == [f"{bye}?state=af0"]
    assert not page.found("//meta[@http-equiv='refresh']"), "there is something to read"
    assert COOKIE not in member.jar
    (token,) = receiver.tokens
    assert judged(member, token) == _claims(desk)["sid"]
    assert "sub" not in _claims(token)
    assert member.asks_for("library").heading == "Which country's eID do you use?"


@pytest.mark.spec("RP-Initiated Logout §3")
def test_nobody_is_sent_to_an_address_that_is_not_registered_so(member: Member) -> None:
    base = member.stage.city_base
    for address in (f"{base}/library/bye/", f"{base}/desk/bye", "https://evil.example/", f"{base}/library/bye?x=1"):
        library = member.id_token("library", member.signs_in_for("library"))
        page = logout(member, id_token_hint=library, post_logout_redirect_uri=address)
        assert page.status == 200
        assert not page.found("//a/@href | //meta[@http-equiv]/@content"), address
        member.jar.clear()


@pytest.mark.spec("RP-Initiated Logout §2")
def test_alone_in_its_session_a_service_gets_its_citizen_back_at_once(member: Member) -> None:
    library = member.id_token("library", member.signs_in_for("library"))
    member.stage.clock.ahead += 360  # an id_token has ended long since
    bye = f"{member.stage.city_base}/library/bye"
    page = logout(member, id_token_hint=library, post_logout_redirect_uri=bye, client_id="library")
    assert page.found("//meta[@http-equiv='refresh']/@content") == [f"0; url={bye}"]
    again = logout(member, id_token_hint=library, post_logout_redirect_uri=bye)
    assert again.found("//meta[@http-equiv='refresh']/@content") == [f"0; url={bye}"], "it has ended already"


@pytest.mark.parametrize("second", ["mari", "juhan"])
def test_two_tabs_of_a_browser_have_one_session(member: Member, stage: SharedStage, second: str) -> None:
    scopes = {name: f"openid purpose:{SERVICES[name][0]}" for name in ("desk", "library")}
    first = member.question(client_id="desk", scope=scopes["desk"])
    other = member.question(second, client_id="library", scope=scopes["library"])
    assert member.decides(first).status in (200, 303)
    assert member.decides(other).status == 303
    assert _count(stage, tables.sessions) == 1
    assert _count(stage, tables.logouts) == (second != "mari"), "a sign-in of somebody else ends it, and its services hear"
    page = member.go("POST", "/logout/confirm", fields=logout(member).fields)
    assert set(outcomes(page)) == ({"The desk", "The library"} if second == "mari" else {"The library"})
    assert _count(stage, tables.participants) == 0


@pytest.mark.spec("security.md §2.4")
def test_whoever_reads_that_they_are_signed_out_has_no_session_here(member: Member, stage: SharedStage) -> None:
    old = member.id_token("library", member.signs_in_for("library"))
    member.jar.clear()
    member.signs_in_for("desk")
    with stage.application.store.engine.begin() as connection:
        ended = select(tables.participants.c.session).where(tables.participants.c.client == "library")
        connection.execute(delete(tables.sessions).where(tables.sessions.c.session.in_(ended)))
        connection.execute(delete(tables.participants).where(tables.participants.c.client == "library"))
    bye = f"{member.stage.city_base}/library/bye"
    page = logout(member, id_token_hint=old, post_logout_redirect_uri=bye)
    assert page.heading == "Sign out?"
    page = member.go("POST", "/logout/confirm", fields=page.fields)
    assert (page.heading, outcomes(page)) == ("You are signed out here", {"The desk": "ended"})
    assert page.found("//a/@href") == [bye]
    assert _count(stage, tables.sessions) == 0


@pytest.mark.spec("RP-Initiated Logout §2")
def test_without_a_valid_hint_a_page_asks_and_a_made_up_one_leads_nowhere(member: Member, stage: SharedStage) -> None:
    _, library = signs_in_twice(member)
    bye = f"{member.stage.city_base}/library/bye"
    head, payload, signature = library.split(".")
    made_up = f"{head}.{payload}.{signature[:-8]}AAAAAAAA"
    for parameters in ({"client_id": "library", BYE: bye}, {"id_token_hint": made_up, BYE: bye}, {}):
        page = logout(member, **parameters)
        assert page.heading == "Sign out?"
        assert not page.found("//a/@href | //meta[@http-equiv]/@content")
        assert "form-action 'self'" in page.headers["content-security-policy"]
    assert _count(stage, tables.sessions) == 1, "nothing ended before the citizen said so"
    page = member.go(
        "POST", "/logout/confirm", fields=logout(member, client_id="library", post_logout_redirect_uri=bye).fields
    )
    assert outcomes(page)["The library"] == "itself"
    assert page.found("//a/@href") == [bye]
    assert _count(stage, tables.sessions) == 0


@pytest.mark.spec("RP-Initiated Logout §2")
def test_a_hint_of_another_client_than_client_id_is_refused(member: Member, stage: SharedStage) -> None:
    desk, _ = signs_in_twice(member)
    assert logout(member, id_token_hint=desk, client_id="library").status == 400
    assert _count(stage, tables.sessions) == 1


@pytest.mark.spec("security.md §2.4 CSRF on consent/login/logout")
@pytest.mark.spec("RP-Initiated Logout §6")
def test_no_other_site_signs_anybody_out(member: Member, stage: SharedStage) -> None:
    signs_in_twice(member)
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": None, "origin": "https://evil.example"}):
        assert member.go("POST", "/logout/confirm", fields={}, headers=headers).status == 403
    framed = {"sec-fetch-dest": "iframe"}
    assert member.go("GET", "/logout", headers=framed).status == 403
    assert _count(stage, tables.sessions) == 1


@pytest.mark.spec("Front-Channel Logout §2")
@pytest.mark.spec("Front-Channel Logout §3")
def test_a_service_in_a_frame_is_called_by_this_page_alone(member: Member) -> None:
    desk, library = signs_in_twice(member)
    page = logout(member, id_token_hint=desk)
    assert outcomes(page) == {"The desk": "ended", "The library": "framed"}
    (address,) = page.found("//iframe/@src")
    base = f"{member.stage.city_base}/library/out"
    assert address.startswith(f"{base}?")
    sent = dict(parse_qsl(urlsplit(address).query))
    assert sent == {"iss": member.stage.issuer, "sid": str(_claims(library)["sid"])}
    assert page.headers["content-security-policy"].split("; ")[-1] == f"frame-src {base}"
    assert "frame-src" not in logout(member).headers["content-security-policy"]


@pytest.mark.spec("Back-Channel Logout §2.5")
def test_a_service_that_fails_twice_is_told_again_until_it_takes_it(
    member: Member, stage: SharedStage, receiver: Receiver
) -> None:
    desk, library = signs_in_twice(member)
    receiver.answers += [503, 400]
    assert outcomes(logout(member, id_token_hint=library))["The desk"] == "waiting"
    step = stage.application._tell
    step()
    assert len(receiver.tokens) == 1, "not before its time"
    for pause in (5, 10):
        stage.clock.ahead += pause
        step()
    assert _count(stage, tables.logouts) == 0
    assert {judged(member, token) for token in receiver.tokens} == {_claims(desk)["sid"]}
    assert len({_claims(token)["jti"] for token in receiver.tokens}) == 3
    stage.clock.ahead += 1000
    step()
    assert len(receiver.tokens) == 3


def test_a_service_that_hangs_holds_up_no_other(
    stage: SharedStage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    logouts, many = stage.application.city.logouts, 3 * AT_WORK
    with Receiver() as other:
        desk = logouts.parties[ClientId("desk")]
        told = replace(desk.openid, logout=replace(desk.openid.logout, backchannel_logout_uri=other.url))
        quick = replace(desk, client_id=ClientId("quick"), openid=told)
        monkeypatch.setattr(logouts, "parties", {**logouts.parties, quick.client_id: quick})
        entry = {"tenant": stage.application.store.tenant, "made": 0, "tries": 0, "failed": "", "ends": 2**40}
        rows = [
            {**entry, "logout": f"{due} {client}".encode(), "client": client, "sid": f"{due}", "due": due}
            for due, client in enumerate(["desk"] * many + ["quick"] * many)
        ]
        with stage.application.store.engine.begin() as connection:
            connection.execute(insert(tables.logouts), rows)
        receiver.answering.clear()
        look = threading.Thread(target=stage.application._tell)
        look.start()
        with other.hears:
            assert other.hears.wait_for(lambda: len(other.tokens) == many, 60)
        assert len(receiver.tokens) <= OF_EACH
        receiver.answering.set()
        look.join(60)
        assert not look.is_alive()
        other.shutdown()


def test_what_there_is_no_place_for_is_sent_by_the_courier(member: Member, stage: SharedStage, receiver: Receiver) -> None:
    _, library = signs_in_twice(member)
    places = stage.application.city.logouts._places
    assert [places.acquire(blocking=False) for _ in range(AT_WORK + 1)] == [True] * AT_WORK + [False]
    try:
        assert outcomes(logout(member, id_token_hint=library))["The desk"] == "waiting"
    finally:
        places.release(AT_WORK)
    assert not receiver.tokens
    stage.clock.ahead += LEASE
    stage.application._tell()
    assert len(receiver.tokens) == 1


def test_what_nobody_takes_is_given_up_and_kept_for_the_operator(
    member: Member, stage: SharedStage, receiver: Receiver
) -> None:
    _, library = signs_in_twice(member)
    receiver.answers += [500] * (2 * MOST_TRIES)
    logout(member, id_token_hint=library)
    for _ in range(MOST_TRIES):
        stage.clock.ahead += 5 * 2**MOST_TRIES
        stage.application._tell()
    assert len(receiver.tokens) == MOST_TRIES
    with stage.application.store.engine.connect() as connection:
        table = tables.logouts.c
        ((client, due, failed),) = connection.execute(select(table.client, table.due, table.failed))
    assert (client, due, failed) == ("desk", None, "status 500")


def test_what_the_machine_gives_no_thread_for_waits_and_is_sent_later(
    member: Member, stage: SharedStage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    _, library = signs_in_twice(member)
    with monkeypatch.context() as patched:
        patched.setattr("idp.protocols.oidc.logouts.threading", SimpleNamespace(Thread=NoThread))
        assert outcomes(logout(member, id_token_hint=library))["The desk"] == "waiting"
    assert not receiver.tokens
    stage.clock.ahead += LEASE
    stage.application._tell()
    assert len(receiver.tokens) == 1


def test_a_worker_that_dies_leaves_what_it_took_to_another(member: Member, stage: SharedStage, receiver: Receiver) -> None:
    """The first one took the entry when the citizen signed out, and never sent it."""
    signs_in_twice(member)
    sessions = stage.application.city.logouts.sessions
    names = sessions.stored.of_providers(["demo-ee"])
    now = stage.clock()
    assert sessions.stored.end(names, now, told=sessions.told, due=now + LEASE)
    assert not sessions.stored.end(names, now, told=sessions.told, due=now), "of two one ends it"
    stage.application._tell()
    assert not receiver.tokens
    stage.clock.ahead += LEASE
    stage.application._tell()
    stage.application._tell()
    assert len(receiver.tokens) == 1


@pytest.mark.spec("OpenID Connect Core §5.3")
def test_what_was_issued_in_a_session_ends_with_it(member: Member) -> None:
    code = member.signs_in_for("desk")
    answer = json.loads(member.tokens("desk", code).text)
    assert member.userinfo(answer["access_token"]).status == 200
    unredeemed = member.decides(member.asks_for("library")).back["code"]
    logout(member, id_token_hint=answer["id_token"])
    assert member.userinfo(answer["access_token"]).status == 401
    assert json.loads(member.tokens("library", unredeemed).text)["error"] == "invalid_grant"


@pytest.mark.spec("decisions.md 31")
def test_a_country_that_is_switched_off_ends_its_sessions(
    member: Member, stage: SharedStage, receiver: Receiver, switch: Switch
) -> None:
    signs_in_twice(member)
    switch(COUNTRY, "EE")
    stage.application._tell()
    switch(COUNTRY, "EE", off=False)
    assert _count(stage, tables.sessions) == 0
    assert len(receiver.tokens) == 1
    assert member.asks_for("library").heading == "Which country's eID do you use?", "on again, it brings nothing back"


@pytest.mark.spec("decisions.md 31")
def test_a_service_that_is_switched_off_is_told_nothing(
    member: Member, stage: SharedStage, receiver: Receiver, switch: Switch
) -> None:
    _, library = signs_in_twice(member)
    switch(PARTY, "desk")
    stage.application._tell()
    assert outcomes(logout(member, id_token_hint=library)) == {"The library": "itself"}
    assert not receiver.tokens


def test_a_browser_that_forgets_its_receipts_forgets_its_session(member: Member, stage: SharedStage) -> None:
    signs_in_twice(member)
    member.go("POST", "/receipt/forget")
    assert _count(stage, tables.sessions) == 0
    assert COOKIE not in member.jar


@pytest.fixture
def op(stage: SharedStage) -> Iterator[Upstream]:
    """An OpenID provider whose connector stands in for the country's: its tokens come to our address for `demo-ee`."""
    with upstream(stage.clock()) as found:
        registered, received = registration(found), stage.application.city.received_logouts
        kept = received._connectors, received._providers
        received._connectors, received._providers = {EE: of(registered)}, {EE: replace(registered, provider_id=EE)}
        yield found
        received._connectors, received._providers = kept


def told_upstream(member: Member, op: Upstream, key: TokenKey | None = None, **changes: Json) -> Answer:
    """The provider posts a logout token, signed by its key or another one."""
    now = member.stage.clock()
    claims: dict[str, Json] = {
        "iss": op.base,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "logout-1",
        "events": {EVENT: {}},
        "sid": "session-1",
        **changes,
    }
    sent = {name: value for name, value in claims.items() if value is not None}
    token = handmade({"alg": "ES256", "kid": op.kid, "typ": "logout+jwt"}, sent, key or op.key)
    return member.go("POST", "/oidc/backchannel/demo-ee", fields={"logout_token": token}, headers=DIRECT, jar={})


def resting_on(stage: SharedStage, session: str) -> None:
    """All sessions rest on this one of the provider's."""
    digest = stage.application.city.logouts.sessions.upstream(session)
    with stage.application.store.engine.begin() as connection:
        connection.execute(update(tables.sessions).values(upstream=digest))


@pytest.mark.spec("Back-Channel Logout §2.6")
@pytest.mark.spec("Back-Channel Logout §2.8")
def test_a_session_that_ends_upstream_ends_ours_and_its_services_hear_of_it(
    member: Member, stage: SharedStage, receiver: Receiver, op: Upstream
) -> None:
    signs_in_twice(member)
    resting_on(stage, "session-2")
    assert told_upstream(member, op).status == 200, "another session of theirs"
    assert _count(stage, tables.sessions) == 1
    resting_on(stage, "session-1")
    assert told_upstream(member, op).status == 400, "its jti was used"
    assert _count(stage, tables.sessions) == 1, "a used token ends nothing"
    answer = told_upstream(member, op, jti="logout-2")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert _count(stage, tables.sessions) == 0
    stage.application._tell()
    assert len(receiver.tokens) == 1


@pytest.mark.spec("Back-Channel Logout §2.7")
def test_what_was_issued_ends_with_the_session_upstream(
    member: Member, stage: SharedStage, receiver: Receiver, op: Upstream
) -> None:
    code = member.signs_in_for("desk", scope="openid purpose:desk offline_access")
    first = member.tokens("desk", code).json
    again = {"grant_type": "refresh_token", "redirect_uri": None, "code_verifier": None}
    second = member.tokens("desk", None, **again, refresh_token=str(first["refresh_token"]))
    assert second.status == 200, second.text
    resting_on(stage, "session-1")
    assert told_upstream(member, op).status == 200
    refused = member.tokens("desk", None, **again, refresh_token=str(second.json["refresh_token"]))
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert member.userinfo(str(second.json["access_token"])).status == 401
    stage.application._tell()
    assert len(receiver.tokens) == 1


@pytest.mark.spec("Back-Channel Logout §2.5")
@pytest.mark.parametrize("upstream", [True, False])
def test_services_hear_of_a_logout_also_when_nobody_came_back_for_long(
    member: Member, stage: SharedStage, receiver: Receiver, op: Upstream, *, upstream: bool
) -> None:
    _, library = signs_in_twice(member)
    resting_on(stage, "session-1")
    stage.clock.ahead += IDLE + KEPT_SECONDS + 1
    stage.application.store.purge(stage.clock() - KEPT_SECONDS)
    told_upstream(member, op) if upstream else logout(member, id_token_hint=library)
    stage.application._tell()
    assert len(receiver.tokens) == 1


@pytest.mark.spec("Back-Channel Logout §2.6")
@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "n"},
        {"aud": "another client"},
        {"iss": "https://evil.example"},
        {"events": {}},
        {"sid": None},
        {"exp": 1},
        {"jti": None},
    ],
)
def test_a_logout_token_that_is_none_ends_nothing(
    member: Member, stage: SharedStage, op: Upstream, changes: dict[str, Json]
) -> None:
    signs_in_twice(member)
    resting_on(stage, "session-1")
    assert told_upstream(member, op, None, **changes).status == 400
    assert _count(stage, tables.sessions) == 1


def test_a_logout_token_by_another_key_or_for_a_provider_that_has_none_ends_nothing(
    member: Member, stage: SharedStage, op: Upstream
) -> None:
    signs_in_twice(member)
    resting_on(stage, "session-1")
    assert told_upstream(member, op, token_key("ES256", 7)).status == 400
    for provider in ("demo-lv", "nobody"):
        path = f"/oidc/backchannel/{provider}"
        assert member.go("POST", path, fields={"logout_token": "a.b.c"}, headers=DIRECT, jar={}).status == 400
    assert _count(stage, tables.sessions) == 1


def test_whoever_sends_logout_tokens_that_are_none_is_looked_at_no_more(
    member: Member, stage: SharedStage, op: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = stage.application.watched.rates
    # Loopback is limited in nothing
    monkeypatch.setattr(rates, "_octets", lambda _client: (b"of a stranger",))
    monkeypatch.setattr(rates, "_limits", rates._limits.model_copy(update={"failures": 1}))
    assert told_upstream(member, op, jti="taken").status == 200
    tries = [told_upstream(member, op, token_key("ES256", 7)).status for _ in range(ADDRESS_TIMES + 1)]
    assert tries == [400] * ADDRESS_TIMES + [429]
    assert op.hits == ["/jwks"]
    assert told_upstream(member, op, jti="not looked at").headers["retry-after"] == "60"


def test_discovery_says_what_there_is(member: Member) -> None:
    found = json.loads(member.go("GET", "/.well-known/openid-configuration", jar={}).text)
    assert found["end_session_endpoint"] == member.stage.issuer + "/logout"
    assert "none" in found["prompt_values_supported"]
    for name in ("backchannel_logout", "frontchannel_logout"):
        assert found[f"{name}_supported"] is found[f"{name}_session_supported"] is True


def _claims(token: str) -> dict[str, Json]:
    return claims_of(token)


def _count(stage: SharedStage, table: object) -> int:
    with stage.application.store.engine.connect() as connection:
        return len(list(connection.execute(select(table))))  # type: ignore[call-overload] # a table
