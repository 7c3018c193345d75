"""A stage with a third country that is asked over eIDAS: Finland's node, with a server for its metadata."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.formats.eidas.address import write_address
from connectors.formats.eidas.metadata import PeerFacts, Role, read_peer
from connectors.formats.eidas.own_metadata import SIGNATURE_PLACE, ProxyMetadata, proxy_element
from connectors.formats.eidas.registry import PLAIN
from connectors.formats.eidas.request import EidasRequest, read_request
from connectors.formats.eidas.values import EidasValue
from connectors.formats.operator import Operator
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.redirect import verify_query
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import POST, SUCCESS
from idp.keys.file import FileSigner
from policies.attributes import Address
from tests.connectors.eidas.node import HIGH, Answer, SendingNode
from tests.connectors.metadata.node import curve_signer
from tests.idp.neighbour import OctetsServer
from tests.idp.staging import Clock
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer as Reply
from tests.idp.web.visitor import Visitor

DAY = 24 * 3600
# What lies in it is found nowhere else in the tests' databases and logs
CITIZEN: Mapping[str, tuple[EidasValue, ...]] = {
    "PersonIdentifier": (EidasValue("FI/NL/canary-0001"),),
    "CurrentFamilyName": (EidasValue("Canarynen"),),
    "CurrentGivenName": (EidasValue("Aino-Canary"),),
    "DateOfBirth": (EidasValue("1887-04-12"),),
    "EmailAddress": (EidasValue("canary@post.example"),),
    "CurrentAddress": (EidasValue(write_address(Address(street="Canarystreet 1", locality="Storkhaven", country="NL"))),),
}
ORGANIZATION = """
[organization]
name = "City of Storkhaven"
url = "https://storkhaven.example"
support = "support@storkhaven.example"
technical = "technical@storkhaven.example"
"""
PROVIDER = """
id = "fi"
protocol = "eidas"
title.en = "Finland's sign-in"
country = "FI"
namespace = "eidas/FI"
entity_id = "{entity_id}"
metadata_certificate = "metadata/fi.pem"
metadata_digest = "{digest}"
networks = ["127.0.0.0/8"]
"""


class Finland(OctetsServer):
    """The node: a server for its metadata, and answers of any kind."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.life = DAY
        self.assurance: tuple[str, ...] = (HIGH,)
        self.metadata_signer = curve_signer()
        super().__init__("finland")
        self.node = SendingNode(country="FI", entity_id=f"{self.base}/eidas/metadata")
        self.signing: tuple[bytes, ...] = (self.node.signer.certificate,)

    def body(self) -> bytes:
        return self.metadata()

    def metadata(self) -> bytes:
        """The metadata that it publishes now, for `life` seconds."""
        element = proxy_element(
            ProxyMetadata(
                metadata_id="_1",
                valid_until=self.clock() + self.life,
                entity_id=self.node.entity_id,
                country="FI",
                signing=self.signing,
                encryption=(),
                application_identifier="elsewhere:1",
                organization=Operator("Node", "Node", "https://fi.example", "a@fi.example", "b@fi.example"),
                profile=EIDAS,
                redirect_url=f"{self.base}/sso",
                post_url=f"{self.base}/sso",
                assurance=self.assurance,
                attributes=tuple(PLAIN),
            )
        )
        return sign_enveloped(element, self.metadata_signer, place=SIGNATURE_PLACE, profile=EIDAS)

    def registration(self) -> tuple[str, str]:
        """The provider's file, which approves what it publishes, and the certificate beside it."""
        digest = read_metadata(self.metadata(), self.metadata_signer, "proxy").digest
        pem = x509.load_der_x509_certificate(self.metadata_signer.certificate).public_bytes(Encoding.PEM)
        return PROVIDER.format(entity_id=self.node.entity_id, digest=digest), pem.decode()


class CrossingStage(Stage):
    """The stage with Finland beside Estonia and Latvia."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.finland = Finland(clock)
        super().__init__(folder, clock)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        settings = self.receiving / "ciconia.toml"
        text = settings.read_text(encoding="utf-8")
        # The thread of the watch asks once, at the start: a test that wants more asks itself
        settings.write_text(f'country = "NL"\nprobe_seconds = 3600.0\n{text}{ORGANIZATION}', encoding="utf-8")
        provider, certificate = self.finland.registration()
        (self.receiving / "providers" / "fi.toml").write_text(provider, encoding="utf-8")
        (self.receiving / "metadata" / "fi.pem").write_text(certificate, encoding="utf-8")

    def open(self) -> None:
        super().open()
        self.fetch()

    def close(self) -> None:
        super().close()
        self.finland.close()

    def fetch(self) -> None:
        """Fetch Finland's metadata now."""
        self.application.peers.refresh(self.finland.node.peer.entity_id, self.clock())

    def our_facts(self, octets: bytes) -> PeerFacts:
        """Read our metadata, its signature verified by the key that peers would pin."""
        node = self.application.keys.node
        assert node is not None
        return read_metadata(octets, node.metadata.at(0), "connector")


class Traveller(Visitor):
    """A browser of a citizen of Finland."""

    @property
    def crossing(self) -> CrossingStage:
        assert isinstance(self.stage, CrossingStage)
        return self.stage

    def question_to_finland(self, *ticked: str, **changes: str | None) -> tuple[EidasRequest, str]:
        """Choose Finland with these boxes ticked: the request as its node reads it, and the RelayState."""
        return self.read(self.asks(self.login(**changes), "fi", *ticked).onward)

    def read(self, location: str) -> tuple[EidasRequest, str]:
        keys = [key_of_certificate(der, EIDAS) for der in self.our_facts().signing]
        assert location.startswith(f"{self.crossing.finland.base}/sso?")
        signed, relay_state = verify_query(urlsplit(location).query, "SAMLRequest", keys, EIDAS)
        return read_request(signed), relay_state

    def our_facts(self) -> PeerFacts:
        return self.crossing.our_facts(self.go("GET", "/eidas/metadata").text.encode())

    def finland_says(self, request: EidasRequest, relay_state: str, **changes: object) -> dict[str, str]:
        """The fields that Finland's answer to a request has, good but for `changes`."""
        now, facts = self.stage.clock(), self.our_facts()
        ((binding, acs_url),) = facts.endpoints
        assert binding == POST
        answer = Answer(
            response_id="_r" + secrets.token_hex(16),
            assertion_id="_a" + secrets.token_hex(16),
            issued=now,
            assertion_issued=now,
            destination=acs_url,
            in_response_to=request.request_id,
            name_id_format=request.name_id_format,
            recipient=acs_url,
            confirmed_request=request.request_id,
            audience=request.issuer,
            begins=now,
            ends=now + 300,
            authenticated=now,
            person=CITIZEN,
        )
        answer = replace(answer, **changes)  # type: ignore[arg-type] # a test changes fields by their names
        (certificate,) = facts.encryption
        node = self.crossing.finland.node
        held = [encrypt(node.assertion(answer), certificate, EIDAS)] if answer.status == SUCCESS else []
        octets = node.response(answer, *held)
        return {"SAMLResponse": base64.b64encode(octets).decode(), "RelayState": relay_state}

    def arrives(self, fields: Mapping[str, str], path: str = "/eidas/acs") -> Reply:
        """Back from Finland, by its cross-site form."""
        return self.comes_back(path, self.crossing.finland.base, fields)


def read_metadata(octets: bytes, by: FileSigner, role: Role) -> PeerFacts:
    message = verify(octets, [key_of_certificate(by.certificate, EIDAS)], METADATA, EIDAS)
    assert isinstance(message, SignedMessage)
    return read_peer(message.signed, role)
