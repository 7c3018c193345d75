"""A disk that is full, read-only or broken: nobody is told that something was recorded, and nothing is lost."""

import errno
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from idp.audit.verify import verify_ledger
from idp.demo.browser import Browser, Page
from idp.demo.relying_party import RelyingPartyOfCity
from idp.store.migrate import migrate
from tests.idp.cli.command import Served, serving
from tests.idp.store.units import KEYS, TENANT, opened
from tests.kill.checker import check
from tests.kill.evidence import Evidence
from tests.kill.outside import BrokerOutside
from tests.kill.preloaded import Kind, Mode, built, environment, require_compiler
from tests.kill.stream import DECISION, Stream

SECONDS = 120.0


@dataclass
class Broken:
    """A broker on a disk that fails when it is told to, and a citizen in front of it."""

    stage: BrokerOutside
    served: Served
    evidence: Evidence

    def disk(self, mode: Mode, kinds: Kind = Kind.WRITES, error: int = 0) -> None:
        order = self.stage.receiving / "fault"
        fresh = order.with_name("fault.new")
        fresh.write_text(f"{int(mode)} 1 {int(kinds)} {error}", encoding="ascii")
        fresh.rename(order)
        end = time.monotonic() + SECONDS
        while order.exists():
            assert time.monotonic() < end
            time.sleep(0.01)

    def records(self) -> int:
        return sum(self.evidence.releases().values())

    @contextmanager
    def question(self) -> Iterator[tuple[Browser, Page]]:
        """A citizen who is asked to approve."""
        party = RelyingPartyOfCity(self.stage.city._parties["fares"].service, self.stage.issuer)
        with Browser() as browser:
            address, _ = party.begin()
            yield browser, Stream(self.stage, 0)._question(browser, address, "mari")
        party.close()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    require_compiler()
    folder = tmp_path_factory.mktemp("faults")
    stage = BrokerOutside(folder / "stage", fixed=False)
    stage.open()
    command = ["env", f"LD_PRELOAD={built(folder)}", sys.executable, "-m", "tests.kill.faulty", str(stage.receiving)]
    evidence = Evidence(stage.receiving)
    with serving(stage.receiving, folder / "log", command) as served:
        yield Broken(stage, served, evidence)
    evidence.close()
    stage.close()


@pytest.mark.spec("security.md §3 disk full")
@pytest.mark.parametrize(
    ("kinds", "error", "word"),
    [
        (Kind.WRITES, errno.ENOSPC, "SQLITE_FULL"),
        (Kind.WRITES, errno.EROFS, "SQLITE_IOERR_WRITE"),
        (Kind.WRITES, errno.EIO, "SQLITE_IOERR_WRITE"),
        (Kind.SYNCS, errno.EIO, "SQLITE_IOERR_FSYNC"),
    ],
)
def test_a_fault_of_the_disk_is_told_before_anything_is_acknowledged(
    broken: Broken, kinds: Kind, error: int, word: str
) -> None:
    before = broken.records()
    said = len(broken.served.stderr.splitlines())
    with broken.question() as (browser, question):
        broken.disk(Mode.FAIL, kinds, error)
        refused = browser.submit(question, {"choice": "approve"}, DECISION)
        assert refused.status == 503
        assert "try again" in str(refused.tree.text_content()).lower()
        assert broken.records() == before
        lines = broken.served.stderr.splitlines()[said:]
        assert (
            len([line for line in lines if word in line and "store_unavailable" in line and "ledger_waits" not in line])
            == 1
        )
        # Whatever the sequencer meets meanwhile it says once, not five times a second
        assert len([line for line in lines if "ledger_waits" in line]) <= 2
        # There is space again: the same press of the same button gets its code
        broken.disk(Mode.OFF)
        answered = browser.submit(question, {"choice": "approve"}, DECISION)
        assert answered.status == 200
        assert "code=" in answered.link("//main//a")
    assert broken.records() == before + 1
    assert broken.evidence.faults([]) == []


@pytest.mark.spec("security.md §3 fsync error")
@pytest.mark.parametrize("at", [1, 2])
def test_after_an_fsync_that_failed_nothing_rests_on_what_it_lost(tmp_path: Path, at: int) -> None:
    """Linux forgets what an fsync could not write, and says at the next one that all is well.

    SQLite takes the commit back: its frames are beyond the end of the log that anybody reads, and the next commit writes
    its own over them, so that its fsync is for octets that were written anew. Trying the same fsync again would not be.
    """
    require_compiler()
    migrate(f"sqlite:///{tmp_path / 'ciconia.db'}")
    run = subprocess.run(
        [sys.executable, "-m", "tests.kill.faulty", "--store", str(tmp_path), str(at)],
        env=environment(built(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    told = [line.split() for line in run.stdout.splitlines()]
    assert run.returncode == -9, run.stderr
    assert sorted(word for word, _ in told) == sorted(["acknowledged", "acknowledged", "SQLITE_IOERR_FSYNC"]), run.stderr
    acknowledged = [record for word, record in told if word == "acknowledged"]
    assert check(tmp_path / "ciconia.db", acknowledged) == []
    store = opened(tmp_path)
    report = verify_ledger(store.engine, tenant=TENANT, keys=KEYS)
    store.close()
    assert report.holds
    # the one that was refused is wholly absent
    assert report.records == 2
