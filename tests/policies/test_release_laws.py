"""The laws of design: deny by default, never stronger than any input, monotone, independent of order."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName, Form, Value
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import STANDARD, AttributeType
from policies.forms import FORMS, AttributeKind, is_predicate, says_no_more
from policies.mandates import Mandate
from policies.parties import ClientId, RelyingParty, Rule, Sector
from policies.persons import ACTING, EVERYBODY, NATURAL_ALONE, PersonKind
from policies.purposes import Basis, Controller, Need, Purpose
from policies.release import Decision, Reason, choose, decide
from tests.policies.parts import ON, PARKING, PARTY_FILE, PURPOSE_FILE

CATALOGUE = STANDARD.with_own(
    [
        AttributeType(AttributeName("entitlement"), AttributeKind.SET, {"en": "Entitlement"}, "entitlement"),
        AttributeType(AttributeName("income"), AttributeKind.AMOUNT, {"en": "Income"}, "income"),
    ]
)
# Two parameters of each sort: the order of forms treats all alike
PARAMETERS = {
    "": ("",),
    "age": ("18", "65"),
    "ages": ("0,17", "18,25"),
    "place": ("Storkhaven", "Tallinn"),
    "countries": ("EE,LV", "DE"),
    "texts": ("staff,student", "s"),
    "amount": ("30000 EUR/year", "0 EUR/year"),
    "money": ("5000 EUR", "100 EUR"),
    "power": ("building-permit", "building-permit,5000 EUR"),
}
FORMS_OF = {
    name: tuple(
        Form(known.name, parameter) for known in FORMS[one.kind].values() for parameter in PARAMETERS[known.parameter]
    )
    for name, one in CATALOGUE.attributes.items()
}
VALUES_OF: Mapping[AttributeKind, st.SearchStrategy[Value]] = {
    AttributeKind.TEXT: st.sampled_from(["maria@example.org", "", "x"]),
    AttributeKind.NAME: st.sampled_from(["Maria Anna", "\u674e", "", "Jaan"]),
    AttributeKind.NUMBER: st.sampled_from(["38001085718", "1234567", " "]),
    AttributeKind.NATIONALITY: st.sampled_from(["EL", "US", "Estonia", ("US", "LV"), ("XX", "xx"), ()]),
    AttributeKind.SET: st.sampled_from(["student", ("staff", "s"), ("alum",), ("",)]),
    AttributeKind.AMOUNT: st.sampled_from(["31200 EUR/year", "-1 EUR/year", "31200", "1 EUR/month"]),
    AttributeKind.MANDATE: st.sampled_from(
        [
            ('{"general":true}',),
            (Mandate(frozenset(("building-permit",)), limit=(Decimal(5000), "EUR")).text, '{"general":true,"joint":true}'),
            ('{"general":true,"valid_to":"2020-01-01"}',),
            ('{"procedures":[]}',),
        ]
    ),
    AttributeKind.DATE: st.sampled_from(
        ["1990-04-01", "1990-04", "1990", "2030-01-01", "unknown", "2012-02-29", "1990-02-30"]
    ),
    AttributeKind.ADDRESS: st.builds(
        Address,
        street=st.sampled_from(["", "Canal Street 12"]),
        region=st.sampled_from(["", "Harju"]),
        locality=st.sampled_from(["", "Storkhaven", "Elsewhere"]),
        country=st.sampled_from(["", "EE", "Estonia"]),
    ),
}
NAMES = st.sampled_from(sorted(CATALOGUE.attributes))
LEVELS = st.sampled_from(LevelOfAssurance)
SPHERES = st.sampled_from(["", "home", "abroad"])


def mapped(name: AttributeName) -> st.SearchStrategy[tuple[AttributeName, Form]]:
    return st.tuples(st.just(name), st.sampled_from(FORMS_OF[name]))


FORM_BY_NAME = st.lists(NAMES, unique=True, max_size=6).flatmap(lambda names: st.tuples(*map(mapped, names))).map(dict)
SOURCES = st.builds(
    Offered,
    st.lists(NAMES, unique=True, max_size=8)
    .flatmap(lambda names: st.tuples(*(st.tuples(st.just(n), VALUES_OF[CATALOGUE.attributes[n].kind]) for n in names)))
    .map(dict),
    LEVELS,
    SPHERES,
    kind=st.sampled_from(PersonKind),
)


def party_of(
    forms: Mapping[AttributeName, Form],
    *,
    knows_purpose: bool = True,
    sphere: str = "",
    persons: frozenset[PersonKind] = EVERYBODY,
) -> RelyingParty:
    return RelyingParty(
        client_id=ClientId("c"),
        title={"en": "C"},
        sector=Sector("s"),
        redirect_uris=(),
        purposes=(PARKING,) if knows_purpose else (),
        attributes={name: Rule(one, PARTY_FILE) for name, one in forms.items()},
        source=PARTY_FILE,
        sphere=sphere,
        persons=persons,
    )


def purpose_of(forms: Mapping[AttributeName, Form], required: frozenset[AttributeName], level: LevelOfAssurance) -> Purpose:
    return Purpose(
        purpose_id=PARKING,
        title={"en": "P"},
        basis=Basis.CONSENT,
        law={"en": "L"},
        controller=Controller({"en": "C"}, "c"),
        needs={name: Need(one, {"en": "W"}, name in required, PURPOSE_FILE) for name, one in forms.items()},
        minimum_assurance=level,
        digest="",
        source=PURPOSE_FILE,
        persons=EVERYBODY,
    )


PERSONS = st.sampled_from([EVERYBODY, EVERYBODY, NATURAL_ALONE, ACTING])
PARTIES = st.builds(
    party_of, FORM_BY_NAME, knows_purpose=st.sampled_from([True, True, True, False]), sphere=SPHERES, persons=PERSONS
)
REQUIRED = st.frozensets(NAMES, max_size=2)
PURPOSES = st.builds(purpose_of, FORM_BY_NAME, REQUIRED, LEVELS)
REQUESTS = FORM_BY_NAME.map(lambda forms: tuple(AskedAttribute(*one) for one in forms.items()))


def no_more(name: AttributeName, weaker: Form, stronger: Form) -> bool:
    return says_no_more(FORMS[CATALOGUE.attributes[name].kind], weaker, stronger)


def given_by(decision: Decision) -> dict[AttributeName, Form]:
    """The form in which each attribute could go, before a blocked one takes all with it."""
    return {r.name: r.released.form for r in decision.rulings if r.released is not None}


def at_most(less: Mapping[AttributeName, Form], more: Mapping[AttributeName, Form]) -> bool:
    return all(name in more and no_more(name, one, more[name]) for name, one in less.items())


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_what_goes_is_never_stronger_than_any_input(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    decision = decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)
    by_name = {one.name: one.form for one in wanted}
    for attribute in decision.released:
        name = attribute.name
        assert no_more(name, attribute.form, by_name[name])
        assert no_more(name, attribute.form, rules.attributes[name].form)
        assert no_more(name, attribute.form, needs.needs[name].form)
        assert name in source.attributes
        assert source.loa >= needs.minimum_assurance
        assert needs.purpose_id in rules.purposes
        assert source.kind in rules.persons & CATALOGUE.attributes[name].persons


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_across_a_border_a_predicate_goes_as_at_home_and_nothing_else_does(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    home = {r.name: r for r in decide(wanted, needs, rules, replace(source, sphere=""), ON, catalogue=CATALOGUE).rulings}
    there = decide(
        wanted, needs, replace(rules, sphere="home"), replace(source, sphere="abroad"), ON, catalogue=CATALOGUE
    ).rulings
    for ruling in there:
        assert ruling.released is None or is_predicate(ruling.released.form)
        assert ruling.reason is Reason.OTHER_SPHERE or ruling == home[ruling.name]


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_every_input_that_is_empty_denies_everything(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    assert decide((), needs, rules, source, ON, catalogue=CATALOGUE).released == ()
    assert decide(wanted, replace(needs, needs={}), rules, source, ON, catalogue=CATALOGUE).released == ()
    assert decide(wanted, needs, replace(rules, attributes={}), source, ON, catalogue=CATALOGUE).released == ()
    assert decide(wanted, needs, replace(rules, purposes=()), source, ON, catalogue=CATALOGUE).released == ()
    assert decide(wanted, needs, rules, replace(source, attributes={}), ON, catalogue=CATALOGUE).released == ()


@given(REQUESTS, PURPOSES, PARTIES, SOURCES, st.data())
def test_a_narrower_registration_never_releases_more(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered, data: st.DataObject
) -> None:
    narrower = {
        name: replace(rule, form=data.draw(st.sampled_from([f for f in FORMS_OF[name] if no_more(name, f, rule.form)])))
        for name, rule in rules.attributes.items()
        if data.draw(st.booleans())
    }
    less = decide(wanted, needs, replace(rules, attributes=narrower), source, ON, catalogue=CATALOGUE)
    assert at_most(given_by(less), given_by(decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)))


@given(REQUESTS, PURPOSES, PARTIES, SOURCES, st.data())
def test_a_narrower_purpose_never_releases_more(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered, data: st.DataObject
) -> None:
    narrower = {
        name: replace(need, form=data.draw(st.sampled_from([f for f in FORMS_OF[name] if no_more(name, f, need.form)])))
        for name, need in needs.needs.items()
        if data.draw(st.booleans())
    }
    higher = LevelOfAssurance(data.draw(st.integers(needs.minimum_assurance, LevelOfAssurance.HIGH)))
    less = decide(wanted, replace(needs, needs=narrower, minimum_assurance=higher), rules, source, ON, catalogue=CATALOGUE)
    assert at_most(given_by(less), given_by(decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)))


def poorer(value: Value, data: st.DataObject) -> Value:
    """The same value with something taken away."""
    match value:
        case Address():
            kept = {part: data.draw(st.booleans()) for part in ("street", "locality", "region", "country")}
            return replace(value, **{part: "" for part, keep in kept.items() if not keep})
        case _:
            return data.draw(st.sampled_from([value, ""]))


@given(REQUESTS, PURPOSES, PARTIES, SOURCES, st.data())
def test_a_source_with_less_never_releases_more(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered, data: st.DataObject
) -> None:
    left = {name: poorer(value, data) for name, value in source.attributes.items() if data.draw(st.booleans())}
    lower = LevelOfAssurance(data.draw(st.integers(LevelOfAssurance.LOW, source.loa)))
    less = decide(wanted, needs, rules, replace(source, attributes=left, loa=lower), ON, catalogue=CATALOGUE)
    assert at_most(given_by(less), given_by(decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)))


@given(REQUESTS, PURPOSES, PARTIES, SOURCES, st.data())
def test_fewer_ticks_never_release_more(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered, data: st.DataObject
) -> None:
    decision = decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)
    boxes = st.sets(st.sampled_from(decision.optional)) if decision.optional else st.just(set[AttributeName]())
    more = data.draw(boxes)
    fewer = {name for name in sorted(more) if data.draw(st.booleans())}
    released = set(choose(decision, fewer).released)
    assert released <= set(choose(decision, more).released) <= set(decision.released)
    assert fewer <= {attribute.name for attribute in released}


@given(REQUESTS, PURPOSES, PARTIES, SOURCES, st.randoms(use_true_random=False))
def test_the_order_of_nothing_matters(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered, random: st.DataObject
) -> None:
    shuffled = list(wanted)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # a random.Random, which the strategy's type does not say
    turned = decide(
        shuffled,
        replace(needs, needs=dict(reversed(list(needs.needs.items())))),
        replace(rules, attributes=dict(reversed(list(rules.attributes.items())))),
        replace(source, attributes=dict(reversed(list(source.attributes.items())))),
        ON,
        catalogue=CATALOGUE,
    )
    assert turned == decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_a_required_attribute_that_is_denied_means_that_nothing_goes(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    decision = decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)
    denied = {r.name for r in decision.rulings if r.released is None}
    had = source.kind in needs.persons & rules.persons and PARKING in rules.purposes
    required = {
        name
        for name, need in needs.needs.items()
        # Nobody lacks what their kind of sign-in cannot have
        if need.required
        and (source.kind in CATALOGUE.attributes[name].persons or not had or source.loa < needs.minimum_assurance)
    }
    assert set(decision.blocked) == denied & required
    assert not (decision.blocked and decision.released)


@given(REQUESTS, PURPOSES, PARTIES, SOURCES)
def test_every_attribute_asked_has_one_ruling_with_its_line(
    wanted: tuple[AskedAttribute, ...], needs: Purpose, rules: RelyingParty, source: Offered
) -> None:
    decision = decide(wanted, needs, rules, source, ON, catalogue=CATALOGUE)
    assert [r.name for r in decision.rulings] == sorted(one.name for one in wanted)
    assert all(r.source in {PARTY_FILE, PURPOSE_FILE} for r in decision.rulings)
