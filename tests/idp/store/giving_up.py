"""A commit is given up when a test says so, and not when a busy machine is late."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from idp.store.batch import Waiting
from tests.idp.server.crew import until

# For what would never come
PATIENCE = 60.0


@contextmanager
def given_up_when(condition: Callable[[], bool]) -> Iterator[None]:
    """Within it `COMMIT_SECONDS` of each commit have passed as soon as the condition holds, and no sooner."""
    wait = Waiting.wait

    def until_then(waiting: Waiting, _seconds: float) -> None:
        until(condition, PATIENCE)
        wait(waiting, 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Waiting, "wait", until_then)
        yield
