"""The plan fapi2-security-profile-final-test-plan (plain responses, private_key_jwt, DPoP), module by module."""

# ruff: noqa: E501 - the names of modules are long

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from connectors.wire.claims import Json
from tests.conformance.fapi2 import Profile
from tests.conformance.suite import BASIC, FAPI2_SECOND, SCOPE, SuiteStage, callback
from tests.connectors_jws.dpop_doubles import Sender
from tests.connectors_jws.jws_doubles import handmade, private_key
from tests.idp.web.visitor import DIRECT, VERIFIER, Answer, Visitor


@pytest.fixture
def profile(suite_stage: SuiteStage) -> Iterator[Profile]:
    with Visitor(suite_stage) as visitor:
        yield Profile(visitor, suite_stage)


def _refused(answer: Answer, *errors: str, status: int = 400) -> None:
    assert answer.status == status, answer.text
    assert answer.json["error"] in errors
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-discovery-end-point-verification")
@pytest.mark.spec("RFC 9449 §5.1; RFC 9126 §5; JARM §4; RFC 9700 §2.5; RFC 9701 §7")
def test_discovery(profile: Profile) -> None:
    found = profile.visitor.go("GET", "/.well-known/openid-configuration", headers=DIRECT).json
    assert found["pushed_authorization_request_endpoint"] == f"{profile.stage.issuer}/par"
    assert found["authorization_response_iss_parameter_supported"] is True
    for name, wanted in (
        ("token_endpoint_auth_methods_supported", "private_key_jwt"),
        ("token_endpoint_auth_signing_alg_values_supported", "ES256"),
        ("dpop_signing_alg_values_supported", "ES256"),
        ("code_challenge_methods_supported", "S256"),
        ("grant_types_supported", "authorization_code"),
        ("authorization_signing_alg_values_supported", "ES256"),
        ("introspection_signing_alg_values_supported", "ES256"),
    ):
        listed = found[name]
        assert isinstance(listed, list)
        assert wanted in listed


