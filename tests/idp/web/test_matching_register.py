"""A register says a person's earlier identifier, two of three facts agree, and the person links it (decision 0086)."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from idp.audit.verify_records import verify_records
from tests.idp.staging import Clock, Lines, opened
from tests.idp.web.shared_stage import Member, SharedStage, emptied
from tests.idp.web.test_matching import NEW, OLD, MatchingStage, _enters, _field, _known, _undo
from tests.idp.web.visitor import Answer, query_of

CATALOGUE = """
[attributes.earlier_identifier]
kind = "number"
title.en = "Earlier identifier"
[attributes.registered_name]
kind = "name"
title.en = "Family name in the register"
[attributes.registered_birthdate]
kind = "date"
title.en = "Date of birth in the register"
[attributes.registered_email]
kind = "text"
title.en = "Email address in the register"
"""
REGISTER = """
id = "population"
title.en = "Population register of Storkhaven"
level = "high"
providers = ["demo-ee"]
[controller]
name.en = "Residents' Office"
contact = "residents@storkhaven.example"
[found_by]
person_identifier = "number"
[attributes]
earlier = "earlier_identifier"
name = "registered_name"
born = "registered_birthdate"
mail = "registered_email"
[view]
database = "sqlite:///@FOLDER@/city.db"
view = "persons"
"""
OURS = ("family_name", "birthdate", "email", "person_identifier")
THEIRS = ("earlier_identifier", "registered_name", "registered_birthdate", "registered_email")
NEEDED = '[attributes.{name}]\nform = "exact"\nwhy.en = "To know you again."\nrequired = true\n'
ASKED = 'from = "population"\nhand_over = ["person_identifier"]\n'
RULE = """
[matching]
identifier = "earlier_identifier"
provider = "demo-lv"
confirmed_by = "citizen"
[matching.facts]
family_name = "registered_name"
birthdate = "registered_birthdate"
email = "registered_email"
"""
PURPOSE = (
    """
