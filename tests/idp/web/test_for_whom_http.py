"""A city's register of powers says for whom a citizen may act: they choose on a page, over real sockets."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from idp.audit.verify import verify_ledger
from tests.idp.staging import Lines
from tests.idp.web.shared_stage import claims_of
from tests.idp.web.test_registers_http import decision, sources
from tests.idp.web.visitor import Answer, Visitor, query_of

BOTH = 'persons = ["natural", "for_legal"]\n'
BASIS, SPHERE = 'basis = "public_task"\n', 'sphere = "eu"\n'
PROCEDURE = "may_act(parking-permit,50 EUR)"
TAKEN = """
[attributes.mandate]
form = "{form}"
required = true
must_be_true = true
why.en = "Permits."
from = "powers"
hand_over = ["person_identifier"]

[attributes.legal_name]
form = "exact"
required = true
why.en = "The permit is the company's."
from = "powers"
hand_over = ["person_identifier"]

[attributes.email]"""
POWERS = """
id = "powers"
title.en = "Register of powers of Storkhaven"
level = "{level}"
deadline = 2
providers = ["demo-ee"]

[controller]
name.en = "Storkhaven Chamber of Commerce"
contact = "powers@storkhaven.example"

[found_by]
person_identifier = "national_id"

[attributes]
company = "legal_person_identifier"
company_name = "legal_name"
mandate = "mandate"

[mandates]
namespace = "storkhaven/companies"

[view]
database = "{database}"
view = "powers"
"""
CLAIMS = '{"userinfo":{"mandate":null,"legal_name":null}}'
MARI = "EE-49002280001"
GOOD = '{"limit":{"amount":"50","currency":"EUR"},"procedures":["parking-permit"]}'
COMPANIES = (
    (MARI, "hrb-17", "Quagga Works", GOOD),
    (MARI, "hrb-18", "Okapi Works", '{"general":true,"limit":{"amount":"900","currency":"EUR"}}'),
)


def powers(folder: Path, *rows: tuple[str, ...]) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "powers.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE given (national_id TEXT, company TEXT, company_name TEXT, mandate TEXT)")
        connection.execute("CREATE VIEW powers AS SELECT * FROM given ORDER BY company")
        connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


def for_companies(persons: str, taken: str) -> dict[str, tuple[str, ...]]:
    """The edits by which parking permits are companies', too: the kinds of person, and what is taken of them."""
    return {
        "purposes/phone-contact.toml": ("basis =", f"{BOTH}basis ="),
        "purposes/resident-parking.toml": (BASIS, f"{BASIS}{BOTH}", "\n[attributes.email]", taken),
        "parties/parking.toml": (
            SPHERE,
            f"{SPHERE}persons = [{persons}]\n",
            "[attributes]\n",
            '[attributes]\nlegal_name = "exact"\nmandate = "exact"\n',
        ),
    }


@contextmanager
def acting(
    visitor: Visitor,
    folder: Path,
    *rows: tuple[str, ...],
    persons: str = '"for_legal"',
    level: str = "high",
    taken: str = TAKEN.format(form=PROCEDURE),
) -> Iterator[Visitor]:
    """A broker whose parking permits are companies', and whose register of powers has these rows."""
    added = {"registers/powers.toml": POWERS.format(level=level, database=powers(folder, *rows))}
    with visitor.stage.other_broker(folder / "acting", for_companies(persons, taken), added) as visitor.port:
        yield visitor


def comes(visitor: Visitor) -> Answer:
    return visitor.returns(visitor.signs_in(visitor.asked(visitor.login())))


def chooses(visitor: Visitor, page: Answer, place: str) -> Answer:
    fields = {name: page.found(f"//input[@name='{name}']/@value")[0] for name in ("login", "decided")}
    return visitor.go("POST", page.found("//main/form/@action")[0], fields={**fields, "acting": place, "page": "acting"})


def radios(page: Answer) -> list[str]:
    return [" ".join(text.split()) for text in page.found("//label[starts-with(@for, 'acting-')]//text()") if text.strip()]


