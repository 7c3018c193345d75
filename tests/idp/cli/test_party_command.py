"""`ciconia party add`, as an operator runs it: what is made, what is printed, and what is left of a refusal."""

import hashlib
import json
import re
import shutil
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connectors.signatures.jwk import keys_from_jwks, public_jwk
from idp.cli import app
from idp.cli.snippets import PUBLIC_ALONE, Framework
from idp.config.folder import load_configuration
from idp.keys.file import create_token_key, load_signer
from policies.parties import ClientId
from tests.idp.cli.command import listen_on_a_free_port, serving
from tests.idp.cli.keys_said import said

URI = "https://permits.city.example/callback"


@pytest.fixture
def city(with_purpose: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration without a party."""
    return Path(shutil.copytree(with_purpose, tmp_path_factory.mktemp("party") / "city"))


def add(city: Path, *more: str | Path, name: str = "permits", uri: str = URI, purpose: str = "resident-parking") -> Result:
    arguments = ["party", "add", name, "--redirect", uri, "--purpose", purpose, "--config", str(city)]
    return CliRunner().invoke(app, [*arguments, *map(str, more)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_secret_is_printed_once_and_only_its_hash_is_kept(city: Path) -> None:
    before = contents(city)
    found = said(add(city, "--json"))
    secret = str(found["client_secret"])
    assert len(secret) >= 43
    party = load_configuration(city).parties[ClientId("permits")]
    assert party.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()
    after = contents(city)
    assert set(after) - set(before) == {"parties/permits.toml"}
    assert {name: after[name] for name in before} == before
    assert not [name for name, content in after.items() if secret.encode() in content]
    assert not [text for text in dict(found["snippets"]).values() if secret in text]  # type: ignore[call-overload] # JSON's object


def test_with_four_eyes_a_service_waits_for_a_second_person(city: Path) -> None:
    settings = city / "ciconia.toml"
    settings.write_text(settings.read_text().replace("four_eyes = false", "four_eyes = true"))
    told = add(city).stdout
    assert f"ciconia plan --config {city}" in told
    assert "SIGHUP" not in told


def test_the_json_says_what_the_app_needs(city: Path) -> None:
    found = said(add(city, "--json", "--redirect", f"{URI}/2", "--title", "Parking permits", "--sector", "mobility"))
    assert {name: found[name] for name in found if name not in {"client_secret", "snippets"}} == {
        "ok": True,
        "issuer": "https://login.city.example",
        "client_id": "permits",
        "file": "parties/permits.toml",
        "redirect_uris": [URI, f"{URI}/2"],
        "public": False,
        "purpose": "resident-parking",
        "scope": "openid purpose:resident-parking",
        "sector": "mobility",
        "sector_shared_with": [],
        "attributes": {"birthdate": "age_over(18)", "address": "resident_of(Storkhaven)", "email": "exact"},
        "enforced": {
            "minimum_assurance": "substantial",
            "required": ["birthdate", "address"],
            "must_be_true": [],
        },
        "profile": "core",
        "method": "client_secret_basic",
        "algorithm": None,
        "id_token_alg": "ES256",
        "jwks": None,
        "key": None,
        "restart": True,
    }
    assert set(dict(found["snippets"])) == {str(one) for one in Framework if one not in PUBLIC_ALONE}  # type: ignore[call-overload] # JSON's object
    assert load_configuration(city).parties[ClientId("permits")].title == {"en": "Parking permits"}


def test_a_key_is_made_outside_of_the_configuration_for_its_owner_alone(city: Path, tmp_path: Path) -> None:
    key = tmp_path / "permits.pem"
    found = said(add(city, "--key-out", key, "--profile", "core", "--json"))
    assert (found["method"], found["algorithm"]) == ("private_key_jwt", "ES256")
    assert (found["client_secret"], found["key"], found["jwks"]) == (None, str(key), "parties/permits.jwks.json")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    party = load_configuration(city).parties[ClientId("permits")]
    (public,) = keys_from_jwks(party.jwks, "ES256")
    assert public.kid == load_signer(key).key_id
    assert b"PRIVATE" not in b"".join(contents(city / "parties").values())
    assert '"d"' not in party.jwks
    snippets = found["snippets"]
    assert isinstance(snippets, dict)
    # mod_auth_openidc signs with RSA alone
    assert set(snippets) == {str(one) for one in Framework if one not in PUBLIC_ALONE} - {"apache"}
    assert all("CLIENT_KEY" in text and "CLIENT_SECRET" not in text for text in snippets.values())


def test_keys_that_the_app_has_already_are_taken(city: Path, tmp_path: Path) -> None:
    create_token_key(tmp_path / "own.pem", "RS256")
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"keys": [public_jwk(load_signer(tmp_path / "own.pem").public_key)]}), encoding="utf-8")
    found = said(add(city, "--jwks", own, "--json"))
    assert (found["method"], found["algorithm"], found["key"]) == ("private_key_jwt", "RS256", None)
    assert (city / "parties" / "permits.jwks.json").read_bytes() == own.read_bytes()


def test_a_service_with_a_key_is_proposed_the_strongest_profile(city: Path, tmp_path: Path) -> None:
    run = add(city, "--key-out", tmp_path / "k.pem")
    assert run.exit_code == 0
    assert "Its profile is fapi2: it pushes each request to https://login.city.example/par" in run.output
    # The programs that can are printed, and no others
    assert "buildAuthorizationUrlWithPAR" in run.output
    assert "buildAuthorizationUrl(" not in run.output
    assert "pushed_authorization_request_endpoint" in run.output
    assert "== Flask with Authlib" not in run.output
    party = load_configuration(city).parties[ClientId("permits")]
    assert (party.openid.is_fapi2, party.openid.pushes, party.openid.dpop_bound_access_tokens) == (True, True, True)
    # None of these can be: whoever needs one gets what was there before
    for number, more in enumerate(
        (
            ("--profile", "core"),
            ("--audience", "token_endpoint"),
            ("--id-token-alg", "RS256"),
            ("--pkce", "optional"),
            ("--snippet", "flask"),
        )
    ):
        name = f"other-{number}"
        found = said(add(city, "--json", "--key-out", tmp_path / f"{name}.pem", *more, name=name))
        assert found["profile"] == "core"
        assert "flask" in str(found["snippets"])
        assert not load_configuration(city).parties[ClientId(name)].openid.pushes
    assert said(add(city, "--json", name="by-secret"))["profile"] == "core"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "fapi2 is for a service with a key"),
        (("--public",), "fapi2 is for a service with a key"),
        (("--key-out", "k.pem", "--snippet", "flask"), "neither pushes its requests"),
        (("--key-out", "k.pem", "--id-token-alg", "RS256"), "is RS256, which fapi2 does not take"),
        (("--key-out", "k.pem", "--audience", "token_endpoint"), "is our issuer alone in fapi2"),
        (("--key-out", "k.pem", "--pkce", "optional"), "is required by fapi2"),
    ],
)
def test_the_strongest_profile_is_not_bent(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in _refused(city, add(city, "--profile", "fapi2", *more))
    assert not (tmp_path / "k.pem").exists()


def test_what_its_library_needs_is_registered_and_the_programs_say_it(city: Path, tmp_path: Path) -> None:
    weaker = ("--method", "client_secret_post", "--id-token-alg", "RS256", "--claims-in-id", "--pkce", "optional")
    found = said(add(city, "--json", *weaker))
    party = load_configuration(city).parties[ClientId("permits")]
    assert (party.authentication_method, party.id_token_alg) == ("client_secret_post", "RS256")
    assert (party.claims_in_id_token, party.pkce_required) == (True, False)
    assert (found["method"], found["id_token_alg"]) == ("client_secret_post", "RS256")
    assert party.secret_sha256 == hashlib.sha256(str(found["client_secret"]).encode()).hexdigest()
    snippets = found["snippets"]
    assert isinstance(snippets, dict)
    assert "OIDCProviderTokenEndpointAuth client_secret_post" in snippets["apache"]
    assert "OIDCIDTokenSignedResponseAlg RS256" in snippets["apache"]
    more = ("--audience", "token_endpoint", "--life", "600")
    said(add(city, "--json", "--key-out", tmp_path / "k.pem", *more, name="fares"))
    fares = load_configuration(city).parties[ClientId("fares")]
    assert (fares.assertion_audience, fares.assertion_life, fares.pkce_required) == ("token_endpoint", 600, True)
    # Nobody reads a line that says what holds anyhow
    said(add(city, "--json", name="plain"))
    text = (city / "parties" / "plain.toml").read_text(encoding="utf-8")
    assert not re.search("assertion|pkce|claims_in|id_token", text)


def _refused(city: Path, run: Result, code: int = 1) -> str:
    """The sentences of a refusal, after which nothing of it is there."""
    assert run.exit_code == code, run.output
    assert not isinstance(run.exception, OSError | ValueError)
    assert list((city / "parties").iterdir()) == []
    return run.stderr


def test_a_refusal_names_everything_and_leaves_nothing(city: Path) -> None:
    text = _refused(city, add(city, uri="http://permits.city.example/callback?code=1", purpose="parking"))
    assert "parties/permits.toml: redirect_uris:" in text
    assert "purposes: `parking` is not a purpose. Fix: did you mean `resident-parking`?" in text
    run = add(city, "--json", uri="https://*.example/")
    assert [problem["key"] for problem in json.loads(run.stdout)["problems"]] == ["redirect_uris"]


def test_an_existing_name_is_refused_and_its_file_stays(city: Path) -> None:
    assert add(city).exit_code == 0
    before = contents(city)
    run = add(city, uri="https://another.example/")
    assert run.exit_code == 1
    assert "`permits` is there already (parties/permits.toml:3)" in run.stderr
    assert contents(city) == before


def test_a_running_server_sees_it_after_a_restart_and_not_before(city: Path, tmp_path: Path) -> None:
    (city / "ciconia.db").unlink(missing_ok=True)
    asked = f"/authorize?client_id=permits&redirect_uri={URI}&response_type=code"
    proxied = {"host": "login.city.example", "x_forwarded_proto": "https"}
    listen_on_a_free_port(city)
    with serving(city, tmp_path / "log") as served:
        assert add(city).exit_code == 0
        assert served.get(asked, **proxied).status_code == 400
    with serving(city, tmp_path / "log") as served:
        answer = served.get(asked, **proxied)
        # Known now: what lacks in the request goes back to it
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith(f"{URI}?error=invalid_scope")


# -- public clients ----------------------------------------------------------------------------------------------------


def test_a_page_is_registered_without_a_secret_and_gets_the_program_of_a_page(city: Path) -> None:
    found = said(add(city, "--public", "--json", "--redirect", "org.example.permits:/done"))
    assert (found["public"], found["method"]) == (True, "none")
    assert (found["client_secret"], found["key"], found["jwks"]) == (None, None, None)
    assert set(dict(found["snippets"])) == {"spa"}  # type: ignore[call-overload] # JSON's object
    party = load_configuration(city).parties[ClientId("permits")]
    assert (party.public, party.secret_sha256, party.jwks) == (True, "", "")
    assert party.origins == ("https://permits.city.example",)
    assert list((city / "parties").iterdir()) == [city / "parties" / "permits.toml"]


def test_an_app_that_listens_on_its_device_gets_the_program_that_does(city: Path) -> None:
    found = said(add(city, "--public", "--json", "--redirect", "http://127.0.0.1/done", uri="org.example.permits:/done"))
    snippets = dict(found["snippets"])  # type: ignore[call-overload] # JSON's object
    assert set(snippets) == {"native"}
    assert 'urlsplit("http://127.0.0.1/done")' in snippets["native"]


# -- refresh tokens, machines and logout -------------------------------------------------------------------------------


def test_what_a_service_has_beside_a_sign_in_is_registered_and_in_its_program(city: Path) -> None:
    (city / "session_groups.toml").write_text("[town]\n", encoding="utf-8")
    out = ("--signed-out", "https://permits.city.example/bye", "--logout", "https://permits.city.example/sign-out")
    machine = said(_machine(city, behind=str(said(add(city, "--sector", "town", "--json"))["client_id"])))
    assert machine["line"] == 'resource_servers = ["api"]'
    found = said(
        add(
            city,
            "--refresh",
            "--group",
            "town",
            *out,
            "--events",
            "https://permits.city.example/events",
            "--api",
            "api",
            "--sector",
            "town",
            "--json",
            name="visits",
        )
    )
    party = load_configuration(city).parties[ClientId("visits")]
    assert (party.openid.refreshes, party.openid.tokens.resource_servers) == (True, ("api",))
    logout = party.openid.logout
    assert (logout.session_group, logout.post_logout_redirect_uris) == ("town", (out[1],))
    assert logout.backchannel_logout_uri == out[3]
    assert logout.events_uri == "https://permits.city.example/events"
    text = dict(found["snippets"])["fastapi"]  # type: ignore[call-overload] # JSON's object
    compile(text, "app.py", "exec")
    assert '@app.post("/leave")' in text, "its own path is not the one at which it is told"
    assert "offline_access" in text


def _machine(city: Path, *more: str, behind: str) -> Result:
    return CliRunner().invoke(
        app, ["party", "add-machine", "api", "--behind", behind, "--config", str(city), "--json", *more]
    )


def test_a_machine_is_of_its_apps_sector_and_asks_for_nothing_else(city: Path, tmp_path: Path) -> None:
    said(add(city, "--sector", "mobility", "--json"))
    for wrong in ("nobody", "Permits"):
        run = _machine(city, behind=wrong)
        assert (run.exit_code, "no app is registered" in run.stdout) == (1, True)
    key = tmp_path / "api.pem"
    found = said(_machine(city, "--key-out", str(key), behind="permits"))
    assert (found["method"], found["client_secret"], found["key"]) == ("private_key_jwt", None, str(key))
    party = load_configuration(city).parties[ClientId("api")]
    assert (party.sector, party.openid.tokens.resource_server, party.redirect_uris) == ("mobility", True, ())
    compile(dict(found["snippets"])["machine"], "api.py", "exec")  # type: ignore[call-overload] # JSON's object
    again = _machine(city, behind="api")
    assert (again.exit_code, "no app is registered" in again.stdout) == (1, True), "nobody signs in at a machine"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--logout", "https://permits.city.example/out"), "stands without session_group"),
        (("--group", "town"), "session_group"),
        (("--signed-out", "http://permits.city.example/bye"), "is not https"),
        (("--signed-out", "https://permits.city.example/bye'"), "canonical form"),
        (("--logout", "https://login.city.example/out"), "the broker itself"),
        (("--events", "http://permits.city.example/events"), "is not https"),
        (("--events", "https://login.city.example/events"), "the broker itself"),
        (("--api", "nobody"), "resource_servers"),
    ],
)
def test_what_beside_a_sign_in_cannot_be_is_refused(city: Path, more: tuple[str, ...], told: str) -> None:
    assert told in _refused(city, add(city, *more))


@pytest.mark.parametrize(
    ("more", "uri", "told"),
    [
        (["--public", "--method", "client_secret_basic"], URI, "neither a secret nor a key"),
        (["--public", "--key-out", "app.pem"], URI, "neither a secret nor a key"),
        (["--public", "--pkce", "optional"], URI, "required of a public client"),
        (["--public", "--snippet", "flask"], URI, "runs on a server"),
        (["--public", "--snippet", "spa"], "org.example.permits:/done", "at none of these addresses"),
        (["--snippet", "spa"], URI, "keeps no secret"),
        (["--origin", "https://app.city.example"], URI, "is for --public"),
        (["--public", "--origin", "https://app.city.example/"], URI, "no origin"),
        (["--public", "--origin", "http://app.localhost:3000"], URI, "not https"),
        (["--public", "--origin", "https://login.city.example"], URI, "broker itself"),
        (["--public"], "http://localhost:3000/done", "localhost"),
        (["--public"], "http://app.localhost:3000/done", "not https"),
        (["--public"], "myapp:/done", "absolute"),
        (["--public"], "https://login.city.example/done", "broker itself"),
    ],
)
def test_a_public_client_that_cannot_be_is_refused_and_leaves_nothing(
    city: Path, more: list[str], uri: str, told: str
) -> None:
    before = contents(city)
    run = add(city, *more, uri=uri)
    assert run.exit_code == 1, run.output
    assert told in " ".join(run.output.split())
    assert contents(city) == before
