"""Registers in a login: which are asked about whom, and that what they say of powers is held against the rules."""

import sqlite3
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.attribute_provider import RegisterAnswer, RegisterQuery
from connectors.registers.database_view import RegisterView
from connectors.registers.judgement import MAX_AGE
from idp.login.registers import PLACES
from idp.login.states import Decided
from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister, DatabaseView, SignedClaimsService
from policies.attributes import EXACT, AttributeName
from policies.catalogue import MANDATE, STANDARD
from policies.errors import PersonNotTaken, RegisterAway, Replayed
from policies.load import Configuration
from policies.parties import ProviderId, PurposeId, RegisterId
from policies.persons import PersonKind
from policies.purposes import SIGN_IN
from policies.release import Reason
from tests.connectors.registers.views import register
from tests.idp.house import ADDRESS, ANSWER, APPROVE, COUNTRY, NOW, SECRET, House, Watched, assertion
from tests.idp.login.test_acting import BOTH, COMPANY, NEED, PARTY, PURPOSE

PERSON, OF_COMPANY = AttributeName("person_identifier"), AttributeName("legal_person_identifier")
HANDED = {PERSON: "EE-49002280001", OF_COMPANY: "hrb-1"}
EXACTLY = NEED.replace('"may_act(permits,100 EUR)"', '"exact"').replace("must_be_true = true\n", "")
COMPANIES = ('country = "EE"\n', f'country = "EE"\n{BOTH}')


def powers(database: str, **changes: object) -> AttributeRegister:
    made = replace(
        register(database), found_by={PERSON: "person", OF_COMPANY: "company"}, attributes={"mandate": (MANDATE, "")}
    )
    return replace(made, **changes)  # type: ignore[arg-type] # whichever fields a test names


def residents(folder: Path) -> AttributeRegister:
    with sqlite3.connect(folder / "residents.db") as connection:
        connection.execute("CREATE TABLE people (national_id TEXT, street TEXT, town TEXT)")
        connection.execute("CREATE VIEW residents AS SELECT * FROM people")
        connection.execute("INSERT INTO people VALUES (?, 'Quaggenweg 17', 'Storkhaven')", (HANDED[PERSON],))
    connection.close()
    said = {"street": (ADDRESS, "street"), "town": (ADDRESS, "locality")}
    return replace(register(f"sqlite:///{folder}/residents.db"), attributes=said)


class Brief(RegisterView):
    """A register whose answers end so many seconds after they were asked."""

    seconds_left = MAX_AGE

    def ask(self, query: RegisterQuery, deadline: float) -> RegisterAnswer:
        return replace(super().ask(query, deadline), ends=query.asked_at + self.seconds_left)


def house(
    asked: AttributeRegister,
    name: AttributeName,
    *edits: str,
    sphere: str = "eu",
    seconds_left: int = MAX_AGE,
    sources: tuple[RegisterId, ...] = (),
    by: type[Brief] = Brief,
) -> House:
    """A house in which one attribute comes from the register alone, or from one of these sources."""

    def change(made: Configuration) -> Configuration:
        purpose_id = PurposeId("resident-parking")
        purpose, provider = made.purposes[purpose_id], made.providers[COUNTRY]
        need = replace(purpose.needs[name], sources=sources or (asked.register_id,), hand_over=tuple(asked.found_by))
        purpose = replace(purpose, needs={**purpose.needs, name: need})
        return replace(
            made,
            registers={asked.register_id: asked},
            purposes={**made.purposes, purpose_id: purpose},
            providers={**made.providers, COUNTRY: replace(provider, sphere=sphere)},
        )

    view = by(register=asked, catalogue=STANDARD)
    view.seconds_left = seconds_left
    asks: Mapping[RegisterId, RegisterView] = {asked.register_id: view}
    purpose = (*PURPOSE[:3], "".join(edits) + PURPOSE[2])
    changed: dict[str, tuple[str, ...]] = {
        "resident_parking": purpose,
        "parking": PARTY,
        "demo_ee": COMPANIES,
    }
    return House(Watched(), change, None, asks, **(changed if edits else {}))


def comes(found: House, kind: PersonKind = PersonKind.NATURAL) -> Decided:
    said = assertion()
    handed = HANDED if kind.acts else {PERSON: HANDED[PERSON]}
    offered = replace(said.offered, attributes={**said.offered.attributes, **handed})
    found.country.says = replace(said, offered=offered, kind=kind, acting_for=COMPANY if kind.acts else None)
    return found.broker.handle_response(found.asked(NOW), ANSWER, "en", NOW)


@pytest.mark.spec("issue 33 item 3")
@pytest.mark.parametrize(("ends", "check"), [("2020-01-01", "mandate_ended"), ("2099-01-01", "")])
def test_an_ended_mandate_of_a_register_is_refused(tmp_path: Path, ends: str, check: str) -> None:
    with sqlite3.connect(tmp_path / "powers.db") as connection:
        connection.execute("CREATE TABLE people (person TEXT, company TEXT, mandate TEXT)")
        connection.execute("CREATE VIEW residents AS SELECT * FROM people")
        mandate = f'{{"general":true,"valid_to":"{ends}"}}'
        connection.execute("INSERT INTO people VALUES (?, ?, ?)", (*HANDED.values(), mandate))
    connection.close()
    found = house(powers(f"sqlite:///{tmp_path}/powers.db"), MANDATE, EXACTLY)
    if not check:
        assert (MANDATE, EXACT) in [(one.name, one.form) for one in comes(found, PersonKind.FOR_LEGAL).decision.released]
        return
    with pytest.raises(PersonNotTaken) as refused:
        comes(found, PersonKind.FOR_LEGAL)
    assert refused.value.check == check


