"""Each key of a kind is revoked at a city: nobody signs in for nothing, and no release is recorded that has no token."""

import pytest

from tests.idp.revocation import all_revoked
from tests.idp.staging import Lines
from tests.idp.web.finland import CrossingStage, Traveller
from tests.idp.web.visitor import Answer

HEADING = "Signing in is not possible at the moment"


def told(page: Answer) -> Answer:
    """A page that blames no record and nobody's sign-in."""
    assert (page.status, page.heading) == (503, HEADING), page.text
    assert "record" not in page.text
    return page


def back(page: Answer) -> str:
    """The error that the service gets by the page's link."""
    found = told(page).back
    assert "code" not in found
    return found["error"]


@pytest.mark.spec("house-style.md 17")
def test_an_approval_records_no_release_that_nobody_can_redeem(crossing: CrossingStage, traveller: Traveller) -> None:
    page, before = traveller.question(), crossing.records
    with all_revoked(crossing.application, "es256"):
        assert back(traveller.decides(page)) == "temporarily_unavailable"
        assert traveller.rewords(page, "et").back["error"] == "temporarily_unavailable", "nor is it asked about"
        assert crossing.records == before
    # and nothing was spent
    tokens = traveller.redeem(traveller.decides(page).back["code"])
    assert "id_token" in tokens.json
    assert crossing.records == before + 1


def test_a_refusal_needs_no_key_of_tokens(crossing: CrossingStage, traveller: Traveller) -> None:
    page, before = traveller.question(), crossing.records
    with all_revoked(crossing.application, "es256", "rs256"):
        assert traveller.decides(page, "refuse").back["error"] == "access_denied"
    assert crossing.records == before + 1


def test_nobody_is_sent_to_sign_in_for_a_token_that_nobody_can_sign(crossing: CrossingStage, traveller: Traveller) -> None:
    with all_revoked(crossing.application, "es256"):
        assert back(traveller.authorize()) == "temporarily_unavailable"
    with all_revoked(crossing.application, "rs256"):
        assert traveller.authorize().status == 200, "it has tokens of the other kind"
    assert traveller.authorize().status == 200


def test_nobody_who_chooses_by_then_is_sent_to_sign_in_for_it_either(crossing: CrossingStage, traveller: Traveller) -> None:
    login = traveller.login()
    with all_revoked(crossing.application, "es256"):
        page = told(traveller.asks(login, "fi"))
        assert page.headers["retry-after"] == "30"
        assert not [link for link in page.found("//a/@href") if "/countries" in link], "no country helps"
        assert back(page) == "temporarily_unavailable"
    assert traveller.asks(login, "fi").onward.startswith(crossing.finland.base)


@pytest.mark.parametrize("kind", ["node", "node-encryption"])
def test_nobody_is_sent_abroad_where_the_answer_would_be_none_or_stay_closed(
    crossing: CrossingStage, traveller: Traveller, logs: Lines, kind: str
) -> None:
    login = traveller.login()
    with all_revoked(crossing.application, kind):
        page = told(traveller.asks(login, "fi"))
        assert f"/login/{login}/countries" in page.found("//a/@href"), "the way to the other countries"
        assert traveller.asks(login, "demo-ee").status == 303
    (line,) = [line for line in logs if line["event"] == "refused"]
    assert (line["code"], line["peer"]) == ("keys_revoked", "fi")
    assert traveller.asks(login, "fi").status == 303


def test_whom_no_provider_can_be_asked_for_is_led_to_the_nodes(crossing: CrossingStage, traveller: Traveller) -> None:
    login = traveller.login()
    with all_revoked(crossing.application, "saml"):
        page = told(traveller.asks(login))
        assert f"/login/{login}/countries" in page.found("//a/@href")
        assert traveller.asks(login, "fi").onward.startswith(crossing.finland.base)
    assert traveller.asks(login).status == 303
