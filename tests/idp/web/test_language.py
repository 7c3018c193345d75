"""The language that a citizen chooses on any page: every later page of their browser speaks it."""

import json
from dataclasses import replace

import pytest

from idp.login.sealing import LoginId
from idp.login.states import DECIDED as DECIDED_CODEC
from idp.login.states import Asked, Requested, speaking
from idp.pages.languages import LANGUAGES
from idp.web.login_cookies import CHOSEN, SHOWN_LIFE, STATE, STRICT, secret_of
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.test_decisions_refused import FOREIGN
from tests.idp.web.visitor import Answer, Visitor, login_of

# Codes of errors
GONE, DECIDED, BLOCKED, NOT_OURS, LATE = "replayed", "conflict", "cookies_blocked", "other_site", "login_ended"
OTHERS = "//header//nav//"
EMAIL = {"share.email": "yes"}


def _state(visitor: Visitor, login: str) -> Requested | Asked:
    stage = visitor.stage
    return stage.application.city.logins.state(visitor.jar, login, stage.clock())


def _spoken(page: Answer) -> str:
    assert page.status == 200, page.text
    return page.found("string(/html/@lang)")[0]


def _link(page: Answer, language: str) -> str:
    (link,) = page.found(f"{OTHERS}a[@lang='{language}']/@href")
    return link


def _refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.found("string(//dl/div[2]/dd)")) == (status, [code])
    assert "set-cookie" not in answer.headers
    assert "mari.maasikas" not in answer.text


def _notice(visitor: Visitor) -> str:
    """The hash of what was shown, as the citizen's receipt has it."""
    return str(json.loads(visitor.go("GET", "/receipt.json").text)["openings"]["decision"]["content"]["notice"])


# -- the picker


def test_every_later_page_speaks_what_was_chosen_whatever_the_browser_says(visitor: Visitor) -> None:
    page = visitor.authorize()
    login = login_of(page)
    assert _spoken(visitor.go("GET", _link(page, "et"))) == "et"
    assert _spoken(visitor.go("POST", f"/login/{login}/countries", fields={"q": "l"})) == "et"
    assert _spoken(visitor.asks(login, "demo-lv")) == "et", "the page that posts to a country"
    question = visitor.returns(visitor.signs_in(visitor.asked(login)))
    assert _spoken(question) == "et"
    assert _spoken(visitor.presses(question, "refuse")) == "et"
    again = visitor.authorize()
    assert _spoken(again) == "et", "whoever chose once need not choose again"
    assert _spoken(visitor.authorize(ui_locales="zh-Hans")) == "zh-Hans", "a service that knows better says so"
    with Visitor(visitor.stage) as stranger:
        assert _spoken(stranger.authorize()) == "en", "another browser knows nothing of it"


@pytest.mark.parametrize("asked", [False, True], ids=["requested", "asked"])
def test_nothing_else_of_the_login_changes(visitor: Visitor, stage: Stage, *, asked: bool) -> None:
    stage.clock.stand()
    login = visitor.login(ui_locales="et")
    fields = visitor.signs_in(visitor.asked(login)) if asked else {}
    before = _state(visitor, login)
    stage.clock.ahead = 100
    page = visitor.go("GET", f"/login/{login}/countries?language=zh-Hans")
    assert set(page.cookies) == {STATE + login, CHOSEN}
    assert page.cookies[STATE + login].attributes["max-age"] == str(SHOWN_LIFE - 100), "a login lives no longer for it"
    assert _state(visitor, login) == speaking(before, "zh-Hans")
    assert _state(visitor, login) == replace(before, request=replace(before.request, languages=("zh-Hans",)))
    if asked:
        assert _spoken(visitor.returns(fields)) == "zh-Hans", "what was asked is still answered"


