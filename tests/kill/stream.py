"""Citizens in several threads who approve one login after another, and remember which approvals were acknowledged."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx2

from idp.demo.browser import Browser, Page, WalkError
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity
from tests.kill.outside import BrokerOutside

DECISION = "//form[.//*[@name='decided']]"
CITIZENS = ("mari", "juhan", "toomas", "liisi")
RESTART_SECONDS = 120.0
PAUSE = 0.02


@dataclass(frozen=True)
class Acknowledged:
    """An approval whose 200 with the code arrived: what ties it to its record is the nonce of the relying party."""

    nonce: str
    login: str
    code: str
    at: float


class Stream:
    """The drivers' results. `acknowledged` only grows; `wrong` holds answers that no approval should get."""

    def __init__(self, stage: BrokerOutside, drivers: int) -> None:
        self.stage = stage
        self.acknowledged: list[Acknowledged] = []
        self.again = 0  # approvals whose first answer was lost in a kill
        self.wrong: list[str] = []
        self._drivers = drivers
        self._port = urlsplit(stage.issuer).port
        self._ending = threading.Event()

    @contextmanager
    def flowing(self) -> Iterator["Stream"]:
        """The drivers, until the block ends."""
        threads = [threading.Thread(target=self._drive, args=(n,), daemon=True) for n in range(self._drivers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ending.set()
            for thread in threads:
                thread.join(RESTART_SECONDS)

    def await_more(self, count: int) -> None:
        """Until so many more approvals were acknowledged."""
        wanted, end = len(self.acknowledged) + count, time.monotonic() + RESTART_SECONDS
        while len(self.acknowledged) < wanted and not self.wrong:
            assert time.monotonic() < end, "approvals came to a standstill"
            time.sleep(PAUSE)

    def _drive(self, number: int) -> None:
        service = self.stage.city._parties[("fares", "parking")[number % 2]].service
        party = RelyingPartyOfCity(service, self.stage.issuer)
        citizen = CITIZENS[number % 2]
        while self._await_broker():
            with Browser() as browser:
                try:
                    address, state = party.begin()
                    question = self._question(browser, address, citizen)
                except (httpx2.HTTPError, WalkError, AnswerRefusedError):
                    continue  # the broker was killed: this login began for nothing
                self._approve(browser, question, party._pending[state].nonce)
        party.close()

    def _await_broker(self) -> bool:
        """Until the broker listens; False where the stream ends."""
        while not self._ending.is_set():
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(PAUSE)
            else:
                return True
        return False

    def _question(self, browser: Browser, address: str, citizen: str) -> Page:
        picker = browser.get(address)
        country = browser.get(picker.link("//a[contains(@href, '/at/demo-ee')]"), origin=self.stage.issuer)
        return browser.submit(browser.submit(country, {"citizen": citizen}), {})

    def _approve(self, browser: Browser, question: Page, nonce: str) -> None:
        """Press approve until there is an answer: whoever got none presses the same button again (decision 0000.8)."""
        tries = 0
        while self._await_broker():
            tries += 1
            try:
                answer = browser.submit(question, {"choice": "approve"}, DECISION)
            except httpx2.HTTPError:
                continue
            codes = parse_qs(urlsplit(answer.link("//main//a")).query).get("code", []) if answer.status == 200 else []
            if len(codes) == 1:
                login = urlsplit(answer.url).path.split("/")[2]
                self.again += tries > 1
                self.acknowledged.append(Acknowledged(nonce, login, codes[0], time.time()))
            else:
                self.wrong.append(f"{answer.status} at try {tries}")
            return
