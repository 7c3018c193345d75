"""The pages of the desk say what the commands say, filtered, sorted and as files; and no page says about whom."""

import csv
import io
import json
from urllib.parse import urlencode

import httpx2
import pytest

from idp.demo.browser import Browser
from idp.demo.citizens import CITIZENS, CITY
from idp.desk.questions import PAGES
from tests.desk.stage import CLIENT, DeskStage, number_in
from tests.idp.cli.command import Served, in_process, json_of
from tests.idp.server.crew import until

# What is done on the stage: two at parking, one for the fares, one refusal
ACTS = (("mari", "parking", "approve"), ("juhan", "parking", "refuse"), ("mari", "fares", "approve"))


class Desk:
    """A signed-in auditor's requests."""

    def __init__(self, stage: DeskStage, cookie: str, number: str) -> None:
        self.stage, self.number = stage, number
        self._headers = {"host": stage.url.removeprefix("http://"), "cookie": f"__Host-desk={cookie}"}

    def get(self, path: str, **query: str) -> httpx2.Response:
        url = f"http://127.0.0.1:{self.stage.desk_port}{path}?{urlencode(query)}"
        return httpx2.get(url, headers=self._headers, timeout=60)

    def rows(self, page: str, table: str, **query: str) -> list[dict[str, object]]:
        """The rows of a table, as JSON lines have them."""
        answer = self.get(f"{page}.jsonl", table=table, **query)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="module")
def desk(stage: DeskStage, served: Served) -> Desk:
    with Browser() as browser:
        number = number_in(stage.sign_in(browser))
        stage.relist(served, {number: "reader"})
        stage.sign_in(browser)
        cookie = next(value for (_, name), (value, _) in browser._jar.items() if name == "__Host-desk")
    for citizen, service, choice in ACTS:
        with Browser() as browser:
            stage.release(browser, citizen, service, choice)
    found = Desk(stage, cookie, number)
    # Until every leaf has its place
    until(lambda: sum(int(str(one["refusals"])) for one in found.rows("/releases", "releases", service="parking")) == 1)
    return found


def reported(stage: DeskStage, *options: str) -> dict[str, object]:
    return json_of(in_process("ledger", "report", "--config", stage.config, *options, "--json"))


def test_the_tables_have_the_figures_of_the_command(desk: Desk) -> None:
    report = reported(desk.stage)
    assert desk.rows("/releases", "releases") == report["releases"]
    assert desk.rows("/attributes", "attributes") == report["attributes"]
    assert desk.rows("/over-asking", "over_asking") == report["over_asking"]
    parking = next(one for one in desk.rows("/releases", "releases") if one["service"] == "parking")
    assert (parking["releases"], parking["refusals"], parking["basis"]) == (1, 1, "public_task")
    # The sign-ins at the desk are logins as any other, of a purpose of their own
    assert [one for one in desk.rows("/releases", "releases") if one["service"] == CLIENT]
    forms = {(one["attribute"], one["form"]) for one in desk.rows("/attributes", "attributes", service="fares")}
    assert forms == {("birthdate", "age_over(60)")}


def test_a_filter_narrows_each_table_as_the_command_does(desk: Desk) -> None:
    for option, name, value in (
        ("--service", "service", "fares"),
        ("--purpose", "purpose", "resident-parking"),
        ("--attribute", "attribute", "birthdate"),
        ("--country", "country", "EE"),
        ("--basis", "basis", "contract"),
        ("--outcome", "outcome", "refusal"),
    ):
        assert desk.rows("/releases", "releases", **{name: value}) == reported(desk.stage, option, value)["releases"], name
    assert desk.rows("/releases", "releases", since="2000-01-01", until="2000-12-31") == []
    # A period of a thousand years is one like any other
    assert desk.rows("/releases", "releases", since="1500-01-01", until="2999-12-31") == reported(desk.stage)["releases"]
    for since, until_ in (("2026-02-30", ""), ("yesterday", ""), ("2026-12-02", "2026-12-01"), ("0000-01-01", "")):
        assert desk.get("/releases", since=since, until=until_).status_code == 400, since
    assert desk.get("/releases", service="x" * 201).status_code == 400
    assert desk.get("/releases", service="nobody").status_code == 200


def test_a_table_is_sorted_by_a_heading_and_saved_as_it_is_seen(desk: Desk) -> None:
    up = [one["service"] for one in desk.rows("/releases", "releases", sort="service")]
    down = [one["service"] for one in desk.rows("/releases", "releases", sort="-service")]
    assert up == sorted(map(str, up)) == down[::-1]
    page = desk.get("/releases", table="releases", sort="-service").text
    assert 'aria-sort="descending"' in page
    assert page.index(f"<td>{down[0]}</td>") < page.index(f"<td>{down[-1]}</td>")
    answer = desk.get("/releases.csv", table="releases", sort="service")
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head[:3] == ["service", "purpose", "basis"]
    assert [row[0] for row in rows] == up
    assert desk.get("/releases.csv", table="nothing").status_code == 404
    assert desk.get("/releases.exe", table="releases").status_code == 404


def test_a_plot_has_the_figures_of_the_table_beside_it(desk: Desk) -> None:
    page = desk.get("/releases").text
    for one in desk.rows("/releases", "countries"):
        assert f">{one['releases']}</text>" in page
        assert f"<td>{one['country']}</td>" in page
    assert page.count("<svg") == page.count("<figure>") == 2


def test_no_page_says_about_whom_and_none_loads_anything_of_others(desk: Desk) -> None:
    # The city's name stands in a form that its policy names: resident_of(Storkhaven)
    values = {value for one in CITIZENS for value in one.attributes.values() if len(value) > 4 and value != CITY}
    for page in PAGES:
        answer = desk.get(page.path)
        assert answer.status_code == 200, page.path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not [value for value in values if value in answer.text], page.path
        assert desk.number not in answer.text
        assert "<script" not in answer.text
        assert "set-cookie" not in answer.headers
