"""A federation's metadata is fetched by a process of its own, one worker at a time; what is held counts until its end."""

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.addresses import FetchError
from connectors.metadata.federation_index import Index
from connectors.metadata.federations import Federations
from idp.protocols.saml.federation_child import Job, in_child
from idp.protocols.saml.federation_sources import FederationSources, tried
from policies.errors import PeerUnavailable, RequestRefused
from policies.federations import FILE, Federation, FederationFilter, FederationId
from policies.parties import EntityId
from tests.benchmarks import metadata_made as made
from tests.connectors.metadata.test_federations import DAY, FEDERATION, IDP, NOW, document, federation, seal

ENTITY = EntityId(made.entity_id(IDP))


class World:
    """A federation whose metadata is a file, and a worker's view of it."""

    def __init__(self, folder: Path, run: Callable[[Job], Index | None] = in_child, **changes: object) -> None:
        self.file = folder / "all.xml"
        self.federation: Federation = replace(federation(**changes), kind=FILE, location=str(self.file))
        self.folder, self.jobs, self.run = folder / "copies", 0, run
        self.held, self.sources = self.worker()

    def worker(self) -> tuple[Federations, FederationSources]:
        held = Federations({FEDERATION: self.federation}, folder=self.folder, seal=seal)
        return held, FederationSources(held, seal, demo=False, run=self._counted)

    def _counted(self, job: Job) -> Index | None:
        self.jobs += 1
        return self.run(job)

    def refused(self, now: int) -> str:
        with pytest.raises(FetchError) as refused:
            self.sources.refresh(FEDERATION, now)
        return refused.value.check


def test_one_process_takes_it_apart_and_every_worker_takes_it_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.file.write_bytes(document())
    other, others = world.worker()
    world.sources.refresh(FEDERATION, NOW)
    others.refresh(FEDERATION, NOW + 1)
    assert world.jobs == 1
    assert other.entity(ENTITY, NOW).octets == world.held.entity(ENTITY, NOW).octets
    assert world.sources.standing() == {FEDERATION: (NOW + 7 * DAY, 0)}
    # It is the same file when it is due again
    others.refresh(FEDERATION, NOW + world.federation.refresh_seconds)
    assert world.jobs == 2
    assert len(list((world.folder / FEDERATION).glob("*.octets"))) == 1


def test_a_refusal_keeps_the_last_good_copy_until_its_end_and_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.file.write_bytes(document())
    world.sources.refresh(FEDERATION, NOW)
    world.file.write_bytes(document().replace(b"/idp/sso/post", b"/idp/sso/pest", 1))
    later = NOW + world.federation.refresh_seconds
    assert world.refused(later) == "digest"
    assert world.held.entity(ENTITY, later)
    assert world.sources.standing() == {FEDERATION: (NOW + 7 * DAY, 1)}
    # Nobody tries again before it is due, and everybody hears why
    assert world.refused(later + 29) == "digest"
    assert world.jobs == 2
    assert world.refused(later + 30) == "digest"
    assert world.jobs == 3
    with pytest.raises(PeerUnavailable):
        world.sources.in_use(FEDERATION, NOW + 7 * DAY)
    assert not world.sources.available(FEDERATION, NOW + 7 * DAY)
    world.file.write_bytes(document(days=8))
    world.sources.refresh(FEDERATION, later + 90)
    assert world.sources.standing() == {FEDERATION: (NOW + 8 * DAY, 0)}


