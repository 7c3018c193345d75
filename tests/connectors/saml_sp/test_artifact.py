"""An answer by artifact is fetched once, from the provider that was asked, and judged as one that was posted."""

import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.connector import Ask, Expectation, Inbound
from connectors.fetch import Fetcher, showing
from connectors.oidc.line import MOST_FAILURES, Line
from connectors.saml_sp.connector import SamlConnector
from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.wire.names import ARTIFACT
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.authentication import Assertion
from policies.errors import AssertionRejected, Misconfigured, PeerUnavailable
from policies.parties import ProviderId
from policies.registrations.saml_registration import SamlRegistration
from tests.connectors import forge
from tests.connectors.forge import ACS, FAILED, NOW, SP, Reply, clock
from tests.connectors.metadata.origin import LOOPBACK, Authority
from tests.connectors.saml_sp.resolver import SOAP, Resolver, Said, artifact, resolving
from tests.connectors.schemas import assert_valid
from tests.connectors.test_saml_request import PROTOCOL, of_redirect

OURS = f"{ACS}/artifact"
BY_ARTIFACT = SamlRegistration(answers="artifact", networks=LOOPBACK)
EXPECTED = replace(forge.expectation(), secret="unused")
ANSWER = Reply(destination=OURS, recipient=OURS)
Change = Callable[[Said], None]


@pytest.fixture
def resolver(signer: FileSigner) -> Iterator[Resolver]:
    with resolving(signer.certificate) as found:
        yield found


def pinned(idp: forge.SigningParty, url: str) -> bytes:
    service = '<md:ArtifactResolutionService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" index="{}" Location="{}"/>'
    held = service.format(1, url) + service.format(3, f"{url}/three")
    return forge.metadata(idp).replace(b"<md:SingleSignOnService", held.encode() + b"<md:SingleSignOnService", 1)


def connector(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver, fetcher: Fetcher | None = None
) -> SamlConnector:
    return SamlConnector(
        provider=forge.provider(pinned(idp, resolver.url), saml=BY_ARTIFACT),
        entity_id=SP,
        acs_url=OURS,
        signer=signer,
        line=Line(fetcher or Fetcher(demo=True), LOOPBACK),
    )


def brought(by: SamlConnector, text: str, expected: Expectation = EXPECTED, **more: str) -> Assertion:
    return by.receive(Inbound("redirect", {"SAMLart": text, "RelayState": "login", **more}), expected, NOW)


def refused(by: SamlConnector, text: str, expected: Expectation = EXPECTED, **more: str) -> str:
    with pytest.raises(AssertionRejected) as caught:
        brought(by, text, expected, **more)
    return caught.value.check


@pytest.mark.spec("saml.md §4 artifact")
@pytest.mark.parametrize("which", ["response", "assertion", "both"])
def test_an_answer_is_fetched_once_with_a_signed_request(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver, which: str
) -> None:
    by = connector(idp, signer, resolver)
    root, _ = of_redirect(by.request(Ask("login", LevelOfAssurance.LOW, force_authentication=False), NOW)[0])
    assert_valid(root, PROTOCOL)
    assert (root.get("ProtocolBinding"), root.get("AssertionConsumerServiceURL")) == (ARTIFACT, OURS)
    text = resolver.holds(forge.signed_reply(ANSWER, idp, which))
    assert brought(by, text).subject == "subject-0001"
    assert resolver.asked == ["/artifact"]
    # The second time the provider knows it no more
    assert refused(by, text) == "artifact_unknown"
    # A guess costs one question, and nothing comes of it
    assert refused(by, artifact()) == "artifact_unknown"
    third = resolver.holds(forge.signed_reply(ANSWER, idp, which), index=3)
    assert brought(by, third).subject == "subject-0001"
    assert resolver.asked[-1] == "/artifact/three"


@pytest.mark.spec("saml.md §4 artifact")
def test_nothing_is_asked_of_anybody_for_an_artifact_that_is_not_the_providers(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver
) -> None:
    by, good = connector(idp, signer, resolver), artifact()
    assert refused(by, artifact("https://second.example/metadata")) == "artifact"
    assert refused(by, artifact(kind=1)) == "artifact"
    for text in ("", "AAQ=", good[:-4], f"{good}\n", good + good, "ä" * 60, good.replace("=", "")):
        assert refused(by, text) == "artifact"
    assert refused(by, artifact(index=2)) == "artifact_index"
    assert refused(by, good, SAMLResponse="x") == "parameters"
    assert refused(by, good, replace(EXPECTED, provider_id=ProviderId("other"))) == "provider"
    with pytest.raises(AssertionRejected) as caught:
        by.receive(forge.post(forge.signed_reply(ANSWER, idp, "both")), EXPECTED, NOW)
    assert caught.value.check == "parameters"
    assert resolver.asked == []


@pytest.mark.spec("saml.md §4 artifact")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"issuer": "https://second.example/metadata"}, "issuer"),
        ({"in_response_to": "_another"}, "in_response_to"),
        ({"issued": clock(NOW - 1000)}, "response_issued"),
        ({"status": FAILED}, "artifact_status"),
        ({"header": '<S:Header><x xmlns="urn:x" S:mustUnderstand="1"/></S:Header>'}, "soap"),
        ({"more": "<x/>"}, "soap"),
    ],
)
def test_an_artifact_response_that_says_something_else_is_refused(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver, change: dict[str, str], check: str
) -> None:
    resolver.said = replace(resolver.said, **change)  # type: ignore[arg-type]  # a test changes one field
    text = resolver.holds(forge.signed_reply(ANSWER, idp, "both"))
    assert refused(connector(idp, signer, resolver), text) == check


