import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import Misconfigured
from policies.load import load
from policies.load.redirects import OURS, fault_of_redirect_uri
from policies.parties import ClientId
from tests.policies.load.files import FILES, files, problem_of, problems_of

PARKING, FARES = "parties/parking.toml", "parties/fares.toml"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "fix"),
    [
        ("sector =", "sectr =", 1, "sector", "sector ="),
        ('"traffic"', '"traf fic"', 3, "sector", "64 letters"),
        ("title.en", "title.et", 2, "title.en", "title.en"),
        ("Resident parking", "Parking\\u0000", 2, "title.en", "without this sign"),
        ("Resident parking", "P" * 257, 2, "title.en", "at most 256"),
        ('birthdate = "exact"', 'birthdat = "exact"', 10, "attributes.birthdat", "`birthdate`"),
        ('birthdate = "exact"', 'birthdate = "initials"', 10, "attributes.birthdate", "age_over(N)"),
        ("purposes = [", "purposes = [] # [", 5, "purposes", "ID of a purpose"),
        ('["resident-parking"]', '["resident-parking", "resident-parking"]', 5, "purposes", "ID of a purpose"),
        ('["https://parking.storkhaven.example/callback"]', "[]", 4, "redirect_uris", "https://"),
        ('"client_secret_basic"', '"client_secret_jwt"', 6, "token_endpoint_auth_method", "client_secret_post"),
        ('"client_secret_basic"', '"none"', 6, "token_endpoint_auth_method", "private_key_jwt"),
        ('"2bb80d', '"2BB80D', 7, "client_secret_sha256", "64 hex digits"),
        ("[attributes]", 'id_token_signed_response_alg = "none"\n[attributes]', 9, "id_token_signed_response_alg", "ES256"),
        ("[attributes]", 'pkce = "plain"\n[attributes]', 9, "pkce", '"required", "optional"'),
        ("[attributes]", 'claims_in_id_token = "yes"\n[attributes]', 9, "claims_in_id_token", "true"),
        ("[attributes]", 'assertion_audience = "token_endpoint"\n[attributes]', 9, "assertion_audience", "leave it out"),
        ("[attributes]", 'sp_type = "Public"\n[attributes]', 9, "sp_type", '"public", "private"'),
        ("[attributes]", 'requester_id = "parking"\n[attributes]', 9, "requester_id", "URI"),
        ("[attributes]", f'requester_id = "urn:{"x" * 1001}"\n[attributes]', 9, "requester_id", "URI"),
        ("[attributes]", 'blind = true\nrequester_id = "urn:x"\n[attributes]', 10, "requester_id", "one of the two"),
        (
            "[attributes]",
            'token_endpoint_auth_signing_alg = "ES256"\n[attributes]',
            9,
            "token_endpoint_auth_signing_alg",
            "leave it out",
        ),
    ],
)
def test_a_fault_of_a_party_is_told_with_line_key_and_fix(old: str, new: str, line: int, key: str, fix: str) -> None:
    if new == "sectr =":
        unknown, missing = sorted(problems_of(files(**{PARKING: FILES[PARKING].replace(old, new)})), key=lambda p: -p.line)
        assert (unknown.line, unknown.key, unknown.fix) == (3, "sectr", "did you mean `sector`?")
        assert (missing.line, missing.key) == (line, key)
        return
    found = problem_of(PARKING, old, new)
    assert (found.line, found.key) == (line, key)
    assert fix in found.fix


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "fix"),
    [
        ('jwks = "parties/fares.jwks.json"\n', "", 1, "jwks", "jwks.json"),
        ("fares.jwks.json", "other.jwks.json", 8, "jwks", "jwks.json"),
        ('alg = "ES256"', 'alg = "HS256"', 7, "token_endpoint_auth_signing_alg", "ES384"),
        ('alg = "ES256"', 'alg = "RS256"', 8, "jwks", "public keys"),
        ("jwks =", 'client_secret_sha256 = "x"\njwks =', 8, "client_secret_sha256", "leave it out"),
        ("jwks =", 'assertion_audience = "https://x.example/token"\njwks =', 8, "assertion_audience", '"token_endpoint"'),
        ("jwks =", "assertion_life = 601\njwks =", 8, "assertion_life", "at most 600"),
    ],
)
def test_a_fault_of_a_party_with_a_key_is_told(old: str, new: str, line: int, key: str, fix: str) -> None:
    found = problem_of(FARES, old, new)
    assert (found.line, found.key) == (line, key)
    assert fix in found.fix


def test_what_a_library_needs_is_registered_for_its_service_alone() -> None:
    plain = load(files()).parties
    for party in plain.values():
        assert (party.pkce_required, party.claims_in_id_token) == (True, False)
        assert (party.assertion_audience, party.assertion_life) == ("issuer", 300)
    parking = (
        FILES[PARKING].replace("_basic", "_post").replace("[attr", 'pkce = "optional"\nclaims_in_id_token = true\n[attr')
    )
    fares = FILES[FARES] + 'assertion_audience = "token_endpoint"\nassertion_life = 600\n'
    held = load(files(**{PARKING: parking, FARES: fares})).parties
    one, other = held[ClientId("parking")], held[ClientId("fares")]
    assert (one.authentication_method, one.pkce_required, one.claims_in_id_token) == ("client_secret_post", False, True)
    assert one.secret_sha256 == plain[ClientId("parking")].secret_sha256
    assert (other.assertion_audience, other.assertion_life) == ("token_endpoint", 600)
    assert (other.pkce_required, other.claims_in_id_token) == (True, False)


