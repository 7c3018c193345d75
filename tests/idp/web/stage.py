"""The demo's stage with a second country, a purpose that no country can serve, and a broker's clock that tests turn."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from threading import Thread

from connectors.signatures.signer import Signer
from idp.application.app import Application
from idp.application.load import load_whole
from idp.demo.country import Country
from idp.demo.relying_party import Service
from idp.demo.scene import HOST, Scene
from idp.keys.file import FileSigner, create_saml_key, load_signer, write_private
from idp.keys.folder import SAML_ENCRYPTION
from idp.keys.kinds import own_encryption
from idp.server.http import Server, bind
from policies.parties import ProviderId
from tests.idp.staging import Clock, LiveStage, serving

# What the second country says is `high` counts as substantial here
LESS_SURE = '[assurance]\n"http://eidas.europa.eu/LoA/high" = "substantial"\n"http://eidas.europa.eu/LoA/low" = "low"\n'
# An edit of a country's registration: what it says is high counts as substantial there
_LAST = '"urn:oid:2.5.4.6" = "address.country"'
LOWERED = (_LAST, f"{_LAST}\n\n{LESS_SURE}")
THEME = 'logo = "logo.svg"\n[light]\nbutton = "#7a1f3d"\n'
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 36"><path d="M0 0h48v36H0z" fill="#7a1f3d"/></svg>'
PHONE_PURPOSE = """\
id = "phone-contact"
basis = "consent"
minimum_assurance = "low"

[title]
en = "Be called back"

[law]
en = "Made up for a test"

[controller]
name.en = "City of Storkhaven"
contact = "privacy@storkhaven.example"

[attributes.phone_number]
form = "exact"
required = true
why.en = "Nobody can be called without a number."

[attributes.email]
form = "exact"
required = false
why.en = "In case the line is bad."
"""
# A public client in a browser and on a device, and one of another origin
APP, OTHER_APP = "app", "other-app"
LOOPBACK, SCHEME = "http://127.0.0.1/done", "org.storkhaven.app:/done"
APP_PARTY = """\
client_id = "app"
title.en = "Parking app"
sector = "mobility"
public = true
token_endpoint_auth_method = "none"
redirect_uris = ["@CITY@/app/callback", "http://127.0.0.1/done", "http://[::1]/done", "org.storkhaven.app:/done"]
purposes = ["resident-parking"]

