"""An ArtifactResolutionService in a test's hands, over real sockets. It verifies who asks, and knows each artifact once."""

import base64
import hashlib
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import xmlsec
from lxml import etree
from xmlsec import constants

from tests.connectors import forge
from tests.connectors.forge import IDP, NOW, SAML, SAMLP, SUCCESS, clock
from tests.listening import Handler, Listening

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ACTION = '"http://www.oasis-open.org/committees/security"'


def artifact(entity_id: str = IDP, index: int = 1, kind: int = 4, handle: bytes = b"") -> str:
    source = hashlib.sha1(entity_id.encode(), usedforsecurity=False).digest()
    return base64.b64encode(kind.to_bytes(2) + index.to_bytes(2) + source + (handle or secrets.token_bytes(20))).decode()


@dataclass
class Said:
    """One ArtifactResponse in all its parts; `message` is the XML of the Response in it."""

    message: bytes = b""
    issuer: str = IDP
    issued: str = clock(NOW)
    in_response_to: str | None = None
    status: str = SUCCESS
    header: str = ""
    more: str = ""
    signer: forge.SigningParty | None = None

    def xml(self, request_id: str) -> bytes:
        text = (
            f'<samlp:ArtifactResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_resolved" Version="2.0"'
            f' IssueInstant="{self.issued}" InResponseTo="{self.in_response_to or request_id}">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>{self.message.decode()}'
            "</samlp:ArtifactResponse>"
        ).encode()
        inner = text if self.signer is None else forge.signed(text, ["_resolved"], self.signer)
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="{SOAP}">{self.header}'
            f"<S:Body>{inner.decode()}{self.more}</S:Body></S:Envelope>"
        ).encode()


@dataclass
class Resolver:
    """`held` has what each artifact stands for; an unknown one gets a success without a message. `asker` has our key."""

    asker: bytes
    said: Said = field(default_factory=Said)
    tls: ssl.SSLContext | None = None
    status: int = 200
    whole: bytes | None = None
    content_type: str = "text/xml; charset=utf-8"
    held: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False

    def start(self) -> None:
        self._server = Listening(lambda *given: _Handler(self, *given), tls=self.tls)
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://idp.localhost:{self._server.server_address[1]}/artifact"

    def close(self) -> None:
        self.over.set()
        self._server.close()

    def holds(self, message: bytes, index: int = 1) -> str:
        """A new artifact that stands for this Response."""
        made = artifact(index=index)
        self.held[made] = message
        return made

    def answer(self, octets: bytes) -> bytes:
        if self.whole is not None:
            return self.whole
        root = etree.fromstring(octets)
        (asked,) = root.iterfind(f"{{{SOAP}}}Body/{{{SAMLP}}}ArtifactResolve")
        xmlsec.tree.add_ids(asked, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(self.asker, constants.KeyDataFormatCertDer, None)
        signature = xmlsec.tree.find_node(asked, constants.NodeSignature)
        assert signature is not None
        context.verify(signature)
        assert str(asked.get("Destination")).startswith(self.url)
        self.said.message = self.held.pop(str(asked.findtext(f"{{{SAMLP}}}Artifact")), b"")
        return self.said.xml(str(asked.get("ID")))


class _Handler(Handler):
    def __init__(self, resolver: Resolver, *given: object) -> None:
        self.resolver = resolver
        super().__init__(*given)  # type: ignore[arg-type]  # as the server gives them

    def post(self, octets: bytes) -> None:
        assert (self.headers["SOAPAction"], self.headers["Content-Type"]) == (ACTION, "text/xml; charset=utf-8")
        self.resolver.asked.append(self.path)
        if self.resolver.hangs:
            self.resolver.over.wait()
            return
        self.reply(self.resolver.status, self.resolver.answer(octets), Content_Type=self.resolver.content_type)


@contextmanager
def resolving(asker: bytes, tls: ssl.SSLContext | None = None) -> Iterator[Resolver]:
    found = Resolver(asker, tls=tls)
    found.start()
    try:
        yield found
    finally:
        found.close()
