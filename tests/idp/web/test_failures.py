"""Which refusals count against an address.

Of answers of countries those to a live login, and against that login first; of programs those of clients.
"""

import secrets
import threading
from collections.abc import Callable
from typing import Any  # structlog's own type of an event

import pytest

from connectors.signatures import jws
from connectors.signatures.jws import base64url, sign
from connectors.wire.claims import Json, read_object
from idp.login.states import Decided
from idp.protocols.oidc.client import ASSERTION_TYPE
from idp.server.rate_limits import CLIENT_TIMES
from idp.server.wrong_answers import ADDRESS_TIMES, WRONG_ANSWERS
from idp.web.login_cookies import STATE
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, FORM_TYPE, Answer, Visitor

LIMIT = 3
# Wrong answers that an address may send in a minute before its logins that failed are refused
MOST = ADDRESS_TIMES * LIMIT
GUESS = "A" * 22
FORGED = ".".join(base64url(part) for part in (b'{"alg":"ES256"}', b'{"iss":"fares"}', b"none"))
ELSEWHERE = {"origin": "https://hostile.example", "sec-fetch-site": "cross-site"}

Sends = Callable[[Visitor], Answer]


@pytest.fixture(autouse=True)
def limited(stage: Stage, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """An address for each test, since this machine's own is not limited."""
    rates = stage.application.watched.rates
    monkeypatch.setattr(rates, "address", lambda _client: request.node.name.encode().hex())
    monkeypatch.setattr(rates, "_limits", rates._limits.model_copy(update={"failures": LIMIT}))


def _asks(method: str, path: str = "/saml/acs", body: bytes | None = None, **headers: str) -> Sends:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda visitor: visitor.go(method, path, body=body, headers={**ELSEWHERE, **named})


def _posts(**fields: str) -> Sends:
    return lambda visitor: visitor.go("POST", "/saml/acs", fields={"SAMLResponse": "x", **fields}, headers=ELSEWHERE)


BY_A_PAGE: dict[str, tuple[Sends, int]] = {
    "an image": (_asks("GET", sec_fetch_dest="image"), 405),
    "a form in a frame": (_asks("POST", sec_fetch_dest="iframe"), 403),
    "a script": (_asks("POST", sec_fetch_dest="empty"), 403),
    "a form of plain text": (_asks("POST", content_type="text/plain"), 415),
    "a form that names no login": (_posts(), 409),
    "a form that guesses a login": (_posts(RelayState=GUESS), 409),
    "a form that names what is no login": (_posts(RelayState="x" * 100), 409),
}


@pytest.mark.parametrize("name", BY_A_PAGE)
def test_no_web_page_locks_out_the_network_of_whoever_looks_at_it(visitor: Visitor, name: str) -> None:
    """Its requests come from the browser of a citizen who has begun, so with the cookie of a login."""
    sends, status = BY_A_PAGE[name]
    fields = visitor.signs_in(visitor.asked(visitor.login()))
    statuses = [sends(visitor).status for _ in range(LIMIT + 2)]
    assert statuses == [status] * (LIMIT + 2)
    assert visitor.returns(fields).status == 200


@pytest.mark.parametrize("path", ["/saml/acs", "/eidas/acs"])
@pytest.mark.parametrize("headers", [{}, ELSEWHERE, {"sec-fetch-dest": None, "origin": None, "sec-fetch-site": None}])
def test_a_login_and_its_cookie_that_somebody_makes_up_are_refused_and_count_against_nobody(
    visitor: Visitor, path: str, headers: dict[str, str | None]
) -> None:
    made_up = {"__Host-l-" + GUESS: "a123"}
    fields = {"SAMLResponse": "x", "RelayState": GUESS}
    statuses = [visitor.go("POST", path, fields=fields, jar=made_up, headers=headers).status for _ in range(2 * MOST)]
    assert statuses == [409] * (2 * MOST)
    assert visitor.question().status == 200


def _rubbish(visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Wrong answers to a new login, from a browser that keeps its cookies whatever we say; last, how many were judged."""
    fields = visitor.signs_in(visitor.asked(visitor.login()))
    jar, judged = dict(visitor.jar), 0
    hear = stage.application.city.broker.handle_response

    def counted(*given: Any) -> Decided:  # Any: as it is called
        nonlocal judged
        judged += 1
        return hear(*given)

    with monkeypatch.context() as patch:
        patch.setattr(stage.application.city.broker, "handle_response", counted)
        statuses = []
        for _ in range(WRONG_ANSWERS + 2):
            visitor.jar = dict(jar)
            statuses.append(visitor.returns({**fields, "SAMLResponse": "eA=="}).status)
    visitor.jar = dict(jar)
    assert visitor.returns(fields).status in (409, 429), "the right answer comes too late"
    return [*statuses, judged]


def test_a_login_ends_after_a_few_wrong_answers(
    visitor: Visitor, stage: Stage, logs: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = visitor.signs_in(visitor.asked(visitor.login()))
    answers = [visitor.returns({**fields, "SAMLResponse": "eA=="}) for _ in range(WRONG_ANSWERS)]
    assert [answer.status for answer in answers] == [403] * WRONG_ANSWERS
    assert [set(answer.cookies) for answer in answers] == [set()] * (WRONG_ANSWERS - 1) + [
        {f"{STATE}{fields['RelayState']}"}
    ]
    assert answers[-1].back["error"] == "access_denied", "its last page leads back to the service"
    assert (visitor.returns(fields).status, logs[-1]["check"]) == (409, "login_cookie")
    assert _rubbish(visitor, stage, monkeypatch) == [*[403] * WRONG_ANSWERS, 409, 409, WRONG_ANSWERS]
    assert logs[-1]["check"] == "answers_left"


@pytest.mark.spec("issue: a neighbour behind the same address cannot keep others from finishing")
def test_a_neighbour_who_answers_wrongly_keeps_nobody_from_finishing_and_is_judged_no_more_than_may_begin(
    visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A city hall's address: one browser attacks, another signs in."""
    attacker, logins = Visitor(stage), MOST // WRONG_ANSWERS + 3
    begun = [_rubbish(attacker, stage, monkeypatch) for _ in range(logins)]
    assert begun[0] == [*[403] * WRONG_ANSWERS, 409, 409, WRONG_ANSWERS]
    assert begun[-1] == [403, *[429] * (WRONG_ANSWERS + 1), 1], "its first answer alone"
    assert sum(one[-1] for one in begun) == MOST + 3
    assert visitor.code()
    attacker.http.close()


def _receipt(visitor: Visitor, token: str, secret: str | None = None) -> Answer:
    authorization = visitor.basic("parking") if secret is None else visitor.basic("parking", secret)
    headers = {**DIRECT, "content-type": FORM_TYPE, "authorization": authorization}
    return visitor.go("POST", "/userinfo/receipt", fields={"access_token": token}, headers=headers, jar={})


def test_whoever_guesses_a_clients_secret_at_the_receipt_is_refused_as_at_the_token_endpoint(visitor: Visitor) -> None:
    token = str(visitor.redeem(visitor.code()).json["access_token"])
    statuses = [_receipt(visitor, "x", f"guess{number}").status for number in range(LIMIT)]
    assert statuses == [401] * LIMIT
    answer = _receipt(visitor, token)
    assert (answer.status, answer.headers["retry-after"]) == (429, "60"), "the right secret tells nothing either"
    assert answer.json["error"] == "temporarily_unavailable"


@pytest.mark.parametrize("at_the_receipt", [1, 2])
def test_refusals_at_both_endpoints_of_clients_count_together(visitor: Visitor, at_the_receipt: int) -> None:
    code = visitor.code()
    for number in range(at_the_receipt):
        assert _receipt(visitor, "x", f"guess{number}").status == 401
    for number in range(LIMIT - at_the_receipt):
        assert visitor.redeem("x", authorization=visitor.basic("parking", f"guess{number}")).status == 401
    assert _guess(visitor, "parking") == 429
    assert _receipt(visitor, "x", "guess").status == 429
    assert visitor.redeem(code).status == 429
    assert visitor.question().status == 200, "citizens behind the same address go on"


def _guess(visitor: Visitor, client: str) -> int:
    return visitor.redeem("x", authorization=visitor.basic(client, "guess")).status


@pytest.mark.parametrize("failing", ["budget", "nobody"])
def test_a_service_that_fails_shuts_out_no_other_behind_the_same_address(visitor: Visitor, failing: str) -> None:
    code = visitor.code()
    assert [_guess(visitor, failing) for _ in range(2 * LIMIT)] == [401] * LIMIT + [429] * LIMIT
    assert visitor.redeem(code).status == 200


def test_whoever_guesses_for_one_client_after_another_is_refused_after_a_few_times_as_many(visitor: Visitor) -> None:
    names = ["budget", "fares", "parking", *(f"nobody{number}" for number in range(LIMIT))]
    statuses = [_guess(visitor, name) for _ in range(LIMIT) for name in names]
    assert statuses.count(401) == CLIENT_TIMES * LIMIT
    assert visitor.redeem(visitor.code()).status == 429
    assert visitor.question().status == 200, "citizens behind the same address go on"


def _signed(visitor: Visitor) -> int:
    """A code that is none, from who it says."""
    now = visitor.stage.clock()
    claims: dict[str, Json] = {"iss": "fares", "sub": "fares", "aud": visitor.stage.issuer, "iat": now, "exp": now + 60}
    assertion = sign({**claims, "jti": secrets.token_urlsafe(16)}, visitor.stage.fares_signer(), alg="ES256", typ="JWT")
    given = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return visitor.redeem(GUESS, authorization="", **given).status


def test_signatures_of_an_address_that_failed_are_looked_at_no_more_and_a_neighbours_are(
    visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = stage.application.watched.rates
    monkeypatch.setattr("idp.server.rate_limits.LINE_TIMES", 1)
    refused = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": FORGED}
    monkeypatch.setattr(rates, "address", lambda _client: "a1/feed")
    assert [visitor.redeem("x", authorization="", **refused).status for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]
    assert _signed(visitor) == 429
    monkeypatch.setattr(rates, "address", lambda _client: "a2/feed")
    assert visitor.redeem("x", authorization="", **refused).status == 429
    assert _signed(visitor) == 400, "it is known, and its code is not"


@pytest.mark.parametrize("token", ["A" * 43, ""], ids=["ended", "absent"])
def test_receipts_that_there_are_not_shut_out_no_service_that_is_who_it_says(visitor: Visitor, token: str) -> None:
    """A service that fetches receipts too late has tokens that have ended: sign-ins go on, its neighbours' too."""
    assert [_receipt(visitor, token).status for _ in range(LIMIT + 1)] == [401] * (LIMIT + 1)
    assert visitor.redeem(visitor.code()).status == 200


def test_an_app_in_a_page_that_fails_locks_out_nobody(visitor: Visitor, stage: Stage) -> None:
    """It has nothing that could be guessed, and a page may name any client as its own in a browser that is not its own."""
    headers = {**DIRECT, "sec-fetch-site": "cross-site", "origin": stage.city_base}
    for authorization in (None, visitor.basic("parking", "wrong"), visitor.basic("app", "wrong")):
        for _ in range(LIMIT * CLIENT_TIMES + 1):
            fields = {"client_id": "app", "client_secret": "wrong"}
            sent = {**headers, "authorization": authorization}
            assert visitor.go("POST", "/token", fields=fields, headers=sent, jar={}).status == 401
    assert visitor.redeem(visitor.code()).status == 200


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads in which JSON of tokens was parsed."""
    threads: list[str] = []

    def reading(data: bytes) -> dict[str, Json]:
        threads.append(threading.current_thread().name)
        return read_object(data)

    monkeypatch.setattr(jws, "read_object", reading)
    return threads


def _brings(visitor: Visitor, claims: bytes, **more: str) -> int:
    token = ".".join(base64url(part) for part in (b'{"alg":"ES256"}', claims, b"none"))
    given = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
    return visitor.redeem("x", authorization="", **{"client_id": "", **given, **more}).status


def test_no_assertion_beyond_eight_kilobytes_is_read_at_all(visitor: Visitor, read: list[str]) -> None:
    claims = b'{"iss":"fares","x":"' + b"x" * (8 * 1024) + b'"}'
    assert _brings(visitor, claims) == 401
    assert _brings(visitor, b"[" * 45_000) == 401
    assert read == []


def test_the_limit_is_asked_before_an_assertion_is_read(visitor: Visitor, read: list[str]) -> None:
    """Beside a client_id nothing need be read to know whose limit it is; a different name in it is refused anyway."""
    assert [_brings(visitor, b'{"iss":"fares"}', client_id="fares") for _ in range(LIMIT)] == [401] * LIMIT
    read.clear()
    assert _brings(visitor, b'{"iss":"fares"}', client_id="fares") == 429
    assert read == []
