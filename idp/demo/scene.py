"""A stage with one node: a folder with a fresh configuration, and three servers on loopback: country, broker, city."""

import hashlib
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from connectors.signatures.jwk import public_jwk
from idp.application.app import Application
from idp.config.settings import SETTINGS_FILE, load_settings
from idp.demo.city import City, services
from idp.demo.country import Country
from idp.keys.file import FileSigner, create_saml_key, create_token_key, load_signer, write_private
from idp.keys.folder import create_keys
from idp.server.http import Server, bind
from idp.store.migrate import migrate
from idp.system.clock import system_clock
from idp.system.toml_text import quoted

HOST = "127.0.0.1"
PORTS = {"broker": 8400, "country": 8401, "city": 8402}
STOPPING_SECONDS = 10

_WORD = re.compile(r"@[A-Z0-9_]+@")


class Scene:
    """Sets the stage in `folder` (which gets `receiving/`), and plays until it is closed. With `fixed`, the usual ports.

    `clock` is the broker's alone: country and city go by the machine's.
    """

    def __init__(self, folder: Path, *, fixed: bool, clock: Callable[[], int] = system_clock) -> None:
        self.folder = folder
        self.receiving = folder / "receiving"
        self._sockets = {name: bound(port if fixed else 0) for name, port in PORTS.items()}
        ports = {name: listening.getsockname()[1] for name, listening in self._sockets.items()}
        self.issuer = f"http://broker.localhost:{ports['broker']}"
        self.country_base = f"http://estonia.localhost:{ports['country']}"
        self.city_base = f"http://storkhaven.localhost:{ports['city']}"
        # The parties' own secrets lie beside the broker's folder, never in it
        self._outside = folder / "parties"
        self._outside.mkdir(parents=True)
        secret, fares = city_secrets(self._outside)
        self._configure(ports["broker"], secret, fares)
        self.application = Application(self.receiving, clock=clock)
        self.city = City(base=self.city_base, issuer=self.issuer, services=services(self.city_base, secret, fares))
        self._servers: list[Server] = []
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        """Start all three."""
        self.application.start()
        for name, app in (
            ("broker", self.application.asgi),
            ("country", self.country.app()),
            ("city", self.city.app()),
        ):
            server = Server(app, self._sockets[name])
            thread = threading.Thread(target=server.run, name=name, daemon=True)
            thread.start()
            self._servers.append(server)
            self._threads.append(thread)

    def close(self) -> None:
        """End all three, the broker last to write."""
        for server in self._servers:
            server.stop()
        for thread in self._threads:
            thread.join(STOPPING_SECONDS)
        for listening in self._sockets.values():
            listening.close()
        self.city.close()
        self.application.stop()

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        """Write the broker's folder from the templates, and pin the country's metadata in it."""
        words = {
            "@ISSUER@": self.issuer,
            "@PORT@": str(port),
            "@CITY@": self.city_base,
            "@COUNTRY@": self.country_base,
            **secret_words(secret),
        }
        write_templates(resources.files("idp.demo").joinpath("receiving"), self.receiving, words)
        settings = load_settings(self.receiving)
        create_keys(settings.key_folder, settings.origin, settings.tenant, demo=settings.demo)
        write_jwks(self.receiving / "parties" / "fares.jwks.json", fares)
        self.country = self._country(load_signer(settings.key_folder / "saml.pem").certificate)
        (self.receiving / "metadata").mkdir()
        write_new(self.receiving / "metadata" / "demo-ee.xml", self.country.metadata())
        migrate(settings.database_url)

    def _country(self, broker_certificate: bytes) -> Country:
        create_saml_key(self._outside / "country.pem", "estonia.localhost")
        signer = load_signer(self._outside / "country.pem")
        return Country(
            base=self.country_base,
            title="Demo sign-in of Estonia",
            key_pem=(self._outside / "country.pem").read_bytes(),
            certificate_der=signer.certificate,
            broker_certificate=broker_certificate,
        )


def city_secrets(folder: Path) -> tuple[Mapping[str, str], FileSigner]:
    """What the city's services authenticate with at the broker: two secrets, and the key of `fares`, kept in `folder`."""
    create_token_key(folder / "fares.pem", "ES256")
    return {name: secrets.token_urlsafe(32) for name in ("parking", "budget")}, load_signer(folder / "fares.pem")


def secret_words(secret: Mapping[str, str]) -> dict[str, str]:
    """The words of the templates that stand for the hashes of the services' secrets."""
    return {f"@{name.upper()}_SECRET_SHA256@": hashlib.sha256(text.encode()).hexdigest() for name, text in secret.items()}


def write_jwks(path: Path, signer: FileSigner) -> None:
    """The key set of a service that authenticates by a signed assertion."""
    jwks = {"keys": [{**public_jwk(signer.public_key), "kid": signer.key_id, "alg": "ES256", "use": "sig"}]}
    write_new(path, (json.dumps(jwks, indent=1) + "\n").encode())


def write_new(path: Path, octets: bytes) -> None:
    """Write a file that is not there yet: never into one that somebody else laid there, nor through a link."""
    with path.open("xb") as file:
        file.write(octets)


def bound(port: int) -> socket.socket:
    """The usual port, or a free one where somebody has it."""
    try:
        return bind(HOST, port)
    except OSError:
        return bind(HOST, 0)


def write_templates(source: Traversable, target: Path, words: Mapping[str, str]) -> None:
    """Copy a folder of templates, each `@WORD@` replaced. New files take the place of what stands there already.

    A word stands inside of a text in quotes, and stays in it whatever it holds. ValueError where no file holds it.
    """
    target.mkdir(parents=True, exist_ok=True)
    for each in source.iterdir():
        if each.is_dir():
            write_templates(each, target / each.name, words)
            continue
        text = each.read_text(encoding="utf-8")
        # All at once: a value that holds another word is written as it is
        text = _WORD.sub(lambda found: quoted(words[found[0]]) if found[0] in words else found[0], text)
        file = target / each.name
        file.unlink(missing_ok=True)
        # The address of the database may have a password
        write = write_private if each.name == SETTINGS_FILE else write_new
        write(file, text.encode())
