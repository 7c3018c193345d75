"""Clients: each protection that a registration goes without is told, and each key that cannot sign."""

import json
import shutil
from pathlib import Path

import pytest

from connectors.signatures.jwk import public_jwk
from idp.keys.file import create_token_key
from tests.connectors_jws.jws_doubles import token_key
from tests.idp.doctor.ward import ERROR, NOTICE, WARNING, at, edit, examined, only, write

PARTY = "parties/parking.toml"
SECRET = f'client_secret_sha256 = "{"0" * 64}"'


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('pkce = "optional"', "pkce"),
        ('token_endpoint_auth_method = "client_secret_post"', "token_endpoint_auth_method"),
        ("claims_in_id_token = true", "claims_in_id_token"),
    ],
)
def test_what_takes_a_protection_away_is_a_notice_on_its_line(city: Path, line: str, key: str) -> None:
    place = edit(city, PARTY, SECRET, f"{SECRET}\n{line}")
    found = only(examined(city))
    assert (found.severity, found.file, found.line, found.key) == (NOTICE, PARTY, place + 1, key)


def test_a_public_client_and_the_scheme_of_an_app_are_notices_and_its_loopback_address_is_none(city: Path) -> None:
    place = edit(city, PARTY, SECRET, "public = true")
    found = only(examined(city))
    assert (found.severity, found.file, found.line, found.key) == (NOTICE, PARTY, place, "public")
    edit(city, PARTY, 'redirect_uris = ["', 'redirect_uris = ["http://127.0.0.1/done", "org.example.app:/done", "')
    report = examined(city)
    assert {(one.severity, one.key) for one in report.findings} == {(NOTICE, "public"), (NOTICE, "redirect_uris")}
    assert "claim the scheme" in at(report, PARTY, "redirect_uris").why


def _with_keys(city: Path, alg: str, *more: str) -> None:
    keys = {"keys": [{**public_jwk(token_key(alg).public_key()), "kid": "k"}]}
    write(city, "parties/parking.jwks.json", json.dumps(keys))
    wanted = ('token_endpoint_auth_method = "private_key_jwt"', f'token_endpoint_auth_signing_alg = "{alg}"')
    edit(city, PARTY, SECRET, "\n".join((*wanted, 'jwks = "parties/parking.jwks.json"', *more)))


def test_an_audience_that_others_may_have_and_a_long_life_are_notices(city: Path) -> None:
    _with_keys(city, "ES256", 'assertion_audience = "token_endpoint"', "assertion_life = 301")
    report = examined(city)
    assert {(one.severity, one.key) for one in report.findings} == {
        (NOTICE, "assertion_audience"),
        (NOTICE, "assertion_life"),
    }
    assert "CVE-2025-27370" in at(report, PARTY, "assertion_audience").why


def test_a_key_with_which_nobody_can_sign_rs256_is_an_error_where_a_service_asks_for_it(city: Path) -> None:
    shutil.copyfile(city / "keys" / "es256.pem", city / "keys" / "rs256.pem")
    (city / "keys" / "es256.pem").unlink()
    create_token_key(city / "keys" / "es256.pem", "ES256")
    found = only(examined(city))
    assert (found.severity, found.file) == (WARNING, "keys/rs256.pem")
    edit(city, PARTY, SECRET, f'{SECRET}\nid_token_signed_response_alg = "RS256"')
    found = only(examined(city))
    assert (found.severity, found.file) == (ERROR, "keys/rs256.pem")
    assert "no machine can sign RS256 with it" in found.what
    assert "parking" in found.why
