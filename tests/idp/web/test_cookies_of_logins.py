"""The cookies of a login: their attributes, their size, how many, and every way in which one can be wrong."""

import hashlib
from collections.abc import Mapping
from typing import Any  # structlog's own type of an event
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from connectors.signatures.jws import base64url
from idp.login.sealing import LoginId, Sealer, SealingKeys
from idp.login.states import LOGIN_LIFE, REQUESTED, Requested
from idp.web.login_cookies import DECIDED, KEEPS, SHOWN_LIFE, STATE, STRICT, UNSEEN
from idp.web.requests import MAX_COOKIES, cookies
from idp.web.routes.receipt import COOKIE
from policies.errors import RequestRefused
from policies.parties import Tenant
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, SetCookie, Visitor, login_of, query_of
from tests.sealing import fixed_keys

GONE = "Please start again"


def _dense(length: int) -> str:
    """Text that does not deflate."""
    blocks = (hashlib.sha256(number.to_bytes(4)).hexdigest() for number in range(length))
    return base64url(bytes.fromhex("".join(blocks)))[:length]


def _only(answer: Answer) -> SetCookie:
    (cookie,) = [cookie for name, cookie in answer.cookies.items() if name != KEEPS]
    return cookie


def _attributes(life: int, same_site: str) -> dict[str, str]:
    return {"max-age": str(life), "path": "/", "secure": "", "httponly": "", "samesite": same_site}


@pytest.mark.spec("RFC 6265bis §4.1.3.2; design §2")
def test_each_state_has_its_host_cookie_and_its_same_site(visitor: Visitor, stage: Stage) -> None:
    stage.clock.stand()
    picker = visitor.authorize()
    login = login_of(picker)
    requested = _only(picker)
    assert (requested.name, requested.attributes) == (STATE + login, _attributes(SHOWN_LIFE, "None"))
    stage.clock.ahead = 100
    asked = _only(visitor.asks(login))
    assert asked.name == STATE + login
    assert asked.attributes == _attributes(SHOWN_LIFE - 100, "None")


@pytest.mark.spec("decisions.md 3 and 8")
def test_the_strict_cookie_lives_until_the_citizen_goes_on_and_a_minute_more(visitor: Visitor) -> None:
    question = visitor.question()
    strict = _only(question)
    login = question.fields["login"]
    assert (strict.name, strict.attributes) == (STRICT + login, _attributes(300, "Strict"))
    pressed = visitor.sends(question)
    after = pressed.cookies
    assert set(after) == {STATE + login, STRICT + login, COOKIE}
    assert (after[STATE + login].value, after[STATE + login].attributes["max-age"]) == (UNSEEN, str(LOGIN_LIFE))
    assert (after[STRICT + login].value, after[STRICT + login].attributes["max-age"]) == (strict.value, "300")
    last = visitor.lands(pressed)
    assert {name: cookie.value for name, cookie in last.cookies.items()} == {STATE + login: DECIDED}
    gone = visitor.goes_on(last).cookies[STRICT + login]
    assert (gone.value, gone.attributes["max-age"]) == (strict.value, "60")


@pytest.mark.spec("design §2: at most 1.7 kB")
def test_a_cookie_stays_within_its_size_with_a_state_of_512_bytes(visitor: Visitor) -> None:
    picker = visitor.authorize(state=_dense(512))
    asked = visitor.asks(login_of(picker))
    for answer, letter in ((picker, "r"), (asked, "a")):
        cookie = _only(answer)
        assert cookie.value.startswith(letter), "it lies in the cookie itself"
        assert len(f"{cookie.name}={cookie.value}") <= 1700


@pytest.mark.spec("decisions.md 6")
def test_a_request_that_is_too_long_for_a_cookie_lies_parked_and_works(visitor: Visitor, stage: Stage) -> None:
    state = _dense(3000)
    picker = visitor.authorize(state=state)
    asked = visitor.asks(login_of(picker))
    for answer, letter in ((picker, "R"), (asked, "A")):
        cookie = _only(answer)
        assert cookie.value.startswith(letter)
        assert len(f"{cookie.name}={cookie.value}") < 300
    question = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
    assert visitor.decides(question).back["state"] == state
    stage.clock.ahead = LOGIN_LIFE + 1
    assert visitor.asks(login_of(picker)).status == 409


@pytest.mark.spec("design §2: at most four live logins a browser")
def test_the_length_of_the_question_tells_no_value_to_whoever_chose_the_state(visitor: Visitor) -> None:
    letters = "".join(hashlib.sha256(bytes([place])).hexdigest() for place in range(56))
    lengths = set()
    for guess in ("mari.maasikas", "karl.koppelma", "anna.tammsaar"):
        visitor.jar.clear()
        lengths.add(len(visitor.question(state=letters + guess).fields["decided"]))
    assert len(lengths) == 1


