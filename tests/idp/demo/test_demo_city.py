"""The demo city's web site: its services, what it shows, and what it refuses to believe."""

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from idp.application.register_party import required_claims
from idp.config.folder import load_configuration
from idp.demo.browser import Browser, Page
from idp.demo.city import City
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.server.http import bind
from policies.parties import PurposeId
from tests.idp.demo.conftest import Serving


def _approved(browser: Browser, scene: Scene, service: str, citizen: str = "mari") -> Page:
    """The page that leads back to the city."""
    return _from_the_picker(browser, scene, browser.get(f"{scene.city_base}/{service}/login"), citizen)


def _from_the_picker(browser: Browser, scene: Scene, picker: Page, citizen: str) -> Page:
    country = browser.get(picker.link("//a[contains(@href, '/at/')]"), origin=scene.issuer)
    posting = browser.submit(country, {"citizen": citizen})
    return browser.submit(browser.submit(posting, {}), {"choice": "approve"}, "//form[.//*[@name='decided']]")


def _text(page: Page) -> str:
    return " ".join(page.tree.text_content().split())


def told(page: Page) -> list[str]:
    """The claims on a service's last page."""
    claims = page.tree.xpath("//dd/code/text()")
    assert isinstance(claims, list)
    return [str(one).partition(":")[0] for one in claims]


def test_the_front_page_lists_three_services(browser: Browser, scene: Scene) -> None:
    page = browser.get(scene.city_base)
    links = page.tree.xpath("//a[@class='b']/@href")
    assert links == ["/parking/login", "/fares/login", "/budget/login"]


def test_signing_in_begins_at_the_broker_and_leaves_a_state_in_this_browser(scene: Scene) -> None:
    with client() as http:
        response = send(http, "GET", f"{scene.city_base}/parking/login")
    assert response.status_code == 303
    asked = parse_qs(urlsplit(response.headers["location"]).query)
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"state-parking={asked['state'][0]};")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/parking/" in cookie


def test_where_its_broker_does_not_answer_it_says_so_and_to_try_again(scene: Scene, serving: Serving) -> None:
    parking = scene.city._parties["parking"].service
    with bind("127.0.0.1", 0) as taken:
        dead = f"http://broker.localhost:{taken.getsockname()[1]}"
    city = City(base=scene.city_base, issuer=dead, services=(parking,))
    with serving(city.app()) as port, Browser() as browser:
        page = browser.get(f"http://storkhaven.localhost:{port}/parking/login")
    city.close()
    assert page.status == 503
    assert "The broker does not answer" in _text(page)
    assert page.link("//main//a").endswith("/parking/login")


def test_the_last_page_shows_all_that_the_service_was_told_and_no_more(browser: Browser, scene: Scene) -> None:
    leaving = _approved(browser, scene, "parking")
    page = browser.get(leaving.link("//main//a"), origin=scene.issuer)
    assert page.status == 200
    assert told(page) == ["age_over_18", "resident_of", "sub"]
    assert "http://eidas.europa.eu/LoA/high" in page.text
    for value in ("Maasikas", "1990", "Canal Street", "4711", "post.example", "49002280001"):
        assert value not in page.text


def test_an_answer_in_another_browser_is_not_believed(browser: Browser, scene: Scene) -> None:
    back = _approved(browser, scene, "parking").link("//main//a")
    with Browser() as stranger:
        page = stranger.get(back, origin=scene.issuer)
    assert page.status == 403
    assert "state" in _text(page)


def test_an_answer_that_comes_again_is_not_believed(browser: Browser, scene: Scene) -> None:
    back = _approved(browser, scene, "parking").link("//main//a")
    assert browser.get(back, origin=scene.issuer, accept="application/json").status == 200
    again = browser.get(back, origin=scene.issuer, accept="application/json")
    assert (again.status, again.json()) == (403, {"refused": "state"})


def test_what_an_answer_says_is_never_markup(browser: Browser, scene: Scene) -> None:
    browser.get(f"{scene.city_base}/parking/login")
    state = next(value for (_, name), value in browser._jar.items() if name == "state-parking")[0]
    url = f"{scene.city_base}/parking/callback?state={state}&iss={scene.issuer}&error=%3Cscript%3Ealert(1)%3C/script%3E"
    page = browser.get(url)
    assert page.status == 403
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


def test_each_service_looks_for_what_its_purpose_requires(scene: Scene) -> None:
    configuration = load_configuration(scene.receiving)
    for party in scene.city._parties.values():
        purpose = configuration.purposes[PurposeId(party.service.purpose)]
        assert party.service.required == tuple(required_claims(purpose, configuration.catalogue))
        assert party.service.minimum == purpose.minimum_assurance


@pytest.mark.parametrize("claims", ['{"userinfo": {"email": null}}', '{"userinfo": {"age_over_18": null}}'])
def test_what_the_purpose_requires_comes_though_the_request_asks_for_less(
    browser: Browser, scene: Scene, claims: str
) -> None:
    with client() as http:
        begun = send(http, "GET", f"{scene.city_base}/parking/login")
    browser._keep(scene.city_base, begun.headers.get_list("set-cookie"))
    parts = urlsplit(begun.headers["location"])
    asked = dict(parse_qsl(parts.query)) | {"scope": "openid purpose:resident-parking", "claims": claims}
    picker = browser.get(urlunsplit(parts._replace(query=urlencode(asked))))
    page = _from_the_picker(browser, scene, picker, "mari")
    page = browser.get(page.link("//main//a[contains(@href, 'code=')]"), origin=scene.issuer)
    assert page.status == 200
