"""The flight recorder of two machines over one database, of either kind: one timeline of each sign-in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idp.demo.browser import Browser
from tests.idp.cli.command import ciconia
from tests.idp.server.crew import until
from tests.idp.server.machines import Machines, sign_in, to_the_question, turns
from tests.postgres import server

pytestmark = pytest.mark.slow
LEGS = {
    "released": ["answered", "asked", "begun", "received", "released", "sent", "token"],
    "refused": ["answered", "asked", "begun", "denied", "received", "refused"],
}


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path / "stage", database=server().fresh() if request.param == "postgresql" else "")
    yield found
    found.close()


def told(stage: Machines, reference: str) -> list[dict[str, Any]]:
    ran = ciconia("why", reference, "--json", "--config", stage.folders[1])
    return json.loads(ran.stdout)["steps"] if ran.returncode == 0 else []


@pytest.mark.spec("decisions.md 17")
def test_each_sign_in_has_one_timeline_whichever_machine_it_met(stage: Machines) -> None:
    with stage.serving(0), stage.serving(1), turns(stage.front, stage.ports) as given:
        opening = ("incident", "open", "two", "--for", "1h", "--reason", "a test", "--config", stage.folders[0])
        assert ciconia(*opening).returncode == 0
        until(lambda: all('"recording"' in stage.log(number) for number in range(2)))
        for number in range(2):
            sign_in(stage, stage.party(number), "mari")
            with Browser() as browser:
                question = to_the_question(stage, browser, stage.party(number).begin()[0], "juhan")
                browser.submit(question, {"choice": "refuse"}, "//form[.//*[@name='decided']]")
        assert set(given.given) == set(stage.ports)
        lines = [json.loads(line) for number in range(2) for line in stage.log(number).splitlines()]
        ended = {line["reference"]: line["step"] for line in lines if line.get("step") in LEGS}
        assert sorted(ended.values()) == ["refused", "refused", "released", "released"]
        for reference, step in ended.items():
            until(lambda: len(told(stage, reference)) == len(LEGS[step]))  # noqa: B023 - called at once
            assert sorted(one["step"] for one in told(stage, reference)) == LEGS[step]
            assert told(stage, reference)[0]["step"] == "begun"
