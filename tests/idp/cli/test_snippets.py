"""The programs that `party add` prints: filled in, whole in both ways to authenticate, and without a secret in them."""

import re
from dataclasses import replace

from idp.cli.snippets import PUBLIC_ALONE, SECRET_ALONE, Framework, Words, render
from policies.assurance import LevelOfAssurance

WORDS = Words(
    "https://login.city.example",
    "permits",
    "resident-parking",
    "https://permits.city.example/sign-in/callback?a=b",
    LevelOfAssurance.SUBSTANTIAL,
    {"age_over_18": True, "resident_of": {"New Storkhaven": True}, "nationalities": ["-"]},
)
WITH_KEY = replace(WORDS, key=True)
PYTHON = (Framework.FASTAPI, Framework.FLASK, Framework.DJANGO)


def test_nothing_is_left_to_fill_in_and_every_identifier_is_there() -> None:
    for framework in list(Framework):
        for words in [WORDS, WITH_KEY]:
            text = render(framework, words)
            assert not re.search(r"@[A-Z_]+@|@secret@|@basic@|@post@|@key@", text)
            for value in (words.issuer, f"purpose:{words.purpose}", words.redirect_uri, words.client_id):
                assert value in text
            assert "/sign-in/callback" in text.replace(words.redirect_uri, "")


def test_a_program_takes_its_secret_or_its_key_from_the_environment() -> None:
    for framework in list(Framework):
        if framework in PUBLIC_ALONE:
            assert "CLIENT_SECRET" not in render(framework, WORDS) + render(framework, WITH_KEY)
            continue
        assert "CLIENT_SECRET" in render(framework, WORDS)
        assert "CLIENT_KEY" not in render(framework, WORDS)
        if framework not in SECRET_ALONE:
            assert "CLIENT_KEY" in render(framework, WITH_KEY)
            assert "CLIENT_SECRET" not in render(framework, WITH_KEY)


def test_what_is_python_compiles() -> None:
    for framework in PYTHON:
        for words in [WORDS, WITH_KEY]:
            compile(render(framework, words), "app.py", "exec")


def test_pkce_and_the_algorithm_of_our_id_tokens_are_in_every_program() -> None:
    for framework in list(Framework):
        for words in [WORDS, WITH_KEY]:
            text = render(framework, words)
            assert "S256" in text or "withPkce" in text
            if framework in PUBLIC_ALONE:
                return  # it takes the id_token from us directly, and looks at no signature (Core §3.1.3.7 item 6)
            # Authlib goes by our metadata, which names it; the others expect RS256 where nothing is said
            assert "ES256" in text or framework in PYTHON


def test_a_program_says_the_method_and_the_algorithm_that_are_registered() -> None:
    for framework in list(Framework):
        if framework in PUBLIC_ALONE:
            continue
        header, form = render(framework, WORDS), render(framework, replace(WORDS, post=True))
        rs256 = render(framework, replace(WORDS, id_token_alg="RS256"))
        # Authlib sends the secret in the header by itself, and goes by our metadata for the algorithm
        assert re.search(r"client_secret_basic|ClientSecretBasic", header) or framework in PYTHON
        assert re.search(r"client_secret_post|ClientSecretPost", form)
        assert not re.search(r"client_secret_basic|ClientSecretBasic", form)
        assert header.replace("ES256", "RS256") == rs256
        if framework in PYTHON:
            compile(form, "app.py", "exec")


def test_every_program_looks_at_the_level_that_was_reached() -> None:
    """The holder of the browser can ask for another purpose of the service, whose level is lower."""
    for framework in list(Framework):
        for words in [WORDS, WITH_KEY]:
            text = render(framework, words)
            if framework is Framework.APACHE:
                (pattern,) = re.findall(r"Require claim acr~(.*)", text)
                accepted = [level for level in LevelOfAssurance if re.search(pattern, level.uri)]
            else:
                accepted = [level for level in LevelOfAssurance if f'"{level.uri}"' in text]
            assert accepted == [LevelOfAssurance.SUBSTANTIAL, LevelOfAssurance.HIGH]


def test_every_program_looks_at_the_purpose_and_at_what_it_requires() -> None:
    """The holder of the browser can ask for another purpose of the service, or for less."""
    for framework in list(Framework):
        for words in [WORDS, WITH_KEY]:
            text = render(framework, words)
            if framework is Framework.APACHE:
                assert re.findall(r"Require claim (\".*)", text) == [
                    '"scope:openid purpose:resident-parking"',
                    '"age_over_18:true" "age_over_18:false"',
                    '"resident_of.New Storkhaven:true" "resident_of.New Storkhaven:false"',
                    '"nationalities~."',
                ]
                continue
            assert '"age_over_18", "resident_of", "nationalities"' in text
            looks = ("PURPOSE not in token", "includes(purpose)", "SCOPE_purpose:resident-parking")
            assert len([look for look in looks if look in text]) == 1


def test_no_program_begins_where_it_is_called_back() -> None:
    for path in ["/callback", "/login", "/login/", "/Login"]:
        for framework in [one for one in Framework if one not in {Framework.SPRING, *PUBLIC_ALONE}]:
            text = render(framework, replace(WORDS, redirect_uri=f"https://permits.test{path}"))
            begin, back = sorted(re.findall(r"(?:get\(|path\(|<Location )[\"']([^\"']*)", text), key=path.__eq__)
            assert back == path
            # Express tells neither a slash at the end nor capitals
            assert begin.strip("/").lower() != back.strip("/").lower()