@pytest.mark.parametrize("query", ["language=uk", "language=", "language=EN", "language=zh"])
def test_a_language_that_there_is_not_yet_changes_nothing(visitor: Visitor, query: str) -> None:
    login = visitor.login()
    page = visitor.go("GET", f"/login/{login}/countries?{query}")
    assert (page.status, page.cookies, _spoken(page)) == (200, {}, "en")
    assert visitor.go("GET", f"/login/{login}/countries?language=et&language=en").status == 400
    assert visitor.go("GET", f"/login/{login}/at/demo-ee?language=et").status == 303


def test_a_long_login_is_parked_anew_as_often_as_an_address_may_begin(
    visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = visitor.login(state="".join(map(str, range(1200))))
    assert visitor.jar[STATE + login].startswith("R")
    rates = stage.application.watched.rates
    monkeypatch.setattr(rates, "address", lambda _client: "an address of this test")
    monkeypatch.setattr(rates, "_limits", rates._limits.model_copy(update={"begin_address": 2}))
    before = stage.written()["parked"]
    for language in ("et", "zh-Hans"):
        assert _spoken(visitor.go("GET", f"/login/{login}/countries?language={language}")) == language
    assert visitor.go("GET", f"/login/{login}/countries?language=en").status == 429
    assert stage.written()["parked"] == before + 2
    assert _spoken(visitor.go("GET", f"/login/{login}/countries")) == "zh-Hans"


# -- the question


def test_the_question_is_put_again_and_nothing_is_written(visitor: Visitor, stage: Stage) -> None:
    question, before = visitor.question(), stage.written()
    again = visitor.rewords(question, "et")
    assert (_spoken(again), again.heading) == ("et", "Kas jagada neid andmeid teenusega Elanike parkimine?")
    assert set(again.cookies) == {CHOSEN}, "the page before it is as good, until one is decided"
    assert again.fields["login"] == question.fields["login"]
    values = "//span[@class='value']"
    assert len(again.found(values)) == len(question.found(values))
    assert "mari.maasikas@post.example" in again.text
    assert _spoken(visitor.rewords(again, "zh-Hans")) == "zh-Hans"
    assert stage.written() == before


def test_a_box_that_the_question_does_not_have_is_not_sealed_into_the_next_page(visitor: Visitor, stage: Stage) -> None:
    question = visitor.question()
    login, boxes = LoginId(question.fields["login"]), {"share.email": "yes", "share.date_of_birth": "yes", "share.x": "yes"}
    sealed, secret = visitor.rewords(question, "et", **boxes).fields["decided"], secret_of(visitor.jar, login)
    opened = stage.application.city.sealer.open("decided", login, sealed, stage.clock(), secret)
    assert DECIDED_CODEC.load(opened).request.ticked == ("email",)


@pytest.mark.spec("decisions.md 22: the hash of what was shown covers the language")
def test_what_is_recorded_is_the_page_that_was_decided_on(visitor: Visitor) -> None:
    notices = {}
    for language in ("en", "et"):
        visitor.code(ui_locales=language)
        notices[language] = _notice(visitor)
    assert notices["en"] != notices["et"]
    ended = visitor.presses(visitor.rewords(visitor.question(), "et"))
    assert (_spoken(ended), _notice(visitor)) == ("et", notices["et"])
    visitor.jar.pop(CHOSEN)
    question = visitor.question()
    visitor.rewords(question, "et")
    ended = visitor.presses(question)
    assert (_spoken(ended), _notice(visitor)) == ("en", notices["en"]), "who goes back decides on what they read there"


@pytest.mark.spec("decisions.md 8")
@pytest.mark.parametrize("choice", ["approve", "refuse", "cancel"])
@pytest.mark.parametrize("first", ["as it came", "in another language"])
def test_one_question_in_two_languages_is_decided_once(
    visitor: Visitor, stage: Stage, logs: Lines, choice: str, first: str
) -> None:
    question = visitor.question()
    pages = [question, visitor.rewords(question, "et")]
    if first != "as it came":
        pages.reverse()
    before = stage.written()
    answer = visitor.decides(pages[0], choice)
    assert answer.status in (200, 303)
    assert visitor.decides(pages[1], choice).back == answer.back, "the same choice: the same answer"
    for page in pages:
        for other in {"approve", "refuse", "cancel"} - {choice}:
            _refused(visitor.decides(page, other), 409, DECIDED)
            assert logs[-1]["check"] == "decided"
    assert stage.written()["records"] == before["records"] + 1
    stage.clock.ahead = 61
    for page in pages:
        _refused(visitor.decides(page, choice), 409, DECIDED)
    assert stage.written()["records"] == before["records"] + 1


@pytest.mark.spec("decisions.md 1: refuse, Back, Reload must fail")
@pytest.mark.parametrize("choice", ["approve", "refuse", "cancel"])
def test_after_a_decision_the_next_one_at_this_machine_sees_no_value(visitor: Visitor, logs: Lines, choice: str) -> None:
    question = visitor.question()
    again = visitor.rewords(question, "et")
    assert visitor.decides(again, choice).status in (200, 303)
    for page in (question, again):
        _refused(visitor.rewords(page, "zh-Hans"), 409, DECIDED)
        assert logs[-1]["check"] == "login_cookie"


def test_a_question_lives_no_longer_for_being_put_again(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    question = visitor.question()
    stage.clock.ahead = 5 * 60 - 10
    again = visitor.rewords(question, "et")
    stage.clock.ahead = 5 * 60 - 1
    assert _spoken(visitor.rewords(again, "zh-Hans")) == "zh-Hans"
    stage.clock.ahead = 5 * 60
    _refused(visitor.decides(again), 409, LATE)
    _refused(visitor.rewords(again, "en"), 409, LATE)


@pytest.mark.parametrize(
    "fields",
    [
        {"language": "uk"},
        {"language": ""},
        {"choice": "approve"},
        {"share.email": "no"},
    ],
    ids=repr,
)
def test_fields_that_the_page_does_not_have_are_refused(visitor: Visitor, fields: dict[str, str]) -> None:
    question = visitor.question()
    _refused(visitor.rewords(question, **{"language": "et", **fields}), 400, NOT_OURS)
    login = question.fields["login"]
    _refused(visitor.go("POST", f"/login/{login}/language", fields=question.fields), 400, NOT_OURS)
    with_it = {**question.fields, "choice": "approve", "language": "et"}
    _refused(visitor.go("POST", f"/login/{login}/decision", fields=with_it), 400, NOT_OURS)
    assert visitor.decides(question).status in (200, 303), "the login goes on"


@pytest.mark.spec("decisions.md 7")
@pytest.mark.parametrize("name", FOREIGN)
def test_a_form_that_another_page_posts_is_refused(visitor: Visitor, stage: Stage, name: str) -> None:
    question = visitor.question()
    headers = {key: value and value.replace("@ISSUER@", stage.issuer) for key, value in FOREIGN[name].items()}
    fields = {**question.fields, "language": "et"}
    path = f"/login/{question.fields['login']}/language"
    _refused(visitor.go("POST", path, fields=fields, headers=headers), 403, NOT_OURS)
    assert visitor.go("POST", path, fields=fields, headers={"sec-fetch-dest": "iframe"}).status == 403
    assert visitor.go("GET", f"{path}?language=et").status == 405


@pytest.mark.spec("decisions.md 3")
def test_only_the_browser_of_the_question_is_shown_it_again(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    question, other = visitor.question(), visitor.question()
    login = question.fields["login"]
    for missing, check in ((STRICT, "strict_cookie"), (STATE, "login_cookie")):
        taken = visitor.jar.pop(missing + login)
        _refused(visitor.rewords(question, "et"), 409, GONE)
        assert logs[-1]["check"] == check
        visitor.jar[missing + login] = visitor.jar[missing + other.fields["login"]]
        _refused(visitor.rewords(question, "et"), 409, GONE)
        visitor.jar[missing + login] = taken
    _refused(visitor.rewords(question, "et", decided=other.fields["decided"]), 409, GONE)
    fields = {**question.fields, "language": "et"}
    _refused(visitor.go("POST", f"/login/{other.fields['login']}/language", fields=fields), 409, GONE)
    assert logs[-1]["check"] == "login_id"
    with Visitor(stage) as stranger:
        _refused(stranger.rewords(question, "et"), 409, BLOCKED)
    assert _spoken(visitor.rewords(question, "et")) == "et"


# -- more time


def _longer(visitor: Visitor, question: Answer) -> Answer:
    sent = {**question.fields, "page": "longer"}
    return visitor.go("POST", f"/login/{sent['login']}/language", fields=sent)


@pytest.mark.spec("issue 32 item 5: the time limit can be extended once")
def test_a_question_lasts_five_minutes_longer_once_and_is_decided_once(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    question = visitor.question()
    strict = STRICT + question.fields["login"]
    secret = visitor.jar[strict]
    stage.clock.ahead = 290
    before = stage.written()
    again = _longer(visitor, question)
    assert (again.status, again.heading, again.fields["decided"] != question.fields["decided"]) == (
        200,
        question.heading,
        True,
    )
    assert (again.cookies[strict].value, again.cookies[strict].attributes["max-age"]) == (secret, "300")
    assert stage.written() == before, "nothing is written"
    assert question.found("//button[@value='longer']")
    assert not again.found("//button[@value='longer']"), "once"
    stage.clock.ahead = 500
    _refused(visitor.decides(question), 409, LATE)
    further = _longer(visitor, again)
    stage.clock.ahead = 589
    answer = visitor.decides(further)
    assert answer.back["code"]
    assert visitor.decides(again).back == answer.back, "the same choice: the same answer"
    _refused(visitor.decides(again, "refuse"), 409, DECIDED)
    assert stage.written()["records"] == before["records"] + 1


def test_a_question_never_lasts_longer_than_its_login(visitor: Visitor, stage: Stage) -> None:
    stage.clock.ahead = -13 * 60
    early = visitor.login()
    stage.clock.ahead = 0
    late = visitor.returns(visitor.signs_in(visitor.asked(early)))
    assert "less than 5 minutes are left" in late.text
    assert not late.found("//button[@value='longer']")
    again = _longer(visitor, late)
    assert again.status == 200
    stage.clock.ahead = 2 * 60 + 1
    for page in (late, again):
        _refused(visitor.decides(page), 409, LATE)


# -- every other page


def test_a_page_of_an_address_is_shown_in_the_language_that_its_list_offers(visitor: Visitor) -> None:
    visitor.presses(visitor.question())
    for address in ("/", "/receipt?n=1", "/me", "/device", "/me/erase", "/receipt/phone?link=a%26b"):
        visitor.jar.pop(CHOSEN, None)
        page = visitor.go("GET", address)
        assert len(page.found(f"{OTHERS}button[@name='language']")) == len(LANGUAGES) - 1, address
        chosen = visitor.go("POST", "/language", fields={"language": "et", "at": _hidden(page, "at")})
        assert (chosen.status, set(chosen.cookies)) == (303, {CHOSEN})
        assert chosen.headers["location"].startswith(f"{visitor.stage.issuer}/")
        assert address.partition("?")[2] in chosen.headers["location"]
        assert _spoken(visitor.go("GET", chosen.headers["location"].removeprefix(visitor.stage.issuer))) == "et"


def test_the_last_page_is_had_in_another_language_and_then_stays(visitor: Visitor, stage: Stage) -> None:
    visitor.jar[CHOSEN] = "zh-Hans"
    last = visitor.presses(visitor.question(ui_locales="en"))
    before = stage.written()
    address = last.found(f"{OTHERS}a[@lang='et']/@href")[0]
    stays = visitor.go("GET", address)
    assert (_spoken(stays), "refresh" in stays.headers, set(stays.cookies)) == ("et", False, {CHOSEN})
    visitor.jar[CHOSEN] = "zh-Hans"
    plain, unknown = (visitor.go("GET", address.replace("language=et", query)) for query in ("", "language=xx"))
    assert (_spoken(last), _spoken(plain), _spoken(unknown)) == ("en", "en", "en"), "whatever was chosen on other pages"
    assert not unknown.cookies
    assert stage.written() == before


def test_a_page_that_came_without_an_address_is_shown_again_and_nothing_is_done_again(
    visitor: Visitor, stage: Stage
) -> None:
    approved = visitor.question()
    visitor.decides(approved)
    before = stage.written()
    for page in (visitor.go("GET", "/nowhere"), visitor.presses(approved, "refuse"), visitor.go("GET", "/logout")):
        again = visitor.go("POST", "/language", fields={"language": "zh-Hans", "page": _hidden(page, "page")})
        assert (_spoken(again), set(again.cookies)) == ("zh-Hans", {CHOSEN})
        assert again.found("//dl//code/text()") == page.found("//dl//code/text()"), "with its reference"
        third = visitor.go("POST", "/language", fields={"language": "et", "page": _hidden(again, "page")})
        assert _spoken(third) == "et"
        visitor.jar.pop(CHOSEN)
    assert stage.written() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"language": "uk", "at": "/"},
        {"language": "et", "at": ".evil.example/"},
        {"language": "et", "at": "https://evil.example/"},
        {"language": "et", "at": "@evil.example/"},
        {"language": "et", "at": "/\r\nset-cookie: a=b"},
        {"language": "et", "at": "/\u2028"},
    ],
    ids=repr,
)
def test_a_choice_that_no_page_offers_leads_nowhere(visitor: Visitor, fields: dict[str, str]) -> None:
    _refused(visitor.go("POST", "/language", fields=fields), 400, NOT_OURS)


@pytest.mark.parametrize("at", ["//evil.example/", "/\\evil.example"])
def test_an_address_stays_behind_our_issuer(visitor: Visitor, at: str) -> None:
    answer = visitor.go("POST", "/language", fields={"language": "et", "at": at})
    assert answer.headers["location"].startswith(f"{visitor.stage.issuer}/")


@pytest.mark.parametrize("name", FOREIGN)
def test_another_site_chooses_no_language_and_shows_no_page_of_ours(visitor: Visitor, stage: Stage, name: str) -> None:
    headers = {key: value and value.replace("@ISSUER@", stage.issuer) for key, value in FOREIGN[name].items()}
    for fields in ({"at": "/"}, {"page": _hidden(visitor.go("GET", "/nowhere"), "page")}):
        answer = visitor.go("POST", "/language", fields={"language": "et", **fields}, headers=headers)
        _refused(answer, 403, NOT_OURS)


def test_a_page_that_we_did_not_seal_or_long_ago_is_not_shown(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    page = _hidden(visitor.go("GET", "/nowhere"), "page")
    decided = visitor.question().fields["decided"]
    other_version = stage.application.city.sealer.seal("page", LoginId(""), stage.clock() + 60, b"another shape")
    for false in ("", "x", page[:-2], decided, other_version):
        _refused(visitor.go("POST", "/language", fields={"language": "et", "page": false}), 409, GONE)
    stage.clock.ahead = 3600
    _refused(visitor.go("POST", "/language", fields={"language": "et", "page": page}), 409, LATE)


def test_a_page_that_goes_on_by_itself_has_no_list(visitor: Visitor) -> None:
    """It is gone before anybody reads it, and its first form is the one that it posts."""
    assert not visitor.asks(visitor.login(), "demo-lv").found(f"{OTHERS}button")


def _hidden(page: Answer, name: str) -> str:
    (value,) = page.found(f"//form[@id='languages']/input[@name='{name}']/@value")
    return value
