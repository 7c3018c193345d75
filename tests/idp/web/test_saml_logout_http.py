"""Single logout of services that speak SAML: one session with those of OpenID Connect, and one end."""

import base64
import secrets
import time
from collections.abc import Iterator
from copy import copy
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import func, select

from connectors.formats.artifact import in_envelope, message_in
from connectors.formats.logout import logout_request_element
from connectors.formats.saml_message import NameIdentifier
from connectors.profiles import SAML2INT
from connectors.signatures.redirect import signed_query
from connectors.signatures.signer import Signer
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import TRANSIENT
from idp.server.rate_limits import Rates
from idp.store import tables
from tests.idp.web.hall_stage import (
    ASYNCHRONOUS,
    GONE,
    SOAP,
    HallStage,
    answered,
    by_browser,
    by_soap,
    certificate,
    enters,
    follows,
    halls,
    indexed,
    living,
    request,
    unheard,
)
from tests.idp.web.saml_party import Heard, verified
from tests.idp.web.shared_stage import COOKIE, Member, outcomes
from tests.idp.web.visitor import Answer, login_of


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HallStage]:
    yield from halls(tmp_path_factory)


@pytest.fixture
def stage(running: HallStage) -> Iterator[HallStage]:
    yield from unheard(running)


@pytest.mark.spec("saml.md §5")
def test_a_service_of_saml_signs_out_and_those_of_openid_connect_hear_of_it(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    # NotOnOrAfter is optional (SAML Core 2.0 §3.7.1), and many services leave it out
    asked = request(stage.hall, index, not_on_or_after=None)
    page = by_browser(member, stage.hall, asked)
    assert page.heading == "You are signed out here", page.text
    assert set(outcomes(page).values()) == {"ended", "itself"}
    assert len(stage.programs.tokens) == 1
    assert not stage.programs.requests, "who asked has ended its own"
    assert living(stage) == 0
    assert COOKIE not in member.jar
    heard = answered(member, page.found("//a/@href")[0])
    assert heard.statuses == ["Success"]
    assert (heard.root.get("InResponseTo"), heard.root.get("Destination")) == (asked.request_id, GONE)
    assert heard.relay_state == "to the shelf"


@pytest.mark.spec("security.md §2.4 SLO forgery")
@pytest.mark.spec("saml.md §5")
def test_a_request_that_nobody_signed_leads_to_a_question_and_ends_nothing(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    octets = etree.tostring(logout_request_element(request(stage.hall, index)))
    query = signed_query("SAMLRequest", octets, "", stage.hall.signer, SAML2INT).partition("&SigAlg=")[0]
    page = member.go("GET", f"/saml/idp/logout?{query}")
    assert page.heading == "Sign out?"
    assert not page.fields
    assert living(stage) == 1
    page = member.go("POST", "/logout/confirm", fields=page.fields)
    assert set(outcomes(page)) == {"The desk", "City library"}
    assert not page.found("//a/@href | //meta[@http-equiv]/@content"), "nobody proved who asks"


@pytest.mark.spec("security.md §2.4 SLO forgery")
@pytest.mark.parametrize(
    "changes",
    [
        {"destination": "https://elsewhere.example/saml/idp/logout"},
        {"destination": ""},
        {"not_on_or_after": 1},
        {"issue_instant": 1},
        {"issue_instant": 1, "not_on_or_after": None},
        {"issuer": "https://pool.storkhaven.example/saml"},
        {"issuer": "https://nobody.example/saml"},
    ],
    ids=str,
)
def test_a_forged_or_old_request_ends_nothing_by_either_way(
    member: Member, stage: HallStage, changes: dict[str, object]
) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    page = by_browser(member, stage.hall, request(stage.hall, index, **changes))
    assert page.status == 400, page.text
    assert not page.found("//a/@href[contains(., 'SAMLResponse')]")
    soap = {"destination": f"{stage.issuer}/saml/idp/logout/soap", **changes}
    answer = by_soap(member, stage.hall, request(stage.hall, index, **soap))
    assert answer.status == 400
    assert "Fault" in answer.text
    assert living(stage) == 1


@pytest.mark.spec("security.md §2.4 SLO forgery")
def test_a_stranger_is_refused_as_a_forger_is_and_counted(
    member: Member, stage: HallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(Rates, "failed", lambda _, _address, place, **_more: counted.append(place))
    forger = copy(stage.hall)
    forger.signer = stage.country_signer
    here = f"{stage.issuer}/saml/idp/logout/soap"
    asked = [
        by_soap(member, forger, request(forger, "x", issuer=issuer, destination=here))
        for issuer in (stage.hall.entity, "https://nobody.example/saml")
    ]
    assert len({(one.status, one.text) for one in asked}) == 1, [one.text for one in asked]
    assert counted == ["/saml/idp/logout/soap"] * len(asked), "apart from browsers"
    # What a service of ours signed counts against nobody, however often it comes
    member.signs_in_for("desk")
    honest = request(stage.hall, enters(member, stage.hall), destination=here)
    assert [by_soap(member, stage.hall, honest).status for _ in range(3)] == [200, 400, 400]
    assert len(counted) == len(asked)


@pytest.mark.spec("security.md §2.4 SLO forgery")
def test_a_service_ends_no_session_but_by_its_own_name_of_it_and_once(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    hall, pool = enters(member, stage.hall), enters(member, stage.pool)
    assert hall != pool, "no two services have a name in common"
    stranger = Member(stage)
    with stranger:
        for asked in (
            request(stage.pool, hall),
            request(stage.hall, hall, session_indexes=(pool,)),
            request(stage.hall, hall, name=NameIdentifier("somebody", TRANSIENT, "", "")),
            request(stage.hall, hall, name=NameIdentifier(hall, TRANSIENT, "https://elsewhere.example", "")),
        ):
            party = stage.pool if asked.issuer == stage.pool.entity else stage.hall
            page = by_browser(stranger, party, asked)
            heard = answered(member, page.found("//a/@href")[0])
            assert heard.statuses == ["Requester", "UnknownPrincipal"]
            assert living(stage) == 1
        asked = request(stage.hall, hall)
        page = follows(stranger, by_browser(stranger, stage.hall, asked))
        assert answered(member, page.found("//main//a/@href")[0]).statuses == ["Success", "PartialLogout"]
        assert living(stage) == 0
        again = by_browser(stranger, stage.hall, asked)
        assert (again.heading, again.found("//a/@href")) == ("You are signed out here", []), "it is answered once"
        stranger.signs_in_for("desk")
        assert by_browser(stranger, stage.hall, asked).heading == "Sign out?"
        assert living(stage) == 1


@pytest.mark.spec("saml.md §5")
def test_over_soap_the_answer_says_that_not_everybody_was_reached(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    enters(member, stage.pool)
    asked = request(stage.hall, index, destination=f"{stage.issuer}/saml/idp/logout/soap")
    answer = by_soap(member, stage.hall, asked)
    assert answer.status == 200, answer.text
    root = etree.fromstring(message_in(answer.text.encode()))
    verified(root, certificate(member))
    assert Heard(root, "", was_encrypted=False).statuses == ["Success", "PartialLogout"]
    assert root.get("InResponseTo") == asked.request_id
    assert len(stage.programs.tokens) == 1
    assert living(stage) == 0
    assert by_soap(member, stage.hall, asked).status == 400, "it has one use"


@pytest.mark.spec("saml.md §5")
@pytest.mark.parametrize("fault", ["", "unsigned", "issuer", "request", "partial"])
def test_a_service_hears_over_soap_until_it_says_that_it_ended(member: Member, stage: HallStage, fault: str) -> None:
    desk = member.id_token("desk", member.signs_in_for("desk"))
    index = enters(member, stage.hall)
    stage.programs.faults += [fault] if fault else []
    page = member.go("GET", f"/logout?id_token_hint={desk}")
    assert outcomes(page)["City library"] == ("waiting" if fault else "ended")
    if fault:
        stage.clock.ahead += 5
        stage.application._tell()
    with stage.application.store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.logouts)).scalar_one() == 0
    assert len({one.get("ID") for one in stage.programs.requests}) == 1 + bool(fault)
    for root in stage.programs.requests:
        verified(root, certificate(member))
        heard = Heard(root, "", was_encrypted=False)
        assert (heard.text("saml:NameID"), heard.text("samlp:SessionIndex")) == (index, index)
        assert root.get("Destination") == stage.programs.url("/slo")


@pytest.mark.parametrize("joins", [False, True])
def test_whoever_goes_back_after_a_logout_gets_no_second_assertion(
    member: Member, stage: HallStage, *, joins: bool
) -> None:
    if joins:
        member.signs_in_for("desk")
    login = login_of(stage.hall.asks(member, stage.hall.request(ForceAuthn="true")))
    question = member.returns(member.signs_in(member.asked(login)))
    for _ in range(2):
        assert stage.hall.read(member.decides(question), certificate(member)).statuses == ["Success"]
    assert living(stage) == 1
    member.go("POST", "/logout/confirm", fields=member.go("GET", "/logout").fields)
    assert living(stage) == 0
    again = member.decides(question)
    assert again.status == 409
    assert "SAMLResponse" not in again.fields
    assert living(stage) == 0


@pytest.mark.spec("saml.md §5")
def test_a_service_that_takes_answers_by_post_alone_gets_a_form(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    asked = request(stage.bath, enters(member, stage.bath))
    page = by_browser(member, stage.bath, asked)
    assert living(stage) == 0
    assert page.found("//main//form/@action") == [GONE]
    assert not page.found("//script"), "the citizen reads what became of the desk first"
    assert "form-action" not in page.headers["content-security-policy"]
    heard = Heard(etree.fromstring(base64.b64decode(page.fields["SAMLResponse"])), "", was_encrypted=False)
    verified(heard.root, certificate(member))
    assert (heard.statuses, heard.root.get("InResponseTo")) == (["Success"], asked.request_id)
    assert (heard.root.get("Destination"), page.fields["RelayState"]) == (GONE, "to the shelf")


@pytest.mark.spec("saml.md §5")
def test_who_waits_for_no_answer_gets_none(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    page = by_browser(member, stage.hall, request(stage.hall, index), ASYNCHRONOUS)
    assert page.heading == "You are signed out here"
    assert not page.found("//a/@href | //meta[@http-equiv]/@content")
    assert living(stage) == 0


def test_a_browser_with_another_session_is_asked_first_and_the_service_is_answered_then(
    member: Member, stage: HallStage
) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    member.jar.clear()
    member.signs_in_for("desk", "juhan")
    page = by_browser(member, stage.hall, request(stage.hall, index))
    assert page.heading == "Sign out?"
    assert living(stage) == 2
    first, second = (member.go("POST", "/saml/idp/logout/confirm", fields=page.fields) for _ in range(2))
    assert living(stage) == 0
    assert answered(member, first.found("//a/@href")[0]).statuses == ["Success"]
    assert second.heading == first.heading, "a second click is no error"
    assert not second.found("//a/@href | //meta[@http-equiv]/@content"), "and leads nowhere"


@pytest.mark.spec("security.md §2.4 SLO forgery")
def test_a_used_request_answers_nobody_and_the_citizen_signs_out_all_the_same(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    asked = request(stage.hall, enters(member, stage.hall))
    asking = Member(stage)
    with asking:
        asking.signs_in_for("desk", "juhan")
        open_page = by_browser(asking, stage.hall, asked)
        assert (open_page.heading, living(stage)) == ("Sign out?", 2)
        by_browser(member, stage.hall, asked)
        assert living(stage) == 1, "by its first use the session that it names"
        member.signs_in_for("desk")
        page = by_browser(member, stage.hall, asked)
        assert (page.heading, living(stage)) == ("Sign out?", 2), "by its second none"
        # The question on a page from before its use, and on one from after it
        for visitor, shown, left in ((asking, open_page, 1), (member, page, 0)):
            done = visitor.go("POST", shown.found("//main//form/@action")[0], fields=shown.fields)
            assert (done.status, living(stage)) == (200, left), done.text
            assert not done.found("//a/@href | //meta[@http-equiv]/@content")


def test_of_another_session_in_the_browser_the_asking_service_hears_too_or_the_answer_is_partial(
    member: Member, stage: HallStage
) -> None:
    for party in (stage.hall, stage.pool):
        member.signs_in_for("desk")
        named = enters(member, party)
        member.jar.clear()
        member.signs_in_for("desk", "juhan")
        other = enters(member, party)
        stage.programs.requests.clear()
        page = by_browser(member, party, request(party, named))
        page = member.go("POST", "/saml/idp/logout/confirm", fields=page.fields)
        assert living(stage) == 0
        heard = [Heard(one, "", was_encrypted=False).text("saml:NameID") for one in stage.programs.requests]
        reached = party is stage.hall
        page = page if reached else follows(member, page)
        assert heard == ([other] if reached else [])
        assert answered(member, page.found("//main//a/@href")[0]).statuses[1:] == ([] if reached else ["PartialLogout"])
        member.jar.clear()


@pytest.mark.spec("saml.md §3")
def test_passively_nobody_is_asked_with_or_without_a_session(member: Member, stage: HallStage) -> None:
    for is_signed_in in (False, True):
        if is_signed_in:
            member.signs_in_for("desk")
        passive = stage.hall.request(IsPassive="true")
        assert stage.hall.read(stage.hall.asks(member, passive), certificate(member)).statuses == ["Responder", "NoPassive"]


@pytest.mark.spec("saml.md §3 proxying")
def test_a_session_answers_no_request_that_counts_proxies(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    enters(member, stage.hall)
    sent = stage.hall.asks(member, stage.hall.request('<samlp:Scoping ProxyCount="1"/>'))
    assert sent.headers["location"].startswith(f"{stage.country_base}/sso")


# -- a provider upstream ---------------------------------------------------------------------------------------------------

UPSTREAM = "/saml/logout"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return indexed(monkeypatch)


def said(
    member: Member,
    known_as: str,
    way: str = "redirect",
    signer: Signer | None = None,
    at: str = UPSTREAM,
    **changes: object,
) -> tuple[Answer, str]:
    """The country's word that a session of its ended, and the ID of its request."""
    stage = member.stage
    assert isinstance(stage, HallStage)
    here = f"{stage.issuer}{at}{'/soap' if way == 'soap' else ''}"
    made = {"issuer": stage.country.entity_id, "destination": here, "session_indexes": ("up-1",), **changes}
    root = logout_request_element(request(stage.hall, known_as, **made))
    key = signer or stage.country_signer
    asked = str(root.get("ID"))
    if way == "redirect":
        query = signed_query("SAMLRequest", etree.tostring(root), "x", key, SAML2INT)
        return member.go("GET", f"{at}?{query}", headers={"sec-fetch-site": "cross-site"}, jar={}), asked
    octets = sign_enveloped(root, key, place=1, profile=SAML2INT)
    if way == "soap":
        return member.go("POST", f"{UPSTREAM}/soap", body=in_envelope(octets), headers=SOAP, jar={}), asked
    fields = {"SAMLRequest": base64.b64encode(octets).decode(), "RelayState": "x"}
    return member.go("POST", at, fields=fields, headers={"sec-fetch-site": "cross-site"}, jar={}), asked


@pytest.mark.spec("saml.md §5")
@pytest.mark.parametrize("way", ["redirect", "post", "soap"])
def test_a_session_that_ends_at_an_identity_provider_of_saml_ends_here_for_both_protocols(
    member: Member, stage: HallStage, names: list[str], way: str
) -> None:
    member.signs_in_for("desk")
    enters(member, stage.hall)
    (name,) = names
    for other in ({"session_indexes": ("up-2",)}, {"name": NameIdentifier("somebody", TRANSIENT, "", "")}):
        assert said(member, name, way, **other)[0].status in (200, 303)
        assert living(stage) == 1, "another session of theirs"
    answer, asked = said(member, name, way)
    assert living(stage) == 0
    assert (len(stage.programs.tokens), len(stage.programs.requests)) == (1, 1)
    if way == "soap":
        heard = Heard(etree.fromstring(message_in(answer.text.encode())), "", was_encrypted=False)
        verified(heard.root, certificate(member))
    else:
        heard = answered(member, answer.headers["location"])
    assert (heard.statuses, heard.root.get("InResponseTo")) == (["Success"], asked)
    assert heard.text("saml:Issuer") == f"{stage.issuer}/saml/metadata"


@pytest.mark.spec("saml.md §5")
def test_a_session_of_one_public_body_serves_no_other_and_its_end_is_answered_in_that_body_s_name(
    member: Member, stage: HallStage, names: list[str], tmp_path: Path
) -> None:
    subject = 'subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"'
    edits = {
        "providers/demo-ee.toml": (subject, f'{subject}\nspeaks_for = "bodies"'),
        **{
            f"parties/{name}.toml": (f'client_id = "{name}"', f'client_id = "{name}"\nbody = "{body}"')
            for name, body in (("desk", "rome"), ("library", "milan"))
        },
    }
    bodies = '[rome]\nname.en = "Rome"\nurl = "https://r.example"\n[milan]\nname.en = "Milan"\nurl = "https://m.example"\n'
    with stage.other_broker(tmp_path / "b", edits, {"bodies/all.toml": bodies}) as member.port:
        member.signs_in_for("desk")
        assert member.asks_for("desk").heading.startswith("Share this with The desk")
        sent = member.asks_for("library")
        assert (sent.status, sent.headers["location"].startswith(stage.country_base)) == (303, True), "Milan asks itself"
        here = f"{UPSTREAM}/bodies/rome"
        for wrong, destination in (
            (UPSTREAM, here),
            (here, UPSTREAM),
            (f"{UPSTREAM}/bodies/paris", f"{UPSTREAM}/bodies/paris"),
        ):
            refused, _ = said(member, names[0], at=wrong, destination=f"{stage.issuer}{destination}")
            assert (refused.status // 100, living(stage)) == (4, 1)
        ended, asked = said(member, names[0], at=here)
        heard = answered(member, ended.headers["location"])
        assert (heard.statuses, heard.root.get("InResponseTo"), living(stage)) == (["Success"], asked, 0)
        assert heard.text("saml:Issuer") == f"{stage.issuer}/saml/bodies/rome"


def test_the_answer_to_a_provider_that_takes_none_by_redirect_goes_to_no_service_of_the_same_id(
    member: Member, stage: HallStage, names: list[str], tmp_path: Path
) -> None:
    edits = {
        "metadata/demo-ee.xml": (f'HTTP-Redirect" Location="{GONE}/asks"', f'HTTP-POST" Location="{GONE}/asks"'),
        "parties/pool.toml": ('client_id = "pool"', 'client_id = "demo-ee"'),
    }
    with stage.other_broker(tmp_path / "b", edits) as member.port:
        member.signs_in_for("desk")
        answer, _ = said(member, names[0])
        assert (answer.status, living(stage)) == (200, 0)
        assert GONE not in answer.text


@pytest.mark.spec("security.md §2.4 SLO forgery")
@pytest.mark.parametrize("way", ["redirect", "post", "soap"])
def test_nobody_but_the_identity_provider_ends_what_rests_on_it(
    member: Member, stage: HallStage, names: list[str], way: str
) -> None:
    member.signs_in_for("desk")
    (name,) = names
    assert said(member, name, way, signer=stage.hall.signer)[0].status == 400
    assert said(member, name, way, issuer=stage.hall.entity, signer=stage.hall.signer)[0].status == 400
    assert said(member, name, way, destination=f"{stage.issuer}/saml/idp/logout")[0].status == 400
    assert said(member, name, way, session_indexes=())[0].status == 400, "its registration knows nobody by the NameID"
    assert living(stage) == 1
    once = f"_{secrets.token_hex(20)}"
    assert said(member, name, way, issue_instant=1, not_on_or_after=None)[0].status == 400
    assert said(member, name, way, not_on_or_after=1)[0].status == 400
    assert living(stage) == 1
    assert said(member, name, way, request_id=once, not_on_or_after=None)[0].status in (200, 303)
    assert living(stage) == 0
    member.jar.clear()
    member.signs_in_for("desk")
    assert said(member, names[-1], way, request_id=once, not_on_or_after=None)[0].status == 400, "it has one use"
    assert living(stage) == 1, "and ends nothing by a second"
    question = member.question(client_id="library", scope="openid purpose:quiet", prompt="login")
    assert said(member, names[-1], way, request_id=once)[0].status == 400
    assert member.decides(question).back["code"], "nor a sign-in whose question is open"


def test_a_question_that_is_open_when_its_sign_in_ends_upstream_releases_nothing(
    member: Member, stage: HallStage, names: list[str]
) -> None:
    question = member.question(client_id="desk", scope="openid purpose:desk")
    # By the country's own clock, which does not stand still
    said(member, names[0], issue_instant=int(time.time()))
    page = member.decides(question)
    assert "code" not in page.text.partition("callback?")[2]
    assert living(stage) == 0


def test_an_unsigned_word_of_a_provider_leads_to_a_question(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    page = member.go("GET", f"{UPSTREAM}?SAMLRequest=fZ")
    assert page.heading == "Sign out?"
    assert living(stage) == 1
