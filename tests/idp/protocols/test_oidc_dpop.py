"""DPoP (RFC 9449) at the token endpoint and userinfo: a token is of no use but to the key that it was issued to."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.signatures.jws import ALGORITHMS
from connectors.wire.claims import Json
from idp.login.sealing import Sealer
from idp.protocols.oidc.client import Authenticated
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer
from idp.protocols.oidc.requests.request import read_protocol
from idp.protocols.oidc.senders import Senders, fault_of_renewal
from policies.errors import RequestRefused
from policies.registrations.openid_client import OpenIDClient
from tests.connectors_jws.dpop_doubles import Sender
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    TENANT,
    City,
    accepted,
    answer,
    asserted,
    assertion,
    basic,
    declined,
    grant,
    key_party,
    party,
    redemption,
    request,
)
from tests.sealing import fixed_keys

TOKEN, USERINFO = f"{ISSUER}/token", f"{ISSUER}/userinfo"
BOUND = OpenIDClient(dpop_bound_access_tokens=True)
FAPI = OpenIDClient(profile="fapi2", dpop_bound_access_tokens=True)


def redeem(city: City, code: str, *proofs: str, authorization: str | None = None, **changes: str | None) -> JsonAnswer:
    form, sent = redemption(code, **changes), basic() if authorization is None else authorization
    return city.provider.token(DirectRequest(form=form, authorization=sent, proofs=proofs), NOW)


def use(city: City, token: Json, *proofs: str, scheme: str = "DPoP", now: int = NOW) -> JsonAnswer:
    call = DirectRequest(authorization=f"{scheme} {token}", proofs=proofs, method="GET", path="/userinfo")
    return city.provider.userinfo(call, now)


def issued(city: City, sender: Sender, handle: bytes = b"h" * 32) -> str:
    found = redeem(city, city.code(grant(), handle), sender.proof(TOKEN, NOW))
    assert found.status == 200, found.detail
    return str(found.body["access_token"])


def refused(found: JsonAnswer, error: str, status: int = 400) -> str:
    assert (found.status, found.body["error"]) == (status, error), found.detail
    assert "access_token" not in found.body
    assert "sub" not in found.body
    return str(found.body["error_description"])


@pytest.mark.spec("RFC 9449 §5")
@pytest.mark.spec("RFC 9449 §6")
@pytest.mark.spec("RFC 9449 §7.1")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-access-token-type-header-case-sensitivity")
@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
def test_a_proof_gives_a_token_of_its_key_alone(scheme: str) -> None:
    city, sender = City(), Sender()
    found = redeem(city, city.code(grant()), sender.proof(TOKEN, NOW))
    assert (found.status, found.body["token_type"]) == (200, "DPoP")
    token = str(found.body["access_token"])
    told = use(city, token, sender.proof(USERINFO, NOW, method="GET", token=token), scheme=scheme)
    assert (told.status, told.body["sub"]) == (200, "3JZ4KUQW2D7M")
    assert "DPoP-Nonce" not in told.headers


@pytest.mark.spec("RFC 9449 §7.2")
@pytest.mark.spec("RFC 9700 §4.10")
@pytest.mark.spec("security.md §2.2")
def test_a_token_of_a_key_is_no_bearer_token() -> None:
    city, sender = City(), Sender()
    token = issued(city, sender)
    proof = sender.proof(USERINFO, NOW, method="GET", token=token)
    for found in (use(city, token, scheme="Bearer"), use(city, token, proof, scheme="Bearer"), use(city, token)):
        refused(found, "invalid_token", 401)
        assert found.headers["WWW-Authenticate"].startswith(f'DPoP realm="{ISSUER}", algs="{" ".join(ALGORITHMS)}"')
    form = DirectRequest(form={"access_token": token}, path="/userinfo", proofs=(proof,))
    refused(city.provider.userinfo(form, NOW), "invalid_token", 401)
    # None of these used the proof up
    assert use(city, token, proof).status == 200


@pytest.mark.spec("RFC 9449 §7.1")
def test_a_token_of_nobody_is_none_of_a_key() -> None:
    city, sender = City(), Sender()
    token = str(redeem(city, city.code(grant())).body["access_token"])
    refused(use(city, token, sender.proof(USERINFO, NOW, method="GET", token=token)), "invalid_token", 401)
    assert use(city, token, scheme="Bearer").status == 200


@pytest.mark.spec("RFC 9449 §7.1")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-dpop-negative-tests")
def test_at_userinfo_a_proof_is_of_the_same_key_token_and_address() -> None:
    city, sender, thief = City(), Sender(), Sender(number=32)
    token = issued(city, sender)
    wrong: Mapping[str, str] = {
        "another key": thief.proof(USERINFO, NOW, method="GET", token=token),
        "no ath": sender.proof(USERINFO, NOW, method="GET"),
        "another token": sender.proof(USERINFO, NOW, method="GET", token="another"),
        "another address": sender.proof(TOKEN, NOW, method="GET", token=token),
        "another method": sender.proof(USERINFO, NOW, token=token),
        "old": sender.proof(USERINFO, NOW - 60, method="GET", token=token),
    }
    for what, proof in wrong.items():
        found = use(city, token, proof)
        refused(found, "invalid_token" if what == "another key" else "invalid_dpop_proof", 401)
        assert found.headers["WWW-Authenticate"].startswith("DPoP "), what
    one = sender.proof(USERINFO, NOW, method="GET", token=token)
    refused(use(city, token, one, one), "invalid_dpop_proof", 401)


@pytest.mark.spec("RFC 9449 §11.1")
@pytest.mark.spec("security.md §2.2")
def test_a_proof_is_used_once_and_its_repetition_ends_nothing() -> None:
    city, sender = City(), Sender()
    proof, code = sender.proof(TOKEN, NOW), city.code(grant())
    token = str(redeem(city, code, proof).body["access_token"])
    # The whole request again, as somebody would who saw it: no token, and the first one still holds
    refused(redeem(city, code, proof), "invalid_dpop_proof")
    refused(redeem(city, city.code(grant(), b"i" * 32), proof), "invalid_dpop_proof")
    one = sender.proof(USERINFO, NOW, method="GET", token=token)
    assert use(city, token, one).status == 200
    found = use(city, token, one)
    assert refused(found, "invalid_dpop_proof", 401) == "The DPoP proof was used already."
    (mark,) = city.store.units[-1].marks
    assert mark.end > NOW + 60


def test_a_refused_request_uses_its_proof_up() -> None:
    city, sender = City(), Sender()
    proof = sender.proof(TOKEN, NOW)
    refused(redeem(city, "AAAA" * 11, proof), "invalid_grant")
    refused(redeem(city, city.code(grant()), proof), "invalid_dpop_proof")


@pytest.mark.spec("security.md §2.2")
def test_without_the_store_no_proof_is_taken() -> None:
    city, sender = City(), Sender()
    token, code = issued(city, sender), city.code(grant(), b"i" * 32)
    city.store.down = True
    assert redeem(city, code, sender.proof(TOKEN, NOW)).status == 503
    with pytest.raises(Exception, match="read-only"):
        use(city, token, sender.proof(USERINFO, NOW, method="GET", token=token))


@pytest.mark.spec("RFC 9449 §5.2")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-holder-of-key-required")
def test_a_client_whose_tokens_are_bound_is_refused_without_a_proof() -> None:
    city = City(party(openid=BOUND))
    code = city.code(grant())
    refused(redeem(city, code), "invalid_dpop_proof")
    assert redeem(city, code, Sender().proof(TOKEN, NOW)).body["token_type"] == "DPoP"


def test_a_proof_that_does_not_hold_says_which_check_failed_and_redeems_nothing() -> None:
    city, sender = City(), Sender()
    code = city.code(grant())
    assert "dpop_address" in refused(redeem(city, code, sender.proof(USERINFO, NOW)), "invalid_dpop_proof")
    refused(redeem(city, code, sender.proof(TOKEN, NOW), sender.proof(TOKEN, NOW)), "invalid_dpop_proof")
    assert redeem(city, code, sender.proof(TOKEN, NOW)).status == 200


@pytest.mark.spec("RFC 9449 §10")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpop-auth-code-binding-success")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-jkt")
def test_a_code_of_a_key_is_redeemed_with_that_key_alone() -> None:
    city, sender, thief = City(), Sender(), Sender(number=32)
    origin = accepted(city, dpop_jkt=sender.thumbprint).origin
    assert read_protocol(origin).dpop_jkt == sender.thumbprint
    code = city.code(replace(grant(), origin=origin))
    refused(redeem(city, code, thief.proof(TOKEN, NOW)), "invalid_grant")
    refused(redeem(city, code), "invalid_grant")
    assert redeem(city, code, sender.proof(TOKEN, NOW)).status == 200


@pytest.mark.parametrize("thumbprint", ["short", "A" * 42 + "B", "A" * 44, "+" * 43])
def test_a_dpop_jkt_that_is_no_thumbprint_is_refused(thumbprint: str) -> None:
    assert answer(declined(City(), dpop_jkt=thumbprint))["error"] == "invalid_request"


def _pushed(city: City, *proofs: str, **form: str) -> str:
    call = DirectRequest(form=form, proofs=proofs, path="/par")
    parameters, caller = city.provider.senders.pushed(call, Authenticated(party()), NOW)
    assert len(caller.marks) == len(proofs)
    return parameters.get("dpop_jkt", "")


@pytest.mark.spec("RFC 9449 §10.1")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-mismatched-dpop-jkt-fails")
def test_at_par_a_proof_binds_the_code_and_agrees_with_dpop_jkt() -> None:
    city, sender, other = City(), Sender(), Sender(number=32)
    proof = sender.proof(f"{ISSUER}/par", NOW)
    assert _pushed(city, proof) == sender.thumbprint
    assert _pushed(city, proof, dpop_jkt=sender.thumbprint) == sender.thumbprint
    assert _pushed(city, dpop_jkt=other.thumbprint) == other.thumbprint
    with pytest.raises(RequestRefused) as refusal:
        _pushed(city, proof, dpop_jkt=other.thumbprint)
    assert refusal.value.oauth == "invalid_dpop_proof"


def _fapi(city: City, code: str, jti: str, *proofs: str, now: int = NOW) -> JsonAnswer:
    form = asserted(code, assertion(jti=jti, exp=now + 60, iat=now))
    return city.provider.token(DirectRequest(form=form, proofs=proofs), now)


@pytest.mark.spec("RFC 9449 §8")
@pytest.mark.spec("RFC 9449 §8.2")
@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.3.1")
def test_a_client_of_the_profile_gets_a_nonce_and_sends_it_back() -> None:
    city, sender = City(key_party(openid=FAPI)), Sender()
    code = city.code(grant("fare"))
    first = _fapi(city, code, "j1", sender.proof(TOKEN, NOW))
    refused(first, "use_dpop_nonce")
    nonce = first.headers["DPoP-Nonce"]
    assert len(nonce) == 22
    # The same assertion again: all that the request lacked was our nonce
    found = _fapi(city, code, "j1", sender.proof(TOKEN, NOW, nonce=nonce))
    assert (found.status, found.body["token_type"]) == (200, "DPoP")
    assert found.headers["DPoP-Nonce"] == nonce


@pytest.mark.spec("RFC 9449 §8.2")
def test_a_client_of_the_profile_gets_its_first_nonce_with_the_pushed_request_and_no_other_client_gets_one() -> None:
    city, sender = City(key_party(openid=FAPI), party()), Sender()
    code, address = city.code(grant("fare")), f"{ISSUER}/par"
    proven = {"client_assertion": assertion(jti="p1"), "client_assertion_type": asserted("", "")["client_assertion_type"]}
    form = {**request(client_id="fare", scope="openid purpose:fare").parameters, **proven}
    pushed = city.provider.push(DirectRequest(form=form, proofs=(sender.proof(address, NOW),), path="/par"), NOW)
    assert pushed.status == 201, pushed.detail
    assert _fapi(city, code, "j1", sender.proof(TOKEN, NOW, nonce=pushed.headers["DPoP-Nonce"])).status == 200
    call = DirectRequest(
        form=request().parameters, authorization=basic(), proofs=(sender.proof(address, NOW),), path="/par"
    )
    other = city.provider.push(call, NOW)
    assert (other.status, other.headers.get("DPoP-Nonce")) == (201, None)


@pytest.mark.spec("RFC 9449 §8.1")
@pytest.mark.spec("RFC 9449 §9")
def test_a_nonce_ends_after_minutes_and_every_worker_knows_it() -> None:
    city, sender = City(), Sender()
    other = Senders(issuer=ISSUER, sealer=Sealer(tenant=TENANT, keys=fixed_keys(bytes(32))))
    stale = DirectRequest(proofs=(sender.proof(TOKEN, NOW, nonce="old"),))
    nonce = other.renewed(stale, JsonAnswer(200, {}, {}), NOW).headers["DPoP-Nonce"]
    token = issued(city, sender)
    for moment, status in ((NOW, 200), (NOW + 119, 200), (NOW + 240, 401)):
        proof = sender.proof(USERINFO, moment, method="GET", token=token, nonce=nonce)
        found = use(city, token, proof, now=moment)
        assert found.status == status
        assert found.headers["DPoP-Nonce"]
    refused(found, "use_dpop_nonce", 401)
    assert 'error="use_dpop_nonce"' in found.headers["WWW-Authenticate"]
    assert found.headers["DPoP-Nonce"] != nonce


@pytest.mark.spec("FAPI 2.0 Security Profile §5.4.1")
def test_the_profile_takes_no_proof_of_another_algorithm() -> None:
    city = City(key_party(openid=FAPI))
    refused(_fapi(city, city.code(grant("fare")), "j1", Sender("RS256").proof(TOKEN, NOW)), "invalid_dpop_proof")


def test_a_refused_proof_spends_the_assertion_beside_it() -> None:
    city = City(key_party(openid=BOUND))
    code = city.code(grant("fare"))
    refused(_fapi(city, code, "j1", Sender().proof(USERINFO, NOW)), "invalid_dpop_proof")
    refused(_fapi(city, code, "j1", Sender().proof(TOKEN, NOW)), "invalid_client", 401)


@pytest.mark.spec("RFC 9449 §5")
@pytest.mark.spec("security.md §2.2")
def test_a_grant_of_a_key_is_renewed_with_it() -> None:
    app = party(public=True, authentication_method="none", secret_sha256="")
    ours, others = "jkt:ours", "jkt:others"
    bound, free = grant(cnf=ours), grant()
    assert not fault_of_renewal(bound, Authenticated(app, cnf=ours))
    assert fault_of_renewal(bound, Authenticated(app, cnf=others))
    assert fault_of_renewal(bound, Authenticated(app))
    # A confidential client may have another key, and needs one
    assert not fault_of_renewal(bound, Authenticated(party(), cnf=others))
    assert fault_of_renewal(bound, Authenticated(party()))
    assert fault_of_renewal(bound, Authenticated(party(), cnf="x5t#S256:another"))
    assert not fault_of_renewal(free, Authenticated(app))
    assert not fault_of_renewal(free, Authenticated(app, cnf=others))
