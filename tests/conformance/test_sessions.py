"""The modules of a session: those of the basic plan that sign in twice, and the plans of both kinds of logout.

The services of the stage share a sign-in, and the library's purpose remembers an approval: without that a second sign-in
shows the question, and prompt=none gets consent_required.
"""

# ruff: noqa: E501 - the names of modules are long

from collections.abc import Iterator, Mapping

import pytest

from connectors.logout_token import ExpectedLogoutToken, judge_logout_token
from connectors.signatures.jwk import keys_from_jwks
from connectors.wire.claims import Json
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import COOKIE, Member, SharedStage, claims_of, emptied
from tests.idp.web.test_logout_http import Receiver, logout
from tests.idp.web.visitor import Answer, query_of

MODES = pytest.mark.parametrize("mode", ["query", "form_post"])


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[SharedStage]:
    with opened(SharedStage(tmp_path_factory.mktemp("sessions") / "stage", Clock(), receiver.url)) as stage:
        stage.application.courier.stop()
        yield stage


@pytest.fixture
def member(running: SharedStage) -> Iterator[Member]:
    for stage in emptied(running):
        with Member(stage) as made:
            yield made


def _signed_in(member: Member, mode: str, **changes: str) -> dict[str, Json]:
    """The first sign-in, whose approval is remembered."""
    answer = member.decides(
        member.question(client_id="library", scope="openid purpose:quiet", response_mode=mode, **changes),
        ticked={"remember": "yes"},
    )
    return member.claims("library", _back(answer, mode)["code"])


def _again(member: Member, mode: str, **changes: str) -> Answer:
    return member.asks_for("library", response_mode=mode, **changes)


def _back(answer: Answer, mode: str) -> Mapping[str, str]:
    if answer.status == 303:
        return query_of(answer.headers["location"])
    return answer.fields if mode == "form_post" else answer.back


# -- the basic plan, signed in -----------------------------------------------------------------------------------------


@MODES
@pytest.mark.spec("Basic OP oidcc-prompt-none-logged-in; Form Post OP oidcc-prompt-none-logged-in")
def test_prompt_none_logged_in(member: Member, mode: str) -> None:
    first = _signed_in(member, mode)
    second = member.claims("library", _back(_again(member, mode, prompt="none"), mode)["code"])
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


@MODES
@pytest.mark.spec("Basic OP oidcc-max-age-10000; Form Post OP oidcc-max-age-10000")
def test_max_age_10000(member: Member, mode: str) -> None:
    first = _signed_in(member, mode, max_age="15000")
    page = _again(member, mode, max_age="10000")
    assert page.found("//button[@name='choice']"), "a question at once, and nobody signs in again"
    second = member.claims("library", _back(member.decides(page, "continue"), mode)["code"])
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


@MODES
@pytest.mark.spec("Basic OP oidcc-id-token-hint; Form Post OP oidcc-id-token-hint")
def test_id_token_hint(member: Member, mode: str) -> None:
    _signed_in(member, mode)
    hint = member.id_token("library", _back(_again(member, mode, prompt="none"), mode)["code"])
    second = member.claims("library", _back(_again(member, mode, prompt="none", id_token_hint=hint), mode)["code"])
    assert (second["sub"], second["auth_time"]) == (claims_of(hint)["sub"], claims_of(hint)["auth_time"])


# -- RP-initiated logout -----------------------------------------------------------------------------------------------


def _hint(member: Member) -> str:
    return member.id_token("library", member.signs_in_for("library"))


def _bye(member: Member) -> str:
    return f"{member.stage.city_base}/library/bye"


def _onward(page: Answer) -> list[str]:
    return page.found("//a/@href | //meta[@http-equiv='refresh']/@content")


def _is_out(member: Member) -> None:
    assert COOKIE not in member.jar
    answer = member.asks_for("library", prompt="none")
    assert query_of(answer.headers["location"])["error"] == "login_required"


