"""Grants of two officers on the citizen's page: who may look at their records, why, when, and how often they did."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from idp.application.change_desk import Identity
from idp.application.mandate_desk import MandateDesk
from idp.changes.mandates import GRANT
from idp.keys.file import FileSigner
from idp.ledger.canonical_json import Json
from policies.errors import GrantRefused
from tests.idp.changes.signing import person
from tests.idp.staging import Clock, fresh, opened
from tests.idp.web.stage import LESS_SURE, Stage
from tests.idp.web.visitor import Answer, Visitor, login_of

OFFICERS = (person("anna"), person("bert"))
DAY = 24 * 3600
# What the country says is high counts as substantial there
LAST = '"urn:oid:2.5.4.6" = "address.country"'
LOWERED = {"providers/demo-ee.toml": (LAST, f"{LAST}\n\n{LESS_SURE}")}


class OfficersStage(Stage):
    """Two officers are in `operators/`."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        (self.receiving / "operators").mkdir()
        for one in OFFICERS:
            (self.receiving / "operators" / f"{one.name}.pub").write_text(one.line)

    @property
    def desk(self) -> MandateDesk:
        application = self.application
        return MandateDesk(application.settings, application.store, application.keys.ledger)

    def granted(self, folder: Path, reason: str, **scope: Json) -> bytes:
        """A grant that both officers signed."""
        identities = []
        for one in OFFICERS:
            (folder / f"{one.name}.key").write_bytes(one.private)
            identities.append(Identity(one.name, folder / f"{one.name}.key"))
        now = self.clock()
        facts: dict[str, Json] = {"auditor": "liis", "reason": reason, "begins": now, "ends": now + DAY, **scope}
        grant = self.desk.ask(GRANT, facts, identities[0], now).mandate.mandate
        self.desk.approve(grant, GRANT, identities[1], now)
        return grant


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficersStage]:
    with opened(OfficersStage(tmp_path_factory.mktemp("grants") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running: OfficersStage) -> Iterator[OfficersStage]:
    yield from fresh(running)


def _entered(visitor: Visitor, citizen: str) -> Answer:
    picker = visitor.go("POST", "/me/sign-in")
    assert visitor.returns(visitor.signs_in(visitor.asked(login_of(picker)), citizen)).status == 200
    return visitor.go("GET", "/me")


def _grants(page: Answer) -> list[str]:
    return [" ".join(one.text_content().split()) for one in page.tree.xpath("//section[@aria-labelledby='grants']//li")]


@pytest.mark.spec("issue 31 item 3; decisions.md 24")
def test_a_person_reads_who_was_let_in_why_when_and_how_often_and_nobody_else_does(
    visitor: Visitor, stage: OfficersStage, tmp_path: Path
) -> None:
    for citizen in ("mari", "juhan"):
        with Visitor(stage) as other:
            other.code(citizen)
    page = _entered(visitor, "mari")
    assert not _grants(page)
    record = bytes.fromhex(json.loads(visitor.go("GET", "/me/copy.json").text)["records"][0]["record"])
    grant = stage.granted(tmp_path, "case <7>", record=record.hex())
    (shown,) = _grants(visitor.go("GET", "/me"))
    assert all(each in shown for each in ("liis", "case <7>", "all your records", "anna, bert", "Never used")), shown
    for _ in range(2):
        stage.desk.grants.use(grant, "liis", stage.clock())
    with pytest.raises(GrantRefused):
        stage.desk.grants.use(grant, "eve", stage.clock())
    (shown,) = _grants(visitor.go("GET", "/me"))
    assert "How often it was used: 2." in shown
    (told,) = json.loads(visitor.go("GET", "/me/copy.json").text)["grants"]
    assert (told["auditor"], told["reason"], told["officers"], told["used"]) == ("liis", "case <7>", "anna, bert", 2)
    with Visitor(stage) as juhan:
        assert not _grants(_entered(juhan, "juhan"))
        # A period that has records of both, and one that has none
        now = stage.clock()
        stage.granted(tmp_path, "a year", since=now - 300 * DAY, until=now + DAY)
        stage.granted(tmp_path, "before", since=now - 300 * DAY, until=now - 200 * DAY)
        (theirs,) = _grants(juhan.go("GET", "/me"))
        assert "everybody's records of this time" in theirs
        assert len(_grants(visitor.go("GET", "/me"))) == 2
        stage.desk.end(grant, GRANT, Identity("bert", tmp_path / "bert.key"), stage.clock())
        assert visitor.go("GET", "/me").found("//section[@aria-labelledby='grants']//li/@data-state").count("ended") == 1
    with stage.other_broker(stage.folder / "lower", LOWERED) as port, Visitor(stage, port=port) as lower:
        page = _entered(lower, "mari")
        assert "case" not in page.text, "a sign-in below the highest level on record sees that there is one"
        assert page.found("//section[@aria-labelledby='grants']//input[@name='level']/@value") == ["high"]
        assert json.loads(lower.go("GET", "/me/copy.json").text)["grants"] == []
