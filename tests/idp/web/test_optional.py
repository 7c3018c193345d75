"""An optional attribute is not asked for before it is ticked (decision 0073): over a border and in the record."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any  # of JSON

import pytest

from connectors.formats.eidas.registry import MINIMUM
from tests.connectors.eidas.made import natural
from tests.idp.web.finland import CITIZEN, Traveller
from tests.idp.web.test_explained_http import newest, of_record
from tests.idp.web.test_remembered import BASIS, PURPOSE
from tests.idp.web.visitor import Answer, login_of

EMAIL = "share.email"
REQUIRED = {*MINIMUM, natural("CurrentAddress")}


def _asked_of_finland(traveller: Traveller, *ticked: str, **changes: str | None) -> set[str]:
    return {one.name for one in traveller.question_to_finland(*ticked, **changes)[0].attributes}


def _question(traveller: Traveller, *ticked: str) -> Answer:
    """The question after Finland sent what was asked for, and an e-mail address in any case."""
    request, relay_state = traveller.question_to_finland(*ticked)
    return traveller.arrives(traveller.finland_says(request, relay_state, person=CITIZEN))


def _decision(traveller: Traveller) -> Mapping[str, Any]:
    """The decision in the record, as the citizen's receipt has it."""
    receipt: Mapping[str, Any] = json.loads(traveller.go("GET", "/receipt.json").text)
    found: Mapping[str, Any] = receipt["openings"]["decision"]["content"]
    return found


def _boxes(page: Answer) -> dict[str, bool]:
    found = page.tree.iterfind(".//input[@type='checkbox']")
    return {str(one.get("name")): one.get("checked") is not None for one in found}


@pytest.mark.spec("issue 32 item 2")
def test_only_what_is_ticked_is_asked_of_the_country(traveller: Traveller) -> None:
    assert _asked_of_finland(traveller) == REQUIRED
    assert _asked_of_finland(traveller, "email") == REQUIRED | {natural("EmailAddress")}


@pytest.mark.spec("issue 32 item 2; decisions.md 3")
def test_a_forged_tick_adds_nothing_that_the_service_may_not_have(traveller: Traveller) -> None:
    scope = "openid purpose:resident-parking profile email address phone"
    forged = ("phone_number", "gender", "place_of_birth", "../x", "")
    assert _asked_of_finland(traveller, *forged, scope=scope) == REQUIRED
    login = traveller.login()
    path = f"/login/{login}/at/fi"
    boxes = traveller.go("GET", f"{path}?{EMAIL}=yes")
    assert _boxes(boxes) == {EMAIL: False}, "no link ticks for anybody"
    elsewhere = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    assert traveller.go("POST", path, fields={EMAIL: "yes"}, headers=elsewhere).status == 403
    assert traveller.go("POST", path, body=f"{EMAIL}=yes&{EMAIL}=yes".encode()).status == 400
    request, _ = traveller.read(traveller.go("POST", path, fields={EMAIL: "no", "share.": "yes"}).onward)
    assert {one.name for one in request.attributes} == REQUIRED


@pytest.mark.spec("issue 32 item 2")
def test_what_nobody_ticked_does_not_go_though_the_country_sent_it(traveller: Traveller) -> None:
    page = _question(traveller)
    assert EMAIL not in _boxes(page)
    assert page.found("//ul[@class='kept']/li[@data-name='email']/@data-reason") == ["not_asked"]
    assert "Email address" in page.found("string(//details[summary/@id='arrived'])")[0]
    traveller.decides(page)
    said = _decision(traveller)
    assert ["email", "not_asked"] in said["withheld"]
    assert ["email", "exact"] in said["asked"], "the service did ask"
    assert said["bits"] == "0"
    told = json.loads(of_record(traveller.stage, newest(traveller.stage), "--json").stdout)
    assert told["differences"] == []
    assert {one["attribute"]: one["reason"] for one in told["attributes"]}["email"] == "not_asked"


@pytest.mark.spec("issue 32 item 2")
@pytest.mark.parametrize(("kept", "withheld"), [({EMAIL: "yes"}, []), ({}, [["email", "not_chosen"]])])
def test_what_was_ticked_goes_unless_it_is_unticked_on_the_question(
    traveller: Traveller, kept: dict[str, str], withheld: list[list[str]]
) -> None:
    page = _question(traveller, "email")
    assert _boxes(page)[EMAIL]
    reworded = traveller.rewords(page, "et", **kept)
    assert _boxes(reworded)[EMAIL] is bool(kept), "what was unticked stays so in another language"
    traveller.decides(reworded, ticked=kept)
    assert [one for one in _decision(traveller)["withheld"] if one[0] == "email"] == withheld


def test_languages_search_and_remembering_keep_the_ticks(traveller: Traveller) -> None:
    picker = traveller.authorize()
    login, typed = login_of(picker), {EMAIL: "yes", "remember": "yes", "q": "soome"}
    assert _boxes(picker) == {EMAIL: False, "remember": False}
    found = traveller.go("POST", f"/login/{login}/countries", fields={**typed, "language": "et"})
    assert found.found("string(/html/@lang)") == ["et"]
    assert _boxes(found) == {EMAIL: True, "remember": True}
    assert found.found("//main//nav//button[@formaction]/@formaction") == [f"/login/{login}/at/fi"]
    leaving = traveller.go("POST", f"/login/{login}/at/fi", fields=typed)
    assert traveller.jar["__Host-country"] == "fi"
    assert natural("EmailAddress") in {one.name for one in traveller.read(leaving.onward)[0].attributes}
    # Chromium holds form-action for redirects, too: what follows a form of ours is a page
    assert (leaving.status, leaving.found("//main//form")) == (200, [])
    back = traveller.go("GET", f"/login/{login}/countries")
    assert _boxes(back)[EMAIL], "the login remembers the tick for who comes back"
    unticked = traveller.go("POST", f"/login/{login}/countries", fields={"language": "en"})
    assert not _boxes(unticked)[EMAIL]


@pytest.mark.spec("issue 32 item 2")
def test_whoever_is_sent_to_a_country_without_the_list_gets_the_boxes_first(traveller: Traveller) -> None:
    page = traveller.authorize(acr_values="country:FI")
    assert page.found("//main//nav//button[@formaction]/@formaction") == [f"/login/{login_of(page)}/at/fi"]
    assert (page.heading, _boxes(page)) == ("Before you sign in", {EMAIL: False})
    plain = traveller.authorize(acr_values="country:FI", scope="openid purpose:resident-parking")
    assert _boxes(plain) == {EMAIL: False}, "a request for nothing by name asks for all that the purpose needs"
    named = traveller.authorize(acr_values="country:FI", scope="openid purpose:resident-parking address")
    assert named.status == 303, "nothing optional, no page"


def test_a_remembered_approval_counts_for_the_boxes_that_were_ticked_then(traveller: Traveller, tmp_path: Path) -> None:
    stage = traveller.crossing
    with stage.other_broker(tmp_path / "b", {PURPOSE: (BASIS, f'{BASIS}\nask = "remember(P180D)"')}) as traveller.port:
        traveller.decides(_question(traveller, "email"), ticked={"remember": "yes"})
        assert EMAIL in _boxes(_question(traveller, "email")), "they left it out then, and ticked it today"
        traveller.decides(_question(traveller, "email"), ticked={"remember": "yes", EMAIL: "yes"})
        # A node always signs the citizen in anew, so the same again needs no page
        assert _question(traveller, "email").heading == "Done: back to the service"
        assert _decision(traveller)["bits"] == "1"
        assert _boxes(_question(traveller)) == {"remember": False}, "less than then is asked about, too"
