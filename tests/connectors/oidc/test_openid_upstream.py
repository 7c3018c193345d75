"""A login at an OpenID provider over real sockets: what we ask, how we prove who we are, and what becomes of the answer."""

import json
from dataclasses import replace

import pytest

from connectors.connector import Inbound
from connectors.oidc.metadata import read_provider_metadata
from connectors.oidc.published_keys import LAST_SECONDS
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName
from policies.errors import AssertionRejected, AssuranceTooLow, Misconfigured, PeerUnavailable
from policies.persons import PersonKind
from policies.registrations.openid_registration import OpenIDRegistration
from tests.connectors.oidc.bench import (
    ADDRESS,
    ASK,
    BIRTHDATE,
    CALLBACK,
    ENCRYPTION,
    GIVEN,
    LOGIN,
    NOW,
    REGISTERED,
    asked,
    connector,
    forced,
    login,
    of,
    parameters,
    registration,
)
from tests.connectors.oidc.upstream import HIGH, LEFT_OUT, LOW, SUBJECT, SUBSTANTIAL, Upstream


@pytest.mark.spec("OpenID Connect Core §3.1.3.3")
def test_a_login_gives_the_same_assertion_as_any_other(op: Upstream) -> None:
    found = login(connector(op), op)
    assert (found.issuer, found.namespace, found.subject, found.session) == (op.base, "test/EE", SUBJECT, "session-1")
    assert found.offered.loa is LevelOfAssurance.SUBSTANTIAL
    assert found.offered.attributes == {
        GIVEN: "Mari",
        BIRTHDATE: "1987-03-14",
        ADDRESS: Address(locality="Tartu", country="EE"),
        AttributeName("nationality"): ("EE", "LV"),
    }
    assert (found.authenticated_at, found.not_on_or_after) == (NOW, NOW + 300)
    assert op.hits == ["/token", "/jwks", "/userinfo"]


@pytest.mark.spec("OpenID Connect Core §5.5")
def test_nobody_is_asked_for_more_than_the_question_needs(op: Upstream) -> None:
    url, _ = asked(connector(op))
    said = parameters(url)
    assert url.startswith(f"{op.base}/auth?")
    assert (said["scope"], said["response_type"], said["redirect_uri"]) == ("openid", "code", CALLBACK)
    assert (said["acr_values"], said["code_challenge_method"]) == (f"{SUBSTANTIAL} {HIGH}", "S256")
    claims = json.loads(said["claims"])
    assert claims["userinfo"] == {"given_name": None, "birthdate": {"essential": True}, "address": None}
    assert claims["id_token"]["acr"] == {"essential": True, "values": [SUBSTANTIAL, HIGH]}
    assert not {"prompt", "max_age", "ui_locales", "claims_locales", "login_hint", "id_token_hint"} & set(said)


@pytest.mark.spec("OpenID Connect Core §5.4")
def test_a_provider_without_the_claims_parameter_is_asked_by_scope(op: Upstream) -> None:
    url, _ = asked(connector(op, replace(REGISTERED, scopes=("eid",)), claims_parameter_supported=False))
    assert parameters(url)["scope"] == "openid eid profile address"
    url, _ = asked(connector(op, claims_parameter_supported=False), replace(ASK, attributes=()))
    assert parameters(url)["scope"] == "openid"


@pytest.mark.spec("RFC 7636 §4.1")
def test_state_nonce_and_verifier_are_new_for_each_question(op: Upstream) -> None:
    made = connector(op)
    said = [parameters(asked(made)[0]) for _ in range(2)]
    assert all(one["state"].startswith(f"{LOGIN}.") for one in said)
    for name in ("state", "nonce", "code_challenge"):
        assert said[0][name] != said[1][name]
    assert len({*said[0].values()}) == len(said[0])


def test_a_level_that_nobody_reaches_is_not_asked_for(op: Upstream) -> None:
    low = replace(registration(op), assurance={"basic": LevelOfAssurance.LOW})
    with pytest.raises(AssuranceTooLow):
        asked(of(low))


@pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_basic", "client_secret_post"])
@pytest.mark.spec("OpenID Connect Core §9")
def test_we_prove_who_we_are_in_the_way_that_was_agreed_on(op: Upstream, method: str) -> None:
    op.method = method
    assert login(connector(op, replace(REGISTERED, authentication_method=method)), op).subject == SUBJECT


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.spec("RFC 9126 §2.1")
@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.3.2")
def test_a_pushed_request_leaves_its_address_alone_in_the_browser(op: Upstream, *, signed: bool) -> None:
    made = connector(op, replace(REGISTERED, pushed=True, signed=signed))
    url, expectation = asked(made)
    assert set(parameters(url)) == {"client_id", "request_uri"}
    assert made.receive(Inbound("redirect", op.comes_back(url)), expectation, NOW).subject == SUBJECT