def test_the_fifth_login_drops_the_oldest_of_four(visitor: Visitor, stage: Stage) -> None:
    logins = []
    for ahead in range(5):
        stage.clock.ahead = ahead
        logins.append(visitor.login())
    assert set(visitor.jar) == {KEEPS, *(STATE + login for login in logins[1:])}
    assert visitor.asks(logins[0]).status == 409
    assert all(visitor.asks(login).status == 303 for login in logins[1:])


def test_dead_logins_make_room_before_living_ones(visitor: Visitor, stage: Stage) -> None:
    old = [visitor.login() for _ in range(2)]
    jar = dict(visitor.jar)
    stage.clock.ahead = LOGIN_LIFE + 1
    new = [visitor.login() for _ in range(3)]
    visitor.jar |= jar | {STATE + base64url(bytes(16)): "no state at all"}
    answer = visitor.authorize()
    removed = {name for name, cookie in answer.cookies.items() if cookie.attributes["max-age"] == "0"}
    assert removed == {*(STATE + login for login in old), STATE + base64url(bytes(16))}
    assert all(visitor.asks(login).status == 303 for login in new)


@pytest.mark.spec("security.md §3, overload")
def test_cookies_that_somebody_made_up_are_answered_with_a_few_headers_and_no_more(visitor: Visitor) -> None:
    """A stranger who brings hundreds would else get an answer whose headers no proxy takes."""
    visitor.jar |= {STATE + base64url(number.to_bytes(16)): "r" for number in range(300)}
    assert len(visitor.authorize().cookies) <= 18


def _sealed_by(visitor: Visitor, tenant: str, key: SealingKeys, kind: str, login: str) -> str:
    """The state of a login that was begun and has asked nobody, sealed as somebody else would."""
    state = visitor.stage.application.city.logins.state(visitor.jar, login, visitor.stage.clock())
    assert isinstance(state, Requested)
    return Sealer(tenant=Tenant(tenant), keys=key).seal(kind, LoginId(login), state.began + 900, REQUESTED.dump(state))


def test_a_state_sealed_with_our_key_for_our_tenant_opens(visitor: Visitor, stage: Stage) -> None:
    """The control for the refusals below: only what they change can be their reason."""
    login = visitor.login()
    sealed = _sealed_by(visitor, "broker.localhost", stage.application.sealing, "requested", login)
    visitor.jar[STATE + login] = "r" + sealed
    assert visitor.asks(login).status == 303


@pytest.mark.spec("decisions.md 5")
@pytest.mark.parametrize(
    ("tenant", "kind", "letter", "keyed"),
    [
        ("other.localhost", "requested", "r", True),
        ("broker.localhost", "requested", "r", False),
        ("broker.localhost", "decided", "r", True),
        ("broker.localhost", "requested", "a", True),
        ("broker.localhost", "requested", "R", True),
        ("broker.localhost", "requested", "d", True),
        ("broker.localhost", "requested", "", True),
    ],
    ids=["another tenant", "another key", "another kind", "as asked", "as parked", "as no kind", "without a kind"],
)
def test_a_state_of_another_place_is_refused(
    visitor: Visitor, stage: Stage, tenant: str, kind: str, letter: str, *, keyed: bool
) -> None:
    login = visitor.login()
    key = stage.application.sealing if keyed else fixed_keys(bytes(32))
    visitor.jar[STATE + login] = letter + _sealed_by(visitor, tenant, key, kind, login)
    _refused_everywhere(visitor, login)


def _refused_everywhere(visitor: Visitor, login: str) -> None:
    for answer in (
        visitor.asks(login),
        visitor.returns({"SAMLResponse": "PHg+", "RelayState": login}),
        visitor.go("POST", f"/login/{login}/cancel"),
    ):
        assert (answer.status, answer.heading) == (409, GONE)
        assert answer.reference


@pytest.mark.parametrize(
    "mangle",
    [
        lambda value: value[:0],
        lambda value: value[:40],
        lambda value: value + "A",
        lambda value: value[0] + "\u00e9" * 40,
        lambda value: value[0] + "A" * 30_000,
    ],
    ids=["empty", "cut", "longer", "latin", "huge"],
)
def test_a_mangled_cookie_is_refused_with_a_page(visitor: Visitor, mangle: Any) -> None:  # Any: lambdas of pytest's
    login = visitor.login()
    changed = mangle(visitor.jar[STATE + login])
    answer = visitor.go("GET", f"/login/{login}/at/demo-ee", headers={"cookie": f"{STATE}{login}={changed}"})
    assert (answer.status, answer.heading) == (409, GONE)


def test_the_cookie_of_another_login_is_refused(visitor: Visitor) -> None:
    mine, other = visitor.login(), visitor.login()
    visitor.jar[STATE + mine] = visitor.jar[STATE + other]
    _refused_everywhere(visitor, mine)


