"""The laws of a policy between two others: never more than either lets go, and nothing that one of them would block."""

from dataclasses import replace

import pytest
from hypothesis import given

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Form
from policies.authentication import AskedAttribute, Offered
from policies.bounded import Terms, bounded, judges_alike, judges_no_higher, judging
from policies.load import load
from policies.parties import ClientId, ProviderId, RelyingParty, Sector, SubjectNamespace
from policies.purposes import Basis, Purpose
from policies.release import decide
from tests.policies.load.files import files, spoiled
from tests.policies.parts import ON
from tests.policies.test_release_laws import CATALOGUE, PARTIES, PURPOSES, REQUESTS, SOURCES, at_most, given_by


@given(REQUESTS, PURPOSES, PARTIES, PURPOSES, PARTIES, SOURCES)
def test_what_goes_between_two_policies_is_never_more_than_either(
    wanted: tuple[AskedAttribute, ...],
    before: Purpose,
    was: RelyingParty,
    needs: Purpose,
    rules: RelyingParty,
    source: Offered,
) -> None:
    both = Terms(was, before, CATALOGUE), Terms(rules, needs, CATALOGUE)
    if (found := bounded(*both)) is None:
        return
    decision = found.decide(wanted, source, ON)
    goes = {one.name: one.form for one in decision.released}
    for each in both:
        other = decide(wanted, each.purpose, each.party, source, ON, catalogue=CATALOGUE)
        assert at_most(goes, {one.name: one.form for one in other.released})
        assert at_most(given_by(decision), given_by(other))
        assert set(decision.optional) <= {r.name for r in other.rulings if r.released}


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_between_a_policy_and_itself_is_the_same_policy(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    terms = Terms(rules, needs, CATALOGUE)
    found = bounded(terms, terms)
    assert found is not None
    assert found.decide(wanted, source, ON) == decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)


OLD = load(files())
PARTY, PURPOSE = OLD.parties[ClientId("parking")], next(iter(OLD.purposes.values()))
TERMS = Terms(PARTY, PURPOSE, OLD.catalogue)
BIRTHDATE = AttributeName("birthdate")


@pytest.mark.parametrize(
    "now",
    [
        replace(TERMS, purpose=replace(PURPOSE, basis=Basis.CONSENT)),
        replace(TERMS, purpose=replace(PURPOSE, law={"en": "another law"})),
        replace(TERMS, party=replace(PARTY, sector=Sector("another"))),
    ],
)
def test_between_two_that_have_no_common_sense_there_is_none(now: Terms) -> None:
    assert bounded(TERMS, now) is None


@pytest.mark.parametrize("form", [Form("age_over", "21"), Form("birth_year"), None])
def test_a_login_that_one_policy_ends_for_its_answer_does_not_go_on_without_the_question(form: Form | None) -> None:
    need = PURPOSE.needs[BIRTHDATE]
    others = {name: one for name, one in PURPOSE.needs.items() if name != BIRTHDATE}
    enforced = replace(TERMS, purpose=replace(PURPOSE, needs={**others, BIRTHDATE: replace(need, must_be_true=True)}))
    changed = {**others, BIRTHDATE: replace(need, form=form, required=False)} if form else others
    loose = replace(TERMS, purpose=replace(PURPOSE, needs=changed))
    assert bounded(enforced, loose) is None
    assert bounded(loose, enforced) is None
    assert bounded(enforced, TERMS) is not None


def test_a_provider_whose_answers_mean_something_else_is_another_one() -> None:
    provider = OLD.providers[ProviderId("demo-ee")]
    assert judges_alike(provider, replace(provider, metadata=b"renewed", binding="post", name_id_format="urn:x"))
    assert not judges_alike(provider, replace(provider, assurance={}))
    assert not judges_alike(provider, replace(provider, sphere="abroad"))
    turned = dict(reversed([*provider.attributes.items()]))
    assert (
        judging(provider)
        == judging(replace(provider, attributes=turned))
        != judging(replace(provider, namespace=SubjectNamespace("demo/LV")))
    )
    higher, lower = {"urn:x": LevelOfAssurance.HIGH}, {"urn:x": LevelOfAssurance.LOW}
    for was, now, holds in ((higher, lower, True), (lower, higher, False), ({}, lower, False), (higher, {}, True)):
        assert judges_no_higher(replace(provider, assurance=was), replace(provider, assurance=now)) is holds


def test_a_registration_that_did_not_change_is_not_read_again() -> None:
    old, new = files(), spoiled("purposes/parking.toml", "Permits are for adults.", "By-law 8")
    again = load(new, (old, OLD))
    assert again == load(new)
    assert again.parties[PARTY.client_id] is PARTY
    keyed = files(**{"parties/fares.jwks.json": '{"keys": []}'})
    assert load(files(), (keyed, OLD)) == OLD
    fares = ClientId("fares")
    assert load(files(), (keyed, OLD)).parties[fares] is not OLD.parties[fares]
