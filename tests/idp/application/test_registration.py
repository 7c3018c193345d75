"""A new relying party: faults are refused, the files are written, and none stays if the configuration does not load."""

import json
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from connectors.signatures.jwk import public_jwk
from idp.application.register_party import (
    Registration,
    algorithm_of,
    attributes_for,
    faults,
    register,
    required_claims,
    text_of,
)
from idp.cli.init import init
from idp.config.settings import Settings, load_settings
from idp.protocols.oidc.provider import ANSWER_PARAMETERS
from policies.attributes import EXACT, AttributeName, Form
from policies.catalogue import STANDARD
from policies.errors import Misconfigured, SignatureInvalid
from policies.load import Configuration, load
from policies.parties import ClientId, PurposeId, Source
from policies.purposes import Need

PURPOSE = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml").read_bytes()
FILES = {"purposes/resident-parking.toml": PURPOSE}
LOADED = load(FILES)
NEEDED = LOADED.purposes[PurposeId("resident-parking")]
ASKED = Registration(
    client_id="permits",
    title="Permits",
    sector="permits",
    redirect_uris=("https://permits.city.example/callback",),
    purpose=PurposeId("resident-parking"),
    method="client_secret_basic",
    secret_sha256="0" * 64,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    (folder / "purposes" / "resident-parking.toml").write_bytes(PURPOSE)
    return folder


@pytest.fixture
def folder(made: Path) -> Path:
    """The configuration without a party."""
    for path in (made / "parties").iterdir():
        path.unlink()
    return made


@pytest.fixture
def settings(folder: Path) -> Settings:
    return load_settings(folder)


def told(asked: Registration, settings: Settings, configuration: Configuration = LOADED) -> Mapping[str, str]:
    """The faults, by key."""
    return {problem.key: f"{problem.what} {problem.fix}" for problem in faults(asked, settings, configuration)}


def test_nothing_is_wrong_with_a_good_one(settings: Settings) -> None:
    assert told(ASKED, settings) == {}


def test_an_address_that_cannot_be_safe_is_refused(settings: Settings) -> None:
    for uri, said in [
        ("http://permits.city.example/callback", "is not https"),
        ("http://localhost:8000/callback", "this is no demo"),
        ("http://permits.localhost/callback", "this is no demo"),
        ("https://*.city.example/callback", "wildcard"),
        ("https://permits.city.example/callback#", "fragment"),
        ("https://permits.city.example/../callback", "dot segment"),
        ("https://permits@city.example/callback", "plain host name"),
        ("javascript:alert(1)", "plain host name"),
        ("https://permits.city.example/call back", "space"),
        ('https://permits.city.example/"+evil+"', "a character such as"),
        ("https://permits.city.example/${CLIENT_SECRET}", "a character such as"),
        ("https://permits.city.example/%zz", "a character such as"),
        ("https://login.city.example/callback", "the broker itself"),
        ("https://login.city.example:443/callback", "the broker itself"),
        ("https://login.city.example./callback", "the broker itself"),
        ("https://LOGIN.city.example/callback", "the broker itself"),
        ("https://permits.city.example:443/callback", "default port"),
        ("https://permits.city.example:08443/callback", "not in canonical form"),
        ("https://permits.city.example./callback", "not in canonical form"),
        ("https://-permits.example/callback", "not in canonical form"),
        ("https://permits'x.example/callback", "not in canonical form"),
        ("https://PERMITS.city.example/callback", "has capitals in its host"),
        ("https://2130706433/callback", "neither a name"),
        ("https://127.0.0.01/callback", "neither a name"),
        ("https://[0:0::1]/callback", "neither a name"),
        ("https://permits.city.example/callback?%63ode=1", "`code`"),
    ]:
        assert said in told(replace(ASKED, redirect_uris=(uri,)), settings)["redirect_uris"]


def test_no_sign_of_a_program_or_route_comes_into_a_snippet(settings: Settings) -> None:
    for sign in "'\"$();,&`:@*+![]{}<>|^":
        for before in ["https://permits.city.example/a", "https://permits.city"]:
            assert "redirect_uris" in told(replace(ASKED, redirect_uris=(f"{before}{sign}b.example",)), settings)


def test_an_address_in_its_one_spelling_is_taken(settings: Settings) -> None:
    for uri in [
        "https://permits.city.example",
        "https://permits.city.example:8443/a/b-c_d.e~f/%20?x=1",
        "https://xn--80ak6aa92e.example/callback",
        "https://192.0.2.7/callback",
        "https://[2001:db8::7]/callback",
        "https://1permits.example/callback",
    ]:
        assert told(replace(ASKED, redirect_uris=(uri,)), settings) == {}


@pytest.mark.spec("CVE-2026-9689")
def test_an_address_with_a_parameter_of_our_answer_is_refused(settings: Settings) -> None:
    for parameter in sorted(ANSWER_PARAMETERS):
        asked = replace(ASKED, redirect_uris=(f"https://permits.city.example/callback?a=b&{parameter}=",))
        assert f"`{parameter}`, which is ours to send" in told(asked, settings)["redirect_uris"]


def test_the_demos_configuration_takes_http_of_this_machine_alone(settings: Settings) -> None:
    demo = settings.model_copy(update={"demo": True})
    assert told(replace(ASKED, redirect_uris=("http://permits.localhost:8000/callback",)), demo) == {}
    assert told(replace(ASKED, redirect_uris=("http://permits.city.example/callback",)), demo)


def test_a_purpose_that_does_not_exist_is_refused_with_the_nearest(settings: Settings) -> None:
    asked = replace(ASKED, purpose=PurposeId("resident-parkin"))
    assert "did you mean `resident-parking`?" in told(asked, settings)["purposes"]
    assert "purposes/ is empty" in told(asked, settings, load({}))["purposes"]


def test_everything_is_told_at_once(settings: Settings) -> None:
    asked = replace(ASKED, client_id="", title="", sector="", redirect_uris=("x",), purpose=PurposeId("none"))
    node = settings.model_copy(update={"role": "node"})
    assert set(told(asked, node)) == {"client_id", "title", "sector", "redirect_uris", "purposes", "role"}


def test_a_name_that_another_file_has_is_refused(folder: Path, settings: Settings) -> None:
    text = text_of(ASKED, NEEDED).encode()
    elsewhere = load({**FILES, "parties/another.toml": text})
    assert "parties/another.toml" in told(ASKED, settings, elsewhere)["client_id"]
    # A file that is no party yet, and a link that leads nowhere, are somebody's too
    (folder / ASKED.jwks_file).symlink_to("nowhere")
    assert "is there already" in told(ASKED, settings)["client_id"]


def test_it_is_registered_for_exactly_what_its_purpose_needs() -> None:
    assert attributes_for(NEEDED) == {
        "birthdate": "age_over(18)",
        "address": "resident_of(Storkhaven)",
        "email": "exact",
    }
    party = load({**FILES, ASKED.file: text_of(ASKED, NEEDED).encode()}).parties[ClientId("permits")]
    assert {name: str(rule.form) for name, rule in party.attributes.items()} == attributes_for(NEEDED)
    assert party.purposes == (NEEDED.purpose_id,)


@given(
    title=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=50).filter(str.isprintable),
    path=st.text("abcXYZ019-._~:/?@!$&'()*+,;=%", max_size=30),
)
def test_whatever_is_not_refused_is_read_back_as_it_was_asked_for(title: str, path: str) -> None:
    asked = replace(ASKED, title=title, redirect_uris=(f"https://permits.city.example/{path}",))
    read = tomllib.loads(text_of(asked, NEEDED))
    assert read["title"] == {"en": title}
    assert read["redirect_uris"] == list(asked.redirect_uris)


