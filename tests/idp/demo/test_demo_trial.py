"""`ciconia try` at the border: made-up citizens of each country, of each level and kind."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.demo.border import Border
from idp.demo.browser import Browser
from idp.demo.citizens import BULGARIANS, CARD_HOLDERS, CITIZENS, HIGH, LOW, PARTNERS, SUBSTANTIAL


def test_each_country_has_each_level_and_somebody_of_whom_something_is_not_known() -> None:
    for of_country in (CITIZENS, BULGARIANS):
        assert {one.loa for one in of_country} == {LOW, SUBSTANTIAL, HIGH}
    everybody = (*CITIZENS, *BULGARIANS, *CARD_HOLDERS, *PARTNERS)
    assert len({one.key for one in everybody}) == len(everybody)
    assert len({one.attributes["person_identifier"] for one in everybody}) == len(everybody)
    assert any("email" not in one.attributes for one in everybody)
    assert any("address.locality" not in one.attributes for one in everybody)


@pytest.mark.spec("decisions.md 34")
def test_a_test_login_may_ask_every_country_of_the_demo_and_crosses_its_border(tmp_path: Path) -> None:
    border = Border(tmp_path / "border", fixed=False, processes=False, card=True)
    try:
        border.open()
        ran = CliRunner().invoke(app, ["try", "parking", "--config", str(border.receiving), "--json"])
        assert ran.exit_code == 0, ran.output
        with Browser() as browser:
            picker = browser.get(str(json.loads(ran.stdout)["link"]))
            ways = [str(each) for each in picker.tree.xpath("//main//button/@formaction")]
            assert {each.rpartition("/")[2] for each in ways} == {"ee", "bg", "city-card", "hewan"}
            sign_in = browser.choose(picker, "/at/ee")
            informs = browser.submit(browser.submit(sign_in, {"citizen": "kaja"}), {})
            crossing = browser.submit(informs, {"choice": "continue"}, "//form[.//*[@name='decided']]")
            tried = browser.submit(crossing, {})
            assert tried.tree.findtext(".//h1") == "A test sign-in for Resident parking"
            assert "Šostakovitš" in informs.text
            assert "Šostakovitš" not in tried.text
    finally:
        border.close()
