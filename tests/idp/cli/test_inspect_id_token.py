"""`ciconia inspect --as id-token` says of every token what the judge says, and lists what nobody gave it to check."""

import json
from pathlib import Path

import pytest

from connectors.signatures.jwk import public_jwk
from tests.connectors import test_id_token as tokens
from tests.connectors_jws.jws_doubles import private_key
from tests.idp.cli.inspecting import inspect, only

FULL = ("--nonce", tokens.NONCE, "--minimum-loa", "substantial", "--max-age", "600")


def expected(folder: Path, *more: str, kids: tuple[str, ...] = ("k1",), alg: str = "ES256") -> list[str]:
    """The expectation by hand, with the issuer's keys in a file."""
    listed = [{**public_jwk(private_key("ES256", n).public_key()), "kid": kid} for n, kid in enumerate(kids)]
    (folder / "jwks.json").write_text(json.dumps({"keys": listed}), encoding="utf-8")
    by_hand = ["--jwks", str(folder / "jwks.json"), "--issuer", tokens.OP, "--audience", tokens.CLIENT, "--alg", alg]
    return ["--as", "id-token", *by_hand, "--at", str(tokens.NOW), "--json", *more]


def with_access_token(folder: Path) -> tuple[str, str]:
    (folder / "access-token").write_text(tokens.ACCESS_TOKEN + "\n", encoding="ascii")
    return "--access-token", str(folder / "access-token")


def in_file(folder: Path, text: str, name: str = "token.jwt") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_a_good_token_says_who_and_how_surely_and_no_value(tmp_path: Path) -> None:
    words = expected(tmp_path, *FULL, *with_access_token(tmp_path))
    one = only(inspect(in_file(tmp_path, tokens.token(nicknames=["a-nickname", "another"])), *words))
    assert one.accepted
    assert one.whole["assertion"] == {
        "issuer": tokens.OP,
        "subject": {"format": "sub"},
        "loa": "high",
        "attributes": {"family_name": 1, "nicknames": 2},
    }
    assert one.whole["not_checked"] == ["one-time use", "browser binding"]
    shown = only(inspect(in_file(tmp_path, tokens.token()), *words, "--show-values"))
    assertion = shown.whole["assertion"]
    assert isinstance(assertion, dict)
    assert assertion["attributes"] == {"family_name": ["Õunapuu"]}
    assert assertion["subject"] == {"format": "sub", "value": "subject-0001"}


def test_what_was_not_given_is_listed_and_never_passes_in_silence(tmp_path: Path) -> None:
    one = only(inspect(in_file(tmp_path, tokens.token(nonce="another", acr="x")), *expected(tmp_path)))
    assert one.accepted
    left_open = ["nonce", "minimum level", "authentication age", "access token"]
    assert one.whole["not_checked"] == ["one-time use", "browser binding", *left_open]
    unbound = inspect(
        in_file(tmp_path, tokens.token(at_hash="LEFT OUT")), *expected(tmp_path, *with_access_token(tmp_path))
    )
    assert "access token" in str(only(unbound).whole["not_checked"])


@pytest.mark.parametrize(
    "jwks",
    ["", "{}", "[]", '{"keys":[]}', '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}', '{"keys":[],"keys":[]}', "\x00\xff"],
)
def test_keys_that_cannot_be_used_are_named_and_nothing_is_said_of_a_token(tmp_path: Path, jwks: str) -> None:
    words = expected(tmp_path)
    (tmp_path / "jwks.json").write_text(jwks, encoding="latin-1")
    result = inspect(in_file(tmp_path, tokens.token()), *words)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "could_not_run"
    assert "JWKS" in result.stdout


def test_the_page_says_which_steps_nobody_could_check(tmp_path: Path) -> None:
    words = [word for word in expected(tmp_path, "--nonce", tokens.NONCE) if word != "--json"]
    good = inspect(in_file(tmp_path, tokens.token(**{"evil\x1b[2J": 1})), *words).stdout
    assert "[x]  8. It answers the request." in good
    assert "[-] 12. It belongs to the access token. Not checked." in good
    assert "\x1b" not in good
    bad = inspect(in_file(tmp_path, tokens.token(aud="somebody")), *words).stdout
    assert "[x]  5. The issuer is whom we ask, and it names a subject." in bad
    assert "[!]  6. It is for us, and for nobody else." in bad
