"""The canary test: logins that succeed, are refused, and fail in every place; then no value is found where none may be."""

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from idp.demo.browser import Page
from tests.canary.needles import needles, search
from tests.canary.stage import (
    NOBODY_KNOWS_WHEN,
    OVERLONG,
    UNSURE,
    VALUES,
    CanaryStage,
    Shown,
    Witness,
)
from tests.idp.cli.command import Served, ciconia, serving

NAME = VALUES["family_name"].encode()
FAILURE = (
    '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0" '
    'IssueInstant="{:%Y-%m-%dT%H:%M:%SZ}"><samlp:Status>'
    '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/>'
    "<samlp:StatusMessage>{} may not</samlp:StatusMessage></samlp:Status></samlp:Response>"
)
# What is done to the octets of an answer after they were signed, and whose refusal it must be
SPOILED = {
    "altered": lambda octets: octets.replace(NAME, NAME + b"a"),
    "no_xml": lambda octets: octets.replace(NAME, NAME + b"<"),
    "doctype": lambda octets: b'<!DOCTYPE x [<!ENTITY e "' + NAME + b'">]>' + octets,
    "comment": lambda octets: octets.replace(NAME, NAME[:5] + b"<!-- " + NAME + b" -->" + NAME[5:]),
    "unknown_attribute": lambda octets: octets.replace(
        b"<saml:AttributeValue>", b'<saml:AttributeValue x="' + NAME + b'">'
    ),
    "failure": lambda _: FAILURE.format(datetime.now(UTC), VALUES["family_name"]).encode(),
    "latin": lambda octets: octets.replace(NAME, VALUES["family_name"].encode("latin-1")),
}


@dataclass
class Run:
    """What there is to search, and what happened."""

    shown: list[Shown] = field(default_factory=list)
    ends: dict[str, Page] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    log: str = ""
    said: str = ""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("canary")
    stage, found = CanaryStage(folder / "stage", fixed=False), Run()
    stage.open()
    try:
        with serving(stage.receiving, folder / "log") as served:
            logins(stage, found)
            locked(stage, found)
            violated(stage, found)
            with Witness(stage, found.shown) as browser:
                for path in ("/log/checkpoint", "/nothing/here", "/.well-known/openid-configuration"):
                    browser.get(stage.issuer + path)
            keep(stage.receiving, found, "while it runs")
            found.said = ended(served)
        keep(stage.receiving, found, "after its end")
        verified = ciconia("ledger", "verify", "--config", stage.receiving)
        assert verified.returncode == 0, verified.stdout
        found.log = served.stderr
        found.said += verified.stdout
        yield found
    finally:
        stage.close()


def logins(stage: CanaryStage, found: Run) -> None:
    """Those that go well, and those that the broker refuses."""
    for name, fields in {
        "released": {"choice": "approve", "share_email": "yes"},
        "refused": {"choice": "refuse"},
        "cancelled": {"choice": "cancel"},
    }.items():
        with Witness(stage, found.shown) as browser:
            found.ends[name] = browser.decide(browser.to_the_question(), **fields)
            if name == "released":
                back = found.ends[name].link("//main//a[contains(@href, 'code=')]")
                found.ends["city"] = browser.get(back, origin=stage.issuer, accept="application/json")
    for service in ("fares", "budget"):
        with Witness(stage, found.shown) as browser:
            # Approved, and the code is never redeemed: its payload stays parked
            found.ends[service] = browser.decide(browser.to_the_question(service=service), choice="approve")
    for name, who in (("blocked", NOBODY_KNOWS_WHEN), ("unsure", UNSURE), ("overlong", OVERLONG), ("failed", None)):
        with Witness(stage, found.shown) as browser:
            found.ends[name] = browser.to_the_question(who)
    for name, spoil in SPOILED.items():
        stage.canaries.spoil = spoil
        with Witness(stage, found.shown) as browser:
            found.ends[name] = browser.to_the_question()
    stage.canaries.spoil = bytes
    with Witness(stage, found.shown) as browser:
        hint = "&".join(
            f"login_hint={quote(VALUES['person_identifier'])}&x_{n}={quote(v)}" for n, v in [("a", VALUES["email"])]
        )
        question = browser.to_the_question(more=hint)
        # Fields that no page has, and the same decision in another way
        extra = {"share_email": VALUES["email"], "choice": VALUES["person_identifier"]}
        found.ends["foreign fields"] = browser.decide(question, **extra)
        found.ends["foreign box"] = browser.decide(question, choice="approve", **{f"share_{VALUES['email']}": "yes"})
        browser.decide(question, choice="approve")
        found.ends["decided otherwise"] = browser.decide(question, choice="refuse")
        found.ends["hint twice"] = browser._with("parking", f"{hint}&{hint}")