id = "known-again"
title.en = "To know you again"
basis = "public_task"
law.en = "Population Act, section 7"
minimum_assurance = "low"
countries = ["EE"]
[controller]
name.en = "City of Storkhaven"
contact = "privacy@storkhaven.example"
"""
    + "".join(NEEDED.format(name=name) for name in OURS)
    + "".join(NEEDED.format(name=name) + ASKED for name in THEIRS)
)
MARI, JUHAN, TOOMAS, KAJA = "EE-49002280001", "EE-36406010002", "EE-38103110004", "EE-47707070009"
# By the number of today: the earlier one, and what the register has of the person
ROWS = {
    # of another spelling, and another address since
    MARI: ("EE-49002280001", "MAASIKAS", "1990-02-28", "elsewhere@post.example"),
    # Mari's, too
    JUHAN: (MARI, "Juurikas", "1964-06-01", None),
    TOOMAS: (KAJA, "Tamm", "1981-03-11", None),
}


class RegisterStage(MatchingStage):
    """A register of the city knows earlier identifiers."""

    def _configure(self, *given: object) -> None:
        super()._configure(*given)
        folder = self.receiving
        (folder / "catalogue.toml").write_text(CATALOGUE, "utf-8")
        (folder / "registers").mkdir(exist_ok=True)
        (folder / "registers" / "population.toml").write_text(REGISTER.replace("@FOLDER@", str(folder)), "utf-8")
        (folder / "purposes" / "known-again.toml").write_text(PURPOSE + RULE, "utf-8")
        self.rows(ROWS)

    def rows(self, rows: Mapping[str, tuple[str | None, ...]], *more: tuple[str | None, ...]) -> None:
        with sqlite3.connect(self.receiving / "city.db") as connection:
            connection.execute("DROP VIEW IF EXISTS persons")
            connection.execute("DROP TABLE IF EXISTS people")
            connection.execute("CREATE TABLE people (number TEXT, earlier TEXT, name TEXT, born TEXT, mail TEXT)")
            connection.execute("CREATE VIEW persons AS SELECT * FROM people")
            every = [*((number, *row) for number, row in rows.items()), *more]
            connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", every)
        connection.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterStage]:
    stage = RegisterStage(tmp_path_factory.mktemp("registered") / "stage", Clock())
    with opened(stage):
        yield stage


@pytest.fixture
def stage(running: RegisterStage) -> Iterator[RegisterStage]:
    running.rows(ROWS)
    for _ in emptied(running):
        yield running


def _form(page: Answer) -> dict[str, str]:
    """The post of the button that asks the register."""
    (form,) = page.tree.xpath("//form[.//input[@name='purpose']]")
    return {str(one.get("name")): str(one.get("value")) for one in form.iterfind(".//input")}


def _again(member: Member, page: Answer, citizen: str) -> Answer:
    """Press that button, and sign in once more. Estonia alone can be asked, so nobody chooses."""
    onward = member.go("POST", "/me/sign-in", fields=_form(page)).onward
    return member.returns(member.signs_in(query_of(onward), citizen))


def _asks(member: Member, citizen: str = "mari", again: str = "") -> Answer:
    """Sign in, and have the register asked in a second sign-in of `again`."""
    onward = _again(member, _enters(member, citizen=citizen), again or citizen)
    assert onward.heading == "You are signed in", onward.text
    return member.go("GET", "/me")


@pytest.mark.spec("issue 33 item 7: registers under a purpose, two of three facts")
def test_a_register_says_who_a_person_was_and_the_person_links_it(stage: RegisterStage, logs: Lines) -> None:
    old, new = _known(stage, OLD)[0], _known(stage, NEW)[0]
    with Member(stage) as member:
        page = _asks(member)
        assert "names an earlier identity of yours, for which Latvia vouched" in page.text
        assert _known(stage, NEW)[0] == new, "nothing counts before the person presses"
        assert member.go("POST", "/me/link", fields={"earlier": _field(page, "earlier")}).status == 303
        assert _known(stage, NEW)[0] == old
        linked = member.go("GET", "/me")
        assert "To know you again" in linked.text, "the record says under which purpose"
        with Member(stage) as before:
            assert "Two identities were linked." in _enters(before, OLD).text
        _undo(member, linked)
    stage.clock.ahead += 1
    assert _known(stage, NEW)[0] == new
    ledger, tenant = stage.application.keys.ledger, stage.application.settings.tenant
    with stage.application.store.engine.connect() as connection:
        assert not [*verify_records(connection, tenant, ledger, "city", lambda: None)]
    text = json.dumps(logs, default=str)
    assert not [one for one in (MARI, "MAASIKAS", "1990-02-28", "elsewhere@") if one in text]


@pytest.mark.spec("issue 33 item 7: one fact is never enough")
@pytest.mark.parametrize(
    "row",
    [
        ("EE-36406010002", "Juurikas", "1964-06-02", "elsewhere@post.example"),
        ("EE-36406010002", None, None, "juhan.juurikas@post.example"),
        (None, "Juurikas", "1964-06-01", "juhan.juurikas@post.example"),
        # Themself
        ("nobody ever", None, None, None),
    ],
)
def test_one_fact_or_no_identifier_links_nothing(stage: RegisterStage, row: tuple[str | None, ...]) -> None:
    stage.rows({JUHAN: row})
    with Member(stage) as member:
        page = _asks(member, "juhan")
        assert "names no earlier identity that can be linked to this one for sure" in page.text
        assert not page.found("//input[@name='earlier']")


@pytest.mark.spec("issue 33 item 7: an answer about two persons, twins")
def test_two_persons_of_one_number_are_nobody(stage: RegisterStage) -> None:
    stage.rows({}, (MARI, "A", "Maasikas", "1990-02-28", None), (MARI, "B", "Maasikas", "1990-02-28", None))
    with Member(stage) as member:
        page = _again(member, _enters(member), "mari")
        assert (page.status, page.heading) == (503, "A register does not answer")
        assert not member.go("GET", "/me").found("//input[@name='earlier']")


@pytest.mark.spec("issue 33 item 7: two people claim one earlier identifier")
def test_an_earlier_identity_belongs_to_the_first_one_alone(stage: RegisterStage) -> None:
    with Member(stage) as member, Member(stage) as other:
        earlier = _field(_asks(member), "earlier")
        second = _asks(other, "juhan")
        assert second.found("//input[@name='earlier']"), "nobody has it yet, and two facts agree"
        assert member.go("POST", "/me/link", fields={"earlier": earlier}).status == 303
        assert other.go("POST", "/me/link", fields={"earlier": _field(second, "earlier")}).status == 404
        assert "names no earlier identity" in other.go("GET", "/me").text
        _undo(member, member.go("GET", "/me"))


@pytest.mark.spec("issue 33 item 7: a lower assurance takes over nothing; another signs in meanwhile")
def test_neither_a_weaker_nor_another_person_gets_it(stage: RegisterStage) -> None:
    with Member(stage) as member:
        page = _asks(member, "juhan", "mari")
        assert not page.found("//input[@name='earlier']"), "the second sign-in was somebody else's"


@pytest.mark.spec("issue 33 item 7: a linked identity of lower assurance never takes over a higher account")
def test_a_weaker_sign_in_gets_no_identity_that_was_ever_stronger(stage: RegisterStage, tmp_path: Path) -> None:
    # Toomas signs in with a password. The register says that he was Kaja, who signs in at substantial
    of_estonia = {"purposes/known-again.toml": ('provider = "demo-lv"', 'provider = "demo-ee"')}
    with stage.other_broker(tmp_path / "ee", of_estonia) as port, Member(stage, port=port) as member:
        assert _asks(member, "toomas").found("//input[@name='earlier']"), "nobody was ever stronger"
        with Member(stage) as kaja:
            kaja.claims("desk", kaja.signs_in_for("desk", "kaja"))
        page = member.go("GET", "/me")
        assert "names no earlier identity" in page.text
        assert not page.found("//input[@name='earlier']")


@pytest.mark.spec("issue 33 item 7: the page of the citizen asks nobody for another purpose")
def test_the_page_asks_under_no_other_purpose_and_only_beside_a_visit(stage: SharedStage) -> None:
    with Member(stage) as member:
        form = _form(_enters(member))
        for wrong in ({"purpose": "resident-parking"}, {"purpose": "known-again2"}, {"beside": ""}, {"more": "x"}):
            answer = member.go("POST", "/me/sign-in", fields={**form, **wrong})
            assert answer.status in (400, 403), wrong
