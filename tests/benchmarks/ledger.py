"""The cost of the release ledger: `python -m tests.benchmarks.ledger [--json] [--leaves N] [--page FILE]`.

Its ledgers are those of a city with forty services and thirty countries (`tests.idp.audit.recorded_city`): each record is
as a login writes it, and `ledger verify` finds nothing. A million take minutes to write, and ten gigabytes.

- `verify_growth`: the processors' time of `ledger verify`, on all cores, for a leaf of N (a million) to that for one of an
  eighth of that, without what it takes for next to none, which is to start its processes. SQLite; the lesser of two runs of
  the small ledger, before and after the large one. What it takes on the clock are figures beside it.
- `question_s`: the slowest of an auditor's questions over N leaves, on SQLite and PostgreSQL, whose blocks are summarised.
  The first reading, which summarises them, is a figure of its own.
- `me_ms_cpu`: the processor's time for the citizen's page of a person with 500 releases.

What it takes to append 64 leaves and sign, and to prove one, stands beside what their hashes take alone.

Exit 0 all targets met, 1 one missed, 2 could not run.
"""

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from idp.audit.questions.acts import acts_between
from idp.audit.questions.auditor import Auditor
from idp.audit.questions.compared import HeldEvidence, compare_with
from idp.audit.questions.filters import LoginFilters
from idp.audit.questions.ledger_summary import summarise
from idp.audit.questions.one_record import one_record
from idp.audit.questions.person import records_of_person
from idp.audit.questions.policy_on import policies_on
from idp.audit.questions.report import report_releases
from idp.audit.questions.services_receipts import compare_receipts
from idp.audit.verify import verify_ledger
from idp.citizen.visits import OwnPageVisit
from idp.ledger.merkle_tree import CompactRange, includes, leaf_hash
from idp.ports import Unit
from idp.receipts.issue import placed_in
from idp.receipts.receipt import ReceiptHolder
from idp.receipts.receipt_verify import verify_receipt
from idp.sequencer.sequencer import Sequencer
from idp.store.migrate import migrate
from idp.store.store import Store
from idp.system.cores import cores
from idp.system.logs import configure_logs
from idp.web.city_site import CitySite
from idp.web.routes.citizen import rendered
from policies.assurance import LevelOfAssurance
from policies.errors import BrokerError
from policies.parties import ProviderId
from tests.benchmarks.measure import Figure, Report, Taken, Target, could_not_run, in_turns
from tests.idp.audit.recorded_city import auditor_of, fill, is_release_to, receipt_of
from tests.idp.staging import Clock, opened
from tests.idp.store.units import KEYS, NOW, TENANT, commit_all, opened_at, release, unit
from tests.idp.web.stage import Stage
from tests.postgres import own_server

MANY, RELEASES = 64, 500
LEAVES, FEWEST = 1_000_000, 5000
ROUNDS, TRIES = 20, 3
LIBRARIES = ("ciconia", "sqlalchemy", "psycopg", "cryptography")
Questions = Mapping[str, Callable[[], object]]


