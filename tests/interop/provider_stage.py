"""A stage for SAML identity providers of others: a broker and, for each flow, one provider that it asks.

Each provider runs as its documentation has it, in a process of its own, and knows the broker by the metadata that the
broker publishes for it. Its own metadata, as it publishes it, is pinned in the registration.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lxml import etree

from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.wire.names import REDIRECT, SOAP
from idp.config.settings import load_settings
from idp.demo.scene import Scene
from idp.keys.file import FileSigner, create_saml_key
from idp.keys.folder import SAML_ENCRYPTION, BrokerKeys, load_keys
from idp.keys.kinds import own_encryption
from idp.system.addresses import acs_url, artifact_url, entity_id, landing_url, logout_soap_url, logout_url
from policies.deviations import AES_CBC
from policies.parties import ProviderId
from tests.interop.client_stage import Failed
from tests.interop.instance import Command, Instance, started, together
from tests.interop.peer import Fault, Flow, Package, Role, Session
from tests.interop.programs import end_of
from tests.interop.provider_flows import GROUPED, REQUESTER, Walk
from tests.interop.provider_tails import parted
from tests.interop.walking import opened
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
{subject}
{level}
{lines}

[attributes]
{attributes}
"""
VALID_SECONDS = 3600
# What asks for a NameID that identifies
NAMED = 'name_id_format = "persistent"'


@dataclass(frozen=True, slots=True)
class Provider:
    """A SAML identity provider of others.

    The name of each flow begins with the form of its answers: what is signed, and how it is encrypted; a tail says what is
    tried in that setting. `attributes` are the names on the wire of `PERSON`'s, `fields` what a citizen types on its page.
    See `provider_flows.Walk` for `says`, `lands` and `ends`.
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
    says: Mapping[str, str] = field(default_factory=dict)
    lands: str = "/unasked?to={url}"
    ends: str = "/logout?by={by}"
    role: Role = Role.PROVIDER

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Session]:
        """A broker that asks one running provider for each setting; calling what it yields runs a flow."""
        with ExitStack() as stack:
            stage = stack.enter_context(opened(ProviderStage(folder, self, stack)))

            def session(flow: Flow) -> None:
                setting, tail = parted(flow.name)
                if setting in stage.refused:
                    raise Failed(stage.refused[setting])
                instance = stage.instances[setting]
                try:
                    Walk(stage, instance, self.fields, self.says, self.lands, self.ends)(tail)
                except Exception as error:
                    raise Failed(f"{error}\n{end_of(instance.log)}") from error

            yield session


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
        settings_of = {parted(flow.name)[0]: flow.registered for flow in reversed(self._peer.flows)}
        named = {f"{slug}-{number}": Flow(*one) for number, one in enumerate(settings_of.items())}
        (self.receiving / "session_groups.toml").write_text("[city]\n", encoding="utf-8")
        for name, line in ((GROUPED, 'session_group = "city"'), ("parking", f'requester_id = "{REQUESTER}"')):
            party = self.receiving / "parties" / f"{name}.toml"
            party.write_text(f"{line}\n{party.read_text(encoding='utf-8')}", encoding="utf-8")
        for name, flow in named.items():
            if any(AES_CBC in line for line in flow.registered):
                create_saml_key(keys / own_encryption(ProviderId(name)).file, "broker.localhost")
        settings = load_settings(self.receiving)
        ours = load_keys(settings.key_folder, settings.origin)
        published, self.refused = together(partial(self._begin, ours=ours), named)
        for name, metadata in published.items():
            self._register(name, self.instances[named[name].name], metadata)

    def _published(self, name: str, flow: Flow, keys: BrokerKeys) -> bytes:
        """Our metadata for this provider. The server that publishes it starts later, when all are registered."""
        now, cbc = int(time.time()), any(AES_CBC in line for line in flow.registered)
        ring = keys.own_encryption[ProviderId(name)] if cbc else keys.saml_encryption
        assert ring is not None
        return service_provider_metadata(
            entity_id=entity_id(self.issuer),
            acs_url=acs_url(self.issuer),
            signer=keys.saml,
            now=now,
            valid_for=VALID_SECONDS,
            encryption=ring.at(now).certificate,
            cbc=cbc,
            artifact_url=artifact_url(self.issuer) if any(line.startswith("answers") for line in flow.registered) else "",
            landing_urls=[landing_url(self.issuer, name)] if any("landings" in line for line in flow.registered) else (),
            logout={REDIRECT: logout_url(self.issuer), SOAP: logout_soap_url(self.issuer)},
        )

    def _begin(self, name: str, flow: Flow, *, ours: BrokerKeys) -> bytes:
        issuer, folder = self.issuer, self.folder / "programs" / name
        known = entity_id(issuer), acs_url(issuer), landing_url(issuer, name)
        instance = self.instances[flow.name] = Instance(flow, name, free_port(), folder, *known, free_port())
        published = self._published(name, flow, ours)
        return self._stack.enter_context(started(instance, self._peer.command, published, self._peer.metadata))

    def _register(self, name: str, instance: Instance, metadata: bytes) -> None:
        flow = instance.flow
        lines = "\n".join(flow.registered).replace("CITY", self.city_base).replace("BEHIND", instance.behind)
        attributes = "\n".join(f'"{wire}" = "{own}"' for own, wire in self._peer.attributes.items())
        text = REGISTRATION.format(
            name=name,
            entity_id=etree.fromstring(metadata).get("entityID", ""),
            subject="" if NAMED in flow.registered else f'subject = "{self._peer.attributes["person_identifier"]}"',
            lines=lines,
            level="" if "assurance." in lines else f'assurance."{self._peer.level}" = "high"',
            attributes=attributes,
        )
        (self.receiving / "providers" / f"{name}.toml").write_text(text, encoding="utf-8")
        (self.receiving / "metadata" / f"{name}.xml").write_bytes(metadata)
