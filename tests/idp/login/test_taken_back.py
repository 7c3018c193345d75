"""A person takes something back while a sign-in is under way: nothing goes, whichever worker and clock that was."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import pytest

from idp.ledger.record_contents import DecidedBy
from idp.login.approvals import Approvals, ApprovalStanding
from idp.login.finish import Choice
from idp.login.standing import StandingApprovals
from idp.login.states import Approved, Decided, Grant, Released
from idp.ports import ApprovalRow, ApprovalRows, Unit
from policies.errors import Replayed
from policies.parties import ServiceId, Tenant
from tests.idp.house import ANSWER, EMAIL, ISSUER, NOW, SECRET, TENANT, House, Watched, assertion

BASIS = 'basis = "public_task"'
TICKED = Choice("approve", frozenset({EMAIL}), remember=True)


class Overtaken(Watched):
    """A store in which somebody comes right before a commit, once."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], None] | None = None
        self.reads = 0

    def commit(self, unit: Unit) -> None:
        before, self.before = self.before, None
        if before is not None:
            before()
        super().commit(unit)

    def approvals(self, tenant: Tenant, digests: Collection[bytes]) -> Sequence[ApprovalRow]:
        self.reads += 1
        return super().approvals(tenant, digests)


@dataclass
class Case:
    """A city with a purpose that asks so, and its citizen."""

    house: House
    store: Overtaken
    approvals: Approvals

    def comes(self, now: int = NOW, **request: object) -> Decided:
        number = len(self.house.country.asks)
        said = assertion(response_id=f"_r{number}", assertion_id=f"_a{number}")
        self.house.country.says = replace(said, authenticated_at=now, not_on_or_after=now + 300)
        return self.house.broker.handle_response(self.house.asked(now, **request), ANSWER, "en", now)

    def decides(self, page: Decided, choice: Choice, now: int = NOW) -> Grant:
        released = self.house.ends(page, choice, SECRET, now)
        assert isinstance(released, Released)
        return self.house.grant(released, now)

    def takes_back(self, page: Decided, now: int = NOW) -> None:
        origin, subject = page.request.origin, page.judged.subject
        rows = self.approvals.taken_back(subject, origin.service, page.request.purpose_id, now)
        self.store.commit(Unit(TENANT, approvals=rows))

    def switches_off(self, page: Decided) -> None:
        self.store.commit(Unit(TENANT, approvals=self.approvals.forgotten(self.standing(page), NOW)))

    def standing(self, page: Decided) -> ApprovalStanding:
        return self.approvals.of(page, NOW)

    @property
    def lapsed(self) -> Callable[[Grant, int], bool]:
        return StandingApprovals(issuer=ISSUER, purposes={}, approvals=self.approvals).lapsed

    @property
    def kinds(self) -> list[str]:
        return [unit.record.kind for unit in self.store.units if unit.record]


def case(ask: str = "", informs: str = "") -> Case:
    store = Overtaken()
    lines = BASIS + (f'\nask = "{ask}"' if ask else "") + (f'\nshow = "{informs}"' if informs else "")
    house = House(store, resident_parking=(BASIS, lines))
    return Case(house, store, Approvals(tenant=TENANT, subjects=bytes(32), decisions=store))


def page_of(kind: str) -> tuple[Case, Decided, Choice]:
    """A login that is about to release, by each kind of page and without one."""
    if kind == "whole page":
        found = case()
        return found, found.comes(), Choice("approve", frozenset({EMAIL}))
    if kind == "whole page, to be remembered":
        found = case("on_change")
        return found, found.comes(), TICKED
    if kind == "page that informs":
        found = case(informs="inform")
        return found, found.comes(), Choice("continue")
    if kind == "agreed anew":
        found = case("on_change")
        found.takes_back(found.comes())
        return found, found.comes(), TICKED
    found = case("remember(P180D)" if "days" in kind else "on_change")
    found.decides(found.comes(), TICKED)
    page = found.comes(force_authentication="no page" in kind)
    return found, page, Choice("continue")


KINDS = {
    "whole page": DecidedBy.PAGE,
    "whole page, to be remembered": DecidedBy.PAGE,
    "page that informs": DecidedBy.INFORMED,
    "agreed anew": DecidedBy.PAGE,
    "one line": DecidedBy.REMEMBERED,
    "one line, some days": DecidedBy.REMEMBERED,
    "no page": DecidedBy.UNASKED,
}


