"""Kinds of person and mandates: what a file may say of them, who is refused, and what a mandate is good for."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.attributes import EXACT, AttributeName, Value
from policies.catalogue import MANDATE, STANDARD
from policies.derive import available, derive
from policies.errors import Misconfigured
from policies.forms import AttributeKind
from policies.load import load
from policies.mandates import Mandate, fault_of, read_mandate, read_mandates, value_of
from policies.persons import EVERYBODY, NATURAL_ALONE, PersonKind
from policies.release import Reason, decide
from tests.policies.load.files import FILES
from tests.policies.parts import ON, asked, form, offered, party, purpose

EURO = (Decimal(5000), "EUR")
MANDATES = st.builds(
    Mandate,
    procedures=st.frozensets(st.sampled_from(["permits", "tax:income", "a/b"]), min_size=1),
    valid_from=st.none() | st.dates(max_value=date(2026, 1, 1)),
    valid_to=st.none() | st.dates(min_value=date(2026, 1, 1)),
    limit=st.none() | st.tuples(st.decimals(0, 10**9, places=2), st.sampled_from(["EUR", "CNY"])),
    joint=st.booleans(),
) | st.just(Mandate(general=True))


@given(MANDATES)
def test_a_mandate_has_one_spelling(mandate: Mandate) -> None:
    assert read_mandate(mandate.text) == mandate
    assert read_mandates(value_of([mandate, mandate])) == (mandate,)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "general",
        '{"procedures":[]}',
        '{"general":true,"procedures":["permits"]}',
        '{"general":1}',
        '{"general":true,"general":true}',
        '{"general":true,"scope":"all"}',
        '{"procedures":"permits"}',
        '{"procedures":["no code"]}',
        '{"general":true,"valid_to":"2026-02-30"}',
        '{"general":true,"valid_to":20261231}',
        '{"general":true,"valid_from":"2026-12-31","valid_to":"2026-01-01"}',
        '{"general":true,"limit":5000}',
        '{"general":true,"limit":{"amount":"5000"}}',
        '{"general":true,"limit":{"amount":"-1","currency":"EUR"}}',
        '{"general":true,"limit":{"amount":"1E3","currency":"EUR"}}',
        '{"general":true,"limit":{"amount":"NaN","currency":"EUR"}}',
        '{"general":true,"limit":{"amount":"5000","currency":"euro"}}',
        '{"general":true,"limit":{"amount":"5000","currency":"EUR","per":"day"}}',
        "[" * 10_000,
    ],
)
def test_what_says_anything_else_is_no_mandate(text: str) -> None:
    assert read_mandate(text) is None
    assert available(AttributeKind.MANDATE, (Mandate(general=True).text, text), ON) is None


GOOD = Mandate(frozenset(("permits",)), valid_from=ON, valid_to=ON, limit=EURO)


@pytest.mark.parametrize(
    ("changed", "text", "fault"),
    [
        ({}, "in_force", ""),
        ({}, "may_act(permits,5000 EUR)", ""),
        ({"valid_to": date(2026, 11, 24), "valid_from": None}, "may_act(permits)", "mandate_ended"),
        ({"valid_from": date(2026, 11, 26), "valid_to": None}, "in_force", "mandate_ended"),
        ({}, "may_act(taxes)", "mandate_procedure"),
        ({"joint": True}, "may_act(permits)", "mandate_joint"),
        ({"limit": None}, "may_act(permits,1 EUR)", "mandate_without_limit"),
        ({"limit": (Decimal(5000), "CNY")}, "limit_at_least(1 EUR)", "mandate_without_limit"),
        ({}, "limit_at_least(5000.01 EUR)", "mandate_limit"),
        ({"procedures": frozenset(), "general": True}, "may_act(taxes)", ""),
    ],
)
def test_what_a_mandate_lacks_has_a_name(changed: dict[str, object], text: str, fault: str) -> None:
    mandate = replace(GOOD, **changed)  # type: ignore[arg-type]
    assert fault_of((mandate,), form(text), ON) == fault
    answer = None if fault == "mandate_without_limit" else not fault
    assert derive(AttributeKind.MANDATE, (mandate.text,), form(text), ON) is answer
    assert fault_of((), form(text), ON) == "mandate_missing"


def test_two_halves_of_two_mandates_make_no_whole_one() -> None:
    ended = replace(GOOD, valid_from=None, valid_to=date(2026, 1, 1))
    other = Mandate(frozenset(("taxes",)), limit=EURO)
    assert derive(AttributeKind.MANDATE, value_of((ended, other)), form("may_act(permits)"), ON) is False


def test_a_mandate_is_a_claim_of_json() -> None:
    value: Value = value_of((GOOD,))
    said = {
        "procedures": ["permits"],
        "valid_from": "2026-11-25",
        "valid_to": "2026-11-25",
        "limit": {"amount": "5000", "currency": "EUR"},
    }
    assert STANDARD.claim_value(MANDATE, EXACT, value) == [said]
    assert STANDARD.claim_for(MANDATE, form("may_act(permits)")) == "mandate_may_act"


@pytest.mark.parametrize("side", ["purpose", "party"])
@pytest.mark.parametrize("kind", sorted(PersonKind))
def test_whom_nobody_registered_gets_nothing(side: str, kind: PersonKind) -> None:
    needs = replace(purpose(email="exact"), persons=NATURAL_ALONE if side == "purpose" else EVERYBODY)
    rules = replace(party(email="exact"), persons=NATURAL_ALONE if side == "party" else EVERYBODY)
    source = replace(offered(email="e@post.example"), kind=kind)
    (ruling,) = decide(asked(email="exact"), needs, rules, source, ON).rulings
    if kind is PersonKind.NATURAL:
        assert ruling.released is not None
    else:
        assert ruling.reason in (Reason.OTHER_PERSONS, Reason.NOT_AVAILABLE)
        assert ruling.released is None


def test_nobody_lacks_what_their_kind_of_sign_in_cannot_have() -> None:
    needs = replace(purpose(("family_name", "legal_name"), family_name="exact", legal_name="exact"), persons=EVERYBODY)
    rules = replace(party(family_name="exact", legal_name="exact"), persons=EVERYBODY)
    request = asked(family_name="exact", legal_name="exact")
    alone = decide(request, needs, rules, offered(family_name="F"), ON)
    assert [one.name for one in alone.released] == ["family_name"]
    acting = replace(offered(family_name="F"), kind=PersonKind.FOR_LEGAL)
    assert decide(request, needs, rules, acting, ON).blocked == (AttributeName("legal_name"),)
    # What a natural person cannot have does not go, wherever it came from
    strange = decide(request, needs, rules, offered(family_name="F", legal_name="L"), ON)
    assert [one.name for one in strange.released] == ["family_name"]


PARTY, PURPOSE = FILES["parties/parking.toml"], FILES["purposes/parking.toml"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("persons = []", "empty"),
        ('persons = ["legal_for_legal"]', "no kind of person"),
        ('persons = ["natural", "natural"]', "twice"),
        ('persons = ["legal"]', "is for persons for themselves alone"),
    ],
)
def test_a_registration_says_which_kinds_it_takes(line: str, told: str) -> None:
    files = {"purposes/parking.toml": PURPOSE.encode(), "parties/parking.toml": f"{line}\n{PARTY}".encode()}
    with pytest.raises(Misconfigured, match=told):
        load(files)


def test_whoever_says_nothing_takes_persons_for_themselves() -> None:
    configuration = load({"purposes/parking.toml": PURPOSE.encode(), "parties/parking.toml": PARTY.encode()})
    assert {one.persons for one in configuration.parties.values()} == {NATURAL_ALONE}
    wider = 'persons = ["natural", "for_legal"]\n'
    configuration = load(
        {"purposes/parking.toml": (wider + PURPOSE).encode(), "parties/parking.toml": (wider + PARTY).encode()}
    )
    (registration,) = configuration.parties.values()
    assert registration.persons == {PersonKind.NATURAL, PersonKind.FOR_LEGAL}
