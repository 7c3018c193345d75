"""A registration of certificates and bound tokens (RFC 8705, RFC 9449): how it is read, and when it is refused."""

import json

import pytest

from policies.load import load
from policies.parties import ClientId, RelyingParty
from tests.policies.load.files import FILES, files, problems_of

PARKING, KEYS = "parties/parking.toml", "parties/parking.jwks.json"
NAMED = 'token_endpoint_auth_method = "tls_client_auth"\ntls_client_auth_san_dns = "parking.storkhaven.example"'
OWN = f'token_endpoint_auth_method = "self_signed_tls_client_auth"\njwks = "{KEYS}"'
CERTIFIED = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "x5c": ["MIIB"]}]})


def _files(text: str, keys: str = CERTIFIED) -> dict[str, bytes]:
    kept = [line for line in FILES[PARKING].splitlines() if not line.startswith(("token_endpoint", "client_secret"))]
    return files(**{PARKING: "\n".join(kept).replace("[attributes]", f"{text}\n[attributes]"), KEYS: keys})


def _party(text: str) -> RelyingParty:
    return load(_files(text)).parties[ClientId("parking")]


@pytest.mark.spec("RFC 8705 §2.1.2")
@pytest.mark.parametrize("kind", ["subject_dn", "san_dns", "san_uri", "san_ip", "san_email"])
def test_a_certificate_is_registered_by_one_name(kind: str) -> None:
    found = _party(NAMED.replace("san_dns", kind))
    assert found.authentication_method == "tls_client_auth"
    assert found.openid.tls_client_auth == (kind, "parking.storkhaven.example")


def test_a_certificate_is_registered_itself() -> None:
    assert json.loads(_party(OWN).jwks)["keys"][0]["x5c"] == ["MIIB"]


@pytest.mark.spec("RFC 8705 §3.4")
@pytest.mark.spec("RFC 9449 §5.2")
def test_tokens_are_bound_where_the_registration_says_so() -> None:
    by_key = _party(f"{NAMED}\ndpop_bound_access_tokens = true").openid
    assert (by_key.dpop_bound_access_tokens, by_key.tls_client_certificate_bound_access_tokens) == (True, False)
    by_certificate = _party(f"{NAMED}\ntls_client_certificate_bound_access_tokens = true").openid
    assert by_certificate.tls_client_certificate_bound_access_tokens


@pytest.mark.spec("RFC 8705 §2.1.2")
@pytest.mark.parametrize(
    ("text", "keys", "key", "fix"),
    [
        (NAMED.partition("\n")[0], CERTIFIED, "token_endpoint_auth_method", "exactly one of"),
        (f'{NAMED}\ntls_client_auth_san_ip = "192.0.2.1"', CERTIFIED, "token_endpoint_auth_method", "exactly one of"),
        (f'{OWN}\ntls_client_auth_san_ip = "192.0.2.1"', CERTIFIED, "tls_client_auth_san_ip", "leave it out"),
        (f'{NAMED}\njwks = "{KEYS}"', CERTIFIED, "jwks", "leave it out"),
        (f'{NAMED}\nclient_secret_sha256 = "{"a" * 64}"', CERTIFIED, "client_secret_sha256", "leave it out"),
        (OWN, CERTIFIED.replace("x5c", "x5u"), "jwks", "public keys"),
        (OWN.partition("\n")[0], CERTIFIED, "jwks", "public keys"),
        (
            f"{NAMED}\ndpop_bound_access_tokens = true\ntls_client_certificate_bound_access_tokens = true",
            CERTIFIED,
            "tls_client_certificate_bound_access_tokens",
            "one of the two",
        ),
    ],
)
def test_what_nobody_could_mean_is_refused_with_its_place(text: str, keys: str, key: str, fix: str) -> None:
    told = [one for one in problems_of(_files(text, keys)) if one.key == key]
    assert told
    assert told[0].line
    assert fix in told[0].fix