@pytest.mark.spec("issue 31: an act between reading and committing")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("when", ["before the press", "before the commit", "after the commit"])
def test_nothing_goes_that_was_taken_back_meanwhile(kind: str, when: str) -> None:
    found, page, choice = page_of(kind)
    assert page.path is KINDS[kind]
    before = found.kinds
    if when == "before the press":
        found.takes_back(page)
    elif when == "before the commit":
        found.store.before = lambda: found.takes_back(page)
    else:
        done: list[None] = []

        def meanwhile() -> None:
            if not done:
                done.append(None)
                found.takes_back(page)

        found.store.meanwhile = meanwhile
    with pytest.raises(Replayed) as caught:
        found.house.broker.decide(page, choice, SECRET, NOW)
    assert caught.value.check == "approval_ended"
    assert found.standing(page).stopped
    assert found.kinds[len(before) :] == (["release", "unsent"] if when == "after the commit" else [])
    # The same press once more gets nothing either, and whoever comes anew is asked
    found.store.meanwhile = lambda: None
    with pytest.raises(Replayed):
        found.house.broker.decide(page, choice, SECRET, NOW)
    assert found.comes().path is DecidedBy.PAGE


@pytest.mark.parametrize("when", ["before the press", "before the commit"])
@pytest.mark.parametrize("kind", ["one line", "one line, some days", "no page"])
def test_what_was_switched_off_meanwhile_does_not_live_again(kind: str, when: str) -> None:
    found, page, choice = page_of(kind)
    if when == "before the press":
        found.switches_off(page)
    else:
        found.store.before = lambda: found.switches_off(page)
    with pytest.raises(Replayed) as caught:
        found.house.broker.decide(page, choice, SECRET, NOW)
    assert caught.value.check == "approval_ended"
    assert not found.standing(page).given
    assert not found.standing(page).stopped
    assert found.comes().path is DecidedBy.PAGE


@pytest.mark.parametrize("choice", ["forget", "refuse"])
def test_whoever_is_asked_every_time_again_writes_over_no_act(choice: str) -> None:
    found, page, _ = page_of("one line")
    whole = found.house.broker.reword(page, "en", NOW, whole=True)
    found.store.before = lambda: found.takes_back(page)
    broker, refuses = found.house.broker, Choice("refuse")
    with pytest.raises(Replayed) as caught:
        broker.forget(page, "en", NOW) if choice == "forget" else broker.decide(whole, refuses, SECRET, NOW)
    assert caught.value.check == "approval_ended"
    assert found.standing(page).stopped


def test_two_sign_ins_at_once_by_what_is_remembered_both_go() -> None:
    found, page, choice = page_of("no page")
    other = found.comes(force_authentication=True)
    went: list[Grant] = []
    found.store.before = lambda: went.append(found.decides(other, choice))
    went.append(found.decides(page, choice))
    assert len({grant.record for grant in went}) == 2


def test_the_same_press_twice_at_once_is_one_agreement() -> None:
    found, page, choice = page_of("agreed anew")
    first: list[Grant] = []
    found.store.before = lambda: first.append(found.decides(page, choice))
    assert found.decides(page, choice).record == first[0].record
    assert not found.standing(page).stopped


@pytest.mark.spec("decisions.md 25")
@pytest.mark.parametrize("behind", [0, 1, 20])
def test_clocks_of_two_machines_make_no_old_grant_live_and_no_new_one_dead(behind: int) -> None:
    found = case()
    old = found.decides(found.comes(), Choice("approve"))
    assert not found.lapsed(old, NOW)
    # Another machine, whose clock is behind or in the same second
    found.takes_back(found.comes(), NOW - behind)
    assert found.lapsed(old, NOW)
    anew = found.decides(found.comes(NOW - behind), Choice("approve"), NOW - behind)
    assert not found.lapsed(anew, NOW)
    assert found.lapsed(old, NOW)
    # Nor does it matter to what was agreed anew that somebody remembers nothing more of the act
    found.store._approvals.clear()
    assert not found.lapsed(anew, NOW)


def test_a_row_of_acts_that_does_not_open_stops_what_goes_without_a_page() -> None:
    found, page, choice = page_of("one line")
    digest = found.standing(page).digests[1]
    found.store.commit(Unit(TENANT, approvals=ApprovalRows((ApprovalRow(digest, b"no opening", NOW + 99),))))
    with pytest.raises(Replayed):
        found.house.broker.decide(page, choice, SECRET, NOW)
    assert found.comes().path is DecidedBy.PAGE
    assert not found.lapsed(found.decides(found.comes(), TICKED), NOW)


def test_a_token_is_looked_at_with_one_read() -> None:
    found = case("on_change")
    grant = found.decides(found.comes(), TICKED)
    before = found.store.reads
    assert not found.lapsed(grant, NOW)
    assert found.store.reads == before + 1
    other = replace(grant, origin=replace(grant.origin, service=ServiceId("museum")))
    assert found.lapsed(other, NOW), "the control"
    assert isinstance(grant.approved, Approved)
