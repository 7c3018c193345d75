"""The keys of a registration about answers and defaults: what is read, and what is refused with its line and fix."""

import json

import pytest

from policies.load import load
from policies.parties import ClientId
from policies.registrations.client_answers import ClientAnswers, ResponseEncryption
from tests.policies.load.files import FILES, files, problems_of

PARKING, JWKS = "parties/parking.toml", "parties/parking.jwks.json"
ENC_KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "use": "enc"}
BOTH = 'userinfo_encrypted_response_alg = "ECDH-ES"\nuserinfo_encrypted_response_enc = "A256GCM"\n'
SIGNED = 'userinfo_signed_response_alg = "ES256"\n'
KEYS = f'jwks = "{JWKS}"\n'


def registered(text: str) -> str:
    return FILES[PARKING].replace("[attributes]", text + "[attributes]")


def read(text: str, key: dict[str, str] | None = None) -> ClientAnswers:
    held = files(**{PARKING: registered(text), **({JWKS: json.dumps({"keys": [key]})} if key else {})})
    return load(held).parties[ClientId("parking")].openid.answers


def test_a_registration_that_says_nothing_gets_plain_answers() -> None:
    assert read("") == ClientAnswers()


@pytest.mark.spec("RFC 7591 §2")
def test_each_choice_is_read_by_the_name_of_the_standard() -> None:
    text = (
        'id_token_encrypted_response_alg = "RSA-OAEP-256"\nid_token_encrypted_response_enc = "A128GCM"\n'
        'require_auth_time = true\ndefault_max_age = 0\ndefault_acr_values = ["high"]\n'
        'sector_identifier_uri = "https://storkhaven.example/sector.json"\n'
    )
    assert read(SIGNED + text + KEYS, {"kty": "RSA", "use": "enc"}) == ClientAnswers(
        userinfo_alg="ES256",
        require_auth_time=True,
        id_token_encryption=ResponseEncryption("RSA-OAEP-256", "A128GCM"),
        default_max_age=0,
        default_acr_values=("high",),
        sector_identifier_uri="https://storkhaven.example/sector.json",
    )
    assert read(SIGNED + BOTH + KEYS, ENC_KEY).key_algorithms == ("ECDH-ES",)


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        ('userinfo_signed_response_alg = "none"\n', "userinfo_signed_response_alg", "ES256"),
        (BOTH + KEYS, "userinfo_encrypted_response_alg", "userinfo_signed_response_alg"),
        (SIGNED + BOTH.replace("A256GCM", "A128CBC-HS256") + KEYS, "userinfo_encrypted_response_enc", "A128GCM"),
        (SIGNED + BOTH.splitlines()[0] + "\n" + KEYS, "userinfo_encrypted_response_enc", "A128GCM"),
        ('id_token_encrypted_response_enc = "A128GCM"\n', "id_token_encrypted_response_enc", "both"),
        ('id_token_encrypted_response_alg = "RSA1_5"\n', "id_token_encrypted_response_alg", "RSA-OAEP-256"),
        (SIGNED + BOTH, "jwks", "public keys"),
        ("default_max_age = -1\n", "default_max_age", "default_max_age"),
        ('default_acr_values = ["gold"]\n', "default_acr_values", "LoA"),
        ('sector_identifier_uri = "http://storkhaven.example/"\n', "sector_identifier_uri", "https"),
        (KEYS, "jwks", "leave it out"),
    ],
)
def test_what_nobody_could_answer_is_refused_at_load(text: str, key: str, fix: str) -> None:
    held = files(**{PARKING: registered(text), JWKS: json.dumps({"keys": [ENC_KEY]})})
    found = next(problem for problem in problems_of(held) if problem.key.startswith(key))
    assert (found.file, found.key) == (PARKING, key)
    assert fix in found.fix


@pytest.mark.parametrize("changes", [{"use": "sig"}, {"crv": "P-521"}, {"alg": "ECDH-ES+A128KW"}, {"kty": "RSA"}])
def test_a_client_that_wants_answers_encrypted_needs_a_key_that_is_meant_for_it(changes: dict[str, str]) -> None:
    held = files(**{PARKING: registered(SIGNED + BOTH + KEYS), JWKS: json.dumps({"keys": [{**ENC_KEY, **changes}]})})
    (found,) = problems_of(held)
    assert (found.file, found.key) == (PARKING, "jwks")
    assert '"use": "enc"' in found.what


def test_an_app_that_keeps_no_secret_has_no_key_to_encrypt_to() -> None:
    public = registered(SIGNED + BOTH + KEYS).replace('_method = "client_secret_basic"', '_method = "none"\npublic = true')
    lines = [line for line in public.splitlines() if not line.startswith("client_secret_sha256")]
    held = files(**{PARKING: "\n".join(lines), JWKS: json.dumps({"keys": [ENC_KEY]})})
    (found,) = problems_of(held)
    assert (found.key, found.fix) == ("jwks", "leave it out, or public = true.")


@pytest.mark.spec("FAPI 2.0 Security Profile §5.4.1")
def test_the_strict_profile_takes_no_answer_of_rs256() -> None:
    text = 'profile = "fapi2"\nuserinfo_signed_response_alg = "RS256"\n'
    found = problems_of(files(**{PARKING: registered(text)}))
    assert "userinfo_signed_response_alg" in {problem.key for problem in found}