def test_it_is_written_and_holds(folder: Path) -> None:
    register(ASKED, NEEDED, folder)
    assert [path.name for path in (folder / "parties").iterdir()] == ["permits.toml"]
    assert stat.S_IMODE((folder / ASKED.file).stat().st_mode) & 0o022 == 0


def test_nothing_stays_of_one_with_which_the_configuration_does_not_hold(folder: Path) -> None:
    with pytest.raises(Misconfigured, match="client_secret_sha256"):
        register(replace(ASKED, secret_sha256="no hash"), NEEDED, folder)
    weak = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
    asked = replace(
        ASKED, method="private_key_jwt", algorithm="RS256", jwks=json.dumps({"keys": [weak]}).encode(), secret_sha256=""
    )
    with pytest.raises(Misconfigured, match="jwks"):
        register(asked, NEEDED, folder)
    assert list((folder / "parties").iterdir()) == []


def _jwks(*jwks: Mapping[str, str]) -> bytes:
    return json.dumps({"keys": list(jwks)}).encode()


P256 = public_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())
P384 = public_jwk(ec.generate_private_key(ec.SECP384R1()).public_key())
ED25519 = public_jwk(Ed25519PrivateKey.generate().public_key())
RSA = public_jwk(rsa.generate_private_key(65537, 2048).public_key())


def test_the_algorithm_is_that_of_the_keys() -> None:
    assert algorithm_of(_jwks(P256)) == "ES256"
    assert algorithm_of(_jwks(P384)) == "ES384"
    assert algorithm_of(_jwks(RSA)) == "RS256"
    assert algorithm_of(_jwks(RSA, P256)) == "ES256"
    assert algorithm_of(_jwks({**RSA, "alg": "PS256"})) == "PS256"
    assert algorithm_of(_jwks(ED25519)) == "EdDSA"
    assert algorithm_of(_jwks({**ED25519, "alg": "Ed25519"})) == "Ed25519"


def test_keys_that_cannot_be_used_are_refused_with_the_reason() -> None:
    for content, said in [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "JSON"),
        (b'{"keys": []}', "1 to"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "private or a symmetric"),
        (_jwks({**P384, "d": "AA"}), "private or a symmetric"),
        (_jwks({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), "none of EdDSA"),
        (_jwks({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}), "no key for"),
        (b'{"keys": [' + b" " * 70_000 + b"]}", "too large"),
    ]:
        with pytest.raises(SignatureInvalid, match=said):
            algorithm_of(content)


def test_what_a_purpose_requires_is_known_by_its_claim() -> None:
    for name, form, claim, value in [
        ("birthdate", EXACT, "birthdate", "-"),
        ("birthdate", Form("birth_year"), "birth_year", "-"),
        ("birthdate", Form("age_over", "18"), "age_over_18", True),
        ("address", Form("resident_of", "Storkhaven"), "resident_of", {"Storkhaven": True}),
        ("address", Form("country"), "address_country", "EE"),
        ("address", Form("municipality"), "address_municipality", {"locality": "-", "region": "-", "country": "EE"}),
        (
            "address",
            EXACT,
            "address",
            dict.fromkeys(("street_address", "postal_code", "locality", "region"), "-") | {"country": "EE"},
        ),
        ("nationality", EXACT, "nationalities", ["-"]),
    ]:
        needs = {
            AttributeName(name): Need(form, {"en": "."}, required=True, source=Source("p", 1)),
            AttributeName("email"): Need(EXACT, {"en": "."}, required=False, source=Source("p", 2)),
        }
        assert required_claims(replace(NEEDED, needs=needs), STANDARD) == {claim: value}
