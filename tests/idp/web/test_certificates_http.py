"""TLS certificates of services over HTTP (RFC 8705): out of a trusted proxy's header, and out of nobody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from connectors.wire.names import ARTIFACT
from tests.connectors.client_certificates import der, escaped, rfc9440
from tests.idp.staging import Clock, Lines, fresh, opened
from tests.idp.web.certificate_stage import ALIAS, HEADER, NAMED, SELF_SIGNED, CertificateStage
from tests.idp.web.saml_party import ARTIFACTS, SamlParty
from tests.idp.web.visitor import DIRECT, VERIFIER, Answer, Visitor, login_of


@pytest.fixture(scope="module")
def running_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CertificateStage]:
    with opened(CertificateStage(tmp_path_factory.mktemp("certificates") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running_certificates: CertificateStage) -> Iterator[CertificateStage]:
    yield from fresh(running_certificates)


@pytest.fixture(scope="module")
def proxied(running_certificates: CertificateStage) -> Iterator[int]:
    with running_certificates.behind("127.0.0.1") as port:
        yield port


def _redeemed(visitor: Visitor, client: str, *headers: str) -> Answer:
    fields = {
        "grant_type": "authorization_code",
        "code": visitor.code(client_id=client, scope="openid"),
        "client_id": client,
        "redirect_uri": f"{visitor.stage.city_base}/{client}/callback",
        "code_verifier": VERIFIER,
    }
    return _with(visitor, "POST", "/token", headers, fields=fields)


def _with(visitor: Visitor, method: str, path: str, headers: tuple[str, ...], **more: object) -> Answer:
    """One request with the header in as many lines as are given."""
    sent: dict[str, str | None] = {**DIRECT, "authorization": str(more.get("authorization") or "") or None}
    for number, value in enumerate(headers):
        # Names of headers are the same in any case of letters, and keys of a dictionary are not
        sent[HEADER if number == 0 else HEADER.upper()] = value
    fields = more.get("fields")
    assert fields is None or isinstance(fields, dict)
    return visitor.go(method, path, fields=fields, headers=sent, jar={})


@pytest.mark.spec("RFC 8705 §2")
@pytest.mark.spec("RFC 8705 §2.1")
@pytest.mark.spec("RFC 8705 §2.2")
@pytest.mark.parametrize("client", [NAMED, SELF_SIGNED])
def test_a_service_proves_itself_by_the_certificate_that_the_proxy_hands_on(
    stage: CertificateStage, proxied: int, client: str
) -> None:
    own: x509.Certificate = {NAMED: stage.permits, SELF_SIGNED: stage.benches}[client]
    for header in (escaped(own), rfc9440(der(own))):
        with Visitor(stage, port=proxied) as visitor:
            tokens = _redeemed(visitor, client, header)
            assert (tokens.status, tokens.json["token_type"]) == (200, "Bearer"), tokens.text
            bearer = f"Bearer {tokens.json['access_token']}"
            assert _with(visitor, "GET", "/userinfo", (header,), authorization=bearer).json["age_over_18"] is True
            for other in ((), (escaped(stage.neighbour),)):
                refused = _with(visitor, "GET", "/userinfo", other, authorization=bearer)
                assert (refused.status, refused.json["error"]) == (401, "invalid_token")


@pytest.mark.parametrize("client", [NAMED, SELF_SIGNED])
def test_another_certificate_or_none_is_nobodys(stage: CertificateStage, proxied: int, client: str) -> None:
    with Visitor(stage, port=proxied) as visitor:
        for headers in ((), (escaped(stage.neighbour),), ("no certificate",), (escaped(stage.permits),) * 2):
            refused = _redeemed(visitor, client, *headers)
            assert refused.status in (400, 401), refused.text
            assert "access_token" not in refused.json


@pytest.mark.spec("RFC 8705 §6.5")
@pytest.mark.spec("security.md §2.4")
def test_a_header_from_anybody_else_is_no_certificate_and_is_said_once(stage: CertificateStage, logs: Lines) -> None:
    with stage.behind("192.0.2.1") as port, Visitor(stage, port=port) as visitor:
        for _ in range(2):
            refused = _redeemed(visitor, NAMED, escaped(stage.permits))
            assert (refused.status, refused.json["error"]) == (401, "invalid_client")
        told = [line for line in logs if line["event"] == "client_certificate_ignored"]
        assert len(told) == 1
        assert "trusted_proxies" in told[0]["detail"]
        # Nor does who says to be asking for a trusted address become one
        spoofed = {**DIRECT, HEADER: escaped(stage.permits), "x-forwarded-for": "192.0.2.1"}
        answer = visitor.go("POST", "/token", fields={"client_id": NAMED, "grant_type": "x"}, headers=spoofed, jar={})
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def test_who_asks_through_the_proxy_is_no_proxy_by_its_own_word(stage: CertificateStage, proxied: int) -> None:
    """The address in X-Forwarded-For is who asks; that the proxy itself sent the request is what counts."""
    with Visitor(stage, port=proxied) as visitor:
        sent = {**DIRECT, HEADER: escaped(stage.permits), "x-forwarded-for": "203.0.113.9"}
        answer = visitor.go("POST", "/token", fields={"client_id": NAMED, "grant_type": "x"}, headers=sent, jar={})
        assert (answer.status, answer.json["error"]) == (400, "unsupported_grant_type")


@pytest.mark.spec("RFC 8705 §5")
def test_discovery_names_the_other_address(stage: CertificateStage, proxied: int) -> None:
    with Visitor(stage, port=proxied) as visitor:
        document = visitor.go("GET", "/.well-known/openid-configuration", headers=DIRECT).json
    aliases = document["mtls_endpoint_aliases"]
    assert isinstance(aliases, dict)
    assert aliases["token_endpoint"] == f"{ALIAS}/token"
    assert document["token_endpoint"] == f"{stage.issuer}/token"


@pytest.mark.spec("saml.md §4")
def test_a_service_fetches_its_answer_of_an_artifact_by_the_certificate_that_the_proxy_hands_on(
    stage: CertificateStage, tmp_path: Path
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, artifacts=True)
    own = rfc9440(library.signer.certificate)
    asked = library.request(ProtocolBinding=ARTIFACT, AssertionConsumerServiceURL=ARTIFACTS)

    def resolved(port: int, certificate: str | None = None) -> Answer:
        visitor.port = port
        sent = {**DIRECT, "content-type": "text/xml", HEADER: certificate}
        return visitor.go("POST", "/saml/artifact", body=envelope, headers=sent, jar={})

    with (
        Visitor(stage) as visitor,
        stage.other_broker(tmp_path / "b", {}, library.files) as direct,
        stage.behind("127.0.0.1", application=stage.other) as proxied,
    ):
        visitor.port = direct
        question = visitor.returns(visitor.signs_in(visitor.asked(login_of(library.asks(visitor, asked)))))
        envelope = library.resolves(visitor.decides(question).back["SAMLart"], signed=False)
        for refused in (resolved(proxied), resolved(proxied, rfc9440(der(stage.neighbour))), resolved(direct, own)):
            assert (refused.status, "signature_missing" in refused.text) == (500, True)
        first, again = resolved(proxied, own), resolved(proxied, own)
    assert ("samlp:Response " in first.text, "samlp:Response " in again.text) == (True, False)