def test_a_login_ends_after_fifteen_minutes(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    stage.clock.stand()
    login = visitor.login()
    stage.clock.ahead = LOGIN_LIFE - 1
    assert visitor.asks(login).status == 303
    stage.clock.ahead = LOGIN_LIFE
    for answer in (visitor.asks(login), visitor.go("POST", f"/login/{login}/cancel")):
        assert (answer.status, answer.heading) == (409, "This sign-in took too long")
        assert (answer.back["error"], answer.back["state"]) == ("access_denied", "a-state")
        assert logs[-1]["check"] == "login_ended"


@pytest.mark.spec("issue 32 item 5")
def test_a_browser_without_cookies_is_told_so_and_led_back_where_its_request_is_known(
    visitor: Visitor, stage: Stage, logs: Lines
) -> None:
    asked = "/authorize?" + urlencode(visitor.request())
    login = visitor.login()

    def clicks(referer: str, site: str = "same-origin", jar: Mapping[str, str] | None = None) -> Answer:
        came: dict[str, str | None] = {"sec-fetch-site": site, "referer": referer}
        return visitor.go("GET", f"/login/{login}/at/demo-ee", headers=came, jar=jar or {})

    page = clicks(stage.issuer + asked)
    assert (page.status, page.heading) == (409, "Your browser does not keep our cookies")
    again, back = page.found("//main//a[@class='button']/@href")
    assert again == asked
    assert query_of(back)["state"] == "a-state"
    assert back.startswith(f"{stage.city_base}/parking/callback?")
    assert (logs[-1]["code"], logs[-1]["check"], "a-state" in repr(logs)) == ("cookies_blocked", "login_cookie", False)
    evil = asked.replace(quote(stage.city_base, safe=""), quote("https://evil.example", safe=""))
    for referer in (stage.issuer + evil, f"https://evil.example{asked}", stage.issuer + "/par?a=b", "\u00e9", "//[", ""):
        page = clicks(referer)
        assert (page.status, page.heading) == (409, "Your browser does not keep our cookies")
        assert not page.found("//main//a")
    # From elsewhere nobody can tell: it may be another browser
    assert clicks(stage.issuer + asked, "cross-site").heading == "Your sign-in is not in this browser"
    assert clicks(stage.issuer + asked, jar={KEEPS: "1"}).heading == GONE


@pytest.mark.spec("RFC 6265 §4.2.1; RFC 6265bis §4.1.3: a name that a browser does not take for one with our prefix")
@pytest.mark.parametrize("space", [b"\x85", b"\xa0", b"\x0b", b"\x0c", b"\x1c", b"\x1f"])
def test_a_name_that_begins_with_what_python_takes_for_a_space_is_another(space: bytes) -> None:
    def found(line: bytes) -> Mapping[str, str]:
        return cookies(Request({"type": "http", "headers": [(b"cookie", line)]}))

    name = COOKIE.encode()
    assert COOKIE not in found(space + name + b"=planted")
    assert found(name + b"=ours; " + space + name + b"=planted")[COOKIE] == "ours"
    assert found(b" \t" + name + b"=ours \t")[COOKIE] == "ours"


def test_more_cookies_than_any_browser_keeps_are_not_looked_at() -> None:
    def asked(*lines: bytes) -> Request:
        return Request({"type": "http", "headers": [(b"cookie", line) for line in lines]})

    assert len(cookies(asked(b"; ".join(b"c%d=" % number for number in range(MAX_COOKIES))))) == MAX_COOKIES
    for lines in ([b";" * (MAX_COOKIES + 1)], [b";" * MAX_COOKIES, b";"]):
        with pytest.raises(RequestRefused) as refused:
            cookies(asked(*lines))
        assert refused.value.status == 431


def _in_turn(lines: list[bytes]) -> dict[str, str] | None:
    """The result that `cookies` should have, one rule after another; None where it refuses."""
    texts = [line.decode("latin-1") for line in lines]
    if sum(text.count(";") for text in texts) > MAX_COOKIES:
        return None
    pairs = [part.strip(" \t").partition("=") for text in texts for part in text.split(";")]
    names = [name for name, _, _ in pairs]
    return {name: value for name, _, value in pairs if names.count(name) == 1}


PIECES = [b"a", b"b", b"=", b";", b" ", b"\t", b"\xa0", b";" * 200]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=9), max_size=4))
def test_cookies_of_several_headers_are_those_of_all(lines: list[list[bytes]]) -> None:
    joined = [b"".join(pieces) for pieces in lines]
    request = Request({"type": "http", "headers": [(b"cookie", line) for line in joined] + [(b"accept", b"a=b; c=d")]})
    expected = _in_turn(joined)
    if expected is None:
        with pytest.raises(RequestRefused):
            cookies(request)
    else:
        assert list(cookies(request).items()) == list(expected.items())
