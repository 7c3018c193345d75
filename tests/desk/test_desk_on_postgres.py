"""The walk over the desk's pages, and the use of a grant, where the record lies in a real PostgreSQL."""

import pytest

from tests.desk.stage import DeskStage
from tests.desk.test_desk_grants import (
    ANNA,
    BERT,
    record,
    test_a_grant_of_a_period_tells_nothing_of_records_outside_it,
    test_a_grant_of_two_officers_opens_one_person_to_its_auditor_and_its_use_is_on_record,
)
from tests.desk.test_desk_pages import (
    desk,
    test_a_citizens_receipt_opens_their_records_and_nobody_elses,
    test_a_filter_narrows_each_table_as_the_command_does,
    test_a_record_is_shown_without_its_person_and_its_proof_holds_offline,
    test_a_signed_bundle_holds_offline_and_one_without_a_row_does_not,
    test_no_page_says_about_whom_and_none_loads_anything_of_others,
    test_receipts_are_compared_with_the_record,
    test_the_policy_of_a_day_and_the_events_are_those_of_the_commands,
    test_the_tables_have_the_figures_of_the_command,
)
from tests.postgres import server

__all__ = [
    "desk",
    "record",
    "test_a_citizens_receipt_opens_their_records_and_nobody_elses",
    "test_a_filter_narrows_each_table_as_the_command_does",
    "test_a_grant_of_a_period_tells_nothing_of_records_outside_it",
    "test_a_grant_of_two_officers_opens_one_person_to_its_auditor_and_its_use_is_on_record",
    "test_a_record_is_shown_without_its_person_and_its_proof_holds_offline",
    "test_a_signed_bundle_holds_offline_and_one_without_a_row_does_not",
    "test_no_page_says_about_whom_and_none_loads_anything_of_others",
    "test_receipts_are_compared_with_the_record",
    "test_the_policy_of_a_day_and_the_events_are_those_of_the_commands",
    "test_the_tables_have_the_figures_of_the_command",
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> DeskStage:
    stage = DeskStage(tmp_path_factory.mktemp("desk"), database=server().fresh())
    (stage.config / "operators").mkdir()
    for one in (ANNA, BERT):
        (stage.config / "operators" / f"{one.name}.pub").write_text(one.line)
        (stage.folder / f"{one.name}.key").write_bytes(one.private)
    return stage
