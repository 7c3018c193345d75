"""Another country's node, as far as its metadata goes: its keys, what it signs, and a server that obeys a test."""

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BufferedIOBase

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.fetch import Fetcher
from connectors.formats.eidas.metadata import PeerFacts, read_peer
from connectors.formats.eidas.own_metadata import (
    SIGNATURE_PLACE,
    ConnectorMetadata,
    connector_element,
)
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.formats.operator import Operator
from connectors.metadata.peers import Held, PeerCopies, Peers
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import UnsignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlsign import sign_enveloped
from idp.keys.file import FileSigner
from policies.parties import EntityId, Peer, Source
from tests.connectors.metadata.node import unloadable
from tests.listening import Handler, Listening

NOW = 1_790_000_000
DAY = 24 * 3600
ORGANIZATION = Operator("Node", "Node", "https://node.example", "help@node.example", "tech@node.example")
LOOPBACK = ("127.0.0.0/8",)
UNLOADABLE = "unloadable"  # the name of a key whose certificate nobody loads


@cache
def signer(name: str) -> FileSigner:
    """A key on P-256 with its certificate, the same for the same name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = datetime.fromtimestamp(NOW - 900 * DAY, UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3652))
        .sign(key, SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    if name == UNLOADABLE:
        der = unloadable(der)
    return FileSigner(key, key.public_key(), der, prepared(key.public_key(), EIDAS).key_id)


@dataclass(frozen=True)
class Metadata:
    """A receiving node's metadata."""

    entity_id: str
    country: str = "NL"
    signing: tuple[str, ...] = ("messages",)  # names for `signer`
    acs_url: str = "https://node.example/eidas/acs"
    valid_until: int = NOW + 10 * DAY
    by: str = "metadata"

    def octets(self) -> bytes:
        element = connector_element(
            ConnectorMetadata(
                metadata_id="_1",
                valid_until=self.valid_until,
                entity_id=self.entity_id,
                country=self.country,
                signing=tuple(signer(name).certificate for name in self.signing),
                encryption=(),
                application_identifier="ciconia:1",
                organization=ORGANIZATION,
                profile=EIDAS,
                acs_url=self.acs_url,
                sp_type="public",
            )
        )
        return sign_enveloped(element, signer(self.by), place=SIGNATURE_PLACE, profile=EIDAS)

    def facts(self) -> PeerFacts:
        message = verify(self.octets(), [prepared(signer(self.by).public_key, EIDAS)], METADATA, EIDAS)
        assert not isinstance(message, UnsignedMessage)
        return read_peer(message.signed, "connector")

    def held(self, *, approved: bool = False, fetched: int = NOW) -> Held:
        facts = self.facts()
        return Held(EntityId(self.entity_id), self.octets(), facts, facts if approved else None, fetched)


class OctetsServer:
    """A server at loopback, of this name, whose every page is `body`; a failure (500) where that is empty."""

    def __init__(self, name: str) -> None:
        server = self

        class Pages(Handler):
            def get(self) -> None:
                if (body := server.body()) is None:
                    return
                self.send_response(200 if body else 500)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                server.write(self.wfile, body)

        self._server = Listening(Pages)
        self.base = f"http://{name}.localhost:{self._server.server_port}"

    def body(self) -> bytes | None:
        """The page; None where nothing is answered."""
        raise NotImplementedError

    def write(self, to: BufferedIOBase, body: bytes) -> None:
        to.write(body)

    def close(self) -> None:
        self._server.close()


class Neighbour(OctetsServer):
    """The node's server. `does` is "answer", "fail" (500) or "hang" (takes the request and says nothing)."""

    def __init__(self, name: str = "nl", country: str = "NL") -> None:
        self.does = "answer"
        self.asked = threading.Semaphore(0)  # released with each request
        self._ended = threading.Event()
        super().__init__(name)
        self.url = f"{self.base}/eidas/metadata"
        self.entity_id = EntityId(self.url)
        self.metadata = Metadata(self.url, country)

    def body(self) -> bytes | None:
        self.asked.release()
        if self.does == "hang":
            self._ended.wait(30)
            return None
        return self.metadata.octets() if self.does == "answer" else b""

    def publish(self, **changes: object) -> Metadata:
        """Publish other metadata from now on; its end is a second later, as other facts need, where a test names none."""
        changes = {"valid_until": self.metadata.valid_until + 1, **changes}
        self.metadata = replace(self.metadata, **changes)  # type: ignore[arg-type] # whichever fields a test names
        return self.metadata

    def peer(self, digest: str = "") -> Peer:
        """Its registration."""
        source = Source("nodes/nl.toml", 1)
        certificate = signer("metadata").certificate
        return Peer(self.entity_id, self.metadata.country, self.url, certificate, digest, LOOPBACK, source)

    def close(self) -> None:
        """End the server, whatever hangs."""
        self._ended.set()
        super().close()


def peers_of(copies: PeerCopies, *peers: Peer, timeout: float = 5.0) -> Peers:
    """The nodes with these registrations, fetched over loopback."""
    return Peers(
        {peer.entity_id: peer for peer in peers},
        role="connector",
        copies=copies,
        fetcher=Fetcher(demo=True),
        profile=EIDAS,
        ours=PROTOCOL_VERSIONS,
        timeout=timeout,
    )
