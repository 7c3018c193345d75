"""A node that rests on a list of all nodes counts while that names it: what is gone acts at once, what is new waits."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.metadata.peers import Peers
from connectors.profiles import EIDAS
from idp.ledger.ledger_keys import LedgerKeys
from idp.protocols.eidas.node_list import HeldNodeList
from policies.errors import PeerUnavailable, RequestRefused
from policies.node_list import NodeList
from policies.parties import Peer, Source
from tests.connectors.metadata import node
from tests.connectors.metadata.lists import ee, publisher, signed, text
from tests.connectors.metadata.node import DAY, NOW, key
from tests.connectors.metadata.origin import LOOPBACK, Origin, body, origin
from tests.connectors.metadata.world import NODE, OURS, Copies

HOUR = 3600


@dataclass
class Stage:
    """A list and a node on sockets, and a broker that rests on them. `now` moves when a test moves it."""

    published: Origin
    server: Origin
    folder: Path
    now: int = NOW
    issued: int = NOW - DAY
    copies: Copies = field(default_factory=Copies)
    pins: bytes = b""
    key: bytes = b"k" * 32

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another process over the same files and rows."""
        place = Source("providers/ee.toml", 3)
        peer = Peer(NODE, "EE", self.server.url, self.pins, "", LOOPBACK, place, listed=True)
        registered = NodeList(self.published.url, (publisher().certificate,), place, HOUR, LOOPBACK)
        keys, fetcher = cast(LedgerKeys, SimpleNamespace(rows=self.key)), Fetcher(demo=True)
        self.list = HeldNodeList(registered, [peer], role="proxy", folder=self.folder, keys=keys, fetcher=fetcher)
        self.peers = Peers(
            {NODE: peer}, role="proxy", copies=self.copies, fetcher=fetcher, profile=EIDAS, ours=OURS, node_list=self.list
        )

    def lists(self, *names: str, by: str = "publisher", **said: object) -> None:
        """Publish a list, an hour newer than the one before, with certificates of these keys."""
        self.issued += HOUR
        place = ee(entity_id=NODE, certificates=[key(name).certificate for name in names], **said)
        self.shows(signed(text(place, issued=self.issued, until=self.issued + 7 * DAY), by=by))

    def shows(self, octets: bytes) -> None:
        self.published.answer = body(octets)
        self.now += HOUR

    def approve(self) -> None:
        waiting = self.list.pending(self.now)
        assert waiting is not None
        self.list.approve(waiting.digest, self.now)

    def refresh(self) -> None:
        self.peers.refresh(NODE, self.now)

    def refused(self) -> str:
        with pytest.raises(FetchError) as refused:
            self.refresh()
        return refused.value.check

    def why_not(self) -> str:
        with pytest.raises(PeerUnavailable) as away:
            self.peers.current(NODE, self.now)
        return away.value.detail


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A node that the list names, whose certificate and metadata are approved."""
    with (
        origin(body(b"")) as published,
        origin(body(node.octets(replace(node.proxy(), valid_until=NOW + 20 * DAY)))) as server,
    ):
        found = Stage(published, server, tmp_path)
        found.lists("metadata")
        assert found.refused() == "list_unnamed"  # nothing counts before an operator saw it
        found.approve()
        found.refresh()
        (pending,) = found.peers.pending(found.now)
        found.peers.approve(NODE, pending.digest, found.now)
        assert found.peers.available(NODE, found.now)
        yield found


def test_a_certificate_of_the_list_counts_when_an_operator_approved_it_and_then_signs_without_a_restart(
    stage: Stage,
) -> None:
    stage.server.answer = body(node.octets(replace(node.proxy(), valid_until=NOW + 21 * DAY), by="next"))
    stage.lists("metadata", "next")
    assert stage.refused() == "signature"
    waiting = stage.list.pending(stage.now)
    assert waiting is not None
    assert len(waiting.additions) == 1
    with pytest.raises(RequestRefused):
        stage.list.approve("0" * 64, stage.now)
    stage.approve()
    stage.refresh()
    assert stage.peers.available(NODE, stage.now)
    # The rollover is over: the old one is gone at once
    stage.lists("next")
    stage.refresh()
    assert stage.peers.available(NODE, stage.now)


@pytest.mark.parametrize("gone", ["removed", "suspended", "of another country", "with another key"])
def test_what_is_gone_from_the_list_is_out_of_use_at_once_and_new_when_it_comes_back(stage: Stage, gone: str) -> None:
    match gone:
        case "removed":
            stage.lists("metadata", location="https://other.example/")
            stage.shows(signed(text(ee(), issued=stage.issued + 1, until=stage.now + 7 * DAY)))
            stage.issued += 1
        case "suspended":
            stage.lists("metadata", said=' Suspend="true"')
        case "of another country":
            stage.lists("metadata", country="LV")
        case _:
            stage.lists("stranger")
    assert stage.refused() == "list_unnamed"
    assert not stage.peers.available(NODE, stage.now)
    assert "out of use" in stage.why_not()
    stage.restart()
    assert not stage.peers.available(NODE, stage.now)
    stage.lists("metadata")
    if gone in ("removed", "with another key"):
        assert stage.refused() == "list_unnamed"
        stage.approve()
    stage.refresh()
    assert stage.peers.available(NODE, stage.now)


def test_an_older_list_another_signers_and_two_lists_of_one_moment_change_nothing(stage: Stage) -> None:
    first = signed(text(ee(entity_id=NODE, certificates=[key("stranger").certificate]), issued=stage.issued - 1))
    one_moment = signed(text(ee(entity_id=NODE, certificates=[key("stranger").certificate]), issued=stage.issued))
    earlier_version = signed(text(ee(), issued=stage.issued + 5).replace('Version="1.0"', 'Version="0.9"'))
    stranger = signed(text(ee(), issued=stage.issued + 5), by="another")
    for octets, check in (
        (first, "list_old"),
        (one_moment, "list_old"),
        (earlier_version, "service_list"),
        (stranger, "signature"),
    ):
        stage.shows(octets)
        assert stage.refused() == check
        assert stage.peers.available(NODE, stage.now)
    # It is not asked again at each look, and the refusal is said until a good one comes
    asked = stage.published.accepted
    assert stage.refused() == "signature"
    assert stage.published.accepted == asked


def test_a_list_that_ended_lets_nobody_count_until_a_newer_one_comes(stage: Stage) -> None:
    stage.published.answer = body(b"", status="503 Away")
    stage.now = stage.issued + 7 * DAY - 1
    assert stage.refused() == "status"
    assert stage.peers.available(NODE, stage.now)
    stage.now += 1
    assert "ended" in stage.why_not()
    stage.issued = stage.now - HOUR
    stage.lists("metadata")
    stage.refresh()
    assert stage.peers.available(NODE, stage.now)


def test_a_pinned_key_counts_only_while_the_list_names_it(stage: Stage) -> None:
    stage.pins = key("metadata").certificate
    stage.restart()
    stage.lists("metadata", "next")
    stage.refresh()
    assert stage.peers.available(NODE, stage.now)
    stage.lists("next")
    assert stage.refused() == "list_unnamed"
    assert not stage.peers.available(NODE, stage.now)


def test_a_file_of_somebody_else_approves_nothing_and_an_older_one_of_ours_brings_back_nothing(stage: Stage) -> None:
    file = next(stage.folder.glob("*/list"))
    before = file.read_bytes()
    stage.lists("stranger")
    assert stage.refused() == "list_unnamed"
    file.write_bytes(before)
    assert not stage.peers.available(NODE, stage.now)
    file.write_bytes(before.replace(b'"proxy"', b'"proxx"', 1))
    stage.restart()
    assert not stage.peers.available(NODE, stage.now)
    stage.key = b"s" * 32
    file.write_bytes(before)
    stage.restart()
    assert not stage.peers.available(NODE, stage.now)


@pytest.mark.parametrize("days", [1, 0])
def test_a_withdrawn_key_takes_the_copy_that_it_signed_with_it_whichever_other_keys_count(stage: Stage, days: int) -> None:
    stage.lists("metadata", "next")
    stage.refresh()
    stage.approve()
    stage.lists("next")
    assert stage.refused() == "signature"
    assert "counts no longer" in stage.why_not()
    # What the other key signed takes its place, also where it ends no later
    stage.server.answer = body(node.octets(replace(node.proxy(), valid_until=NOW + (20 + days) * DAY), by="next"))
    stage.refresh()
    assert stage.peers.available(NODE, stage.now)
    stage.restart()
    assert stage.peers.available(NODE, stage.now)


def test_an_approval_is_of_what_pending_showed_and_of_no_pinned_certificate(stage: Stage) -> None:
    stage.lists("metadata", "next")
    stage.refresh()
    stage.pins = key("next").certificate
    stage.restart()
    stage.lists("metadata", "next", "stranger")
    stage.refresh()
    stage.approve()
    held = stage.list.look()
    assert held is not None
    shown = {sha256(key(name).certificate).hexdigest() for name in ("metadata", "stranger")}
    assert {certificate for _, _, certificate in held.approved} == shown
