"""A border on loopback: two countries, each with an identity provider and a sending node; a receiving node, and a city.

The three nodes are the same program, each with its own configuration, keys, database and ledger. They know each other by
signed metadata alone, which each fetches from the others; the registrations name its digest, so that nobody must approve it
before the first login.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from idp.application.app import Application
from idp.application.load import load_all
from idp.config.settings import load_settings
from idp.demo.citizens import BULGARIANS, CARD_HOLDERS, CITIZENS, CITY, PARTNERS, Citizen
from idp.demo.city import ENFORCED, City, energy, services
from idp.demo.city_card import CityCard
from idp.demo.country import Country, country_with_key
from idp.demo.library import METADATA_LIFE, Library
from idp.demo.practice_witness import PracticeWitness
from idp.demo.scene import bound, city_secrets, secret_words, write_jwks
from idp.demo.stage_servers import StageServers
from idp.demo.templates import write_new, write_templates
from idp.keys.file import FileSigner, load_signer
from idp.keys.folder import create_keys, load_keys
from idp.keys.kinds import OPENID
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import VerifierKey
from idp.protocols.eidas.own_metadata import own_facts
from idp.protocols.saml.identity_provider import idp_metadata
from idp.store.engine import disposed, open_engine
from idp.store.migrate import migrate
from idp.store.peer_copies import StoredCopies
from idp.system.addresses import callback_url
from idp.system.clock import system_clock
from policies.parties import EntityId, ProviderId

READY_SECONDS = 90.0
POLL_SECONDS = 0.05
PORTS = {
    "broker": 8400,
    "estonia": 8401,
    "city": 8402,
    "node-ee": 8403,
    "bulgaria": 8404,
    "node-bg": 8405,
    "card": 8406,
    "witness": 8407,
    "hewan": 8408,
}


@dataclass(frozen=True, slots=True)
class Land:
    """One demo country: its citizens, the names of its hosts, and whether its scheme is notified."""

    code: str
    title: str
    operator: str
    host: str
    node: str
    citizens: tuple[Citizen, ...]
    notified: bool = True


LANDS = (
    Land("EE", "Demo sign-in of Estonia", "Node of Estonia", "estonia", "node-ee", CITIZENS),
    Land("BG", "Demo sign-in of Bulgaria", "Node of Bulgaria", "bulgaria", "node-bg", BULGARIANS, notified=False),
)

# The cards: by host and socket, the provider's id, its title and its holders
CARDS = {
    "card": ("city-card", "City card of Storkhaven", CARD_HOLDERS),
    "hewan": ("hewan", "Resident card of Hewan", PARTNERS),
}


class Border:
    """Sets the stage in `folder`, and plays until it is closed.

    `folder` gets `receiving/`, `sending/` (Estonia) and `sending-bg/`, a configuration each. `fixed`: on the usual ports.
    `processes`: each node in a process of its own; else all in this one. `lands`: the two countries. `database`: one for
    all three nodes, each a tenant of it; by default a file in each folder. `card`: the city and its partner city have a
    card each, a provider that speaks OpenID Connect, and a service asks for what the city's own alone knows. `told` is
    called with each step.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fixed: bool,
        processes: bool = True,
        lands: Sequence[Land] = LANDS,
        database: str = "ciconia.db",
        card: bool = False,
        told: Callable[[str], object] = str,
    ) -> None:
        self.folder = folder
        self._told = told
        self._database = json.dumps(database)[1:-1]  # as TOML writes it
        self.lands = tuple(lands)
        self.receiving = folder / "receiving"
        self.sending = {"EE": folder / "sending", "BG": folder / "sending-bg"}
        self.cards: dict[str, CityCard] = {}
        self._sockets = {name: bound(port if fixed else 0) for name, port in PORTS.items()}
        self._ports = {name: listening.getsockname()[1] for name, listening in self._sockets.items()}
        self.issuer = self._base("broker")
        self.city_base = self._base("storkhaven", "city")
        self.nodes = {land.code: self._base(land.node) for land in self.lands}
        self._outside = folder / "parties"
        self._outside.mkdir(parents=True)
        self.witness = PracticeWitness(self._outside)
        secret, fares = city_secrets(self._outside)
        library = Library(base=self.city_base, issuer=self.issuer, folder=self._outside)
        self._configure(secret_words(secret), fares, library)
        known = services(self.city_base, secret, fares)
        if card:
            of_energy = secrets.token_urlsafe(32)
            self._add_cards(of_energy)
            known = (*known, energy(self.city_base, of_energy))
        self.city = City(base=self.city_base, issuer=self.issuer, services=known, library=library)
        self._processes = processes
        self._playing = StageServers()
        self._applications: list[Application] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def open(self) -> None:
        """Starts all, and waits until the nodes know each other."""
        self._told("Starting the three nodes")
        for land in self.lands:
            self._playing.thread(land.host, self.countries[land.code].app(), self._sockets[land.host])
        for name, card in self.cards.items():
            self._playing.thread(name, card.app(), self._sockets[name])
        self._playing.thread("witness", self.witness.app(self.log_keys), self._sockets["witness"])
        for name in ("node-ee", "node-bg", "broker"):
            self.play(name)
        self._told("Waiting until the nodes know each other")
        self._until_ready()
        # Last: a visitor waits for it until there is a broker to sign in at
        self._playing.thread("city", self.city.app(), self._sockets["city"])

    def play(self, name: str) -> None:
        """Starts one node: `broker`, `node-ee` or `node-bg`."""
        folder = self._folder(name)
        if self._processes:
            self.processes[name] = self._playing.process(folder, self._sockets[name])
            return
        application = Application(folder)
        self._applications.append(application)
        application.start()
        self._playing.thread(name, application.asgi, self._sockets[name])

    @property
    def log_keys(self) -> Sequence[VerifierKey]:
        """The public keys of the city's log."""
        settings = load_settings(self.receiving)
        return load_ledger_keys(settings.key_folder, settings.origin).log.known

    def close(self) -> None:
        """Ends all."""
        self._playing.close()
        for application in self._applications:
            application.stop()
        for listening in self._sockets.values():
            listening.close()
        self.city.close()

    def _folder(self, name: str) -> Path:
        return self.receiving if name == "broker" else self.sending[name.removeprefix("node-").upper()]

    def _base(self, host: str, name: str = "") -> str:
        return f"http://{host}.localhost:{self._ports[name or host]}"

    def _configure(self, secret: Mapping[str, str], fares: FileSigner, library: Library) -> None:
        """Writes the nodes' folders from the templates, with fresh keys; then pins the nodes at each other."""
        here = resources.files("idp.demo")
        base = {"@ISSUER@": self.issuer, "@CITY@": self.city_base, "@DATABASE@": self._database, **secret}
        base |= {f"@{code}_NODE@": node for code, node in self.nodes.items()}
        blank = {f"@{name}_DIGEST@": "0" * 64 for name in ("EE", "BG", "ISSUER")}
        of_land = {land.code: self._words(land) for land in self.lands}
        receiving = {**base, "@PORT@": str(self._ports["broker"])}
        receiving |= {"@WITNESS@": self._base("witness"), "@WITNESS_KEY@": str(self.witness.key)}
        write_templates(here.joinpath("receiving"), self.receiving, {**receiving, "@COUNTRY@": ""})
        write_jwks(self.receiving / "parties" / "fares.jwks.json", fares)
        # One node's country and its identity provider stand in the other stage's template alone
        (self.receiving / "providers" / "demo-ee.toml").unlink()
        folders = {"broker": self.receiving, **{land.node: self.sending[land.code] for land in self.lands}}
        operators = {land.node: land.operator for land in self.lands}
        for name, folder in folders.items():
            self._told(f"Making keys and settings: {operators.get(name, f'Node of {CITY}')}")
            (folder / "metadata").mkdir(parents=True, exist_ok=True)
            if name == "broker":
                write_templates(here.joinpath("border", "receiving"), folder, {**receiving, **blank})
            else:
                code = name.removeprefix("node-").upper()
                write_templates(here.joinpath("border", "sending"), folder, {**base, **of_land[code], **blank})
            settings = load_settings(folder)
            create_keys(settings.key_folder, settings.origin, settings.tenant, demo=settings.demo)
            migrate(settings.database_url)
        write_new(self.receiving / "metadata" / "library.xml", library.metadata())
        keys = load_keys(self.receiving / "keys", self.issuer)
        library.pin(idp_metadata(self.issuer, keys.saml, system_clock(), METADATA_LIFE))
        self.countries = {land.code: self._country(land) for land in self.lands}
        for land in self.lands:
            self._pin(self.receiving, land.code.lower(), self.sending[land.code])
            self._pin(self.sending[land.code], "storkhaven", self.receiving)
        digests = {f"@{land.code}_DIGEST@": _digest(self.sending[land.code]) for land in self.lands}
        digests["@ISSUER_DIGEST@"] = _digest(self.receiving)
        write_templates(here.joinpath("border", "receiving"), self.receiving, {**receiving, **digests})
        for land in self.lands:
            words = {**base, **of_land[land.code], **digests}
            write_templates(here.joinpath("border", "sending"), self.sending[land.code], words)

    def _add_cards(self, of_energy: str) -> None:
        """Makes the cards, registers the city there, and pins their metadata in the city's folder."""
        client = load_signer(self.receiving / "keys" / OPENID.file)
        for name, (provider, title, holders) in CARDS.items():
            redirect, key = callback_url(self.issuer, ProviderId(provider)), self._outside / f"{name}.pem"
            card = CityCard(
                base=self._base(name), title=title, holders=holders, key=key, client=client, redirect_uri=redirect
            )
            write_new(self.receiving / "metadata" / f"{provider}.json", card.document())
            self.cards[name] = card
        words = {f"@{name.upper()}@": card.base for name, card in self.cards.items()}
        words |= {"@CITY@": self.city_base, **secret_words({ENFORCED: of_energy})}
        write_templates(resources.files("idp.demo").joinpath("border", "card"), self.receiving, words)

    def _words(self, land: Land) -> dict[str, str]:
        return {
            "@NODE@": self.nodes[land.code],
            "@PORT@": str(self._ports[land.node]),
            "@COUNTRY@": land.code,
            "@OPERATOR@": land.operator,
            "@PROVIDER@": self._base(land.host),
            "@NOTIFIED@": str(land.notified).lower(),
            "@TITLE@": land.title,
        }

    def _pin(self, folder: Path, name: str, other: Path) -> None:
        """Pins the certificate that signs another node's metadata, as its operator would have sent it."""
        settings = load_settings(other)
        node = load_keys(settings.key_folder, settings.origin).node
        if node is None:
            raise ValueError("a node without keys")
        certificate = load_der_x509_certificate(node.metadata.at(0).certificate)
        write_new(folder / "metadata" / f"{name}.pem", certificate.public_bytes(Encoding.PEM))

    def _country(self, land: Land) -> Country:
        """The country's identity provider, and its metadata pinned at the country's node."""
        node = self.sending[land.code]
        country = country_with_key(
            self._outside / f"{land.host}.pem",
            base=self._base(land.host),
            title=land.title,
            broker_certificate=load_signer(node / "keys" / "saml.pem").certificate,
            citizens=land.citizens,
        )
        write_new(node / "metadata" / "national.xml", country.metadata())
        return country

    def _until_ready(self) -> None:
        """Waits until each node holds the metadata of those that it works with."""
        ours = EntityId(f"{self.issuer}/eidas/metadata")
        wanted = [(self.receiving, EntityId(f"{node}/eidas/metadata")) for node in self.nodes.values()]
        wanted += [(folder, ours) for folder in self.sending.values()]
        until = time.monotonic() + READY_SECONDS
        for folder, entity_id in wanted:
            with known_to(folder) as copies:
                while copies.held(entity_id) is None:
                    if time.monotonic() > until:
                        raise OSError(f"a node does not hear of {entity_id} within {READY_SECONDS:.0f} seconds")
                    time.sleep(POLL_SECONDS)


def _digest(folder: Path) -> str:
    """The digest of a node's metadata, by which a registration approves it in advance."""
    facts = own_facts(*load_all(folder), system_clock())
    if facts is None:
        raise ValueError("a folder of no node")
    return facts.digest


@contextmanager
def known_to(folder: Path) -> Iterator[StoredCopies]:
    """The copies that a folder's node keeps of other nodes' metadata."""
    settings = load_settings(folder)
    with disposed(open_engine(settings.database_url)) as engine:
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        yield StoredCopies(engine=engine, tenant=settings.tenant, keys=keys)
