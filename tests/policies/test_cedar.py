"""The decision equals Cedar's, an engine that nobody here wrote, on the part of the language that both have."""

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, AttributeName, Form, Value
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import STANDARD
from policies.forms import FORMS, is_predicate
from policies.release import decide
from tests.peers import require_peer
from tests.policies.cedar import PRESENT, Cedar
from tests.policies.parts import HOME, ON, PARKING, form, party, purpose

# With these, every form can be derived: the engines judge rules, and not values
VALUES: dict[str, Value] = {
    "family_name": "Maasikas",
    "birthdate": "1990-02-28",
    "person_identifier": "EE/NL/49002280001",
    "nationality": "EE",
    "address": HOME,
}
PARAMETERS = {
    "birthdate": ("age_over(18)", "age_over(60)", "age_in(12,17)"),
    "nationality": ("nationality_in(EE,LV)", "only(EE,LV)"),
    "address": ("resident_of(Storkhaven)", "resident_of(Tartu)"),
}
UNIVERSE = {
    AttributeName(name): (
        *(Form(kind.name) for kind in FORMS[STANDARD.attributes[AttributeName(name)].kind].values() if not kind.parameter),
        *(form(text) for text in PARAMETERS.get(name, ())),
    )
    for name in VALUES
}
SPHERES = st.sampled_from(["", "", "eu", "ch"])


@st.composite
def forms(draw: st.DrawFn) -> dict[str, str]:
    """Some attributes, each in one of its forms."""
    names = draw(st.sets(st.sampled_from(sorted(VALUES))))
    return {name: str(draw(st.sampled_from(UNIVERSE[AttributeName(name)]))) for name in sorted(names)}


@settings(max_examples=100, deadline=None)
@given(
    registered=forms(),
    needed=forms(),
    other=forms(),
    asked=forms(),
    minimum=st.sampled_from(LevelOfAssurance),
    loa=st.sampled_from(LevelOfAssurance),
    purposes=st.sampled_from([(PARKING,), ("another",), (PARKING, "another")]),
    spheres=st.tuples(SPHERES, SPHERES),
)
def test_what_goes_is_what_cedar_lets_go(
    *,
    registered: dict[str, str],
    needed: dict[str, str],
    other: dict[str, str],
    asked: dict[str, str],
    minimum: LevelOfAssurance,
    loa: LevelOfAssurance,
    purposes: tuple[str, ...],
    spheres: tuple[str, str],
) -> None:
    require_peer("cedarpy", present=PRESENT)
    service = party(purposes, **registered)
    object.__setattr__(service, "sphere", spheres[0])
    wanted = purpose((), minimum, **needed)
    beside = purpose((), LevelOfAssurance.LOW, **other)
    object.__setattr__(beside, "purpose_id", "another")
    source = Offered({AttributeName(name): value for name, value in VALUES.items()}, loa, spheres[1])
    request = [AskedAttribute(AttributeName(name), form(text)) for name, text in asked.items()]
    cedar = Cedar(service, [wanted, beside], STANDARD, UNIVERSE)
    crosses = all(spheres) and spheres[0] != spheres[1]
    for ruling in decide(request, wanted, service, source, ON).rulings:
        allowed = cedar.allowed(ruling.name, ruling.asked, wanted, source)
        released = ruling.released.form if ruling.released else None
        if not crosses:
            assert released == cedar.strongest(ruling.name, ruling.asked, wanted, source), ruling
        elif released is not None:
            assert released in allowed
        # Across a border nothing is made weaker until it passes: it stays
        assert not crosses or all(map(is_predicate, allowed))


def test_the_two_are_compared_about_what_goes_and_what_stays() -> None:
    require_peer("cedarpy", present=PRESENT)
    service, wanted = (
        party(birthdate="exact", family_name="initials"),
        purpose(birthdate="age_over(18)", family_name="exact"),
    )
    source = Offered({AttributeName(name): value for name, value in VALUES.items()}, LevelOfAssurance.HIGH)
    cedar = Cedar(service, [wanted], STANDARD, UNIVERSE)
    found = {name: cedar.strongest(name, EXACT, wanted, source) for name in UNIVERSE}
    assert {name: str(one) for name, one in found.items() if one} == {
        "birthdate": "age_over(18)",
        "family_name": "initials",
    }
