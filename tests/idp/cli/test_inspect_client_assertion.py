"""`ciconia inspect --as client-assertion`, and tokens of every algorithm: what the server would say."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.signatures.jwk import public_jwk
from policies.parties import RelyingParty
from tests.connectors import test_client_assertion as assertions
from tests.connectors.token_cases import KID, NOW
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, token_key
from tests.idp.cli.inspecting import answers, inspect, only
from tests.idp.protocols.doubles import key_party


def jwks_of(alg: str) -> str:
    return json.dumps({"keys": [{**public_jwk(token_key(alg).public_key()), "kid": KID}]})


def expected(folder: Path, alg: str = "ES256", *more: str) -> list[str]:
    (folder / "jwks.json").write_text(jwks_of(alg), encoding="utf-8")
    by_hand = ["--jwks", str(folder / "jwks.json"), "--client", assertions.CLIENT, "--audience", assertions.ISSUER]
    return ["--as", "client-assertion", *by_hand, "--alg", alg, "--at", str(NOW), "--json", *more]


def in_files(folder: Path, *texts: str) -> list[str]:
    paths = []
    for number, text in enumerate(texts):
        (folder / f"{number}.jwt").write_text(text, encoding="utf-8")
        paths.append(str(folder / f"{number}.jwt"))
    return paths


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_good_assertion_says_whose_it_is_by_each_algorithm(tmp_path: Path, alg: str) -> None:
    files = in_files(tmp_path, assertions.token(alg) + "\n")
    result = inspect(*files, *expected(tmp_path, alg))
    one = only(result)
    assert (result.exit_code, one.accepted) == (0, True)
    assert one.whole["assertion"] == {
        "issuer": assertions.CLIENT,
        "subject": {"format": "client"},
        "loa": None,
        "attributes": {},
    }
    message = one.whole["message"]
    assert isinstance(message, dict)
    assert (message["kind"], message["kid"], message["ends"]) == ("client-assertion", KID, NOW + 60)
    assert one.whole["not_checked"] == ["one-time use"]
    assert "canary" not in result.output
    shown = only(inspect(*files, *expected(tmp_path, alg, "--show-values"))).whole
    assert "a-canary-of-a-jti" in str(shown["message"])
    assert assertions.CLIENT in str(shown["assertion"])


def test_a_client_of_a_configuration_has_its_keys_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def party(name: str, keys: str, **changes: object) -> RelyingParty:
        return key_party(name, alg="PS256", jwks=keys, **changes)

    held = {"parking": party("parking", jwks_of("PS256")), "fare": party("fare", ""), "odd": party("odd", jwks_of("ES256"))}
    loaded = (SimpleNamespace(issuer=assertions.ISSUER), SimpleNamespace(parties=held), None)
    monkeypatch.setattr("idp.inspect.tokens.load_all", lambda _folder: loaded)
    files = in_files(tmp_path, assertions.token("PS256"), assertions.token("ES256"))

    def configured(name: str) -> list[str]:
        return ["--as", "client-assertion", "--config", "x", "--from", name, "--at", str(NOW), "--json"]

    result = inspect(*files, *configured("parking"))
    assert [one.check for one in answers(result)] == [None, "jws_alg"]
    for name, words in (("fare", "no client 'fare' with keys: parking"), ("odd", "no key for PS256")):
        refused = inspect(*files, *configured(name))
        assert (refused.exit_code, words in json.loads(refused.stdout)["error"]["detail"]) == (2, True)


def test_what_a_registration_lets_an_assertion_say_counts_for_its_client_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    party = key_party("parking", jwks=jwks_of("ES256"), assertion_audience="token_endpoint", assertion_life=600)
    loaded = (SimpleNamespace(issuer=assertions.ISSUER), SimpleNamespace(parties={"parking": party}), None)
    monkeypatch.setattr("idp.inspect.tokens.load_all", lambda _folder: loaded)
    endpoint = assertions.TOKEN_ENDPOINT
    lenient = assertions.token(aud=[assertions.ISSUER, endpoint], exp=NOW + 600)
    hostile = assertions.token(aud=[endpoint, "https://evil.example"])
    files = in_files(tmp_path, lenient, hostile, assertions.token(aud=endpoint))
    configured = ["--as", "client-assertion", "--config", "x", "--from", "parking", "--at", str(NOW), "--json"]
    assert [one.check for one in answers(inspect(*files, *configured))] == [None, "assertion_audience", None]
    by_hand = expected(tmp_path)
    assert [one.check for one in answers(inspect(*files, *by_hand))] == ["claim_aud", "claim_aud", "assertion_audience"]
    by_hand[by_hand.index("--audience") + 1] = endpoint
    # An audience by hand is that one alone, as one text
    assert [one.check for one in answers(inspect(*files, *by_hand))] == ["claim_aud", "claim_aud", None]
