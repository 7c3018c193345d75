"""`ciconia party add`, as an operator runs it: what is made, what is printed, and what is left of a refusal."""

import hashlib
import json
import re
import stat
from importlib import import_module, resources
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connectors.signatures.jwk import keys_from_jwks, public_jwk
from idp.cli import app
from idp.cli.init import init
from idp.cli.snippets import NOT_RUN, PUBLIC_ALONE, TITLES, Framework, Words, render
from idp.configuration import load_configuration
from idp.keys.file import create_token_key, load_signer
from policies.assurance import LevelOfAssurance
from policies.catalogue import ClaimValue
from policies.parties import ClientId
from tests.idp.cli.command import listen_on_a_free_port, serving

URI = "https://permits.city.example/callback"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "city"
    init(folder)
    purpose = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml")
    (folder / "purposes" / "resident-parking.toml").write_bytes(purpose.read_bytes())
    return folder


@pytest.fixture
def city(made: Path) -> Path:
    """The configuration without a party."""
    for path in (made / "parties").iterdir():
        path.unlink()
    return made


def add(city: Path, *more: str | Path, name: str = "permits", uri: str = URI, purpose: str = "resident-parking") -> Result:
    arguments = ["party", "add", name, "--redirect", uri, "--purpose", purpose, "--config", str(city)]
    return CliRunner().invoke(app, [*arguments, *map(str, more)])


def said(run: Result) -> dict[str, object]:
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


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
        "method": "client_secret_basic",
        "algorithm": None,
        "id_token_alg": "ES256",
        "jwks": None,
        "key": None,
        "restart": True,
    }
    assert set(dict(found["snippets"])) == {str(one) for one in Framework if one not in PUBLIC_ALONE}  # type: ignore[call-overload] # JSON's object
    assert load_configuration(city).parties[ClientId("permits")].title == {"en": "Parking permits"}


def test_nobody_joins_a_sector_by_a_name_that_happens_to_fit(city: Path) -> None:
    said(add(city, "--json", "--sector", "mobility", name="parking"))
    said(add(city, "--json", "--sector", "mobility", name="fares"))
    before = contents(city)
    taken = "this sector has fares, parking. Fix: give --sector to join it, or another name"
    for more, told in (((), taken), (("--sector", ""), "sector: is no name")):
        run = add(city, *more, name="mobility")
        assert run.exit_code == 1
        assert told in run.output
    assert contents(city) == before
    found = said(add(city, "--json", "--sector", "mobility", name="mobility"))
    assert found["sector_shared_with"] == ["fares", "parking"]
    run = add(city, "--sector", "mobility")
    assert "It joins the sector mobility: fares, mobility, parking and it know the same person" in run.stdout


@pytest.mark.parametrize(
    "where", [("idp.registration", "load_all"), ("idp.cli.party", "render"), ("idp.cli.party", "_say")]
)
def test_a_registration_whose_secret_nobody_saw_does_not_stay(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[str, str]
) -> None:
    def stopped(*_given: object) -> None:
        raise KeyboardInterrupt

    before = contents(city)
    monkeypatch.setattr(import_module(where[0]), where[1], stopped)
    for more in ((), ("--key-out", str(tmp_path / "app.pem"))):
        assert add(city, *more).exit_code != 0
        assert contents(city) == before
        assert list(tmp_path.iterdir()) == []


def test_a_person_reads_the_programs_and_then_what_was_made(city: Path) -> None:
    run = add(city)
    assert run.exit_code == 0
    for framework in set(Framework) - PUBLIC_ALONE:
        assert f"== {TITLES[framework]}{' (not run by our tests)' if framework in NOT_RUN else ''}\n" in run.stdout
    last = run.stdout[run.stdout.index("Wrote ") :]
    assert "birthdate            age_over(18)\n" in last
    assert "email                exact (if the citizen ticks it)\n" in last
    assert re.search(r"CLIENT_SECRET=[\w-]{43}\n", last)
    assert run.stdout.count("CLIENT_SECRET=") == 1
    assert "A running server takes it in when it gets SIGHUP" in last
    # Nothing of a program is left to be filled in
    assert not re.search(r"@[A-Z_]+@|@secret@|@basic@|@post@|@key@", run.stdout)


@pytest.mark.parametrize("framework", list(Framework))
def test_one_program_alone_can_be_had(city: Path, framework: Framework) -> None:
    public = ["--public"] if framework in PUBLIC_ALONE else []
    found = said(add(city, "--json", "--snippet", framework, *public))["snippets"]
    required: dict[str, ClaimValue] = {"age_over_18": True, "resident_of": {"Storkhaven": True}}
    words = Words("https://login.city.example", "permits", "resident-parking", URI, LevelOfAssurance.SUBSTANTIAL, required)
    assert found == {str(framework): render(framework, words)}


def test_a_key_is_made_outside_of_the_configuration_for_its_owner_alone(city: Path, tmp_path: Path) -> None:
    key = tmp_path / "permits.pem"
    found = said(add(city, "--key-out", key, "--json"))
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


