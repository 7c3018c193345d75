"""A stage for SAML identity providers of others: a broker and, for each flow, one provider that it asks.

Each provider runs as its documentation has it, in a process of its own, and knows the broker by the metadata that the
broker publishes for it. Its own metadata, as it publishes it, is pinned in the registration.
"""

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from idp.config.settings import load_settings
from idp.demo.browser import Browser, Page
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.keys.file import FileSigner, create_saml_key
from idp.keys.folder import SAML_ENCRYPTION, load_keys
from idp.keys.kinds import own_encryption
from idp.protocols.saml.service_provider import METADATA_PATH, saml_metadata
from policies.deviations import AES_CBC
from policies.parties import ProviderId
from tests.interop.client_stage import Failed
from tests.interop.peer import Fault, Flow, Package, Role, Session
from tests.interop.programs import Started, end_of, running, words_of
from tests.interop.snippet_stage import RELEASED
from tests.interop.walking import opened, to_the_answer, to_the_country
from tests.ports import free_port

# Whom each provider signs in: what it calls these is its own
PERSON: Mapping[str, str] = {
    "family_name": "Lindqvistsson",
    "given_name": "Astrid-Margareta",
    "birthdate": "19820311",
    "person_identifier": "SE-19820311-2384",
    "email": "astrid.lindqvistsson@post.example",
    "address.locality": "Storkhaven",
    "address.country": "NL",
}
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
REGISTRATION = """\
id = "{name}"
title.en = "{name}"
country = "SE"
namespace = "interop/{name}"
entity_id = "{entity_id}"
metadata = "metadata/{name}.xml"
subject = "{subject}"
{lines}

[attributes]
{attributes}

[assurance]
"{level}" = "high"
"""
# Pages of the provider's own between our request and its answer
MOST_PAGES = 4
DS, XENC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
ANSWER = "//form[.//input[@name='SAMLResponse']]"


@dataclass(frozen=True, slots=True)
class Instance:
    """One program: what its operator is told of the broker, and gives it. `broker_url` takes its messages."""

    flow: Flow
    name: str
    port: int
    folder: Path
    broker_entity: str
    broker_url: str

    @property
    def base(self) -> str:
        """Its origin."""
        return f"http://{self.name}.localhost:{self.port}"

    @property
    def key(self) -> Path:
        """Its private key, in PEM."""
        return self.folder / "key.pem"

    @property
    def certificate(self) -> Path:
        """The certificate of that key, in PEM."""
        return self.folder / "certificate.pem"

    @property
    def broker_metadata(self) -> Path:
        """The metadata that the broker publishes for it."""
        return self.folder / "broker.xml"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that every program of a provider reads."""
        return {
            "BASE": self.base,
            "PORT": str(self.port),
            "FLOW": self.flow.name,
            "KEY": str(self.key),
            "CERT": str(self.certificate),
            "BROKER_METADATA": str(self.broker_metadata),
            "BROKER": self.broker_entity,
            "BROKER_URL": self.broker_url,
        }


Command = Callable[[Instance], Started]


@dataclass(frozen=True, slots=True)
class Provider:
    """A SAML identity provider of others.

    The name of each flow begins with the form of its answers: what is signed, and how it is encrypted. `attributes` are the
    names on the wire of `PERSON`'s, `fields` what a citizen types on its page.
    """

    name: str
    package: Package
    documented: str
    command: Command = field(repr=False)
    flows: tuple[Flow, ...]
    attributes: Mapping[str, str] = field(repr=False)
    faults: tuple[Fault, ...] = ()
    metadata: str = "/metadata"
    level: str = PASSWORD
    fields: Mapping[str, str] = field(default_factory=dict)
    role: Role = Role.PROVIDER

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Session]:
        """A broker that asks one running provider for each flow; calling what it yields signs a citizen in."""
        with ExitStack() as stack:
            stage = stack.enter_context(opened(ProviderStage(folder, self, stack)))

            def session(flow: Flow) -> None:
                if flow.name in stage.refused:
                    raise Failed(stage.refused[flow.name])
                instance = stage.instances[flow.name]
                try:
                    self._signs_in(stage, instance)
                except Exception as error:
                    raise Failed(f"{error}\n{end_of(instance.folder / 'log')}") from error

            yield session

    def _signs_in(self, stage: "ProviderStage", instance: Instance) -> None:
        with Browser() as browser:
            page = to_the_country(browser, stage, f"{stage.city_base}/parking/login", instance.name)
            page = self._answering(browser, page)
            found = form_of(page)
            if not instance.flow.name.startswith(found):
                raise Failed(f"its answer is of another form: {found}")
            question = browser.submit(page, {}, ANSWER)
            if question.status != 200:
                raise Failed(f"no question: {words_of(question)}")
            end = browser.get(to_the_answer(browser, question), origin=stage.issuer, accept="application/json")
        userinfo = end.json()["userinfo"]
        if not isinstance(userinfo, dict) or any(userinfo.get(name) != value for name, value in RELEASED.items()):
            raise Failed("the service did not get what the purpose releases")

    def _answering(self, browser: Browser, page: Page) -> Page:
        """Through the provider's pages, up to the one that posts its answer."""
        for _ in range(MOST_PAGES):
            if page.status != 200:
                break
            if page.tree.xpath(f"boolean({ANSWER})"):
                return page
            typed = dict(self.fields) if page.tree.xpath("boolean(//input[@type='password'])") else {}
            form = "//form[.//input[@type='password']]" if typed else "//form"
            page = browser.submit(page, typed, form)
        raise Failed(f"no answer: status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")


