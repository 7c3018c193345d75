"""Requested -> Asked: the picker, its links, the question that goes out, and choosing again."""

import base64
import zlib
from pathlib import Path

import pytest
from lxml import etree

from tests.idp.staging import Lines
from tests.idp.web.saml_party import SamlParty
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor, login_of, query_of

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"


def _question(fields: dict[str, str]) -> etree._Element:
    packed = base64.b64decode(fields["SAMLRequest"])
    return etree.fromstring(zlib.decompress(packed, -15) if "Signature" in fields else packed)


@pytest.mark.spec("decisions.md 7")
def test_the_picker_offers_each_country_as_a_link_of_our_own(visitor: Visitor) -> None:
    picker = visitor.authorize()
    login = login_of(picker)
    assert picker.status == 200
    assert picker.found("//main//nav//a/@href") == [f"/login/{login}/at/demo-ee", f"/login/{login}/at/demo-lv"]
    assert picker.found("//main//form/@action") == [f"/login/{login}/countries", f"/login/{login}/cancel"]
    assert "Resident parking asks you to sign in." in picker.text
    assert "Parking permit for residents" in picker.text


def test_the_picker_speaks_the_language_that_the_service_passed_on_before_the_browsers(visitor: Visitor) -> None:
    assert visitor.authorize(ui_locales="et").heading == "Millise riigi e-identiteeti te kasutate?"
    assert visitor.go("GET", "/authorize?").status == 400
    chinese = visitor.go("GET", "/authorize", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert chinese.found("/html/@lang") == ["zh-Hans"]


def test_a_login_may_begin_by_post_too(visitor: Visitor, stage: Stage) -> None:
    cross = {"origin": stage.city_base, "sec-fetch-site": "cross-site"}
    picker = visitor.go("POST", "/authorize", fields=visitor.request(), headers=cross)
    assert picker.status == 200
    assert visitor.asks(login_of(picker)).status == 303


def test_the_chosen_country_is_asked_by_redirect_with_a_signed_question(visitor: Visitor, stage: Stage) -> None:
    login = visitor.login()
    answer = visitor.asks(login)
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"{stage.country_base}/sso?")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    sent = query_of(answer.headers["location"])
    assert set(sent) == {"SAMLRequest", "RelayState", "SigAlg", "Signature"}
    assert sent["RelayState"] == login
    question = _question(sent)
    assert question.get("AssertionConsumerServiceURL") == f"{stage.issuer}/saml/acs"
    assert question.findtext(f"{SAML}Issuer") == f"{stage.issuer}/saml/metadata"
    assert question.findtext(f".//{SAML}AuthnContextClassRef") == "http://eidas.europa.eu/LoA/substantial"


@pytest.mark.spec("security.md §2.4")
def test_a_country_that_is_asked_by_post_gets_a_page_that_needs_no_script(visitor: Visitor, stage: Stage) -> None:
    login = visitor.login()
    page = visitor.asks(login, "demo-lv")
    assert page.status == 200
    assert page.found("//main//form/@action") == [f"{stage.latvia.base}/sso"]
    assert set(page.fields) == {"SAMLRequest", "RelayState"}
    assert page.found("//main//form//button/text()") == ["Continue"]
    assert "form-action" not in page.headers["content-security-policy"]
    assert "script-src 'sha256-" in page.headers["content-security-policy"]


def test_forced_authentication_reaches_the_country(visitor: Visitor) -> None:
    assert _question(visitor.asked(visitor.login(prompt="login"))).get("ForceAuthn") == "true"
    assert _question(visitor.asked(visitor.login(max_age="600"))).get("ForceAuthn") == "true"
    assert _question(visitor.asked(visitor.login())).get("ForceAuthn") is None