def test_who_asks_for_apache_with_a_key_is_told_why_not(city: Path, tmp_path: Path) -> None:
    key, before = tmp_path / "permits.pem", contents(city / "parties")
    run = add(city, "--key-out", key, "--snippet", "apache")
    assert run.exit_code == 1
    assert "--snippet: Apache with mod_auth_openidc: no program of ours signs in with a key" in run.output
    assert not key.exists()
    assert contents(city / "parties") == before
    run = add(city, "--key-out", key)
    assert run.exit_code == 0
    assert "Apache with mod_auth_openidc: no program of ours signs in with a key" in run.stdout


def test_keys_that_the_app_has_already_are_taken(city: Path, tmp_path: Path) -> None:
    create_token_key(tmp_path / "own.pem", "RS256")
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"keys": [public_jwk(load_signer(tmp_path / "own.pem").public_key)]}), encoding="utf-8")
    found = said(add(city, "--jwks", own, "--json"))
    assert (found["method"], found["algorithm"], found["key"]) == ("private_key_jwt", "RS256", None)
    assert (city / "parties" / "permits.jwks.json").read_bytes() == own.read_bytes()


def test_what_its_library_needs_is_registered_and_the_programs_say_it(city: Path, tmp_path: Path) -> None:
    found = said(
        add(
            city,
            "--json",
            "--method",
            "client_secret_post",
            "--id-token-alg",
            "RS256",
            "--claims-in-id",
            "--pkce",
            "optional",
        )
    )
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


def test_what_is_said_of_assertions_is_for_a_service_that_makes_some(city: Path) -> None:
    for words in (("--audience", "token_endpoint"), ("--life", "600")):
        assert f"{words[0]}: is for private_key_jwt" in _refused(city, add(city, *words))
    assert add(city, "--method", "private_key_jwt", "--life", "601").exit_code == 2


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


@pytest.mark.parametrize(
    ("words", "key"), [(("--title", ""), "title"), (("--title", " "), "title"), (("--sector", ""), "sector")]
)
def test_what_is_given_and_empty_is_no_default(city: Path, words: tuple[str, ...], key: str) -> None:
    run = add(city, *words, "--json")
    assert run.exit_code == 1
    (problem,) = json.loads(run.stdout)["problems"]
    assert problem["key"] == key
    assert ("is empty" in problem["what"]) == (key == "title")


@pytest.mark.parametrize("title", ["\u200d", "\u2800\u3164", " \u00ad"])
def test_a_title_that_shows_nothing_is_no_title(city: Path, title: str) -> None:
    text = _refused(city, add(city, "--title", title))
    assert "title: has nothing that anybody can see. Fix: write what citizens call the service" in text


@pytest.mark.parametrize("name", ["permits", "two words"])
def test_a_name_that_will_not_do_is_one_fault_and_not_also_one_of_its_sector(city: Path, name: str) -> None:
    assert add(city).exit_code == 0
    run = add(city, "--json", name=name)
    assert [problem["key"] for problem in json.loads(run.stdout)["problems"]] == ["client_id"]


def test_an_existing_name_is_refused_and_its_file_stays(city: Path) -> None:
    assert add(city).exit_code == 0
    before = contents(city)
    run = add(city, uri="https://another.example/")
    assert run.exit_code == 1
    assert "`permits` is there already (parties/permits.toml:3)" in run.stderr
    assert contents(city) == before


