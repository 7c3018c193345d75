"""A protocol that nobody here knows goes through a whole login by one file and one line, at a city and at a node.

`plain.py` is the file. The line is the one that puts it into the table of frontends.
"""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from idp.application.composition import CITY_FRONTENDS, NODE_FRONTENDS
from tests.frontend.plain import NAME, PlainFrontend
from tests.idp.staging import Clock, opened
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, login_of
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage

PURPOSE = "resident-parking"
MINIMUM = "person_identifier,family_name,given_name,birthdate"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(CITY_FRONTENDS, NAME, lambda _parts, _role: PlainFrontend({"parking": "parking"}, PURPOSE))
        stage = Stage(tmp_path_factory.mktemp("city") / "stage", Clock())
    with opened(stage):
        yield stage


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeStage]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(
            NODE_FRONTENDS,
            NAME,
            lambda parts, _role: PlainFrontend(
                {node.node_id: node.peer.entity_id for node in parts.configuration.nodes.values()}
            ),
        )
        stage = NodeStage(tmp_path_factory.mktemp("node"), Clock())
    with opened(stage):
        yield stage


@pytest.fixture
def visitor(city: Stage) -> Iterator[Visitor]:
    with Visitor(city) as made:
        yield made


@pytest.fixture
def browser(node: NodeStage) -> Iterator[Browser]:
    with Browser(node) as made:
        yield made


def asks(browser: Visitor | Browser, service: str, asked: str, message: str) -> Answer:
    query = urlencode({"service": service, "id": message, "asked": asked})
    return browser.go("GET", f"/plain?{query}", headers={"sec-fetch-site": "cross-site"})


def told(answer: Answer, service: str) -> dict[str, str]:
    """The fields that the page posts to the service."""
    assert answer.found("//main//form/@action") == [f"https://{service}.example/plain"], answer.text
    return answer.fields


def question(visitor: Visitor, message: str) -> Answer:
    picker = asks(visitor, "parking", "email,birthdate", message)
    page = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
    assert page.status == 200, page.text
    return page


# -- at a city -------------------------------------------------------------------------------------------------------------


def test_a_city_answers_it_with_what_the_policy_lets_go(visitor: Visitor) -> None:
    page = question(visitor, "released")
    answer = visitor.decides(page, ticked={"share.email": "yes"})
    fields = told(answer, "parking")
    assert fields.pop("sub")
    # The address was not asked for, and the purpose requires it; the birth date goes in the form that the purpose needs
    values = {"birthdate": "True", "address": "True", "email": "mari.maasikas@post.example"}
    assert fields == {"id": "released", "level": "high", **values}
    assert told(visitor.decides(page, ticked={"share.email": "yes"}), "parking")["id"] == "released", "the same again"
    assert visitor.go("GET", "/receipt").status == 200, "the citizen has a receipt of it"


def test_one_request_is_answered_once(visitor: Visitor) -> None:
    first, second = question(visitor, "once"), question(visitor, "once")
    assert visitor.decides(first).status == 200
    assert visitor.decides(second).status == 409


@pytest.mark.parametrize("choice", ["refuse", "cancel"])
def test_a_city_s_citizen_says_no(visitor: Visitor, choice: str) -> None:
    answer = visitor.decides(question(visitor, choice), choice)
    assert told(answer, "parking") == {"id": choice, "error": "refused"}


def test_back_from_the_list_of_countries(visitor: Visitor) -> None:
    login = login_of(asks(visitor, "parking", "email", "back"))
    answer = visitor.cancels(login)
    assert told(answer, "parking") == {"id": "back", "error": "refused"}


def test_an_error_of_the_country_has_a_way_back_to_the_service(visitor: Visitor) -> None:
    picker = asks(visitor, "parking", "email", "tampered")
    fields = visitor.signs_in(visitor.asked(login_of(picker)))
    page = visitor.returns({**fields, "SAMLResponse": fields["SAMLResponse"][:-8] + "AAAAAAA="})
    assert page.status == 403
    assert told(page, "parking") == {"id": "tampered", "error": "assertion_rejected"}


def test_a_request_that_is_declined_goes_back_at_once(visitor: Visitor) -> None:
    answer = asks(visitor, "parking", "everything", "all")
    assert told(answer, "parking") == {"id": "all", "error": "request_refused"}
    nobody = asks(visitor, "nobody", "email", "x")
    assert (nobody.status, nobody.found("//main//form")) == (400, [])


def test_an_answer_that_fails_after_the_record_is_said_to_have_failed(visitor: Visitor, city: Stage) -> None:
    frontend = city.application.city.frontends[NAME]
    assert isinstance(frontend, PlainFrontend)
    page = question(visitor, "failing")
    frontend.fails = True
    try:
        answer = visitor.decides(page)
    finally:
        frontend.fails = False
    assert (answer.status, "example/plain" in answer.text) == (500, False)


# -- at a sending node -----------------------------------------------------------------------------------------------------


def informed(browser: Browser, message: str, who: str = "mari") -> Answer:
    leaving = asks(browser, "nl", MINIMUM, message)
    if leaving.status == 200:  # two providers can answer
        leaving = browser.go("GET", f"/login/{login_of(leaving)}/at/national")
    return browser.returns(browser.signs_in(leaving, who))


def test_a_node_sends_the_minimum_data_set_and_records_no_person(browser: Browser, node: NodeStage) -> None:
    before = node.records
    answer = browser.decides(informed(browser, "released"))
    fields = told(answer, "nl")
    assert fields["person_identifier"] == fields["sub"]
    assert fields["sub"].startswith("EE/NL/")
    assert {"id", "level", "family_name", "given_name", "birthdate"} <= fields.keys()
    assert node.records == before + 1


def test_a_node_s_citizen_leaves(browser: Browser) -> None:
    assert told(browser.decides(informed(browser, "left"), "cancel"), "nl") == {"id": "left", "error": "refused"}


def test_an_error_at_a_node_has_a_way_back(browser: Browser) -> None:
    leaving = asks(browser, "nl", MINIMUM, "tampered")
    if leaving.status == 200:
        leaving = browser.go("GET", f"/login/{login_of(leaving)}/at/national")
    fields = browser.signs_in(leaving)
    page = browser.returns({**fields, "SAMLResponse": fields["SAMLResponse"][:-8] + "AAAAAAA="})
    assert page.status == 403
    assert told(page, "nl") == {"id": "tampered", "error": "assertion_rejected"}
