"""Canaries on both sides of a border: citizens whose values occur nowhere else, and all that is shown and kept of them."""

import base64
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.formats.eidas.registry import PERSON_IDENTIFIER
from connectors.formats.eidas.response import EidasAssertionMessage, read_assertion
from connectors.profiles import EIDAS
from connectors.signatures.jws import from_base64url
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import ENCRYPTED_RESPONSE
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import open_assertion
from idp.config.settings import load_settings
from idp.demo.border import LANDS, Border, Land, known_to
from idp.demo.browser import Page
from idp.demo.citizens import HIGH, LOW, SUBSTANTIAL, Citizen
from idp.keys.folder import load_keys
from idp.keys.hourly_keys import HourlyKeys
from idp.ledger.leaf import open_opening
from idp.login.sealing import LoginId, Sealer
from idp.store.engine import open_engine
from idp.store.sealing_rows import StoredSealingKeys
from idp.system.clock import system_clock
from idp.web.login_cookies import STRICT
from policies.parties import EntityId
from tests.canary.needles import search
from tests.canary.stage import VALUES, Seen, Watcher

# As in tests.canary.stage: an unused range of postcodes, a year in which nobody alive was born
CYRILLIC = {
    "family_name": "Канарчева-Птицова",
    "given_name": "Ксантипа-Квирина",
    "birthdate": "18871123",
    "person_identifier": "BG-18871123987-QY",
    "email": "ksantipa.kanarcheva@canary.example",
    "address.street": "Quokka Walk 1887c",
    "address.postal_code": "QY58 9ZK",
    "address.locality": "Kanarchevo-Qubadli",
}
LATIN = {"family_name": "Kanarcheva-Ptitsova", "given_name": "Ksantipa-Kvirina"}
CANARY = Citizen("canary", "a canary", HIGH, {**VALUES, "address.country": "NL"})
CITIZENS = (
    CANARY,
    replace(CANARY, key="unsure", loa=LOW),
    replace(CANARY, key="incomplete", attributes={k: v for k, v in CANARY.attributes.items() if k != "birthdate"}),
    replace(CANARY, key="overlong", attributes={**CANARY.attributes, "family_name": VALUES["family_name"] * 30}),
)
ESTONIA, BULGARIA = LANDS
COUNTRIES: tuple[Land, ...] = (
    replace(ESTONIA, citizens=CITIZENS),
    replace(BULGARIA, citizens=(Citizen("canary", "a canary", SUBSTANTIAL, {**CYRILLIC, "address.country": "NL"}, LATIN),)),
)
ALL_VALUES = (*VALUES.values(), *CYRILLIC.values(), *LATIN.values())
DECISION = "//form[.//*[@name='decided']]"
COMPARTMENTS = ("sent", "decision", "login")
SHORTEST_ID = 8


class Traveller(Watcher):
    """One that crosses the border."""

    def __init__(self, border: Border, seen: list[Seen]) -> None:
        super().__init__(seen)
        self.border = border

    def to_the_sign_in(self, country: str = "EE", service: str = "parking") -> Page:
        """From the city to the page of the country's identity provider."""
        picker = self.get(f"{self.border.city_base}/{service}/login")
        page = self.choose(picker, f"/at/{country.lower()}", {"share.email": "yes"})
        return self.submit(page, {}) if page.tree.xpath("boolean(//input[@name='SAMLRequest'])") else page

    def to_the_node(self, who: str, country: str = "EE", **changed: str) -> Page:
        """The sending node's answer to the national one; `changed` are fields that the browser sends otherwise."""
        return self.submit(self.submit(self.to_the_sign_in(country), {"citizen": who}), changed)

    def to_the_question(self, country: str = "EE") -> Page:
        """The receiving node's question."""
        return self.submit(self.decide(self.to_the_node("canary", country), choice="continue"), {})

    def decide(self, page: Page, **fields: str) -> Page:
        """Press a button of a page that shows what would go; at the node with all of its boxes ticked."""
        boxes = page.boxes if fields.get("choice") == "continue" else {}
        return self.submit(
            page, boxes | {name.replace("share_", "share."): value for name, value in fields.items()}, DECISION
        )

    def secrets(self, node: str) -> dict[LoginId, bytes]:
        """The secrets of the Strict cookies that this browser has of a node, by their logins."""
        ours = {name: value for (host, name), (value, _) in self._jar.items() if host == urlsplit(node).netloc}
        return {LoginId(name[len(STRICT) :]): from_base64url(ours[name]) for name in ours if name.startswith(STRICT)}

    def onward(self, page: Page) -> Page:
        """From a page that ends a login at a sending node, back to the receiving one, as its button leads."""
        return self.submit(page, {}, "//form[.//input[@name='SAMLResponse']]")


