"""Services that hear of a logout by the browser alone: it visits each of them, and comes back with its answer."""

import base64
import json
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from sqlalchemy import func, select

from connectors.formats.logout import PARTIAL_LOGOUT, LogoutResponse, logout_request_element, logout_response_element
from connectors.profiles import SAML2INT
from connectors.resumed import RememberedSignIn
from connectors.signatures.redirect import signed_query
from connectors.signatures.signer import Signer
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import SUCCESS
from idp.login.sessions import Sessions
from idp.login.states import Decided
from idp.ports import SessionRow
from idp.server.rate_limits import Rates
from idp.store import tables
from policies.errors import Misconfigured, TooManyRequests
from tests.connectors.oidc.upstream import CLIENT, upstream
from tests.idp.staging import Lines
from tests.idp.web.hall_stage import (
    GONE,
    HallStage,
    answered,
    by_browser,
    certificate,
    enters,
    halls,
    indexed,
    living,
    request,
    unheard,
)
from tests.idp.web.saml_party import Heard, SamlParty, verified
from tests.idp.web.shared_stage import Member, outcomes
from tests.idp.web.test_openid_upstream_http import back, files, sent
from tests.idp.web.visitor import Answer, query_of

PATH, SERVICES, ONWARD = "/saml/idp/logout", "/logout/services", "/logout/onward"
WAY = "__Host-logout"
FROM_THERE = {"sec-fetch-site": "cross-site"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HallStage]:
    yield from halls(tmp_path_factory)


@pytest.fixture
def stage(running: HallStage) -> Iterator[HallStage]:
    yield from unheard(running)


def signed_out(member: Member, *parties: SamlParty) -> tuple[str, ...]:
    """Signed in at the desk and at services of SAML, and then out by the desk. Their names of the session."""
    desk = member.id_token("desk", member.signs_in_for("desk"))
    names = tuple(enters(member, party) for party in parties)
    back = f"{member.stage.city_base}/desk/bye"
    gone = member.go("GET", f"/logout?id_token_hint={desk}&post_logout_redirect_uri={back}&state=s")
    assert (gone.status, gone.headers["location"]) == (303, f"{member.stage.issuer}{SERVICES}")
    assert living(member.stage) == 0  # type: ignore[arg-type] # a HallStage
    return names


def brought(member: Member, page: Answer, party: SamlParty) -> Heard:
    """The LogoutRequest that a page of ours takes to a service, by Redirect or by POST; its signature is verified."""
    assert page.heading == "Signing you out", page.text
    if forms := page.found("//main//form/@action"):
        assert forms == [GONE]
        heard = Heard(etree.fromstring(base64.b64decode(page.fields["SAMLRequest"])), "", was_encrypted=False)
        verified(heard.root, certificate(member))
    else:
        (link,) = page.found("//main//a/@href")
        assert page.found("//meta[@http-equiv='refresh']/@content") == [f"0; url={link}"], "without a script"
        covered, _, signature = urlsplit(link).query.partition("&Signature=")
        key = x509.load_der_x509_certificate(certificate(member)).public_key()
        assert isinstance(key, RSAPublicKey)
        given = parse_qs(f"{covered}&Signature={signature}")
        key.verify(base64.b64decode(given["Signature"][0]), covered.encode(), PKCS1v15(), SHA256())
        heard = Heard(
            etree.fromstring(zlib.decompress(base64.b64decode(given["SAMLRequest"][0]), -15)), "", was_encrypted=False
        )
    assert heard.root.get("Destination") in (GONE, f"{GONE}/asks")
    assert heard.text("saml:Issuer") == f"{party.issuer}/saml/idp"
    return heard


def response(party: SamlParty, asked: str, **changes: str) -> LogoutResponse:
    made = {
        "response_id": f"_{secrets.token_hex(20)}",
        "issuer": party.entity,
        "destination": f"{party.issuer}{PATH}",
        "in_response_to": asked,
        "status": SUCCESS,
        **changes,
    }
    return LogoutResponse(issue_instant=party.clock(), **made)


def comes_back(
    member: Member, found: LogoutResponse, signer: Signer, *, by_post: bool = False, signed: bool = True
) -> Answer:
    """A service sends the browser back. By POST no Lax cookie comes along."""
    element = logout_response_element(found)
    if by_post:
        octets = sign_enveloped(element, signer, place=1, profile=SAML2INT)
        jar = {name: value for name, value in member.jar.items() if not name.startswith("__Host-session-")}
        return member.comes_back(PATH, GONE, {"SAMLResponse": base64.b64encode(octets).decode()}, FROM_THERE, jar)
    query = signed_query("SAMLResponse", etree.tostring(element), "", signer, SAML2INT)
    query = query if signed else query.partition("&SigAlg=")[0]
    return member.go("GET", f"{PATH}?{query}", headers=FROM_THERE)


