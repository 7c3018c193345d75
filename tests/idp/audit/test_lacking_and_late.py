"""Question 3, what a release lacks of what its purpose demands, and question 7, what was released of something off."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.filters import LoginFilters
from idp.audit.questions.lacking import Lack
from idp.audit.questions.report import ReleaseReport, report_releases
from idp.ledger.operator_records import draft_switch
from idp.ledger.record_contents import DecidedBy, draft_release, new_record
from idp.ports import RecordDraft
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from idp.store.switches.switch import COUNTRY, DEVIATION, KEY, PARTY, PROVIDER
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.notice import notice_hash
from policies.parties import ProviderId
from policies.purposes import AskMode, AskRule, Basis, Purpose
from tests.idp.audit.recorded_city import PAGES, auditor_of, decided
from tests.idp.store.units import KEYS, NOW, commit_all, unit

CONSENT, TASK = 1, 0
EVERYTHING = LoginFilters()


def _release(number: int = CONSENT, time: int = NOW, **other: object) -> RecordDraft:
    """A release of a service of the city, as it should be, but for `other`."""
    purpose, request, decision = decided(number)
    language = other.pop("language", "en")
    notice = notice_hash(template=PAGES, language=str(language), purpose_id=purpose.purpose_id, decision=decision)
    given = {
        "record": new_record(),
        "time": time,
        "request": request,
        "basis": purpose.basis,
        "policy": purpose.digest,
        "notice": notice,
        "decision": decision,
        "loa": LevelOfAssurance.SUBSTANTIAL,
        "source": ProviderId("ee"),
        "subject": b"s" * 32,
        "issuer": "https://login.storkhaven.example",
        "sub": "PAIRWISE",
        "evidence": {"nonce": "n"},
        **other,
    }
    return draft_release(**given)  # type: ignore[arg-type]  # the types stand above


def _reported(
    store: Store, drafts: Sequence[RecordDraft], filters: LoginFilters = EVERYTHING, purpose: Purpose | None = None
) -> ReleaseReport:
    commit_all(store, [unit(record=draft) for draft in drafts])
    signing = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    signing.step()
    signing.stop()
    auditor: Auditor = auditor_of(store)
    if purpose is not None:
        purposes = {**auditor.configuration.purposes, purpose.purpose_id: purpose}
        auditor = replace(auditor, configuration=replace(auditor.configuration, purposes=purposes))
    return report_releases(auditor, filters)


def _changed(**changes: object) -> Purpose:
    """The purpose of the service with consent, demanding something else than it was decided by."""
    return replace(decided(CONSENT)[0], **changes)  # type: ignore[arg-type]  # the names of fields


def test_what_has_all_that_its_purpose_demands_is_not_named(store: Store) -> None:
    found = _reported(store, [_release(), _release(TASK, language="et")]).lacking
    assert (found.found, found.compared, found.languages, found.pages_unknown) == ((), 2, {"en": 1, "et": 1}, 0)


@pytest.mark.parametrize(
    ("lack", "detail", "other", "purpose"),
    [
        (Lack.PURPOSE_UNKNOWN, "", {"policy": "7" * 64}, None),
        (Lack.OTHER_TERMS, "purpose-01, consent", {"basis": Basis.CONTRACT}, None),
        (Lack.NO_APPROVAL, "informed", {"path": DecidedBy.INFORMED}, None),
        (Lack.NOT_REMEMBERED, "remembered", {"path": DecidedBy.REMEMBERED}, None),
        (Lack.NOT_REMEMBERED, "silent", {"path": DecidedBy.SILENT}, None),
        (Lack.NOT_REMEMBERED, "offline", {"path": DecidedBy.OFFLINE}, None),
        (Lack.ASSURANCE_TOO_LOW, "low, not substantial", {"loa": LevelOfAssurance.LOW}, None),
        (Lack.ASSURANCE_TOO_LOW, "substantial, not high", {}, _changed(minimum_assurance=LevelOfAssurance.HIGH)),
        (Lack.MORE_THAN_NEEDED, "email as exact", {}, _changed(needs={})),
        (Lack.REQUIRED_MISSING, "phone_number", {}, None),
        (Lack.NO_NOTICE, "", {"notice": ""}, None),
        (Lack.NOTICE_WITHOUT_TEXT, "et", {"language": "et"}, _changed(title={"en": "Parking"})),
    ],
)
def test_what_a_release_lacks_is_named(
    store: Store, lack: Lack, detail: str, other: dict[str, object], purpose: Purpose | None
) -> None:
    if lack is Lack.REQUIRED_MISSING:
        needs = dict(decided(CONSENT)[0].needs)
        purpose = _changed(
            needs={**needs, AttributeName("phone_number"): replace(needs[AttributeName("email")], required=True)}
        )
    found = _reported(store, [_release(CONSENT, NOW, **other), _release(TASK)], purpose=purpose).lacking.found
    assert (lack, "service-01", detail, 1) in [(one.lack, one.service, one.detail, one.releases) for one in found]
    assert {one.service for one in found} == {"service-01"}


def test_an_earlier_approval_serves_where_the_purpose_lets_it(store: Store) -> None:
    purpose = _changed(ask=AskRule(AskMode.REMEMBER, 30))
    assert _reported(store, [_release(path=DecidedBy.REMEMBERED)], purpose=purpose).lacking.found == ()


def test_a_page_that_we_do_not_know_is_counted_and_not_judged(store: Store) -> None:
    found = _reported(store, [_release(notice="9" * 64)]).lacking
    assert (found.found, found.languages, found.pages_unknown) == ((), {}, 1)


def _switch(kind: str, name: str, time: int, *, off: bool) -> RecordDraft:
    return draft_switch(record=new_record(), time=time, switch=kind, name=name, off=off, reason="an incident")


OFF, ON = NOW + 100, NOW + 200


@pytest.mark.parametrize(("kind", "name"), [(PARTY, "service-01"), (COUNTRY, "EE"), (PROVIDER, "ee")])
def test_what_was_released_of_something_off_is_counted_with_its_places(store: Store, kind: str, name: str) -> None:
    switches = [_switch(kind, name, OFF, off=True), _switch(kind, name, ON, off=False)]
    within = [_release(time=time) for time in (OFF - 5, OFF, OFF + 1, ON, ON + 5)]
    late = [_release(time=OFF + 2), _release(time=ON - 1)]
    elsewhere = [_release(TASK, OFF + 50, source=ProviderId("lv"))]
    (found,) = _reported(store, [*switches, *within, *late, *elsewhere]).switched_off
    assert (found.kind, found.name, found.since, found.until, found.late) == (kind, name, OFF, ON, 2)
    assert len(found.places) == 2


def test_what_is_off_still_has_no_end(store: Store) -> None:
    switches = [_switch(PARTY, "service-01", OFF, off=True)]
    (found,) = _reported(store, [*switches, *(_release(time=OFF + later) for later in (2, 50, 10**6))]).switched_off
    assert (found.until, found.late, len(found.places)) == (None, 3, 3)


def test_nothing_late_is_said_to_be_none(store: Store) -> None:
    (found,) = _reported(store, [_switch(COUNTRY, "LV", OFF, off=True), _release(time=OFF + 50)]).switched_off
    assert (found.late, found.places) == (0, ())


def test_filters_select_what_is_late(store: Store) -> None:
    drafts = [_switch(COUNTRY, "EE", OFF, off=True), _release(time=OFF + 50), _release(TASK, time=OFF + 50)]
    (found,) = _reported(store, drafts, LoginFilters(service="service-00")).switched_off
    assert (found.late, len(found.places)) == (1, 1)


def test_of_a_key_of_the_log_its_checkpoints_are_counted_and_of_others_nothing_is_claimed(store: Store) -> None:
    (log,) = KEYS.log.known
    switches = [
        _switch(KEY, log.key_id.hex(), NOW - 100, off=True),
        _switch(KEY, "another", NOW - 50, off=True),
        _switch(DEVIATION, "ee/aes_cbc", NOW - 20, off=True),
    ]
    found = _reported(store, [*switches, _release()]).switched_off
    assert [(one.name, one.late, one.checkpoints) for one in found] == [
        (log.key_id.hex(), None, 1),
        ("another", None, 0),
        ("ee/aes_cbc", None, 0),
    ]
