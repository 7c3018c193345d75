"""One open stage for all tests of the live part: its keys take seconds to make."""

from collections.abc import Iterator, MutableMapping
from typing import Any  # structlog's own type of an event

import pytest
from structlog.testing import capture_logs

from idp.selftest.live.stage import Stage, open_stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with open_stage() as opened:
        yield opened


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as heard:
        yield heard
