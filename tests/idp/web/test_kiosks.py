"""Kiosks over HTTP (RFC 8628): the kiosk is one program, the citizen's browser another, and a code joins them."""

from collections.abc import Iterator

import pytest

from connectors.signatures.jws import from_base64url
from idp.protocols.oidc.device_codes import LETTERS
from policies.assurance import LevelOfAssurance
from policies.registrations.openid_client import DEVICE_CODE
from tests.idp.staging import Clock, fresh, opened
from tests.idp.web.kiosk import PLACE, Codes, Kiosk, KioskStage, goes_on, types
from tests.idp.web.visitor import DIRECT, Answer, Visitor, login_of

SUBSTANTIAL = LevelOfAssurance.SUBSTANTIAL.uri


@pytest.fixture(scope="module")
def running_kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KioskStage]:
    with opened(KioskStage(tmp_path_factory.mktemp("kiosk") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def citizen(running_kiosk: KioskStage) -> Iterator[Visitor]:
    for stage in fresh(running_kiosk):
        stage.clock.stand()
        with Visitor(stage) as made:
            yield made


@pytest.fixture
def kiosk(citizen: Visitor) -> Iterator[Kiosk]:
    with Visitor(citizen.stage) as program:
        yield Kiosk(program)


def _question(citizen: Visitor, codes: Codes) -> Answer:
    """From the typed code to the question."""
    picker = goes_on(citizen, types(citizen, codes.user_code))
    assert picker.status == 200, picker.text
    return citizen.returns(citizen.signs_in(citizen.asked(login_of(picker))))


def _claims(answer: Answer) -> str:
    return from_base64url(str(answer.json["id_token"]).split(".")[1]).decode()


@pytest.mark.spec("RFC 8628 §3.1", "RFC 8628 §3.2", "RFC 8628 §4")
def test_a_kiosk_gets_a_code_for_its_screen_and_no_address_that_holds_it(kiosk: Kiosk, citizen: Visitor) -> None:
    answer = kiosk.asks()
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json) == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}
    assert answer.json["verification_uri"] == f"{citizen.stage.issuer}/device"
    assert answer.json["expires_in"] == 600
    code = str(answer.json["user_code"])
    assert (len(code), code[4]) == (9, "-")
    assert set(code) <= {*LETTERS, "-"}
    assert len(from_base64url(str(answer.json["device_code"]))) == 32
    discovered = citizen.go("GET", "/.well-known/openid-configuration").json
    assert discovered["device_authorization_endpoint"] == f"{citizen.stage.issuer}/device_authorization"
    assert DEVICE_CODE in str(discovered["grant_types_supported"])


@pytest.mark.spec("RFC 8628 §3.3", "RFC 8628 §5.2", "RFC 8628 §5.4", "RFC 8628 §6.1", "RFC 10027")
def test_a_citizen_signs_in_on_their_own_device_and_the_kiosk_fetches_what_they_approved(
    kiosk: Kiosk, citizen: Visitor
) -> None:
    codes = kiosk.codes(nonce="of-the-kiosk")
    assert kiosk.hears(codes) == "authorization_pending"
    # As people type: other case, other signs between
    confirm = types(citizen, codes.user_code.lower().replace("-", " "))
    for said in ("Town hall kiosk", "A permit at the kiosk", PLACE, "UTC", "close this page"):
        assert said in confirm.text, said
    picker = goes_on(citizen, confirm)
    question = citizen.returns(citizen.signs_in(citizen.asked(login_of(picker))))
    assert kiosk.hears(codes) == "authorization_pending"
    leaving = citizen.decides(question)
    assert leaving.headers["location"] == f"{citizen.stage.issuer}/device/done", "no code stands in it"
    assert citizen.go("GET", "/device/done").heading == "Go back to the kiosk"
    citizen.stage.clock.ahead += 5
    tokens = kiosk.polls(codes)
    assert tokens.status == 200, tokens.text
    told = citizen.userinfo(str(tokens.json["access_token"])).json
    assert told["age_over_18"] is True
    assert '"nonce":"of-the-kiosk"' in _claims(tokens)
    assert kiosk.hears(codes) == "invalid_grant", "it is redeemed once"


@pytest.mark.spec("RFC 10027", "decisions.md 10")
def test_a_kiosk_hears_of_no_level_above_substantial(kiosk: Kiosk, citizen: Visitor) -> None:
    """Estonia vouches for `high`, which a redirected service hears of."""
    codes = kiosk.codes()
    citizen.decides(_question(citizen, codes))
    citizen.stage.clock.ahead += 5
    assert f'"acr":"{SUBSTANTIAL}"' in _claims(kiosk.polls(codes))
    asked = kiosk.asks(acr_values=LevelOfAssurance.HIGH.uri)
    assert (asked.status, asked.json["error"]) == (400, "unmet_authentication_requirements")


@pytest.mark.spec("RFC 8628 §3.5")
def test_a_refusal_reaches_the_kiosk_by_the_citizens_browser(kiosk: Kiosk, citizen: Visitor) -> None:
    codes = kiosk.codes()
    ended = citizen.decides(_question(citizen, codes), "refuse")
    (action,) = ended.found("//main//form/@action")
    assert action == f"{citizen.stage.issuer}/device/ended"
    assert citizen.go("POST", "/device/ended", fields=ended.fields).heading == "Nothing was passed on"
    assert kiosk.hears(codes) == "access_denied"


