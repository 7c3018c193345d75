"""A stage with one node: a folder with a fresh configuration, and three servers on loopback: country, broker, city."""

import hashlib
import json
import secrets
import socket
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

from connectors.signatures.jwk import public_jwk
from idp.application.app import Application
from idp.config.settings import load_settings
from idp.demo.city import City, services
from idp.demo.country import country_with_key
from idp.demo.stage_servers import StageServers
from idp.demo.templates import write_new, write_templates
from idp.keys.file import FileSigner, create_token_key, load_signer
from idp.keys.folder import create_keys
from idp.server.http import bind
from idp.store.migrate import migrate
from idp.system.clock import system_clock

HOST = "127.0.0.1"
PORTS = {"broker": 8400, "country": 8401, "city": 8402}


class Scene:
    """Sets the stage in `folder` (which gets `receiving/`), and plays until it is closed. `fixed`: on the usual ports.

    `clock` is the broker's alone: country and city use the machine's.
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
        self._stage = StageServers()

    def open(self) -> None:
        """Starts all three."""
        self.application.start()
        apps = {"broker": self.application.asgi, "country": self.country.app(), "city": self.city.app()}
        for name, app in apps.items():
            self._stage.thread(name, app, self._sockets[name])

    def close(self) -> None:
        """Ends all three; the broker is the last to write."""
        self._stage.close()
        for listening in self._sockets.values():
            listening.close()
        self.city.close()
        self.application.stop()

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        """Writes the broker's folder from the templates, and pins the country's metadata in it."""
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
        self.country = country_with_key(
            self._outside / "country.pem",
            base=self.country_base,
            title="Demo sign-in of Estonia",
            broker_certificate=load_signer(settings.key_folder / "saml.pem").certificate,
        )
        (self.receiving / "metadata").mkdir()
        write_new(self.receiving / "metadata" / "demo-ee.xml", self.country.metadata())
        migrate(settings.database_url)


def city_secrets(folder: Path) -> tuple[Mapping[str, str], FileSigner]:
    """The credentials of the city's services at the broker: two secrets, and the key of `fares`, kept in `folder`."""
    create_token_key(folder / "fares.pem", "ES256")
    return {name: secrets.token_urlsafe(32) for name in ("parking", "budget")}, load_signer(folder / "fares.pem")


def secret_words(secret: Mapping[str, str]) -> dict[str, str]:
    """The template words for the hashes of the services' secrets."""
    return {f"@{name.upper()}_SECRET_SHA256@": hashlib.sha256(text.encode()).hexdigest() for name, text in secret.items()}


def write_jwks(path: Path, signer: FileSigner) -> None:
    """Writes the key set of a service that authenticates by a signed assertion."""
    jwks = {"keys": [{**public_jwk(signer.public_key), "kid": signer.key_id, "alg": "ES256", "use": "sig"}]}
    write_new(path, (json.dumps(jwks, indent=1) + "\n").encode())


def bound(port: int) -> socket.socket:
    """A socket on the usual port, or on a free one where that is taken."""
    try:
        return bind(HOST, port)
    except OSError:
        return bind(HOST, 0)
