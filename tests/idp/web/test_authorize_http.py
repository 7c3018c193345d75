"""Authentication requests over HTTP: what is refused with a page, what goes back to the verified address, and how."""

import socket
from typing import Any  # structlog's own type of an event
from urllib.parse import quote, urlencode, urlsplit

import pytest

from idp.server.head_limits import MOST_HEAD
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, query_of

SERVICE = "The service's request cannot be accepted"
MARK = "Canary-Kanarbik-1887"


def _page(answer: Answer, logs: Lines, status: int = 400, heading: str = SERVICE) -> None:
    """A page that leads nowhere: before client and address are verified nothing is redirected."""
    assert (answer.status, answer.heading) == (status, heading)
    assert not answer.found("//main//a | //main//form")
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert logs[-1]["reference"] == answer.reference
    assert MARK not in answer.text + repr(logs)


def _error(visitor: Visitor, stage: Stage, **changes: str | None) -> str:
    """The error that goes back to the verified address."""
    answer = visitor.authorize(**changes)
    assert answer.status == 303, answer.text
    location = answer.headers["location"]
    assert location.startswith(f"{stage.city_base}/parking/callback?")
    back = query_of(location)
    assert (back["state"], back["iss"]) == ("a-state", stage.issuer)
    assert "set-cookie" not in answer.headers
    return back["error"]


@pytest.mark.spec("RFC 6749 §4.1.2.1; RFC 9700 §2.1")
@pytest.mark.parametrize("client", [None, "", MARK, "Parking", "parking ", "parking\x00", "p" * 10_000])
def test_an_unknown_client_gets_a_page(visitor: Visitor, stage: Stage, logs: Lines, client: str | None) -> None:
    redirect = f"{stage.city_base}/parking/callback"
    _page(visitor.authorize(client_id=client, redirect_uri=redirect), logs)


@pytest.mark.parametrize(
    "change",
    [
        lambda uri: uri and None,
        lambda uri: uri + "/",
        lambda uri: uri.replace("http://", "HTTP://"),
        lambda uri: uri.replace("/callback", "/%63allback"),
        lambda uri: uri.replace("parking", "fares"),
        lambda uri: uri.replace("storkhaven", MARK),
    ],
)
def test_a_redirect_address_that_is_not_registered_byte_for_byte_gets_a_page(
    visitor: Visitor, stage: Stage, logs: Lines, change: Any
) -> None:
    _page(visitor.authorize(redirect_uri=change(f"{stage.city_base}/parking/callback")), logs)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "unheard_of"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_repeated_parameter_gets_a_page(visitor: Visitor, stage: Stage, logs: Lines, name: str, method: str) -> None:
    wanted = {**visitor.request(), "unheard_of": MARK}
    body = urlencode([*wanted.items(), (name, wanted[name])], quote_via=quote)
    if method == "GET":
        answer = visitor.go("GET", f"/authorize?{body}")
    else:
        headers = {"origin": stage.city_base, "sec-fetch-site": "cross-site"}
        answer = visitor.go("POST", "/authorize", body=body.encode(), headers=headers)
    _page(answer, logs)


@pytest.mark.parametrize(
    "query", ["%ff=x", "client_id=%c3", "&".join(f"p{n}=" for n in range(101))], ids=["name", "value", "many"]
)
def test_a_query_that_does_not_decode_gets_a_page(visitor: Visitor, logs: Lines, query: str) -> None:
    _page(visitor.go("GET", f"/authorize?{query}"), logs)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": None}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"prompt": "none"}, "interaction_required"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"claims": '{"userinfo":{},"userinfo":{}}'}, "invalid_request"),
        ({"claims": '{"id_token":{"acr":{"essential":true,"values":["urn:x"]}}}'}, "unmet_authentication_requirements"),
    ],
)
def test_what_is_wrong_with_a_verified_clients_request_goes_back_to_it(
    visitor: Visitor, stage: Stage, changes: dict[str, str | None], error: str
) -> None:
    assert _error(visitor, stage, **changes) == error


def test_a_request_with_neither_state_nor_nonce_begins_a_login_and_gets_no_state_back(visitor: Visitor) -> None:
    assert visitor.authorize(state=None, nonce=None).status == 200
    answer = visitor.authorize(state=None, nonce=None, code_challenge=None)
    assert set(query_of(answer.headers["location"])) == {"error", "error_description", "iss"}


@pytest.mark.spec("issue 2: parameters of 100 kB")
def test_a_parameter_of_100_kb_by_post_gets_a_page(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    headers = {"origin": stage.city_base, "sec-fetch-site": "cross-site"}
    for name in ("client_id", "state", "claims", "unheard_of"):
        fields = {**visitor.request(), name: "a" * 100_000}
        answer = visitor.go("POST", "/authorize", fields=fields, headers=headers)
        _page(answer, logs, 413, "This was too large")


@pytest.mark.spec("issue 2: parameters of 100 kB")
def test_a_parameter_of_100_kb_by_get_is_refused(visitor: Visitor, logs: Lines) -> None:
    _page(visitor.authorize(unheard_of="a" * 64_000), logs, 414, "This was too large")
    # Of 64 KiB no head is taken at all. No more is sent: behind what nobody read the answer may be lost
    with socket.create_connection(("127.0.0.1", urlsplit(visitor.stage.issuer).port or 0), timeout=60) as connection:
        connection.sendall((b"GET /authorize?a=" + b"a" * 100_000)[:MOST_HEAD])
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"Set-Cookie" not in answer
    assert visitor.authorize().status == 200


def test_a_request_of_60_kb_is_judged(visitor: Visitor, stage: Stage) -> None:
    assert _error(visitor, stage, claims="{" + "x" * 60_000 + "}") == "invalid_request"


def test_another_content_type_gets_a_page(visitor: Visitor, logs: Lines) -> None:
    answer = visitor.go("POST", "/authorize", fields=visitor.request(), headers={"content-type": "application/json"})
    _page(answer, logs, 415)


def test_nothing_of_a_refused_request_is_in_the_log_but_sizes_and_names(
    visitor: Visitor, stage: Stage, logs: Lines
) -> None:
    for changes in ({"scope": MARK}, {"prompt": MARK}, {"claims": MARK}, {"max_age": MARK}, {"ui_locales": MARK}):
        visitor.authorize(**changes)
    assert MARK not in repr(logs)
    assert stage.issuer not in repr(logs)
