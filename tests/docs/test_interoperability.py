"""docs/interoperability.md fits the list of peers, their pinned versions, and the kept result of a run."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.interop import page
from tests.interop.client_peers import CLIENTS
from tests.interop.peer import Flow, Npm, Outcome, Peer
from tests.interop.roster import PEERS


def test_the_page_is_of_the_kept_result_and_the_result_of_these_peers() -> None:
    assert page.stale() == []


def test_no_failure_of_ours_is_kept() -> None:
    assert {row["result"] for row in page.read()} <= {Outcome.WORKS, Outcome.PEER}


@dataclass(frozen=True, slots=True)
class _Newer(Npm):
    def pinned(self) -> str:
        return "7.0.0"


CHANGED = {
    "another flow": replace(CLIENTS[0], flows=(*CLIENTS[0].flows, Flow("with a key"))),
    "another setting": replace(CLIENTS[0], flows=(Flow(CLIENTS[0].flows[0].name),)),
    "another version": replace(CLIENTS[0], package=_Newer("openid-client")),
    "another documentation": replace(CLIENTS[0], documented="its tests"),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_a_changed_list_of_peers_makes_it_stale(changed: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PEERS", (changed, *PEERS[1:]))
    assert page.stale()


def test_an_edited_page_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = tmp_path / "interoperability.md"
    edited.write_text(page.PAGE.read_text(encoding="utf-8").replace("| works |", "| works well |", 1), encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", edited)
    assert page.stale() == ["interoperability.md is not made from the kept result"]