def test_options_about_keys_that_do_not_fit_are_refused(city: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.pem"
    taken.write_text("mine", encoding="utf-8")
    assert "one of the two is needed" in _refused(city, add(city, "--method", "private_key_jwt"))
    assert "one of the two is needed" in _refused(city, add(city, "--jwks", taken, "--key-out", tmp_path / "new"))
    assert "is for private_key_jwt" in _refused(city, add(city, "--method", "client_secret_basic", "--jwks", taken))
    assert "lies in the configuration" in _refused(city, add(city, "--key-out", city / "keys" / "permits.pem"))
    assert "lies in the configuration" in _refused(city, add(city, "--key-out", city / "keys" / ".." / "permits.pem"))
    assert "is there already" in _refused(city, add(city, "--key-out", taken))
    assert taken.read_text(encoding="utf-8") == "mine"


def test_keys_that_are_none_are_refused(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', encoding="utf-8")
    assert "private or a symmetric key" in _refused(city, add(city, "--jwks", file))
    assert "cannot be read" in _refused(city, add(city, "--jwks", tmp_path / "nowhere"), 2)
    assert "cannot be read" in _refused(city, add(city, "--jwks", tmp_path), 2)
    assert "cannot be written" in _refused(city, add(city, "--key-out", tmp_path / "no" / "folder.pem"), 2)


def test_a_configuration_that_does_not_hold_could_not_be_tried(city: Path, tmp_path: Path) -> None:
    (city / "purposes" / "half.toml").write_text("id = ", encoding="utf-8")
    try:
        assert "purposes/half.toml:1" in _refused(city, add(city), 2)
    finally:
        (city / "purposes" / "half.toml").unlink()
    assert "cannot be read" in add(tmp_path).stderr
    assert add(tmp_path).exit_code == 2


def test_where_it_cannot_be_written_the_key_is_taken_away_again(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("idp.registration.write_new", full)
    run = add(city, "--key-out", tmp_path / "permits.pem")
    assert "No space left on device" in _refused(city, run, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["perl", ""])
def test_there_is_no_program_for_what_we_do_not_know(city: Path, word: str) -> None:
    assert add(city, "--snippet", word).exit_code == 2


def test_a_running_server_sees_it_after_a_restart_and_not_before(city: Path, tmp_path: Path) -> None:
    (city / "ciconia.db").unlink(missing_ok=True)
    asked = f"/authorize?client_id=permits&redirect_uri={URI}&response_type=code"
    proxied = {"host": "login.city.example", "x_forwarded_proto": "https"}
    text = (city / "ciconia.toml").read_text(encoding="utf-8")
    listen_on_a_free_port(city)
    try:
        with serving(city, tmp_path / "log") as served:
            assert add(city).exit_code == 0
            assert served.get(asked, **proxied).status_code == 400
        with serving(city, tmp_path / "log") as served:
            answer = served.get(asked, **proxied)
            # Known now: what lacks in the request goes back to it
            assert answer.status_code == 303, answer.text
            assert answer.headers["location"].startswith(f"{URI}?error=invalid_scope")
    finally:
        (city / "ciconia.toml").write_text(text, encoding="utf-8")


def test_the_help_shows_an_example() -> None:
    assert "Example: ciconia party add" in CliRunner().invoke(app, ["party", "add", "--help"]).stdout


# -- public clients ----------------------------------------------------------------------------------------------------


def test_a_page_is_registered_without_a_secret_and_gets_the_program_of_a_page(city: Path) -> None:
    found = said(add(city, "--public", "--json", "--redirect", "org.example.permits:/done"))
    assert (found["public"], found["method"], found["client_secret"], found["key"], found["jwks"]) == (
        True,
        "none",
        None,
        None,
        None,
    )
    assert set(dict(found["snippets"])) == {"spa"}  # type: ignore[call-overload] # JSON's object
    party = load_configuration(city).parties[ClientId("permits")]
    assert (party.public, party.secret_sha256, party.jwks) == (True, "", "")
    assert party.origins == ("https://permits.city.example",)
    assert list((city / "parties").iterdir()) == [city / "parties" / "permits.toml"]


def test_a_person_reads_what_a_public_client_is(city: Path) -> None:
    run = add(city, "--public", "--origin", "https://app.city.example", "--redirect", "org.example.permits:/done")
    assert run.exit_code == 0, run.output
    last = run.stdout[run.stdout.index("Wrote ") :]
    assert "It is public: it has no secret" in last
    assert "Pages that may call for it: https://app.city.example." in last
    assert "can claim its scheme" in last
    assert "SECRET" not in run.stdout
    assert load_configuration(city).parties[ClientId("permits")].origins == ("https://app.city.example",)


@pytest.mark.parametrize("uri", ["http://127.0.0.1/done", "http://[::1]/done", "org.example.permits:/done"])
def test_an_app_on_a_device_is_registered_and_gets_no_page(city: Path, uri: str) -> None:
    found = said(add(city, "--public", "--json", uri=uri))
    assert found["snippets"] == {}
    assert load_configuration(city).parties[ClientId("permits")].redirect_uris == (uri,)
    run = add(city, uri=uri, name="confidential")
    assert run.exit_code == 1
    assert "redirect_uris" in run.output


@pytest.mark.parametrize(
    ("more", "uri", "told"),
    [
        (["--public", "--method", "client_secret_basic"], URI, "neither a secret nor a key"),
        (["--public", "--key-out", "app.pem"], URI, "neither a secret nor a key"),
        (["--public", "--jwks", "app.json"], URI, "neither a secret nor a key"),
        (["--public", "--pkce", "optional"], URI, "required of a public client"),
        (["--public", "--snippet", "flask"], URI, "runs on a server"),
        (["--public", "--snippet", "spa"], "org.example.permits:/done", "no page at these addresses"),
        (["--snippet", "spa"], URI, "keeps no secret"),
        (["--origin", "https://app.city.example"], URI, "is for --public"),
        (["--public", "--origin", "https://app.city.example/"], URI, "no origin"),
        (["--public", "--origin", "https://App.city.example"], URI, "no origin"),
        (["--public", "--origin", "http://app.localhost:3000"], URI, "not https"),
        (["--public", "--origin", "https://login.city.example"], URI, "broker itself"),
        (["--public", "--origin", "null"], URI, "absolute"),
        (["--public"], "http://localhost:3000/done", "localhost"),
        (["--public"], "http://127.0.0.1:3000/done", "port"),
        (["--public"], "http://app.localhost:3000/done", "not https"),
        (["--public"], "myapp:/done", "absolute"),
        (["--public"], "org.example.permits:/do'ne", "no place"),
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