@pytest.mark.spec("issue 33 item 3")
def test_a_register_that_is_away_stops_nobody_whose_kind_cannot_have_what_it_says(tmp_path: Path) -> None:
    away = powers(f"sqlite:///{tmp_path}/nothing.db")
    with pytest.raises(RegisterAway):
        comes(house(away, MANDATE, EXACTLY), PersonKind.FOR_LEGAL)
    assert comes(house(replace(away, found_by={PERSON: "person"}), MANDATE, EXACTLY)).decision.released


@pytest.mark.spec("issue 33 item 9")
@pytest.mark.parametrize(
    ("sphere", "changes", "asked"),
    [
        ("eu", {}, True),
        ("cn", {}, False),
        ("", {"sphere": "eu"}, True),
        ("cn", {"sphere": "cn"}, False),
        ("eu", {"providers": (COUNTRY,)}, True),
        ("eu", {"providers": (ProviderId("demo-lv"),)}, False),
    ],
)
def test_a_register_is_handed_nothing_across_a_border_or_of_a_provider_that_it_does_not_name(
    tmp_path: Path, sphere: str, changes: Mapping[str, object], *, asked: bool
) -> None:
    residents = replace(register(f"sqlite:///{tmp_path}/nothing.db"), **changes)  # type: ignore[arg-type] # as named above
    found = house(residents, ADDRESS, sphere=sphere)
    found.asked(NOW)
    assert (PERSON in found.country.asks[-1].attributes) is asked, "nor is it asked of the country for nothing"
    if asked:
        with pytest.raises(RegisterAway):
            comes(found)
        return
    (ruling,) = (one for one in comes(found).decision.rulings if one.name == ADDRESS)
    assert (ruling.reason, ruling.released) == (Reason.REGISTER_NOT_ASKED, None)


@pytest.mark.spec("issue 33 item 3")
def test_where_nobody_chose_one_of_several_sources_the_value_of_none_goes(tmp_path: Path) -> None:
    asked = residents(tmp_path)
    found = house(asked, ADDRESS, sources=(SIGN_IN, asked.register_id))
    for chosen, blocked in (((), True), (((ADDRESS, SIGN_IN),), False), (((ADDRESS, RegisterId("elsewhere")),), True)):
        comes(found)
        assert ADDRESS in found.country.says.offered.attributes
        decided = found.decided(chosen=chosen)
        assert (ADDRESS in decided.decision.blocked) is blocked
        reasons = {one.name: one.reason for one in decided.decision.rulings}
        assert (reasons[ADDRESS] is Reason.REGISTER_NOT_ASKED) is blocked


@pytest.mark.spec("issue 33 item 3; security.md 3")
def test_so_many_logins_wait_for_registers_and_no_more_than_that(tmp_path: Path) -> None:
    waiting, go_on = threading.Semaphore(0), threading.Event()

    class Slow(Brief):
        def ask(self, query: RegisterQuery, deadline: float) -> RegisterAnswer:
            waiting.release()
            assert go_on.wait(deadline - time.monotonic())
            return self._judge.answer(query, [{"town": ["Storkhaven"]}], NOW, query.query_id, issued_at=NOW, ends=NOW + 60)

    found = house(replace(residents(tmp_path), seconds=60), ADDRESS, by=Slow)
    with ThreadPoolExecutor(PLACES) as pool:
        logins = [pool.submit(comes, found) for _ in range(PLACES)]
        for _ in logins:
            assert waiting.acquire(timeout=60)
        try:
            with pytest.raises(RegisterAway):
                comes(found)
        finally:
            go_on.set()
        assert all(one.result().decision.released for one in logins)
    assert comes(found).decision.released, "a place that was given back is taken again"


@pytest.mark.spec("issue 33 item 3")
def test_a_question_ends_with_the_answer_of_a_register_and_nobody_makes_it_longer(tmp_path: Path) -> None:
    asked = residents(tmp_path)
    decided = comes(house(asked, ADDRESS, seconds_left=60))
    assert (decided.end, decided.longer(NOW + 50).end) == (NOW + 60, NOW + 60)
    with pytest.raises(RegisterAway):
        comes(house(asked, ADDRESS, seconds_left=0))


KEYS = [SignedClaimsService("https://register.example", "city", jwks) for jwks in ("one", "another")]


@pytest.mark.spec("issue 33 item 3")
@pytest.mark.parametrize(
    "change",
    [
        {"loa": LevelOfAssurance.LOW},
        {"issuer": "another"},
        {"transport": DatabaseView("sqlite:///elsewhere.db", "residents")},
        {"register_id": RegisterId("removed")},
    ],
)
def test_what_a_register_said_does_not_go_once_its_registration_is_another(
    tmp_path: Path, change: Mapping[str, object]
) -> None:
    asked = residents(tmp_path)
    decided = comes(house(asked, ADDRESS))
    assert house(asked, ADDRESS).broker.reword(decided, "en", NOW)
    for step in ("reword", "decide"):
        broker = house(replace(asked, **change), ADDRESS).broker  # type: ignore[arg-type] # as named above
        with pytest.raises(Replayed) as refused:
            broker.reword(decided, "en", NOW) if step == "reword" else broker.decide(decided, APPROVE, SECRET, NOW)
        assert refused.value.check == "policy_changed"
    one, another = (replace(asked, transport=keys).digest for keys in KEYS)
    assert one != another, "a register of other keys is another"