def test_a_worker_beside_one_that_fetches_waits_for_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.file.write_bytes(document())
    folder = world.folder / FEDERATION
    folder.mkdir(parents=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    world.sources.refresh(FEDERATION, NOW)
    assert not world.jobs
    os.close(lock)


def test_a_process_that_comes_to_nothing_is_a_named_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.protocols.saml.federation_child.sys.executable", "/bin/false")
    assert World(tmp_path).refused(NOW) == "metadata_process"
    last = tried(tmp_path / "copies" / FEDERATION)
    assert last is not None
    assert last.mend


def test_what_differs_waits_for_an_approval_where_it_is_wanted(tmp_path: Path) -> None:
    world = World(tmp_path, approves=True)
    world.file.write_bytes(document())
    world.sources.refresh(FEDERATION, NOW)
    with pytest.raises(PeerUnavailable):
        world.held.entity(ENTITY, NOW)
    (first,) = world.sources.pending(NOW, FEDERATION)
    with pytest.raises(RequestRefused):
        world.sources.approve(FEDERATION, "0" * 64)
    world.sources.approve(FEDERATION, first.digest)
    assert world.held.entity(ENTITY, NOW)
    later = NOW + world.federation.refresh_seconds
    # The same things for longer need nobody
    world.file.write_bytes(document(days=8))
    world.sources.refresh(FEDERATION, later)
    assert world.sources.in_use(FEDERATION, later).valid_until == NOW + 8 * DAY
    world.file.write_bytes(document(lambda rest: rest.replace("/idp/sso/post", "/idp/sso/next"), days=9))
    world.sources.refresh(FEDERATION, 2 * later - NOW)
    assert world.sources.in_use(FEDERATION, later).digest == first.digest
    assert world.sources.pending(later, FEDERATION)


def test_what_comes_while_an_operator_approves_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, approves=True)
    world.file.write_bytes(document())
    world.sources.refresh(FEDERATION, NOW)
    (first,) = world.sources.pending(NOW, FEDERATION)
    _, others = world.worker()
    look = world.held.waiting

    def meanwhile(federation_id: FederationId) -> Index | None:
        found = look(federation_id)
        world.file.write_bytes(document(lambda rest: rest.replace("/idp/sso/post", "/idp/sso/next"), days=9))
        others.refresh(FEDERATION, NOW + world.federation.refresh_seconds)
        return found

    monkeypatch.setattr(world.held, "waiting", meanwhile)
    world.sources.approve(FEDERATION, first.digest)
    assert world.sources.in_use(FEDERATION, NOW).digest == first.digest


def other(days: int, where: str = "old") -> bytes:
    return document(lambda rest: rest.replace("/idp/sso/post", f"/idp/sso/{where}"), days=days)


def test_no_older_copy_comes_back_when_a_registration_changes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.file.write_bytes(document(days=8))
    world.sources.refresh(FEDERATION, NOW)
    world.federation = replace(world.federation, only=FederationFilter(roles=frozenset({"idp"})))
    world.held, world.sources = world.worker()
    world.file.write_bytes(other(days=7))
    assert world.refused(NOW + 30) == "metadata_old"
    # The very document of before is no older than itself
    world.file.write_bytes(document(days=8))
    world.sources.refresh(FEDERATION, NOW + DAY)
    assert world.held.entity(ENTITY, NOW)


def test_no_older_copy_takes_the_place_of_one_that_waits(tmp_path: Path) -> None:
    world = World(tmp_path, approves=True)
    world.file.write_bytes(document(days=3))
    world.sources.refresh(FEDERATION, NOW)
    world.sources.approve(FEDERATION, world.sources.pending(NOW, FEDERATION)[0].digest)
    world.file.write_bytes(other(9, "next"))
    world.sources.refresh(FEDERATION, NOW + DAY)
    world.file.write_bytes(other(5))
    assert world.refused(NOW + 2 * DAY) == "metadata_old"
    (waiting,) = world.sources.pending(NOW, FEDERATION)
    assert waiting.valid_until == NOW + 9 * DAY


def rot(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"/idp/sso", b"/idp/ssx"))


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: os.truncate(path, 9), rot])
def test_a_damaged_copy_is_refused_and_the_next_fetch_heals_it(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    world = World(tmp_path)
    world.file.write_bytes(document())
    world.sources.refresh(FEDERATION, NOW)
    good = world.held.entity(ENTITY, NOW).octets
    copy = world.held.copy(FEDERATION)
    (path,) = (world.folder / FEDERATION).glob("*.octets")
    damage(path)
    assert copy is not None
    # A file that is gone stays with whoever has it open
    assert copy.intact() != path.exists()
    held, sources = world.worker()
    with pytest.raises(PeerUnavailable):
        held.entity(ENTITY, NOW)
    sources.refresh(FEDERATION, NOW + world.federation.refresh_seconds)
    assert held.entity(ENTITY, NOW).octets == good


def test_a_process_that_was_ended_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.file.write_bytes(document())
    world.sources.refresh(FEDERATION, NOW)

    def ended(job: Job) -> Index | None:
        (job.folder / "half.octets").write_bytes(b"half")
        raise FetchError("metadata_process", "ended", "")

    world.run = ended
    assert world.refused(NOW + world.federation.refresh_seconds) == "metadata_process"
    assert len(list((world.folder / FEDERATION).glob("*.octets"))) == 1
    assert world.worker()[0].entity(ENTITY, NOW)
