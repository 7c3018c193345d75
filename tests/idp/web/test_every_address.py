"""Every address: headers, methods that it does not take, frames, languages, and addresses that there are not."""

import pytest
from starlette.routing import Match, Route

from idp.pages.headers import headers
from idp.pages.static import STATIC_FILES
from idp.pages.views import PageKind
from idp.web.page_route import ByPath
from tests.idp.server.crew import until
from tests.idp.staging import Lines
from tests.idp.web.visitor import DIRECT, Answer, Visitor

ADDRESSES = {
    "/": {"GET", "HEAD"},
    "/countries": {"GET", "HEAD"},
    "/countries.json": {"GET", "HEAD"},
    "/authorize": {"GET", "POST"},
    "/token": {"POST"},
    "/par": {"POST"},
    "/userinfo": {"GET", "POST"},
    "/jwks": {"GET", "HEAD"},
    "/.well-known/openid-configuration": {"GET", "HEAD"},
    "/saml/acs": {"POST"},
    "/saml/acs/artifact": {"GET", "POST"},
    "/saml/metadata": {"GET", "HEAD"},
    "/saml/idp": {"GET", "HEAD"},
    "/saml/sso": {"GET", "POST"},
    "/saml/sso/unsolicited": {"GET"},
    "/saml/error": {"GET"},
    "/saml/discovery": {"GET", "POST"},
    "/saml/discovery/at/demo-ee": {"GET"},
    "/saml/discovery/none": {"GET"},
    "/saml/discovered": {"GET"},
    "/saml/ecp": {"POST"},
    "/saml/ecp/begin": {"GET", "POST"},
    "/saml/ecp/code": {"POST"},
    "/saml/artifact": {"POST"},
    "/saml/logout": {"GET", "POST"},
    "/saml/logout/soap": {"POST"},
    "/saml/idp/logout": {"GET", "POST"},
    "/saml/idp/logout/confirm": {"POST"},
    "/saml/idp/logout/soap": {"POST"},
    "/language": {"POST"},
    "/me": {"GET"},
    "/me/sign-in": {"POST"},
    "/me/receipt.json": {"GET"},
    "/me/end": {"POST"},
    "/me/erase": {"GET", "POST"},
    "/me/erase/stop": {"POST"},
    "/me/copy": {"GET"},
    "/me/copy.json": {"GET"},
    "/me/act": {"POST"},
    "/me/approval": {"POST"},
    "/me/link": {"POST"},
    "/me/unlink": {"POST"},
    "/log/checkpoint": {"GET", "HEAD"},
    "/login/AAAAAAAAAAAAAAAAAAAAAA/at/demo-ee": {"GET", "POST"},
    "/login/AAAAAAAAAAAAAAAAAAAAAA/countries": {"GET", "POST"},
    "/login/AAAAAAAAAAAAAAAAAAAAAA/language": {"POST"},
    "/login/AAAAAAAAAAAAAAAAAAAAAA/decision": {"POST"},
    "/login/AAAAAAAAAAAAAAAAAAAAAA/cancel": {"POST"},
    "/login/AAAAAAAAAAAAAAAAAAAAAA/stay": {"GET"},
    "/login/AAAAAAAAAAAAAAAAAAAAAA/onward": {"GET"},
}


def _has_headers(answer: Answer, kind: PageKind) -> None:
    for name, value in headers(kind).items():
        assert answer.headers[name] == value, name


