"""Representatives of companies in Chromium, from countries of eIDAS and STORK: both nodes' pages, and the city."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from idp.demo.border import Border, Land
from idp.demo.countries import COMPANIES, COUNTRIES
from tests.e2e import crossing
from tests.e2e.browser import decide, overflow, violations, window
from tests.e2e.crossing import APPROVE, POSTS, PROCEED

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def countries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    playing = Border(tmp_path_factory.mktemp("countries") / "b", fixed=False, processes=False, lands=COUNTRIES, permit=True)
    playing.open()
    yield playing
    playing.close()


@pytest.mark.spec("issue 33 shown by; issue 33 item 5")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("land", COUNTRIES, ids=lambda land: str(land.profile))
def test_somebody_chooses_for_which_company_they_sign_in(
    chromium: Browser, countries: Border, land: Land, *, scripts: bool
) -> None:
    company = COMPANIES[land.code]
    with window(chromium, scripts=scripts) as opened:
        page = opened.page
        crossing.to_picker(countries, page, "permit")
        page.click(crossing.at(land.code))
        if not scripts and (land.profile.stork or land.code == crossing.BULGARIA):
            page.click(POSTS)
        acting = page.locator(f"button[value='{land.citizens[1].key}']")
        crossing.seen(acting)
        acting.click()
        if not scripts:
            page.click("text=Continue")
        crossing.said(page, "For whom do you sign in?")
        assert page.locator("input[name=acting]:checked").count() == 0
        assert not scripts or violations(page) == []
        page.get_by_label(company).check()
        page.get_by_role("button", name="Continue").click()
        crossing.seen(page.locator(PROCEED))
        assert "Netherlands" in page.inner_text("h1")
        assert company in page.inner_text("main")
        assert not scripts or violations(page) == []
        crossing.on(page, scripts=scripts)
        crossing.seen(page.locator(APPROVE))
        assert page.inner_text("#acting") == f"You act for {company}."
        assert not scripts or violations(page) == []
        decide(page)
        got = crossing.at_city(countries, page, "Your company gets a harbour permit")
        page.set_viewport_size({"width": 320, "height": 640})
        assert not scripts or overflow(page) == []
        assert not scripts or violations(page) == []
        assert opened.complaints == []
    assert company in got
    assert land.citizens[1].attributes["family_name"] not in got