def became(page: Answer) -> list[str]:
    return sorted(page.found("//li/@data-outcome"))


def shown(member: Member) -> Answer:
    return member.go("GET", SERVICES)


def onward(member: Member, **fields: str) -> Answer:
    return member.go("POST", ONWARD, fields=fields)


@pytest.mark.spec("saml.md §5")
def test_a_browser_visits_each_service_in_turn_and_the_page_says_what_each_has_signed(
    member: Member, stage: HallStage
) -> None:
    pool, bath, hall = signed_out(member, stage.pool, stage.bath, stage.hall)
    page = shown(member)
    assert became(page) == ["ended", "ended", "visit", "visit"], page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert not page.found("//script"), "nothing here needs one"
    # By POST, and the answer comes by POST; by Redirect, and it comes by Redirect. Between them the browser is never lost
    first = onward(member)
    assert first.found("//main//form"), "in the order of their names"
    heard = brought(member, first, stage.bath)
    assert (heard.text("saml:NameID"), heard.text("samlp:SessionIndex")) == (bath, bath)
    second = comes_back(member, response(stage.bath, str(heard.root.get("ID"))), stage.bath.signer, by_post=True)
    heard = brought(member, second, stage.pool)
    assert (heard.text("saml:NameID"), heard.text("samlp:SessionIndex")) == (pool, pool)
    assert len({pool, bath, hall}) == 3, "each has a name of its own"
    back = comes_back(member, response(stage.pool, str(heard.root.get("ID"))), stage.pool.signer)
    assert back.headers["location"] == f"{stage.issuer}{SERVICES}"
    done = shown(member)
    assert became(done) == ["ended"] * 4
    (home,) = done.found("//main//a/@href")
    assert home == f"{stage.city_base}/desk/bye?state=s"
    assert done.found("//meta[@http-equiv='refresh']/@content") == [f"0; url={home}"], "nothing is left to do"


@pytest.mark.spec("saml.md §5")
def test_the_service_that_asked_is_answered_at_the_end_with_what_is_so_then(member: Member, stage: HallStage) -> None:
    for status, complete in ((SUCCESS, True), (PARTIAL_LOGOUT, False)):
        member.signs_in_for("desk")
        index = enters(member, stage.hall)
        enters(member, stage.pool)
        asked = request(stage.hall, index)
        assert by_browser(member, stage.hall, asked).status == 303
        before = answered(member, shown(member).found("//main//a/@href")[0])
        assert before.statuses == ["Success", "PartialLogout"], "who has read enough goes home"
        there = brought(member, onward(member), stage.pool)
        more = {} if complete else {"sub_status": status}
        comes_back(member, response(stage.pool, str(there.root.get("ID")), **more), stage.pool.signer)
        page = shown(member)
        assert outcomes(page)["City library"] == ("ended" if complete else "unknown")
        heard = answered(member, page.found("//main//a/@href")[0])
        assert heard.statuses == ["Success", *([] if complete else ["PartialLogout"])]
        assert (heard.root.get("InResponseTo"), heard.relay_state) == (asked.request_id, "to the shelf")


@pytest.mark.spec("security.md §2.4 SLO forgery")
@pytest.mark.parametrize("wrong", ["unsigned", "key", "other", "request", "destination", "issuer"])
def test_no_answer_counts_but_that_of_the_service_to_the_request_that_this_browser_brought(
    member: Member, stage: HallStage, logs: Lines, wrong: str
) -> None:
    signed_out(member, stage.pool)
    asked = str(brought(member, onward(member), stage.pool).root.get("ID"))
    changes = {
        "request": {"in_response_to": "_another"},
        "destination": {"destination": f"{stage.issuer}{PATH}/soap"},
        "issuer": {"issuer": stage.hall.entity},
        "other": {"issuer": stage.hall.entity},
    }
    signer = stage.hall.signer if wrong in ("key", "other") else stage.pool.signer
    found = response(stage.pool, asked, **changes.get(wrong, {}))
    back = comes_back(member, found, signer, signed=wrong != "unsigned")
    assert back.headers["location"] == f"{stage.issuer}{SERVICES}", "the citizen is not lost for it"
    assert outcomes(shown(member))["City library"] == "unknown"
    checks = {"unsigned": "signature_missing", "key": "signature", "request": "in_response_to", "issuer": "in_response_to"}
    assert logs[-1]["check"] == {**checks, "other": "in_response_to", "destination": "destination"}[wrong]
    comes_back(member, response(stage.pool, asked), stage.pool.signer)
    assert outcomes(shown(member))["City library"] == "ended", "the true one counts after it"
    logs.clear()
    comes_back(member, response(stage.pool, asked, sub_status=PARTIAL_LOGOUT), stage.pool.signer)
    assert outcomes(shown(member))["City library"] == "ended", "and nothing after that"
    assert [one["check"] for one in logs] == ["in_response_to"]


