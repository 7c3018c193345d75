"""The simulator over real sockets decides as `ciconia policy explain` does, and keeps nobody's values."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.demo.browser import Browser
from tests.desk.console_stage import Console, served_console
from tests.desk.stage import DeskStage
from tests.idp.cli.command import Served, in_process, json_of

PURPOSE, SERVICE = "resident-parking", "parking"
CANARY = "Canarius-7f3a"


@pytest.fixture(scope="module")
def console(stage: DeskStage, served: Served) -> Iterator[tuple[Console, Served]]:
    assert served.process.poll() is None
    found = Console(stage)
    with served_console(found, stage.folder / "console.log") as pages:
        yield found, pages


def test_it_decides_as_the_command_does_and_no_value_is_shown_or_kept(
    console: tuple[Console, Served], tmp_path: Path
) -> None:
    stage, pages = console
    with Browser() as browser:
        stage.administrator(browser, "mari")
        form = stage.get(browser, f"/simulator?purpose={PURPOSE}")
        person = str(form.tree.xpath("//textarea")[0].text).replace("Maasikas", CANARY)
        assert CANARY in person
        fields = {"purpose": PURPOSE, "service": SERVICE, "person": person}
        page = browser.submit(form, fields, "//form[@class='edit']")
        assert page.url == f"{stage.url}/simulator"
        (tmp_path / "person.toml").write_text(person, encoding="utf-8")
        command = ("policy", "explain", "--purpose", PURPOSE, "--client", SERVICE, "--from", tmp_path / "person.toml")
        told = json_of(in_process(*command, "--config", stage.config, "--json"))
        assert isinstance(told["attributes"], list)
        rows = {row[0].text: [cell.text for cell in row] for row in page.tree.xpath("//table//tbody/tr")}
        assert rows.keys() == {row["attribute"] for row in told["attributes"]}
        for row in told["attributes"]:
            shown = rows[row["attribute"]]
            wanted = [row[name] or "-" for name in ("asked", "registered", "needed", "available", "goes", "reason")]
            assert shown[1:7] == wanted
        assert ("The sign-in could go on." in page.text) is told["ok"]
        # The value stands in the form that was sent, and nowhere else
        assert page.text.count(CANARY) == 1
        assert "cannot be read" in browser.submit(form, {**fields, "person": "loa = 1"}, "//form[@class='edit']").text
        assert browser.submit(form, {**fields, "purpose": "none"}, "//form[@class='edit']").status == 404
        assert browser.submit(form, {**fields, "token": ""}, "//form[@class='edit']").status == 403
    assert CANARY not in pages.stderr
    kept = [path for path in (stage.config / "console").rglob("*") if path.is_file()]
    assert not [path for path in kept if CANARY.encode() in path.read_bytes()]
