"""Proposals, and the pages' reading of what is in force, where the record lies in a real PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.desk.console_stage import Console
from tests.desk.stage import DeskStage
from tests.desk.test_console_proposals import (
    mari,
    proposing,
    test_a_plan_that_something_else_overtook_is_refused,
    test_a_proposal_waits_for_a_second_person_and_then_apply_puts_it_in_force_and_into_the_folder,
)
from tests.postgres import server

__all__ = [
    "mari",
    "test_a_plan_that_something_else_overtook_is_refused",
    "test_a_proposal_waits_for_a_second_person_and_then_apply_puts_it_in_force_and_into_the_folder",
]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with proposing(DeskStage(tmp_path_factory.mktemp("proposals"), database=server().fresh())) as found:
        yield found
