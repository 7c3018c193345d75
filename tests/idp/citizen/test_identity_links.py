"""Links of identities in a real database: chains, levels, and what nobody may change (`idp.login.identity_links`)."""

from dataclasses import replace
from itertools import pairwise

import pytest

from idp.login.identity_links import LONGEST_CHAIN, WAITING, IdentityLinks, LinkedIdentity, LinkEnd
from idp.ports import ApprovalRows, Unit
from idp.store.store import Store
from policies.assurance import LevelOfAssurance
from policies.authentication import Origin, ServiceRequest
from policies.errors import AssertionRejected, AssuranceTooLow, Conflict, NotFound
from policies.parties import PurposeId, ServiceId, SubjectNamespace, Tenant
from policies.persons import PersonKind
from tests.idp.house import NOW, assertion
from tests.idp.store.units import TENANT

LOW, SUBSTANTIAL, HIGH = LevelOfAssurance.LOW, LevelOfAssurance.SUBSTANTIAL, LevelOfAssurance.HIGH
REQUEST = ServiceRequest(
    origin=Origin("oidc", ServiceId("desk"), "desk"), purpose_id=PurposeId("p"), asked=(), unknown=(), minimum_assurance=LOW
)
FIRST, SECOND, THIRD = (LinkedIdentity(SubjectNamespace("demo/EE"), f"EE-{number}") for number in (1, 2, 3))


@pytest.fixture
def links(store: Store) -> IdentityLinks:
    return IdentityLinks(tenant=TENANT, subjects=b"s" * 32, rows=store, enabled=True)


def _index(identity: LinkedIdentity) -> bytes:
    return identity.identifier.encode().ljust(32, b".")


def _end(identity: LinkedIdentity, loa: LevelOfAssurance) -> LinkEnd:
    return LinkEnd(_index(identity), identity, loa, "EE")


def _made(links: IdentityLinks, new: LinkedIdentity, earlier: LinkedIdentity, loa: LevelOfAssurance) -> ApprovalRows:
    return links.made(_end(new, HIGH), _end(earlier, loa), new.identifier.encode().ljust(16), loa, NOW)


def _known(
    links: IdentityLinks, minimum: LevelOfAssurance = LOW, **changes: object
) -> tuple[LinkedIdentity, LevelOfAssurance]:
    said = replace(assertion(**changes), namespace=THIRD.namespace, subject=THIRD.identifier)
    found = links.known(REQUEST, said, _index(THIRD), minimum, NOW)
    return found.identity, found.loa


@pytest.mark.spec("issue 33 item 7")
def test_a_sign_in_follows_links_as_far_as_their_level_goes_and_speaks_for_nobody_whom_it_does_not_reach(
    links: IdentityLinks, store: Store
) -> None:
    store.commit(Unit(TENANT, approvals=_made(links, SECOND, FIRST, SUBSTANTIAL)))
    store.commit(Unit(TENANT, approvals=_made(links, THIRD, SECOND, HIGH)))
    assert _known(links) == (FIRST, SUBSTANTIAL)
    assert _known(links, HIGH) == (SECOND, HIGH), "where a high level is needed, the first was never known"
    weak = replace(assertion().offered, loa=SUBSTANTIAL)
    with pytest.raises(AssuranceTooLow, match="below the level of the link"):
        _known(links, offered=weak)
    assert links.linked(_index(THIRD), NOW) == {_index(SECOND), _index(FIRST)}
    assert links.newer(_index(FIRST), NOW) == [_index(SECOND), _index(THIRD)]
    off = IdentityLinks(tenant=TENANT, subjects=b"s" * 32, rows=store, enabled=False)
    assert _known(off) == (THIRD, HIGH)


@pytest.mark.spec("issue 33 item 7: acting for others is never matched")
@pytest.mark.parametrize("kind", [kind for kind in PersonKind if kind is not PersonKind.NATURAL])
def test_whoever_acts_and_whatever_is_no_person_goes_by_its_own(
    links: IdentityLinks, store: Store, kind: PersonKind
) -> None:
    store.commit(Unit(TENANT, approvals=_made(links, THIRD, FIRST, HIGH)))
    assert _known(links, kind=kind) == (THIRD, HIGH)


