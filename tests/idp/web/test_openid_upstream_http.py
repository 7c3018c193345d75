"""Logins over an OpenID provider, from the service's request to its tokens, at a broker that serves."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from connectors.oidc.line import MOST_FAILURES
from connectors.signatures.jwk import keys_from_jwks
from connectors.wire.claims import Json
from idp.keys.secret_files import CLIENT_SECRET
from idp.protocols.oidc.relying_party import JWKS_PATH
from tests.connectors.oidc.upstream import CLIENT, LOW, SECRET, Upstream, upstream
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, query_of

REGISTRATION = """\
id = "@ID@"
protocol = "oidc"
country = "EE"
namespace = "test/@ID@"
issuer = "@BASE@"
client_id = "@CLIENT@"
token_endpoint_auth_method = "client_secret_post"
id_token_signed_response_alg = "ES256"
require_pushed_authorization_requests = @PUSHED@
metadata = "metadata/@ID@.json"
networks = ["127.0.0.0/8"]
subject = "personal_code"

[title]
en = "Provider over OpenID Connect"

[attributes]
birthdate = "birthdate"
given_name = "given_name"
"address.locality" = "address.locality"
"address.country" = "address.country"
email = "email"
"""
MARI: Mapping[str, Json] = {
    "personal_code": "EE-1",
    "email": "mari@example.test",
    "address": {"locality": "Storkhaven", "country": "EE"},
}


def files(op: Upstream, name: str = "op", pushed: str = "false") -> dict[str, str]:
    text = REGISTRATION.replace("@ID@", name).replace("@BASE@", op.base).replace("@CLIENT@", CLIENT)
    return {
        f"providers/{name}.toml": text.replace("@PUSHED@", pushed),
        f"metadata/{name}.json": json.dumps(op.document()),
        f"keys/{CLIENT_SECRET}{name}": f"{SECRET}\n".replace(" ", ""),
    }


@pytest.fixture
def op(stage: Stage) -> Iterator[Upstream]:
    with upstream(stage.clock()) as made:
        made.method = "any"
        made.person |= MARI
        yield made


@pytest.fixture
def other(stage: Stage) -> Iterator[Upstream]:
    with upstream(stage.clock()) as made:
        made.method = "any"
        yield made


@pytest.fixture
def citizen(visitor: Visitor, stage: Stage, op: Upstream, other: Upstream, tmp_path: Path) -> Iterator[Visitor]:
    """At a broker that knows two OpenID providers; requests to the other one are pushed."""
    added = files(op) | files(other, "other", "true")
    with stage.other_broker(tmp_path / "b", {}, added) as visitor.port:
        yield visitor


def sent(citizen: Visitor, login: str, provider: str = "op", *ticked: str) -> str:
    answer = citizen.asks(login, provider, *ticked)
    assert answer.status in (200, 303), answer.text
    return answer.onward


def back(citizen: Visitor, fields: dict[str, str], provider: str = "op") -> Answer:
    """Back from the provider, by its redirect from another site."""
    query = "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    return citizen.go("GET", f"/oidc/callback/{provider}?{query}", headers={"sec-fetch-site": "cross-site"})


def _quoted(text: str) -> str:
    return text.replace(":", "%3A").replace("/", "%2F")


@pytest.mark.spec("OpenID Connect Core §3.1.2.5")
def test_a_whole_login_and_the_service_does_not_know_the_difference(citizen: Visitor, op: Upstream, stage: Stage) -> None:
    records = stage.records
    question = back(citizen, op.comes_back(sent(citizen, citizen.login())))
    assert question.status == 200, question.text
    assert "Share this with Resident parking?" in question.heading
    leaving = citizen.decides(question)
    token = citizen.redeem(leaving.back["code"]).json
    claims = citizen.userinfo(str(token["access_token"])).json
    assert claims["age_over_18"] is True
    assert stage.records == records + 1
    assert op.hits == ["/token", "/jwks", "/userinfo"]


@pytest.mark.spec("issue 32 item 2; OpenID Connect Core §5.5")
@pytest.mark.parametrize("by_claims", [True, False], ids=["claims", "scopes"])
def test_only_what_is_ticked_is_asked_of_the_provider(
    visitor: Visitor, stage: Stage, op: Upstream, tmp_path: Path, *, by_claims: bool
) -> None:
    added = {**files(op), "metadata/op.json": json.dumps(op.document(claims_parameter_supported=by_claims))}
    always = {"personal_code", "birthdate", "address"} if by_claims else {"openid", "profile", "address"}
    with stage.other_broker(tmp_path / "b", {}, added) as visitor.port:
        for ticked, asked in (((), False), (("phone_number", "gender"), False), (("email",), True)):
            question = query_of(sent(visitor, visitor.login(), "op", *ticked))
            claims = json.loads(question["claims"])["userinfo"] if by_claims else {}
            names = {*claims} if by_claims else {*question["scope"].split()}
            assert names == always | ({"email"} if asked else set())


@pytest.mark.spec("RFC 6749 §4.1.2")
def test_a_reload_after_the_exchange_says_to_start_again_and_sends_no_code_twice(citizen: Visitor, op: Upstream) -> None:
    fields = op.comes_back(sent(citizen, citizen.login()))
    question = back(citizen, fields)
    again = back(citizen, fields)
    assert (again.status, op.hits.count("/token")) == (409, 1)
    assert citizen.rewords(question, "et").status == 200, "the question itself is there as before"
    assert citizen.decides(question).back["code"]


@pytest.mark.spec("RFC 6749 §4.1.2")
@pytest.mark.parametrize("status", [401, 503])
def test_a_code_is_exchanged_once_also_where_what_comes_after_it_fails(
    citizen: Visitor, op: Upstream, logs: Lines, status: int
) -> None:
    login = citizen.login()
    fields = op.comes_back(sent(citizen, login))
    assert back(citizen, {**fields, "iss": "https://other.example"}).status == 403, "nothing was exchanged yet"
    op.odd["/userinfo"] = lambda handler: handler.tell({"error": "invalid_token"}, status)
    assert back(citizen, fields).status == (503 if status == 503 else 403)
    del op.odd["/userinfo"]
    again = back(citizen, fields)
    assert (again.status, logs[-1]["check"], op.hits.count("/token")) == (409, "answer_fetched", 1)
    assert back(citizen, op.comes_back(sent(citizen, login))).status == 200, "the login goes on with a new question"


def test_another_browser_gets_nothing(citizen: Visitor, op: Upstream, stage: Stage) -> None:
    fields = op.comes_back(sent(citizen, citizen.login()))
    with Visitor(stage) as stranger:
        stranger.port = citizen.port
        stranger.login()
        assert back(stranger, fields).status == 409
    assert op.hits == []


@pytest.mark.spec("RFC 9700 §4.4.2.2")
def test_an_answer_at_another_providers_address_is_refused(
    citizen: Visitor, op: Upstream, other: Upstream, logs: Lines
) -> None:
    fields = op.comes_back(sent(citizen, citizen.login()))
    assert back(citizen, fields, "other").status == 403
    assert [line["check"] for line in logs if line["event"] == "refused"] == ["answer_provider"]
    assert op.hits == other.hits == []
    assert back(citizen, fields).status == 200, "the login lives on"


def test_a_pushed_request_is_asked_before_the_browser_goes(citizen: Visitor, other: Upstream) -> None:
    location = sent(citizen, citizen.login(), "other")
    assert other.hits == ["/par"]
    assert "request_uri=" in location
    assert "code_challenge" not in location


def test_a_level_that_is_too_low_and_a_refusal_have_their_pages(citizen: Visitor, op: Upstream) -> None:
    op.claims["acr"] = LOW
    low = back(citizen, op.comes_back(sent(citizen, citizen.login())))
    assert (low.status, "assurance_too_low" in low.text) == (403, True)
    said_no = op.comes_back(sent(citizen, citizen.login()), code=None, error="access_denied")
    assert "authentication_failed" in back(citizen, said_no).text


def test_a_provider_that_fails_is_away_on_the_picker_and_others_are_not(citizen: Visitor, op: Upstream) -> None:
    op.odd["/token"] = lambda handler: handler.tell("", 503)
    for _ in range(MOST_FAILURES):
        failed = back(citizen, op.comes_back(sent(citizen, citizen.login())))
        assert (failed.status, "country_unavailable" in failed.text) == (503, True)
    picker = citizen.authorize()
    links = picker.found("//nav//button/@formaction")
    assert not any(link.partition("?")[0].endswith("/at/op") for link in links)
    assert any(link.partition("?")[0].endswith("/at/demo-ee") for link in links)
    login = citizen.login()
    assert citizen.asks(login, "op").status == 503


def test_no_value_of_the_answer_is_in_a_line_of_the_log(citizen: Visitor, op: Upstream, logs: Lines) -> None:
    op.claims["sub"] = "Mari Tamm\n"
    fields = op.comes_back(sent(citizen, citizen.login()), session_state="Mari Tamm")
    assert back(citizen, fields).status == 403
    text = json.dumps([dict(line) for line in logs], default=str)
    assert fields["code"] not in text
    assert "Mari" not in text


def test_our_keys_for_providers_are_published_and_no_private_one(citizen: Visitor, stage: Stage) -> None:
    answer = citizen.go("GET", JWKS_PATH)
    assert answer.headers["content-type"] == "application/json"
    [key] = keys_from_jwks(answer.text, "ES256")
    ring = stage.application.keys.openid
    assert ring is not None
    assert key.kid == ring.at(stage.clock()).key_id
    assert [one["use"] for one in json.loads(answer.text)["keys"]] == ["sig", "enc"]