@pytest.mark.spec("issue 33 item 1")
@pytest.mark.spec("issue 33 item 3")
def test_the_citizen_chooses_for_whom_and_the_login_goes_on_for_that_one(
    visitor: Visitor, tmp_path: Path, logs: Lines
) -> None:
    with acting(visitor, tmp_path, *COMPANIES):
        page = comes(visitor)
        assert page.heading == "For whom do you sign in?"
        assert radios(page) == ["Quagga Works", "Okapi Works"], "nobody acts for themself where only companies may"
        assert not page.found("//input[@checked]"), "nobody chooses for them"
        assert sources(page) == ["From: Register of powers of Storkhaven It finds you by: Personal identifier"] * 2
        for place in ("2", "-1", "x", ""):
            assert chooses(visitor, page, place).status == 400
        assert chooses(visitor, page, "0").found("string(//p[@id='acting'])")[0].startswith("You act for Quagga Works.")
        question = chooses(visitor, page, "1")
        assert question.found("string(//p[@id='acting'])")[0].startswith("You act for Okapi Works.")
        assert "Quagga" not in question.text
        leaving = visitor.decides(question)
        assert decision(visitor)["person"] == "for_legal"
        assert sorted(decision(visitor)["sources"]) == [["legal_name", "powers"], ["mandate", "powers"]]
        told = json.loads(visitor.userinfo(json.loads(visitor.redeem(leaving.back["code"]).text)["access_token"]).text)
        assert (told["legal_name"], told["person_kind"]) == ("Okapi Works", "for_legal")
        assert told["mandate_may_act"] == {"parking-permit,50 EUR": True}
    stage = visitor.stage
    found = verify_ledger(
        stage.application.store.engine, tenant=stage.application.settings.tenant, keys=stage.application.keys.ledger
    )
    assert found.findings == ()
    text = json.dumps(logs, default=str)
    assert not [one for one in ("Quagga", "Okapi", "hrb-1", MARI) if one in text]


@pytest.mark.spec("issue 33 item 1")
def test_for_yourself_stands_there_where_the_registration_takes_it(visitor: Visitor, tmp_path: Path) -> None:
    with acting(visitor, tmp_path, *COMPANIES, persons='"natural", "for_legal"'):
        page = comes(visitor)
        assert radios(page) == ["For yourself", "Quagga Works", "Okapi Works"]
        subs = set()
        for place, kind in (("0", None), ("1", "for_legal"), ("2", "for_legal")):
            question = chooses(visitor, comes(visitor), place)
            assert bool(question.found("//p[@id='acting']")) is bool(kind)
            leaving = visitor.decides(question)
            assert decision(visitor).get("person") == kind
            token = json.loads(visitor.redeem(leaving.back["code"]).text)["access_token"]
            subs.add(json.loads(visitor.userinfo(token).text)["sub"])
        assert len(subs) == 3, "one for each whom they act for, and their own"
        # In another language it is the same choice
        other = visitor.rewords(page, "et")
        assert (other.found("/html/@lang"), len(radios(other))) == (["et"], 3)
        assert "Okapi" in chooses(visitor, other, "2").text
        # Nothing goes before the choice, and leaving is leaving
        assert visitor.sends(page).status == 400
        assert visitor.decides(page, "cancel").back["error"] == "access_denied"


@pytest.mark.spec("issue 33 item 3")
def test_the_only_one_is_asked_about_at_once(visitor: Visitor, tmp_path: Path) -> None:
    with acting(visitor, tmp_path, *COMPANIES[:1]):
        page = comes(visitor)
        assert page.found("string(//p[@id='acting'])")[0].startswith("You act for Quagga Works.")
        assert chooses(visitor, page, "0").status == 400


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    ("mandates", "level", "check"),
    [
        ((), "high", "represented_none"),
        (('{"general":true,"valid_to":"2020-01-01"}',), "high", "mandate_ended"),
        ((GOOD.replace("parking-permit", "taxes"),), "high", "mandate_procedure"),
        (('{"general":true}',), "high", "mandate_without_limit"),
        ((GOOD.replace("50", "49"),), "high", "mandate_limit"),
        ((GOOD.replace("{", '{"joint":true,', 1),), "high", "mandate_bounds"),
        ((GOOD,), "low", "represented_unsure"),
    ],
)
def test_whoever_may_act_for_nobody_here_reads_who_can_help(
    visitor: Visitor, tmp_path: Path, logs: Lines, mandates: tuple[str, ...], level: str, check: str
) -> None:
    rows = [(MARI, "hrb-17", "Quagga Works", mandate) for mandate in mandates]
    with acting(visitor, tmp_path, *rows, ("EE-36406010002", "hrb-19", "Axolotl Works", GOOD), level=level):
        page = comes(visitor)
        assert page.status == 403, page.text
        assert page.found("//main//dl[1]//dd//text()") == [
            "Register of powers of Storkhaven",
            "Storkhaven Chamber of Commerce",
            ", ",
            "powers@storkhaven.example",
        ]
        assert page.back["error"] == "access_denied"
        assert "Works" not in page.text
    assert [one["check"] for one in logs if one.get("reference") == page.reference and one["event"] == "refused"] == [check]


