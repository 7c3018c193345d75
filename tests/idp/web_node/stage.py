"""A sending node of Estonia over real sockets; a test speaks for its two identity providers and for two nodes that ask."""

import base64
import threading
from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from idp.application.app import Application
from idp.config.settings import load_settings
from idp.demo.citizens import CITIZENS, Citizen, citizen
from idp.demo.country import Country
from idp.keys.file import create_saml_key, load_signer
from idp.keys.folder import create_keys
from idp.server.http import Server, bind
from idp.store.migrate import migrate
from policies.parties import EntityId
from tests.idp.staging import Clock, LiveStage
from tests.idp.web_node.peer import PeerNode

HOST = "127.0.0.1"
DAY = 24 * 3600
SETTINGS = """\
issuer = "{issuer}"
listen = "127.0.0.1:{port}"
demo = true
role = "node"
country = "EE"
checkpoint_seconds = 0.2

[organization]
name = "Node of Estonia"
url = "{issuer}/"
support = "help@node.example"
technical = "node@node.example"
"""
NODE = """\
id = "{name}"
country = "{country}"
entity_id = "{entity_id}"
metadata_certificate = "metadata/{name}.pem"
networks = ["127.0.0.0/8"]
{more}
[title]
en = "Node of {name}"
"""
PROVIDER = """\
id = "{name}"
country = "EE"
namespace = "{name}/EE"
entity_id = "{base}/metadata"
metadata = "metadata/{name}.xml"
binding = "redirect"
subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"
notified = {notified}

[title]
en = "Sign-in of {name}"
{more}
[attributes]
"urn:oid:2.5.4.4" = "family_name"
"urn:oid:2.5.4.42" = "given_name"
"urn:bg:names:latin:family" = "family_name.latin"
"urn:oid:1.3.6.1.4.1.25178.1.2.3" = "birthdate"
"urn:oid:1.3.6.1.4.1.25178.1.2.2" = "gender"
"urn:oid:0.9.2342.19200300.100.1.3" = "email"
"urn:oid:2.5.4.9" = "address.street"
"urn:oid:2.5.4.17" = "address.postal_code"
"urn:oid:2.5.4.7" = "address.locality"
"urn:oid:2.5.4.6" = "address.country"
"""
EVERYBODY = 'persons = ["natural", "legal", "for_natural", "for_legal"]\n'
BEHIND = 'persons = ["natural", "for_natural", "for_legal"]\n'
BY_ITSELF = 'persons = ["legal"]\n'
# Registers that the national sign-in has behind it
ACTING = """\
"urn:ee:company:number" = "legal_person_identifier"
"urn:ee:company:name" = "legal_name"
"urn:ee:company:vat" = "vat_number"
"urn:ee:ward:number" = "represented_person_identifier"
"urn:ee:ward:family" = "represented_family_name"
"urn:ee:ward:given" = "represented_given_name"
"urn:ee:ward:born" = "represented_birthdate"
"urn:ee:mandate" = "mandate"
"urn:ee:licence" = "licence"
"""
CATALOGUE = """\
[attributes.licence]
kind = "number"
title.en = "Trade licence"
eidas = "https://trade.example/attributes/Licence"
eidas_type = "{https://trade.example/attributes}LicenceType"
eidas_pattern = "[A-Z]{2}[0-9]{4}"
"""
# A bank's sign-in is not notified, and never reaches the highest level
BANK = '[assurance]\n"http://eidas.europa.eu/LoA/low" = "low"\n"http://eidas.europa.eu/LoA/substantial" = "substantial"\n'


