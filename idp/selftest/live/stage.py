"""A broker with two identity providers and a city on loopback, and beside it a broker of another tenant in its database."""

import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from sqlalchemy import select

from connectors.attacks.key_holders import rsa_holder
from connectors.attacks.messages.parties import new_parties
from connectors.signatures.signer import Signer
from idp.application.app import Application
from idp.config.settings import load_settings
from idp.demo.country import Country
from idp.demo.scene import Scene, bound, secret_words, write_jwks
from idp.demo.stage_servers import StageServers
from idp.demo.templates import write_templates
from idp.keys.file import FileSigner, create_saml_key, load_signer
from idp.keys.folder import create_keys
from idp.selftest.live.saml_parties import SamlParties
from idp.store import tables
from idp.system.toml_text import dumped

FIRST, SECOND = "demo-ee", "demo-lv"
# Services whose registration asks for what their library needs: no PKCE, and the secret in the form
WITHOUT_PKCE, IN_FORM = "without-pkce", "in-form"
# Public clients: each has a page of its own origin, and an app on a device
APP, OTHER_APP = "app", "other-app"
LOOPBACK, SCHEME = "http://127.0.0.1/done", "org.storkhaven.app:/done"
# What is parked for whoever holds its handle: each is something that a case may not bring about
RELEASED = ("code", "access", "receipt", "artifact")


