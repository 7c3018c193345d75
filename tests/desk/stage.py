"""A broker with an auditor's desk as an operator runs it: `ciconia serve`, with a country's sign-in beside it."""

import hashlib
import json
import re
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from idp.config.settings import SETTINGS_FILE, load_settings
from idp.demo.browser import Browser, Page
from idp.demo.city import City, services
from idp.demo.country import country_with_key
from idp.demo.scene import bound, city_secrets, secret_words, write_jwks
from idp.demo.stage_servers import StageServers
from idp.demo.templates import write_new, write_templates
from idp.keys.file import load_signer
from idp.keys.folder import create_keys
from idp.store.migrate import migrate
from tests.idp.cli.command import Served, serving
from tests.idp.server.crew import until
from tests.ports import free_port

PURPOSE = """\
id = "audit"
basis = "public_task"
minimum_assurance = "high"
title.en = "Audit of the release ledger"
law.en = "Audit statute of Storkhaven, section 1 (made up for the tests)"
controller.name.en = "Court of Audit of Storkhaven"
controller.contact = "audit@storkhaven.example"
"""
CLIENT = "auditors"


@dataclass
class DeskStage:
    """The folder of one broker and where everything of it is reached. `start` serves it."""

    folder: Path
    name: str = "broker"
    broker_port: int = field(default_factory=free_port)
    desk_port: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    # The URL of another database than a file in the folder
    database: str = ""

    def __post_init__(self) -> None:
        self.config = self.folder / "receiving"
        self.issuer = f"http://{self.name}.localhost:{self.broker_port}"
        self.url = f"http://desk-{self.name}.localhost:{self.desk_port}"
        self._sockets = {name: bound(0) for name in ("country", "city")}
        ports = {name: listening.getsockname()[1] for name, listening in self._sockets.items()}
        self.country_base, self.city_base = (f"http://{name}.localhost:{port}" for name, port in ports.items())
        outside = self.folder / "parties"
        outside.mkdir(parents=True)
        secret, fares = city_secrets(outside)
        words = {
            "@ISSUER@": self.issuer,
            "@PORT@": str(self.broker_port),
            "@CITY@": self.city_base,
            "@COUNTRY@": self.country_base,
            **secret_words(secret),
        }
        write_templates(resources.files("idp.demo").joinpath("receiving"), self.config, words)
        if self.database:
            file = self.config / SETTINGS_FILE
            file.write_text(f'database = "{self.database}"\n{file.read_text(encoding="utf-8")}', encoding="utf-8")
        settings = load_settings(self.config)
        create_keys(settings.key_folder, settings.origin, settings.tenant, demo=True)
        write_jwks(self.config / "parties" / "fares.jwks.json", fares)
        self.country = country_with_key(
            outside / "country.pem",
            base=self.country_base,
            title="Demo sign-in of Estonia",
            broker_certificate=load_signer(settings.key_folder / "saml.pem").certificate,
        )
        self.city = City(base=self.city_base, issuer=self.issuer, services=services(self.city_base, secret, fares))
        (self.config / "metadata").mkdir()
        write_new(self.config / "metadata" / "demo-ee.xml", self.country.metadata())
        self._register()
        self.plain = (self.config / SETTINGS_FILE).read_text(encoding="utf-8")
        self.set_desk()
        migrate(settings.database_url)

    def _register(self) -> None:
        (self.config / "purposes" / "audit.toml").write_text(PURPOSE, encoding="utf-8")
        digest = hashlib.sha256(self.secret.encode()).hexdigest()
        party = (
            f'client_id = "{CLIENT}"\nsector = "{CLIENT}"\nredirect_uris = ["{self.url}/callback"]\npurposes = ["audit"]\n'
            f'client_secret_sha256 = "{digest}"\ntitle.en = "Auditor\'s desk"\n'
        )
        (self.config / "parties" / f"{CLIENT}.toml").write_text(party, encoding="utf-8")
        file = load_settings(self.config).key_folder / f"client-secret.{CLIENT}"
        file.write_text(self.secret, encoding="ascii")
        file.chmod(0o600)

    def set_desk(self, persons: Mapping[str, str] | None = None, *, passkeys: bool = True, more: str = "") -> None:
        """Write `[auditor]` with these persons by their numbers."""
        listed = ", ".join(f'"{sub}" = {json.dumps(name)}' for sub, name in (persons or {}).items())
        table = (
            f'\n[auditor]\nlisten = "127.0.0.1:{self.desk_port}"\nurl = "{self.url}"\nclient = "{CLIENT}"\n'
            f"persons = {{ {listed} }}\npasskeys = {str(passkeys).lower()}\n{more}"
        )
        (self.config / SETTINGS_FILE).write_text(self.plain + table, encoding="utf-8")

    @contextmanager
    def served(self) -> Iterator[Served]:
        """Serve broker, country and city until the block ends."""
        with self.countries(self), serving(self.config, self.folder / "log") as found:
            yield found

    @staticmethod
    @contextmanager
    def countries(*stages: "DeskStage") -> Iterator[None]:
        """Serve the countries and cities of these stages until the block ends."""
        servers = StageServers()
        for one in stages:
            for name, app in (("country", one.country.app()), ("city", one.city.app())):
                servers.thread(name, app, one._sockets[name])
        try:
            yield
        finally:
            servers.close()
            for one in stages:
                one.close()

    def relist(self, served: Served, persons: Mapping[str, str]) -> None:
        """List these persons, and reload."""
        self.set_desk(persons)
        before = served.stderr.count('"reloaded"')
        served.process.send_signal(signal.SIGHUP)
        until(lambda: served.stderr.count('"reloaded"') > before)

    def close(self) -> None:
        """Give the ports back."""
        for listening in self._sockets.values():
            listening.close()
        self.city.close()

    # -- what a person does in their browser

    def sign_in(self, browser: Browser, citizen: str = "mari") -> Page:
        """From the desk's first page through the broker and the country, to where the broker leads back."""
        first = browser.get(f"{self.url}/")
        picker = browser.get(first.link("//a[@href='/sign-in/ciconia']"))
        asking = browser.get(picker.link("//a[contains(@href, '/at/')]"), origin=self.issuer)
        question = browser.submit(browser.submit(asking, {"citizen": citizen}), {})
        if question.status != 200:
            return question
        leaving = browser.submit(question, {"choice": "approve"}, "//form[.//*[@name='decided']]")
        return browser.get(leaving.link("//main//a[contains(@class, 'button')]"), origin=self.issuer)

    def release(
        self, browser: Browser, citizen: str = "mari", service: str = "parking", choice: str = "approve", **more: str
    ) -> Page:
        """One login of a citizen at a service of the city, and their answer."""
        picker = browser.get(f"{self.city_base}/{service}/login")
        asking = browser.get(picker.link("//a[contains(@href, '/at/')]"), origin=self.issuer)
        question = browser.submit(browser.submit(asking, {"citizen": citizen}), {})
        leaving = browser.submit(question, {"choice": choice, **more}, "//form[.//*[@name='decided']]")
        return browser.get(leaving.link("//main//a[contains(@class, 'button')]"), origin=self.issuer)


def number_in(page: Page) -> str:
    """The number that the desk shows to somebody who is not listed."""
    found = re.search(r'number-of-person"><code>([^<]+)<', page.text)
    assert found, page.text
    return found[1]