@pytest.mark.spec("decisions.md 7; security.md §2.4")
def test_every_kind_of_page_has_the_headers_of_its_kind(visitor: Visitor) -> None:
    picker = visitor.authorize()
    question = visitor.question()
    by_post = visitor.question(response_mode="form_post")
    seen = (
        (picker, PageKind.FORM),
        (visitor.asks(visitor.login(), "demo-lv"), PageKind.POST),
        (question, PageKind.FORM),
        (visitor.rewords(question, "et"), PageKind.FORM),
        (visitor.presses(question), PageKind.FORM),
        (visitor.presses(question, "refuse"), PageKind.FORM),
        (visitor.decides(by_post), PageKind.POST),
        (visitor.question(scope="openid purpose:phone-contact phone"), PageKind.PLAIN),
        (visitor.go("GET", "/nowhere"), PageKind.FORM),
        (visitor.go("GET", "/authorize"), PageKind.FORM),
        (visitor.go("PUT", "/authorize"), PageKind.FORM),
        (visitor.authorize(response_mode="form_post", prompt="none"), PageKind.POST),
    )
    for answer, kind in seen:
        _has_headers(answer, kind)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "server" not in answer.headers


@pytest.mark.spec("RFC 9110 §15.5.6")
@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "OPTIONS", "TRACE"])
def test_a_method_that_an_address_does_not_take_gives_a_page(visitor: Visitor, path: str, method: str) -> None:
    if method in ADDRESSES[path]:
        assert visitor.go(method, path).status < 500
        return
    answer = visitor.go(method, path, fields={})
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == ADDRESSES[path]
    _has_headers(answer, PageKind.FORM)
    if method == "HEAD":
        assert answer.text == ""
    else:
        assert answer.heading == "The service's request cannot be accepted"
        assert answer.reference


PUBLIC = [
    *("/jwks", "/.well-known/openid-configuration", "/saml/metadata", "/eidas/metadata", "/log/checkpoint", "/log/vkey"),
    *("/", "/countries", "/countries.json", "/healthz", "/logo.svg", *(file.path for file in STATIC_FILES)),
]


@pytest.mark.spec("RFC 9110 §9.3.2")
@pytest.mark.parametrize("path", PUBLIC)
def test_what_is_public_is_asked_by_head_too_and_sends_its_head_alone(visitor: Visitor, path: str) -> None:
    """Monitors and caches ask so whether a document is there and has changed."""
    whole, head = visitor.go("GET", path), visitor.go("HEAD", path)
    assert (head.status, head.text) == (whole.status, "")
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


def test_the_front_page_begins_nothing_and_names_no_service(visitor: Visitor) -> None:
    answer = visitor.go("GET", "/?client_id=parking", headers={"accept-language": "et"})
    assert (answer.status, answer.heading) == (200, "See on sisselogimisteenus")
    assert answer.found("//main//a/@href") == ["/countries", "/me"]
    assert "set-cookie" not in answer.headers
    for party in visitor.stage.application.memory.now.configuration.parties.values():
        assert not [title for title in party.title.values() if title in answer.text]
    assert visitor.go("GET", "/?language=xx").heading == "This is a sign-in service"
    assert visitor.go("GET", "/", headers={"sec-fetch-dest": "iframe"}).status == 403


def test_a_theme_is_served_from_addresses_of_ours_with_its_kind_and_a_policy(visitor: Visitor) -> None:
    page = visitor.go("GET", "/nowhere")
    (style,), (logo,) = page.found("//link[@rel='stylesheet']/@href"), page.found("//header//img/@src")
    sheet, drawn = visitor.go("GET", style), visitor.go("GET", logo)
    assert "--act: #7a1f3d" in sheet.text
    assert (sheet.headers["content-type"], drawn.headers["content-type"]) == ("text/css; charset=utf-8", "image/svg+xml")
    for answer in (sheet, drawn):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert visitor.go("GET", "/logo.png").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/login",
        "/login//at/demo-ee",
        "/authorize/?client_id=parking",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/../seal.py",
        "/openapi.json",
        "/%ff%fe",
        "/" + "a" * 5000,
        "//evil.example/",
    ],
)
def test_an_address_that_there_is_not_gives_a_page(visitor: Visitor, logs: Lines, path: str) -> None:
    answer = visitor.go("GET", path)
    assert (answer.status, answer.heading) == (404, "This page is not here")
    assert "location" not in answer.headers
    assert logs[-1]["reference"] == answer.reference


