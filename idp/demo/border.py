"""A border on loopback: countries, each with an identity provider and a sending node; a receiving node, and a city.

The nodes are the same program, each with its own configuration, keys, database and ledger. Those of eIDAS know each other
by signed metadata alone, which each fetches from the others; the registrations name its digest, so that nobody must approve
it before the first login. STORK has no metadata: there the certificates are pinned.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from idp.application.app import Application
from idp.application.load import load_all
from idp.config.settings import load_settings
from idp.demo.citizens import BULGARIANS, CARD_HOLDERS, CITIZENS, CITY, PARTNERS, Citizen
from idp.demo.city import ENFORCED, PERMIT, City, energy, harbour_permit, services
from idp.demo.city_card import CityCard
from idp.demo.country import Country, country_with_key
from idp.demo.library import METADATA_LIFE, Library
from idp.demo.practice_witness import PracticeWitness
from idp.demo.residents import write_residents
from idp.demo.scene import bound, city_secrets, secret_words, write_jwks
from idp.demo.stage_servers import StageServers
from idp.demo.templates import write_new, write_templates
from idp.keys.file import FileSigner, load_saml_unwrapper, load_signer
from idp.keys.folder import create_keys, load_keys
from idp.keys.kinds import OPENID, SAML_ENCRYPTION
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
    "city": 8402,
    "card": 8406,
    "witness": 8407,
    "hewan": 8408,
}


class LandProfile(StrEnum):
    """How a country's node speaks with ours. The last is a middleware of STORK (V-IDP)."""

    EIDAS_1_4 = "eidas-1.4"
    EIDAS_1_2 = "eidas-1.2"
    STORK_2_0 = "stork-2.0"
    MIDDLEWARE = "middleware"

    @property
    def stork(self) -> bool:
        """Whether certificates are pinned in place of metadata."""
        return self in (LandProfile.STORK_2_0, LandProfile.MIDDLEWARE)


@dataclass(frozen=True, slots=True)
class Land:
    """One demo country: its name, the usual ports of its sign-in and its node, its citizens, how it speaks.

    `notified`: its scheme is.
    """

    code: str
    name: str
    ports: tuple[int, int]
    citizens: tuple[Citizen, ...]
    notified: bool = True
    profile: LandProfile = LandProfile.EIDAS_1_4

    @property
    def host(self) -> str:
        """The first label of its sign-in's host."""
        return self.name.lower()

    @property
    def node(self) -> str:
        """The first label of its node's host."""
        return f"node-{self.code.lower()}"

    @property
    def operator(self) -> str:
        """The organisation that runs its node."""
        return f"Node of {self.name}"


LANDS = (
    Land("EE", "Estonia", (8401, 8403), CITIZENS),
    Land("BG", "Bulgaria", (8404, 8405), BULGARIANS, notified=False),
)

_SENDING = {"EE": "sending"}
_NUMBERS = ("one", "two", "three", "four", "five")
# The cards: by host and socket, the provider's id, its title and its holders
CARDS = {
    "card": ("city-card", "City card of Storkhaven", CARD_HOLDERS),
    "hewan": ("hewan", "Resident card of Hewan", PARTNERS),
}


