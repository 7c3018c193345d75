"""A service has the citizen choose with us, before it asks for a sign-in: the SAML discovery protocol over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from idp.web.choosing import REMEMBERED
from idp.web.routes.discovery import MAX_QUERY
from idp.web.routes.picker import LANDED
from tests.idp.staging import Lines
from tests.idp.web.saml_party import ENTITY, SamlParty
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

HERE = "https://library.storkhaven.example/login"
RETURN = f"{HERE}?SAMLDS=1&target=ss%3Amem%3Ab2"
CROSS: dict[str, str | None] = {"sec-fetch-site": "cross-site"}
OWN: dict[str, str | None] = {"sec-fetch-site": "same-origin"}


def _asks(visitor: Visitor, **changes: str) -> Answer:
    query = {"entityID": ENTITY, "return": RETURN, **changes}
    return visitor.go("GET", f"/saml/discovery?{urlencode(query)}", headers=CROSS)


def _link(page: Answer, provider: str) -> str:
    return next(one for one in page.found("//main//nav//a/@href") if f"/at/{provider}?" in one)


@contextmanager
def _library(visitor: Visitor, stage: Stage, folder: Path, more: str = "", returns: str = HERE) -> Iterator[SamlParty]:
    library = SamlParty(folder, stage.issuer, stage.clock, returns=returns, more=more)
    with stage.other_broker(folder / "b", {}, library.files) as visitor.port:
        yield library


@pytest.mark.spec("saml.md §7")
def test_the_choice_waits_in_the_browser_and_the_service_hears_of_us_alone(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    with _library(visitor, stage, tmp_path) as library:
        page = _asks(visitor)
        assert (page.status, page.cookies) == (200, {})
        assert "City library asks you to sign in." in page.text
        found = visitor.go("POST", page.found("string(//form[@role='search']/@action)")[0], fields={"q": "Canary läti"})
        assert (found.status, "No country here matches that." in found.text) == (200, True)
        assert "Canary" not in repr([*found.found("//@href"), *found.found("//@action"), logs])
        found = visitor.go("POST", found.found("string(//form[@role='search']/@action)")[0], fields={"q": "lät"})
        assert found.found("//main//nav//span[@class='country']/text()") == ["Latvia"]
        back = visitor.go("GET", _link(found, "demo-lv"), headers=OWN)
        assert back.status == 303
        assert back.headers["location"] == f"{RETURN}&entityID={quote(stage.issuer + '/saml/idp', safe='')}"
        assert "demo-lv" not in back.headers["location"]
        posted = library.asks(visitor)
        assert posted.found("//main//form/@action") == [f"{stage.latvia.base}/sso"], "straight to whom the citizen chose"
        assert LANDED not in visitor.jar, "once"


def test_a_service_that_is_told_names_whom_it_was_told_and_no_list_is_shown(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with _library(visitor, stage, tmp_path, 'discovery = "provider"') as library:
        back = visitor.go("GET", _link(_asks(visitor, returnIDParam="IdP"), "demo-ee"), headers=OWN)
        assert back.headers["location"] == f"{RETURN}&IdP={quote(stage.country.entity_id, safe='')}"
        assert back.cookies == {}
        entry = f'<samlp:IDPEntry ProviderID="{stage.country.entity_id}"/>'
        asked = library.request(f"<samlp:Scoping><samlp:IDPList>{entry}</samlp:IDPList></samlp:Scoping>")
        assert library.asks(visitor, asked).headers["location"].startswith(f"{stage.country_base}/sso")


def test_a_passive_question_is_answered_at_once_with_what_the_citizen_asked_us_to_keep(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with _library(visitor, stage, tmp_path, 'discovery = "provider"'):
        assert _asks(visitor, isPassive="true").headers["location"] == RETURN
        page = visitor.go("GET", _asks(visitor).found("//a[text()='Remember my choice in this browser']/@href")[0])
        link = _link(page, "demo-lv")
        assert visitor.go("GET", link, headers=CROSS).cookies == {}, "a link on another site chooses for nobody"
        assert visitor.go("GET", link, headers=OWN).cookies[REMEMBERED].value == "demo-lv"
        passive = _asks(visitor, isPassive="true")
        assert (passive.status, passive.cookies) == (303, {})
        assert passive.headers["location"] == f"{RETURN}&entityID={quote(stage.latvia.entity_id, safe='')}"
        page = _asks(visitor)
        assert page.found("//main//nav//span[@class='country']/text()") == ["Latvia", "Estonia"]
        assert visitor.go("GET", page.found("//a[text()='Forget my last choice']/@href")[0]).status == 200
        assert REMEMBERED not in visitor.jar
        assert visitor.go("GET", page.found("//p[@class='cancel']/a/@href")[0]).headers["location"] == RETURN


@pytest.mark.spec("security.md §2.1 RelayState open redirect / XSS")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"entityID": "https://stranger.example/saml"}, 400),
        ({"entityID": ""}, 400),
        ({"return": "https://evil.example/login"}, 400),
        ({"return": "https://library.storkhaven.example@evil.example/login"}, 400),
        ({"return": f"{HERE}#evil.example"}, 400),
        ({"return": HERE.replace(".example/", ".example:8443/")}, 400),
        ({"policy": "urn:evil.example"}, 400),
        ({"return": f"{HERE}?evil.example={'a' * MAX_QUERY}"}, 414),
    ],
)
def test_whoever_asks_for_another_way_back_gets_a_page_and_no_way(
    visitor: Visitor, stage: Stage, tmp_path: Path, changes: dict[str, str], status: int
) -> None:
    with _library(visitor, stage, tmp_path):
        for place in ("", "/at/demo-ee", "/none"):
            query = urlencode({"entityID": ENTITY, "return": RETURN, **changes})
            refused = visitor.go("GET", f"/saml/discovery{place}?{query}", headers=OWN)
            assert (refused.status, refused.headers.get("location"), refused.cookies) == (status, None, {})
            assert "evil.example" not in refused.text
        twice = f"entityID={quote(ENTITY)}&return={quote(RETURN)}&return={quote('https://evil.example/')}"
        assert visitor.go("GET", f"/saml/discovery?{twice}").status == 400


def test_what_stands_in_the_query_is_a_text_and_a_provider_that_is_not_offered_is_no_answer(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with _library(visitor, stage, tmp_path, f'discovery_returns = ["{HERE}"]', returns=""):
        evil = f'{HERE}?a="><script>alert(1)</script>'
        page = _asks(visitor, **{"return": evil})
        assert (page.status, page.found("//script")) == (200, [])
        back = visitor.go("GET", _link(page, "demo-ee"), headers=OWN)
        assert back.headers["location"].startswith(f"{HERE}?a=%22%3E%3Cscript")
        assert visitor.go("GET", _link(page, "demo-ee").replace("demo-ee", "demo-xx"), headers=OWN).status == 404
        # Its address was named in the registration. A service that names none, here or in its metadata, may send nobody
        assert _asks(visitor, **{"return": f"{HERE}/other"}).status == 400