@pytest.mark.spec("issue 2 item 6")
def test_a_login_hint_leaves_no_trace(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    hint = "Canary-Kanarbik-1887"
    login = visitor.login(login_hint=hint)
    question = _question(visitor.asked(login))
    assert hint not in etree.tostring(question).decode()
    state = stage.application.city.logins.state(visitor.jar, login, stage.clock())
    assert hint not in repr(state)
    assert hint not in repr(logs)


@pytest.mark.parametrize(("chosen", "checks"), [("demo-lv", {"signature", "issuer"}), ("demo-ee", {"in_response_to"})])
def test_an_answer_to_the_first_question_is_refused_after_a_second_choice(
    visitor: Visitor, logs: Lines, chosen: str, checks: set[str]
) -> None:
    login = visitor.login()
    first = visitor.signs_in(visitor.asked(login))
    second = visitor.signs_in(visitor.asked(login, chosen))
    assert visitor.returns(first).status == 403
    assert logs[-1]["check"] in checks
    assert visitor.returns(second).status == 200


def test_a_country_that_there_is_not_is_no_address(visitor: Visitor) -> None:
    login = visitor.login()
    refused = visitor.asks(login, "demo-xx")
    assert (refused.status, refused.heading) == (404, "This page is not here")
    assert visitor.asks(login).status == 303, "the login goes on"


def test_a_login_that_this_browser_has_not_cannot_choose(visitor: Visitor, stage: Stage) -> None:
    login = visitor.login()
    with Visitor(stage) as stranger:
        refused = stranger.asks(login)
        assert (refused.status, refused.heading) == (409, "Your sign-in is not in this browser")
        assert stranger.jar == {}


def test_a_country_that_cannot_reach_the_level_is_neither_offered_nor_asked(
    visitor: Visitor, stage: Stage, logs: Lines
) -> None:
    straight = visitor.authorize(acr_values="http://eidas.europa.eu/LoA/high")
    assert (straight.status, straight.headers["location"].startswith(f"{stage.country_base}/sso?")) == (303, True)
    again = visitor.go("GET", f"/login/{visitor.newest}/countries")
    assert again.found("//main//nav//span[@class='country']/text()") == ["Estonia"]
    assert "Only sign-ins that are secure enough for this service are listed here." in again.text
    refused = visitor.asks(visitor.newest, "demo-lv")
    assert (refused.status, refused.heading) == (403, "A stronger sign-in is needed")
    assert logs[-1]["check"] == "assurance_unreachable"
    assert refused.back["state"] == "a-state"
    assert refused.found("//main//nav//span[@class='country']/text()") == ["Estonia"]


def test_where_no_country_reaches_the_level_the_service_hears_so_before_anybody_signs_in(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock)
    weak: dict[str, tuple[str, ...] | None] = {
        "providers/demo-ee.toml": ("[attributes]", '[assurance]\n"http://eidas.europa.eu/LoA/low" = "low"\n\n[attributes]'),
        "providers/demo-lv.toml": ('= "substantial"', '= "low"'),
    }
    with stage.other_broker(tmp_path / "b", weak, library.files) as visitor.port:
        page = visitor.authorize()
        heard = library.read(library.asks(visitor), stage.application.keys.saml.at(0).certificate)
    assert (page.status, page.heading) == (403, "A stronger sign-in is needed")
    assert page.back["error"] == "unmet_authentication_requirements"
    assert {line["check"] for line in logs if line["event"] == "refused"} == {"assurance_unreachable"}
    assert heard.statuses == ["Responder", "NoAuthnContext"]
    assert not [name for name in visitor.jar if name.startswith("__Host-l-")]


def test_leaving_at_the_picker_tells_the_service_and_ends_the_login(visitor: Visitor, stage: Stage) -> None:
    login = visitor.login()
    jar = dict(visitor.jar)
    last = visitor.lands(visitor.go("POST", f"/login/{login}/cancel"))
    assert (last.status, last.heading) == (200, "Sign-in cancelled")
    ended = visitor.goes_on(last)
    assert ended.back == {
        "error": "access_denied",
        "error_description": "The sign-in ended without anything being passed on.",
        "state": "a-state",
        "iss": stage.issuer,
    }
    assert visitor.jar[f"__Host-l-{login}"] == "d", "decided, and nothing else of it"
    again = visitor.goes_on(visitor.go("POST", f"/login/{login}/cancel", jar=jar))
    assert again.back == ended.back, "the same choice gets the same answer"
    stage.clock.ahead = 61
    assert visitor.goes_on(visitor.go("POST", f"/login/{login}/cancel", jar=jar)).status == 409


def test_leaving_at_the_picker_also_ends_what_went_on_in_another_tab(visitor: Visitor) -> None:
    login = visitor.login()
    question = visitor.returns(visitor.signs_in(visitor.asked(login)))
    assert visitor.go("POST", f"/login/{login}/cancel").status == 303
    refused = visitor.decides(question)
    assert (refused.status, refused.heading) == (409, "Please start again"), "its secret is another one by now"


def test_leaving_after_an_approval_is_refused(visitor: Visitor) -> None:
    login = visitor.login()
    question = visitor.returns(visitor.signs_in(visitor.asked(login)))
    jar = dict(visitor.jar)
    assert visitor.decides(question).status in (200, 303)
    refused = visitor.go("POST", f"/login/{login}/cancel", jar=jar)
    assert refused.status == 409
    assert visitor.go("POST", f"/login/{login}/cancel").status == 409, "and its cookie says so"