@pytest.mark.spec("RFC 9101 §4")
def test_a_request_object_holds_the_question(op: Upstream) -> None:
    made = connector(op, replace(REGISTERED, signed=True))
    url, expectation = asked(made, forced())
    assert set(parameters(url)) == {"client_id", "response_type", "scope", "request"}
    back = op.comes_back(url)
    inside = op.asked[back["code"]]
    assert (json.loads(inside["exp"]) - NOW, inside["max_age"], inside["prompt"]) == (300, "0", "login")
    assert json.loads(inside["claims"])["userinfo"]["birthdate"] == {"essential": True}
    assert made.receive(Inbound("redirect", back), expectation, NOW).subject == SUBJECT


@pytest.mark.parametrize("nonce", ["", "n-1"])
@pytest.mark.spec("RFC 9449 §8")
def test_tokens_are_bound_to_a_key_of_this_exchange(op: Upstream, nonce: str) -> None:
    op.dpop, op.nonce = True, nonce
    assert login(connector(op, replace(REGISTERED, dpop=True)), op).subject == SUBJECT
    assert op.hits.count("/token") == op.hits.count("/userinfo") == (2 if nonce else 1)


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.spec("OpenID Connect Core §5.3.2")
def test_userinfo_may_be_signed_and_both_may_be_encrypted(op: Upstream, *, encrypted: bool) -> None:
    enc = "A128GCM" if encrypted else ""
    op.userinfo_alg, op.encrypted = "ES256", ENCRYPTION.public_key if encrypted else None
    ours = replace(REGISTERED, userinfo_alg="ES256", id_token_enc=enc, userinfo_enc=enc)
    assert login(connector(op, ours), op).offered.attributes[GIVEN] == "Mari"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES384", "EdDSA"])
def test_the_algorithm_is_that_of_the_registration(op: Upstream, alg: str) -> None:
    op.alg = alg
    assert login(connector(op, replace(REGISTERED, id_token_alg=alg)), op).subject == SUBJECT


def test_an_id_token_that_has_everything_saves_the_question_for_userinfo(op: Upstream) -> None:
    op.claims = {name: value for name, value in op.person.items() if name != "sub"}
    op.claims["given_name"] = "Of the token"
    assert login(connector(op), op).offered.attributes[GIVEN] == "Of the token"
    assert "/userinfo" not in op.hits


def test_a_claim_may_identify(op: Upstream) -> None:
    by_claim = replace(registration(op), subject_attribute="personal_code")
    op.person["personal_code"] = "EE-1"
    made = of(by_claim)
    assert json.loads(parameters(asked(made)[0])["claims"])["userinfo"]["personal_code"] == {"essential": True}
    assert login(made, op).subject == "EE-1"


@pytest.mark.parametrize(
    ("kinds", "company", "person", "check"),
    [
        ({PersonKind.LEGAL}, "hrb-1", {}, ""),
        # A representative never becomes the company, also where nobody can read who it is
        ({PersonKind.LEGAL}, "hrb-1", {"given_name": "Mari"}, "representation"),
        ({PersonKind.LEGAL}, "hrb-1", {"given_name": ["Mari", "Maria"]}, "representation"),
        # What cannot be read makes nobody act for themself
        ({PersonKind.NATURAL}, ["hrb-1", "hrb-2"], {"given_name": "Mari"}, "represented"),
        ({PersonKind.NATURAL}, {"number": "hrb-1"}, {"given_name": "Mari"}, "represented"),
        ({PersonKind.NATURAL}, "hrb\n1", {"given_name": "Mari"}, "represented"),
    ],
)
def test_whoever_represents_a_company_is_neither_it_nor_there_for_themself(
    op: Upstream, kinds: set[PersonKind], company: Json, person: dict[str, Json], check: str
) -> None:
    registered = registration(op)
    table = {**registered.attributes, "company": (AttributeName("legal_person_identifier"), "")}
    made = of(replace(registered, persons=frozenset(kinds), attributes=table))
    op.person = {"sub": op.person["sub"], "company": company, **person}
    if not check:
        assert login(made, op).kind is PersonKind.LEGAL
        return
    with pytest.raises(AssertionRejected) as refused:
        login(made, op)
    assert refused.value.check == check


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
def test_a_forced_login_asks_for_a_new_one_and_for_when(op: Upstream) -> None:
    said = parameters(asked(connector(op), forced())[0])
    assert (said["prompt"], said["max_age"]) == ("login", "0")
    op.now, op.claims["auth_time"] = NOW + 240, NOW + 200
    assert login(connector(op), op, forced(), NOW + 240).authenticated_at == NOW + 200
    op.now, op.claims["auth_time"] = NOW, NOW - 500
    assert login(connector(op), op, forced(600)).authenticated_at == NOW - 500


