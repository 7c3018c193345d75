"""One stage for all modules of the suite: its servers are started once."""

from collections.abc import Iterator

import pytest

from tests.conformance.suite import Suite, SuiteStage
from tests.idp.staging import Clock, fresh, logs, opened
from tests.idp.web.visitor import Visitor

__all__ = ["logs"]


@pytest.fixture(scope="session")
def running_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteStage]:
    with opened(SuiteStage(tmp_path_factory.mktemp("conformance") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def suite_stage(running_suite: SuiteStage) -> Iterator[SuiteStage]:
    yield from fresh(running_suite)


@pytest.fixture(params=["", "form_post"], ids=["query", "form_post"])
def suite(suite_stage: SuiteStage, request: pytest.FixtureRequest) -> Iterator[Suite]:
    """The suite of the plan for query, and of that for form_post."""
    with Visitor(suite_stage) as visitor:
        yield Suite(visitor, mode=request.param)
