"""A mandate register of the citizen's own country: whom it names goes abroad, where the national sign-in names nobody."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.formats.eidas.registry import LEGAL_PERSON, NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON
from connectors.formats.eidas.request import RequestedAttribute, asked_attributes
from idp.store.switches.switch import REGISTER as REGISTER_KIND
from tests.forgetting import forget_switches, switch_of
from tests.idp.staging import Clock, Lines, fresh, opened
from tests.idp.web.visitor import Answer
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage
from tests.idp.web_node.test_node_kinds import COMPANY, LEGAL, SCOPE, WARD, mari, said
from tests.idp.web_node.test_node_kinds import opened as answered
from tests.idp.web_node.test_node_login import MARI

POWERS = """
id = "{name}"
title.en = "Register of powers of Estonia"
level = "high"
deadline = 2
providers = ["national"]

[controller]
name.en = "Centre of Registers"
contact = "powers@registers.example"

[found_by]
person_identifier = "national_id"

[attributes]
{attributes}

[mandates]
namespace = "ee/numbers"

[view]
database = "sqlite:///{database}"
view = "powers"
"""
COMPANIES = """company = "legal_person_identifier"
company_name = "legal_name"
mandate = "mandate"
"""
WARDS = """ward = "represented_person_identifier"
family = "represented_family_name"
given = "represented_given_name"
born = "represented_birthdate"
mandate = "mandate"
"""
GENERAL, BOUND = '{"general":true}', '{"procedures":["permits"]}'
ME = MARI["person_identifier"]


def registers(folder: Path, *companies: tuple[str, str, str]) -> None:
    with sqlite3.connect(folder / "powers.db") as connection:
        connection.execute("DROP VIEW IF EXISTS powers")
        connection.execute("DROP TABLE IF EXISTS given")
        connection.execute("CREATE TABLE given (national_id TEXT, company TEXT, company_name TEXT, mandate TEXT)")
        connection.execute("CREATE VIEW powers AS SELECT * FROM given")
        connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?)", [(ME, *row) for row in companies])
    connection.close()


class MandatedStage(NodeStage):
    """The same node, with a register of companies and one of wards."""

    def _configure(self, outside: Path) -> None:
        super()._configure(outside)
        national = self.folder / "providers" / "national.toml"
        number = '"urn:oid:1.3.6.1.4.1.25178.1.2.15" = "person_identifier"\n'
        national.write_text(national.read_text(encoding="utf-8") + number, encoding="utf-8")
        (self.folder / "registers").mkdir()
        registers(self.folder)
        with sqlite3.connect(self.folder / "wards.db") as connection:
            connection.execute(
                "CREATE TABLE powers (national_id TEXT, ward TEXT, family TEXT, given TEXT, born TEXT, mandate)"
            )
            ward = "EE-61503040002", "Maasikas", "Juku", "2015-03-04"
            connection.execute("INSERT INTO powers VALUES (?, ?, ?, ?, ?, ?)", (ME, *ward, GENERAL))
        connection.close()
        for name, attributes in (("powers", COMPANIES), ("wards", WARDS)):
            text = POWERS.format(name=name, attributes=attributes, database=self.folder / f"{name}.db")
            (self.folder / "registers" / f"{name}.toml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeStage]:
    with opened(MandatedStage(tmp_path_factory.mktemp("mandated"), Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running: NodeStage) -> Iterator[NodeStage]:
    for stage in fresh(running):
        stage.publish(stage.lv)
        yield stage


@pytest.fixture
def browser(stage: NodeStage) -> Iterator[Browser]:
    with Browser(stage) as made:
        yield made


def comes(browser: Browser, attributes: tuple[RequestedAttribute, ...], who: object = None) -> Answer:
    leaving = browser.chooses(browser.asks(peer=browser.stage.lv, attributes=attributes))
    return browser.returns(browser.signs_in(leaving, who or mari()))  # type: ignore[arg-type] # a citizen


def labels(page: Answer) -> list[str]:
    return [text.strip() for text in page.found("//label//text()") if text.strip()]


@pytest.mark.spec("eidas.md §5 representatives")
@pytest.mark.spec("issue 33 item 1")
def test_whom_a_register_names_goes_abroad_with_the_representative(browser: Browser, logs: Lines) -> None:
    registers(browser.stage.folder, ("12345678", "Maasikad OÜ", GENERAL), ("87654321", "Pohlad OÜ", GENERAL))
    page = comes(browser, LEGAL)
    assert page.heading == "For whom do you sign in?"
    assert labels(page) == ["Maasikad OÜ", "Pohlad OÜ"]
    informs = browser.acts(page, "1")
    assert "Pohlad OÜ" in informs.text
    assert "From: Register of powers of Estonia" in " ".join(informs.found("string(//p[@class='acting'])")[0].split())
    assert "Maasikad" not in informs.text
    answer = answered(browser, informs)
    assert answer.assertion is not None
    assert answer.assertion.sets == {LEGAL_PERSON, REPRESENTATIVE_NATURAL_PERSON}
    found = said(answer)
    assert found["legalperson/LegalPersonIdentifier"] == "EE/LV/87654321"
    assert found["legalperson/LegalName"] == "Pohlad OÜ"
    assert found["naturalperson/representative/CurrentGivenName"] == "Mari"
    text = json.dumps(logs, default=str)
    assert not [one for one in ("Pohlad", "Maasikad", "87654321", ME) if one in text]


@pytest.mark.spec("eidas.md §5 representatives")
def test_for_a_ward_the_plain_attributes_are_the_wards(browser: Browser) -> None:
    page = comes(browser, asked_attributes())
    assert labels(page) == ["For yourself", "Juku Maasikas"]
    found = said(answered(browser, browser.acts(page, "1")))
    assert (found["naturalperson/CurrentGivenName"], found["naturalperson/DateOfBirth"]) == ("Juku", "2015-03-04")
    assert found["naturalperson/representative/CurrentGivenName"] == "Mari"
    alone = answered(browser, browser.acts(comes(browser, asked_attributes()), "0"))
    assert alone.assertion is not None
    assert alone.assertion.sets == {NATURAL_PERSON}


@pytest.mark.spec("issue 33 item 3")
def test_whom_the_sign_in_names_no_register_is_asked_about(browser: Browser) -> None:
    registers(browser.stage.folder, ("87654321", "Pohlad OÜ", GENERAL))
    page = comes(browser, LEGAL, mari(COMPANY))
    assert said(answered(browser, page))["legalperson/LegalName"] == "Maasikad OÜ"
    both = comes(browser, asked_attributes(), mari(WARD))
    assert labels(both) == ["For yourself", "Juku Maasikas"], "once, by the sign-in alone"
    assert not both.found("//*[@class='source']")


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    ("rows", "check"),
    [
        ((), "represented_none"),
        ((("1", "Maasikad OÜ", '{"general":true,"valid_to":"2020-01-01"}'),), "mandate_ended"),
        ((("1", "Maasikad OÜ", BOUND),), "mandate_bounds"),
        ((("1", "ООД", GENERAL),), "latin_script"),
    ],
)
def test_whoever_may_act_for_nobody_reads_who_can_help(
    browser: Browser, logs: Lines, rows: tuple[tuple[str, str, str], ...], check: str
) -> None:
    registers(browser.stage.folder, *rows)
    page = comes(browser, LEGAL)
    assert page.status >= 400, page.text
    assert [line["check"] for line in logs if line["event"] == "refused"] == [check]
    if check != "latin_script":
        assert "powers@registers.example" in page.text
    if check == "mandate_bounds":
        attributes = (*LEGAL, RequestedAttribute(SCOPE, required=False))
        assert said(answered(browser, comes(browser, attributes)))[SCOPE] == BOUND


@pytest.mark.spec("decisions.md 31")
def test_a_register_that_is_off_stops_whoever_needs_it_and_what_it_said_before(browser: Browser, stage: NodeStage) -> None:
    registers(stage.folder, ("12345678", "Maasikad OÜ", GENERAL))
    page, switch = comes(browser, LEGAL), switch_of(stage.application, stage.clock)
    ward = browser.acts(comes(browser, asked_attributes()), "1")
    try:
        switch(REGISTER_KIND, "powers")
        switch(REGISTER_KIND, "wards")
        assert comes(browser, LEGAL).heading == "A register does not answer"
        assert browser.presses(page).status == 409
        assert browser.presses(ward).status == 409
        # Whoever signs in for themself needs none
        alone = answered(browser, comes(browser, asked_attributes()))
        assert alone.assertion is not None
        assert alone.assertion.sets == {NATURAL_PERSON}
    finally:
        forget_switches(stage.application)