def locked(stage: CanaryStage, found: Run) -> None:
    """Somebody holds the database's lock for longer than a commit waits."""
    with Witness(stage, found.shown) as browser, ThreadPoolExecutor(1) as beside:
        question = browser.to_the_question()
        holding = sqlite3.connect(stage.receiving / "ciconia.db", isolation_level=None)
        holding.execute("BEGIN IMMEDIATE")
        approving = beside.submit(browser.decide, question, choice="approve", share_email="yes")
        found.ends["locked"] = approving.result(30)
        holding.execute("ROLLBACK")
        holding.close()


def violated(stage: CanaryStage, found: Run) -> None:
    """A constraint of the database refuses the row."""
    with Witness(stage, found.shown) as browser:
        question = browser.to_the_question()
        connection = sqlite3.connect(stage.receiving / "ciconia.db", isolation_level=None)
        connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'refused'); END")
        found.ends["violated"] = browser.decide(question, choice="approve", share_email="yes")
        connection.execute("DROP TRIGGER refuse")
        connection.close()


def keep(folder: Path, found: Run, when: str) -> None:
    """Every file of the broker's folder, as its bytes lie there."""
    for path in folder.rglob("*"):
        if path.is_file():
            found.files[f"{path.relative_to(folder)} {when}"] = path.read_bytes()


def ended(served: Served) -> str:
    """End it; what it said on stdout."""
    served.process.terminate()
    rest = served.process.stdout.read() if served.process.stdout else ""
    assert served.process.wait(20) == 0
    return served.first_line + rest


@pytest.fixture(scope="module")
def sought() -> dict[bytes, str]:
    return needles(VALUES.values())


def test_every_login_ended_as_it_was_meant_to(run: Run) -> None:
    statuses = {name: page.status for name, page in run.ends.items()}
    assert statuses == {
        **dict.fromkeys(("released", "refused", "cancelled", "city", "fares", "budget", "blocked"), 200),
        **dict.fromkeys(("unsure", "overlong", "failed", *SPOILED), 403),
        **dict.fromkeys(("foreign fields", "foreign box", "hint twice"), 400),
        "decided otherwise": 409,
        "locked": 503,
        "violated": 503,
    }
    lines = [json.loads(line) for line in run.log.splitlines()]
    assert {line["code"] for line in lines if line["event"] == "refused"} >= {
        "signature_invalid",
        "assurance_too_low",
        "assertion_rejected",
        "replayed",
        "store_unavailable",
        "request_refused",
    }
    assert {line["detail"] for line in lines if line.get("code") == "store_unavailable"} == {
        "SQLITE_BUSY",
        "SQLITE_CONSTRAINT_TRIGGER",
    }


def test_the_values_did_come_to_the_broker_and_the_released_one_did_reach_the_city(
    run: Run, sought: dict[bytes, str]
) -> None:
    asked = [shown for shown in run.shown if shown.asks]
    assert len(asked) >= 8
    assert VALUES["email"] in search(asked[0].body, sought)
    assert search(run.ends["city"].text.encode(), sought) == {VALUES["email"]}


@pytest.mark.spec("decisions.md 15")
def test_no_value_is_in_the_database_its_write_ahead_log_or_any_other_file(run: Run, sought: dict[bytes, str]) -> None:
    assert len(run.files["ciconia.db-wal while it runs"]) > 10_000
    assert len(run.files["ciconia.db after its end"]) > 10_000
    assert {name: found for name, data in run.files.items() if (found := search(data, sought))} == {}


@pytest.mark.spec("decisions.md 15")
def test_no_value_is_in_any_column_of_any_row(run: Run, sought: dict[bytes, str], tmp_path: Path) -> None:
    # A file's pages may cut a blob in pieces: its columns are searched whole too
    path = tmp_path / "copy.db"
    path.write_bytes(run.files["ciconia.db after its end"])
    connection = sqlite3.connect(path)
    searched = 0
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the schema itself
            for column in row:
                data = column if isinstance(column, bytes) else str(column).encode()
                assert not search(data, sought), table
                searched += 1
    connection.close()
    assert searched > 100


@pytest.mark.spec("decisions.md 15")
def test_no_value_is_in_the_log_or_on_stdout(run: Run, sought: dict[bytes, str]) -> None:
    assert len(run.log.splitlines()) >= len(SPOILED)
    assert not search(run.log.encode(), sought)
    assert not search(run.said.encode(), sought)


def test_no_value_is_in_any_page_but_the_question_nor_in_any_header(run: Run, sought: dict[bytes, str]) -> None:
    assert {shown.status for shown in run.shown} >= {200, 303, 400, 403, 404, 409, 503}
    for shown in run.shown:
        assert not search(shown.headers, sought), shown.path
        if not shown.asks:
            assert not search(shown.body, sought), shown.path


def test_the_question_shows_what_may_go_and_no_identifier(run: Run, sought: dict[bytes, str]) -> None:
    for shown in (one for one in run.shown if one.asks):
        assert search(shown.body, sought) <= {VALUES["email"]}
