"""A hostile provider, or a stranger in the browser, over real sockets: each is refused by its own check."""

import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any  # Any: a handler of `upstream`

import pytest

from connectors.connector import Inbound
from connectors.fetch import Fetcher
from connectors.logout_token import EVENT
from connectors.oidc.line import AWAY_SECONDS, MOST_FAILURES, PLACES, Breaker, Line
from connectors.signatures.jwk import public_jwk
from connectors.wire.claims import Json
from policies.errors import (
    AssertionRejected,
    AssuranceTooLow,
    AuthenticationFailed,
    PeerUnavailable,
    SignatureInvalid,
)
from tests.connectors.metadata.origin import LOOPBACK
from tests.connectors.oidc import bench
from tests.connectors.oidc.bench import NOW, REGISTERED, asked, connector, forced, login
from tests.connectors.oidc.upstream import CLIENT, LEFT_OUT, LOW, Odd, Upstream, drips, hangs
from tests.connectors_jws.jws_doubles import TokenKey, b64, handmade, token_key


def refused(op: Upstream, **changes: str | None) -> AssertionRejected:
    with pytest.raises(AssertionRejected) as caught:
        login(connector(op), op, **changes)
    return caught.value


# -- the browser --------------------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 9207 §2.4")
def test_an_answer_of_another_provider_is_refused_before_anything_is_asked(op: Upstream) -> None:
    assert refused(op, iss="https://other.example").check == "answer_issuer"
    assert refused(op, iss=None).check == "answer_issuer", "its metadata promises it"
    assert refused(op, iss="https://other.example", error="access_denied", code=None).check == "answer_issuer"
    assert op.hits == []


def test_a_provider_that_promises_no_iss_may_leave_it_out_and_may_not_lie(op: Upstream) -> None:
    made = connector(op, authorization_response_iss_parameter_supported=False)
    assert login(made, op, iss=None).issuer == op.base
    with pytest.raises(AssertionRejected) as caught:
        login(made, op, iss=f"{op.base}/")
    assert caught.value.check == "answer_issuer"


@pytest.mark.spec("RFC 9700 §4.7")
def test_the_answer_to_another_question_is_refused(op: Upstream) -> None:
    made = connector(op)
    (one, first), (other, second) = asked(made), asked(made)
    for url, expectation in ((one, second), (other, first)):
        with pytest.raises(AssertionRejected) as caught:
            made.receive(Inbound("redirect", op.comes_back(url)), expectation, NOW)
        assert caught.value.check == "answer_state"
    for state in ("login-id", "login-id.", "", None):
        assert refused(op, state=state).check == "answer_state"
    assert op.hits == []


@pytest.mark.spec("RFC 6749 §4.1.2")
def test_a_code_is_good_once_and_for_its_own_question(op: Upstream) -> None:
    made = connector(op)
    url, expectation = asked(made)
    back = Inbound("redirect", op.comes_back(url))
    made.receive(back, expectation, NOW)
    with pytest.raises(AssertionRejected) as caught:
        made.receive(back, expectation, NOW)
    assert (caught.value.check, "invalid_grant" in caught.value.detail) == ("token_refused", True)
    assert "Tamm" not in caught.value.detail, "a description is a stranger's text"
    stolen = op.comes_back(asked(made)[0])["code"]
    assert refused(op, code=stolen).check == "token_refused", "PKCE: it was asked for with another verifier"


@pytest.mark.parametrize("code", ["", "a\x7fb", "ä", "x" * 3000])
def test_a_code_that_is_none_is_not_sent_on(op: Upstream, code: str) -> None:
    assert refused(op, code=code).check == "answer_code"
    assert op.hits == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("access_denied", AuthenticationFailed),
        ("login_required", AuthenticationFailed),
        ("unmet_authentication_requirements", AssuranceTooLow),
        ("temporarily_unavailable", PeerUnavailable),
        ("invalid_scope", AssertionRejected),
        ("Mari Tamm", AssertionRejected),
    ],
)
@pytest.mark.spec("OpenID Connect Core §3.1.2.6")
def test_an_error_is_told_as_what_it_is(op: Upstream, error: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        login(connector(op), op, error=error, error_description="Mari Tamm", code=None)
    assert type(caught.value) is kind
    assert "Mari" not in str(caught.value)


# -- the id_token -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        ({"aud": "another client"}, "token_audience"),
        ({"iss": "https://other.example"}, "token_issuer"),
        ({"nonce": LEFT_OUT}, "token_nonce"),
        ({"nonce": "another"}, "token_nonce"),
        ({"exp": NOW - 100}, "token_expired"),
        ({"at_hash": "A" * 22}, "token_access_token"),
        ({"sub": LEFT_OUT}, "claim_sub"),
        ({"acr": LEFT_OUT}, "acr_unknown"),
        ({"acr": "gold"}, "acr_unknown"),
        ({"acr": LOW}, "acr_too_low"),
    ],
)
@pytest.mark.spec("OpenID Connect Core §3.1.3.7")
def test_an_id_token_that_says_something_else_is_refused(op: Upstream, claims: dict[str, Json], check: str) -> None:
    op.claims = claims
    assert refused(op).check == check