@pytest.mark.spec(
    "FAPI2 OP fapi2-security-profile-final-happy-flow; FAPI2 OP fapi2-security-profile-final-par-without-duplicate-parameters"
)
@pytest.mark.spec(
    "FAPI 2.0 Security Profile §5.3.2.1; FAPI 2.0 Security Profile §5.3.2.2; FAPI 2.0 Security Profile §5.3.4; RFC 9449 §5"
)
def test_happy_flow(profile: Profile) -> None:
    tokens = profile.tokens(profile.code(scope=f"{SCOPE} email"))
    answer = profile.userinfo(str(tokens["access_token"]))
    assert answer.status == 200, answer.text
    assert answer.json["sub"] == tokens["sub"]


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-user-rejects-authentication")
@pytest.mark.spec("OpenID Connect Core §3.1.2.4")
def test_user_rejects_authentication(profile: Profile) -> None:
    found = profile.signs_in(profile.authorize(profile.reference()), "refuse")
    assert found["error"] == "access_denied"


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-access-token-type-header-case-sensitivity")
def test_access_token_type_header_case_sensitivity(profile: Profile) -> None:
    token = str(profile.tokens(profile.code())["access_token"])
    for scheme in ("DPoP", "dpop", "DPOP"):
        assert profile.userinfo(token, scheme=scheme).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"scope": "purpose:conformance openid"},
            marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-other-scope-order-succeeds"),
        ),
        pytest.param(
            {"nonce": "n" * 64},
            marks=pytest.mark.spec(
                "FAPI2 OP fapi2-security-profile-final-ensure-authorization-request-with-64-char-nonce-success; "
                "FAPI 2.0 Security Profile §5.3.2.3"
            ),
        ),
        pytest.param(
            {"nonce": "n" * 384},
            marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-authorization-request-with-long-nonce"),
        ),
        pytest.param(
            {"state": "s" * 1000},
            marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-authorization-request-with-long-state"),
        ),
        pytest.param(
            {"nonce": None},
            marks=pytest.mark.spec(
                "FAPI2 OP fapi2-security-profile-final-ensure-authorization-request-without-nonce-success"
            ),
        ),
        pytest.param(
            {"state": None},
            marks=pytest.mark.spec(
                "FAPI2 OP fapi2-security-profile-final-ensure-authorization-request-without-state-success"
            ),
        ),
        pytest.param(
            {"claims": '{"userinfo": {"given_name": {"essential": true}}}'},
            marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-test-claims-parameter-identity-claims"),
        ),
    ],
    ids=["scope-order", "nonce-64", "nonce-long", "state-long", "no-nonce", "no-state", "claims"],
)
def test_a_request_that_is_taken(profile: Profile, changes: dict[str, str | None]) -> None:
    profile.tokens(profile.code(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"response_type": "code id_token"}, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-response-type-code-idtoken-fails")),
        pytest.param({"response_type": "token"}, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-response-type-token-fails")),
        pytest.param({"code_challenge": None, "code_challenge_method": None}, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-ensure-pkce-required")),
        pytest.param({"code_challenge": VERIFIER, "code_challenge_method": "plain"}, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-plain-pkce-rejected")),
        pytest.param({"redirect_uri": None}, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request")),
        pytest.param({"redirect_uri": "https://evil.example/"}, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-registered-redirect-uri")),
        pytest.param({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-authorization-request-containing-request_uri-form-param")),
    ],
    ids=["code-id-token", "token", "no-pkce", "plain-pkce", "no-redirect", "other-redirect", "request-uri"],
)  # fmt: skip
@pytest.mark.spec("RFC 9126 §2.4")
def test_a_pushed_request_that_is_refused(profile: Profile, changes: dict[str, str | None]) -> None:
    _refused(profile.push(**changes), "invalid_request", "unsupported_response_type", "invalid_request_object")


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-attempt-invalid-http-method")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_par_attempt_invalid_http_method(profile: Profile, method: str) -> None:
    assert profile.visitor.go(method, "/par", headers=DIRECT, jar={}).status in {404, 405}


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-unsigned-authorization-request-without-using-par-fails")
def test_a_request_that_was_not_pushed(profile: Profile) -> None:
    answer = profile.visitor.go("GET", "/authorize?" + urlencode(profile.request()))
    assert answer.status in {303, 400}
    if answer.status == 303:
        assert "error=invalid_request" in answer.headers["location"]


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-attempt-to-use-expired-request_uri")
def test_an_expired_request_uri(profile: Profile) -> None:
    request_uri = profile.reference()
    profile.stage.clock.ahead = 600
    assert profile.authorize(request_uri).status == 400


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-attempt-to-use-request_uri-for-different-client")
def test_a_request_uri_of_another_client(profile: Profile) -> None:
    for client in (FAPI2_SECOND, BASIC):
        assert profile.authorize(profile.reference(), client=client).status == 400


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-attempt-reuse-request_uri")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds")
def test_a_request_uri_is_good_until_its_login_is_over(profile: Profile) -> None:
    request_uri = profile.reference()
    profile.authorize(request_uri)
    profile.signs_in(profile.authorize(request_uri))
    assert profile.authorize(request_uri).status == 400


# -- who calls ---------------------------------------------------------------------------------------------------------

ASSERTIONS: dict[str, Callable[[Profile], str]] = {
    "expired": lambda one: one.assertion(exp=one.stage.clock() - 300, iat=one.stage.clock() - 360),
    "no-sub": lambda one: one.assertion(sub=None),
    "wrong-aud": lambda one: one.assertion(aud="https://evil.example"),
    "aud-list": lambda one: one.assertion(aud=[one.stage.issuer]),
    "aud-par": lambda one: one.assertion(aud=f"{one.stage.issuer}/par"),
    "aud-token": lambda one: one.assertion(aud=f"{one.stage.issuer}/token"),
    "nbf-61": lambda one: one.assertion(nbf=one.stage.clock() + 61),
    "rs256": lambda one: handmade({"alg": "RS256", "typ": "JWT"}, _claims(one), private_key("RS256")),
    "none": lambda _one: "",
}


def _claims(one: Profile) -> dict[str, Json]:
    now = one.stage.clock()
    return {"iss": one.client, "sub": one.client, "aud": one.stage.issuer, "jti": "rs256", "iat": now, "exp": now + 60}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("expired", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails")),
        pytest.param("no-sub", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-client-assertion-with-no-sub-fails")),
        pytest.param("wrong-aud", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails")),
        pytest.param("aud-list", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-test-array-as-audience-fails")),
        pytest.param("aud-par", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-test-par-endpoint-url-as-audience-fails")),
        pytest.param("aud-token", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-test-token-endpoint-url-as-audience-fails")),
        pytest.param("nbf-61", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails")),
        pytest.param("rs256", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails")),
        pytest.param("none", marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint")),
    ],
)  # fmt: skip
@pytest.mark.spec("RFC 7523 §3.2")
def test_an_assertion_that_is_refused_at_both_endpoints(profile: Profile, kind: str) -> None:
    _refused(profile.push(assertion=ASSERTIONS[kind](profile)), "invalid_client", status=401)
    code = profile.code()
    _refused(profile.redeem(code, assertion=ASSERTIONS[kind](profile)), "invalid_client", status=401)
    profile.tokens(code)


@pytest.mark.spec(
    "FAPI2 OP fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted"
)
def test_a_clock_that_is_eight_seconds_ahead(profile: Profile) -> None:
    now = profile.stage.clock()
    assert profile.push(assertion=profile.assertion(nbf=now + 8, iat=now + 8)).status == 201


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-client-id-in-token-endpoint")
def test_a_client_id_beside_another_clients_assertion(profile: Profile) -> None:
    code = profile.code()
    answer = profile.redeem(code, client_id=FAPI2_SECOND)
    assert answer.status in {400, 401}
    assert answer.json["error"] in {"invalid_client", "invalid_request"}


# -- codes -------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-authorization-code-is-bound-to-client; RFC 9700 §4.5")
def test_a_code_of_another_client(profile: Profile) -> None:
    code = profile.code()
    other = Profile(profile.visitor, profile.stage, client=FAPI2_SECOND)
    _refused(other.redeem(code, redirect_uri=callback(profile.client)), "invalid_grant")


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second")
def test_a_code_that_is_used_again(profile: Profile) -> None:
    code = profile.code()
    token = str(profile.tokens(code)["access_token"])
    profile.stage.clock.ahead = 1
    _refused(profile.redeem(code), "invalid_grant")
    assert profile.userinfo(token).status == 401


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-token-endpoint-fails-with-expired-auth-code")
def test_a_code_that_has_expired(profile: Profile) -> None:
    code = profile.code()
    profile.stage.clock.ahead = 61
    _refused(profile.redeem(code), "invalid_grant")


@pytest.mark.spec(
    "FAPI2 OP fapi2-security-profile-final-ensure-pkce-code-verifier-required; FAPI2 OP fapi2-security-profile-final-incorrect-pkce-code-verifier-rejected"
)
def test_a_verifier_that_lacks_or_is_another(profile: Profile) -> None:
    code = profile.code()
    for verifier in (None, "x" * 43):
        _refused(profile.redeem(code, code_verifier=verifier), "invalid_grant", "invalid_request")
    profile.tokens(code)


# -- DPoP --------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-holder-of-key-required; RFC 9449 §5.2")
@pytest.mark.spec("RFC 9700 §2.2; RFC 9700 §4.9")
def test_a_token_request_without_a_proof(profile: Profile) -> None:
    code = profile.code()
    _refused(profile.redeem(code, proof=""), "invalid_dpop_proof", "invalid_request")
    token = str(profile.tokens(code)["access_token"])
    for answer in (profile.userinfo(token, proof=""), profile.userinfo(token, scheme="Bearer", proof="")):
        assert answer.status == 401
        assert "DPoP" in answer.headers["www-authenticate"]


@pytest.mark.spec(
    "FAPI2 OP fapi2-security-profile-final-dpop-negative-tests; FAPI2 OP fapi2-security-profile-final-check-dpop-proof-nbf-exp"
)
def test_dpop_negative_tests(profile: Profile) -> None:
    code = profile.code()
    profile.redeem(code, proof=profile.proof("/token"))  # for a nonce
    now = profile.stage.clock()
    bad: tuple[dict[str, Json], ...] = (
        {"htm": "GET"},
        {"htu": f"{profile.stage.issuer}/par"},
        {"iat": now - 300},
        {"iat": None},
    )
    for changes in bad:
        _refused(profile.redeem(code, proof=profile.proof_with(changes, "/token")), "invalid_dpop_proof")
    answer = profile.redeem(code, proof=profile.proof("/token", nbf=now - 5, exp=now + 60))
    assert answer.status == 200, answer.text
    token = str(answer.json["access_token"])
    once = profile.proof("/userinfo", method="GET", token=token)
    assert profile.userinfo(token, proof=once).status == 200
    others = (
        once,
        profile.proof("/userinfo", method="GET"),
        profile.proof("/userinfo", method="GET", token="another"),
        profile.proof("/userinfo", method="POST", token=token),
    )
    for proof in others:
        refused = profile.userinfo(token, proof=proof)
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("DPoP ")


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(9, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-after-succeeds")),
        pytest.param(-10, marks=pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-before-succeeds")),
    ],
)  # fmt: skip
def test_a_proof_of_another_clock(profile: Profile, seconds: int) -> None:
    profile.stage.clock.stand()
    code = profile.code()
    profile.redeem(code, proof=profile.proof("/token"))  # for a nonce
    answer = profile.redeem(code, proof=profile.proof("/token", iat=profile.stage.clock() + seconds))
    assert answer.status == 200, answer.text


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpop-auth-code-binding-success")
@pytest.mark.spec(
    "FAPI2 OP fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-jkt; RFC 9449 §10"
)
def test_dpop_jkt_binds_the_code(profile: Profile) -> None:
    code = profile.code(dpop_jkt=profile.sender.thumbprint)
    thief = Profile(profile.visitor, profile.stage, sender=Sender(number=32))
    _refused(thief.redeem(code), "invalid_grant", "invalid_dpop_proof")
    profile.tokens(code)


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpopproof-at-par-endpoint-binding-success")
@pytest.mark.spec(
    "FAPI2 OP fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt; RFC 9449 §10.1"
)
def test_a_proof_at_par_binds_the_code(profile: Profile) -> None:
    pushed = profile.push(proof=profile.proof("/par"))
    assert pushed.status == 201, pushed.text
    code = profile.signs_in(profile.authorize(str(pushed.json["request_uri"])))["code"]
    thief = Profile(profile.visitor, profile.stage, sender=Sender(number=32))
    _refused(thief.redeem(code), "invalid_grant", "invalid_dpop_proof")
    profile.tokens(code)


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-mismatched-dpop-jkt-fails")
def test_dpop_jkt_that_is_not_the_proofs(profile: Profile) -> None:
    answer = profile.push(proof=profile.proof("/par"), dpop_jkt=Sender(number=32).thumbprint)
    _refused(answer, "invalid_request", "invalid_dpop_proof")


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-refresh-token; RFC 6749 §6; RFC 9449 §5")
def test_refresh_token(profile: Profile) -> None:
    tokens = profile.tokens(profile.code(scope=f"{SCOPE} offline_access", prompt="consent"))
    form = {"grant_type": "refresh_token", "refresh_token": str(tokens["refresh_token"])}
    _refused(profile.call("/token", form), "invalid_dpop_proof", "invalid_request", "invalid_grant")
    other = Profile(profile.visitor, profile.stage, client=FAPI2_SECOND, nonce=profile.nonce)
    _refused(other.call("/token", form, proof=other.proof("/token")), "invalid_grant")
    first = profile.call("/token", form, proof=profile.proof("/token"))
    assert first.status == 200, first.text
    assert first.json["token_type"] == "DPoP"
    assert profile.userinfo(str(first.json["access_token"])).status == 200
    # The answer may have been lost: the profile wants no rotation that a retry would break (§5.3.2.1)
    again = profile.call("/token", form, proof=profile.proof("/token"))
    assert again.status == 200, again.text
