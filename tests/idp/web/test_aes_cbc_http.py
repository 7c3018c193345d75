"""A provider with the deviation `aes_cbc`, over HTTP: its own metadata and key, ten failures, and an operator's command."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from connectors.profiles import AES128_CBC, AES256_CBC, AES256_GCM
from idp.protocols.saml.deviation_guard import REASON
from idp.store.deviation_failures import MOST_FAILURES, DeviationFailures
from idp.store.switches.switch import DEVIATION
from idp.store.switches.switchboard import Switchboard
from policies.deviations import AES_CBC
from policies.errors import StoreUnavailable
from tests.connectors.crossing import Encryption
from tests.idp.staging import Clock, Lines, opened
from tests.idp.web.forgery import Forgery
from tests.idp.web.stage import Stage
from tests.idp.web.test_encrypted_assertions_http import DS, NOT_ACCEPTED, back, sealed
from tests.idp.web.visitor import Visitor

ASKED = "Share this with Resident parking?"
ON = {"providers/demo-ee.toml": ('country = "EE"', f'country = "EE"\ndeviations = ["{AES_CBC}"]')}
GOOD = Encryption(content=AES128_CBC)
# The plaintext begins with another block
BROKEN = Encryption(content=AES128_CBC, flip=3)
NAME = f"demo-ee/{AES_CBC}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of these tests alone: the ledger remembers every switch."""
    with opened(Stage(tmp_path_factory.mktemp("cbc") / "stage", Clock())) as stage:
        yield stage


def certificate(visitor: Visitor, path: str) -> bytes:
    found = etree.fromstring(visitor.go("GET", path).text.encode())
    (told,) = found.findall(f".//{{*}}KeyDescriptor[@use='encryption']//{{{DS}}}X509Certificate")
    return base64.b64decode(told.text or "")


def to_own_key(visitor: Visitor, how: Encryption) -> Forgery:
    return Forgery(sealed=sealed(replace(how, certificate=certificate(visitor, "/saml/metadata/demo-ee"))))


def to_common_key(visitor: Visitor, how: Encryption) -> Forgery:
    return Forgery(sealed=sealed(replace(how, certificate=certificate(visitor, "/saml/metadata"))))


@pytest.fixture
def cbc(visitor: Visitor, stage: Stage, tmp_path: Path) -> Iterator[Visitor]:
    """At a broker where the deviation is on for Estonia, and nothing has failed since."""
    begin_anew(stage)
    with stage.other_broker(tmp_path / "b", ON) as visitor.port:
        yield visitor


def begin_anew(stage: Stage) -> None:
    """Do what `ciconia party enable` does."""
    store, keys = stage.application.store, stage.application.keys.ledger
    board = Switchboard(engine=store.engine, tenant=stage.application.settings.tenant, keys=keys, commits=store)
    board.set_switch(DEVIATION, NAME, off=False, reason="It encrypts to the right key again", now=stage.clock())


def test_its_metadata_has_its_own_key_and_names_cbc_and_the_common_one_has_neither(visitor: Visitor) -> None:
    own, common = (visitor.go("GET", path).text for path in ("/saml/metadata/demo-ee", "/saml/metadata"))
    for algorithm, told in ((AES256_GCM, (True, True)), (AES256_CBC, (True, False)), (AES128_CBC, (True, False))):
        assert (algorithm in own, algorithm in common) == told
    assert certificate(visitor, "/saml/metadata/demo-ee") != certificate(visitor, "/saml/metadata")
    entities = {etree.fromstring(each.encode()).get("entityID") for each in (own, common)}
    assert len(entities) == 1, "one service provider"
    assert visitor.go("GET", "/saml/metadata/demo-lv").status == 404


def test_a_whole_login_by_cbc_and_its_line_names_the_deviation(cbc: Visitor, stage: Stage) -> None:
    question = back(cbc, stage, to_own_key(cbc, GOOD))
    assert (question.status, question.heading) == (200, ASKED)
    tokens = cbc.redeem(cbc.decides(question).back["code"]).json
    assert cbc.userinfo(str(tokens["access_token"])).json["sub"]


def test_its_own_key_opens_its_answers_alone_and_no_other_key_opens_them(cbc: Visitor, stage: Stage, logs: Lines) -> None:
    assert back(cbc, stage, to_own_key(cbc, Encryption())).heading == ASKED
    for how in (GOOD, Encryption()):
        assert back(cbc, stage, to_common_key(cbc, how)).heading == NOT_ACCEPTED
    # At the broker beside it Estonia has no deviation: the key is there, and opens nothing
    cbc.port = Visitor(stage).port
    for how in (Encryption(), GOOD):
        assert back(cbc, stage, to_own_key(cbc, how)).heading == NOT_ACCEPTED
    assert [line["check"] for line in logs] == ["decryption", "decryption", "decryption", "content_encryption"]


def test_ten_failures_within_an_hour_switch_it_off_on_all_workers_until_an_operator_says_otherwise(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    stage.clock.stand()
    begin_anew(stage)
    with ExitStack() as stack:
        ports = [stack.enter_context(stage.other_broker(tmp_path / name, ON)) for name in ("one", "two")]
        for number in range(MOST_FAILURES):
            visitor.port = ports[number % 2]
            good = back(visitor, stage, to_own_key(visitor, GOOD))
            assert good.heading == ASKED, "until then it is on"
            assert back(visitor, stage, to_own_key(visitor, BROKEN)).heading == NOT_ACCEPTED
        told = [line for line in logs if line["event"] == "deviation_switched_off"]
        assert [(line["peer"], line["deviation"], line["detail"]) for line in told] == [("demo-ee", AES_CBC, REASON)]
        for visitor.port in ports:
            wait_until_off(visitor, stage)
        assert logs[-1]["check"] == "content_encryption"
        assert back(visitor, stage, to_own_key(visitor, Encryption())).heading == ASKED, "GCM goes on"
        begin_anew(stage)
        for visitor.port in ports:
            wait_until_on(visitor, stage)
        # Counted anew
        assert back(visitor, stage, to_own_key(visitor, BROKEN)).heading == NOT_ACCEPTED
        assert back(visitor, stage, to_own_key(visitor, GOOD)).heading == ASKED


def wait_until_off(visitor: Visitor, stage: Stage) -> None:
    while back(visitor, stage, to_own_key(visitor, GOOD)).heading != NOT_ACCEPTED:
        continue


def wait_until_on(visitor: Visitor, stage: Stage) -> None:
    while back(visitor, stage, to_own_key(visitor, GOOD)).heading != ASKED:
        continue


def test_failures_that_cannot_be_counted_close_it_here(
    cbc: Visitor, stage: Stage, logs: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(DeviationFailures, "add", fails)
    assert back(cbc, stage, to_own_key(cbc, BROKEN)).heading == NOT_ACCEPTED
    assert [line["event"] for line in logs].count("deviation_closed_here") == 1
    assert back(cbc, stage, to_own_key(cbc, GOOD)).heading == NOT_ACCEPTED
    assert logs[-1]["check"] == "content_encryption"