def timed(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call."""
    begin = clock()
    call()
    return clock() - begin


def questions(auditor: Auditor, store: Store, leaves: int) -> Questions:
    """Each question as its command asks it: whatever was read for another one is read again."""
    keys, today = auditor.keys.log.known, datetime.fromtimestamp(NOW, UTC).date()
    first = next(place for place in range(leaves) if is_release_to(0, place, leaves))
    last = next(place for place in range(leaves - 1, 0, -1) if is_release_to(0, place, leaves))
    files = [(str(place), receipt_of(store, place, ReceiptHolder.RELYING_PARTY)) for place in (first, last)]
    own = receipt_of(store, first, ReceiptHolder.CITIZEN)
    held = [HeldEvidence("checkpoint", "kept", verify_receipt(own, keys))]
    month = LoginFilters(since=today - timedelta(days=40), until=today - timedelta(days=10), service="service-03")
    return {
        "1, 2, 3, 6, 7: report, a year": lambda: report_releases(auditor, LoginFilters()),
        "1, 2, 3, 6, 7: report, a service in a month": lambda: report_releases(auditor, month),
        "4: compare with what somebody holds": lambda: compare_with(auditor.engine, TENANT, auditor.keys, held),
        "5: the acts of a year": lambda: acts_between(auditor, summarise(auditor)),
        "5: the policy of a day": lambda: policies_on(auditor, today),
        "8: all of one person": lambda: records_of_person(auditor, own, keys),
        "9: a service's first and last receipt of the year": lambda: compare_receipts(
            auditor, summarise(auditor), files, keys
        ),
        "10: show and prove, the first leaf": lambda: one_record(auditor, "0"),
        "10: show and prove, one in the middle": lambda: one_record(auditor, str(leaves // 2)),
    }


def asked(name: str, store: Store, leaves: int) -> Iterator[Figure]:
    """The least time of each question, after the reading that summarises the blocks."""
    auditor = auditor_of(store)
    first = timed(lambda: summarise(auditor))
    yield Figure(f"{name}: the first reading, a leaf", round(first / leaves * 1e6, 1), "µs")
    for question, ask in questions(auditor, store, leaves).items():
        yield Figure(f"{name}: {question}", round(min(timed(ask) for _ in range(TRIES)), 3), "s")


@dataclass(frozen=True, slots=True)
class Verified:
    """One check: seconds on the clock, and of all processors together."""

    clock: float
    processors: float


def verified(store: Store) -> Verified:
    """Check a ledger. ValueError where anything does not fit."""
    clock, processors = time.perf_counter(), _processors()
    found = verify_ledger(store.engine, tenant=TENANT, keys=KEYS, role="city", processes=cores())
    if not found.holds:
        raise ValueError(found.told)
    return Verified(time.perf_counter() - clock, _processors() - processors)


def _processors() -> float:
    """Seconds of processors that this process and those that it has ended took so far."""
    each = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in each)


def growth(least: Store, few: tuple[Store, int], full: tuple[Store, int]) -> tuple[list[Figure], Target]:
    """The check of each ledger and its number of leaves, the small one before and after."""
    start, before, large, after = (verified(store) for store in (least, few[0], full[0], few[0]))
    small = min(before, after, key=lambda one: one.processors)
    # So few leaves may take no time beside the start
    begun = start.processors if small.processors >= 2 * start.processors else 0.0
    small_leaf, leaf = (small.processors - begun) / few[1], (large.processors - begun) / full[1]
    figures = [
        Figure("ledger verify, processes", cores(), "1"),
        Figure("ledger verify, to start them", round(start.clock, 2), "s"),
        Figure("ledger verify of an eighth, on the clock", round(small.clock, 1), "s"),
        Figure("ledger verify of all, on the clock", round(large.clock, 1), "s"),
        Figure("ledger verify, a leaf of an eighth, processors", round(small_leaf * 1e6, 1), "µs"),
        Figure("ledger verify, a leaf of all, processors", round(leaf * 1e6, 1), "µs"),
    ]
    return figures, Target("verify_growth", leaf / small_leaf, at_most=1.1)


def appended(store: Store) -> list[Figure]:
    """A batch: appended, committed and signed; a proof; and the hashes of both alone."""
    clock = [float(NOW)]
    ours = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: clock[0])
    drafts = [release() for _ in range(MANY)]
    commit_all(store, [unit(record=draft) for draft in drafts])
    ours.step()
    batches = []
    for _ in range(ROUNDS):
        commit_all(store, [unit(record=release()) for _ in range(MANY)])
        clock[0] += 1
        batches.append(timed(ours.step))
    ours.stop()
    hashed = store.leaf_of(TENANT, drafts[0].record) or b""
    keys = KEYS.log.published(NOW)
    placed = placed_in(store, TENANT, hashed, keys)
    checkpoint = store.checkpoint(TENANT)
    if placed is None or checkpoint is None:
        raise ValueError("the log has no place for a leaf that it appended")
    leaf, path = b"l" * 390, placed.path

    def hashes() -> None:
        tree = CompactRange()
        for _ in range(MANY):
            tree.append(leaf_hash(leaf))

    taken = {
        f"append and sign {MANY} leaves": Taken(tuple(batches)),
        **in_turns(
            {
                f"the hashes of {MANY} leaves alone": hashes,
                "prove one leaf": lambda: placed_in(store, TENANT, hashed, keys),
                "the hashes of that proof alone": lambda: includes(
                    placed.index, checkpoint.size, hashed, path, checkpoint.root
                ),
            },
            ROUNDS,
        ),
    }
    return [
        Figure(f"{name}, {which}", round(seconds * 1000, 4), "ms")
        for name, one in taken.items()
        for which, seconds in (("least", one.least), ("median", one.median))
    ]


def citizens_page(folder: Path) -> Target:
    """The page of a person with so many releases, read and made, in the processor's time of its thread."""
    subject = b"p" * 32
    with opened(Stage(folder, Clock())) as stage:
        site, store = stage.application.site, stage.application.store
        if not isinstance(site, CitySite):
            raise TypeError("a node has no such page")
        for _ in range(RELEASES):
            store.commit(Unit(tenant=stage.application.settings.tenant, record=release(subject)))
        visit = OwnPageVisit(b"", subject, LevelOfAssurance.HIGH, ProviderId("ee"), "EE", 0, stage.clock() + 1000)
        taken = in_turns({"page": lambda: rendered(site, visit, 1, "en")}, ROUNDS, time.thread_time)
    return Target("me_ms_cpu", taken["page"].least * 1000, at_most=60)


def run(folder: Path, leaves: int) -> Report:
    """Everything, one after the other: each of them has all cores."""
    figures, targets = [Figure("leaves", leaves, "1")], []
    with ExitStack() as ending:
        server = ending.enter_context(own_server({"shared_buffers": "256MB", "max_wal_size": "4GB"}))
        urls = {name: f"sqlite:///{folder / name}.db" for name in ("few", "full", "fresh")} | {"postgres": server.fresh()}
        stores = {}
        for name, url in urls.items():
            migrate(url)
            stores[name] = opened_at(url)
            ending.callback(stores[name].close)
        figures += appended(stores["fresh"])
        eighth = leaves // 8
        fill([stores["few"]], eighth)
        fill([stores["full"], stores["postgres"]], leaves)
        answers = [
            *asked("SQLite", stores["full"], leaves),
            *asked("PostgreSQL", stores["postgres"], leaves),
        ]
        slowest = max(one.value for one in answers if one.unit == "s")
        checks, verify_growth = growth(stores["fresh"], (stores["few"], eighth), (stores["full"], leaves))
        figures += [*answers, *checks]
        targets += [verify_growth, Target("question_s", slowest, at_most=2)]
    targets.append(citizens_page(folder / "stage"))
    return Report("ledger", LIBRARIES, figures, targets)


def main(arguments: list[str]) -> int:
    """Run it, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ledger", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--leaves", type=int, default=LEAVES, help="leaves of the large ledger")
    parser.add_argument("--page", type=Path, help="write the figures into this page")
    given = parser.parse_args(arguments)
    configure_logs()
    if given.leaves < FEWEST:
        parser.error(f"--leaves is at least {FEWEST}")
    folder = Path(tempfile.mkdtemp(prefix="ciconia-ledger-"))
    try:
        report = run(folder, given.leaves)
    except (BrokerError, OSError, ValueError) as error:
        return could_not_run(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report.finish(as_json=given.json, page=given.page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
