"""The demo's browser: what it keeps, what it sends, and where it stops."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from idp.demo.browser import Browser, Page, WalkError
from tests.idp.demo.conftest import Serving

STRICT = "__Host-s=1; Path=/; Secure; HttpOnly; SameSite=Strict"
NONE = "__Host-n=2; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=900"


def _app() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/set")
    def set_cookies() -> Response:
        response = HTMLResponse("<p>set</p>")
        for cookie in (STRICT, NONE):
            response.headers.append("set-cookie", cookie)
        return response

    @app.get("/clear")
    def clear() -> Response:
        return HTMLResponse("<p>cleared</p>", headers={"set-cookie": "__Host-n=; Max-Age=0; Path=/; Secure; SameSite=None"})

    @app.api_route("/echo", methods=["GET", "POST"])
    async def echo(request: Request) -> Response:
        body = (await request.body()).decode()
        return JSONResponse({"headers": dict(request.headers), "body": body, "method": request.method})

    @app.get("/to")
    def to(request: Request, code: int = 303) -> Response:
        return RedirectResponse(request.query_params["url"], code)

    @app.get("/loop")
    def loop() -> Response:
        return RedirectResponse("/loop", 302)

    @app.get("/form")
    def form() -> Response:
        return HTMLResponse(
            '<form action="/echo" method="post"><input type="hidden" name="a" value="1"><input name="typed" value="x">'
            '<input type="checkbox" name="box" value="yes"><button name="b" value="2">Go</button></form>'
            '<form id="other" action="http://two.localhost:9/x"></form><a href="here">a link</a>'
        )

    return app


@pytest.fixture
def port(serving: Serving) -> Iterator[int]:
    with serving(_app()) as found:
        yield found


def _sent(page: Page) -> dict[str, object]:
    headers = page.json()["headers"]
    assert isinstance(headers, dict)
    return headers


def test_it_keeps_secure_cookies_for_their_host_alone(browser: Browser, port: int) -> None:
    browser.get(f"http://one.localhost:{port}/set")
    assert _sent(browser.get(f"http://one.localhost:{port}/echo"))["cookie"] == "__Host-s=1; __Host-n=2"
    assert "cookie" not in _sent(browser.get(f"http://two.localhost:{port}/echo"))


@pytest.mark.spec("RFC 6265bis §5.2")
def test_a_strict_cookie_does_not_come_along_from_another_site(browser: Browser, port: int) -> None:
    one = f"http://one.localhost:{port}"
    browser.get(f"{one}/set")
    assert _sent(browser.get(f"{one}/echo", origin=f"http://two.localhost:{port}"))["cookie"] == "__Host-n=2"
    assert _sent(browser.get(f"{one}/echo", origin=one))["cookie"] == "__Host-s=1; __Host-n=2"


@pytest.mark.spec("Fetch Metadata Request Headers §2")
def test_it_says_where_a_navigation_began(browser: Browser, port: int) -> None:
    one, two = f"http://one.localhost:{port}", f"http://two.localhost:{port}"
    for origin, expected in (("", "none"), (one, "same-origin"), (two, "cross-site")):
        headers = _sent(browser.get(f"{one}/echo", origin=origin))
        assert headers["sec-fetch-site"] == expected
        assert headers["sec-fetch-dest"] == "document"
        assert headers["host"] == f"one.localhost:{port}"
    through = _sent(browser.get(f"{two}/to?url={one}/echo"))
    assert through["sec-fetch-site"] == "cross-site", "another site sent it here"


def test_it_submits_the_hidden_fields_and_what_was_pressed_and_no_more(browser: Browser, port: int) -> None:
    page = browser.get(f"http://one.localhost:{port}/form")
    posted = browser.submit(page, {"b": "2"}).json()
    assert (posted["method"], posted["body"]) == ("POST", "a=1&b=2")
    headers = posted["headers"]
    assert isinstance(headers, dict)
    assert headers["origin"] == f"http://one.localhost:{port}"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["sec-fetch-site"] == "same-origin"


def test_a_redirect_is_followed_by_get(browser: Browser, port: int) -> None:
    one = f"http://one.localhost:{port}"
    for code in (301, 302, 303):
        page = browser.get(f"{one}/to?url=/echo&code={code}")
        assert (page.url, page.json()["method"]) == (f"{one}/echo", "GET")


def test_it_goes_nowhere_but_to_localhost(browser: Browser, port: int) -> None:
    for url in ("http://city.example/", "http://localhost/", "http://localhost.example/", "https:///x"):
        with pytest.raises(ValueError, match="localhost"):
            browser.get(url)
    with pytest.raises(ValueError, match="localhost"):
        browser.get(f"http://one.localhost:{port}/to?url=http://city.example/")


def test_a_page_finds_links_and_says_where_there_is_none(browser: Browser, port: int) -> None:
    page = browser.get(f"http://one.localhost:{port}/form")
    assert page.link("//a") == f"http://one.localhost:{port}/here"
    for xpath in ("//a[@id='x']", "count(//a)", "//a/@href"):
        with pytest.raises(WalkError, match="no link where one was expected, at /form"):
            page.link(xpath)
    with pytest.raises(WalkError, match="no form where one was expected, at /form"):
        browser.submit(page, {}, "//form[@id='x']")
    with pytest.raises(WalkError, match="no JSON where it was expected, at /form"):
        page.json()