def form_of(page: Page) -> str:
    """The signed parts of an answer, and how it is encrypted: the begin of a flow's name."""
    posted = page.tree.xpath("string(//input[@name='SAMLResponse']/@value)")
    root = etree.fromstring(base64.b64decode(str(posted)))
    signed = {
        "response": root.find(f"{{{DS}}}Signature") is not None,
        "assertion": root.find(f"{{{SAML}}}Assertion/{{{DS}}}Signature") is not None,
    }
    told = [name for name, is_so in signed.items() if is_so]
    words = "both signed" if len(told) == 2 else f"{told[0]} signed" if told else "nothing signed"
    method = root.find(f"{{{SAML}}}EncryptedAssertion/{{{XENC}}}EncryptedData/{{{XENC}}}EncryptionMethod")
    return words if method is None else f"{words}, encrypted with {method.get('Algorithm', '').rpartition('#')[2]}"


@contextmanager
def started(instance: Instance, command: Command, broker_metadata: bytes, path: str) -> Iterator[bytes]:
    """Run the program with a key of its own, until the caller is done; the metadata that it publishes."""
    folder = instance.folder
    folder.mkdir(parents=True)
    create_saml_key(folder / "whole.pem", f"{instance.name}.localhost")
    key, mark, certificate = (folder / "whole.pem").read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE")
    instance.key.write_text(key, encoding="ascii")
    instance.certificate.write_text(mark + certificate, encoding="ascii")
    instance.broker_metadata.write_bytes(broker_metadata)
    words, more = command(instance)
    with running(words, {**instance.environment, **more}, folder, instance.port):
        with client() as http:
            answer = send(http, "GET", f"{instance.base}{path}")
        if answer.status_code != 200:
            raise Failed(f"its metadata: status {answer.status_code}\n{end_of(folder / 'log')}")
        yield answer.content


class ProviderStage(Scene):
    """The demo's stage, and the providers of one peer. They end with `stack`."""

    def __init__(self, folder: Path, peer: Provider, stack: ExitStack) -> None:
        self._peer, self._stack = peer, stack
        self.instances: dict[str, Instance] = {}
        self.refused: dict[str, str] = {}
        super().__init__(folder, fixed=False)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        keys = self.receiving / "keys"
        create_saml_key(keys / SAML_ENCRYPTION, "broker.localhost")
        slug = re.sub("[^a-z0-9]+", "-", self._peer.name.lower()).strip("-")
        named = [(f"{slug}-{number}", flow) for number, flow in enumerate(self._peer.flows)]
        for name, flow in named:
            if any(AES_CBC in line for line in flow.registered):
                create_saml_key(keys / own_encryption(ProviderId(name)).file, "broker.localhost")
        settings = load_settings(self.receiving)
        published = saml_metadata(settings, load_keys(settings.key_folder, settings.origin))
        for name, flow in named:
            octets = published.get(f"{METADATA_PATH}/{name}", published[METADATA_PATH])(int(time.time()))
            try:
                self._begin(name, flow, octets)
            except Exception as error:  # noqa: BLE001 - this flow's failure alone: the others are there
                self.refused[flow.name] = f"it did not start: {error}"

    def _begin(self, name: str, flow: Flow, broker_metadata: bytes) -> None:
        """Register both sides like their operators: each gives the other its metadata."""
        folder = self.folder / "programs" / name
        instance = Instance(flow, name, free_port(), folder, f"{self.issuer}/saml/metadata", f"{self.issuer}/saml/acs")
        begun = started(instance, self._peer.command, broker_metadata, self._peer.metadata)
        metadata = self._stack.enter_context(begun)
        entity_id = etree.fromstring(metadata).get("entityID", "")
        attributes = "\n".join(f'"{wire}" = "{own}"' for own, wire in self._peer.attributes.items())
        text = REGISTRATION.format(
            name=name,
            entity_id=entity_id,
            subject=self._peer.attributes["person_identifier"],
            lines="\n".join(flow.registered),
            attributes=attributes,
            level=self._peer.level,
        )
        (self.receiving / "providers" / f"{name}.toml").write_text(text, encoding="utf-8")
        (self.receiving / "metadata" / f"{name}.xml").write_bytes(metadata)
        self.instances[flow.name] = instance
