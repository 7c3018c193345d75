"""docs/interoperability.md fits the list of peers, their pinned versions, and the kept result of a run."""

from tests.interop import page
from tests.interop.peer import Outcome


def test_the_page_is_of_the_kept_result_and_the_result_of_these_peers() -> None:
    assert page.stale() == []


def test_no_failure_of_ours_is_kept() -> None:
    assert {row["result"] for row in page.read()} <= {Outcome.WORKS, Outcome.PEER}
