"""A process that starts serves its folder, or what is in force; and it takes up changes while it runs."""

from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from sqlalchemy import text

from idp.changes.assents import Assents, SignedAssent
from idp.changes.bundle import SETTINGS, Bundle
from idp.changes.guard import Assent
from idp.changes.history import History
from idp.changes.in_force import FolderStanding, Follower, InForce, Memory, Settled, settle
from idp.changes.plan import base_of, make_plan
from idp.store.engine import writing
from idp.store.store import Store
from policies.errors import Misconfigured, Problem
from policies.load import load
from tests.idp.changes.signing import person, sshsig
from tests.idp.store.units import KEYS, NOW, TENANT, opened_at
from tests.policies.load.files import files, spoiled

FIRST = Bundle(files())
REWORDED = Bundle(spoiled("purposes/parking.toml", "Permits are for adults.", "Adults park here."))
WIDER = Bundle(spoiled("purposes/parking.toml", 'form = "age_over(18)"\nwhy', 'form = "exact"\nwhy') | {})
Logs = list[MutableMapping[str, object]]
ISSUER = f"https://{TENANT}"
ANNA, BERT = person("anna"), person("bert")
BROKEN = Bundle(files() | {"metadata/demo-ee.xml": b"none"})
EYES = b'{"four_eyes":true}'


def guarded(bundle: Bundle) -> Bundle:
    return Bundle({**bundle.files, SETTINGS: EYES})


@pytest.fixture
def logs() -> Iterator[Logs]:
    with structlog.testing.capture_logs() as found:
        yield found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    found = opened_at(url)
    yield found
    found.close()


def history(store: Store) -> History:
    return History(engine=store.engine, tenant=TENANT, keys=KEYS, commits=store)


def started(store: Store, folder: Bundle, since: int = 0) -> InForce:
    """A process that starts over a folder, or whose server saw it change since it served a number."""
    assents, read = Assents(engine=store.engine, tenant=TENANT, keys=KEYS), load(folder.files)

    def judge() -> None:
        if folder == BROKEN:
            raise Misconfigured((Problem("parties/parking.toml", 1, "jwks", "it is none.", "give one"),))

    return settle(history(store), assents, folder, read, judge=judge, issuer=ISSUER, tenant=TENANT, since=since, now=NOW)


def told(found: InForce) -> tuple[int, str, FolderStanding]:
    return found.applied.number, found.bundle.digest, found.standing


def test_a_folder_that_was_edited_is_taken_up_with_a_record_of_its_own(store: Store) -> None:
    assert told(started(store, FIRST)) == (1, FIRST.digest, FolderStanding.SAME)
    assert history(store).facts(1) is None
    assert told(started(store, FIRST)) == (1, FIRST.digest, FolderStanding.SAME)
    assert told(started(store, WIDER)) == (2, WIDER.digest, FolderStanding.SAME)
    facts = history(store).facts(2) or {}
    assert (facts["who"], facts["before"], facts["after"]) == ("start", FIRST.digest, WIDER.digest)
    assert "date of birth in full" in str(facts["widened"])


def test_an_older_folder_is_not_served_but_for_an_edit_while_its_server_ran(store: Store, logs: Logs) -> None:
    started(store, FIRST)
    started(store, REWORDED)
    assert told(started(store, FIRST)) == (2, REWORDED.digest, FolderStanding.OLDER)
    assert (logs[-1]["event"], logs[-1]["serving"]) == ("folder_older", 2)
    assert told(started(store, FIRST, since=2)) == (3, FIRST.digest, FolderStanding.SAME)
    assert (history(store).facts(3) or {})["who"] == "reload"
    # Neither a worker that starts again nor the next reload undoes what came after
    history(store).put(REWORDED, who="mari", now=NOW, before=history(store).newest())
    assert told(started(store, FIRST, since=2)) == (4, REWORDED.digest, FolderStanding.OLDER)


@pytest.mark.parametrize("since", [0, 1])
def test_with_four_eyes_a_widening_that_nobody_approved_is_not_served(store: Store, logs: Logs, since: int) -> None:
    started(store, guarded(FIRST))
    for folder in (guarded(WIDER), WIDER, FIRST):
        found = started(store, folder, since)
        assert told(found) == (1, guarded(FIRST).digest, FolderStanding.NOT_APPROVED)
        assert found.configuration == load(FIRST.files)
        assert logs[-1]["event"] == "folder_not_approved"
    assert told(started(store, guarded(REWORDED))) == (2, guarded(REWORDED).digest, FolderStanding.SAME)


