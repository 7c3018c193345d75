"""Citizens in several threads who sign in across the border again and again, patient with nodes that die."""

import base64
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx2
from lxml import etree

from idp.demo.border import Border
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity
from tests.kill.pair import Crossed
from tests.kill.stream import Acknowledged

DECISION = "//form[.//*[@name='decided']]"
CITIZENS = ("mari", "juhan")
SECONDS = 120.0
PAUSE = 0.02
OK, AWAY = 200, 503
T = TypeVar("T")


class Traveller(Browser):
    """A browser that reads the ID of the node's request as it passes: `message`, the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.message = ""
        self._http.event_hooks = {"response": [self._watch]}

    def _watch(self, response: httpx2.Response) -> None:
        query = parse_qs(urlsplit(response.headers.get("location", "")).query)
        if "SAMLRequest" in query and urlsplit(response.headers["location"]).path == "/eidas/sso":
            octets = zlib.decompressobj(-15).decompress(base64.b64decode(query["SAMLRequest"][0]))
            self.message = _message_id(octets)


class OutOfReachError(Exception):
    """The country's node failed twice in a row: nobody is sent there now, and it is looked at again in a moment."""


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
    def _country_link(self) -> str:
        return f"//a[contains(@href, '/at/{self.country.lower()}')]"

    @property
    def out_of_reach(self) -> bool:
        """Whether the list of countries has no way to this one, or the page that came says so."""
        if self.page.status == OK:
            return urlsplit(self.page.url).path == "/authorize" and not self.page.tree.xpath(self._country_link)
        return self.page.status == AWAY

    def to_the_country(self) -> None:
        """Choose the country, whose node sends on to its identity provider."""
        chosen = self.page.link(self._country_link)
        page = self.browser.get(chosen, origin=self.border.issuer)
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
        """Press a button."""
        self.page = self.browser.submit(self.page, {"choice": choice}, DECISION)

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


class Travellers:
    """`crossed` and `given` only grow: approvals that were acknowledged, and nonces of id_tokens that the city got."""

    def __init__(self, border: Border, drivers: int) -> None:
        self.crossed: list[Crossed] = []
        self.given: list[str] = []
        self.unredeemed = 0  # the receiving node died while the city redeemed
        self.again = 0  # steps whose first answer was lost in a kill
        self.wrong: list[str] = []
        self._border = border
        self._drivers = drivers
        self._ending = threading.Event()

    @contextmanager
    def flowing(self) -> Iterator["Travellers"]:
        """The drivers, until the block ends: each ends with its login, so the nodes must live then."""
        threads = [threading.Thread(target=self._drive, args=(n,), daemon=True) for n in range(self._drivers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ending.set()
            for thread in threads:
                thread.join(SECONDS)
            assert not any(thread.is_alive() for thread in threads), "a login came to a standstill"

    def await_more(self, count: int) -> None:
        """Until so many more approvals were acknowledged."""
        wanted, end = len(self.crossed) + count, time.monotonic() + SECONDS
        while len(self.crossed) < wanted and not self.wrong:
            assert time.monotonic() < end, "logins came to a standstill"
            time.sleep(PAUSE)

    def _drive(self, number: int) -> None:
        service = self._border.city._parties[("fares", "parking")[number % 2]].service
        party = RelyingPartyOfCity(service, self._border.issuer)
        while not self._ending.is_set() and not self.wrong:
            try:
                journey = self._patient(lambda: self._under_way(party, CITIZENS[number % 2]))
                with journey.browser:
                    self._travel(journey)
            except WalkError as error:
                self.wrong.append(str(error))
        party.close()

    def _under_way(self, party: RelyingPartyOfCity, citizen: str) -> Journey:
        journey = Journey(self._border, party, citizen)
        with ExitStack() as ending:
            ending.callback(journey.browser.close)
            if not journey.out_of_reach:
                self._patient(journey.to_the_country)
            if journey.out_of_reach:
                raise OutOfReachError
            ending.pop_all()
        return journey

    def _travel(self, journey: Journey) -> None:
        for place, step in enumerate(journey.steps()):
            if place:  # the first one is made
                self._patient(step)
            if journey.page.status != OK:
                self.wrong.append(f"{journey.page.status} after step {place}: {_heading(journey.page)}")
                return
        self.crossed.append(journey.acknowledged())
        try:
            self.given.append(journey.sign_in())
        except (AnswerRefusedError, httpx2.HTTPError):
            self.unredeemed += 1

    def _patient(self, step: Callable[[], T]) -> T:
        """A traveller without an answer presses the same button again (decision 0000.8), or begins again."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                return step()
            except (httpx2.HTTPError, AnswerRefusedError, OutOfReachError):
                self.again += 1
                if time.monotonic() > end:
                    raise
                time.sleep(PAUSE)


def _message_id(octets: bytes) -> str:
    return str(etree.fromstring(octets).get("ID"))


def _heading(page: Page) -> str:
    return " ".join((page.tree.findtext(".//h1") or "").split())
