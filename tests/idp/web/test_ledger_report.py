"""An auditor's report of real logins: questions 1, 2, 3, 6 and 7, by the command."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any  # Any: JSON

import pytest
from typer.testing import CliRunner

from idp.cli import app
from tests.idp.staging import Clock, opened
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor

Report = dict[str, Any]
PATIENCE = 30
DAY = "%Y-%m-%d"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A ledger of this module's own: others switch things off."""
    with opened(Stage(tmp_path_factory.mktemp("report") / "stage", Clock())) as stage:
        yield stage


def _report(stage: Stage, *options: str) -> Report:
    run = CliRunner().invoke(app, ["ledger", "report", "--config", str(stage.receiving), "--json", *options])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def _whole(stage: Stage, *options: str) -> Report:
    """The report, once every record has its place."""
    ends = time.monotonic() + PATIENCE
    while _report(stage)["size"] < stage.records:
        assert time.monotonic() < ends
    return _report(stage, *options)


def _of_parking(report: Report) -> dict[str, int]:
    rows = [one for one in report["releases"] if (one["service"], one["purpose"]) == ("parking", "resident-parking")]
    return {name: sum(row[name] for row in rows) for name in ("releases", "refusals", "cancellations")}


def _forms(report: Report) -> dict[tuple[str, str, str], int]:
    return {(one["service"], one["attribute"], one["form"]): one["releases"] for one in report["attributes"]}


def _asked_too_much(report: Report) -> dict[tuple[str, str], int]:
    return {
        (one["attribute"], one["reason"]): one["logins"] for one in report["over_asking"] if one["service"] == "parking"
    }


def test_each_login_counts_once_in_each_answer(visitor: Visitor, stage: Stage) -> None:
    before = _whole(stage)
    assert visitor.decides(visitor.question()).status in (200, 303)
    assert visitor.decides(visitor.question("juhan"), "refuse").status == 303
    after = _whole(stage)
    counted = _of_parking(before)
    assert _of_parking(after) == counted | {name: counted[name] + 1 for name in ("releases", "refusals")}
    adult = ("parking", "birthdate", "age_over(18)")
    assert _forms(after)[adult] == _forms(before).get(adult, 0) + 1
    assert not any(form == "exact" for service, name, form in _forms(after) if name == "birthdate")
    assert (
        _asked_too_much(after)["family_name", "not_needed"]
        == _asked_too_much(before).get(("family_name", "not_needed"), 0) + 2
    )
    assert {one["basis"] for one in after["releases"]} == {"public_task"}
    assert after["lacking"]["found"] == []
    assert after["switched_off"] == []
    series = after["series"]
    assert series["countries"]["EE"] == after["lacking"]["compared"]
    assert sum(one["releases"] for one in series["weeks"]) == after["lacking"]["compared"]


def test_the_language_of_the_page_that_was_shown_is_found(visitor: Visitor, stage: Stage) -> None:
    before = _whole(stage)["lacking"]
    assert visitor.decides(visitor.question(ui_locales="et")).status in (200, 303)
    after = _whole(stage)["lacking"]
    assert after["languages"]["et"] == before["languages"].get("et", 0) + 1
    assert after["pages_unknown"] == 0


def test_filters_select(visitor: Visitor, stage: Stage) -> None:
    assert visitor.decides(visitor.question()).status in (200, 303)
    today = datetime.fromtimestamp(stage.clock(), UTC)
    everything = _whole(stage)
    assert _of_parking(everything)["releases"] > 0
    same = ("--service", "parking", "--country", "EE", "--basis", "public_task", "--purpose", "resident-parking")
    period = ("--from", "1026-01-01", "--to", f"{today + timedelta(days=1):{DAY}}", "--attribute", "birthdate")
    found = _report(stage, *same, *period, "--outcome", "release")
    assert _of_parking(found) == _of_parking(everything) | {"refusals": 0, "cancellations": 0}
    assert {name for _, name, _ in _forms(found)} == {"birthdate"}
    assert found["notes"] == []
    nobody = {"releases": 0, "refusals": 0, "cancellations": 0}
    later = f"{today + timedelta(days=9):{DAY}}"
    for other in (("--country", "LV"), ("--basis", "consent"), ("--to", "2026-01-01"), ("--from", later)):
        assert _of_parking(_report(stage, *other)) == nobody


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (("--service", "nobody"), "No service nobody is registered, and none is on record."),
        (("--purpose", "none"), "No purpose none is configured, and none is on record."),
        (("--country", "XX"), "No identity provider and no node of XX is configured."),
        (("--attribute", "shoe_size"), "The catalogue has no attribute shoe_size."),
        (("--from", "3000-01-01", "--to", "4000-01-01"), "No login on record is of this period and these filters."),
    ],
)
def test_what_is_unknown_or_empty_is_said(visitor: Visitor, stage: Stage, options: tuple[str, ...], note: str) -> None:
    assert visitor.decides(visitor.question()).status in (200, 303)
    found = _whole(stage, *options)
    assert note in found["notes"]
    assert found["releases"] == []


@pytest.mark.parametrize(
    "options", [("--from", "2026-12-02", "--to", "2026-12-01"), ("--from", "yesterday"), ("--outcome", "gone")]
)
def test_a_question_that_means_nothing_is_refused(stage: Stage, options: tuple[str, ...]) -> None:
    run = CliRunner().invoke(app, ["ledger", "report", "--config", str(stage.receiving), "--json", *options])
    assert run.exit_code == 2
    assert json.loads(run.stdout)["error"]["code"] == "usage"


def test_people_read_the_same(visitor: Visitor, stage: Stage) -> None:
    assert visitor.decides(visitor.question()).status in (200, 303)
    _whole(stage)
    run = CliRunner().invoke(app, ["ledger", "report", "--config", str(stage.receiving)])
    assert run.exit_code == 0
    assert "parking  birthdate as age_over(18): " in run.stdout
    assert "nothing was switched off" in run.stdout
