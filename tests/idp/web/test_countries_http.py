"""GET /countries and /countries.json: what each country offers, to everybody, without a service's or a person's name."""

from datetime import UTC, datetime

from idp.monitoring.successes import DAY, FEWEST, SPREAD
from idp.web.described import CountryList, OfferedScheme
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor


def scheme(visitor: Visitor, name: str) -> OfferedScheme:
    found = CountryList.model_validate(visitor.go("GET", "/countries.json", jar={}).json)
    (one,) = [one for country in found.countries for one in country.schemes if one.id == name]
    return one


def test_everybody_sees_what_a_country_offers_and_no_service_of_ours(visitor: Visitor) -> None:
    page = visitor.go("GET", "/countries")
    assert (page.status, "set-cookie" in page.headers) == (200, False)
    assert "Estonia" in page.found("//h2/text()")
    configuration = visitor.stage.application.memory.now.configuration
    for party in configuration.parties.values():
        assert not [title for title in party.title.values() if title in page.text]
    assert visitor.go("GET", "/countries", headers={"sec-fetch-dest": "iframe"}).status == 403
    told = scheme(visitor, "demo-ee")
    assert (told.persons, told.reachable, told.last_success) == (["natural"], True, None)
    assert {"family_name", "birthdate"} <= set(told.attributes)
    assert {one.level for one in told.levels} <= {"low", "substantial", "high"}
    assert len(page.found("//h3")) == sum(one.test != "only" for one in configuration.providers.values())


def test_the_list_of_countries_and_the_front_page_lead_there(visitor: Visitor) -> None:
    assert "/countries" in visitor.authorize().found("//main//a/@href")
    assert "/countries" in visitor.go("GET", "/").found("//main//a/@href")


def test_a_day_of_enough_sign_ins_is_told_when_it_is_over(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    today = datetime.fromtimestamp(stage.clock(), UTC).date().isoformat()
    for _ in range(FEWEST + SPREAD - 1):
        visitor.code()
    stage.clock.ahead += DAY
    stage.application.watched.successes.step()
    assert (scheme(visitor, "demo-ee").last_success or "") >= today
