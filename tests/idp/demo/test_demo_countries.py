"""Four countries, each of which speaks another way: a citizen and a company's representative from each, and both pages."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from idp.demo.border import Border, LandProfile
from idp.demo.browser import Browser, Page
from idp.demo.countries import COMPANIES, COUNTRIES, CountryWalk, broken_ledgers, faults_of, walk_countries
from idp.demo.walk import DECISION, SIGN_INS
from idp.demo.walked import Walked

MINIMUM = ["birthdate", "family_name", "given_name", "person_identifier"]
COMPANY = ["legal_name", "legal_person_identifier", "mandate"]


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    made = Border(tmp_path_factory.mktemp("demo") / "countries", fixed=False, processes=False, lands=COUNTRIES, permit=True)
    made.open()
    yield made
    made.close()


@pytest.fixture(scope="module")
def walks(border: Border) -> tuple[CountryWalk, ...]:
    return walk_countries(border, str)


def walked(walks: tuple[CountryWalk, ...], profile: LandProfile, person: str) -> Walked:
    (found,) = [one.walked for one in walks if one.land.profile is profile and one.person == person]
    assert found is not None
    return found


@pytest.mark.spec("issue 33 shown by")
def test_each_country_ends_a_sign_in_of_both_kinds_and_only_what_was_asked_crosses(
    walks: tuple[CountryWalk, ...], border: Border
) -> None:
    assert [(str(one.land.profile), one.person, one.faults) for one in walks] == [
        (profile, person, ())
        for profile in ("eidas-1.4", "eidas-1.2", "stork-2.0", "middleware")
        for person in ("natural", "representative")
    ]
    for one in walks:
        # eIDAS sends the whole minimum data set; STORK what was asked for, and the mandate names who acts
        acts = one.person == "representative"
        natural = ["birthdate", "person_identifier"] if one.land.profile.stork and not acts else MINIMUM
        assert one.as_json()["hops"] == {
            "sending->receiving": sorted(natural + (COMPANY if acts else [])),
            "receiving->city": sorted(
                ["age_over_18", "sub", *(["legal_name", "mandate_may_act", "person_kind"] if acts else [])]
            ),
        }
        assert one.walked is not None
        assert {*one.walked.ledgers} == {"receiving", "sending"}
    assert broken_ledgers(border) == ()


def test_a_service_that_gets_less_more_or_another_company_is_a_fault(walks: tuple[CountryWalk, ...]) -> None:
    own = walked(walks, LandProfile.STORK_2_0, "natural")
    acting = walked(walks, LandProfile.STORK_2_0, "representative")
    company = COMPANIES["PT"]
    assert [*faults_of(own, ""), *faults_of(acting, company)] == []
    wrong = {
        "another company": replace(acting, released=acting.released | {"legal_name": ("exact", COMPANIES["AT"])}),
        "no mandate": replace(acting, released=acting.released | {"mandate_may_act": ("", {"harbour-permit": False})}),
        "for themself": own,
        "more": replace(acting, released=acting.released | {"birthdate": ("exact", "1988-07-14")}),
        "not weakened": replace(acting, weakened=()),
        "no permit": replace(acting, services=(replace(acting.services[0], granted=False),)),
    }
    assert [name for name, one in wrong.items() if not [*faults_of(one, company)]] == []
    assert [*faults_of(acting, "")]


def test_a_company_that_the_service_cannot_tell_from_its_representative_is_a_fault(border: Border) -> None:
    portugal = COUNTRIES[2]
    lands, border.lands = border.lands, (replace(portugal, citizens=portugal.citizens[:1] * 2),)
    try:
        natural, representative = walk_countries(border, str)
    finally:
        border.lands = lands
    assert natural.faults == ()
    assert "the service cannot tell them from somebody else" in representative.faults


def test_a_walk_that_ends_early_says_so_and_stops_no_other(border: Border) -> None:
    portugal = COUNTRIES[2]
    stranger = replace(portugal.citizens[0], key="stranger")
    lands, border.lands = border.lands, (replace(portugal, citizens=(stranger, portugal.citizens[1])),)
    try:
        natural, representative = walk_countries(border, str)
    finally:
        border.lands = lands
    assert natural.as_json() == {"profile": "stork-2.0", "person": "natural", "hops": {}}
    assert natural.faults
    assert representative.faults == ()


def told_at_home(border: Border, browser: Browser, at: str) -> Page:
    """The page of the country's node, for a citizen who may act for their company."""
    picker = browser.get(f"{border.city_base}/permit/login")
    asking = browser.choose(picker, f"/at/{SIGN_INS[at]}")
    if asking.tree.xpath("boolean(//input[@name='SAMLRequest'])"):
        asking = browser.submit(asking, {})
    land = next(one for one in COUNTRIES if one.host == at)
    return browser.submit(browser.submit(asking, {"citizen": land.citizens[1].key}), {})


@pytest.mark.spec("eidas.md §5 representatives")
@pytest.mark.spec("issue 33 item 1")
@pytest.mark.parametrize("at", ["estonia", "bulgaria", "portugal", "austria"])
def test_whoever_may_act_says_so_on_one_page_and_reads_it_on_the_other(border: Border, at: str) -> None:
    company = COMPANIES[SIGN_INS[at].upper()]
    with Browser() as browser:
        informed = told_at_home(border, browser, at)
        labels = [str(text).strip() for text in informed.tree.xpath("//label[starts-with(@for, 'acting-')]//text()")]
        assert [label for label in labels if label] == ["For yourself", company]
        assert not informed.tree.xpath("//input[@name='acting'][@checked]")
        informed = browser.submit(informed, {"page": "acting", "acting": "1"}, DECISION)
        sent = browser.submit(informed, {"choice": "continue"}, DECISION)
        question = browser.submit(sent, {})
        assert question.tree.xpath("string(//p[@id='acting'])") == f"You act for {company}."
        last = browser.press(question, {"choice": "approve"}, DECISION)
        assert f"You act for {company}." in last.text

    with Browser() as browser:
        informed = told_at_home(border, browser, at)
        informed = browser.submit(informed, {"page": "acting", "acting": "0"}, DECISION)
        sent = browser.submit(informed, {"choice": "continue"}, DECISION)
        question = browser.submit(sent, {})
        assert question.status == 200, question.text
        assert company not in question.text


@pytest.mark.usefixtures("walks")
def test_a_record_that_somebody_changed_is_named(border: Border) -> None:
    with closing(sqlite3.connect(border.sending["AT"] / "ciconia.db")) as database:
        (kept,) = database.execute("SELECT leaf_hash FROM records LIMIT 1").fetchone()
        for octets in (bytes(32), kept):
            database.execute("UPDATE records SET leaf_hash = ? WHERE leaf_hash IN (?, ?)", (octets, kept, bytes(32)))
            database.commit()
            assert broken_ledgers(border) == (("node-at.localhost",) if octets != kept else ())
