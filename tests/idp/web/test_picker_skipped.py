"""Straight to the one country that the service or its purpose names; and what a hint does not do."""

from pathlib import Path

import pytest

from idp.login.city_role import CityRole
from idp.login.role import Reach
from idp.web.login_cookies import MAX_LOGINS, STATE
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor, login_of, query_of

SHOWN = "//main//nav//span[@class='country']/text()"
PURPOSE = "purposes/resident-parking.toml"
HIGH = "http://eidas.europa.eu/LoA/high"


@pytest.mark.spec("issue 3 item 10")
def test_a_service_that_names_a_country_sends_straight_there(visitor: Visitor, stage: Stage) -> None:
    answer = visitor.authorize(acr_values="country:EE")
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"{stage.country_base}/sso?")
    assert answer.headers["cache-control"] == "no-store"
    question = visitor.returns(visitor.signs_in(query_of(answer.headers["location"])))
    assert set(visitor.decides(question).back) == {"code", "state", "iss"}


def test_where_that_country_is_asked_by_post_the_first_page_posts(visitor: Visitor, stage: Stage) -> None:
    page = visitor.authorize(acr_values=f"country:LV {HIGH.replace('high', 'low')}")
    assert page.status == 200
    assert page.found("//main//form/@action") == [f"{stage.latvia.base}/sso"]
    assert visitor.returns(visitor.signs_in(page.fields)).status == 200


def test_a_purpose_for_one_country_sends_straight_there(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    with stage.other_broker(
        tmp_path / "b", {PURPOSE: ('basis = "public', 'countries = ["EE"]\nbasis = "public')}
    ) as visitor.port:
        answer = visitor.authorize()
        assert answer.status == 303
        assert answer.headers["location"].startswith(f"{stage.country_base}/sso?")
        assert visitor.asks(visitor.newest, "demo-lv").status == 404, "another country is no address of this login"


@pytest.mark.spec("issue 3 item 10")
@pytest.mark.parametrize("hint", ["country:EE", "demo-ee"])
def test_a_login_hint_never_skips(visitor: Visitor, hint: str) -> None:
    picker = visitor.authorize(login_hint=hint)
    assert picker.status == 200
    assert picker.found(SHOWN) == ["Estonia", "Latvia"]


def test_a_country_that_is_not_connected_gives_a_page_that_says_so_and_leads_back(visitor: Visitor) -> None:
    page = visitor.authorize(acr_values="country:FI")
    assert page.status == 200
    assert "none of them is connected here" in page.text
    assert not page.found("//main//nav | //form[@role='search']")
    ended = visitor.cancels(login_of(page))
    assert ended.back["error"] == "access_denied"


def test_a_named_country_that_does_not_answer_is_shown_and_not_gone_to(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = CityRole.choices
    with monkeypatch.context() as patch:
        patch.setattr(CityRole, "choices", lambda *given: tuple((one, Reach.AWAY) for one, _ in honest(*given)))
        page = visitor.authorize(acr_values="country:EE")
    assert page.status == 200
    assert page.found(SHOWN) == ["Estonia"]
    assert not page.found("//main//nav//a")
    again = visitor.go("GET", f"/login/{login_of(page)}/countries")
    assert again.found("//main//nav//a/@href") == [f"/login/{login_of(page)}/at/demo-ee"]


@pytest.mark.spec("decisions.md A and design §2")
def test_logins_that_skip_the_picker_are_no_more_than_others(visitor: Visitor) -> None:
    for _ in range(MAX_LOGINS + 2):
        assert visitor.authorize(acr_values="country:EE").status == 303
    assert len([name for name in visitor.jar if name.startswith(STATE)]) == MAX_LOGINS
