"""The question as it is filled in is the page that the template makes, for every decision, and is kept without a value."""

from dataclasses import replace

import pytest

from idp.endpoints.city_screens import CityScreens
from idp.login import Decided
from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form, Value
from policies.catalogue import STANDARD
from policies.parties import Source
from policies.release import Decision, Outcome, Reason, Ruling
from tests.idp.house import House

SEALED = "sealed-\"<text>&'"
EVIL = "<i>Ö'\"&amp;</i>✓"
SOURCE = Source("x.toml", 1)


def _ruling(name: str, value: Value | None, form: Form = EXACT, reason: Reason = Reason.AS_ASKED, **more: bool) -> Ruling:
    released = None if value is None else Attribute(AttributeName(name), form, value)
    outcome = Outcome.WITHHELD if value is None else Outcome.AS_ASKED
    return Ruling(AttributeName(name), EXACT, outcome, reason, more.get("required", False), SOURCE, released)


AGE, ADULT = Form("age_over", "18"), Form("age_over", "21")
PLACE = Form("resident_of", "Storkhaven")
HOME = Address("Canal Street 1", "10111", "Storkhaven", "", "EE")
DECISIONS = (
    Decision(()),
    Decision((_ruling("email", "mari@post.example"),)),
    Decision((_ruling("email", "mari@post.example", required=True),)),
    Decision((_ruling("email", EVIL), _ruling("family_name", "Maasikas", required=True))),
    Decision((_ruling("email", None, reason=Reason.NOT_AVAILABLE),)),
    Decision((_ruling("email", None, reason=Reason.NOT_NEEDED),)),
    Decision((_ruling("birthdate", value=True, form=AGE, reason=Reason.LEAST_SUFFICIENT),)),
    Decision((_ruling("birthdate", value=False, form=AGE, reason=Reason.SOURCE_HAS_LESS),)),
    Decision((_ruling("birthdate", value=True, form=ADULT, reason=Reason.LEAST_SUFFICIENT),)),
    Decision(
        (_ruling("birthdate", "1990-07-22"), _ruling("address", value=True, form=PLACE, reason=Reason.LEAST_SUFFICIENT))
    ),
    Decision((_ruling("address", HOME), _ruling("given_name", None, reason=Reason.NOT_REGISTERED))),
    Decision((_ruling("address", replace(HOME, street="", region=EVIL)), _ruling("nationality", "EE"))),
    Decision((_ruling("address", Address(locality="Storkhaven")), _ruling("gender", "female"))),
    Decision((_ruling("a_citys_own", "x", required=True),)),
    Decision(tuple(_ruling(f"own_{number}", f"value {number}") for number in range(150))),
)


@pytest.fixture(scope="module")
def house() -> House:
    return House()


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def screens(house: House, pages: Pages) -> CityScreens:
    return CityScreens(role=house.role, pages=pages, catalogue=STANDARD)


def judged(decided: Decided, **changes: object) -> Decided:
    return replace(decided, judged=replace(decided.judged, **changes))  # type: ignore[arg-type] # as a test names them


def _whole(screens: CityScreens, decided: Decided, language: str) -> str:
    """The page with everything in place from the start."""
    released = [ruling.released for ruling in decided.decision.rulings if ruling.released is not None]
    values = [screens._pages.wording(language).value(attribute, STANDARD) for attribute in released]
    return screens._pages.approval(screens.view(decided, language, decided.login, SEALED, values))


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_the_templates_own_page_for_every_decision_and_every_value(
    house: House, screens: CityScreens, language: str
) -> None:
    first = house.decided()
    cases = [first, *(judged(first, decision=decision) for decision in DECISIONS)]
    cases += [judged(cases[-5], loa=level) for level in LevelOfAssurance]
    cases += [judged(case, arrived=(AttributeName("email"), AttributeName("birthdate"))) for case in cases[:6]]
    # Each twice, so that what was kept of one meets all the others
    for decided in (*cases, *reversed(cases)):
        assert screens.question(decided, SEALED, language).decode() == _whole(screens, decided, language)


def test_another_citizen_gets_the_same_sheet_and_their_own_values(house: House, screens: CityScreens) -> None:
    one, other = (
        judged(house.decided(), decision=Decision((_ruling("email", value), _ruling("family_name", value))))
        for value in ("mari@post.example", EVIL)
    )
    for decided in (one, other):
        assert screens.question(decided, SEALED, "en").decode() == _whole(screens, decided, "en")
    assert len(screens._pages.sheets._made) == 1


def test_what_is_kept_holds_nothing_of_a_login_or_a_person(house: House, screens: CityScreens) -> None:
    decided = judged(house.decided(), decision=DECISIONS[9])
    assert b"22 July 1990" in screens.question(decided, SEALED, "en"), "the control"
    kept = repr(screens._pages.sheets._made)
    assert "birthdate" in kept
    for text in ("1990", decided.login, SEALED, decided.judged.sub):
        assert text not in kept
