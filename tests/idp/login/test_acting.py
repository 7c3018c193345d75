"""Somebody acts for another: their mandate, their approvals and their sessions are nobody else's, and no own ones."""

from dataclasses import replace
from datetime import date

import pytest

from idp.ledger.leaf import subject_index
from idp.ledger.record_contents import DecidedBy
from idp.login.acting import called, check_person
from idp.login.approvals import Approvals
from idp.login.finish import Choice
from idp.login.states import Decided
from policies.attributes import AttributeName, Value
from policies.catalogue import MANDATE
from policies.errors import PersonNotTaken
from policies.parties import ClientId, RegisterId, SubjectNamespace
from policies.persons import ActingFor, PersonKind
from tests.idp.house import ANSWER, COUNTRY, EMAIL, NOW, SECRET, TENANT, House, Watched, assertion

BOTH = 'persons = ["natural", "for_legal"]\n'
BASIS = 'basis = "public_task"\n'
NEED = (
    '[attributes.mandate]\nform = "may_act(permits,100 EUR)"\nrequired = true\nmust_be_true = true\nwhy.en = "Permits."\n'
)
PURPOSE = (BASIS, f'{BASIS}ask = "on_change"\n{BOTH}', "[attributes.email]", f"{NEED}[attributes.email]")
PARTY = ('sphere = "eu"\n', f'sphere = "eu"\n{BOTH}', "[attributes]\n", '[attributes]\nmandate = "exact"\n')
GOOD = '{"limit":{"amount":"100","currency":"EUR"},"procedures":["permits"]}'
COMPANY = ActingFor(PersonKind.LEGAL, "demo/EE:legal", "hrb-1")


def house() -> House:
    return House(
        Watched(), resident_parking=PURPOSE, parking=PARTY, demo_ee=('country = "EE"\n', f'country = "EE"\n{BOTH}')
    )


def comes(found: House, *mandates: str, acting_for: ActingFor | None = COMPANY) -> Decided:
    number = len(found.store.units)
    said = assertion(response_id=f"_r{number}", assertion_id=f"_a{number}")
    if acting_for is not None:
        values: dict[AttributeName, Value] = {**said.offered.attributes, AttributeName("legal_name"): "Works"}
        if mandates:
            values[AttributeName("mandate")] = mandates
        offered = replace(said.offered, attributes=values)
        said = replace(said, offered=offered, kind=PersonKind.FOR_LEGAL, acting_for=acting_for)
    found.country.says = said
    return found.broker.handle_response(found.asked(NOW), ANSWER, "en", NOW)


@pytest.mark.parametrize(
    ("mandates", "check"),
    [
        ((), "mandate_missing"),
        (("whatever",), "mandate"),
        (('{"general":true,"valid_to":"2020-01-01"}',), "mandate_ended"),
        ((GOOD.replace("permits", "taxes"),), "mandate_procedure"),
        ((GOOD.replace("{", '{"joint":true,', 1),), "mandate_joint"),
        (('{"procedures":["permits"]}',), "mandate_without_limit"),
        ((GOOD.replace("100", "99"),), "mandate_limit"),
        (('{"procedures":["permits"]}', GOOD.replace("permits", "taxes")), "mandate_without_limit"),
    ],
)
def test_a_mandate_that_does_not_do_is_refused_by_name(mandates: tuple[str, ...], check: str) -> None:
    with pytest.raises(PersonNotTaken) as refused:
        comes(house(), *mandates)
    assert (refused.value.check, refused.value.code) == (check, "person_not_taken")


def test_a_mandate_that_does_goes_as_a_yes() -> None:
    decided = comes(house(), GOOD)
    released = {one.name: (str(one.form), one.value) for one in decided.decision.released}
    assert released[AttributeName("mandate")] == ("may_act(permits,100 EUR)", True)
    assert decided.judged.acting_for == "Works"


LIMITED = '{"general":true,"limit":{"amount":"100","currency":"EUR"}}'