class Border:
    """Sets the stage in `folder`, and plays until it is closed.

    `folder` gets `receiving/`, `sending/` (Estonia), `sending-bg/` and so on, a configuration each. `fixed`: on the usual
    ports. `processes`: each node in a process of its own; else all in this one. `lands`: the countries. `database`: one for
    all nodes, each a tenant of it; by default a file in each folder. `card`: the city and its partner city have a card
    each, a provider that speaks OpenID Connect, and a service asks for what the city's own alone knows. `permit`: a service
    takes representatives of companies. `told` is called with each step.
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
        permit: bool = False,
        told: Callable[[str], object] = str,
    ) -> None:
        self.folder = folder
        self._told = told
        self._database = json.dumps(database)[1:-1]  # as TOML writes it
        self.lands = tuple(lands)
        self.receiving = folder / "receiving"
        self.sending = {land.code: folder / _SENDING.get(land.code, f"sending-{land.code.lower()}") for land in self.lands}
        self.cards: dict[str, CityCard] = {}
        ports = {name: port for land in self.lands for name, port in zip((land.host, land.node), land.ports, strict=True)}
        self._sockets = {name: bound(port if fixed else 0) for name, port in {**PORTS, **ports}.items()}
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
        if permit:
            of_permit = secrets.token_urlsafe(32)
            words = {"@CITY@": self.city_base, **self._node_words(), **secret_words({PERMIT: of_permit})}
            write_templates(resources.files("idp.demo").joinpath("border", "permit"), self.receiving, words)
            known = (*known, harbour_permit(self.city_base, of_permit))
        self.city = City(base=self.city_base, issuer=self.issuer, services=known, library=library)
        self._processes = processes
        self._playing = StageServers()
        self._applications: list[Application] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def open(self) -> None:
        """Starts all, and waits until the nodes know each other."""
        self._told(f"Starting the {_NUMBERS[len(self.lands)]} nodes")
        for land in self.lands:
            self._playing.thread(land.host, self.countries[land.code].app(), self._sockets[land.host])
        for name, card in self.cards.items():
            self._playing.thread(name, card.app(), self._sockets[name])
        self._playing.thread("witness", self.witness.app(self.log_keys), self._sockets["witness"])
        for name in (*(land.node for land in self.lands), "broker"):
            self.play(name)
        self._told("Waiting until the nodes know each other")
        self._until_ready()
        # Last: a visitor waits for it until there is a broker to sign in at
        self._playing.thread("city", self.city.app(), self._sockets["city"])

    def play(self, name: str) -> None:
        """Starts one node: `broker`, `node-ee`, `node-bg` and so on."""
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
        base |= self._node_words()
        blank = {f"@{name}_DIGEST@": "0" * 64 for name in (*self.nodes, "ISSUER")}
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
                self._write_sending(code, {**base, **blank})
            settings = load_settings(folder)
            create_keys(
                settings.key_folder, settings.origin, settings.tenant, demo=settings.demo, saml_encryption=name == "broker"
            )
            migrate(settings.database_url)
        write_new(self.receiving / "metadata" / "library.xml", library.metadata())
        keys = load_keys(self.receiving / "keys", self.issuer)
        library.pin(idp_metadata(self.issuer, keys.saml, system_clock(), METADATA_LIFE))
        self.countries = {land.code: self._country(land) for land in self.lands}
        for land in self.lands:
            pinned = _pin_stork if land.profile.stork else _pin
            pinned(self.receiving, land.code.lower(), self.sending[land.code])
            pinned(self.sending[land.code], "storkhaven", self.receiving)
        digests = {f"@{land.code}_DIGEST@": _digest(self.sending[land.code]) for land in self.lands}
        digests["@ISSUER_DIGEST@"] = _digest(self.receiving)
        write_templates(here.joinpath("border", "receiving"), self.receiving, {**receiving, **digests})
        for land in self.lands:
            self._write_sending(land.code, {**base, **digests})

    def _write_sending(self, code: str, words: Mapping[str, str]) -> None:
        """Writes a country's folder; where it speaks STORK, another file says who may ask."""
        land = next(one for one in self.lands if one.code == code)
        for layer in ("sending", "stork") if land.profile.stork else ("sending",):
            source = resources.files("idp.demo").joinpath("border", layer)
            write_templates(source, self.sending[code], {**words, **self._words(land)})

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
        words |= {"@CITY@": self.city_base, "@RESIDENTS@": str(self._outside / "residents.db")}
        words |= secret_words({ENFORCED: of_energy})
        write_residents(self._outside / "residents.db", CARD_HOLDERS)
        write_templates(resources.files("idp.demo").joinpath("border", "card"), self.receiving, words)

    def _node_words(self) -> dict[str, str]:
        return {f"@{code}_NODE@": node for code, node in self.nodes.items()}

    def _words(self, land: Land) -> dict[str, str]:
        return {
            "@NODE@": self.nodes[land.code],
            "@PORT@": str(self._ports[land.node]),
            "@COUNTRY@": land.code,
            "@OPERATOR@": land.operator,
            "@PROVIDER@": self._base(land.host),
            "@NOTIFIED@": str(land.notified).lower(),
            "@TITLE@": f"Demo sign-in of {land.name}",
            "@VERSION@": "1.2" if land.profile is LandProfile.EIDAS_1_2 else "1.4",
            "@MIDDLEWARE@": str(land.profile is LandProfile.MIDDLEWARE).lower(),
        }

    def _country(self, land: Land) -> Country:
        """The country's identity provider, and its metadata pinned at the country's node."""
        node = self.sending[land.code]
        country = country_with_key(
            self._outside / f"{land.host}.pem",
            base=self._base(land.host),
            title=f"Demo sign-in of {land.name}",
            broker_certificate=load_signer(node / "keys" / "saml.pem").certificate,
            citizens=land.citizens,
        )
        write_new(node / "metadata" / "national.xml", country.metadata())
        return country

    def _until_ready(self) -> None:
        """Waits until each node holds the metadata of those that it works with."""
        ours = EntityId(f"{self.issuer}/eidas/metadata")
        known = [land.code for land in self.lands if not land.profile.stork]
        wanted = [(self.receiving, EntityId(f"{self.nodes[code]}/eidas/metadata")) for code in known]
        wanted += [(self.sending[code], ours) for code in known]
        until = time.monotonic() + READY_SECONDS
        for folder, entity_id in wanted:
            with known_to(folder) as copies:
                while copies.held(entity_id) is None:
                    if time.monotonic() > until:
                        raise OSError(f"a node does not hear of {entity_id} within {READY_SECONDS:.0f} seconds")
                    time.sleep(POLL_SECONDS)


def _pin(folder: Path, name: str, other: Path) -> None:
    """Pins the certificate that signs another node's metadata, as its operator would have sent it."""
    settings = load_settings(other)
    node = load_keys(settings.key_folder, settings.origin).node
    if node is None:
        raise ValueError("a node without keys")
    _write_certificate(folder / "metadata" / f"{name}.pem", node.metadata.at(0).certificate)


def _pin_stork(folder: Path, name: str, other: Path) -> None:
    """Pins the certificate that signs another node's messages, and the one to which answers are encrypted, if any."""
    keys = load_settings(other).key_folder
    _write_certificate(folder / "metadata" / f"{name}-stork.pem", load_signer(keys / "saml.pem").certificate)
    if (encryption := keys / SAML_ENCRYPTION.file).exists():
        certificate = load_saml_unwrapper(encryption).certificate
        _write_certificate(folder / "metadata" / f"{name}-encryption.pem", certificate)


def _write_certificate(path: Path, der: bytes) -> None:
    write_new(path, load_der_x509_certificate(der).public_bytes(Encoding.PEM))


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
