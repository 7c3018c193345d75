"""A thousand logins while keys take over, on two brokers over one database, each step on either of them: none fails."""

import base64
import os
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import verify
from idp.application.app import Application
from idp.demo.scene import HOST
from idp.keys import kinds
from idp.keys.change import MINUTE, make, next_minute
from idp.keys.ledger_files import list_log_keys
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.key_list import read_keys
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.server.http import Server, bind
from idp.store.switches.switch import KEY
from idp.store.switches.switchboard import Switchboard
from tests.idp.server.crew import until
from tests.idp.staging import serving
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor

LOGINS = int(os.environ.get("CICONIA_TEST_LOGINS", "1000"))
THREADS = 4
# After the moment of the new keys the logins go on for so long
AFTER = 5


@dataclass
class Pair:
    """The stage's broker and a second one, with folders of keys of their own over one database."""

    stage: Stage
    second: Application
    port: int

    def folders(self) -> tuple[Path, Path]:
        return self.stage.application.settings.key_folder, self.second.settings.key_folder

    def new(self, kind: kinds.KeyKind, begins: int) -> Path:
        """A key that an operator makes on one machine and copies to the other."""
        here, there = self.folders()
        path = make(here, kind, begins, host=HOST, now=int(time.time()), production=False)
        shutil.copy2(path, there / path.name)
        if kind is kinds.LOG:
            list_log_keys(here, self.stage.application.settings.origin)
            shutil.copy2(here / "log.vkey", there / "log.vkey")
        for application in (self.stage.application, self.second):
            application.keeper.step()
        return path

    def visitor(self) -> Visitor:
        return Visitor(self.stage)

    def elsewhere(self, visitor: Visitor) -> None:
        """The balancer chooses anew."""
        visitor.port = random.choice((None, self.port))  # noqa: S311 - no secret

    def login(self, visitor: Visitor, citizen: str = "mari") -> str:
        """One login, each step on either broker. Returns the id_token."""
        self.elsewhere(visitor)
        login = visitor.login()
        self.elsewhere(visitor)
        asked = visitor.asked(login)
        self.elsewhere(visitor)
        page = visitor.returns(visitor.signs_in(asked, citizen))
        self.elsewhere(visitor)
        leaving = visitor.decides(page)
        self.elsewhere(visitor)
        tokens = visitor.redeem(leaving.back["code"])
        self.elsewhere(visitor)
        assert visitor.userinfo(str(tokens.json["access_token"])).status == 200
        return str(tokens.json["id_token"])


@pytest.fixture
def pair(stage: Stage, tmp_path: Path) -> Iterator[Pair]:
    """Two brokers; their keys are as before when the test ends."""
    folder = tmp_path / "second"
    shutil.copytree(stage.receiving, folder, ignore=shutil.ignore_patterns("ciconia.db*"))
    settings = folder / "ciconia.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'database = "{stage.receiving / "ciconia.db"}"\n{text}', encoding="utf-8")
    second = Application(folder, clock=stage.clock)
    before = set(stage.application.settings.key_folder.iterdir())
    with serving(Server(second.asgi, listening := bind(HOST, 0))):
        yield Pair(stage, second, listening.getsockname()[1])
    second.store.close()
    for path in set(stage.application.settings.key_folder.iterdir()) - before:
        path.unlink()
    stage.application.keeper.step()


def jwks(visitor: Visitor) -> str:
    return visitor.go("GET", "/jwks", headers=DIRECT).text


@pytest.mark.slow
@pytest.mark.spec("OpenID Connect Core §10.1.1")
def test_no_login_fails_while_keys_take_over(pair: Pair) -> None:
    begins = next_minute(int(time.time()) + 45)
    for kind in (kinds.ES256, kinds.RS256, kinds.SEALING):
        pair.new(kind, begins)
    with closing(pair.visitor().http) as http:
        known = jwks(Visitor(pair.stage, http=http))
    before = pair.stage.application.keys.es256.at(begins - 1).key_id
    after = pair.stage.application.keys.es256.at(begins).key_id
    published = keys_from_jwks(known, "ES256")
    kids: list[str] = []

    def one(_number: int) -> None:
        browser = pair.visitor()
        with closing(browser.http):
            # Fetched before the keys took over, and never again: the next one stands in it already
            kids.append(str(verify(pair.login(browser), published, alg="ES256", types={"JWT"}).kid))

    with ThreadPoolExecutor(THREADS) as pool:
        done = 0
        while done < LOGINS or time.time() < begins + AFTER:
            for _ in pool.map(one, range(40)):
                done += 1
    assert len(kids) == done >= LOGINS
    assert set(kids) == {before, after}


def test_a_revoked_key_signs_nothing_on_any_broker_within_a_second(pair: Pair, visitor: Visitor) -> None:
    pair.new(kinds.ES256, int(time.time()) // MINUTE * MINUTE)
    application = pair.stage.application
    first, second = (each.key.key_id for each in reversed(application.keys.es256.scheduled))
    assert kid(visitor) == second
    board = Switchboard(
        engine=application.store.engine,
        tenant=application.settings.tenant,
        keys=application.keys.ledger,
        commits=application.store,
    )
    board.set_switch(KEY, second, off=True, reason="it was seen", now=int(time.time()))
    time.sleep(1)
    try:
        for port in (None, pair.port):
            visitor.port = port
            assert second not in jwks(visitor)
            assert first in jwks(visitor)
            assert kid(visitor) == first
        kept = visitor.code()
        board.set_switch(KEY, first, off=True, reason="it was seen too", now=int(time.time()))
        time.sleep(1)
        for port in (None, pair.port):
            visitor.port = port
            assert '"alg":"ES256"' not in jwks(visitor).replace(" ", "")
            answer = visitor.redeem(kept)
            assert "id_token" not in answer.text
            assert answer.status == 503
    finally:
        for key in (first, second):
            board.set_switch(KEY, key, off=False, reason="the test is over", now=int(time.time()))
    # Nothing was spent for what could not be signed
    until(lambda: visitor.redeem(kept).status == 200)


@pytest.mark.spec("issue 5 item 4: signing keys for id_tokens, SAML, metadata and log with overlap")
def test_a_new_key_of_the_log_signs_on_every_broker_and_what_the_last_one_signed_holds(
    pair: Pair, visitor: Visitor
) -> None:
    def vkeys() -> tuple[VerifierKey, ...]:
        return read_keys(visitor.go("GET", "/log/vkey", headers=DIRECT).text)

    def receipt() -> ProvedReceipt:
        visitor.redeem(visitor.code())
        return verify_receipt(visitor.go("GET", "/receipt.json", headers=DIRECT).text.encode(), vkeys())

    (first,) = vkeys()
    old = receipt()
    pair.new(kinds.LOG, int(time.time()) // MINUTE * MINUTE)
    for visitor.port in (None, pair.port):
        last, second = vkeys()
        assert (old.keys[0], last) == (first, first)
        assert receipt().keys[0] == second

    def signed() -> bytes:
        newest = pair.stage.application.store.checkpoint(pair.stage.application.settings.tenant)
        return base64.b64decode(newest.note.split()[-1])[:4] if newest else b""

    until(lambda: signed() == second.key_id)


def kid(visitor: Visitor) -> str:
    published = keys_from_jwks(jwks(visitor), "ES256")
    tokens = visitor.redeem(visitor.code())
    return str(verify(str(tokens.json["id_token"]), published, alg="ES256", types={"JWT"}).kid)
