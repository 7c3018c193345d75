"""Citizens choose at a discovery service of somebody else's: only this browser's login goes on, to one that it offers."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from lxml import etree

from connectors.discovery import MAX_RETURN, SINGLE
from idp.web.routes.discovery import MAX_QUERY
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor, query_of

SERVICE = "https://ds.federation.example/choose?lang=et"
CROSS: dict[str, str | None] = {"sec-fetch-site": "cross-site"}
UNOFFERED = "What you chose cannot be used for this sign-in."


@pytest.fixture
def elsewhere(visitor: Visitor, stage: Stage, tmp_path: Path) -> Iterator[Visitor]:
    edit = ("demo = true", f'demo = true\ndiscovery_service = "{SERVICE}"')
    with stage.other_broker(tmp_path / "b", {"ciconia.toml": edit}) as visitor.port:
        yield visitor


def _sent(visitor: Visitor, **changes: str) -> dict[str, str]:
    """The request that the browser carries to the discovery service."""
    answer = visitor.authorize(**changes)
    assert (answer.status, answer.headers["location"].startswith(SERVICE)) == (303, True)
    return query_of(answer.headers["location"])


def _back(visitor: Visitor, returns: str, *entities: str) -> Answer:
    query = "".join(f"&{urlencode({'entityID': one})}" for one in entities)
    return visitor.go("GET", "/saml" + returns.partition("/saml")[2] + query, headers=CROSS)


@pytest.mark.spec("saml.md §7")
def test_a_login_goes_to_the_discovery_service_and_on_to_whom_the_citizen_chose(elsewhere: Visitor, stage: Stage) -> None:
    sent = _sent(elsewhere)
    assert {name: value for name, value in sent.items() if name != "return"} == {
        "lang": "et",
        "entityID": f"{stage.issuer}/saml/metadata",
        "returnIDParam": "entityID",
        "policy": SINGLE,
        "isPassive": "false",
    }
    assert len(sent["return"]) < MAX_RETURN
    ours = etree.fromstring(elsewhere.go("GET", "/saml/metadata", headers=DIRECT).text.encode())
    (response,) = ours.iterfind(".//{*}DiscoveryResponse")
    assert response.get("Location") == sent["return"].partition("?")[0]
    question = _back(elsewhere, sent["return"], stage.country.entity_id)
    assert question.status == 303
    page = elsewhere.returns(elsewhere.signs_in(query_of(question.headers["location"])))
    assert set(elsewhere.decides(page).back) == {"code", "state", "iss"}


@pytest.mark.spec("security.md §2.1 C")
def test_whom_the_login_does_not_offer_the_list_does_not_have_either(elsewhere: Visitor, stage: Stage) -> None:
    foreign = _back(elsewhere, _sent(elsewhere)["return"], 'https://evil.example/"><script>')
    assert (foreign.status, UNOFFERED in foreign.text, "evil.example" in foreign.text) == (200, True, False)
    assert len(foreign.found("//main//nav//a")) == 2
    nobody = _back(elsewhere, _sent(elsewhere)["return"])
    assert (nobody.status, UNOFFERED in nobody.text, len(nobody.found("//main//nav//a"))) == (200, False, 2)
    # A provider that stays below what is asked, which the service may know all the same
    low = "http://eidas.europa.eu/LoA/low"
    weak = _back(elsewhere, _sent(elsewhere, acr_values=low)["return"], stage.latvia.entity_id)
    assert weak.status == 200
    assert not weak.found("//main//nav//a"), "it is asked by a form"


def test_an_answer_counts_in_the_browser_that_asked_and_only_as_a_discovery_service_writes_it(
    elsewhere: Visitor, stage: Stage
) -> None:
    returns = _sent(elsewhere)["return"]
    with Visitor(stage, port=elsewhere.port) as stranger:
        replayed = _back(stranger, returns, stage.country.entity_id)
        assert (replayed.status, replayed.heading, stranger.jar) == (409, "Your sign-in is not in this browser", {})
    assert _back(elsewhere, returns, stage.country.entity_id, "https://evil.example").status == 400, "twice"
    assert _back(elsewhere, returns, "a" * MAX_QUERY).status == 414
    assert _back(elsewhere, returns, "a\u202eb").status == 400
    framed = f"/saml/discovered?login={elsewhere.newest}&entityID={quote(stage.country.entity_id, safe='')}"
    assert elsewhere.go("GET", framed, headers={**CROSS, "sec-fetch-dest": "iframe"}).status == 403
    assert _back(elsewhere, returns, stage.country.entity_id).status == 303, "and the login goes on"


def test_a_login_that_leaves_no_choice_goes_straight_there(elsewhere: Visitor, stage: Stage) -> None:
    straight = elsewhere.authorize(acr_values="country:EE")
    assert straight.headers["location"].startswith(f"{stage.country_base}/sso?")
    _sent(elsewhere)
    own = elsewhere.go("GET", f"/login/{elsewhere.newest}/countries")
    assert len(own.found("//main//nav//a")) == 2, "our own list is there for whoever comes back"