@pytest.mark.spec(
    "RP-Initiated Logout OP oidcc-rp-initiated-logout-discovery-endpoint-verification; RP-Initiated Logout §2.1"
)
@pytest.mark.spec(
    "Back-Channel Logout OP oidcc-backchannel-logout-discovery-endpoint-verification; Back-Channel Logout §2.1"
)
def test_discovery(member: Member) -> None:
    found = member.go("GET", "/.well-known/openid-configuration", jar={}).json
    assert found["end_session_endpoint"] == f"{member.stage.issuer}/logout"
    assert found["backchannel_logout_supported"] is found["backchannel_logout_session_supported"] is True


@pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout; RP-Initiated Logout §3")
def test_rp_initiated_logout(member: Member) -> None:
    page = logout(member, id_token_hint=_hint(member), post_logout_redirect_uri=_bye(member), state="af0")
    assert f"{_bye(member)}?state=af0" in " ".join(_onward(page))
    _is_out(member)


@pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-no-state")
def test_no_state(member: Member) -> None:
    page = logout(member, id_token_hint=_hint(member), post_logout_redirect_uri=_bye(member))
    assert all("state" not in one for one in _onward(page))
    assert _bye(member) in " ".join(_onward(page))
    _is_out(member)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://evil.example/", marks=pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-bad-post-logout-redirect-uri")),
        pytest.param("?foo=bar", marks=pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri")),
    ],
)  # fmt: skip
@pytest.mark.spec("RP-Initiated Logout §4")
def test_an_address_that_is_not_registered(member: Member, address: str) -> None:
    wrong = address if address.startswith("https") else _bye(member) + address
    page = logout(member, id_token_hint=_hint(member), post_logout_redirect_uri=wrong)
    assert page.status in {200, 400}
    assert not _onward(page)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            "none", marks=pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-modified-id-token-hint")
        ),
        pytest.param(
            "other key", marks=pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-bad-id-token-hint")
        ),
        pytest.param("absent", marks=pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-no-id-token-hint")),
    ],
)
def test_without_a_hint_that_holds_nobody_is_sent_on(member: Member, kind: str) -> None:
    head, payload, signature = _hint(member).split(".")
    made = {"none": f"eyJhbGciOiJub25lIn0.{payload}.", "other key": f"{head}.{payload}.{'A' * len(signature)}"}
    hint = {"id_token_hint": made[kind]} if kind in made else {"client_id": "library"}
    page = logout(member, post_logout_redirect_uri=_bye(member), **hint)
    assert page.status in {200, 400}
    assert not _onward(page)
    assert COOKIE in member.jar, "nothing ended"


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, marks=pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-no-params")),
        pytest.param(
            {"state": "af0"}, marks=pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-only-state")
        ),
    ],
    ids=["no-params", "only-state"],
)
def test_whoever_says_nothing_is_asked_and_can_sign_out(member: Member, parameters: dict[str, str]) -> None:
    _hint(member)
    page = logout(member, **parameters)
    assert page.heading == "Sign out?"
    member.go("POST", "/logout/confirm", fields=page.fields)
    _is_out(member)


@pytest.mark.spec("RP-Initiated Logout OP oidcc-rp-initiated-logout-no-post-logout-redirect-uri")
def test_no_post_logout_redirect_uri(member: Member) -> None:
    page = logout(member, id_token_hint=_hint(member))
    assert page.heading == "You are signed out here"
    _is_out(member)


# -- back-channel logout -----------------------------------------------------------------------------------------------


@pytest.mark.spec("Back-Channel Logout OP oidcc-backchannel-rp-initiated-logout; Back-Channel Logout §2.5")
def test_backchannel_rp_initiated_logout(member: Member, receiver: Receiver) -> None:
    receiver.tokens.clear()
    desk = claims_of(member.id_token("desk", member.signs_in_for("desk")))
    library = member.id_token("library", member.decides(member.asks_for("library")).back["code"])
    logout(member, id_token_hint=library, post_logout_redirect_uri=_bye(member))
    (token,) = receiver.tokens
    jwks = member.go("GET", "/jwks", jar={}).text
    expected = ExpectedLogoutToken(member.stage.issuer, "desk", "ES256")
    found = judge_logout_token(token, keys_from_jwks(jwks, "ES256"), expected, member.stage.clock())
    assert found.session == desk["sid"]
    assert "nonce" not in claims_of(token)
    _is_out(member)