@pytest.mark.spec("issue 33 bad input")
def test_a_mandate_with_bounds_never_goes_without_them(visitor: Visitor, tmp_path: Path, logs: Lines) -> None:
    quagga = (*COMPANIES[0][:3], '{"limit":{"amount":"50","currency":"EUR"},"procedures":["dog-licence"]}')
    optional = TAKEN.replace("required = true\nmust_be_true = true", "required = false", 1)
    with acting(visitor, tmp_path, quagga, taken=optional.format(form="exact")):
        page = comes(visitor)
        assert page.status == 403, "nobody ticked the mandate"
        asked = visitor.asks(visitor.login(claims=CLAIMS), "demo-ee", "mandate")
        fields = asked.fields if asked.status == 200 and asked.fields else query_of(asked.onward)
        page = visitor.returns(visitor.signs_in(fields))
        assert "mandate" not in page.found("//input[@type='checkbox']/@value"), "the citizen cannot take it out again"
        leaving = visitor.decides(page)
        told = json.loads(visitor.userinfo(json.loads(visitor.redeem(leaving.back["code"]).text)["access_token"]).text)
        assert told["mandate"] == [json.loads(quagga[3])]
    for form in ("in_force", "limit_at_least(50 EUR)"):
        with acting(visitor, tmp_path / form[:5], quagga, taken=TAKEN.format(form=form)):
            assert comes(visitor).status == 403, "the service would not hear for which procedure"
    assert [one["check"] for one in logs if one["event"] == "refused"] == ["mandate_bounds"] * 3


@pytest.mark.spec("issue 33 item 3")
def test_the_service_hears_the_lower_level_of_the_register_and_the_sign_in(visitor: Visitor, tmp_path: Path) -> None:
    high = "http://eidas.europa.eu/LoA/high"
    with acting(visitor, tmp_path, COMPANIES[0], level="substantial"):
        leaving = visitor.decides(comes(visitor))
        claims = claims_of(json.loads(visitor.redeem(leaving.back["code"]).text)["id_token"])
        assert (claims["person_kind"], claims["acr"]) == ("for_legal", high.replace("high", "substantial"))
        essential = json.dumps({"id_token": {"acr": {"essential": True, "values": [high]}}})
        # One provider alone reaches it: there is nothing to pick
        page = visitor.returns(visitor.signs_in(query_of(visitor.authorize(claims=essential).onward)))
        assert (page.status, page.back["error"]) == (403, "access_denied")


@pytest.mark.spec("issue 33 bad input")
def test_what_does_not_do_is_not_offered_beside_what_does(visitor: Visitor, tmp_path: Path) -> None:
    ended = (MARI, "hrb-20", "Axolotl Works", '{"general":true,"valid_to":"2020-01-01"}')
    with acting(visitor, tmp_path, *COMPANIES, ended, (*COMPANIES[0][:3], ended[3])):
        assert radios(comes(visitor)) == ["Quagga Works", "Okapi Works"]


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    ("rows", "check"),
    [
        ([*COMPANIES, (MARI, "hrb-17", "Another Name", GOOD)], "represented"),
        ([*COMPANIES, (MARI, None, "No Number", GOOD)], "represented"),
        ([*COMPANIES, (MARI, "hrb-20", "Words", "whatever")], "value_type"),
        ([(MARI, f"hrb-{number}", "Works", GOOD) for number in range(31)], "represented_many"),
    ],
)
def test_a_list_that_contradicts_itself_or_that_nobody_could_read_is_refused_whole(
    visitor: Visitor, tmp_path: Path, logs: Lines, rows: list[tuple[str, ...]], check: str
) -> None:
    with acting(visitor, tmp_path, *rows):
        page = comes(visitor)
    assert (page.status, page.heading) == (503, "A register does not answer")
    assert check in json.dumps(logs, default=str)
