"""Brokers of ours in front of real nodes: a city that asks two countries, and a country's node that both of them ask."""

import base64
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import httpx2

from idp.demo.loopback import client, send
from idp.keys.file import FileSigner
from policies.parties import EntityId
from tests.idp.staging import Clock
from tests.idp.web.finland import ORGANIZATION
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import FORM_TYPE, Answer, Visitor
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NODE, NodeStage
from tests.real.eu_node import EuNode
from tests.real.middleware import Middleware

NATURAL = "http://eidas.europa.eu/attributes/naturalperson"


def addressed(prefix: str, declared: str = "") -> str:
    """An address as nodes have it: base64 of elements whose prefix the message declares, or each of them."""
    parts = {"Thoroughfare": "Canarystreet 1", "PostName": "Storkhaven", "AdminunitFirstline": "NL"}
    text = "".join(f"<{prefix}:{name}{declared}>{value}</{prefix}:{name}>" for name, value in parts.items())
    return base64.b64encode(text.encode()).decode()


# What lies in it is found nowhere else
SPANIARD: Mapping[str, str] = {
    "PersonIdentifier": "ES/NL/canary-es-0001",
    "CurrentFamilyName": "García Canaria",
    "CurrentGivenName": "Javier",
    "DateOfBirth": "1887-12-31",
    "Gender": "Male",
    "CurrentAddress": addressed("eidas-natural"),
}
GERMAN: Mapping[str, str] = {
    "CurrentFamilyName": "Mustermann-Kanari",
    "CurrentGivenName": "Erika",
    "BirthName": "Gabler",
    "DateOfBirth": "1887-08-12",
    "PersonIdentifier": "DE/NL/4B75CA4A5C",
    "Nationality": "DE",
    "CurrentAddress": addressed("eidasnp", f' xmlns:eidasnp="{NATURAL}"'),
}
PROVIDER = """
id = "{name}"
protocol = "eidas"
title.en = "Sign-in of {country}"
country = "{country}"
namespace = "eidas/{country}"
entity_id = "{entity_id}"
metadata_certificate = "metadata/{name}.pem"
networks = ["127.0.0.0/8"]
binding = "{binding}"
"""


def meet(stage: "RealCity | RealNode", *entity_ids: str) -> None:
    """Let the nodes trust our metadata, and approve what is new in theirs."""
    node, peers, now = stage.application.keys.node, stage.application.peers, stage.clock()
    assert node is not None
    stage.spain.trusted = stage.germany.trusted = node.metadata.at(now).certificate
    for entity_id in entity_ids:
        peers.refresh(EntityId(entity_id), now)
        for waiting in peers.pending(now, EntityId(entity_id)):
            peers.approve(waiting.entity_id, waiting.digest, now)


class RealCity(Stage):
    """A city that may ask Spain, whose node is the Commission's, and Germany, which has its middleware."""

    def __init__(self, folder: Path) -> None:
        self.spain = EuNode("ES", person=SPANIARD)
        self.germany = Middleware(person=GERMAN)
        super().__init__(folder, Clock())

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        settings = self.receiving / "ciconia.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(f'country = "NL"\nprobe_seconds = 3600.0\n{text}{ORGANIZATION}', encoding="utf-8")
        for name, country, entity_id, binding, key in (
            ("es", "ES", self.spain.service, "post", self.spain.metadata_key),
            ("de", "DE", self.germany.service, "redirect", self.germany.metadata_key),
        ):
            text = PROVIDER.format(name=name, country=country, entity_id=entity_id, binding=binding)
            (self.receiving / "providers" / f"{name}.toml").write_text(text, encoding="utf-8")
            (self.receiving / "metadata" / f"{name}.pem").write_text(key.pinned, encoding="utf-8")

    def open(self) -> None:
        super().open()
        self.fetch()

    def fetch(self) -> None:
        """Fetch both nodes' metadata, and approve what is new in it."""
        meet(self, self.spain.service, self.germany.service)

    def close(self) -> None:
        super().close()
        self.spain.close()
        self.germany.close()


class Citizen(Visitor):
    """A browser that goes to real nodes and comes back."""

    def at_country(self, provider: str, **changes: str | None) -> Answer:
        """Choose a country, and go through its node: the page on which its answer waits to be posted."""
        leaving = self.asks(self.login(**changes), provider)
        if leaving.status == 303 or not leaving.fields:
            page = send(self.http, "GET", leaving.onward)
        else:
            (url,) = leaving.found("//main//form/@action")
            page = posted(self.http, url, leaving.fields)
        assert page.status_code == 200, page.text
        return Answer(page.status_code, page.headers, page.text)

    def arrives(self, page: Answer) -> Answer:
        """Back by the cross-site form of the country's node."""
        assert page.found("//form/@action") == [f"{self.stage.issuer}/eidas/acs"]
        return self.comes_back("/eidas/acs", "null", page.fields)


class RealNode(NodeStage):
    """Estonia's sending node, which Spain's node may ask, and a node that is made with the German library."""

    def __init__(self, folder: Path) -> None:
        self.spain = EuNode("ES")
        self.germany = Middleware()
        super().__init__(folder, Clock())

    def _configure(self, outside: Path) -> None:
        super()._configure(outside)
        deviations = 'deviations = ["registered_country", "no_protocol_version"]\n'
        for name, country, entity_id, key, more in (
            ("es", "ES", self.spain.connector, self.spain.metadata_key, ""),
            ("de", "DE", self.germany.demo, self.germany.metadata_key, deviations),
        ):
            text = NODE.format(name=name, country=country, entity_id=entity_id, more=more)
            (self.folder / "nodes" / f"{name}.toml").write_text(text, encoding="utf-8")
            (self.folder / "metadata" / f"{name}.pem").write_text(key.pinned, encoding="utf-8")

    def open(self) -> None:
        super().open()
        meet(self, self.spain.connector, self.germany.demo)

    def page_of(self, peer: str) -> str:
        """Where the Connector `es` or `de` has the page that posts its request."""
        return f"{self.spain.base}/EidasNodeConnector/ask" if peer == "es" else f"{self.germany.base}/eidas-demo/ask"

    def close(self) -> None:
        super().close()
        self.spain.close()
        self.germany.close()


class Traveller(Browser):
    """A browser that comes from a real node's page, and goes back to it."""

    def asked_by(self, ask: str) -> Answer:
        """Come with the form of a node's page at this address."""
        page = send(self.http, "GET", f"{ask}?at={quote(self.stage.sso_url, safe='')}")
        assert page.status_code == 200, page.text
        form = Answer(page.status_code, page.headers, page.text)
        assert form.found("//form/@action") == [self.stage.sso_url]
        return self.posts(form.fields)

    def back(self, page: Answer) -> Answer:
        """Post what a page of ours posts, to the node whose address it has."""
        (url,) = page.found("//main//form/@action")
        answer = posted(self.http, url, page.fields)
        return Answer(answer.status_code, answer.headers, answer.text)


def posted(http: httpx2.Client, url: str, fields: Mapping[str, str]) -> httpx2.Response:
    """A form, posted to a name under .localhost."""
    body = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in fields.items()).encode()
    return send(http, "POST", url, headers={"content-type": FORM_TYPE}, content=body)


def message(page: Answer, parameter: str) -> bytes:
    """The message that a page posts."""
    return base64.b64decode(page.fields[parameter])


__all__ = ["Citizen", "RealCity", "RealNode", "Traveller", "client", "message", "posted"]
