"""The pages of the desk say what the commands say, filtered, sorted and as files; and no page says about whom."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from idp.demo.browser import Browser
from idp.demo.citizens import CITIZENS, CITY
from idp.desk.auditor.questions import PAGES
from tests.desk.reader import Desk, signed_in
from tests.desk.stage import CLIENT, DeskStage
from tests.idp.cli.command import Served, in_process, json_of
from tests.idp.server.crew import until

# What is done on the stage: two at parking, one for the fares, one refusal
ACTS = (("mari", "parking", "approve"), ("juhan", "parking", "refuse"), ("mari", "fares", "approve"))


@pytest.fixture(scope="module")
def desk(stage: DeskStage, served: Served) -> Desk:
    found = signed_in(stage, served, "liis")
    for citizen, service, choice in ACTS:
        with Browser() as browser:
            stage.release(browser, citizen, service, choice)
            if choice == "approve":
                found.receipts[service] = browser.get(f"{stage.issuer}/receipt.json", origin=stage.issuer).text.encode()
    services = {service for _, service, _ in ACTS}

    def placed() -> int:
        rows = [one for one in found.rows("/releases", "releases") if one["service"] in services]
        return sum(int(str(one[outcome])) for one in rows for outcome in ("releases", "refusals"))

    # Until every leaf has its place: the last act's may get it a second after the one before
    until(lambda: placed() == len(ACTS))
    return found


def published(desk: Desk, path: str) -> str:
    """The broker's answer to everybody at its own address."""
    host = {"host": desk.stage.issuer.removeprefix("http://")}
    return httpx2.get(f"http://127.0.0.1:{desk.stage.broker_port}{path}", headers=host, timeout=30).text


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


def test_a_record_is_shown_without_its_person_and_its_proof_holds_offline(desk: Desk, tmp_path: Path) -> None:
    record = json.loads(desk.receipts["parking"])["record"]["record_id"]
    page = desk.get("/prove", record=record)
    assert "The record holds" in page.text
    assert "resident-parking" in page.text
    assert "subject" not in page.text
    answer = desk.get("/proof", record=record)
    proof, log = tmp_path / "proof.json", tmp_path / "log.vkey"
    proof.write_bytes(answer.content)
    log.write_bytes(published(desk, "/log/vkey").encode())
    checked = in_process("audit", "proof", proof, "--log", log)
    assert checked.returncode == 0, checked.stdout
    proof.write_bytes(answer.content.replace(b"age_over(18)", b"age_over(17)"))
    assert in_process("audit", "proof", proof, "--log", log).returncode == 1
    assert "There is no such record" in desk.get("/prove", record="0" * 32).text
    for path in ("/prove", "/proof"):
        assert desk.get(path, record="Mari Maasikas").status_code == 400
    assert desk.get("/proof", record="999999").status_code == 404


def test_a_signed_bundle_holds_offline_and_one_without_a_row_does_not(desk: Desk, tmp_path: Path) -> None:
    whole = desk.get("/bundle", service="parking", outcome="release")
    log = tmp_path / "log.vkey"
    log.write_bytes(published(desk, "/log/vkey").encode())
    lines = whole.content.splitlines(keepends=True)
    for name, octets, code in (
        ("whole", whole.content, 0),
        ("short", b"".join(lines[:-1]), 1),
        ("without", b"".join([lines[0], *lines[2:]]), 1),
    ):
        (tmp_path / name).write_bytes(octets)
        assert in_process("audit", "proof", tmp_path / name, "--log", log).returncode == code, name
    assert len(lines) == 3
    assert 'href="/bundle?service=parking"' in desk.get("/releases", service="parking").text
    assert "/bundle?" not in desk.get("/releases", attribute="birthdate").text


def test_a_citizens_receipt_opens_their_records_and_nobody_elses(desk: Desk) -> None:
    page = desk.post("/person", desk.receipts["parking"])
    assert "No number is missing" in page.text
    for service in ("parking", "fares", CLIENT):
        assert f"<td>{service}</td>" in page.text, service
    # Juhan's refusal has no subject, and is in no list of a person
    assert "<td>refusal</td>" not in page.text
    changed = desk.receipts["parking"].replace(b"age_over(18)", b"age_over(17)")
    assert "The receipt opens nothing" in desk.post("/person", changed).text
    for octets in (b"", b"{}", b"\xff" * 1000, b"[" * 5000):
        refused = desk.post("/person", octets)
        assert (refused.status_code, "The receipt opens nothing" in refused.text) == (200, True)


def test_receipts_are_compared_with_the_record(desk: Desk) -> None:
    page = desk.post("/receipts", *desk.receipts.values())
    assert "Every receipt agrees with the record" in page.text
    page = desk.post("/receipts", desk.receipts["parking"], desk.receipts["fares"].replace(b'"v":', b'"w":', 1))
    assert "Receipts do not agree" in page.text


def test_files_are_taken_of_an_auditor_on_our_own_page_alone(desk: Desk) -> None:
    url = f"http://127.0.0.1:{desk.stage.desk_port}/person"
    host = {"host": desk.stage.url.removeprefix("http://")}
    files = [("files", ("a.json", desk.receipts["parking"], "application/json"))]
    nobody = httpx2.post(url, headers={**host, "origin": desk.stage.url}, files=files, timeout=30)
    assert (nobody.status_code, nobody.headers["location"]) == (303, "/?ended=1")
    elsewhere = {**desk.headers, "origin": desk.stage.issuer}
    assert httpx2.post(url, headers=elsewhere, files=files, timeout=30).status_code == 403
    ours = {**desk.headers, "origin": desk.stage.url}
    assert httpx2.post(url, headers=ours, content=b"a=b", timeout=30).status_code == 415
    assert httpx2.post(url, headers=ours, files=[("files", ("big", b"x" * 17_000_000))], timeout=60).status_code == 413
    for path in ("/proof?record=0", "/bundle", "/acts.csv?table=acts", "/policy"):
        found = httpx2.get(f"http://127.0.0.1:{desk.stage.desk_port}{path}", headers=host, timeout=30)
        assert (found.status_code, found.headers["location"]) == (303, "/?ended=1"), path


def test_the_policy_of_a_day_and_the_events_are_those_of_the_commands(desk: Desk) -> None:
    told = json_of(in_process("ledger", "acts", "--config", desk.stage.config, "--json"))["acts"]
    assert isinstance(told, list)
    assert [(one["leaf"], one["kind"]) for one in desk.rows("/acts", "acts")] == [
        (one["index"], one["kind"]) for one in told
    ]
    today = datetime.now(UTC).date().isoformat()
    policies = json_of(in_process("ledger", "acts", "--config", desk.stage.config, "--on", today, "--json"))["policies"]
    assert isinstance(policies, list)
    rows = desk.rows("/policy", "purposes", day=today)
    assert rows == desk.rows("/policy", "purposes")
    assert len(rows) == sum(len(one["purposes"]) for one in policies)
    fares = next(one for one in rows if one["purpose"] == "concession-fare")
    assert (fares["attributes"], fares["services"], fares["assurance"]) == ("birthdate (age_over(60))", "fares", "low")
    assert desk.rows("/policy", "configurations", day="1999-12-31") == []
    assert desk.get("/policy", day="1999-13-31").status_code == 400


def test_the_first_page_says_with_what_the_record_was_compared(desk: Desk) -> None:
    page = desk.get("/").text
    assert "No witness is set up" in page
    assert desk.rows("/record", "log_keys")
    checkpoint = published(desk, "/log/checkpoint").splitlines()
    assert checkpoint[0] in page
