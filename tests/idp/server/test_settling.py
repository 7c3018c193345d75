"""How a worker's threads take turns, and that it serves where its system lets it choose no processor."""

import os
import sys

import pytest

from idp.server.workers.worker import TURN_SECONDS, settle


def test_a_worker_that_may_not_choose_its_processor_serves_on_any(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[int]] = []

    def refused(_process: int, processors: set[int]) -> None:
        asked.append(processors)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    before = sys.getswitchinterval()
    try:
        settle(3)
        assert sys.getswitchinterval() == pytest.approx(TURN_SECONDS)
    finally:
        sys.setswitchinterval(before)
    assert asked == [{3}]
