"""Introspection and revocation: who hears what of a token, and who may end it."""

from typing import cast

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization

from connectors.signatures.jws import base64url
from idp.login.states import ACCESS_TOKEN_LIFE, GRANT
from idp.ports import Unit
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer
from idp.protocols.oidc.introspection import SIGNED
from policies.assurance import LevelOfAssurance
from policies.parties import ClientId, RelyingParty, Sector
from policies.registrations.client_tokens import TokenChoices
from policies.registrations.openid_client import OpenIDClient
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    TENANT,
    City,
    asserted,
    assertion,
    basic,
    grant,
    key_party,
    party,
    posted,
    redemption,
)
from tests.idp.protocols.test_oidc_refresh import REFRESHES, refresh, refused, signed_in, token_of, userinfo

CLIENT = party(openid=OpenIDClient(grant_types=REFRESHES.grant_types, tokens=TokenChoices(resource_servers=("permits",))))
INACTIVE = {"active": False}


def server(client: str = "permits", **changes: object) -> RelyingParty:
    tokens = TokenChoices(resource_server=True, introspection_alg="ES256")
    wanted = {"openid": OpenIDClient(tokens=tokens), "redirect_uris": (), "purposes": (), "attributes": {}}
    return party(client, **{**wanted, **changes})


def city(*more: RelyingParty) -> City:
    return City(CLIENT, party("fare", openid=REFRESHES), *(more or (server(),)))


def ask(made: City, token: object, client: str = "permits", now: int = NOW + 1, *, accept: str = "") -> JsonAnswer:
    call = DirectRequest(
        form={"token": str(token)} if token else {},
        authorization=basic(client),
        path="/introspect",
        accept=frozenset({accept}),
    )
    return made.provider.introspect(call, now)


def revoke(made: City, token: object, client: str = "parking", now: int = NOW + 1) -> JsonAnswer:
    form = {"token": str(token)} if token else {}
    return made.provider.revoke(DirectRequest(form=form, authorization=basic(client), path="/revoke"), now)


@pytest.mark.spec("RFC 7662 §2.2")
def test_a_resource_server_hears_for_whom_a_token_is_and_no_value() -> None:
    made = city()
    answer = signed_in(made)
    found = ask(made, answer.body["access_token"])
    assert found.body == {
        "active": True,
        "iss": ISSUER,
        "aud": "permits",
        "client_id": "parking",
        "scope": "openid purpose:parking offline_access",
        "token_type": "Bearer",
        "iat": NOW,
        "exp": NOW + ACCESS_TOKEN_LIFE,
        "auth_time": NOW - 30,
        "acr": LevelOfAssurance.SUBSTANTIAL.uri,
        "sub": "3JZ4KUQW2D7M",
    }
    assert found.headers["Cache-Control"] == "no-store"


@pytest.mark.spec("decisions.md 27")
@pytest.mark.spec("security.md §2.2")
def test_a_resource_server_of_another_sector_learns_no_pseudonym() -> None:
    made = city(server(sector=Sector("taxes")))
    found = ask(made, signed_in(made).body["access_token"])
    assert found.body["active"] is True
    assert "sub" not in found.body


@pytest.mark.spec("RFC 9449 §6.2")
@pytest.mark.spec("RFC 8705 §3.2")
@pytest.mark.parametrize(
    ("cnf", "told", "kind"), [("jkt:abc", {"jkt": "abc"}, "DPoP"), ("x5t#S256:def", {"x5t#S256": "def"}, "Bearer")]
)
def test_it_hears_whose_key_a_token_is_bound_to(cnf: str, told: dict[str, str], kind: str) -> None:
    made = city()
    handle = b"t" * 32
    held = grant(cnf=cnf, issued=NOW)
    row = made.sealer.park("access", handle, GRANT.dump(held), NOW + ACCESS_TOKEN_LIFE)
    made.store.commit(Unit(tenant=TENANT, parked=(row,)))
    found = ask(made, base64url(handle))
    assert (found.body["cnf"], found.body["token_type"]) == (told, kind)


@pytest.mark.spec("RFC 7662 §2.2")
@pytest.mark.spec("RFC 7662 §4; RFC 9700 §2.3")
def test_everything_else_is_inactive_and_nothing_more() -> None:
    made = city(server(), server("others"))
    answer = signed_in(made)
    token = answer.body["access_token"]
    assert ask(made, token).body["active"] is True
    assert ask(made, token, "others").body == INACTIVE, "a resource server that the client does not name"
    assert ask(made, token, "parking").body == INACTIVE, "its own client"
    assert ask(made, token, "fare").body == INACTIVE
    assert ask(made, token_of(answer)).body == INACTIVE, "a refresh token"
    for nothing in ("x", "é", base64url(b"x" * 32), base64url(b"h" * 32)):
        assert ask(made, nothing).body == INACTIVE
    assert ask(made, token, now=NOW + ACCESS_TOKEN_LIFE).body == INACTIVE
    made.suspended.add(ClientId("parking"))
    assert ask(made, token).body == INACTIVE