@pytest.mark.parametrize(
    ("jwks", "what"),
    [
        ("", "no JSON"),
        pytest.param("[" * 100_000, "no JSON", id="100000 brackets"),
        ('{"keys": []}', "no keys"),
        (json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "private-part"}]}), "private"),
        (json.dumps({"keys": [{"kty": "oct", "k": "secret-part"}]}), "secret"),
        (json.dumps({"keys": [{"kty": "EC", "crv": "P-521"}]}), "no key for ES256"),
    ],
)
def test_a_key_set_that_cannot_work_is_a_problem_and_is_not_quoted(jwks: str, what: str) -> None:
    (found,) = problems_of(files(**{"parties/fares.jwks.json": jwks}))
    assert (found.file, found.line, found.key) == (FARES, 8, "jwks")
    assert what in found.what
    assert "-part" not in str(found)


@pytest.mark.parametrize(
    ("alg", "key"),
    [("ES384", {"kty": "EC", "crv": "P-384"}), ("RS256", {"kty": "RSA"}), ("EdDSA", {"kty": "OKP", "crv": "Ed25519"})],
)
def test_each_algorithm_of_client_assertions_can_be_registered_with_a_key_of_its_type(
    alg: str, key: dict[str, str]
) -> None:
    fares = FILES[FARES].replace('alg = "ES256"', f'alg = "{alg}"')
    held = {FARES: fares, "parties/fares.jwks.json": json.dumps({"keys": [key]})}
    assert alg in {party.authentication_alg for party in load(files(**held)).parties.values()}
    other = json.dumps({"keys": [{"kty": "OKP", "crv": "X25519"}, {"kty": "EC", "crv": "P-521"}]})
    (found,) = problems_of(files(**{**held, "parties/fares.jwks.json": other}))
    assert f"no key for {alg}" in found.what


@pytest.mark.spec("decisions.md 19")
def test_a_party_says_what_other_countries_are_told_of_it() -> None:
    told = 'sp_type = "private"\nrequester_id = "https://parking.example/"\n\n[attributes]'
    party = load(files(**{PARKING: FILES[PARKING].replace("[attributes]", told)})).parties[ClientId("parking")]
    assert (party.sp_type, party.requester_id, party.blind) == ("private", "https://parking.example/", False)
    party = load(files()).parties[ClientId("parking")]
    assert (party.sp_type, party.requester_id, party.blind) == ("public", "", False)
    blind = load(files(**{PARKING: FILES[PARKING].replace("[attributes]", "blind = true\n[attributes]")}))
    assert blind.parties[ClientId("parking")].blind


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "https://app.example/callback?from=broker&x=1",
        "http://app.localhost/cb",
        "http://[::1]:9000/cb",
    ],
)
def test_a_safe_address_is_accepted(uri: str) -> None:
    assert fault_of_redirect_uri(uri) == ""


@pytest.mark.spec("RFC 9700 §2.1; RFC 6749 §3.1.2")
@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("http://app.example/cb", "not https"),
        ("http://localhost.example/cb", "not https"),
        ("http://10.0.0.1/cb", "not https"),
        ("javascript:alert(1)", "no absolute"),
        ("myapp://callback", "not https"),
        ("//app.example/cb", "no absolute"),
        ("https:///cb", "no absolute"),
        ("https://app.example@evil.example/cb", "no absolute"),
        ("https://app.example:99999/cb", "no address"),
        ("https://[::1/cb", "no address"),
        ("https://app.example/cb#", "fragment"),
        ("https://*.app.example/cb", "wildcard"),
        ("https://app.example/a b", "space"),
        ("https://app.example\\@evil.example/cb", "backslash"),
        ("https://p\u00f5lva.example/cb", "ASCII"),
        ("HTTPS://app.example/cb", "scheme in capitals; write https://"),
        ("https://app.example/a/../cb", "dot segment"),
        ("https://app.example/a/%2e%2E/cb", "dot segment"),
    ],
)
def test_an_unsafe_address_is_refused_with_its_fault(uri: str, fault: str) -> None:
    assert fault in fault_of_redirect_uri(uri)


def test_an_address_with_a_parameter_of_ours_is_refused_in_every_spelling() -> None:
    for parameter in OURS:
        for spelled in ("?{}=1", "?x=1&{}=", "?{}"):
            assert "ours to send" in fault_of_redirect_uri("https://app.example/cb" + spelled.format(parameter))
    assert "ours to send" in fault_of_redirect_uri("https://app.example/cb?c%6Fde=1")


@given(st.text(max_size=60))
def test_whatever_is_written_as_an_address_never_breaks_the_reader(uri: str) -> None:
    assert isinstance(fault_of_redirect_uri(uri), str)
    assert isinstance(fault_of_redirect_uri("https://" + uri), str)


def test_each_unsafe_address_of_a_list_is_told_on_its_own_line() -> None:
    text = (
        FILES[PARKING]
        .replace('["https://', '[\n  "http://a.example/",\n  "https://')
        .replace('callback"]', 'callback",\n  "x",\n]')
    )
    found = problems_of(files(**{PARKING: text}))
    assert [(p.line, p.key) for p in found] == [(5, "redirect_uris"), (7, "redirect_uris")]


def test_no_problem_quotes_a_hash_of_a_secret() -> None:
    (found,) = problems_of(files(**{PARKING: FILES[PARKING].replace("a25b", "a25bff")}))
    assert "2bb80d" not in str(found)


@given(st.binary(max_size=80))
def test_whatever_stands_in_a_file_is_told_as_a_problem(content: bytes) -> None:
    for name in ("purposes/x.toml", "parties/x.toml", "providers/x.toml", "nodes/x.toml", "catalogue.toml"):
        with pytest.raises(Misconfigured):
            load({name: content})
