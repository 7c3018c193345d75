"""One provider a test."""

from collections.abc import Iterator

import pytest

from tests.connectors.oidc.bench import NOW
from tests.connectors.oidc.upstream import Upstream, upstream


@pytest.fixture
def op() -> Iterator[Upstream]:
    with upstream(NOW) as made:
        yield made
