"""An id_token: each check, broken alone, refuses under its own name; what is not asked for is not held against it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.signatures.jwe import TokenEncryption
from connectors.signatures.jws import VerificationKey, verification_key
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance
from policies.errors import AssertionRejected, AssuranceTooLow, SignatureInvalid
from tests.connectors_jws.jwe_doubles import encrypted, our_key
from tests.connectors_jws.jws_doubles import b64, handmade, private_key, token_key

NOW = 1_795_600_000
OP, CLIENT, NONCE, ACCESS_TOKEN = "https://op.example", "ciconia", "n-0S6_WzA2Mj", "an-access-token-of-43-characters"
HASH = b64(hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16])
HEADER: Mapping[str, Json] = {"alg": "ES256", "kid": "k1", "typ": "JWT"}
CLAIMS: Mapping[str, Json] = {
    "iss": OP,
    "sub": "subject-0001",
    "aud": CLIENT,
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": NONCE,
    "acr": LevelOfAssurance.HIGH.uri,
    "auth_time": NOW - 30,
    "at_hash": HASH,
    "family_name": "Õunapuu",
}
EXPECTED = ExpectedIdToken(
    issuer=OP,
    client_id=CLIENT,
    alg="ES256",
    nonce=NONCE,
    minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    max_age=600,
    access_token=ACCESS_TOKEN,
)


def keys(alg: str = "ES256", *names: str) -> list[VerificationKey]:
    return [verification_key(private_key(alg, n).public_key(), alg, kid) for n, kid in enumerate(names or ("k1",))]


def token(header: Mapping[str, Json] | None = None, /, **changes: Json) -> str:
    """A good token with claims changed; a claim that is the text `LEFT OUT` is left out."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value != "LEFT OUT"}
    return handmade(header or HEADER, claims, private_key("ES256"))


def _spoilt() -> str:
    first, second, third = token().split(".")
    flipped = bytearray(base64.urlsafe_b64decode(third + "=="))
    flipped[5] ^= 1
    return f"{first}.{second}.{b64(bytes(flipped))}"


# One for each class of error; the corpus of the self-test has one for each check
BROKEN = {
    _spoilt(): ("jws_signature", SignatureInvalid),
    token(iss="https://evil.example"): ("token_issuer", AssertionRejected),
    token(acr="LEFT OUT"): ("acr_unknown", AssuranceTooLow),
    token(acr=LevelOfAssurance.LOW.uri): ("acr_too_low", AssuranceTooLow),
}


@pytest.mark.spec("house-style.md 30")
def test_a_refusal_says_by_its_kind_whose_move_it_is() -> None:
    for text, (check, kind) in BROKEN.items():
        with pytest.raises(AssertionRejected) as refusal:
            judge_id_token(text, keys(), EXPECTED, NOW)
        assert (refusal.value.check, type(refusal.value)) == (check, kind)
        assert not [value for value in ("Õunapuu", "subject-0001") if value in str(refusal.value)]


def test_a_good_token_says_who_and_how_surely() -> None:
    judged = judge_id_token(token(), keys(), EXPECTED, NOW)
    assert (judged.issuer, judged.subject, judged.loa) == (OP, "subject-0001", LevelOfAssurance.HIGH)
    assert (judged.authenticated_at, judged.issued_at, judged.ends) == (NOW - 30, NOW, NOW + 300)
    assert judged.kid == "k1"
    assert judged.bound_to_access_token
    assert dict(judged.claims) == {"family_name": "Õunapuu"}