def test_an_old_authentication_is_none_where_a_new_one_was_asked(op: Upstream) -> None:
    for when, check in ((NOW - 100, "authentication_stale"), (LEFT_OUT, "authentication_time")):
        op.claims["auth_time"] = when
        with pytest.raises(AssertionRejected) as caught:
            login(connector(op), op, forced())
        assert caught.value.check == check


def test_an_id_token_by_another_key_is_refused(op: Upstream) -> None:
    honest = op.jwks()
    op.odd["/jwks"] = lambda handler: handler.tell(honest)
    op.number = 1
    assert refused(op).check == "jws_signature"


@pytest.mark.parametrize("alg", ["none", "HS256", "RS256"])
@pytest.mark.spec("RFC 8725 §3.1")
def test_an_id_token_of_another_algorithm_is_refused(op: Upstream, alg: str) -> None:
    op.header = {"alg": alg}
    assert refused(op).check == "jws_alg"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "crit"])
def test_an_id_token_brings_no_key_of_its_own(op: Upstream, name: str) -> None:
    op.header = {name: dict(public_jwk(token_key("ES256").public_key()))}
    assert refused(op).check == "jws_header"


def test_an_encrypted_token_is_for_those_who_agreed_on_it(op: Upstream) -> None:
    op.encrypted = bench.ENCRYPTION.public_key
    assert refused(op).check == "jws_form"


@pytest.mark.spec("RFC 7519 §5.3")
def test_claims_outside_of_an_encrypted_token_are_those_inside(op: Upstream) -> None:
    op.encrypted, made = bench.ENCRYPTION.public_key, connector(op, replace(REGISTERED, id_token_enc="A128GCM"))
    op.odd["/userinfo"] = lambda handler: handler.tell(dict(op.person))
    op.outside = {"iss": op.base, "aud": CLIENT}
    assert login(made, op).issuer == op.base
    op.outside = {"iss": op.base, "aud": "another client"}
    with pytest.raises(AssertionRejected) as caught:
        login(made, op)
    assert caught.value.check == "jwe_replicated"


# -- keys ---------------------------------------------------------------------------------------------------------------


def _private(op: Upstream) -> Json:
    jwks = op.jwks()
    keys = jwks["keys"]
    assert isinstance(keys, list)
    assert isinstance(keys[0], dict)
    keys[0]["d"] = b64(b"x" * 32)
    return jwks


def test_a_set_of_ten_megabytes_is_refused(op: Upstream) -> None:
    op.odd["/jwks"] = lambda handler: handler.tell({**op.jwks(), "more": "x" * 10_000_000})
    with pytest.raises(PeerUnavailable, match="size"):
        login(connector(op), op)


def test_a_set_with_a_private_key_is_refused(op: Upstream) -> None:
    op.odd["/jwks"] = lambda handler: handler.tell(_private(op))
    assert refused(op).check == "jwk"


@pytest.mark.spec("OpenID Connect Core §10.1.1")
def test_an_unknown_kid_is_looked_for_once_a_minute_and_the_last_good_set_stays(op: Upstream) -> None:
    made = connector(op)
    login(made, op)
    op.kid, honest = "unknown", op.jwks()
    op.odd["/jwks"] = lambda handler: handler.tell(honest)
    for _ in range(3):
        with pytest.raises(SignatureInvalid):
            login(made, op)
    assert op.hits.count("/jwks") == 1, "it was fetched within the last minute"
    for odd in (lambda handler: handler.tell(_private(op)), lambda handler: handler.tell("", 500)):
        made._keys._tried -= 60
        op.odd["/jwks"] = odd
        op.kid = "unknown"
        for _ in range(3):
            with pytest.raises(SignatureInvalid):
                login(made, op)
        op.kid = "op-1"
        assert login(made, op).issuer == op.base
    assert op.hits.count("/jwks") == 3


