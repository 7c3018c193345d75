"""The flight recorder of a sending node: the node that asked has a leg, and the national provider another."""

import json

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from idp.cli import app
from idp.store import tables
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage


def _run(stage: NodeStage, *arguments: str) -> str:
    told = CliRunner().invoke(app, [*arguments, "--json", "--config", str(stage.folder)])
    assert told.exit_code == 0, told.output
    return told.stdout


@pytest.mark.spec("decisions.md 17")
def test_a_sign_in_for_another_country_is_told_on_each_leg(browser: Browser, stage: NodeStage) -> None:
    _run(stage, "incident", "open", "i", "--for", "1h", "--reason", "a test", "--service", "nl")
    stage.application.recording.step()
    page = browser.informed()
    browser.decides(page)
    fields = browser.signs_in(browser.asks())
    failed = browser.returns({**fields, "SAMLResponse": fields["SAMLResponse"][:-8] + "AAAAAAA="})
    _run(stage, "incident", "close", "i", "--reason", "it is over")
    stage.application.recording.step()
    reference = stage.application.watched.steps.reference(page.fields["login"])
    steps = json.loads(_run(stage, "why", reference))["steps"]
    assert [(step["leg"], step["party"], step["step"]) for step in steps] == [
        ("service", "nl", "begun"),
        ("country", "national", "asked"),
        ("country", "national", "received"),
        ("country", "national", "answered"),
        ("broker", "", "released"),
        ("service", "nl", "sent"),
    ]
    told = json.loads(_run(stage, "why", failed.reference, "--leg", "country"))
    assert told["move"] == "provider"
    assert {step["party"] for step in told["steps"]} == {"national"}
    assert '"nl"' not in json.dumps(told)
    with stage.application.store.engine.begin() as connection:
        connection.execute(delete(tables.recorded_steps))