class Clock:
    """The broker's clock: the machine's, and as many seconds more as a case says."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        """Seconds since the epoch."""
        return int(time.time()) + self.ahead


class Stage(Scene):
    """The demo's scene with a second country, asked by POST, and a broker of another tenant over the same database."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.secrets: Mapping[str, str] = {}
        self._second_socket, self._neighbour_socket, self._resolver_socket = bound(0), bound(0), bound(0)
        self._sessions: frozenset[bytes] = frozenset()
        super().__init__(folder, fixed=False, clock=self.clock)
        self._neighbour = Application(self._neighbour_folder(folder / "neighbour"), clock=self.clock)
        self._playing = StageServers()

    @property
    def port(self) -> int:
        """Where the broker listens."""
        return int(self.issuer.rpartition(":")[2])

    @property
    def neighbour_port(self) -> int:
        """Where the broker of another tenant listens."""
        return int(self._neighbour_socket.getsockname()[1])

    @property
    def fares(self) -> Signer:
        """The key of the service that authenticates by a signed assertion."""
        return self._fares

    def open(self) -> None:
        """Start all."""
        super().open()
        self._playing.thread("second country", self.second.app(), self._second_socket)
        self._playing.thread("neighbour", self._neighbour.asgi, self._neighbour_socket)
        self._playing.thread("resolver", self.parties.resolver, self._resolver_socket)

    def close(self) -> None:
        """End all."""
        self._playing.close()
        self._neighbour.store.close()
        for listening in (self._second_socket, self._neighbour_socket, self._resolver_socket):
            listening.close()
        super().close()

    def released(self) -> frozenset[bytes]:
        """Everything that was ever released, recorded or ended: records, what is parked for a holder, and sessions."""
        with self.application.store.engine.connect() as connection:
            parked = select(tables.parked.c.digest).where(tables.parked.c.kind.in_(RELEASED))
            records = select(tables.records.c.record)
            living = frozenset(connection.scalars(select(tables.sessions.c.session)))
            self._sessions |= living
            return frozenset((*connection.scalars(parked), *connection.scalars(records), *(self._sessions - living)))

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        self.secrets, self._fares = secret, fares
        self._second_country()
        self._clients()
        base, now = f"http://idp.localhost:{self._resolver_socket.getsockname()[1]}", self.clock()
        keys, idp = new_parties(now), rsa_holder("idp.selftest.example", now)
        self.parties = SamlParties(self.issuer, base, self.clock, keys, idp)
        self.parties.register(self.receiving)

    def _clients(self) -> None:
        """The parking service twice more, as its library would need it, and two apps in a browser and on a device."""
        parties = self.receiving / "parties"
        text = (parties / "parking.toml").read_text(encoding="utf-8")
        for name, before, after in (
            (WITHOUT_PKCE, "purposes =", 'pkce = "optional"\npurposes ='),
            (IN_FORM, "client_secret_basic", "client_secret_post"),
        ):
            changed = text.replace('"parking"', f'"{name}"').replace("/parking/", f"/{name}/").replace(before, after)
            (parties / f"{name}.toml").write_text(changed, encoding="utf-8")
        for name in (APP, OTHER_APP):
            changed = re.sub(r"(client_secret_sha256|token_endpoint_auth_method|redirect_uris) = .*\n", "", text)
            uris = f'["{self.origin_of(name)}/{name}/callback", "{LOOPBACK}", "{SCHEME}"]'
            changed = f"public = true\nredirect_uris = {uris}\n" + changed.replace('"parking"', f'"{name}"')
            (parties / f"{name}.toml").write_text(changed, encoding="utf-8")
        self.secrets = {**self.secrets, **dict.fromkeys((WITHOUT_PKCE, IN_FORM), self.secrets["parking"])}

    def origin_of(self, name: str) -> str:
        """The origin of the pages of an app: one of them lies elsewhere."""
        return self.city_base if name == APP else "http://elsewhere.localhost:8000"

    def _second_country(self) -> None:
        """Another provider, with a key of its own, that the broker knows as well as the first."""
        base = f"http://latvia.localhost:{self._second_socket.getsockname()[1]}"
        text = (self.receiving / "providers" / f"{FIRST}.toml").read_text(encoding="utf-8")
        for before, after in (
            (self.country_base, base),
            (FIRST, SECOND),
            ('"EE"', '"LV"'),
            ("demo/EE", "demo/LV"),
            ('binding = "redirect"', 'binding = "post"'),
        ):
            text = text.replace(before, after)
        (self.receiving / "providers" / f"{SECOND}.toml").write_text(text, encoding="utf-8")
        create_saml_key(self._outside / "latvia.pem", "latvia.localhost")
        self.second = Country(
            base=base,
            title="Demo sign-in of Latvia",
            key_pem=(self._outside / "latvia.pem").read_bytes(),
            certificate_der=load_signer(self._outside / "latvia.pem").certificate,
            broker_certificate=load_signer(self.receiving / "keys" / "saml.pem").certificate,
        )
        (self.receiving / "metadata" / f"{SECOND}.xml").write_bytes(self.second.metadata())

    def _neighbour_folder(self, folder: Path) -> Path:
        """The same services at another tenant: its issuer and keys are its own, its database is ours."""
        words = {
            "@ISSUER@": f"http://neighbour.localhost:{self.neighbour_port}",
            "@PORT@": str(self.neighbour_port),
            "@CITY@": self.city_base,
            "@COUNTRY@": self.country_base,
            **secret_words(self.secrets),
        }
        write_templates(resources.files("idp.demo").joinpath("receiving"), folder, words)
        settings_file = folder / "ciconia.toml"
        text = settings_file.read_text(encoding="utf-8")
        database = dumped({"database": str(self.receiving / "ciconia.db")})
        settings_file.write_text(database + text, encoding="utf-8")
        settings = load_settings(folder)
        create_keys(settings.key_folder, settings.origin, settings.tenant, demo=settings.demo)
        write_jwks(folder / "parties" / "fares.jwks.json", self._fares)
        (folder / "metadata").mkdir()
        (folder / "metadata" / f"{FIRST}.xml").write_bytes(self.country.metadata())
        return folder


@contextmanager
def open_stage() -> Iterator[Stage]:
    """A stage in a temporary folder, playing. Raises OSError where this machine has no loopback to listen on."""
    with tempfile.TemporaryDirectory(prefix="ciconia-selftest-") as temporary:
        stage = Stage(Path(temporary) / "stage")
        try:
            stage.open()
            yield stage
        finally:
            stage.close()
