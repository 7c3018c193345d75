"""Public clients in `parties/*.toml`: no secret, addresses of apps, and origins in one spelling."""

import pytest

from policies.load import load
from policies.load.public_clients import fault_of_origin, fault_of_public_redirect_uri
from policies.parties import ClientId, RelyingParty
from tests.policies.load.files import FILES, files, problems_of

PARKING = "parties/parking.toml"
SECRET = FILES[PARKING][FILES[PARKING].index("client_secret_sha256") :].partition("\n")[0] + "\n"
METHOD = 'token_endpoint_auth_method = "client_secret_basic"\n'
PUBLIC = FILES[PARKING].replace(SECRET, "").replace(METHOD, "public = true\n")
CALLBACK = '["https://parking.storkhaven.example/callback"]'


def _public(old: str = "", new: str = "") -> RelyingParty:
    return load(files(**{PARKING: PUBLIC.replace(old, new, 1)})).parties[ClientId("parking")]


def test_a_public_client_has_no_secret_and_the_origins_of_its_pages() -> None:
    found = _public()
    assert (found.public, found.authentication_method, found.secret_sha256, found.jwks) == (True, "none", "", "")
    assert found.origins == ("https://parking.storkhaven.example",)
    assert _public("public = true", 'public = true\ntoken_endpoint_auth_method = "none"').authentication_method == "none"
    named = _public("public = true", 'public = true\norigins = ["https://x.example:8443", "http://127.0.0.1:5173"]')
    assert named.origins == ("https://x.example:8443", "http://127.0.0.1:5173")
    assert _public(CALLBACK, '["org.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb"]').origins == ()


def test_a_client_that_is_not_public_has_no_origins() -> None:
    found = load(files()).parties[ClientId("parking")]
    assert (found.public, found.origins) == (False, ())


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        (FILES[PARKING].replace("client_secret_basic", "none"), "token_endpoint_auth_method", "client_secret_basic"),
        (PUBLIC.replace("public = true\n", "public = true\n" + METHOD), "token_endpoint_auth_method", '"none"'),
        (PUBLIC.replace("public = true\n", "public = true\n" + SECRET), "client_secret_sha256", "leave it out"),
        (PUBLIC.replace("public = true\n", 'public = true\npkce = "optional"\n'), "pkce", '"required"'),
        (PUBLIC.replace("public = true\n", 'public = true\norigins = ["null"]\n'), "origins", "https://"),
        (
            FILES[PARKING].replace("[attributes]", 'origins = ["https://x.example"]\n[attributes]'),
            "origins",
            "leave it out",
        ),
        (FILES[PARKING].replace(CALLBACK, '["org.example.app:/cb"]'), "redirect_uris", "https"),
    ],
)
def test_what_is_half_public_is_refused(text: str, key: str, fix: str) -> None:
    (found,) = problems_of(files(**{PARKING: text}))
    assert found.key == key
    assert fix in found.fix


@pytest.mark.spec("RFC 8252 §7; RFC 8252 §8.3")
@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("https://app.example/cb", ""),
        ("http://127.0.0.1/cb", ""),
        ("http://[::1]/cb/here", ""),
        ("org.example.app:/cb", ""),
        ("org.example.app://cb", ""),
        ("org.example.app:/", ""),
        ("http://localhost/cb", "localhost"),
        ("http://127.0.0.1:3000/cb", "port"),
        ("http://127.0.0.1", "loopback"),
        ("http://127.0.0.2/cb", "not https"),
        ("http://127.0.0.1/cb#x", "fragment"),
        ("http://127.0.0.1/a/../cb", "dot segment"),
        ("myapp:/cb", "absolute"),
        ("javascript:alert(1)", "absolute"),
        ("Org.example.app:/cb", "lower case"),
        ("org.example.app:cb", "path"),
        ("org..app:/cb", "scheme"),
        ("org.example.app:/c%27b", "no place"),
        ("org.example.app://user@cb", "no place"),
        ("org.example.app:/a/../cb", "dot segment"),
        ("org.example.app:/cb\n", "path"),
    ],
)
def test_an_address_of_an_app_is_safe_or_has_its_fault(uri: str, fault: str) -> None:
    found = fault_of_public_redirect_uri(uri)
    assert fault in found
    assert bool(found) == bool(fault)


@pytest.mark.parametrize(
    ("origin", "sound"),
    [
        ("https://app.example", True),
        ("https://app.example:8443", True),
        ("http://127.0.0.1:5173", True),
        ("https://app.example/", False),
        ("https://app.example:443", False),
        ("https://App.example", False),
        ("HTTPS://app.example", False),
        ("http://app.example", False),
        ("null", False),
    ],
)
def test_an_origin_has_the_one_spelling_that_browsers_send(origin: str, *, sound: bool) -> None:
    assert (fault_of_origin(origin) == "") is sound


def test_each_fault_of_a_list_is_told() -> None:
    text = PUBLIC.replace(CALLBACK, '["org.example.app:/cb", "http://localhost/cb", "myapp:/cb"]')
    assert [one.key for one in problems_of(files(**{PARKING: text}))] == ["redirect_uris", "redirect_uris"]