[attributes]
birthdate = "age_over(18)"
address = "resident_of(Storkhaven)"
email = "exact"
"""


# Every number is older
EVER = 2**40


class Stage(Scene, LiveStage):
    """A `Scene` with the country Latvia beside Estonia, asked by POST, and the purpose `phone-contact` for parking.

    The broker has a key to which they may encrypt, and they do not, unless a test does.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._latvian_socket = bind(HOST, 0)
        super().__init__(folder, fixed=False, clock=clock)
        self.clock = clock
        self._latvian_server = Server(self.latvia.app(), self._latvian_socket)
        self._latvian_thread = Thread(target=self._latvian_server.run, daemon=True)

    def open(self) -> None:
        super().open()
        # What another broker puts in force is for its own visitors
        self.application.follower.stop()
        self._latvian_thread.start()

    def close(self) -> None:
        self._latvian_server.stop()
        self._latvian_thread.join(10)
        super().close()

    @property
    def other_origin(self) -> str:
        """The origin of the other app's pages."""
        return "http://other-app.localhost:8000"

    def service(self, name: str) -> Service:
        return self.city._parties[name].service

    def fares_signer(self) -> Signer:
        signer = self.service("fares").signer
        assert signer is not None
        return signer

    @contextmanager
    def other_broker(
        self, folder: Path, edits: Mapping[str, tuple[str, ...] | None], added: Mapping[str, str] | None = None
    ) -> Iterator[int]:
        """A second broker over the same keys and database, its configuration edited. Gives its port.

        `edits` maps a file to what is replaced in it (old, new, and so on), or to None where the file is gone; `added` are
        new files, readable by their owner alone.
        """
        copytree(self.receiving, folder, ignore=lambda _folder, _names: {"ciconia.db", "ciconia.db-wal", "ciconia.db-shm"})
        settings = folder / "ciconia.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(f'database = "{self.receiving / "ciconia.db"}"\n{text}', encoding="utf-8")
        for name, edit in edits.items():
            if edit is None:
                (folder / name).unlink()
                continue
            text = (folder / name).read_text(encoding="utf-8")
            for old, new in zip(edit[::2], edit[1::2], strict=True):
                assert old in text, f"{name} has no {old}"
                text = text.replace(old, new)
            (folder / name).write_text(text, encoding="utf-8")
        for name, text in (added or {}).items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_private(folder / name, text.encode())
        # Its server saw the edit, so a folder that was in force before is taken up again
        read = replace(load_whole(folder)[0], since=EVER)
        self.other = application = Application(folder, clock=self.clock, read=read)
        try:
            with serving(Server(application.asgi, listening := bind(HOST, 0))):
                yield listening.getsockname()[1]
        finally:
            # Whatever became of it, the next broker finds the stage's own configuration in force
            application.store.close()
            history, ours = self.application.history, self.application.memory.now.bundle
            if (newest := history.newest()) is not None and newest.digest != ours.digest:
                history.put(ours, who="stage", now=self.clock(), before=newest)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        create_saml_key(self.receiving / "keys" / SAML_ENCRYPTION, HOST)
        (self.receiving / "theme.toml").write_text(THEME, encoding="utf-8")
        (self.receiving / "logo.svg").write_text(LOGO, encoding="utf-8")
        # Its own key: nothing opens anything with it until a test switches the deviation on
        create_saml_key(self.receiving / "keys" / own_encryption(ProviderId("demo-ee")).file, HOST)
        (self.receiving / "purposes" / "phone-contact.toml").write_text(PHONE_PURPOSE, encoding="utf-8")
        parking = self.receiving / "parties" / "parking.toml"
        text = parking.read_text(encoding="utf-8")
        text = text.replace('["resident-parking"]', '["resident-parking", "phone-contact"]')
        parking.write_text(text + 'phone_number = "exact"\n', encoding="utf-8")
        fares_party = self.receiving / "parties" / "fares.toml"
        text, by_key = fares_party.read_text(encoding="utf-8"), 'token_endpoint_auth_method = "private_key_jwt"\n'
        signs = by_key + 'request_object_signing_alg = "ES256"\n'
        fares_party.write_text(text.replace(by_key, signs), encoding="utf-8")
        app = APP_PARTY.replace("@CITY@", self.city_base)
        (self.receiving / "parties" / "app.toml").write_text(app, encoding="utf-8")
        other = app.replace(self.city_base, self.other_origin).replace('"app"', '"other-app"')
        (self.receiving / "parties" / "other-app.toml").write_text(other, encoding="utf-8")
        base = f"http://latvia.localhost:{self._latvian_socket.getsockname()[1]}"
        text = (self.receiving / "providers" / "demo-ee.toml").read_text(encoding="utf-8")
        for before, after in (
            (self.country_base, base),
            ("demo-ee", "demo-lv"),
            ('"EE"', '"LV"'),
            ("demo/EE", "demo/LV"),
            ('binding = "redirect"', 'binding = "post"'),
        ):
            text = text.replace(before, after)
        (self.receiving / "providers" / "demo-lv.toml").write_text(text + "\n" + LESS_SURE, encoding="utf-8")
        create_saml_key(self._outside / "latvia.pem", "latvia.localhost")
        self.latvia = Country(
            base=base,
            title="Demo sign-in of Latvia",
            key_pem=(self._outside / "latvia.pem").read_bytes(),
            certificate_der=load_signer(self._outside / "latvia.pem").certificate,
            broker_certificate=load_signer(self.receiving / "keys" / "saml.pem").certificate,
        )
        (self.receiving / "metadata" / "demo-lv.xml").write_bytes(self.latvia.metadata())