def logout_token(op: Upstream, key: TokenKey) -> str:
    claims = {"iss": op.base, "aud": CLIENT, "iat": NOW, "exp": NOW + 120, "jti": "1", "sid": "1", "events": {EVENT: {}}}
    return handmade({"alg": "ES256", "kid": op.kid, "typ": "logout+jwt"}, claims, key)


@pytest.mark.spec("Back-Channel Logout §2.6")
def test_logout_tokens_of_strangers_take_no_place_of_a_login_and_ask_for_keys_once_a_minute(op: Upstream) -> None:
    made, false, free = connector(op), logout_token(op, token_key("ES256", 7)), []

    def fails(handler: Any) -> None:
        with ExitStack() as places:
            free.append(all(places.enter_context(made._line.turn(1)) for _ in range(PLACES)))
        handler.tell("", 503)

    op.odd["/jwks"] = fails
    for _ in range(MOST_FAILURES + 1):
        with pytest.raises(PeerUnavailable):
            made.logged_out(false, NOW)
    assert (op.hits, free, made.is_away) == (["/jwks"], [True], False)
    del op.odd["/jwks"]
    login(made, op)
    for _ in range(3):
        with pytest.raises(SignatureInvalid):
            made.logged_out(false, NOW)
    assert op.hits.count("/jwks") == 2, "a login's question for keys waits for nobody's minute"
    with ExitStack() as places:
        for _ in range(PLACES):
            places.enter_context(made._line.turn(1))
        assert made.logged_out(logout_token(op, op.key), NOW).session == "1", "nor does a logout wait for a login"


# -- token response and userinfo -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ({"access_token": "a", "token_type": "Bearer"}, "token_response"),
        ({"id_token": "a.b.c", "token_type": "Bearer"}, "token_response"),
        ({"access_token": "a\r\nX: y", "token_type": "Bearer", "id_token": "a.b.c"}, "token_response"),
        ({"access_token": "a", "token_type": "mac", "id_token": "a.b.c"}, "token_type"),
        ([], "token_response"),
    ],
)
def test_a_token_response_that_is_none_is_refused(op: Upstream, body: Json, check: str) -> None:
    op.odd["/token"] = lambda handler: handler.tell(body)
    assert refused(op).check == check


def test_no_bearer_token_is_taken_where_bound_ones_were_agreed_on(op: Upstream) -> None:
    with pytest.raises(AssertionRejected) as caught:
        login(connector(op, replace(REGISTERED, dpop=True)), op)
    assert caught.value.check == "token_type"


@pytest.mark.spec("OpenID Connect Core §5.3.2")
@pytest.mark.spec("OpenID Connect Core §5.3.4")
def test_userinfo_of_another_person_is_refused(op: Upstream) -> None:
    for subject in ("subject-2", "", None, LEFT_OUT):
        op.person["sub"] = subject
        assert refused(op).check == "userinfo_subject"


def test_userinfo_in_another_form_than_was_agreed_on_is_refused(op: Upstream) -> None:
    op.userinfo_alg = "ES256"
    assert refused(op).check == "userinfo_form"
    signed = replace(REGISTERED, userinfo_alg="ES256")
    for name, value, check in (
        ("aud", "another", "token_audience"),
        ("iss", LEFT_OUT, "claim_iss"),
        ("exp", 5, "token_expired"),
    ):
        op.person[name] = value
        with pytest.raises(AssertionRejected) as caught:
            login(connector(op, signed), op)
        assert caught.value.check == check
        del op.person[name]
    op.userinfo_alg = ""
    with pytest.raises(AssertionRejected) as caught:
        login(connector(op, signed), op)
    assert caught.value.check == "userinfo_form"


def test_a_pushed_request_that_is_not_taken_sends_nobody_anywhere(op: Upstream) -> None:
    for answer in ({"error": "invalid_request"}, {"request_uri": "urn:x\r\ny"}, {"request_uri": 5}):
        op.odd["/par"] = lambda handler, said=answer: handler.tell(said, 201)  # type: ignore[misc]  # each its own
        with pytest.raises(AssertionRejected) as caught:
            asked(connector(op, replace(REGISTERED, pushed=True)))
        assert caught.value.check == "push_refused"