def test_whoever_deletes_the_first_row_of_a_guarded_configuration_begins_with_no_other(store: Store) -> None:
    started(store, guarded(FIRST))
    with writing(store.engine).begin() as connection:
        connection.execute(text("DELETE FROM applied"))
    assert told(started(store, guarded(WIDER))) == (1, guarded(FIRST).digest, FolderStanding.NOT_APPROVED)


def test_a_widening_that_was_approved_is_taken_up_and_says_by_whom(store: Store) -> None:
    persons = {f"operators/{one.name}.pub": one.line.encode() for one in (ANNA, BERT)}
    before, after = (Bundle({**guarded(bundle).files, **persons}) for bundle in (FIRST, WIDER))
    started(store, before)
    assert told(started(store, after))[2] is FolderStanding.NOT_APPROVED
    plan = make_plan(ISSUER, base_of(1, before), after, load(after.files))
    assents = Assents(engine=store.engine, tenant=TENANT, keys=KEYS)
    for who, planner in ((ANNA, True), (BERT, False)):
        assents.add(plan, SignedAssent(Assent("", who.name, planner), sshsig(who, plan.document())))
    assert told(started(store, after)) == (2, after.digest, FolderStanding.SAME)
    assert (history(store).facts(2) or {})["approved"] == [BERT.name]


def test_the_first_worker_of_a_generation_says_where_it_began() -> None:
    settled = Settled()
    for number in (7, 9):
        settled.begin(number)
    assert settled.number == 7


def test_what_nobody_could_serve_is_not_put_in_force(store: Store) -> None:
    for count in (0, 1):
        with pytest.raises(Misconfigured, match="jwks"):
            started(store, BROKEN)
        assert (history(store).newest() is not None) == bool(count)
        started(store, FIRST)
    assert history(store).newest() == history(store).at(1)


def test_several_that_start_at_once_put_one_in_force(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: told(started(store, FIRST)), range(4)))
        assert found == {(1, FIRST.digest, FolderStanding.SAME)}
        found = set(pool.map(lambda _: told(started(store, WIDER)), range(4)))
    assert found == {(2, WIDER.digest, FolderStanding.SAME)}


def test_what_is_in_force_and_lost_is_not_replaced_by_a_folder(store: Store) -> None:
    started(store, FIRST)
    with writing(store.engine).begin() as connection:
        connection.execute(text("DELETE FROM configurations"))
    assert told(started(store, FIRST))[0] == 1
    with pytest.raises(Misconfigured, match="gone or was changed"):
        started(store, REWORDED)


def test_what_is_in_force_and_does_not_load_is_told_apart_from_the_folder_that_was_mended(store: Store) -> None:
    broken = Bundle({**FIRST.files, "purposes/parking.toml": b"x = 1"})
    history(store).put(broken, who="an older version", now=NOW, before=None)
    with pytest.raises(Misconfigured, match=r"^configuration 1: parties/(.|\n)*plan`, `ciconia apply`"):
        started(store, FIRST)


def test_a_start_writes_the_row_of_a_change_whose_process_died_after_the_record(store: Store) -> None:
    started(store, FIRST)
    started(store, REWORDED)
    with writing(store.engine).begin() as connection:
        connection.execute(text("DELETE FROM applied WHERE number = 2"))
    assert [*history(store).faults()]
    assert told(started(store, REWORDED)) == (2, REWORDED.digest, FolderStanding.SAME)
    assert not [*history(store).faults()]


def test_a_running_process_takes_up_what_it_can_serve(store: Store, logs: Logs) -> None:
    memory = Memory(history(store), started(store, FIRST))
    served: list[InForce] = []

    def take_up(found: InForce) -> None:
        if found.bundle == WIDER:
            raise Misconfigured((Problem("", 0, "keys", "it has none.", "make one"),))
        served.append(found)

    follower = Follower(memory, take_up, tenant=TENANT)
    follower.step()
    for bundle, count in ((REWORDED, 1), (WIDER, 1), (FIRST, 2)):
        history(store).put(bundle, who="mari", now=NOW, before=history(store).newest())
        follower.step()
        follower.step()
        assert len(served) == count
        assert memory.now == served[-1]
    assert [line["event"] for line in logs].count("configuration_refused") == 1
    assert memory.configuration(2) == load(REWORDED.files)
    assert memory.configuration(3) == load(WIDER.files)
    assert memory.configuration(9) is None
