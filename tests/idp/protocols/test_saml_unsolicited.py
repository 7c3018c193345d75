"""Links that begin a sign-in which a service did not ask for: who may be named by one, and where its answer goes."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.connector import Inbound
from idp.login.frontend import Received
from idp.protocols.saml.question import read_question
from idp.protocols.saml.unsolicited import Unsolicited
from policies.errors import Misconfigured, RequestRefused
from tests.idp.protocols.doubles import NOW
from tests.idp.protocols.test_saml_identity_provider import House
from tests.idp.web.saml_party import ACS, ENTITY

TARGET = "https://library.storkhaven.example/loans?open=1"
TAKES = f'unsolicited = true\ntargets = ["{TARGET}", "shelf-7"]'


def links(house: House, **link: str) -> Received:
    found = {"providerId": ENTITY, **link}
    return Unsolicited(house.frontend).receive(Inbound("redirect", found), NOW)


@pytest.mark.spec("SAML Profiles 2.0 §4.1.5")
@pytest.mark.parametrize("target", ["", TARGET, "shelf-7"])
def test_a_link_begins_a_whole_question_whose_answer_says_that_nobody_asked(tmp_path: Path, target: str) -> None:
    house = House(tmp_path, more=TAKES)
    request = links(house, **({"target": target} if target else {})).request
    assert request.ask_anew, "no approval of another day answers what anybody can begin"
    assert (request.origin.message_id, read_question(request.origin).acs_url) == ("", ACS)
    asked = house.accepted()
    assert replace(request, origin=asked.origin, ask_anew=False, minimum_assurance=asked.minimum_assurance) == asked
    heard = house.answered(origin=request.origin)
    assert (heard.statuses, heard.relay_state) == (["Success"], target)
    assert heard.root.get("Destination") == ACS
    assert not [one for one in heard.root.iter() if one.get("InResponseTo")]
    refused = house.told(request.origin, RequestRefused("no"))
    assert refused.root.get("InResponseTo") is None


@pytest.mark.parametrize(
    "link",
    [
        {"target": "https://evil.example"},
        {"target": TARGET + "&then=https://evil.example"},
        {"target": TARGET.upper()},
        {"target": "https://library.storkhaven.example.evil.example/"},
        {"target": "shelf-7\r\nSet-Cookie: a=b"},
        {"shire": "https://evil.example/acs"},
        {"shire": ACS + "/"},
        {"shire": ""},
        {"providerId": "https://nobody.example"},
        {"providerId": ""},
        {"providerId": ENTITY + " "},
    ],
)
def test_a_link_names_nothing_that_the_registration_lacks(tmp_path: Path, link: dict[str, str]) -> None:
    with pytest.raises(RequestRefused) as refused:
        links(House(tmp_path, more=TAKES), **link)
    assert "evil" not in refused.value.detail


@pytest.mark.spec("saml.md §3")
def test_a_service_takes_no_link_unless_its_registration_says_so(tmp_path: Path) -> None:
    house = House(tmp_path, more=TAKES)
    begun = links(house).request
    (tmp_path / "other").mkdir()
    plain = House(tmp_path / "other")
    with pytest.raises(RequestRefused) as untaken:
        links(plain)
    with pytest.raises(RequestRefused) as unknown:
        links(plain, providerId="https://nobody.example")
    assert untaken.value.detail == unknown.value.detail, "nobody learns who is registered"
    with pytest.raises(RequestRefused, match="any more"):
        plain.frontend.check_registered(begun.origin)


@pytest.mark.parametrize(
    "more",
    [
        f'targets = ["{TARGET}"]',
        "unsolicited = true\ntargets = []",
        'unsolicited = true\ntargets = ["https://library.storkhaven.example/*"]',
        'unsolicited = true\ntargets = ["javascript:alert(1)"]',
        'unsolicited = true\ntargets = ["//evil.example"]',
        'unsolicited = true\ntargets = ["http://library.storkhaven.example/"]',
        f'unsolicited = true\ntargets = ["{"a" * 1025}"]',
    ],
)
def test_targets_that_could_be_read_in_two_ways_do_not_load(tmp_path: Path, more: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        House(tmp_path, more=more)
    assert refused.value.problems[0].key == "targets"