# -- a provider that does not answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/token", "/jwks", "/userinfo"])
@pytest.mark.parametrize("odd", [hangs, drips])
def test_a_provider_that_hangs_or_drips_ends_with_the_deadline(
    op: Upstream, odd: Odd, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.oidc.connector.ANSWER_SECONDS", 0.5)
    op.odd[path] = odd
    with pytest.raises(PeerUnavailable, match="deadline"):
        login(connector(op), op)


@pytest.mark.parametrize("path", ["/token", "/jwks", "/userinfo"])
def test_a_provider_that_redirects_is_not_followed(op: Upstream, path: str) -> None:
    op.odd[path] = lambda handler: handler.tell("", 307, Location=f"{op.base}/elsewhere")
    with pytest.raises(PeerUnavailable, match="redirect"):
        login(connector(op), op)
    assert "/elsewhere" not in op.hits


def test_an_address_of_our_own_network_is_not_asked(op: Upstream) -> None:
    with pytest.raises(PeerUnavailable, match="no public address"):
        login(connector(op, replace(REGISTERED, networks=())), op)
    assert op.hits == []


def test_failures_in_a_row_open_the_breaker_and_a_try_later_closes_it(op: Upstream) -> None:
    time = [0.0]
    line = Line(Fetcher(demo=True), LOOPBACK, breaker=Breaker(lambda: time[0]))

    def ask() -> int:
        with line.turn(5) as turn:
            return turn.ask(f"{op.base}/jwks").status

    op.odd["/jwks"] = lambda handler: handler.tell("", 503)
    for _ in range(MOST_FAILURES):
        assert not line.is_away
        with pytest.raises(PeerUnavailable, match="503"):
            ask()
    assert line.is_away
    with pytest.raises(PeerUnavailable, match="lately"):
        ask()
    assert len(op.hits) == MOST_FAILURES, "nobody is asked while it is open"
    time[0] = AWAY_SECONDS
    with pytest.raises(PeerUnavailable, match="503"):
        ask()
    assert line.is_away, "one more failure opens it again"
    time[0] += AWAY_SECONDS
    del op.odd["/jwks"]
    assert (ask(), line.is_away) == (200, False)
    op.odd["/jwks"] = lambda handler: handler.tell("", 503)
    with pytest.raises(PeerUnavailable):
        ask()
    assert not line.is_away


def test_after_a_time_away_one_tries_and_a_refusal_is_a_sign_of_life(op: Upstream) -> None:
    time = [0.0]
    line = Line(Fetcher(demo=True), LOOPBACK, breaker=Breaker(lambda: time[0]))
    op.odd["/jwks"] = lambda handler: handler.tell("", 503)
    for _ in range(MOST_FAILURES):
        with line.turn(5) as turn, pytest.raises(PeerUnavailable, match="503"):
            turn.ask(f"{op.base}/jwks")
    time[0] = AWAY_SECONDS
    op.odd["/jwks"] = lambda handler: handler.tell("", 404)
    with line.turn(5) as first:
        with pytest.raises(PeerUnavailable, match="lately"), line.turn(5):
            pass
        assert first.ask(f"{op.base}/jwks").status == 404
    with line.turn(5), line.turn(5):
        assert not line.is_away
    # In good times it counts for nothing, neither way
    statuses = iter((503, 503, 404, 503))
    op.odd["/jwks"] = lambda handler: handler.tell("", next(statuses))
    for _ in range(4):
        with line.turn(5) as turn, suppress(PeerUnavailable):
            turn.ask(f"{op.base}/jwks")
    assert line.is_away


def test_a_userinfo_that_fails_counts_though_tokens_come_and_what_a_visitor_brings_about_does_not(op: Upstream) -> None:
    made = connector(op)
    op.odd["/userinfo"] = lambda handler: handler.tell("", 503)
    op.odd["/token"] = lambda handler: handler.tell("", 429)
    for _ in range(MOST_FAILURES):
        with pytest.raises(PeerUnavailable, match="429"):
            login(made, op)
    assert not made.is_away
    del op.odd["/token"]
    for _ in range(MOST_FAILURES):
        assert not made.is_away
        with pytest.raises(PeerUnavailable, match="503"):
            login(made, op)
        if not made.is_away:
            with pytest.raises(AssertionRejected, match="invalid_grant"):
                login(made, op, code="of a visitor")
    assert made.is_away


def test_so_many_logins_wait_for_a_provider_and_the_next_is_told_at_once(op: Upstream) -> None:
    op.odd["/jwks"] = hangs
    line, waiting = Line(Fetcher(demo=True), LOOPBACK), threading.Barrier(PLACES + 1)

    def wait() -> None:
        with line.turn(30) as turn:
            waiting.wait(30)
            with pytest.raises(PeerUnavailable):
                turn.ask(f"{op.base}/jwks")

    threads = [threading.Thread(target=wait) for _ in range(PLACES)]
    for thread in threads:
        thread.start()
    waiting.wait(30)
    with pytest.raises(PeerUnavailable, match="wait for the provider"), line.turn(30):
        raise AssertionError("there was a place")
    op.over.set()
    for thread in threads:
        thread.join(30)
