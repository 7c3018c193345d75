"""The kill switch with several processes: within a second every step is refused on each of them, where a login waits."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from idp.config.settings import load_settings
from idp.demo.browser import Browser, Page
from idp.demo.relying_party import AnswerRefusedError
from idp.keys.ledger_files import load_ledger_keys
from idp.store.store import open_store
from idp.store.switches.switch import PARTY
from idp.store.switches.switchboard import Switchboard
from tests.idp.server.machines import DECISION, Machines, approved, turns
from tests.postgres import server

pytestmark = pytest.mark.spec("decisions.md 31")
SERVICE = "fares"
SUSPENDED = "Signing in to this service is suspended"
TRIES = 4


@pytest.fixture(params=["two workers on SQLite", pytest.param("two machines on PostgreSQL", marks=pytest.mark.slow)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    """It serves until the end of the test, and each request is a connection of its own."""
    with ExitStack() as stack:
        if request.param == "two workers on SQLite":
            found = Machines.alone(tmp_path / "stage")
            stack.callback(found.close)
            stack.enter_context(found.serving(0, "--workers", "2"))
        else:
            found = Machines(tmp_path / "stage", database=server().fresh())
            stack.callback(found.close)
            for number in range(2):
                stack.enter_context(found.serving(number))
            stack.enter_context(turns(found.front, found.ports))
        yield found


class Waiting:
    """Logins of one service, one at each step."""

    def __init__(self, stage: Machines) -> None:
        self.stage, self.party = stage, stage.party()
        address, _ = self.party.begin()
        self.address = address
        self.browser = Browser()
        picker = self.browser.get(address)
        self.country = picker.link("//a[contains(@href, '/at/demo-ee')]")
        self.browsers = {"callback": Browser(), "decision": Browser()}
        self.posting = self._until_country(self.browsers["callback"])
        posting = self._until_country(self.browsers["decision"])
        self.question = self.browsers["decision"].submit(posting, {})
        assert self.question.status == 200
        self.code = approved(stage, self.party, "mari")
        redeemed, state = approved(stage, self.party, "mari")
        pending = self.party._pending.pop(state)
        self.token = str(self.party._redeem(redeemed["code"], pending)["access_token"])

    def _until_country(self, browser: Browser) -> Page:
        address, _ = self.party.begin()
        picker = browser.get(address)
        country = browser.get(picker.link("//a[contains(@href, '/at/demo-ee')]"), origin=self.stage.issuer)
        posting = browser.submit(country, {"citizen": "mari"})
        assert posting.status == 200
        return posting

    def userinfo(self) -> int:
        """The status of a question with the access token, over a new connection."""
        headers = {
            "authorization": f"Bearer {self.token}",
            "host": urlsplit(self.stage.issuer).netloc,
            "connection": "close",
        }
        return httpx2.get(f"http://127.0.0.1:{self.stage.front}/userinfo", headers=headers, timeout=10).status_code

    def refused(self) -> None:
        """Every step of every login that waits."""
        # A new browser each: what has its cookies comes by a new connection
        assert _fresh(lambda browser: browser.get(self.address)).status == 503
        steps: dict[str, Callable[[], Page]] = {
            "picker": lambda: self.browser.get(self.country, origin=self.stage.issuer),
            "callback": lambda: self.browsers["callback"].submit(self.posting, {}),
            "decision": lambda: self.browsers["decision"].submit(self.question, {"choice": "approve"}, DECISION),
        }
        for name, step in steps.items():
            page = step()
            assert page.status == 503, (name, page.status, page.text[:800])
            assert SUSPENDED in page.text, (name, page.text[:800])
        assert self.userinfo() == 401

    def close(self) -> None:
        for browser in (self.browser, *self.browsers.values()):
            browser.close()
        self.party.close()


def _fresh(ask: Callable[[Browser], Page]) -> Page:
    with Browser() as browser:
        return ask(browser)


def switch(folder: Path, *, off: bool) -> float:
    """As the command does, from another process's view: the database alone tells. Returns when it was done."""
    settings = load_settings(folder)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    board = Switchboard(engine=store.engine, tenant=settings.tenant, keys=keys, commits=store)
    board.set_switch(PARTY, SERVICE, off=off, reason="its secret leaked", now=int(time.time()))
    done = time.monotonic()
    store.close()
    return done


def test_within_a_second_every_step_is_refused_by_every_process(stage: Machines) -> None:
    waiting = Waiting(stage)
    assert {waiting.userinfo() for _ in range(TRIES)} == {200}
    done = switch(stage.folders[0], off=True)
    last = 0.0
    while (now := time.monotonic()) < done + 1.0:
        if waiting.userinfo() == 200:
            last = now - done
    for _ in range(TRIES):
        waiting.refused()
    print(f"the last answer that was given began {last:.2f} s after the act")
    with pytest.raises(AnswerRefusedError):
        waiting.party.receive(*waiting.code)
    # On again, the login that waited is told nothing of the code that ended, and another service never noticed
    switch(stage.folders[0], off=False)
    time.sleep(1.0)
    assert waiting.userinfo() == 401
    assert dict(parse_qsl(urlsplit(waiting.address).query))["client_id"] == SERVICE
    assert _fresh(lambda browser: browser.get(waiting.address)).status == 200
    waiting.close()