@pytest.mark.spec("OpenID Connect Core §10.1.1")
def test_a_new_key_is_fetched_and_then_known(op: Upstream) -> None:
    made = connector(op)
    login(made, op)
    op.number, op.kid = 1, "op-2"
    # Whoever asked within the last minute is not asked again: see the hostile provider
    made._keys._tried -= 60
    assert [login(made, op).subject for _ in range(2)] == [SUBJECT, SUBJECT]
    assert op.hits.count("/jwks") == 2


def test_a_key_that_may_have_been_withdrawn_counts_for_no_more_than_a_day(op: Upstream) -> None:
    made = connector(op)
    login(made, op)
    op.odd["/jwks"] = lambda handler: handler.send_error(503)
    made._keys._fetched -= LAST_SECONDS - 60
    made._keys._tried -= LAST_SECONDS - 60
    assert login(made, op).subject == SUBJECT, "the last good set counts a while"
    made._keys._fetched -= 120
    made._keys._tried -= 120
    with pytest.raises((AssertionRejected, PeerUnavailable)):
        login(made, op)


def test_the_deviation_for_assertions_names_the_token_endpoint(op: Upstream) -> None:
    op.audience = f"{op.base}/token"
    assert login(of(replace(registration(op), deviations=frozenset({"token_endpoint_audience"}))), op).subject == SUBJECT


def test_the_deviation_for_basic_spells_the_secret_as_it_is(op: Upstream) -> None:
    op.method = "plain_basic"
    ours = replace(REGISTERED, authentication_method="client_secret_basic")
    plain = replace(registration(op, ours), deviations=frozenset({"plain_basic"}))
    assert login(of(plain), op).subject == SUBJECT
    with pytest.raises(Misconfigured):
        of(replace(plain, openid=replace(ours, client_id="a:b")))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"issuer": "https://other.example"}, "metadata"),
        ({"issuer": LEFT_OUT}, "metadata"),
        ({"token_endpoint": "http://op.example/token"}, "metadata"),
        ({"token_endpoint": LEFT_OUT}, "metadata"),
        ({"jwks_uri": "https://user@op.example/jwks"}, "metadata"),
        ({"userinfo_endpoint": 5}, "metadata"),
        ({"claims_supported": ["x" * 70_000]}, "metadata"),
        ({"response_types_supported": ["id_token"]}, "metadata"),
        ({"code_challenge_methods_supported": ["plain"]}, "metadata"),
        ({"id_token_signing_alg_values_supported": ["RS256"]}, "id_token_signed_response_alg"),
        ({"token_endpoint_auth_methods_supported": LEFT_OUT}, "token_endpoint_auth_method"),
        ({"require_pushed_authorization_requests": True}, "require_pushed_authorization_requests"),
        ({"require_signed_request_object": True}, "require_signed_request_object"),
    ],
)
@pytest.mark.spec("OpenID Connect Discovery §4.3")
def test_a_document_that_does_not_fit_is_refused_at_start(op: Upstream, changes: dict[str, str], key: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        connector(op, REGISTERED, **changes)
    assert [problem.key for problem in caught.value.problems] == [key]


@pytest.mark.parametrize(
    ("ours", "document", "key"),
    [
        (
            replace(REGISTERED, pushed=True),
            {"pushed_authorization_request_endpoint": LEFT_OUT},
            "require_pushed_authorization_requests",
        ),
        (
            replace(REGISTERED, signed=True),
            {"request_object_signing_alg_values_supported": LEFT_OUT},
            "require_signed_request_object",
        ),
        (replace(REGISTERED, dpop=True), {"dpop_signing_alg_values_supported": LEFT_OUT}, "dpop_bound_access_tokens"),
    ],
)
def test_what_the_provider_does_not_offer_is_refused_at_start(
    op: Upstream, ours: OpenIDRegistration, document: dict[str, str], key: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        connector(op, ours, **document)
    assert [problem.key for problem in caught.value.problems] == [key]


def test_a_document_names_each_member_once(op: Upstream) -> None:
    twice = json.dumps(op.document())[:-1] + ', "issuer": "x"}'
    with pytest.raises(ValueError, match="no discovery document"):
        read_provider_metadata(twice.encode(), op.base, demo=True)
    assert LOW not in parameters(asked(connector(op))[0])["acr_values"]
