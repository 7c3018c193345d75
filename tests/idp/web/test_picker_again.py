"""The picker's own address: searching, remembering on request, countries that do not answer, and coming back to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from idp.login.city_role import CityRole
from idp.login.role import Choices, Reach
from idp.pages.headers import headers
from idp.pages.views import PageKind
from idp.web.choosing import MAX_SOUGHT, MAX_TYPED, REMEMBERED
from policies.authentication import ServiceRequest
from tests.idp.staging import Lines
from tests.idp.web.visitor import Answer, Visitor

YEAR = str(365 * 24 * 3600)
SHOWN = "//main//nav//span[@class='country']/text()"


def _countries(visitor: Visitor, login: str, **parameters: str) -> Answer:
    """The page again, by its links, or by its form where something is typed."""
    if "q" in parameters:
        return visitor.go("POST", f"/login/{login}/countries", fields=parameters)
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return visitor.go("GET", f"/login/{login}/countries" + (f"?{query}" if query else ""))


@contextmanager
def _away(monkeypatch: pytest.MonkeyPatch, provider: str) -> Iterator[None]:
    """Let the provider not answer for as long as this lasts."""
    honest = CityRole.choices

    def choices(self: CityRole, request: ServiceRequest, now: int) -> Choices:
        found = honest(self, request, now)
        return tuple((one, Reach.AWAY if one.provider_id == provider else reach) for one, reach in found)

    with monkeypatch.context() as patch:
        patch.setattr(CityRole, "choices", choices)
        yield


def _remembering(visitor: Visitor, provider: str = "demo-lv") -> None:
    """A login in which the citizen asks to keep the choice."""
    login = visitor.login()
    link = next(one for one in _countries(visitor, login, remember="yes").found("//main//nav//a/@href") if provider in one)
    assert visitor.go("GET", link).status in (200, 303)


@pytest.mark.spec("issue 3 item 10")
@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("  LATV ", ["Latvia"]),
        # both providers of the stage have Estonia in their titles
        ("eesti", ["Estonia", "Latvia"]),
        ("LVA", ["Latvia"]),
        ("", ["Estonia", "Latvia"]),
    ],
)
def test_what_is_typed_finds_countries_by_a_form_without_a_script(visitor: Visitor, sought: str, found: list[str]) -> None:
    picker = visitor.authorize()
    login = visitor.login()
    assert picker.found("//form[@role='search']/@method") == ["post"]
    assert picker.found("//form[@role='search']//input/@name") == ["q"]
    page = _countries(visitor, login, q=sought)
    assert page.status == 200
    assert page.found(SHOWN) == found
    assert page.found("string(//input[@name='q']/@value)") == [sought.strip()]
    assert not page.found("//script")


def test_where_nothing_is_found_the_page_says_so_and_the_form_stays(visitor: Visitor) -> None:
    login = visitor.login()
    page = _countries(visitor, login, q="Atlantis")
    assert page.found(SHOWN) == []
    assert "No country here matches that." in page.text
    assert page.found("string(//input[@name='q']/@value)") == ["Atlantis"]
    assert page.found("//a[text()='Show all countries']/@href") == [f"/login/{login}/countries"]
    assert page.found("//form[@class='cancel']/@action") == [f"/login/{login}/cancel"]


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        (f"q={'a' * (MAX_SOUGHT + 1)}", 413),
        (f"q={'a' * MAX_TYPED}", 413),
        ("q=a&q=b", 400),
        ("q=%ff", 400),
        ("q=a&remember=perhaps", 400),
    ],
)
def test_a_form_that_no_page_of_ours_makes_is_refused(visitor: Visitor, typed: str, status: int) -> None:
    login = visitor.login()
    assert visitor.go("POST", f"/login/{login}/countries", body=typed.encode()).status == status
    assert visitor.go("GET", f"/login/{login}/countries?remember=perhaps").status == 400
    foreign = {"sec-fetch-site": "cross-site"}
    assert visitor.go("POST", f"/login/{login}/countries", fields={"q": "a"}, headers=foreign).status == 403
    assert _countries(visitor, login).status == 200, "the login goes on"


def test_what_a_later_version_may_link_is_left_out(visitor: Visitor) -> None:
    login = visitor.login()
    found = visitor.go("GET", f"/login/{login}/countries?q=latv&next=1")
    assert (found.status, found.text) == (200, _countries(visitor, login).text)
    assert visitor.go("GET", f"/login/{login}/at/demo-ee?next=1").status == 303


@pytest.mark.spec("decisions.md 15")
def test_what_is_typed_is_in_no_address_log_line_cookie_or_link(visitor: Visitor, logs: Lines) -> None:
    login = visitor.login()
    canary = "Canary-Kanarbik-1891"
    found = _countries(visitor, login, q=canary)
    refused = _countries(visitor, login, q=canary * 6)
    assert refused.status == 413
    assert logs[-1]["path"] == "/login/{login}/countries", "the id of a login is its browser's"
    assert canary not in repr(logs)
    assert canary not in repr(visitor.jar)
    assert not [one for one in found.found("//@href | //@action") if canary in one]
    for name, value in headers(PageKind.FORM).items():
        assert found.headers[name] == value, name
    assert found.headers["referrer-policy"] == "same-origin"


@pytest.mark.spec("issue 3 item 10")
def test_a_country_that_does_not_answer_is_shown_without_a_link(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    with _away(monkeypatch, "demo-lv"):
        picker = visitor.authorize()
        assert picker.found(SHOWN) == ["Estonia", "Latvia"]
        assert [one.rpartition("/")[2] for one in picker.found("//main//nav//a/@href")] == ["demo-ee"]
        assert picker.found("//main//nav//li[2]//span[@class='note']/text()") == ["Does not answer at the moment"]
    back = _countries(visitor, visitor.newest)
    assert len(back.found("//main//nav//a/@href")) == 2


@pytest.mark.spec("issue 3 item 10")
def test_a_link_from_before_a_country_fell_silent_leads_to_the_others(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = visitor.login()
    with _away(monkeypatch, "demo-lv"):
        page = visitor.asks(login, "demo-lv")
        assert (page.status, page.heading) == (503, "This country cannot be reached")
        assert page.found("//main//a[@class='button']/@href") == [f"/login/{login}/countries"]
        assert visitor.asks(login, "demo-ee").status == 303
    assert visitor.asks(login, "demo-lv").status in (200, 303)


def test_a_login_that_has_asked_a_country_can_come_back_and_choose_another(visitor: Visitor) -> None:
    login = visitor.login()
    first = visitor.asked(login)
    page = _countries(visitor, login)
    assert page.status == 200
    assert page.found(SHOWN) == ["Estonia", "Latvia"]
    answer = visitor.signs_in(visitor.asked(login, "demo-lv"))
    assert visitor.returns(answer).status == 200
    assert visitor.returns(visitor.signs_in(first)).status == 403, "the first question was replaced"


@pytest.mark.spec("issue 3 item 10")
def test_a_choice_is_kept_only_where_the_citizen_asked_for_it(visitor: Visitor) -> None:
    login = visitor.login()
    visitor.asks(login, "demo-lv")
    assert REMEMBERED not in visitor.jar
    page = _countries(visitor, login, remember="yes")
    assert page.cookies == {}, "looking at it keeps nothing"
    assert "is remembered in this browser, for a year" in page.text
    assert page.found("//form[@role='search']//input[@type='hidden']/@name") == ["remember"]
    link = f"/login/{login}/at/demo-lv?remember=yes"
    assert link in page.found("//main//nav//a/@href")
    kept = visitor.go("GET", link).cookies[REMEMBERED]
    assert kept.value == "demo-lv"
    assert dict(kept.attributes) == {"max-age": YEAR, "path": "/", "secure": "", "httponly": "", "samesite": "Lax"}


def test_the_next_login_has_the_kept_choice_first_and_decides_nothing(visitor: Visitor) -> None:
    _remembering(visitor)
    picker = visitor.authorize()
    assert picker.status == 200
    assert picker.found(SHOWN) == ["Latvia", "Estonia"]
    assert picker.found("//main//nav//li[1]//span[@class='note']/text()") == ["Your choice last time"]
    assert not picker.found("//main//nav//li[2]//span[@class='note']")


def test_the_kept_choice_is_forgotten_by_a_link(visitor: Visitor) -> None:
    _remembering(visitor)
    (forget,) = visitor.authorize().found("//a[text()='Forget my last choice']/@href")
    page = visitor.go("GET", forget)
    assert page.cookies[REMEMBERED].attributes["max-age"] == "0"
    assert page.found(SHOWN) == ["Estonia", "Latvia"]
    assert REMEMBERED not in visitor.jar
    assert not visitor.authorize().found("//a[text()='Forget my last choice']")


@pytest.mark.parametrize("value", ["demo-xx", "", "<script>", "demo-ee demo-lv", "a" * 4000])
def test_a_kept_choice_that_there_is_not_is_passed_by(visitor: Visitor, value: str) -> None:
    visitor.jar[REMEMBERED] = value
    picker = visitor.authorize()
    assert picker.found(SHOWN) == ["Estonia", "Latvia"]
    assert not picker.found("//main//nav//span[@class='note']")