LANGUAGES = {
    "en": ("en", "This page is not here"),
    "et-EE,et;q=0.9,en;q=0.5": ("et", "Seda lehte ei ole"),
    "zh-CN": ("zh-Hans", "此页面不存在"),
    "xx, zh;q=0.2, et;q=0.1": ("zh-Hans", "此页面不存在"),
    "": ("en", "This page is not here"),
    "\u00ff;q=;;;,,": ("en", "This page is not here"),
    "a" * 9000: ("en", "This page is not here"),
}


@pytest.mark.spec("issue 2 item 8")
@pytest.mark.parametrize("accepted", LANGUAGES, ids=lambda text: repr(text[:24]))
def test_error_pages_speak_the_browsers_language(visitor: Visitor, accepted: str) -> None:
    answer = visitor.go("GET", "/nowhere", headers={"accept-language": accepted})
    tag, heading = LANGUAGES[accepted]
    assert (answer.status, answer.found("/html/@lang"), answer.heading) == (404, [tag], heading)


@pytest.mark.spec("decisions.md 6")
@pytest.mark.parametrize("destination", ["iframe", "object", "image", "empty"])
def test_what_is_not_the_top_of_a_window_is_refused_and_sets_no_cookie(visitor: Visitor, destination: str) -> None:
    login = visitor.login()
    told: dict[str, str | None] = {"sec-fetch-dest": destination}
    query = "/authorize?client_id=parking"
    for answer in (
        visitor.go("GET", query, headers=told),
        visitor.go("POST", "/authorize", fields=visitor.request(), headers=told),
        visitor.go("GET", f"/login/{login}/at/demo-ee", headers=told),
        visitor.go("POST", "/saml/acs", fields={"RelayState": login}, headers=told),
        visitor.go("GET", f"/login/{login}/countries?language=et", headers=told),
        visitor.go("POST", f"/login/{login}/language", headers=told),
        visitor.go("POST", f"/login/{login}/cancel", headers=told),
    ):
        assert answer.status == 403
        assert "set-cookie" not in answer.headers
        assert answer.headers["x-frame-options"] == "DENY"


def test_the_checkpoint_is_text_that_is_asked_for_anew(visitor: Visitor) -> None:
    visitor.code()  # of a ledger in which nothing is there is none
    until(lambda: visitor.go("GET", "/log/checkpoint", headers=DIRECT).status != 404)
    answer = visitor.go("GET", "/log/checkpoint", headers=DIRECT)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text.startswith("broker.localhost:")


@pytest.mark.spec("decisions.md 15")
def test_a_refused_request_leaves_one_line_without_its_query(visitor: Visitor, logs: Lines) -> None:
    canary = "Canary-Kanarbik-1887"
    visitor.go("GET", f"/authorize?client_id={canary}&state={canary}", headers={"cookie": f"a={canary}"})
    (line,) = logs
    assert line["peer"] is None, "a name that nobody registered is a value that somebody sent"
    assert set(line) == {"event", "tenant", "path", "code", "check", "peer", "detail", "reference", "log_level"}
    assert canary not in repr(logs)


def test_a_route_is_found_by_its_path_where_the_framework_would_find_it(visitor: Visitor) -> None:
    first, *others = visitor.stage.application.asgi.router.routes
    assert isinstance(first, ByPath)
    fixed = {route.path for route in others if isinstance(route, Route) and "{" not in route.path}
    assert {"/token", "/authorize", "/saml/acs", "/healthz"} <= fixed
    for path in (*fixed, "/login/AAAAAAAAAAAAAAAAAAAAAA/decision", "/nowhere", "/token/"):
        for method in ("GET", "POST", "HEAD", "PUT"):
            scope = {"type": "http", "method": method, "path": path, "root_path": ""}
            matching = [found for route in others for match, found in (route.matches(scope),) if match is Match.FULL]
            match, found = first.matches(scope)
            if path in fixed and matching:
                assert (match, found["route"]) == (Match.FULL, matching[0]["route"])
            else:
                assert match is Match.NONE, "the framework answers"