@pytest.mark.parametrize(
    ("form", "does", "does_not"),
    [("in_force", '{"general":true}', LIMITED), ("limit_at_least(100 EUR)", LIMITED, GOOD)],
)
def test_no_service_takes_a_mandate_for_a_power_without_its_bounds(form: str, does: str, does_not: str) -> None:
    need = NEED.replace("may_act(permits,100 EUR)", form)
    found = House(
        Watched(),
        resident_parking=(*PURPOSE[:3], f"{need}[attributes.email]"),
        parking=PARTY,
        demo_ee=('country = "EE"\n', f'country = "EE"\n{BOTH}'),
    )
    assert comes(found, does).judged.acting_for == "Works"
    with pytest.raises(PersonNotTaken) as refused:
        comes(found, does_not)
    assert refused.value.check == "mandate_bounds"


def test_what_was_approved_for_oneself_never_counts_for_a_company() -> None:
    found = house()
    own = comes(found, acting_for=None)
    found.broker.decide(own, Choice("approve", frozenset({EMAIL}), remember=True), SECRET, NOW)
    assert comes(found, acting_for=None).path is DecidedBy.REMEMBERED
    page = comes(found, GOOD)
    assert page.path is DecidedBy.PAGE
    found.broker.decide(page, Choice("approve", frozenset({EMAIL}), remember=True), SECRET, NOW)
    other = replace(COMPANY, identifier="hrb-2")
    assert [comes(found, GOOD, acting_for=one).path for one in (COMPANY, other)] == [DecidedBy.REMEMBERED, DecidedBy.PAGE]
    assert comes(found, acting_for=None).path is DecidedBy.PAGE
    # Also where the service's pseudonym is the same
    again = comes(found, GOOD)
    standing = Approvals(tenant=TENANT, subjects=bytes(32), decisions=found.store).of(again, NOW)
    for judged, same in ((again.judged, True), (replace(again.judged, represented=b"another"), False)):
        earlier = standing.earlier(judged)
        assert earlier is not None
        assert earlier.same is same


def test_the_record_commits_to_both_and_is_found_by_whoever_acted() -> None:
    found = house()
    own, page = comes(found, acting_for=None), comes(found, GOOD)
    assert own.judged.subject == page.judged.subject
    assert own.judged.sub != page.judged.sub
    assert page.judged.represented not in (b"", page.judged.subject)
    assert page.judged.represented == subject_index(bytes(32), TENANT, SubjectNamespace("demo/EE:legal"), "hrb-1")


def test_no_session_is_begun_for_whoever_acts() -> None:
    assert comes(house(), GOOD).signed_in is None


def test_a_mandate_of_a_register_is_waited_for_where_the_broker_ends_what_falls_short() -> None:
    made = house().role.configuration
    (purpose,) = (one for one in made.purposes.values() if one.purpose_id == "resident-parking")
    party, provider = made.parties[ClientId("parking")], made.providers[COUNTRY]
    need = replace(purpose.needs[MANDATE], sources=(RegisterId("powers"),))
    asks_one = replace(purpose, needs={**purpose.needs, MANDATE: need})
    acts = replace(assertion(), kind=PersonKind.FOR_LEGAL, acting_for=COMPANY)
    check_person(acts, provider, replace(party, enforce=True), asks_one, date(2026, 12, 1))
    for service, of in ((replace(party, enforce=False), asks_one), (replace(party, enforce=True), purpose)):
        with pytest.raises(PersonNotTaken):
            check_person(acts, provider, service, of, date(2026, 12, 1))


@pytest.mark.parametrize(
    ("given", "family", "said"),
    [
        ("\u5c0f\u4e91", "\u738b", "\u738b\u5c0f\u4e91"),
        ("Mari", "Maasikas", "Mari Maasikas"),
        ("Mari", "\u738b", "Mari \u738b"),
    ],
)
def test_a_name_in_chinese_characters_has_the_family_name_first(given: str, family: str, said: str) -> None:
    values = {AttributeName("represented_given_name"): given, AttributeName("represented_family_name"): family}
    assert called(PersonKind.FOR_NATURAL, values) == said