@pytest.mark.spec("issue 33 item 7")
def test_a_link_back_and_a_ninth_in_a_row_are_refused(links: IdentityLinks, store: Store) -> None:
    people = [replace(FIRST, identifier=f"EE-{number}") for number in range(LONGEST_CHAIN + 2)]
    indexes = [_index(one) for one in people]
    for earlier, new in pairwise(people[:LONGEST_CHAIN]):
        assert links.may_join(_index(new), _index(earlier), NOW)
        store.commit(Unit(TENANT, approvals=_made(links, new, earlier, HIGH)))
    assert not links.may_join(indexes[0], indexes[LONGEST_CHAIN - 1], NOW), "a circle"
    store.commit(Unit(TENANT, approvals=_made(links, people[-1], people[-2], HIGH)))
    assert not links.may_join(indexes[-2], indexes[-3], NOW), "a ninth"


@pytest.mark.spec("issue 33 item 7: undo races")
def test_two_links_of_one_moment_there_and_back_change_nobody(links: IdentityLinks, store: Store) -> None:
    there, back = _made(links, THIRD, FIRST, HIGH), _made(links, FIRST, THIRD, HIGH)
    store.commit(Unit(TENANT, approvals=there))
    store.commit(Unit(TENANT, approvals=back))
    assert _known(links) == (THIRD, HIGH)


@pytest.mark.spec("issue 33 item 7: undo races")
def test_a_link_and_an_undo_that_read_the_same_rows_are_one_act(links: IdentityLinks, store: Store) -> None:
    first, second = _made(links, THIRD, FIRST, HIGH), _made(links, SECOND, FIRST, HIGH)
    store.commit(Unit(TENANT, approvals=first))
    with pytest.raises(Conflict):
        store.commit(Unit(TENANT, approvals=second))
    link = links.to_earlier(_index(THIRD), NOW)
    assert link is not None
    found = links.known(REQUEST, replace(assertion(), subject=THIRD.identifier), _index(THIRD), LOW, NOW)
    undone, again = links.undone(_index(THIRD), link, NOW), links.undone(_index(THIRD), link, NOW)
    assert links.holds(_index(THIRD), found.proof, NOW)
    store.commit(Unit(TENANT, approvals=undone))
    assert not links.holds(_index(THIRD), found.proof, NOW)
    with pytest.raises(Conflict):
        store.commit(Unit(TENANT, approvals=again))
    assert links.to_new(_index(FIRST), NOW) is None
    assert _known(links) == (THIRD, HIGH)


@pytest.mark.spec("issue 33 item 7: a row that somebody wrote to the database")
def test_a_row_of_another_person_opens_for_nobody(links: IdentityLinks, store: Store) -> None:
    rows = _made(links, SECOND, FIRST, HIGH)
    store.commit(Unit(TENANT, approvals=rows))
    # One person's row in another's place
    place = _made(links, THIRD, LinkedIdentity(SubjectNamespace("demo/EE"), "EE-4"), HIGH).written[0].digest
    store.commit(Unit(TENANT, approvals=ApprovalRows((replace(rows.written[0], digest=place),))))
    with pytest.raises(AssertionRejected, match="does not open"):
        _known(links)
    assert all(value not in bytes(row.content) for row in rows.written for value in (b"EE-1", b"EE-2", b"demo/EE"))


@pytest.mark.spec("issue 33 item 7: a row that somebody wrote to the database")
def test_a_damaged_row_holds_up_no_erasure(links: IdentityLinks, store: Store) -> None:
    rows = _made(links, SECOND, FIRST, HIGH)
    damaged = tuple(replace(row, content=row.content[:-1] + b"!!") for row in rows.written)
    store.commit(Unit(TENANT, approvals=ApprovalRows(damaged)))
    for identity, row in zip((SECOND, FIRST), damaged, strict=True):
        assert row.digest in links.digests(_index(identity))
        assert links.newer(_index(identity), NOW) == []


@pytest.mark.spec("issue 33 item 7: a confirmation by an officer")
def test_a_link_that_waits_counts_for_nothing_and_ends_after_thirty_days(links: IdentityLinks, store: Store) -> None:
    number = b"n" * 16
    store.commit(Unit(TENANT, approvals=links.made(_end(THIRD, HIGH), _end(FIRST, HIGH), number, HIGH, NOW, "p")))
    assert _known(links) == (THIRD, HIGH)
    assert links.linked(_index(THIRD), NOW) == {_index(FIRST)}, "no circle is closed behind it"
    found = links.waiting(number, NOW)
    for late in (b"x" * 16, number):
        with pytest.raises(NotFound):
            links.waiting(late, NOW + (WAITING if late == number else 0))
    with pytest.raises(NotFound):
        IdentityLinks(tenant=Tenant("elsewhere"), subjects=b"s" * 32, rows=store, enabled=True).waiting(number, NOW)
    store.commit(Unit(TENANT, approvals=links.confirmed(found, NOW)))
    assert _known(links) == (FIRST, HIGH)
