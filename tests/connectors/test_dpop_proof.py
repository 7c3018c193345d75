"""A DPoP proof holds for one request, one key and one minute, and nothing else does."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connectors.checks import DPOP_CHECKS
from connectors.dpop_proof import ExpectedProof, judge_dpop_proof, knows_nonces
from connectors.signatures.jws import ALGORITHMS, base64url
from connectors.wire.claims import Json
from policies.errors import AssertionRejected
from tests.connectors_jws.dpop_doubles import Sender
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, private_key, token_key

NOW = 1_795_600_000
TOKEN = "https://id.storkhaven.example/token"
EXPECTED = ExpectedProof("POST", (TOKEN,), ALGORITHMS)


def _check(proof: str, expected: ExpectedProof = EXPECTED, *, now: int = NOW) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        judge_dpop_proof((proof,), expected, now)
    assert refusal.value.check in DPOP_CHECKS
    return refusal.value.check


@pytest.mark.spec("RFC 9449 §4.2")
@pytest.mark.spec("RFC 7638 §3")
@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_proof_of_each_algorithm_names_its_key_by_the_thumbprint(alg: str) -> None:
    sender = Sender(alg)
    held = judge_dpop_proof((sender.proof(TOKEN, NOW),), EXPECTED, NOW)
    assert (held.thumbprint, held.ends) == (sender.thumbprint, NOW + 60)


@pytest.mark.spec("RFC 9449 §4.1")
def test_there_is_one_header() -> None:
    sender = Sender()
    first = sender.proof(TOKEN, NOW)
    for proofs in ((), (first, sender.proof(TOKEN, NOW)), (first, first)):
        with pytest.raises(AssertionRejected) as refusal:
            judge_dpop_proof(proofs, EXPECTED, NOW)
        assert refusal.value.check == "dpop_count"
    assert _check(f"{first}, {sender.proof(TOKEN, NOW)}") in ("jws_form", "jws_size")


@pytest.mark.spec("RFC 9449 §4.3")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-dpop-negative-tests")
@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"htm": None}, "claim_htm"),
        ({"htm": "GET"}, "dpop_method"),
        ({"htm": "post"}, "dpop_method"),
        ({"htu": None}, "claim_htu"),
        ({"htu": ""}, "claim_htu"),
        ({"htu": "https://id.storkhaven.example/userinfo"}, "dpop_address"),
        ({"htu": "https://id.storkhaven.example/token/"}, "dpop_address"),
        ({"htu": "http://id.storkhaven.example/token"}, "dpop_address"),
        ({"htu": "https://id.storkhaven.example.evil.example/token"}, "dpop_address"),
        ({"htu": "https://evil.example@id.storkhaven.example/token"}, "dpop_address"),
        ({"htu": "https://id.storkhaven.example:8443/token"}, "dpop_address"),
        ({"htu": "https://id.storkhaven.example:x/token"}, "dpop_address"),
        ({"htu": "/token"}, "dpop_address"),
        ({"htu": [TOKEN]}, "claim_htu"),
        ({"iat": None}, "claim_iat"),
        ({"iat": "now"}, "claim_iat"),
        ({"iat": NOW + 0.5}, "claim_iat"),
        ({"iat": NOW - 60}, "dpop_issued"),
        ({"iat": NOW + 60}, "dpop_issued"),
        ({"iat": 0}, "dpop_issued"),
        ({"jti": None}, "claim_jti"),
        ({"jti": ""}, "claim_jti"),
        ({"jti": 7}, "claim_jti"),
        ({"jti": "j" * 257}, "dpop_jti"),
        ({"nonce": "of nobody"}, "dpop_nonce"),
        ({"nonce": 1}, "claim_nonce"),
    ],
)
def test_another_request_another_time_or_no_identifier_is_refused(changes: dict[str, Json], check: str) -> None:
    assert _check(Sender().proof_with(changes, TOKEN, NOW)) == check


@pytest.mark.spec("RFC 9449 §4.3")
@pytest.mark.parametrize(
    "address",
    [
        "https://id.storkhaven.example:443/token",
        "HTTPS://ID.Storkhaven.Example/token",
        "https://id.storkhaven.example/token?a=b",
        "https://id.storkhaven.example/token#c",
    ],
)
def test_spellings_of_one_address_are_one_and_query_and_fragment_do_not_count(address: str) -> None:
    assert judge_dpop_proof((Sender().proof(TOKEN, NOW, htu=address),), EXPECTED, NOW)


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-after-succeeds")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-before-succeeds")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-check-dpop-proof-nbf-exp")
@pytest.mark.parametrize("iat", [NOW - 59, NOW - 10, NOW + 10, NOW + 59])
def test_a_clock_may_be_wrong_by_less_than_a_minute(iat: int) -> None:
    held = judge_dpop_proof((Sender().proof(TOKEN, NOW, iat=iat, nbf=iat, exp=iat + 5),), EXPECTED, NOW)
    assert held.ends == iat + 60


@pytest.mark.spec("RFC 9449 §4.3")
@pytest.mark.spec("RFC 9449 §11.6")
@pytest.mark.spec("security.md §2.2")
@pytest.mark.parametrize(
    ("header", "check"),
    [
        ({"typ": None}, "jws_typ"),
        ({"typ": "JWT"}, "jws_typ"),
        ({"typ": "at+jwt"}, "jws_typ"),
        ({"alg": "none"}, "jws_alg"),
        ({"alg": "HS256"}, "jws_alg"),
        ({"alg": None}, "jws_alg"),
        ({"alg": "RS256"}, "jwk"),
        ({"jwk": None}, "jwk"),
        ({"jwk": "a key"}, "jwk"),
        ({"jwk": {"kty": "oct", "k": "c2VjcmV0"}}, "jwk"),
        ({"jwk": {**Sender().jwk, "d": "AQ"}}, "jwk"),
        ({"jwk": {**Sender().jwk, "k": "AQ"}}, "jwk"),
        ({"jwk": {**Sender().jwk, "use": "enc"}}, "jwk"),
        ({"jwk": {**Sender().jwk, "x": Sender().jwk["y"]}}, "jwk"),
        ({"jwk": Sender(number=77).jwk}, "jws_signature"),
        ({"jku": "https://evil.example/keys"}, "jws_header"),
        ({"x5c": ["MIIB"]}, "jws_header"),
        ({"crit": ["b64"], "b64": False}, "jws_header"),
    ],
)
def test_the_header_brings_one_public_key_that_signed_and_nothing_else(header: dict[str, object], check: str) -> None:
    assert _check(Sender().proof(TOKEN, NOW, header=header)) == check


def test_an_rsa_key_is_neither_too_short_nor_work_for_an_attacker_to_give_us() -> None:
    key = private_key("RS256", 31).public_key()
    assert isinstance(key, RSAPublicKey)
    whole = key.public_numbers().n
    for modulus in (whole >> 1024, whole << 2049 | 1):
        octets = modulus.to_bytes((modulus.bit_length() + 7) // 8)
        jwk = {"kty": "RSA", "e": "AQAB", "n": base64url(octets)}
        assert _check(Sender("RS256").proof(TOKEN, NOW, header={"jwk": jwk})) == "jwk"


def test_another_signature_and_other_claims_are_refused() -> None:
    sender = Sender()
    proof = sender.proof(TOKEN, NOW)
    header, payload, signature = proof.split(".")
    other = sender.proof(TOKEN, NOW, htm="GET").split(".")
    assert _check(f"{header}.{payload}.{other[2]}") == "jws_signature"
    assert _check(f"{header}.{other[1]}.{signature}") == "jws_signature"
    assert _check(sender.proof(TOKEN, NOW, key=token_key("ES256", 78))) == "jws_signature"
    assert _check("a" * 9000) == "jws_size"


@pytest.mark.spec("RFC 9449 §7.1")
def test_at_a_resource_the_proof_is_for_the_token_that_it_comes_with() -> None:
    sender, expected = Sender(), replace(EXPECTED, access_token="a-token")
    assert judge_dpop_proof((sender.proof(TOKEN, NOW, token="a-token"),), expected, NOW)
    assert _check(sender.proof(TOKEN, NOW), expected) == "claim_ath"
    assert _check(sender.proof(TOKEN, NOW, token="another"), expected) == "dpop_token"


@pytest.mark.spec("RFC 9449 §8.1")
def test_a_nonce_is_one_of_ours_and_there_where_it_is_asked_for() -> None:
    sender, expected = Sender(), replace(EXPECTED, nonces=("new", "old"), nonce_required=True)
    assert judge_dpop_proof((sender.proof(TOKEN, NOW, nonce="old"),), expected, NOW)
    assert _check(sender.proof(TOKEN, NOW), expected) == "dpop_nonce"
    assert _check(sender.proof(TOKEN, NOW, nonce="older"), expected) == "dpop_nonce"
    assert knows_nonces((sender.proof(TOKEN, NOW, nonce="older"),))
    assert not knows_nonces((sender.proof(TOKEN, NOW), "no token"))


def test_the_profile_takes_fewer_algorithms() -> None:
    expected = replace(EXPECTED, algorithms=("ES256",))
    assert judge_dpop_proof((Sender().proof(TOKEN, NOW),), expected, NOW)
    assert _check(Sender("ES384").proof(TOKEN, NOW), expected) == "jws_alg"
