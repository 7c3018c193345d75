"""How an answer reaches the relying party: by a redirect, or by a page of 200 with a form that posts."""

import pytest

from idp.pages.headers import SUBMIT_SCRIPT, SUBMIT_SCRIPT_HASH
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, query_of


def _ending(visitor: Visitor, choice: str, **changes: str | None) -> Answer:
    answer = visitor.decides(visitor.question("mari", "demo-ee", **changes), choice)
    assert answer.status in (200, 303)
    return answer


@pytest.mark.spec("decisions.md 7")
@pytest.mark.parametrize("choice", ["approve", "refuse", "cancel"])
def test_by_query_the_last_page_leads_to_a_path_of_ours_and_that_redirects(
    visitor: Visitor, stage: Stage, choice: str
) -> None:
    last = visitor.presses(visitor.question(), choice)
    (link,) = last.found("//main//a[@class='button']/@href")
    assert last.headers["refresh"] == f"10; url={link}"
    assert link.startswith("/login/")
    assert stage.city_base not in last.text, "there is no answer yet"
    ended = visitor.goes_on(last)
    location = ended.headers["location"]
    assert ended.status == 303
    assert location.startswith(f"{stage.city_base}/parking/callback?")
    expected = {"code"} if choice == "approve" else {"error", "error_description"}
    assert set(query_of(location)) == {*expected, "state", "iss"}
    assert (ended.back["state"], ended.back["iss"]) == ("a-state", stage.issuer)
    assert ended.headers["referrer-policy"] == "no-referrer", "the address of this page is nobody's business"
    assert ended.headers["cache-control"] == "no-store"


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode §2; RFC 9207 §2")
@pytest.mark.parametrize("choice", ["approve", "refuse", "cancel"])
def test_by_form_post_the_page_posts_the_answer_by_the_one_script_or_a_button(
    visitor: Visitor, stage: Stage, choice: str
) -> None:
    ended = _ending(visitor, choice, response_mode="form_post")
    assert ended.found("//main//form/@action") == [f"{stage.city_base}/parking/callback"]
    expected = {"code"} if choice == "approve" else {"error", "error_description"}
    assert set(ended.fields) == {*expected, "state", "iss"}
    assert (ended.fields["state"], ended.fields["iss"]) == ("a-state", stage.issuer)
    assert ended.found("//script/text()") == [SUBMIT_SCRIPT]
    assert len(ended.found("//main//form//button/text()")) == 1
    policy = ended.headers["content-security-policy"]
    assert SUBMIT_SCRIPT_HASH in policy
    assert "form-action" not in policy
    assert "http-equiv" not in ended.text


def test_leaving_at_the_picker_is_posted_too(visitor: Visitor, stage: Stage) -> None:
    ended = visitor.cancels(visitor.login(response_mode="form_post"))
    assert ended.found("//form/@action") == [f"{stage.city_base}/parking/callback"]
    assert ended.fields["error"] == "access_denied"


def test_what_stops_a_login_is_posted_by_a_button_alone(visitor: Visitor) -> None:
    page = visitor.question(scope="openid purpose:phone-contact phone", response_mode="form_post")
    assert page.heading == "You cannot continue"
    assert page.fields["error"] == "access_denied"
    assert "<script" not in page.text


@pytest.mark.parametrize(
    "state", ['"><script>alert(1)</script>', "a&b=c&iss=https://evil.example", "0; url=https://evil.example", "a b+c%20d"]
)
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_a_hostile_state_comes_back_as_it_was_and_is_nothing_but_a_value(
    visitor: Visitor, stage: Stage, state: str, mode: str
) -> None:
    ended = _ending(visitor, "refuse", state=state, response_mode=mode)
    given = ended.fields if mode == "form_post" else ended.back
    assert (given["state"], given["iss"]) == (state, stage.issuer)
    assert ended.found("//script/text()") == ([SUBMIT_SCRIPT] if mode == "form_post" else [])


def test_an_error_before_any_form_of_ours_is_a_redirect(visitor: Visitor, stage: Stage) -> None:
    answer = visitor.authorize(prompt="none")
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"{stage.city_base}/parking/callback?")
    assert query_of(answer.headers["location"])["error"] == "interaction_required"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers


def test_an_error_before_any_form_of_ours_is_posted_where_the_service_asked_so(visitor: Visitor, stage: Stage) -> None:
    answer = visitor.authorize(prompt="none", response_mode="form_post")
    assert answer.status == 200
    assert answer.found("//main//form/@action") == [f"{stage.city_base}/parking/callback"]
    assert answer.fields["error"] == "interaction_required"
    assert (answer.fields["state"], answer.fields["iss"]) == ("a-state", stage.issuer)


def test_no_address_of_ours_ever_holds_a_value_of_a_citizen(visitor: Visitor) -> None:
    question = visitor.question()
    assert "mari.maasikas@post.example" in question.text, "the citizen sees it"
    for attribute in (*question.found("//@href"), *question.found("//@action")):
        assert "maasikas" not in attribute.lower()
