"""Refresh tokens and resource servers in a registration, and `offline` in a purpose."""

import pytest

from policies.load import load
from policies.parties import ClientId, PurposeId
from tests.policies.load.files import FILES, PURPOSE, files, problem_of, problems_of

PARKING, PERMITS = "parties/parking.toml", "parties/permits.toml"
SERVER = """\
client_id = "permits"
title.en = "Permits"
sector = "traffic"
resource_server = true
introspection_signed_response_alg = "ES256"
client_secret_sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
"""
REFRESHES = 'grant_types = ["authorization_code", "refresh_token"]\nrefresh_token_life = 3600\n'


def test_a_registration_without_the_keys_has_no_refresh_token_and_no_resource_server() -> None:
    one = load(files()).parties[ClientId("parking")].openid
    assert (one.refreshes, one.tokens.resource_servers, one.tokens.resource_server) == (False, (), False)


@pytest.mark.spec("RFC 9701 §6")
def test_a_client_names_who_may_ask_about_its_tokens() -> None:
    text = FILES[PARKING].replace("[attributes]", f'{REFRESHES}resource_servers = ["permits"]\n[attributes]')
    found = load(files(**{PARKING: text, PERMITS: SERVER})).parties
    client, server = found[ClientId("parking")], found[ClientId("permits")]
    assert (client.openid.refreshes, client.openid.tokens.refresh_life) == (True, 3600)
    assert client.openid.tokens.resource_servers == (server.client_id,)
    assert (server.openid.tokens.resource_server, server.openid.tokens.introspection_alg) == (True, "ES256")
    assert (server.redirect_uris, server.purposes, server.attributes) == ((), (), {})


@pytest.mark.parametrize(
    ("new", "line", "key", "fix"),
    [
        ('grant_types = ["refresh_token"]', 9, "grant_types", "authorization_code"),
        ('grant_types = ["authorization_code", "client_credentials"]', 9, "grant_types", "authorization_code"),
        ("grant_types = []", 9, "grant_types", "authorization_code"),
        ("refresh_token_life = 60", 9, "refresh_token_life", "leave it out"),
        (REFRESHES.replace("3600", "2592001").strip(), 10, "refresh_token_life", "at most 2592000"),
        ('resource_servers = ["parking"]', 1, "resource_servers", "resource_server = true"),
        ('resource_servers = ["nobody"]', 1, "resource_servers", "resource_server = true"),
        ('introspection_signed_response_alg = "ES256"', 9, "introspection_signed_response_alg", "leave it out"),
    ],
)
def test_a_fault_is_told_with_line_key_and_fix(new: str, line: int, key: str, fix: str) -> None:
    found = problem_of(PARKING, "[attributes]", new + "\n[attributes]")
    assert (found.line, found.key.partition(".")[0]) == (line, key)
    assert fix in found.fix


@pytest.mark.parametrize(
    "key", ['redirect_uris = ["https://permits.example/"]', 'purposes = ["resident-parking"]', "public = true", REFRESHES]
)
def test_nobody_signs_in_at_a_resource_server(key: str) -> None:
    found = problems_of(files(**{PERMITS: f"{SERVER}{key}\n"}))
    (told,) = [one for one in found if one.key == key.partition(" ")[0]]
    assert told.file == PERMITS
    assert "signs nobody in" in told.what


def test_a_purpose_says_whether_values_go_while_the_citizen_is_away() -> None:
    for text, offline in ((PURPOSE, False), (PURPOSE.replace("law.en", "offline = true\nask = 'on_change'\nlaw.en"), True)):
        found = load(files(**{"purposes/parking.toml": text})).purposes[PurposeId("resident-parking")]
        assert found.offline is offline


def test_an_approval_that_nobody_can_take_back_is_none_for_values_that_go_while_the_citizen_is_away() -> None:
    (found,) = problems_of(files(**{"purposes/parking.toml": PURPOSE.replace("law.en", "offline = true\nlaw.en")}))
    assert (found.key, "remembered" in found.what) == ("offline", True)


def test_a_resource_server_of_another_sector_gets_only_tokens_that_are_of_no_use_to_it() -> None:
    text = FILES[PARKING].replace("[attributes]", 'resource_servers = ["permits"]\n[attributes]')
    elsewhere = SERVER.replace("traffic", "taxes")
    (found,) = problems_of(files(**{PARKING: text, PERMITS: elsewhere}))
    assert (found.key, "another sector" in found.what) == ("resource_servers", True)
    bound = text.replace("[attributes]", "dpop_bound_access_tokens = true\n[attributes]")
    assert load(files(**{PARKING: bound, PERMITS: elsewhere})).parties[ClientId("parking")].openid.is_bound