class NodeStage(LiveStage):
    """`nl` asks. So do `lv`, which may be told of a refusal, and `fi`, once a test has published their metadata."""

    def __init__(self, folder: Path, clock: Clock, more: Mapping[str, str] | None = None) -> None:
        """`more` are further files of its configuration."""
        self._more = more or {}
        self.folder, self.clock = folder / "node", clock
        self._socket = bind(HOST, 0)
        self.port = self._socket.getsockname()[1]
        self.issuer = f"http://node.localhost:{self.port}"
        self.sso_url = f"{self.issuer}/eidas/sso"
        outside = folder / "outside"
        outside.mkdir(parents=True)
        self.nl, self.lv = PeerNode(outside, "nl", "NL"), PeerNode(outside, "lv", "LV")
        self.fi = PeerNode(outside, "fi", "FI")
        # A test publishes metadata of this one that ends soon: a copy that ends earlier than the last one does not count
        self.se = PeerNode(outside, "se", "SE")
        self._published = 0
        self._configure(outside)
        self.application = Application(self.folder, clock=clock)
        self._server = Server(self.application.asgi, self._socket)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def open(self) -> None:
        """Serve. No watch is started: what is known of other nodes is what a test publishes."""
        self.application.sequencer.start()
        self._thread.start()
        self.publish(self.nl, 10 * DAY)

    def close(self) -> None:
        self._server.stop()
        self._thread.join(10)
        self._socket.close()
        self.application.sequencer.stop()
        self.application.store.close()

    def publish(self, peer: PeerNode, life: int = 2 * DAY, *, signing: bool = True, encrypting: bool = True) -> None:
        """The node publishes this, each time a second longer than before, and the operator approves it."""
        self._published += 1
        until = self.clock() + life + self._published
        peers = self.application.peers
        peers._copies.held(EntityId(peer.entity_id))
        peers._copies.keep(peer.held(until, self.clock(), signing=signing, encrypting=encrypting))
        peers.reload(EntityId(peer.entity_id))

    @property
    def certificate(self) -> bytes:
        """The certificate of the key that signs the node's messages."""
        keys = self.application.keys.node
        assert keys is not None
        return keys.messages.at(self.clock()).certificate

    def answer(self, query: Mapping[str, str], raw: str, who: str | Citizen | None, provider: str) -> dict[str, str]:
        """The form that an identity provider posts back to a question that came by redirect."""
        country = self.providers[provider]
        asked = country._by_redirect(raw, query)
        one = citizen(who) if isinstance(who, str) else who
        root = country._response(asked, one, asked.get("AssertionConsumerServiceURL") or "")
        return {"SAMLResponse": _base64(etree.tostring(root)), "RelayState": query["RelayState"]}

    def _configure(self, outside: Path) -> None:
        for name in ("nodes", "providers", "metadata"):
            (self.folder / name).mkdir(parents=True)
        text = SETTINGS.format(issuer=self.issuer, port=self.port)
        (self.folder / "ciconia.toml").write_text(text, encoding="utf-8")
        settings = load_settings(self.folder)
        create_keys(settings.key_folder, settings.origin, settings.tenant)
        for peer, more in ((self.nl, ""), (self.lv, "tell_refusal = true\n" + EVERYBODY), (self.fi, ""), (self.se, "")):
            text = NODE.format(name=peer.name, country=peer.country, entity_id=peer.entity_id, more=more)
            (self.folder / "nodes" / f"{peer.name}.toml").write_text(text, encoding="utf-8")
            (self.folder / "metadata" / f"{peer.name}.pem").write_text(_pem(peer.metadata_signer.certificate))
        create_saml_key(outside / "provider.pem", "provider.localhost")
        signer = load_signer(outside / "provider.pem")
        self.providers: dict[str, Country] = {}
        (self.folder / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
        # A company signs in elsewhere: an answer of one provider says the one kind or the other
        for name, notified, more in (("national", "true", ""), ("bank", "false", BANK), ("companies", "true", "")):
            made = Country(
                base=f"http://{name}.localhost:8498",
                title=name,
                key_pem=(outside / "provider.pem").read_bytes(),
                certificate_der=signer.certificate,
                broker_certificate=load_signer(settings.key_folder / "saml.pem").certificate,
                citizens=CITIZENS,
            )
            self.providers[name] = made
            text = PROVIDER.format(name=name, base=made.base, notified=notified, more=more)
            kinds = {"national": BEHIND, "companies": BY_ITSELF}.get(name)
            text = f"{kinds}{text}{ACTING}" if kinds else text
            (self.folder / "providers" / f"{name}.toml").write_text(text, encoding="utf-8")
            (self.folder / "metadata" / f"{name}.xml").write_bytes(made.metadata())
        for name, text in self._more.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        migrate(settings.database_url)


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"
