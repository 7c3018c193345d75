"""Requests for more than a service may get are counted, by service and attribute, without persons."""

import json

import pytest
from sqlalchemy import delete, insert, select
from typer.testing import CliRunner

from idp.cli import app, party_overasking
from idp.cli.party_overasking import DAY
from idp.store import tables
from idp.store.engine import writing
from tests.idp.monitoring.told import told
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor

WHY = {
    "address": "least_sufficient",
    "birthdate": "least_sufficient",
    "family_name": "not_needed",
    "gender": "not_registered",
    "given_name": "not_registered",
}


def _counted(stage: Stage, *options: str) -> dict[tuple[str, str], int]:
    """By attribute and reason, of the parking service."""
    run = CliRunner().invoke(app, ["party", "overasking", "--config", str(stage.receiving), "--json", *options])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert found["unreadable"] == 0
    rows = [one for one in found["overasked"] if one["client_id"] == "parking"]
    return {("logins", ""): found["logins"].get("parking", 0)} | {
        (one["attribute"], one["reason"]): one["logins"] for one in rows
    }


def _metric(stage: Stage) -> dict[str, float]:
    figures = told(stage.application.watched.measures)
    of_parking = {
        key: figure for key, figure in figures.items() if key[0] == "ciconia_overasked_total" and key[2] == "parking"
    }
    return {key[3]: figure for key, figure in of_parking.items()}


def test_each_login_on_record_counts_once_by_what_it_asked_too_much_of(visitor: Visitor, stage: Stage) -> None:
    before, metric = _counted(stage), _metric(stage)
    question = visitor.question()
    for _again in range(2):
        assert visitor.decides(question).status in (200, 303)
    assert visitor.decides(visitor.question("juhan"), "refuse").status == 303
    visitor.go("POST", f"/login/{visitor.login()}/cancel")
    after = _counted(stage)
    expected = {("logins", ""): 2, **dict.fromkeys(WHY.items(), 2)}
    assert {key: figure - before.get(key, 0) for key, figure in after.items() if figure != before.get(key, 0)} == expected
    grown = {name: figure - metric.get(name, 0) for name, figure in _metric(stage).items()}
    assert {name: figure for name, figure in grown.items() if figure} == dict.fromkeys(WHY, 2)


def test_a_service_that_asks_for_what_it_needs_is_not_named(visitor: Visitor, stage: Stage) -> None:
    before = _counted(stage)
    assert visitor.decides(visitor.question(scope="openid purpose:resident-parking")).status in (200, 303)
    assert _counted(stage) == before | {("logins", ""): before["logins", ""] + 1}


def test_words_beyond_the_catalogue_are_counted_and_not_repeated(visitor: Visitor, stage: Stage) -> None:
    claims = json.dumps({"userinfo": {"shoe_size": None}})
    assert visitor.decides(visitor.question(scope="openid purpose:resident-parking", claims=claims)).status in (200, 303)
    assert _counted(stage)["(unknown)", "not_registered"] >= 1
    run = CliRunner().invoke(app, ["party", "overasking", "--config", str(stage.receiving)])
    assert "(unknown)" in run.stdout
    assert "shoe_size" not in run.stdout


def test_logins_before_the_days_asked_for_are_not_counted(
    visitor: Visitor, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert visitor.decides(visitor.question()).status in (200, 303)
    monkeypatch.setattr(party_overasking, "system_clock", lambda: stage.clock() + 3 * DAY)
    assert _counted(stage, "--since", "4")["logins", ""] >= 1
    assert _counted(stage, "--since", "2") == {("logins", ""): 0}


def test_less_is_enough_by_the_purpose_of_that_login(visitor: Visitor, stage: Stage) -> None:
    file, name = stage.receiving / "purposes" / "resident-parking.toml", ("birthdate", "least_sufficient")
    text = file.read_text(encoding="utf-8")
    assert visitor.decides(visitor.question()).status in (200, 303)
    before = _counted(stage)
    file.write_text(text.replace('form = "age_over(18)"', 'form = "exact"'), encoding="utf-8")
    try:
        assert _counted(stage) == before, "the history has the purpose of that day"
        with writing(stage.application.store.engine).begin() as connection:
            kept = connection.execute(select(tables.configurations)).all()
            connection.execute(delete(tables.configurations))
        left = _counted(stage)
        with writing(stage.application.store.engine).begin() as connection:
            connection.execute(insert(tables.configurations), [row._asdict() for row in kept])
    finally:
        file.write_text(text, encoding="utf-8")
    assert left == {key: count for key, count in before.items() if key[1] != name[1]}