@pytest.mark.spec("RFC 7662 §2.3")
@pytest.mark.spec("RFC 7662 §2.1")
def test_who_asks_says_who_it_is() -> None:
    made = city()
    token = str(signed_in(made).body["access_token"])
    for authorization in ("", basic(secret="wrong"), f"Bearer {token}"):
        found = made.provider.introspect(DirectRequest(form={"token": token}, authorization=authorization), NOW)
        assert (found.status, found.body["error"]) == (401, "invalid_client")
        assert found.headers["WWW-Authenticate"].startswith("Basic ")
    app = City(CLIENT, server(), party("app", public=True, authentication_method="none", secret_sha256=""))
    found = app.provider.introspect(DirectRequest(form={"token": token, "client_id": "app"}), NOW)
    assert (found.status, found.body["error"]) == (401, "invalid_client"), "nobody asks in a public client's name"
    assert refused(ask(made, ""), "invalid_request")


@pytest.mark.spec("RFC 9701 §5")
@pytest.mark.spec("RFC 9701 §4; RFC 9701 §8.1")
def test_a_signed_answer_is_for_its_resource_server_and_is_no_other_token() -> None:
    made = city()
    token = signed_in(made).body["access_token"]
    for asked, active in ((token, True), ("nothing", False)):
        found = ask(made, asked, accept=SIGNED)
        assert found.media_type == "application/token-introspection+jwt"
        assert found.headers["Cache-Control"] == "no-store"
        keys = KeySet.import_key_set(cast(KeySetSerialization, made.provider.jwks(NOW).body))
        read = jwt.decode(found.jwt, keys, algorithms=["ES256"])
        assert read.header["typ"] == "token-introspection+jwt"
        assert set(read.claims) == {"iss", "aud", "iat", "token_introspection"}
        assert (read.claims["iss"], read.claims["aud"], read.claims["iat"]) == (ISSUER, "permits", NOW + 1)
        assert read.claims["token_introspection"] == ask(made, asked).body
        assert read.claims["token_introspection"]["active"] is active
    assert not ask(made, token, accept="application/json").jwt


@pytest.mark.spec("RFC 7009 §2.1")
def test_a_refresh_token_ends_with_all_that_came_of_its_sign_in() -> None:
    for number in (0, 1):
        made = city()
        answers = [first := signed_in(made), second := refresh(made, token_of(first))]
        assert revoke(made, token_of(answers[number])).status == 200, "the newest, and one that was used"
        assert refused(refresh(made, token_of(second), NOW + 2))
        for answer in answers:
            assert userinfo(made, answer, NOW + 2).status == 401
            assert ask(made, answer.body["access_token"]).body == INACTIVE


@pytest.mark.spec("RFC 7009 §2.1")
def test_an_access_token_ends_alone() -> None:
    made = city()
    first = signed_in(made)
    found = revoke(made, first.body["access_token"])
    assert (found.status, found.body) == (200, {})
    assert userinfo(made, first).status == 401
    assert userinfo(made, refresh(made, token_of(first))).status == 200


@pytest.mark.spec("RFC 7009 §2.2")
@pytest.mark.spec("RFC 7009 §5")
def test_a_token_that_is_none_or_anothers_gets_the_same_answer_and_nothing_happens() -> None:
    made = city()
    first = signed_in(made)
    for token in ("x", "é", base64url(b"x" * 32), base64url(b"x" * 48), first.body["access_token"], token_of(first)):
        found = revoke(made, token, "fare")
        assert (found.status, found.body) == (200, {})
    assert userinfo(made, first).status == 200
    assert refresh(made, token_of(first)).status == 200


@pytest.mark.spec("RFC 7009 §2.1")
@pytest.mark.spec("RFC 7009 §2")
def test_who_revokes_says_who_it_is_and_an_app_says_its_name() -> None:
    app = party("app", public=True, authentication_method="none", secret_sha256="", openid=REFRESHES)
    made = City(app, party())
    found = made.provider.revoke(DirectRequest(form={"token": "x"}, authorization=basic(secret="wrong")), NOW)
    assert (found.status, found.body["error"]) == (401, "invalid_client")
    assert refused(revoke(made, ""), "invalid_request")
    issued = made.provider.token(posted(redemption(made.code(grant("app")), client_id="app"), ""), NOW)
    form = {"token": str(issued.body["access_token"]), "client_id": "app"}
    assert made.provider.revoke(DirectRequest(form={**form, "client_secret": "x"}), NOW).status == 401
    assert made.provider.revoke(DirectRequest(form=form), NOW).status == 200
    assert userinfo(made, issued).status == 401


@pytest.mark.spec("RFC 7009 §2.2.1")
def test_what_the_store_cannot_end_is_not_called_ended() -> None:
    made = city()
    first = signed_in(made)
    made.store.down = True
    assert revoke(made, token_of(first)).status == 503
    made.store.down = False
    assert refresh(made, token_of(first)).status == 200


@pytest.mark.spec("RFC 7523 §3")
def test_an_assertion_is_used_once_at_both_endpoints() -> None:
    for endpoint in ("introspect", "revoke"):
        made = City(key_party("fare"), party())
        form = {name: value for name, value in asserted("", assertion()).items() if name.startswith("client_")}
        call = DirectRequest(form={**form, "token": "x"}, path=f"/{endpoint}")
        answers = [getattr(made.provider, endpoint)(call, NOW) for _ in range(2)]
        assert [one.status for one in answers] == [200, 401]


@pytest.mark.spec("decisions.md 31")
def test_a_resource_server_that_is_switched_off_hears_nothing() -> None:
    made = city()
    token = signed_in(made).body["access_token"]
    made.suspended.add(ClientId("permits"))
    assert ask(made, token).body["error"] == "invalid_client"