@pytest.mark.spec("oidc.md §1")
@pytest.mark.parametrize(
    ("alg", "digest"),
    [
        ("RS256", "sha256"),
        ("ES384", "sha384"),
        ("EdDSA", "sha512"),
    ],
)
def test_at_hash_is_of_the_hash_of_the_tokens_algorithm(alg: str, digest: str) -> None:
    hashed = hashlib.new(digest, ACCESS_TOKEN.encode()).digest()
    signers = [verification_key(token_key(alg).public_key(), alg, "k1")]
    for left, bound in ((hashed[: len(hashed) // 2], True), (hashed[: len(hashed) // 2 - 1], False)):
        made = handmade({**HEADER, "alg": alg}, {**CLAIMS, "at_hash": b64(left)}, token_key(alg))
        if bound:
            assert judge_id_token(made, signers, replace(EXPECTED, alg=alg), NOW).bound_to_access_token
        else:
            with pytest.raises(AssertionRejected) as refusal:
                judge_id_token(made, signers, replace(EXPECTED, alg=alg), NOW)
            assert refusal.value.check == "token_access_token"


# -- encrypted ---------------------------------------------------------------------------------------------------------

ENCRYPTED = replace(EXPECTED, encrypted=TokenEncryption((our_key(), our_key(1)), "A256GCM"))


def nested(inner: str, number: int = 0) -> str:
    return encrypted(inner, our_key(number), "A256GCM", kid=our_key(number).key_id)


@pytest.mark.spec("oidc.md §1")
@pytest.mark.parametrize("number", [0, 1])
def test_a_provider_that_is_registered_to_encrypt_sends_a_token_in_a_token(number: int) -> None:
    assert judge_id_token(nested(token(), number), keys(), ENCRYPTED, NOW).subject == "subject-0001"


def test_a_provider_that_is_registered_to_encrypt_may_not_leave_it_and_another_may_not_begin() -> None:
    with pytest.raises(AssertionRejected) as refusal:
        judge_id_token(token(), keys(), ENCRYPTED, NOW)
    assert refusal.value.check == "jwe_form"
    with pytest.raises(SignatureInvalid) as refusal:
        judge_id_token(nested(token()), keys(), EXPECTED, NOW)
    assert refusal.value.check == "jws_form"


@pytest.mark.spec("CVE-2026-2092")
def test_cve_2026_2092_what_anybody_can_encrypt_to_us_is_judged_as_if_it_had_come_plain() -> None:
    for text, (check, _) in BROKEN.items():
        with pytest.raises(AssertionRejected) as refusal:
            judge_id_token(nested(text), keys(), ENCRYPTED, NOW)
        assert refusal.value.check == check
    for inner in (json.dumps(CLAIMS), nested(token()), "\N{SNOWMAN}"):
        with pytest.raises(SignatureInvalid) as unsigned:
            judge_id_token(nested(inner), keys(), ENCRYPTED, NOW)
        assert unsigned.value.check == "jws_form"


def test_no_repr_shows_a_value() -> None:
    shown = f"{judge_id_token(token(), keys(), EXPECTED, NOW)!r} {EXPECTED!r}"
    assert not [value for value in ("Õunapuu", "subject-0001", NONCE, ACCESS_TOKEN) if value in shown]


@pytest.mark.spec("oidc.md §1")
def test_a_trusted_audience_beside_us_passes_where_azp_is_us() -> None:
    trusting = replace(EXPECTED, trusted_audiences=frozenset({"partner"}))
    assert judge_id_token(token(aud=[CLIENT, "partner"], azp=CLIENT), keys(), trusting, NOW).issuer == OP
    with pytest.raises(AssertionRejected, match="azp"):
        judge_id_token(token(aud=[CLIENT, "partner"], azp="partner"), keys(), trusting, NOW)


def test_what_is_not_expected_is_not_held_against_a_token_but_its_form_is() -> None:
    loose = ExpectedIdToken(issuer=OP, client_id=CLIENT, alg="ES256", nonce=None, minimum_assurance=None)
    bare = token(nonce="another", acr="unknown", auth_time=NOW - 10**6, at_hash="x")
    judged = judge_id_token(bare, keys(), loose, NOW)
    assert (judged.loa, judged.bound_to_access_token) == (None, False)
    with pytest.raises(AssertionRejected) as refusal:
        judge_id_token(token(acr=7), keys(), loose, NOW)
    assert refusal.value.check == "claim_acr"


def test_a_token_of_another_implementation_passes() -> None:
    key = ECKey.generate_key("P-256", {"kid": "their-key"})
    text = jwt.encode({"alg": "ES256", "kid": "their-key"}, dict(CLAIMS), key)
    public_key = verification_key(key.public_key, "ES256", "their-key")
    assert judge_id_token(text, [public_key], EXPECTED, NOW).kid == "their-key"


@pytest.mark.spec("house-style.md 33")
@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_any_bit_of_a_token_counts(position: int, bit: int) -> None:
    octets = bytearray(GOOD.encode())
    octets[position % len(octets)] ^= 1 << bit
    with pytest.raises(AssertionRejected):
        judge_id_token(octets.decode("latin-1"), keys(), EXPECTED, NOW)


GOOD = token()
