"""An id_token: each check, broken alone, refuses under its own name; what is not asked for is not held against it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from connectors.checks import ID_TOKEN_CHECKS
from connectors.id_token import MAX_LIFE, SKEW, ExpectedIdToken, judge_id_token
from connectors.signatures.jwe import TokenEncryption
from connectors.signatures.jws import MAX_TOKEN, VerificationKey, verification_key
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


def header(**changes: Json) -> Mapping[str, Json]:
    return {name: value for name, value in {**HEADER, **changes}.items() if value != "LEFT OUT"}


@dataclass(frozen=True, slots=True)
class Case:
    """A token that breaks one check."""

    check: str
    what: str
    text: str
    expected: ExpectedIdToken = EXPECTED
    keys: tuple[str, ...] = ("k1",)

    def __str__(self) -> str:
        return f"{self.check}-{self.what}".replace(" ", "-")


def claim(check: str, what: str, **changes: Json) -> Case:
    return Case(check, what, token(**changes))


def head(check: str, what: str, **changes: Json) -> Case:
    return Case(check, what, token(header(**changes)))


def _spoilt() -> str:
    first, second, third = token().split(".")
    flipped = bytearray(base64.urlsafe_b64decode(third + "=="))
    flipped[5] ^= 1
    return f"{first}.{second}.{b64(bytes(flipped))}"


def _unsigned(alg: str) -> str:
    return f"{b64(json.dumps({**HEADER, 'alg': alg}))}.{b64(json.dumps(CLAIMS))}."


TWICE = '{"iss":"https://evil.example",' + json.dumps(CLAIMS)[1:]
HEADER_TWICE = '{"alg":"none",' + json.dumps(HEADER)[1:]

REFUSED_MEMBERS: Mapping[str, Json] = {
    "crit": ["exp"],
    "b64": False,
    "zip": "DEF",
    "jku": "https://evil.example/jwks",
    "x5u": "https://evil.example/x5u",
    "x5c": ["MII"],
    "jwk": {"kty": "EC"},
    "enc": "A256GCM",
}

CASES = (
    Case("jws_size", "beyond 64 KiB", token(padding="x" * MAX_TOKEN)),
    Case("jws_form", "empty", ""),
    Case("jws_header", "a member twice", handmade(HEADER_TWICE, dict(CLAIMS), private_key("ES256"))),
    *(head("jws_header", name, **{name: value}) for name, value in REFUSED_MEMBERS.items()),
    Case("jws_alg", "none", _unsigned("none")),
    Case("jws_alg", "None", _unsigned("None")),
    head("jws_typ", "of an access token", typ="at+jwt"),
    head("jws_kid", "unknown", kid="k2"),
    Case("jws_keys", "of another algorithm", token(), replace(EXPECTED, alg="ES384")),
    Case("jws_signature", "one bit", _spoilt()),
    Case("jws_claims", "a member twice", handmade(HEADER, TWICE, private_key("ES256"))),
    claim("claim_iss", "missing", iss="LEFT OUT"),
    claim("token_issuer", "another", iss="https://evil.example"),
    claim("claim_sub", "missing", sub="LEFT OUT"),
    claim("token_subject", "256 characters", sub="x" * 256),
    claim("claim_aud", "missing", aud="LEFT OUT"),
    claim("token_audience", "another", aud="somebody"),
    claim("claim_azp", "a list", azp=[CLIENT]),
    claim("token_authorized_party", "another", azp="somebody"),
    claim("claim_exp", "missing", exp="LEFT OUT"),
    claim("claim_iat", "missing", iat="LEFT OUT"),
    claim("claim_nbf", "a text", nbf="now"),
    claim("token_expired", "long ago", iat=NOW - 3600, exp=NOW - 1800),
    claim("token_issued", "in the future", iat=NOW + SKEW + 1),
    claim("token_not_before", "in the future", nbf=NOW + SKEW + 1),
    claim("token_life", "a day and a second", exp=NOW + MAX_LIFE + 1),
    claim("claim_nonce", "a number", nonce=7),
    claim("token_nonce", "missing", nonce="LEFT OUT"),
    claim("claim_auth_time", "a text", auth_time="today"),
    claim("authentication_future", "tomorrow", auth_time=NOW + 86_400),
    claim("authentication_time", "missing", auth_time="LEFT OUT"),
    claim("authentication_stale", "too old", auth_time=NOW - 600 - SKEW - 1),
    claim("claim_acr", "a list", acr=[LevelOfAssurance.HIGH.uri]),
    claim("acr_unknown", "missing", acr="LEFT OUT"),
    claim("acr_too_low", "low", acr=LevelOfAssurance.LOW.uri),
    claim("claim_at_hash", "a number", at_hash=7),
    claim("token_access_token", "of another", at_hash=b64(hashlib.sha256(b"another").digest()[:16])),
)


@pytest.mark.spec("oidc.md §1")
@pytest.mark.spec("security.md §2.2")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_token_that_breaks_one_check_is_refused_by_that_check(case: Case) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        judge_id_token(case.text, keys("ES256", *case.keys), case.expected, NOW)
    assert refusal.value.check == case.check
    assert "Õunapuu" not in str(refusal.value)
    assert "subject-0001" not in str(refusal.value)


def test_every_check_that_we_name_is_broken_by_some_token_and_every_name_is_ours() -> None:
    assert {case.check for case in CASES} == set(ID_TOKEN_CHECKS)
    assert all(ID_TOKEN_CHECKS.values())


@pytest.mark.spec("house-style.md 30")
def test_a_refusal_says_by_its_kind_whose_move_it_is() -> None:
    for case in CASES:
        wanted = SignatureInvalid if case.check.startswith("jws_") else AssertionRejected
        wanted = AssuranceTooLow if case.check in ("acr_unknown", "acr_too_low") else wanted
        with pytest.raises(wanted):
            judge_id_token(case.text, keys("ES256", *case.keys), case.expected, NOW)


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
    for case in CASES:
        if case.expected is EXPECTED and len(case.text) < MAX_TOKEN // 2:
            with pytest.raises(AssertionRejected) as refusal:
                judge_id_token(nested(case.text), keys("ES256", *case.keys), ENCRYPTED, NOW)
            assert refusal.value.check == case.check
    for inner in (json.dumps(CLAIMS), nested(token()), "\N{SNOWMAN}"):
        with pytest.raises(SignatureInvalid) as unsigned:
            judge_id_token(nested(inner), keys(), ENCRYPTED, NOW)
        assert unsigned.value.check == "jws_form"


def test_an_encryption_without_a_key_is_refused() -> None:
    with pytest.raises(AssertionRejected) as refusal:
        judge_id_token(nested(token()), keys(), replace(EXPECTED, encrypted=TokenEncryption((), "A256GCM")), NOW)
    assert refusal.value.check == "jwe_keys"


@pytest.mark.spec("CVE-2026-42206")
def test_cve_2026_42206_a_nonce_that_was_made_is_checked() -> None:
    nonces: tuple[Json, ...] = ("LEFT OUT", "", "another", None, [NONCE])
    for nonce in nonces:
        with pytest.raises(AssertionRejected) as refusal:
            judge_id_token(token(nonce=nonce), keys(), EXPECTED, NOW)
        assert refusal.value.check in ("token_nonce", "claim_nonce")


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


def test_without_keys_nothing_verifies() -> None:
    with pytest.raises(SignatureInvalid) as refusal:
        judge_id_token(token(), [], EXPECTED, NOW)
    assert refusal.value.check == "jws_keys"


@pytest.mark.spec("house-style.md 33")
@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_any_bit_of_a_token_counts(position: int, bit: int) -> None:
    octets = bytearray(GOOD.encode())
    octets[position % len(octets)] ^= 1 << bit
    with pytest.raises(AssertionRejected):
        judge_id_token(octets.decode("latin-1"), keys(), EXPECTED, NOW)


GOOD = token()
