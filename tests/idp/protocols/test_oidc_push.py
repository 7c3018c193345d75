"""Pushed authorization requests: judged at once, bound to their client, and gone with the answer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.connector import Inbound
from connectors.wire.claims import Json
from idp.login.finish import message_digest
from idp.login.frontend import Declined, Received
from idp.protocols.oidc.direct import JsonAnswer
from idp.protocols.oidc.pushed import LIFE, REQUEST_URI
from idp.protocols.oidc.requests.request import read_protocol
from policies.errors import RequestRefused
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    REDIRECT,
    SECRET,
    City,
    accepted,
    answer,
    basic,
    key_party,
    party,
    posted,
    request,
)
from tests.idp.protocols.pushing import asked, fapi2_party, openid, push, push_by_key, reference, signed, signing_party


def arrives(city: City, request_uri: str, now: int = NOW, client: str = "parking", **beside: str) -> Received | Declined:
    """The browser comes with the reference."""
    inbound = Inbound("redirect", {"client_id": client, "request_uri": request_uri, **beside})
    return city.provider.receive(inbound, now)


def unknown(city: City, request_uri: str, now: int = NOW, client: str = "parking") -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        arrives(city, request_uri, now, client)
    return caught.value


def refused(found: JsonAnswer, error: str = "invalid_request", status: int = 400) -> str:
    assert (found.status, found.body["error"]) == (status, error)
    assert found.headers["Cache-Control"] == "no-store"
    return str(found.body["error_description"])


@pytest.mark.spec("RFC 9126 §2; RFC 9126 §2.2")
def test_a_pushed_request_is_the_same_request() -> None:
    city = City()
    found = push(city, asked())
    assert found.body["expires_in"] == LIFE
    received = arrives(city, reference(found))
    assert isinstance(received, Received)
    # But for the id under which it is answered once
    plain = accepted(city)
    assert replace(received.request, origin=replace(received.request.origin, message_id=""), asked=plain.asked) == plain
    assert received.request.origin.message_id


@pytest.mark.spec("RFC 9126 §4")
def test_at_authorize_nothing_beside_the_reference_counts() -> None:
    city = City()
    here = arrives(city, reference(push(city, asked())), state="other", redirect_uri="https://evil.example", prompt="none")
    assert isinstance(here, Received)
    assert (read_protocol(here.request.origin).redirect_uri, read_protocol(here.request.origin).state) == (
        REDIRECT,
        "af0ifjsldkj",
    )


@pytest.mark.spec("RFC 9126 §7.1; RFC 9126 §2.2")
def test_a_reference_is_of_its_client_and_of_ninety_seconds() -> None:
    city = City(party(), party("other"), key_party())
    found = reference(push(city, asked()))
    assert isinstance(arrives(city, found, NOW + LIFE - 1), Received)
    for reason in (
        unknown(city, found, NOW + LIFE),
        unknown(city, found, client="other"),
        unknown(city, found[:-1]),
        unknown(city, REQUEST_URI),
        unknown(city, f"{found}x"),
    ):
        assert (reason.oauth, reason.code) == ("invalid_request_uri", "replayed")
    # 256 random bits
    assert len(found.removeprefix(REQUEST_URI)) == 43
    assert found != reference(push(city, asked()))


@pytest.mark.spec("RFC 9126 §7.3")
def test_the_row_goes_by_the_digest_of_the_mark_that_the_answer_takes() -> None:
    city = City()
    received = arrives(city, found := reference(push(city, asked())))
    assert isinstance(received, Received)
    origin = received.request.origin
    ((_, digest),) = city.store.rows
    assert digest == message_digest(origin.issuer, origin.message_id)
    city.store.rows.clear()
    assert unknown(city, found).oauth == "invalid_request_uri"


def test_the_database_alone_opens_no_pushed_request() -> None:
    city = City()
    found = push(city, asked(state="a-canary-of-a-state", claims='{"userinfo": {"given_name": null}}'))
    ((kind, payload, end),) = city.store.rows.values()
    assert (kind, end) == ("pushed", NOW + LIFE)
    assert b"canary" not in payload
    assert "canary" not in repr(city.store.units) + repr(found)


@pytest.mark.spec("RFC 9126 §2.1")
def test_a_pushed_request_is_judged_whole_and_at_once() -> None:
    city = City()
    for changes, error in (
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "openid purpose:budget"}, "invalid_scope"),
        ({"prompt": "none"}, "interaction_required"),
        ({"request_uri": f"{REQUEST_URI}x"}, "invalid_request"),
        ({"request_uri": "https://parking.storkhaven.example/r"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"state": "s" * 5000}, "invalid_request"),
    ):
        assert refused(push(city, asked(**changes)), error).endswith(".")
    refused(push(city, asked(unknown="x" * 33_000)), status=413)
    assert city.store.units == []


@pytest.mark.spec("RFC 9126 §2; RFC 9126 §2.3")
def test_whoever_pushes_proves_who_it_is_as_at_the_token_endpoint() -> None:
    city = City()
    wrong = push(city, asked(), basic(secret="wrong"))
    refused(wrong, "invalid_client", 401)
    assert wrong.headers["WWW-Authenticate"] == f'Basic realm="{ISSUER}"'
    refused(push(city, asked(), ""), "invalid_client", 401)
    refused(push(city, asked("fare")), "invalid_client", 401)
    # Without client_id in the form it is whoever proved it
    assert isinstance(
        arrives(city, reference(push(city, {n: v for n, v in asked().items() if n != "client_id"}))), Received
    )
    public = City(party(public=True, authentication_method="none", secret_sha256=""))
    assert isinstance(arrives(public, reference(push(public, asked(), ""))), Received)
    refused(push(public, {**asked(), "client_secret": SECRET}, ""), "invalid_client", 401)


def test_what_proves_who_pushes_is_not_kept() -> None:
    city = City(party(authentication_method="client_secret_post"))
    received = arrives(city, reference(push(city, {**asked(), "client_secret": SECRET}, "")))
    assert isinstance(received, Received)
    kept = city.provider._objects.unpacked(
        Inbound("redirect", {"client_id": "parking", "request_uri": REQUEST_URI + received.request.origin.message_id}), NOW
    )
    assert dict(kept.inbound.parameters) == asked()


def test_an_assertion_pushes_once_and_a_refused_request_spends_it() -> None:
    city = City()
    reference(push_by_key(city, asked("fare")))
    assert "used already" in refused(push_by_key(city, asked("fare")), "invalid_client", 401)
    refused(push_by_key(city, asked("fare", prompt="none"), 2), "interaction_required")
    refused(push_by_key(city, asked("fare"), 2), "invalid_client", 401)


def test_a_database_that_cannot_write_is_said_so() -> None:
    city = City()
    city.store.down = True
    assert (push(city, asked()).status, push(city, asked()).body["error"]) == (503, "temporarily_unavailable")


def test_what_changed_in_the_registration_meanwhile_counts() -> None:
    city = City()
    found = reference(push(city, asked()))
    city.parties[party().client_id] = party(purposes=())
    declined = arrives(city, found)
    assert isinstance(declined, Declined)
    assert answer(city.provider.refuse(declined.origin, declined.error, NOW))["error"] == "invalid_scope"
    city.parties[party().client_id] = party(redirect_uris=("https://parking.storkhaven.example/new",))
    with pytest.raises(RequestRefused, match="redirect_uri"):
        arrives(city, found)


@pytest.mark.spec("RFC 9126 §6; FAPI 2.0 Security Profile §5.3.2.2")
def test_who_is_registered_to_push_is_not_heard_without() -> None:
    for registered in (party(openid=openid(require_pushed_authorization_requests=True)), fapi2_party("parking")):
        city = City(registered)
        found = city.provider.receive(request(), NOW)
        assert isinstance(found, Declined)
        assert answer(city.provider.refuse(found.origin, found.error, NOW))["error"] == "invalid_request"
        assert "/par" in found.error.detail


@pytest.mark.spec("RFC 9126 §3")
def test_a_signed_request_is_pushed_and_only_what_is_inside_counts() -> None:
    city = City(signing_party())
    found = arrives(city, reference(push_by_key(city, {"request": signed(), "state": "outside"})), client="fare")
    assert isinstance(found, Received)
    assert read_protocol(found.request.origin).state == "af0ifjsldkj"
    again = refused(push_by_key(city, {"request": signed()}, 2), "invalid_request_object")
    assert "jti" in again
    # The assertion that came with it is spent
    refused(push_by_key(city, asked("fare"), 2), "invalid_client", 401)
    reference(push_by_key(city, {"request": signed(jti=None)}, 3))
    reference(push_by_key(city, {"request": signed(jti=None)}, 4))


@pytest.mark.spec("RFC 9101 §10.5")
def test_who_is_registered_to_sign_pushes_nothing_unsigned() -> None:
    city = City(signing_party(require_signed_request_object=True))
    refused(push_by_key(city, asked("fare")), "invalid_request_object")
    assert isinstance(arrives(city, reference(push_by_key(city, {"request": signed()}, 2)), client="fare"), Received)


def test_another_clients_object_or_assertion_is_refused() -> None:
    city = City(signing_party(), signing_party("other"), party())
    refused(push_by_key(city, {"request": signed("other")}), "invalid_request_object")
    refused(push(city, {"request": signed()}), "request_not_supported")


@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.2.1")
def test_an_assertion_for_the_endpoints_own_address_is_refused() -> None:
    city = City(fapi2_party())
    audiences: tuple[Json, ...] = (f"{ISSUER}/par", f"{ISSUER}/token", [ISSUER])
    for number, audience in enumerate(audiences):
        refused(push_by_key(city, asked("fare"), number, aud=audience), "invalid_client", 401)
    assert isinstance(arrives(city, reference(push_by_key(city, asked("fare"), 9)), client="fare"), Received)


def test_a_get_finds_no_parameters_in_the_address() -> None:
    city = City()
    call = replace(posted({}, basic()), query=asked())
    refused(city.provider.push(call, NOW))


NAMES = st.sampled_from([*asked(), "request", "request_uri", "claims", "prompt", "max_age", "dpop_jkt", "client_secret"])


@given(st.dictionaries(NAMES, st.text(max_size=60)))
def test_whatever_a_client_pushes_gets_a_reference_or_an_error(changes: dict[str, str]) -> None:
    city = City()
    found = push(city, {**asked(), **changes})
    assert found.status in {201, 400, 401}
    if found.status == 201:
        assert isinstance(arrives(city, reference(found)), Received)