def test_an_answer_in_another_browser_or_with_a_way_that_somebody_made_up_says_nothing(
    member: Member, stage: HallStage
) -> None:
    signed_out(member, stage.pool)
    asked = str(brought(member, onward(member), stage.pool).root.get("ID"))
    with Member(stage) as other:
        for planted in ("", "made up", base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")):
            other.jar = {WAY: planted} if planted else {}
            page = comes_back(other, response(stage.pool, asked), stage.pool.signer)
            assert (page.status, page.heading, outcomes(page)) == (200, "Nobody is signed in here", {})
            assert onward(other).heading == "Nobody is signed in here"
    assert outcomes(shown(member))["City library"] == "unknown", "it was not that browser's to say"
    stage.clock.ahead += 15 * 60
    assert shown(member).heading == "Nobody is signed in here", "a quarter of an hour later it is over"


def test_a_service_that_never_answers_costs_nothing_but_its_own_answer(member: Member, stage: HallStage) -> None:
    signed_out(member, stage.pool, stage.bath)
    brought(member, onward(member), stage.bath)
    # The citizen goes back, and on
    page = shown(member)
    assert became(page) == ["ended", "unknown", "visit"]
    heard = brought(member, onward(member), stage.pool)
    comes_back(member, response(stage.pool, str(heard.root.get("ID"))), stage.pool.signer)
    page = shown(member)
    assert became(page) == ["ended", "ended", "unknown"]
    assert page.found("//main//a/@href") == [f"{stage.city_base}/desk/bye?state=s"], "and home, which says no more"
    assert not page.found("//meta[@http-equiv='refresh']/@content")
    # It is tried once more, with a request of its own
    fields = dict(zip(page.found("//main//form//input/@name"), page.found("//main//form//input/@value"), strict=True))
    again = brought(member, onward(member, **fields), stage.bath)
    comes_back(member, response(stage.bath, str(again.root.get("ID"))), stage.bath.signer, by_post=True)
    assert became(shown(member)) == ["ended"] * 3


def test_no_other_site_sends_a_citizen_on_and_no_number_leads_elsewhere(member: Member, stage: HallStage) -> None:
    signed_out(member, stage.pool)
    assert member.go("POST", ONWARD, headers=FROM_THERE).status == 403
    assert member.go("POST", ONWARD, headers={"sec-fetch-dest": "iframe"}).status == 403
    home = [f"{stage.city_base}/desk/bye?state=s"]
    assert onward(member, place="9").found("//main//a/@href") == home
    # What is no number of ours leads to whom is next, and to nobody then
    brought(member, onward(member, place="00000000"), stage.pool)
    for place in ("9", "-1", "x", "00000000"):
        assert onward(member, place=place).found("//main//a/@href") == home


def test_whoever_signs_in_again_meanwhile_stays_so(member: Member, stage: HallStage) -> None:
    question = member.question(client_id="desk", scope="openid purpose:desk")
    signed_out(member, stage.pool)
    member.decides(question)
    assert living(stage) == 1
    heard = brought(member, onward(member), stage.pool)
    comes_back(member, response(stage.pool, str(heard.root.get("ID"))), stage.pool.signer)
    assert living(stage) == 1, "an answer ends no session"


@pytest.mark.spec("saml.md §4")
@pytest.mark.spec("saml.md §5")
def test_a_request_by_post_ends_what_it_names_though_no_cookie_of_a_session_comes_with_it(
    member: Member, stage: HallStage
) -> None:
    def posts(party: SamlParty, index: str, **changes: object) -> Answer:
        element = logout_request_element(request(party, index, **changes))
        octets = sign_enveloped(element, party.signer, place=1, profile=SAML2INT)
        fields = {"SAMLRequest": base64.b64encode(octets).decode(), "RelayState": "to the shelf"}
        jar = {name: value for name, value in member.jar.items() if not name.startswith("__Host-session-")}
        return member.comes_back(PATH, GONE, fields, FROM_THERE, jar)

    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    assert posts(stage.hall, index, destination=f"{stage.issuer}/elsewhere").status == 400
    sent = posts(stage.hall, index)
    assert (sent.status, sent.headers["location"], living(stage)) == (303, f"{stage.issuer}{PATH}", 1)
    page = member.go("GET", PATH, headers=FROM_THERE)
    assert (page.heading, living(stage)) == ("You are signed out here", 0), page.text
    heard = answered(member, page.found("//main//a/@href")[0])
    assert (heard.statuses, heard.relay_state) == (["Success"], "to the shelf")
    assert not member.go("GET", PATH).found("//main//a/@href"), "it has one use"
    # With another session in the browser the citizen is asked, and the form brings the request as it was
    member.jar.clear()
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    member.jar.clear()
    member.signs_in_for("desk", "juhan")
    posts(stage.hall, index)
    asking = member.go("GET", PATH)
    assert (asking.heading, living(stage)) == ("Sign out?", 2)
    page = member.go("POST", f"{PATH}/confirm", fields=asking.fields)
    assert living(stage) == 0
    assert answered(member, page.found("//main//a/@href")[0]).statuses == ["Success"]


def test_whoever_walks_too_often_parks_nothing_more(
    member: Member, stage: HallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_out(member, stage.pool)
    walked: list[str] = []

    def full(_self: Rates, _client: str, step: str) -> None:
        walked.append(step)
        raise TooManyRequests("begin_address")

    def parked() -> int:
        with stage.application.store.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(tables.parked)).scalar_one()

    monkeypatch.setattr(Rates, "go_on", full)
    element, before = logout_request_element(request(stage.hall, "x")), parked()
    asked = base64.b64encode(sign_enveloped(element, stage.hall.signer, place=1, profile=SAML2INT)).decode()
    answers = [
        onward(member),
        member.go("GET", f"{BACK}?state=x"),
        comes_back(member, response(stage.pool, "x"), stage.pool.signer),
        member.comes_back(PATH, GONE, {"SAMLRequest": asked}, FROM_THERE),
    ]
    assert [one.status for one in answers] == [429] * len(walked) == [429] * 4
    assert parked() == before


@pytest.mark.parametrize("fields", [{}, {"query": ""}, {"query": "x" * 70_000}, {"query": "Signature=x"}])
def test_a_confirmation_without_a_request_that_holds_ends_nothing(
    member: Member, stage: HallStage, fields: dict[str, str]
) -> None:
    member.signs_in_for("desk")
    page = member.go("POST", f"{PATH}/confirm", fields=fields)
    assert page.status == 400, page.text
    assert living(stage) == 1


# -- the provider upstream -------------------------------------------------------------------------------------------------

UPSTREAM, BACK = "/saml/logout", "/logout/back"
OFFERS = ('id = "demo-ee"', 'id = "demo-ee"\nlogout_upstream = true')


@pytest.fixture
def offering(stage: HallStage, tmp_path: Path) -> Iterator[Member]:
    """At a broker whose provider may be asked to end its own session."""
    with stage.other_broker(tmp_path / "b", {"providers/demo-ee.toml": OFFERS}) as port, Member(stage) as made:
        made.port = port
        yield made


def at_choice(page: Answer) -> str:
    """The number of the provider in its own form."""
    (place,) = page.found("//li[@data-outcome='source']//input/@value")
    return place


@pytest.mark.spec("saml.md §5")
@pytest.mark.spec("security.md §2.4 SLO forgery")
def test_a_citizen_may_end_the_sign_in_of_a_provider_too_whose_registration_offers_it(
    offering: Member, stage: HallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = indexed(monkeypatch)
    signed_out(offering, stage.pool)
    page = shown(offering)
    assert became(page) == ["ended", "source", "visit"]
    assert "may still know you" in page.text
    there = brought(offering, onward(offering), stage.pool)
    comes_back(offering, response(stage.pool, str(there.root.get("ID"))), stage.pool.signer)
    page = shown(offering)
    assert became(page) == ["ended", "ended", "source"], "nobody is taken there without having chosen it"
    assert page.found("//main//a/@href") == [f"{stage.city_base}/desk/bye?state=s"]
    (link,) = onward(offering, place=at_choice(page)).found("//main//a/@href")
    given = parse_qs(urlsplit(link).query)
    heard = Heard(
        etree.fromstring(zlib.decompress(base64.b64decode(given["SAMLRequest"][0]), -15)), "", was_encrypted=False
    )
    assert (heard.text("saml:NameID"), heard.text("samlp:SessionIndex")) == (names[0], "up-1")
    assert heard.value("saml:NameID", "Format").endswith(":transient")
    assert heard.text("saml:Issuer") == f"{stage.issuer}/saml/metadata"
    right = {"issuer": stage.country.entity_id, "destination": f"{stage.issuer}{UPSTREAM}"}
    asked = str(heard.root.get("ID"))

    def says(signer: Signer, path: str = UPSTREAM, **changes: str) -> list[str]:
        found = logout_response_element(response(stage.pool, asked, **{**right, **changes}))
        query = signed_query("SAMLResponse", etree.tostring(found), "", signer, SAML2INT)
        assert offering.go("GET", f"{path}?{query}", headers=FROM_THERE).status == 303
        return became(shown(offering))

    for forged in (
        says(stage.pool.signer),
        says(stage.pool.signer, issuer=stage.pool.entity),
        says(stage.country_signer, destination=f"{stage.issuer}{PATH}"),
        says(stage.country_signer, in_response_to="_another"),
    ):
        assert forged == ["ended", "ended", "unknown"]
    assert says(stage.country_signer) == ["ended"] * 3
    assert "may still know you" not in shown(offering).text


def test_nothing_of_a_provider_is_kept_or_offered_without_its_registration_saying_so(
    member: Member, stage: HallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[RememberedSignIn] = []
    plain = Sessions.row

    def seen(self: Sessions, decided: Decided, handle: bytes, now: int) -> SessionRow | None:
        assert decided.signed_in is not None
        kept.append(decided.signed_in)
        return plain(self, decided, handle, now)

    monkeypatch.setattr(Sessions, "row", seen)
    signed_out(member, stage.pool)
    assert {one.at_source for one in kept} == {None}
    assert became(shown(member)) == ["ended", "visit"]


@pytest.mark.spec("RP-Initiated Logout §2")
def test_an_openid_provider_is_asked_by_the_browser_and_its_return_proves_no_more_than_that(
    stage: HallStage, tmp_path: Path
) -> None:
    with upstream(stage.clock()) as op:
        op.method = "any"
        added = {name: text.replace('subject = "personal_code"\n', "") for name, text in files(op).items()}
        added["metadata/op.json"] = json.dumps(op.document(end_session_endpoint=f"{op.base}/end"))
        added["providers/op.toml"] = f"logout_upstream = true\n{added['providers/op.toml']}"
        with stage.other_broker(tmp_path / "b", {}, added) as port, Member(stage) as member:
            member.port = port
            login = member.login(client_id="desk", scope="openid purpose:desk")
            desk = member.id_token("desk", member.decides(back(member, op.comes_back(sent(member, login)))).back["code"])
            gone = member.go("GET", f"/logout?id_token_hint={desk}")
            assert gone.headers["location"] == f"{stage.issuer}{SERVICES}"
            page = shown(member)
            assert became(page) == ["ended", "source"]
            (link,) = onward(member, place=at_choice(page)).found("//main//a/@href")
            asked = query_of(link)
            state = asked.pop("state")
            assert link.startswith(f"{op.base}/end?")
            assert asked == {"client_id": CLIENT, "post_logout_redirect_uri": f"{stage.issuer}{BACK}"}
            for said, became_of_it in (("another", "unknown"), ("%C3%A9", "unknown"), (state, "asked")):
                assert member.go("GET", f"{BACK}?state={said}", headers=FROM_THERE).status == 303
                assert became(shown(member)) == sorted(["ended", became_of_it])
            assert "may still know you" in shown(member).text, "nobody has proved otherwise"


@pytest.mark.parametrize("protocol", ["saml", "oidc"])
def test_a_provider_to_which_no_logout_can_go_is_refused_at_start(stage: HallStage, tmp_path: Path, protocol: str) -> None:
    edits: dict[str, tuple[str, ...]] = {"providers/demo-ee.toml": OFFERS}
    edits["metadata/demo-ee.xml"] = (f"{GONE}/asks", "", "SingleLogoutService Binding", "ArtifactResolutionService Binding")
    added: dict[str, str] = {}
    if protocol == "oidc":
        with upstream(stage.clock()) as op:
            edits, added = {}, files(op)
        added["providers/op.toml"] = f"logout_upstream = true\n{added['providers/op.toml']}"
    with pytest.raises(Misconfigured, match="logout_upstream"), stage.other_broker(tmp_path / "b", edits, added):
        pass
