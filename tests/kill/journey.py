"""A citizen who signs in across the border, step by step, and passes by nodes that die."""

import base64
import zlib
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx2
from lxml import etree

from idp.demo.border import Border
from idp.demo.browser import Browser
from idp.demo.relying_party import RelyingPartyOfCity
from tests.kill.pair import Crossed
from tests.kill.stream import Acknowledged

DECISION = "//form[.//*[@name='decided']]"
OK, AWAY = 200, 503


class Traveller(Browser):
    """A browser that reads the ID of the node's request as it passes: `message`, the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.message = ""
        self._http.event_hooks = {"request": [self._watch]}

    def _watch(self, request: httpx2.Request) -> None:
        query = parse_qs(request.url.query.decode())
        if "SAMLRequest" in query and request.url.path == "/eidas/sso":
            octets = zlib.decompressobj(-15).decompress(base64.b64decode(query["SAMLRequest"][0]))
            self.message = _message_id(octets)


class Journey:
    """One login of one citizen, step by step. `attempt` runs each step, and may run it again."""

    def __init__(self, border: Border, party: RelyingPartyOfCity, citizen: str, *, country: str = "EE") -> None:
        self.border, self.party, self.citizen, self.country = border, party, citizen, country
        address, self.state = party.begin()
        self.nonce = party._pending[self.state].nonce
        self.browser = Traveller()
        try:
            self.page = self.browser.get(address)
        except httpx2.HTTPError:
            self.browser.close()
            raise
        self.code: dict[str, str] = {}

    @property
    def _country(self) -> str:
        return f"/at/{self.country.lower()}"

    @property
    def out_of_reach(self) -> bool:
        """Whether the list of countries has no way to this one, or the page that came says so."""
        if self.page.status == OK:
            return urlsplit(self.page.url).path == "/authorize" and self._country not in self.page.text
        return self.page.status == AWAY

    def to_the_country(self) -> None:
        """Choose the country, whose node sends on to its identity provider."""
        page = self.browser.choose(self.page, self._country)
        if posted := str(page.tree.xpath("string(//input[@name='SAMLRequest']/@value)")):
            self.browser.message = _message_id(base64.b64decode(posted))
            page = self.browser.submit(page, {})
        self.page = page

    def vouched(self) -> None:
        """The identity provider vouches; its answer is on the way."""
        self.page = self.browser.submit(self.page, {"citizen": self.citizen})

    def send(self) -> None:
        """Submit what a page carries to the next one."""
        self.page = self.browser.submit(self.page, {})

    def decide(self, choice: str) -> None:
        """Press a button, with all boxes ticked that the page has."""
        self.page = self.browser.submit(self.page, {**self.page.boxes, "choice": choice}, DECISION)

    def steps(self) -> tuple[Callable[[], None], ...]:
        """All steps to the code, in their order."""
        return (
            self.to_the_country,
            self.vouched,
            self.send,
            lambda: self.decide("continue"),
            self.send,
            lambda: self.decide("approve"),
        )

    def acknowledged(self) -> Crossed:
        """The last page has the code."""
        query = parse_qs(urlsplit(self.page.link("//main//a[contains(@href, 'code=')]")).query)
        self.code = {name: values[0] for name, values in query.items()}
        login = urlsplit(self.page.url).path.split("/")[2]
        # The city redeems the code at once, so the ledger's evidence need not look for it: it was acknowledged long ago
        return Crossed(Acknowledged(self.nonce, login, self.code["code"], at=0), self.browser.message)

    def sign_in(self) -> str:
        """The city's service redeems the code; the nonce of the id_token that it got."""
        return str(self.party.receive(self.code, self.state).id_token["nonce"])


def _message_id(octets: bytes) -> str:
    return str(etree.fromstring(octets).get("ID"))
