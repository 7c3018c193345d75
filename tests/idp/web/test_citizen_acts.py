"""Acts of a citizen on their page: it counts at once, is a record with a receipt, and the service hears of it."""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select
from structlog.testing import capture_logs

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import verify
from idp.audit.record_proof_verify import verify_record
from idp.audit.verify_records import verify_records
from idp.citizen.erasures import Erasures, SignIn
from idp.citizen.own_page import PURPOSE as OWN
from idp.ledger.leaf import subject_index
from idp.ledger.person_records import APPROVAL_OFF, DISOWNED, OBJECTION, WITHDRAWAL
from idp.ports import ENDED
from idp.protocols.oidc.events import MEDIA_TYPE, TYPES, Events
from idp.store import tables
from idp.store.logout_queue import FIRST_PAUSE, LogoutQueue
from idp.store.records.own_acts import OwnActs
from policies.assurance import LevelOfAssurance
from policies.parties import ClientId, PurposeId
from tests.connectors.metadata.origin import LOOPBACK, Authority
from tests.idp.server.crew import until
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import REFRESHES, Member, SharedStage, claims_of, emptied
from tests.idp.web.stage import LOWERED
from tests.idp.web.visitor import Answer, login_of, of_mari, query_of


class Receiver(ThreadingHTTPServer):
    """A service's address for events, on a socket of its own. It answers what a test lines up, then 202."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.tokens: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            server: "Receiver"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.path == "/events":
                    assert self.headers["Content-Type"] == MEDIA_TYPE
                    self.server.tokens.append(body)
                self.send_response(self.server.answers.pop(0) if self.server.answers else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


class EventStage(SharedStage):
    """The desk (consent) and the permits (a public task) take events. `alone` is in no group."""

    def _configure(self, *given: object) -> None:
        super()._configure(*given)  # type: ignore[arg-type] # as above
        for name in ("desk", "permits"):
            file = self.receiving / "parties" / f"{name}.toml"
            text = file.read_text("utf-8")
            more = f'events_uri = "{self.receiver}"\n' + ("" if "networks" in text else 'networks = ["127.0.0.0/8"]\n')
            head, table, rest = text.partition("[attributes]")
            file.write_text(head + more + table + rest, "utf-8")
        shared = (self.receiving / "parties" / "museum.toml").read_text("utf-8").replace("museum", "alone")
        lines = [line for line in shared.splitlines() if not line.startswith(("session_group", "post_logout"))]
        (self.receiving / "parties" / "alone.toml").write_text("\n".join([*lines, REFRESHES]), "utf-8")


@pytest.fixture(scope="module")
def receiving() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, receiving: Receiver) -> Iterator[SharedStage]:
    url = f"http://desk.localhost:{receiving.server_port}/events"
    with opened(EventStage(tmp_path_factory.mktemp("acts") / "stage", Clock(), url)) as stage:
        stage.application.courier.stop()  # tests look themselves
        yield stage


@pytest.fixture
def stage(running: SharedStage) -> Iterator[SharedStage]:
    for found in emptied(running):
        # Another test's clock was ahead of this one's
        with found.application.store.engine.begin() as connection:
            connection.execute(delete(tables.parked).where(tables.parked.c.kind == ENDED))
        yield found


@pytest.fixture
def receiver(receiving: Receiver) -> Receiver:
    receiving.answers.clear()
    receiving.tokens.clear()
    return receiving


def _entered(member: Member, citizen: str = "mari") -> Answer:
    picker = member.go("POST", "/me/sign-in")
    assert member.returns(member.signs_in(member.asked(login_of(picker)), citizen)).status == 200
    return member.go("GET", "/me")


def _newest(page: Answer) -> int:
    return int(page.found("//article/@data-number")[0])


def _acts(member: Member, kind: str, number: int) -> Answer:
    """Press the button of an act, and read the page that comes."""
    done = member.go("POST", "/me/act", fields={"n": str(number), "act": kind})
    assert (done.status, done.headers["location"]) == (303, f"{member.stage.issuer}/me"), done.text
    return member.go("GET", "/me")


def _asked_silently(member: Member) -> str:
    """The error of a sign-in for the desk without a page."""
    answer = member.authorize(client_id="desk", scope="openid purpose:desk", prompt="none")
    return query_of(answer.headers["location"])["error"]


def _faults(stage: SharedStage) -> list[object]:
    application = stage.application
    with application.store.engine.connect() as connection:
        found = verify_records(connection, application.settings.tenant, application.keys.ledger, "city", lambda: None)
        return list(found)


def _event(member: Member, token: str, client: str) -> Mapping[str, object]:
    """The claims of an event, verified as its service has to."""
    keys = keys_from_jwks(member.go("GET", "/jwks", jar={}).text, "ES256")
    claims = verify(token, keys, alg="ES256", types=frozenset({"secevent+jwt"})).members
    assert (claims["iss"], claims["aud"]) == (member.stage.issuer, client)
    assert set(claims) == {"iss", "aud", "iat", "jti", "sub_id", "events"}
    return claims


def _types(claims: Mapping[str, object]) -> list[str]:
    events = claims["events"]
    assert isinstance(events, dict)
    return list(events)


@pytest.mark.spec("decisions.md 25; issue 31 item 6")
def test_a_token_without_session_and_refresh_ends_with_the_consent_too(member: Member, stage: SharedStage) -> None:
    scope = {"client_id": "alone", "scope": "openid purpose:desk"}
    first, again = (
        json.loads(member.tokens("alone", member.decides(member.question("mari", **scope)).back["code"]).text)
        for _ in range(2)
    )
    assert member.userinfo(str(first["access_token"])).status == 200, "an approval once more ends nothing"
    _acts(member, WITHDRAWAL, _newest(_entered(member)))
    for token in (first, again):
        assert member.userinfo(str(token["access_token"])).status == 401
    assert _faults(stage) == []


@pytest.mark.spec("decisions.md 25; issue 31 item 6")
def test_a_withdrawn_consent_ends_what_was_issued_and_is_told_and_stays_until_the_person_agrees_anew(
    member: Member, stage: SharedStage, receiver: Receiver
) -> None:
    scope = "openid purpose:desk offline_access"
    tokens = json.loads(member.tokens("desk", member.signs_in_for("desk", scope=scope)).text)
    number = _newest(_entered(member))
    page = _acts(member, WITHDRAWAL, number)
    assert "You took this back" in page.text
    assert "You withdrew your consent" in page.text
    refused = member.tokens("desk", None, grant_type="refresh_token", refresh_token=str(tokens["refresh_token"]))
    assert refused.json["error"] == "invalid_grant"
    assert member.userinfo(str(tokens["access_token"])).status == 401
    assert _asked_silently(member) == "login_required"
    stage.application._tell()
    (token,) = receiver.tokens
    claims = _event(member, token, "desk")
    assert _types(claims) == [TYPES[WITHDRAWAL]]
    assert claims["sub_id"] == {"format": "iss_sub", "iss": stage.issuer, "sub": claims_of(str(tokens["id_token"]))["sub"]}
    assert _faults(stage) == []
    # Agreed anew on a page
    stage.clock.ahead += 1
    again = json.loads(member.tokens("desk", member.signs_in_for("desk")).text)
    assert member.userinfo(str(again["access_token"])).status == 200
    assert member.userinfo(str(tokens["access_token"])).status == 401, "what was issued before stays ended"
    assert "You took this back" not in member.go("GET", "/me").text


@pytest.mark.spec("decisions.md 25")
def test_an_objection_is_of_a_public_task_and_a_withdrawal_of_consent_and_nothing_else(
    member: Member, stage: SharedStage, receiver: Receiver
) -> None:
    with Member(stage) as other:
        member.signs_in_for("desk")
        other.signs_in_for("permits")
    page = _entered(member)
    permits = _newest(page)
    before = stage.records
    for kind, number in ((OBJECTION, permits - 1), (WITHDRAWAL, permits), (APPROVAL_OFF, permits), ("release", permits)):
        assert member.go("POST", "/me/act", fields={"n": str(number), "act": kind}).status == 400
    assert stage.records == before
    controller = page.tree.xpath(f"string(//article[@data-number='{permits}'])")
    assert "has to answer it: City of Storkhaven" in controller
    _acts(member, OBJECTION, permits)
    stage.application._tell()
    assert _types(_event(member, receiver.tokens[0], "permits")) == [TYPES[OBJECTION]]
    assert _faults(stage) == []


def test_the_same_act_again_is_no_other_record_until_the_person_agrees_anew(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    number = _newest(_entered(member))
    page, before = _acts(member, WITHDRAWAL, number), stage.records

    def disown(_: int) -> int:
        with Member(stage, jar=dict(member.jar)) as tab:
            return tab.go("POST", "/me/act", fields={"n": str(number), "act": DISOWNED}).status

    assert not page.found(f"//article[@data-number='{number}']//input[@value='{WITHDRAWAL}']")
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(disown, range(4))] == [303] * 4
    for kind in (WITHDRAWAL, DISOWNED):
        _acts(member, kind, number)
    assert stage.records == before + 1, "the first that was disowned"
    queue = LogoutQueue(engine=stage.application.store.engine, tenant=stage.application.settings.tenant)
    assert len([one for one in queue.listed() if one.record]) == 2
    # Agreed anew, and taken back once more
    stage.clock.ahead += 1
    member.signs_in_for("desk")
    for _ in range(2):
        _acts(member, WITHDRAWAL, number)
    assert stage.records == before + 3
    assert _faults(stage) == []


def test_an_act_is_anybodys_own_alone(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    number = str(_newest(_entered(member)))
    fields = {"n": number, "act": WITHDRAWAL}
    foreign: dict[str, str | None] = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    before = stage.records
    assert member.go("POST", "/me/act", fields=fields, headers=foreign).status == 403
    assert member.go("POST", "/me/act", fields=fields, jar={}).status == 404
    assert member.go("POST", "/me/act", fields={**fields, "subject": "x"}).status == 400
    with Member(stage) as other:
        _entered(other, "liisi")
        assert other.go("POST", "/me/act", fields=fields).status == 404
    assert stage.records == before


@pytest.mark.spec("RFC 8935 §2.2; issue 31 item 6: retries, dead letters shown")
def test_an_event_that_is_not_taken_is_sent_again_as_the_same_and_then_given_up(
    member: Member, stage: SharedStage, receiver: Receiver
) -> None:
    member.signs_in_for("desk")
    _acts(member, WITHDRAWAL, _newest(_entered(member)))
    receiver.answers += [500, 400]
    for _ in range(2):
        stage.application._tell()
        stage.clock.ahead += 3 * FIRST_PAUSE
    queue = LogoutQueue(engine=stage.application.store.engine, tenant=stage.application.settings.tenant)
    (waiting,) = [one for one in queue.listed() if one.record]
    assert (waiting.client_id, waiting.tries, waiting.failed) == ("desk", 2, "status 400")
    stage.application._tell()
    first, second, third = (_event(member, token, "desk") for token in receiver.tokens)
    assert first == second == third, "the service knows by jti what it has taken"
    assert not [one for one in queue.listed() if one.record]


@pytest.mark.spec("issue 31 item 6: I did not make this login")
def test_a_sign_in_that_the_person_did_not_make_freezes_all_and_alerts_without_naming_them(
    member: Member, stage: SharedStage, receiver: Receiver
) -> None:
    with Member(stage) as thief:
        stolen = json.loads(thief.tokens("desk", thief.signs_in_for("desk")).text)
        page = _entered(member)
        with capture_logs() as lines:
            _acts(member, DISOWNED, _newest(page))
        (alert,) = [line for line in lines if line["log_level"] == "critical"]
        assert set(alert) == {"event", "log_level", "record", "fix", "tenant"}
        assert thief.userinfo(str(stolen["access_token"])).status == 401
        assert _asked_silently(thief) == "login_required", "the shared sign-in has ended, too"
    stage.application._tell()
    assert TYPES[DISOWNED] in str(_event(member, receiver.tokens[-1], "desk")["events"])
    assert _faults(stage) == []


@pytest.mark.spec("issue 31 item 6: I did not make this login")
def test_a_disowned_sign_in_ends_what_other_services_were_given_and_other_visits_to_the_page(
    member: Member, stage: SharedStage
) -> None:
    scope = {"client_id": "alone", "scope": "openid purpose:desk offline_access"}
    with Member(stage) as thief, Member(stage) as another:
        code = thief.decides(thief.question("mari", **scope)).back["code"]
        held = json.loads(thief.tokens("alone", code).text)
        unused = thief.decides(thief.question("mari", **scope)).back["code"]
        theirs = json.loads(another.tokens("alone", another.decides(another.question("liisi", **scope)).back["code"]).text)
        _entered(thief)
        _entered(another, "liisi")
        member.signs_in_for("desk")
        page = _entered(member)
        _acts(member, DISOWNED, _newest(page))
        refresh = {"grant_type": "refresh_token"}
        refused = member.tokens("alone", None, refresh_token=str(held["refresh_token"]), **refresh)
        assert refused.json["error"] == "invalid_grant"
        assert member.tokens("alone", unused).json["error"] == "invalid_grant"
        assert member.userinfo(str(held["access_token"])).status == 401
        assert not thief.go("GET", "/me").found("//article"), "their visit is over"
        assert member.go("GET", "/me").found("//article"), "that of whoever acted is not"
        assert another.go("GET", "/me").found("//article")
        assert member.tokens("alone", None, refresh_token=str(theirs["refresh_token"]), **refresh).status == 200
        stage.clock.ahead += 1
        new = json.loads(member.tokens("alone", member.decides(member.question("mari", **scope)).back["code"]).text)
        # Once more: the later moment counts
        page = _entered(member)
        _acts(member, DISOWNED, _newest(page))
        assert member.tokens("alone", None, refresh_token=str(new["refresh_token"]), **refresh).status == 400
    assert _faults(stage) == []


@pytest.mark.spec("issue 31 item 6: remembered approvals with an off switch")
def test_a_remembered_approval_is_listed_and_switched_off(member: Member, stage: SharedStage) -> None:
    question = member.question(client_id="library", scope="openid purpose:quiet")
    member.decides(question, ticked={"remember": "yes"})
    page = _entered(member)
    (service,) = page.found("//form[@action='/me/approval']//input[@name='service']/@value")
    assert service == "library"
    off = {"service": "library", "purpose": "quiet"}
    assert member.go("POST", "/me/approval", fields=off).status == 303
    page = member.go("GET", "/me")
    assert not page.found("//form[@action='/me/approval']")
    assert "You are asked every time again" in page.text
    assert member.go("POST", "/me/approval", fields=off).status == 404
    assert member.go("POST", "/me/approval", fields={**off, "purpose": OWN}).status == 404
    assert _faults(stage) == []


def test_a_lower_sign_in_switches_no_approval_off_that_it_may_not_see(member: Member, stage: SharedStage) -> None:
    member.decides(member.question(client_id="library", scope="openid purpose:quiet"), ticked={"remember": "yes"})
    edits, off = {"providers/demo-ee.toml": LOWERED}, {"service": "library", "purpose": "quiet"}
    with stage.other_broker(stage.folder / "lowered", edits) as port, Member(stage, port=port) as lower:
        assert not _entered(lower).found("//form[@action='/me/approval']")
        before = stage.records
        assert lower.go("POST", "/me/approval", fields=off).status == 404
        assert stage.records == before
    assert _entered(member).found("//form[@action='/me/approval']")
    assert member.go("POST", "/me/approval", fields=off).status == 303


@pytest.mark.spec("issue 31 item 6: a receipt for each withdrawal, too")
def test_an_act_has_a_receipt_that_holds_offline(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk")
    page = _acts(member, WITHDRAWAL, _newest(_entered(member)))
    path = f"/me/receipt.json?n={_newest(page)}"
    until(lambda: member.go("GET", path).status == 200)
    taken = member.go("GET", path)
    assert path in member.go("GET", "/me").text
    proved = verify_record(taken.text.encode(), stage.application.keys.ledger.log.published(stage.clock()))
    assert (proved.decision["kind"], proved.sent["client"]) == (WITHDRAWAL, "desk")
    # Its retention is that of the release
    purpose = stage.application.city.role.configuration.purposes[PurposeId(str(proved.sent["purpose"]))]
    assert proved.sent["policy"] == purpose.digest


def test_another_worker_knows_it_at_once(member: Member, stage: SharedStage) -> None:
    tokens = json.loads(member.tokens("desk", member.signs_in_for("desk")).text)
    _acts(member, WITHDRAWAL, _newest(_entered(member)))
    with stage.other_broker(stage.folder / "second", {}) as port, Member(stage, port=port) as elsewhere:
        assert elsewhere.userinfo(str(tokens["access_token"])).status == 401


@pytest.mark.spec("security.md §3 I5; issue 31: an act at one worker while a sign-in is decided at another")
def test_an_act_at_one_worker_stands_whatever_is_decided_at_another_in_that_moment(
    member: Member, stage: SharedStage
) -> None:
    asked = {"client_id": "alone", "scope": "openid purpose:desk"}
    with stage.other_broker(stage.folder / "acting", {}) as port, Member(stage, port=port) as elsewhere:
        _entered(elsewhere)
        for _ in range(8):
            member.decides(member.question(**asked))
            page, begin = member.question(**asked), threading.Barrier(2)
            act = {"n": str(_newest(elsewhere.go("GET", "/me"))), "act": WITHDRAWAL}

            def pressed(begin: threading.Barrier = begin, page: Answer = page) -> Answer:
                begin.wait()
                return member.decides(page)

            def took_back(begin: threading.Barrier = begin, act: dict[str, str] = act) -> Answer:
                begin.wait()
                return elsewhere.go("POST", "/me/act", fields=act)

            with ThreadPoolExecutor(2) as pool:
                decided, acted = pool.submit(pressed), pool.submit(took_back)
            assert acted.result().status == 303
            if (answer := decided.result()).status == 303:
                assert member.tokens("alone", answer.back["code"]).json["error"] == "invalid_grant"
            else:
                assert answer.status == 409
            assert "You took this back" in elsewhere.go("GET", "/me").text
    assert _faults(stage) == []


@pytest.mark.spec("issue 31 item 7: nothing of a person stays; decisions.md 21")
def test_an_erasure_forgets_what_the_person_took_back_too(member: Member, stage: SharedStage) -> None:
    member.signs_in_for("desk", "juhan")
    _acts(member, WITHDRAWAL, _newest(_entered(member, "juhan")))
    engine, keys, tenant = stage.application.store.engine, stage.application.keys, stage.application.settings.tenant

    def kept() -> int:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(tables.approvals)) or 0

    assert kept() == 2
    long_ago = stage.clock() - 20 * 24 * 3600
    juhan = subject_index(keys.index, tenant, "demo/EE", "EE-36406010002")
    Erasures(engine=engine, tenant=tenant, keys=keys.ledger).ask(SignIn(juhan, LevelOfAssurance.HIGH, long_ago), long_ago)
    assert stage.application.erasing is not None
    stage.application.erasing.begin()
    assert kept() == 0
    assert not _entered(member, "juhan").found("//article")
    assert "Share this with" in str(member.question("juhan", client_id="desk", scope="openid purpose:desk").heading)
    assert _faults(stage) == []


@pytest.mark.spec("issue 31 item 6: an Article 15 export")
def test_one_file_has_all_that_is_kept_and_a_page_says_it(member: Member, stage: SharedStage) -> None:
    question = member.question(client_id="library", scope="openid purpose:quiet")
    member.decides(question, ticked={"remember": "yes"})
    with Member(stage) as other:
        other.signs_in_for("permits")
    page = _entered(member)
    _acts(member, OBJECTION, _newest(page))
    (path,) = page.found("//a[@href='/me/copy']/@href")
    shown = member.go("GET", path)
    assert (shown.status, shown.heading) == (200, "What is kept about you")
    assert "City of Storkhaven, privacy@storkhaven.example" in shown.text
    taken = member.go("GET", shown.found("//a[@class='button']/@href")[0])
    copy = json.loads(taken.text)
    act, permits = copy["records"][:2]
    assert (act["kind"], act["about"], permits["kind"]) == (OBJECTION, permits["record"], "release")
    of = {"source": "demo-ee", "source_title": permits["sent"][0]["source_title"]}
    assert {"attribute": "birthdate", "form": "age_over(18)", **of} in permits["sent"]
    assert [one["service"] for one in copy["approvals"]] == ["library"]
    assert len(copy["records"]) == _newest(member.go("GET", "/me"))
    (erasure,) = (right for right in copy["rights"] if "art. 17" in right)
    assert "at the end of your page (art. 17)" in erasure
    assert page.found("//main//a/@href")[-1] == "/me/erase"
    assert copy["kept"]
    assert of_mari(taken.text + shown.text) == []
    for address in ("/me/copy", "/me/copy.json"):
        assert member.go("GET", address, jar={}).status == 404


@pytest.mark.spec("issue 31, real parts: a receiving service for security event tokens over TLS; RFC 8935 §2.2 and §2.5")
def test_an_event_goes_over_tls_to_whom_we_trust_and_counts_as_taken_by_202_alone(
    member: Member, stage: SharedStage, tmp_path: Path
) -> None:
    member.signs_in_for("desk")
    _acts(member, WITHDRAWAL, _newest(_entered(member)))
    application = stage.application
    queue = LogoutQueue(engine=application.store.engine, tenant=application.settings.tenant)
    (waiting,) = [one for one in queue.listed() if one.record]
    acts = OwnActs(engine=application.store.engine, tenant=application.settings.tenant, keys=application.keys.ledger)
    logouts, ours, strange = application.city.logouts, Authority(tmp_path), Authority(tmp_path)
    desk = logouts.parties[ClientId("desk")]

    def pushed(status: int, certified: Authority) -> str:
        fetcher = Fetcher(demo=False, trust=ours.trust(), resolver=lambda _host, _port: ["127.0.0.1"])
        with Receiver() as listening:
            listening.answers.append(status)
            listening.socket = certified.server("desk.example").wrap_socket(listening.socket, server_side=True)
            threading.Thread(target=listening.handle_request, daemon=True).start()
            told = replace(
                desk.openid.logout,
                events_uri=f"https://desk.example:{listening.server_port}/events",
                backchannel_networks=LOOPBACK,
            )
            party = replace(desk, openid=replace(desk.openid, logout=told))
            events = Events(stage.issuer, logouts.signers, acts, fetcher)
            return events.push(party, bytes.fromhex(waiting.record), stage.clock())

    assert pushed(202, ours) == ""
    assert pushed(200, ours) == "status 200"
    with pytest.raises(FetchError) as refused:
        pushed(202, strange)
    assert refused.value.check == "tls"