def crossing(page: Page, border: Border, country: str = "EE") -> EidasAssertionMessage:
    """The content of the sending node's answer, opened with the receiving node's key."""
    message = base64.b64decode(str(page.tree.xpath("string(//input[@name='SAMLResponse']/@value)")))
    settings = load_settings(border.receiving)
    ours = load_keys(settings.key_folder, settings.origin).node
    with known_to(border.receiving) as peers:
        held = peers.held(EntityId(f"{border.nodes[country]}/eidas/metadata"))
    assert ours is not None
    assert held is not None
    keys = [key_of_certificate(certificate, EIDAS) for certificate in held.facts.signing]
    found = verify(message, keys, ENCRYPTED_RESPONSE, EIDAS)
    assert isinstance(found, SignedMessage)
    return read_assertion(open_assertion(found.signed, (ours.encryption.at(0),), keys, EIDAS))


def identifiers(message: EidasAssertionMessage) -> set[str]:
    """Everything in an assertion that could lead back to it or to its person."""
    (identifier,) = message.attributes[PERSON_IDENTIFIER]
    return {identifier.text, identifier.text.rsplit("/", 1)[-1], message.subject.value, message.assertion_id}


# -- what is kept ------------------------------------------------------------------------------------------------------


def files_of(folder: Path, when: str) -> dict[str, bytes]:
    """Every file of a node's folder, as its bytes lie there."""
    return {f"{path.relative_to(folder)} {when}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def openings_of(folder: Path) -> list[dict[str, object]]:
    """Everything that a ledger keeps encrypted, opened with its own keys."""
    settings = load_settings(folder)
    keys = load_keys(settings.key_folder, settings.origin).ledger
    found: list[dict[str, object]] = []
    columns = ", ".join(f"{name}_opening" for name in COMPARTMENTS)
    with closing(sqlite3.connect(f"file:{folder / 'ciconia.db'}?mode=ro", uri=True)) as connection:
        for record, seconds, *sealed in connection.execute(f"SELECT record, time, {columns} FROM records"):  # noqa: S608 - our names
            key = keys.period_key(settings.tenant, seconds)
            for name, data in zip(COMPARTMENTS, sealed, strict=True):
                if data is not None:
                    found.append(json.loads(open_opening(key, settings.tenant, record, name, data).content))
    return found


def strings_of(content: object) -> Iterator[str]:
    """Every string in some JSON that is long enough to be an identifier."""
    if isinstance(content, str) and len(content) >= SHORTEST_ID:
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from strings_of(value)
    elif isinstance(content, Sequence) and not isinstance(content, str):
        for value in content:
            yield from strings_of(value)


@contextmanager
def sealer_of(folder: Path) -> Iterator[Sealer]:
    """Opens what lies parked at a node, for whoever has its handle."""
    settings = load_settings(folder)
    engine = open_engine(settings.database_url)
    wrapping = load_keys(settings.key_folder, settings.origin).sealing
    rows = StoredSealingKeys(engine=engine, tenant=settings.tenant)
    keys = HourlyKeys(tenant=settings.tenant, wrapping=wrapping, rows=rows, clock=system_clock, revoked=lambda _: 0)
    try:
        yield Sealer(tenant=settings.tenant, keys=keys)
    finally:
        engine.dispose()


# Metadata of others, and the files of the configuration, which two nodes may share
PUBLIC = ("peers", "configurations")


def cells_of(folder: Path) -> set[str]:
    """Every text and every run of bytes (as hex) in any column of a node's database; not of `PUBLIC` tables."""
    found: set[str] = set()
    with closing(sqlite3.connect(f"file:{folder / 'ciconia.db'}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            for row in connection.execute(f'SELECT * FROM "{name}"') if name not in PUBLIC else ():  # noqa: S608 - a name of the schema
                found |= {cell.hex() if isinstance(cell, bytes) else cell for cell in row if isinstance(cell, bytes | str)}
    return {cell for cell in found if len(cell) >= SHORTEST_ID}


def identifiers_of(folder: Path) -> set[str]:
    """All that could be an identifier in what a node keeps: in its openings and in its tables."""
    return {text for opening in openings_of(folder) for text in strings_of(opening)} | cells_of(folder)


# -- the searches ------------------------------------------------------------------------------------------------------


def in_files(files: Mapping[str, bytes], sought: Mapping[bytes, str]) -> dict[str, set[str]]:
    """The files that betray a value."""
    searched = {data: search(data, sought) for data in set(files.values())}
    return {name: searched[data] for name, data in files.items() if searched[data]}


def in_openings(openings: Sequence[Mapping[str, object]], sought: Mapping[bytes, str]) -> set[str]:
    """The values that what is kept encrypted betrays to whoever has the keys."""
    return {value for one in openings for value in search(json.dumps(one, ensure_ascii=False).encode(), sought)}


def in_answers(seen: Sequence[Seen], nodes: Sequence[str], sought: Mapping[bytes, str]) -> list[str]:
    """Where a value stands: in any address, in any header of a node, in any page of a node but those that show it."""
    found: list[str] = []
    for one in seen:
        if search(one.url.encode() + b"\n" + unquote(one.url).encode(), sought):
            found.append(f"address at {one.host}")
        if one.host in nodes and search(one.headers, sought):
            found.append(f"header of {one.host}")
        if one.host in nodes and not one.shows and search(one.body, sought):
            found.append(f"page of {one.host}, status {one.status}")
    return found
