"""An attribute counts from the source that the purpose names, and no more surely than that source and the sign-in are."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName
from policies.authentication import AttributeSource, Offered
from policies.bounded import Terms, bounded
from policies.catalogue import STANDARD
from policies.parties import RegisterId
from policies.purposes import SIGN_IN, Need, Purpose
from policies.release import Reason, decide, may_still_go
from tests.policies.parts import HOME, ON, asked, offered, party, purpose

ADDRESS, NAME = AttributeName("address"), AttributeName("family_name")
POPULATION, LAND = RegisterId("population"), RegisterId("land")
LOW, SUBSTANTIAL, HIGH = LevelOfAssurance
LEVELS = st.sampled_from(LevelOfAssurance)
SOURCES = st.lists(st.sampled_from([SIGN_IN, POPULATION, LAND]), min_size=1, max_size=3, unique=True)
OURS = party(address="exact", family_name="exact")


def needing(*sources: RegisterId, level: LevelOfAssurance | None = None, required: bool = False) -> Purpose:
    made = purpose(("address",) if required else (), address="exact", family_name="exact")
    need = replace(made.needs[ADDRESS], sources=sources or (SIGN_IN,), minimum_assurance=level)
    return replace(made, needs={**made.needs, ADDRESS: need})


def vouched(by: RegisterId | None, level: LevelOfAssurance = HIGH, sign_in: LevelOfAssurance = HIGH) -> Offered:
    found = offered(sign_in, address=HOME, family_name="Tamm")
    return found if by is None else replace(found, sources={ADDRESS: AttributeSource(by, level)})


def ruled(needed: Purpose, had: Offered) -> tuple[Reason, str]:
    decision = decide(asked(address="exact", family_name="exact"), needed, OURS, had, ON)
    by_name = {one.name: one for one in decision.rulings}
    # The other attribute is of the sign-in, whatever becomes of this one
    name = by_name[NAME].released
    assert name
    assert name.register == ""
    released = by_name[ADDRESS].released
    return by_name[ADDRESS].reason, released.register if released else "nothing"


@pytest.mark.parametrize(
    ("needed", "had", "found"),
    [
        (needing(POPULATION), vouched(POPULATION), (Reason.AS_ASKED, "population")),
        (needing(SIGN_IN, POPULATION), vouched(POPULATION), (Reason.AS_ASKED, "population")),
        (needing(SIGN_IN, POPULATION), vouched(None), (Reason.AS_ASKED, "")),
        # The country sent it, and the purpose wants the register's word: nothing takes its place
        (needing(POPULATION), vouched(None), (Reason.NOT_IN_REGISTER, "nothing")),
        (needing(POPULATION), vouched(LAND), (Reason.NOT_IN_REGISTER, "nothing")),
        (needing(SIGN_IN, POPULATION), vouched(RegisterId("")), (Reason.REGISTER_NOT_ASKED, "nothing")),
        (needing(), vouched(POPULATION), (Reason.NOT_AVAILABLE, "nothing")),
        # The purpose wants substantial, its attribute may want more or less
        (needing(POPULATION), vouched(POPULATION, LOW), (Reason.SOURCE_UNSURE, "nothing")),
        (needing(POPULATION, level=LOW), vouched(POPULATION, LOW), (Reason.AS_ASKED, "population")),
        (needing(POPULATION, level=HIGH), vouched(POPULATION, HIGH, SUBSTANTIAL), (Reason.SOURCE_UNSURE, "nothing")),
        (needing(level=HIGH), vouched(None, sign_in=SUBSTANTIAL), (Reason.SOURCE_UNSURE, "nothing")),
        (
            needing(POPULATION),
            replace(vouched(None), attributes={NAME: "Tamm"}, away=frozenset({ADDRESS})),
            (Reason.REGISTER_AWAY, "nothing"),
        ),
    ],
)
def test_an_attribute_counts_from_the_source_that_the_purpose_names(
    needed: Purpose, had: Offered, found: tuple[Reason, str]
) -> None:
    assert ruled(needed, had) == found


@given(SOURCES, st.sampled_from([None, POPULATION, LAND]), LEVELS, LEVELS, st.none() | LEVELS)
def test_nothing_goes_by_a_source_that_is_not_named_or_not_sure_enough(
    sources: list[RegisterId],
    by: RegisterId | None,
    level: LevelOfAssurance,
    sign_in: LevelOfAssurance,
    wanted: LevelOfAssurance | None,
) -> None:
    needed = replace(needing(*sources, level=wanted), minimum_assurance=LOW)
    _, went = ruled(needed, vouched(by, level, sign_in))
    sure = (min(level, sign_in) if by else sign_in) >= (LOW if wanted is None else wanted)
    assert went == ((by or "") if (by or SIGN_IN) in sources and sure else "nothing")


def test_a_required_attribute_of_an_unsure_register_blocks() -> None:
    decision = decide(asked(), needing(POPULATION, required=True), OURS, vouched(POPULATION, LOW), ON)
    assert decision.released == ()


def test_what_was_decided_does_not_go_by_a_source_that_the_purpose_names_no_more() -> None:
    decision = decide(asked(address="exact"), needing(POPULATION), OURS, vouched(POPULATION), ON)
    assert may_still_go(decision.released, needing(SIGN_IN, POPULATION), OURS, STANDARD)
    assert not may_still_go(decision.released, needing(), OURS, STANDARD)
    assert not may_still_go(decision.released, needing(LAND), OURS, STANDARD)


@pytest.mark.parametrize("change", [{"sources": (LAND,)}, {"hand_over": (NAME,)}])
def test_a_login_that_a_change_of_sources_overtook_gets_nothing_of_either(change: Mapping[str, object]) -> None:
    old, new = needing(POPULATION), needing(POPULATION)
    changed: Need = replace(new.needs[ADDRESS], **change)  # type: ignore[arg-type]
    found = bounded(Terms(OURS, old, STANDARD), Terms(OURS, replace(new, needs={**new.needs, ADDRESS: changed}), STANDARD))
    assert found is not None
    assert ADDRESS not in found.terms.purpose.needs
    whole = Address(**{part: getattr(HOME, part) for part in ("street", "locality")})
    had = replace(vouched(POPULATION), attributes={ADDRESS: whole, NAME: "Tamm"})
    assert [one.name for one in found.decide(asked(address="exact", family_name="exact"), had, ON).released] == [NAME]
