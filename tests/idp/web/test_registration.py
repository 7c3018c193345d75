"""Dynamic registration over HTTP (RFC 7591, RFC 7592): who may, what is refused, what such a client learns."""

import json
from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import select, update

from connectors.signatures.jws import from_base64url
from idp.demo.loopback import send
from idp.keys.file import FileSigner
from idp.store import tables
from idp.store.registered_clients import ClientRegister
from policies.parties import ClientId
from policies.signed_in import SIGNED_IN
from tests.idp.cli.command import ciconia, json_of
from tests.idp.staging import Clock, fresh, opened
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, VERIFIER, Answer, Visitor, login_of

REDIRECT = "https://unknown.example/callback"
METADATA = {"redirect_uris": [REDIRECT], "client_name": "Somebody's app", "logo_uri": "https://unknown.example/logo.png"}
Client = Mapping[str, object]


class RegistrationStage(Stage):
    """A `Stage` at which three services may register themselves."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        settings = self.receiving / "ciconia.toml"
        settings.write_text("registered_clients = 3\n" + settings.read_text(encoding="utf-8"), encoding="utf-8")

    def looks(self) -> None:
        """Look as the broker does twice a second."""
        self.application.follower.step()


@pytest.fixture(scope="module")
def running_registration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistrationStage]:
    with opened(RegistrationStage(tmp_path_factory.mktemp("registration") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running_registration: RegistrationStage) -> Iterator[RegistrationStage]:
    for each in fresh(running_registration):
        yield each
        for client in _register(each).clients():
            _register(each).remove(client.client_id)
        each.looks()


@pytest.fixture
def visitor(stage: RegistrationStage) -> Iterator[Visitor]:
    with Visitor(stage) as made:
        yield made


def _register(stage: Stage) -> ClientRegister:
    store = stage.application.store
    return ClientRegister(engine=store.engine, tenant=store.tenant, keys=stage.application.keys.ledger)


def _operator(stage: Stage, *words: str) -> Mapping[str, object]:
    return json_of(ciconia("party", *words, "--config", str(stage.receiving), "--json"))


def _token(stage: Stage, count: int = 1) -> str:
    return str(_operator(stage, "token", "--count", str(count))["initial_access_token"])


def _calls(visitor: Visitor, method: str, path: str, token: str, metadata: object = None) -> Answer:
    headers = {**DIRECT, "content-type": "application/json", "authorization": f"Bearer {token}", "origin": None}
    return visitor.go(method, path, body=json.dumps(metadata).encode(), headers=headers, jar={})


def _registered(visitor: Visitor, stage: RegistrationStage, **metadata: object) -> Client:
    answer = _calls(visitor, "POST", "/register", _token(stage), {**METADATA, **metadata})
    assert answer.status == 201, answer.text
    stage.looks()
    return answer.json


def _path(client: Client) -> str:
    return f"/register/{client['client_id']}"


def _signs_in(visitor: Visitor, client: Client) -> Answer:
    """To the question, as this client asks."""
    name = str(client["client_id"])
    return visitor.question(client_id=name, redirect_uri=REDIRECT, scope="openid profile address")


def _tokens(visitor: Visitor, client: Client, question: Answer) -> Answer:
    code = visitor.decides(question).back["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    proof = {"client_id": str(client["client_id"]), "client_secret": str(client["client_secret"])}
    return visitor.go("POST", "/token", fields={**fields, **proof}, headers=DIRECT, jar={})


def _sub(tokens: Answer) -> str:
    assert tokens.status == 200, tokens.text
    claims = json.loads(from_base64url(str(tokens.json["id_token"]).split(".")[1]))
    return str(claims["sub"])


@pytest.mark.spec("RFC 7591 §2", "RFC 7591 §3.1", "RFC 7591 §3.2.1", "RFC 7592 §3")
def test_a_client_registers_once_by_its_token_and_hears_what_counts(visitor: Visitor, stage: RegistrationStage) -> None:
    token = _token(stage)
    answer = _calls(visitor, "POST", "/register", token, METADATA)
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.json["registration_client_uri"] == f"{stage.issuer}/register/{answer.json['client_id']}"
    assert answer.json["client_secret_expires_at"] == 0
    assert len(from_base64url(str(answer.json["client_secret"]))) == 32
    assert answer.json["redirect_uris"] == [REDIRECT]
    assert "logo_uri" not in answer.json
    again = _calls(visitor, "POST", "/register", token, METADATA)
    assert (again.status, again.json["error"]) == (401, "invalid_token")
    assert again.headers["www-authenticate"].startswith("Bearer ")
    document = visitor.go("GET", "/.well-known/openid-configuration").json
    assert document["registration_endpoint"] == f"{stage.issuer}/register"
    with stage.application.store.engine.connect() as connection:
        rows = repr(connection.execute(select(tables.registered_clients)).all())
        rows += repr(connection.execute(select(tables.registration_tokens)).all())
    for secret in (token, answer.json["client_secret"], answer.json["registration_access_token"]):
        assert str(secret) not in rows


@pytest.mark.spec("RFC 7591 §3")
@pytest.mark.parametrize("token", ["none", "A" * 43])
def test_nobody_registers_without_a_token(visitor: Visitor, token: str) -> None:
    answer = _calls(visitor, "POST", "/register", token, METADATA)
    assert answer.status in (400, 401)
    assert "client_id" not in answer.json


def test_a_token_ends_by_the_clock_and_clients_by_their_number(visitor: Visitor, stage: RegistrationStage) -> None:
    many, late = _token(stage, 4), _token(stage)
    stage.clock.ahead += 8 * 24 * 3600
    assert _calls(visitor, "POST", "/register", late, METADATA).status == 401
    stage.clock.reset()
    answers = [_calls(visitor, "POST", "/register", many, METADATA) for _ in range(4)]
    assert [one.status for one in answers] == [201, 201, 201, 403]


@pytest.mark.spec("RFC 7591 §5", "decisions.md 33")
def test_it_learns_that_somebody_signed_in_and_another_pseudonym_each_time(
    visitor: Visitor, stage: RegistrationStage
) -> None:
    client = _registered(visitor, stage, token_endpoint_auth_method="client_secret_post")
    question = _signs_in(visitor, client)
    assert "(unverified) Somebody's app" in " ".join(question.text.split()).replace("&#39;", "'")
    assert SIGNED_IN.title["en"] in question.text
    first = _tokens(visitor, client, question)
    told = visitor.userinfo(str(first.json["access_token"])).json
    assert set(told) == {"sub"}
    assert _sub(first) != _sub(_tokens(visitor, client, _signs_in(visitor, client)))


@pytest.mark.spec("RFC 9700 §4.15")
def test_no_service_takes_a_persons_name_and_none_gets_a_token_of_its_own(
    visitor: Visitor, stage: RegistrationStage
) -> None:
    wanted = {"token_endpoint_auth_method": "client_secret_post", "client_name": "Chess club"}
    first = _registered(visitor, stage, **wanted)
    person = _sub(_tokens(visitor, first, _signs_in(visitor, first)))
    second = _registered(visitor, stage, **wanted, client_id=person, sub=person)
    assert person not in json.dumps(dict(second))
    proof = {"client_id": str(second["client_id"]), "client_secret": str(second["client_secret"])}
    fields = {"grant_type": "client_credentials", "scope": "openid", **proof}
    answer = visitor.go("POST", "/token", fields=fields, headers=DIRECT, jar={})
    assert (answer.status, answer.json["error"]) == (400, "unsupported_grant_type")


def test_it_cannot_ask_for_a_purpose_of_the_configuration(visitor: Visitor, stage: RegistrationStage) -> None:
    client = _registered(visitor, stage)
    asked = {"client_id": str(client["client_id"]), "redirect_uri": REDIRECT, "scope": "openid purpose:resident-parking"}
    refused = visitor.authorize(**asked)
    assert "location" not in refused.headers, "nobody is sent on at once to an address that a stranger registered"
    assert "error=invalid_scope" in str(refused.found("//main//a/@href"))


@pytest.mark.spec("RFC 7591 §3.2.2", "RFC 7591 §2.1", "RFC 7591 §5")
@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"redirect_uris": ["http://unknown.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://unknown.example/*"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://unknown.example/?code=1"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"{REDIRECT}#fragment"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": REDIRECT}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"jwks_uri": "https://unknown.example/jwks"}, "invalid_client_metadata"),
        ({"sector_identifier_uri": "https://unknown.example/sector"}, "invalid_client_metadata"),
        ({"request_uris": ["https://unknown.example/request"]}, "invalid_client_metadata"),
        ({"software_statement": "eyJ"}, "unapproved_software_statement"),
        ({"grant_types": ["implicit"], "response_types": ["id_token"]}, "invalid_client_metadata"),
        ({"subject_type": "public"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}}, "invalid_client_metadata"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "crv": "P-256"}]}},
            "invalid_client_metadata",
        ),
        ({"client_name": {"en": "City of Storkhaven"}}, "invalid_client_metadata"),
        ({"client_name": "Storkhaven\u202e"}, "invalid_client_metadata"),
    ],
)
def test_what_a_file_may_not_say_no_metadata_may(
    visitor: Visitor, stage: RegistrationStage, metadata: Mapping[str, object], error: str
) -> None:
    token = _token(stage)
    answer = _calls(visitor, "POST", "/register", token, {**METADATA, **metadata})
    assert (answer.status, answer.json["error"]) == (400, error), answer.text
    assert not _register(stage).clients()
    assert _calls(visitor, "POST", "/register", token, METADATA).status == 201, "its token is as good as before"


def test_a_stranger_hears_nothing_of_what_is_wrong_with_their_metadata(visitor: Visitor, stage: RegistrationStage) -> None:
    answer = _calls(visitor, "POST", "/register", "A" * 43, {"redirect_uris": ["nowhere"]})
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    assert not _register(stage).clients()


@pytest.mark.parametrize("body", [b"[]", b"", b'{"a":1,"a":2}', b"\xff", b"[" * 5000])
def test_a_body_that_is_no_object_is_refused(visitor: Visitor, stage: RegistrationStage, body: bytes) -> None:
    headers = {**DIRECT, "content-type": "application/json", "authorization": f"Bearer {_token(stage)}"}
    answer = visitor.go("POST", "/register", body=body, headers=headers, jar={})
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")
    form = visitor.go("POST", "/register", fields={"a": "b"}, headers={**DIRECT, "authorization": "Bearer x"}, jar={})
    assert form.status == 415


@pytest.mark.spec("RFC 7592 §2.1", "RFC 7592 §2.2", "decisions.md 33")
def test_a_change_counts_once_an_operator_approved_what_they_looked_at(visitor: Visitor, stage: RegistrationStage) -> None:
    client = _registered(visitor, stage)
    moved = "https://moved.example/callback"
    new = {**METADATA, "client_id": client["client_id"], "redirect_uris": [moved]}
    access = str(client["registration_access_token"])
    answer = _calls(visitor, "PUT", _path(client), access, new)
    assert answer.status == 200, answer.text
    assert (answer.json["pending_approval"], answer.json["redirect_uris"]) == (True, [REDIRECT])
    assert _calls(visitor, "GET", _path(client), access).status == 401, "the token has rotated"
    access = str(answer.json["registration_access_token"])
    name = str(client["client_id"])
    asked = {"client_id": name, "redirect_uri": moved, "scope": "openid"}
    stage.looks()
    assert visitor.authorize(**asked).status == 400, "nothing is redirected there"
    listed = _operator(stage, "registered", "list")["registered"]
    assert isinstance(listed, list)
    digest = listed[0]["digest"]
    # It proposes something else while somebody looks
    other = _calls(visitor, "PUT", _path(client), access, {**new, "redirect_uris": ["https://evil.example/"]})
    late = ciconia("party", "registered", "approve", name, "--digest", digest, "--config", str(stage.receiving))
    assert late.returncode == 1
    access = str(other.json["registration_access_token"])
    access = str(_calls(visitor, "PUT", _path(client), access, new).json["registration_access_token"])
    records = stage.records
    _operator(stage, "registered", "approve", name, "--digest", digest)
    assert stage.records == records + 1, "what an operator approves is in the ledger"
    stage.looks()
    assert login_of(visitor.authorize(**asked))
    assert _calls(visitor, "GET", _path(client), access).json["redirect_uris"] == [moved]


@pytest.mark.spec("RFC 7592 §2.2")
def test_changes_that_do_not_count_compose_nothing_and_have_a_limit(
    visitor: Visitor, stage: RegistrationStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, rates = _registered(visitor, stage), stage.application.watched.rates
    served, access = stage.application.site, str(client["registration_access_token"])

    def puts(redirect: str) -> Answer:
        nonlocal access
        new = {**METADATA, "client_id": client["client_id"], "redirect_uris": [redirect]}
        answer = _calls(visitor, "PUT", _path(client), access, new)
        access = str(answer.json.get("registration_access_token", access))
        stage.looks()
        return answer

    assert [puts(where).status for where in (REDIRECT, "https://moved.example/callback")] == [200, 200]
    assert stage.application.site is served
    name, listed = str(client["client_id"]), _operator(stage, "registered", "list")["registered"]
    assert isinstance(listed, list)
    _operator(stage, "registered", "approve", name, "--digest", listed[0]["digest"])
    stage.looks()
    assert stage.application.site is not served, "what was approved counts"
    # Loopback is limited in nothing
    monkeypatch.setattr(rates, "_octets", lambda _client: (b"of a client",))
    monkeypatch.setattr(rates, "_limits", rates._limits.model_copy(update={"begin_address": 2}))
    assert [puts(REDIRECT).status for _ in range(3)] == [200, 200, 429]


@pytest.mark.spec("RFC 7592 §2", "RFC 7592 §2.3")
def test_a_client_ends_its_registration_and_nobody_elses(visitor: Visitor, stage: RegistrationStage) -> None:
    client = _registered(visitor, stage, token_endpoint_auth_method="client_secret_post")
    tokens = _tokens(visitor, client, _signs_in(visitor, client))
    other = _registered(visitor, stage)
    assert _calls(visitor, "DELETE", _path(client), str(other["registration_access_token"])).status == 401
    assert visitor.userinfo(str(tokens.json["access_token"])).status == 200
    gone = _calls(visitor, "DELETE", _path(client), str(client["registration_access_token"]))
    assert (gone.status, gone.text) == (204, "")
    stage.looks()
    assert visitor.userinfo(str(tokens.json["access_token"])).status == 401
    assert visitor.authorize(client_id=str(client["client_id"]), redirect_uri=REDIRECT, scope="openid").status == 400
    assert ClientId(str(other["client_id"])) in stage.application.city.role.configuration.parties


def test_an_operator_switches_one_off_and_removes_one(visitor: Visitor, stage: RegistrationStage) -> None:
    client = _registered(visitor, stage)
    name = str(client["client_id"])
    _operator(stage, "disable", name, "--reason", "A test")
    # Within a second by itself
    stage.application.switches._read = None
    assert visitor.authorize(client_id=name, redirect_uri=REDIRECT, scope="openid").status == 503
    records = stage.records
    _operator(stage, "registered", "remove", name)
    assert stage.records == records + 1
    stage.looks()
    assert ClientId(name) not in stage.application.city.role.configuration.parties


def test_a_row_that_somebody_else_wrote_registers_nobody(visitor: Visitor, stage: RegistrationStage) -> None:
    client = _registered(visitor, stage)
    stolen = json.dumps({**METADATA, "redirect_uris": ["https://evil.example/"]})
    with stage.application.store.engine.begin() as connection:
        connection.execute(update(tables.registered_clients).values(metadata=stolen, seal=bytes(32)))
    stage.looks()
    assert ClientId(str(client["client_id"])) not in stage.application.city.role.configuration.parties


def test_a_broker_without_the_setting_has_no_such_address(running: Stage) -> None:
    url = f"{running.issuer}/register"
    with Visitor(running) as visitor:
        assert send(visitor.http, "POST", url, content=b"{}").status_code == 404
        assert "registration_endpoint" not in visitor.go("GET", "/.well-known/openid-configuration").json
    run = ciconia("party", "token", "--config", str(running.receiving))
    assert run.returncode == 1