@pytest.mark.spec("saml.md §4 artifact")
def test_its_own_signature_has_to_hold_and_counts_for_nothing_alone(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver, stranger: forge.SigningParty
) -> None:
    by = connector(idp, signer, resolver)
    for outer, which, outcome in (
        (idp, "response", ""),
        (idp, "assertion", ""),
        (stranger, "both", "signature"),
        (idp, "neither", "signature_missing"),
        (None, "neither", "signature_missing"),
    ):
        resolver.said.signer = outer
        resolver.said.header = "<S:Header/>"
        text = resolver.holds(forge.signed_reply(ANSWER, idp, which))
        if outcome:
            assert refused(by, text) == outcome
        else:
            assert brought(by, text).subject == "subject-0001"
    resolver.said.signer = idp
    assert refused(by, resolver.holds(forge.signed_reply(ANSWER, stranger, "both"))) == "signature"


@pytest.mark.spec("saml.md §4 artifact")
def test_what_is_fetched_is_judged_as_what_is_posted(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver
) -> None:
    by = connector(idp, signer, resolver)
    for change, check in (
        ({"recipient": ACS}, "recipient"),
        ({"destination": ACS}, "destination"),
        ({"confirmed_request": "_another"}, "subject_confirmation_in_response_to"),
        ({"audiences": ""}, "audience"),
        ({"confirmed_until": NOW - 500}, "subject_confirmation_expired"),
    ):
        reply = replace(ANSWER, **change)
        assert refused(by, resolver.holds(forge.signed_reply(reply, idp, "both"))) == check


def test_a_fault_is_told_and_says_nothing_of_the_provider(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver
) -> None:
    by = connector(idp, signer, resolver)
    resolver.status = 500
    resolver.whole = f'<S:Envelope xmlns:S="{SOAP}"><S:Body><S:Fault><faultcode/></S:Fault></S:Body></S:Envelope>'.encode()
    for _ in range(MOST_FAILURES + 1):
        assert refused(by, artifact()) == "artifact_fault"
    assert not by.is_away
    for hostile, check in ((b"<!DOCTYPE a><a/>", "doctype"), (b"<a/>", "soap"), (b"{}", "not_well_formed")):
        resolver.whole = hostile
        assert refused(by, artifact()) == check


def test_a_provider_that_hangs_or_fails_is_away_and_costs_nobody_else(
    idp: forge.SigningParty, signer: FileSigner, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.saml_sp.artifact.ANSWER_SECONDS", 1.0)
    by = connector(idp, signer, resolver)
    resolver.hangs = True
    for _ in range(MOST_FAILURES):
        with pytest.raises(PeerUnavailable):
            brought(by, artifact())
    assert by.is_away
    asked = len(resolver.asked)
    with pytest.raises(PeerUnavailable):
        brought(by, artifact())
    assert len(resolver.asked) == asked
    with resolving(signer.certificate) as other:
        text = other.holds(forge.signed_reply(ANSWER, idp, "both"))
        monkeypatch.setattr("connectors.saml_sp.artifact.ANSWER_SECONDS", 7.0)
        assert brought(connector(idp, signer, other), text).subject == "subject-0001"


@pytest.mark.spec("saml.md §4 artifact")
def test_a_resolver_that_wants_our_certificate_sees_it(
    idp: forge.SigningParty, signer: FileSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    trusted, ours = tmp_path / "ca.pem", tmp_path / "broker.localhost.pem"
    trusted.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    tls = authority.server("idp.localhost")
    tls.load_verify_locations(trusted)
    tls.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    authority.server("broker.localhost")
    with resolving(signer.certificate, tls) as resolver:
        message = forge.signed_reply(ANSWER, idp, "both")
        by = connector(idp, signer, resolver, showing(str(ours), demo=True))
        assert brought(by, resolver.holds(message)).subject == "subject-0001"
        with pytest.raises(PeerUnavailable):
            brought(connector(idp, signer, resolver), resolver.holds(message))


def test_an_artifact_needs_a_resolver_in_the_metadata_and_a_line_to_it(idp: forge.SigningParty, signer: FileSigner) -> None:
    def made(metadata: bytes) -> SamlConnector:
        provider = forge.provider(metadata, saml=BY_ARTIFACT)
        return SamlConnector(provider=provider, entity_id=SP, acs_url=OURS, signer=signer)

    with pytest.raises(Misconfigured, match="ArtifactResolutionService"):
        made(forge.metadata(idp))
    assert refused(made(pinned(idp, "https://idp.example/artifact")), artifact()) == "binding"


def test_our_metadata_names_the_address_of_artifacts_where_some_come(signer: FileSigner) -> None:
    said = service_provider_metadata(
        entity_id=SP, acs_url=ACS, signer=signer, now=NOW, valid_for=60, artifact_url=OURS
    ).decode()
    found = re.findall(r'<md:AssertionConsumerService Binding="([^"]+)" Location="([^"]+)" index="(\d)"', said)
    assert found == [("urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", ACS, "0"), (ARTIFACT, OURS, "1")]