@pytest.mark.spec("RFC 8628 §3.5")
def test_a_kiosk_that_asks_twice_in_an_interval_is_told_to_slow_down(kiosk: Kiosk) -> None:
    codes = kiosk.codes()
    assert kiosk.hears(codes) == "authorization_pending"
    again = kiosk.polls(codes)
    assert (again.status, again.json["error"]) == (400, "slow_down")


@pytest.mark.spec("RFC 8628 §3.5")
def test_after_ten_minutes_the_code_is_over_for_the_citizen_and_for_the_kiosk(kiosk: Kiosk, citizen: Visitor) -> None:
    codes, late = kiosk.codes(), kiosk.codes()
    question = _question(citizen, late)
    citizen.stage.clock.ahead += 590
    assert kiosk.hears(codes) == "authorization_pending"
    assert kiosk.hears(codes) == "expired_token"
    assert types(citizen, codes.user_code).status == 400
    assert citizen.decides(question).status == 409, "nobody would fetch it"
    assert kiosk.hears(late) == "expired_token"


@pytest.mark.spec("RFC 10027")
def test_a_code_is_taken_up_once(kiosk: Kiosk, citizen: Visitor) -> None:
    codes = kiosk.codes()
    confirm = types(citizen, codes.user_code)
    assert goes_on(citizen, confirm).status == 200
    with Visitor(citizen.stage) as other:
        assert goes_on(other, confirm).status == 409
        assert types(other, codes.user_code).status == 400


@pytest.mark.spec("RFC 10027", "RFC 8628 §5.4")
def test_no_link_and_no_other_site_brings_a_citizen_past_the_form_and_the_warning(kiosk: Kiosk, citizen: Visitor) -> None:
    codes = kiosk.codes()
    shown = citizen.go("GET", f"/device?user_code={codes.user_code}")
    assert codes.user_code not in shown.text
    # Whoever sends the link has looked up what the form's second page posts
    confirm = types(citizen, codes.user_code)
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert types(citizen, codes.user_code, **foreign).status == 403
    for path in ("/device/login", "/device/ended"):
        assert citizen.go("POST", path, fields=confirm.fields, headers=foreign).status == 403
    assert citizen.go("GET", f"/device/login?request={confirm.fields['request']}").status == 405
    assert goes_on(citizen, confirm).status == 200, "it was of no use to them"


@pytest.mark.spec("RFC 8628 §5.1")
def test_who_guesses_codes_is_stopped(citizen: Visitor, kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = citizen.stage.application.watched.rates
    # Loopback is limited in nothing
    monkeypatch.setattr(rates, "_octets", lambda _client: (b"of a guesser",))
    codes = kiosk.codes()
    answers = [types(citizen, "BBBB-BBBB").status for _ in range(rates._limits.failures + 1)]
    assert answers == [400] * rates._limits.failures + [429]
    assert types(citizen, codes.user_code).status == 429, "a right one is not told from a wrong one"


@pytest.mark.spec("RFC 8628 §3.1", "decisions.md 10")
@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "another"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"scope": "openid purpose:resident-parking"}, 400, "invalid_scope"),
        ({"scope": "openid"}, 400, "invalid_scope"),
        ({"scope": "purpose:kiosk-permit"}, 400, "invalid_scope"),
        ({"claims": "{"}, 400, "invalid_request"),
    ],
)
def test_only_a_kiosk_that_proves_itself_asks_and_only_for_purposes_that_say_so(
    kiosk: Kiosk, changes: dict[str, str | None], status: int, error: str
) -> None:
    answer = kiosk.asks(**changes)
    assert (answer.status, answer.json["error"]) == (status, error)


def test_a_service_that_is_no_kiosk_gets_no_codes_and_redeems_none(kiosk: Kiosk, citizen: Visitor) -> None:
    codes = kiosk.codes()
    redeemed = citizen.redeem(None, grant_type=DEVICE_CODE, device_code=codes.device_code, redirect_uri=None)
    assert (redeemed.status, redeemed.json["error"]) == (400, "invalid_grant")
    headers = {**DIRECT, "authorization": citizen.basic("parking")}
    asked = citizen.go("POST", "/device_authorization", fields={"scope": "openid"}, headers=headers, jar={})
    assert (asked.status, asked.json["error"]) == (400, "unauthorized_client")
    assert kiosk.hears(codes) == "authorization_pending", "another client's question ends nothing"


@pytest.mark.spec("RFC 8628 §3.4")
@pytest.mark.parametrize("code", ["", "short", "A" * 43])
def test_a_device_code_that_is_none_is_refused(kiosk: Kiosk, code: str) -> None:
    answer = kiosk.polls(Codes(code, ""))
    assert (answer.status, answer.json["error"]) in ((400, "invalid_grant"), (400, "invalid_request"))


def test_a_kiosk_that_is_switched_off_gets_nothing(kiosk: Kiosk, citizen: Visitor) -> None:
    codes = kiosk.codes()
    question = _question(citizen, codes)
    citizen.decides(question)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(citizen.stage.application.switches, "any_off", lambda *_things, **_since: True)
        citizen.stage.clock.ahead += 5
        assert kiosk.polls(codes).json["error"] == "invalid_grant"
