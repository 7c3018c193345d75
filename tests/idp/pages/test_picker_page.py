"""Which country's eID?"""

import pytest

from idp.pages.render import Pages
from tests.e2e.gallery import picker
from tests.idp.pages.reading import Read


def test_it_says_who_asks_and_what_for(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "en")))
    assert "Storkhaven resident parking asks you to sign in." in page.words("//main")
    assert page.words("//p[@class='purpose']") == "Purpose Resident parking permit"


@pytest.mark.spec("decisions.md 7")
def test_every_country_is_a_link_with_its_provider_beside_it(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "en")))
    links = page.find("//nav//a")
    assert [each.get("href") for each in links][:2] == ["/login/L1/at/1", "/login/L1/at/7"]
    assert page.words("//nav//a[1]").startswith("Austria ID Austria Belgium CSAM Belgium itsme Czechia NIA")
    assert not page.find("//nav//form | //nav//button")


@pytest.mark.parametrize(
    ("language", "order"),
    [
        (
            "en",
            ["Austria", "Belgium", "Belgium", "Czechia", "Estonia", "Germany", "Greece", "Liechtenstein", "Netherlands"],
        ),
        ("et", ["Austria", "Belgia", "Belgia", "Eesti", "Holland", "Kreeka", "Liechtenstein", "Saksamaa", "Tšehhi"]),
        # àodìlì, àishāníyà: 爱 ài stands before 奥 ào; bǐ, dé, hé, jié, liè, xī
        ("zh-Hans", ["爱沙尼亚", "奥地利", "比利时", "比利时", "德国", "荷兰", "捷克", "列支敦士登", "希腊"]),
    ],
)
def test_countries_come_in_the_order_of_the_language(pages: Pages, language: str, order: list[str]) -> None:
    page = Read(pages.picker(picker(pages, language)))
    assert [page.words(f"(//span[@class='country'])[{place}]") for place in range(1, len(order) + 1)] == order


def test_a_providers_title_says_its_own_language(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "zh-Hans", (("DE", "BundID"),))))
    assert page.one("//span[@class='provider']/bdi").get("lang") == "de"


def test_without_a_country_it_says_that_none_is_connected_and_cancels(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "en", ())))
    assert "No country is connected yet." in page.words("//main")
    assert not page.find("//nav")
    assert page.one("//form").get("action") == "/login/L1/cancel"


def test_cancelling_is_a_post_to_us(pages: Pages) -> None:
    page = Read(pages.picker(picker(pages, "et")))
    assert page.one("//form").get("method") == "post"
    assert page.words("//form/button") == "Katkesta ja mine tagasi"
