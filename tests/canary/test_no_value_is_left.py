"""The canary test: logins that succeed, are refused, and fail in every place; then no value is found where none may be."""

import json
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from idp.demo.browser import Page
from idp.demo.loopback import client
from idp.monitoring.steps import LoginStep, _all_checks
from idp.pages.wording import MOVES
from tests.canary.needles import needles, search
from tests.canary.stage import (
    NOBODY_KNOWS_WHEN,
    OVERLONG,
    UNSURE,
    VALUES,
    VISITOR,
    CanaryStage,
    Seen,
    Witness,
)
from tests.idp.cli.command import Served, ciconia, serving
from tests.idp.cli.forked import SECONDS
from tests.idp.server.crew import until
from tests.ports import free_port

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
    """The places to search, and the events."""

    shown: list[Seen] = field(default_factory=list)
    ends: dict[str, Page] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    log: str = ""
    said: str = ""
    watched: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("canary")
    stage, found = CanaryStage(folder / "stage", fixed=False), Run()
    stage.open()
    watch = watched_at(stage.receiving)
    try:
        opening = ("incident", "open", "canaries", "--for", "1h", "--reason", "a test", "--config", stage.receiving)
        assert ciconia(*opening).returncode == 0
        with serving(stage.receiving, folder / "log") as served:
            until(lambda: any('"recording"' in line for line in served.lines))
            logins(stage, found)
            keep(stage.receiving, found, "after the logins")
            locked(stage, found)
            with Witness(stage, found.shown) as browser:
                for path in ("/log/checkpoint", "/nothing/here", "/.well-known/openid-configuration"):
                    browser.get(stage.issuer + path)
            pretended(stage)
            with client() as http:
                # Until the worker has seen that the database can be written again
                until(lambda: json.loads(http.get(watch + "/ready").content)["ready"])
                for path in ("/metrics", "/ready", "/alive", f"/{quote(VALUES['email'])}"):
                    found.watched[path] = http.get(watch + path).content
            keep(stage.receiving, found, "while it runs")
            # The last: if the sequencer sees the trigger, this broker releases nothing any more
            violated(stage, found)
            found.said = ended(served)
        keep(stage.receiving, found, "after its end")
        verified = ciconia("ledger", "verify", "--config", stage.receiving)
        assert verified.returncode == 0, verified.stdout
        found.log = served.stderr
        found.said += verified.stdout
        found.shown = [one for one in found.shown if stage.issuer == f"http://{one.host}"]
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
        found.ends["foreign language"] = browser.reword(question, VALUES["email"])
        question = browser.reword(question, "et")
        found.ends["foreign fields"] = browser.decide(question, **extra)
        found.ends["foreign box"] = browser.decide(question, choice="approve", **{f"share_{VALUES['email']}": "yes"})
        browser.decide(question, choice="approve")
        found.ends["decided otherwise"] = browser.decide(question, choice="refuse")
        found.ends["decided, then another language"] = browser.reword(question, "en")
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


def watched_at(folder: Path) -> str:
    """Have metrics told on a free port, as an operator would; where."""
    address = f"127.0.0.1:{free_port()}"
    settings = folder / "ciconia.toml"
    settings.write_text(f'metrics_listen = "{address}"\n{settings.read_text(encoding="utf-8")}', encoding="utf-8")
    return f"http://{address}"


def pretended(stage: CanaryStage) -> None:
    """Values wherever a stranger can put one: an address, a login's id, a client id, a cookie, a RelayState."""
    host = {"host": stage.issuer.removeprefix("http://"), "x-forwarded-for": VISITOR}
    at = f"http://127.0.0.1:{urlsplit(stage.issuer).port}"
    with client() as http:
        for value in map(quote, VALUES.values()):
            form = {"client_id": value, "RelayState": value, "SAMLResponse": value, "grant_type": value}
            cookie = {"cookie": f"__Host-l-{value}={value}; __Host-a-{value}={value}"}
            http.get(f"{at}/{value}", headers=host)
            http.get(f"{at}/authorize?client_id={value}&scope={value}", headers=host)
            for path in (f"/login/{value}/at/{value}", f"/login/{value}/{value}", f"/log/proof?leaf={value}"):
                http.get(f"{at}{path}", headers={**host, **cookie})
            for path in ("/saml/acs", "/token", "/userinfo", f"/login/{value}/language", f"/login/{value}/decision"):
                http.post(f"{at}{path}", headers={**host, **cookie, "authorization": f"Bearer {value}"}, data=form)


def keep(folder: Path, found: Run, when: str) -> None:
    """Every file of the broker's folder, as its bytes lie there."""
    for path in folder.rglob("*"):
        if path.is_file():
            found.files[f"{path.relative_to(folder)} {when}"] = path.read_bytes()


def ended(served: Served) -> str:
    """End it; what it said on stdout."""
    served.process.terminate()
    rest = served.process.stdout.read() if served.process.stdout else ""
    assert served.process.wait(SECONDS) == 0
    return served.first_line + rest


@pytest.fixture(scope="module")
def sought() -> dict[bytes, str]:
    return needles((*VALUES.values(), VISITOR))


def test_every_login_ended_as_it_was_meant_to(run: Run) -> None:
    statuses = {name: page.status for name, page in run.ends.items()}
    assert statuses == {
        **dict.fromkeys(("released", "refused", "cancelled", "city", "fares", "budget", "blocked"), 200),
        **dict.fromkeys(("unsure", "overlong", "failed", *SPOILED), 403),
        **dict.fromkeys(("foreign language", "foreign fields", "foreign box", "hint twice"), 400),
        **dict.fromkeys(("decided otherwise", "decided, then another language"), 409),
        "locked": 503,
        "violated": 503,
    }
    lines = [json.loads(line) for line in run.log.splitlines()]
    assert {line.get("code") for line in lines if line["event"] == "refused"} >= {
        "signature_invalid",
        "assurance_too_low",
        "assertion_rejected",
        "replayed",
        "store_unavailable",
        "request_refused",
    }
    details = {str(line["detail"]) for line in lines if line.get("code") == "store_unavailable"}
    # The recorder or the sequencer may wait for the lock before the commit does
    slow = {f"the database is slow: {end}" for end in ("nothing was written", "whether it was written is not known")}
    assert "SQLITE_CONSTRAINT_TRIGGER" in details
    assert details & {"SQLITE_BUSY", *slow}
    assert details <= {"SQLITE_CONSTRAINT_TRIGGER", "SQLITE_BUSY", *slow}


def test_the_values_did_come_to_the_broker_and_the_released_one_did_reach_the_city(
    run: Run, sought: dict[bytes, str]
) -> None:
    asked = [shown for shown in run.shown if shown.shows]
    assert len(asked) >= 8
    assert VALUES["email"] in search(asked[0].body, sought)
    assert search(run.ends["city"].text.encode(), sought) == {VALUES["email"]}


@pytest.mark.spec("decisions.md 15")
def test_no_value_is_in_the_database_its_write_ahead_log_or_any_other_file(run: Run, sought: dict[bytes, str]) -> None:
    # A purge may have emptied the log a moment before
    logs = [len(data) for name, data in run.files.items() if name.startswith("ciconia.db-wal")]
    assert max(logs) > 10_000
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


@pytest.mark.spec("decisions.md 17")
def test_the_flight_recorder_saw_every_login_and_has_words_of_ours_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    path.write_bytes(run.files["ciconia.db after its end"])
    with closing(sqlite3.connect(path)) as connection:
        names = "reference, leg, party, step, code, check_name, size"
        rows = connection.execute(f"SELECT {names} FROM recorded_steps").fetchall()  # noqa: S608 - our names
    references, legs, parties, steps, codes, checks, sizes = (set(column) for column in zip(*rows, strict=True))
    assert all(re.fullmatch("[0-9a-f]{10}", reference) for reference in references)
    assert legs == {"service", "broker", "country"}
    assert parties == {"", "parking", "fares", "budget", "demo-ee"}
    assert steps >= {*LoginStep, "received", "failed", "sent", "denied"}
    assert codes <= {"", *MOVES, "signature_invalid"}
    assert codes >= {"signature_invalid", "assurance_too_low", "assertion_rejected", "replayed", "store_unavailable"}
    assert checks <= _all_checks() | {""}
    assert sizes <= {0, 1, 4, 16, 64, 256}


@pytest.mark.spec("decisions.md 15")
def test_no_value_is_in_the_log_or_on_stdout(run: Run, sought: dict[bytes, str]) -> None:
    assert len(run.log.splitlines()) >= len(SPOILED)
    assert not search(run.log.encode(), sought)
    assert not search(run.said.encode(), sought)


@pytest.mark.spec("issue: no label, line or trace ever holds a value")
def test_no_value_is_in_any_metric_nor_in_what_is_told_of_readiness(run: Run, sought: dict[bytes, str]) -> None:
    metrics = run.watched["/metrics"].decode()
    for name in ("ciconia_logins_total", "ciconia_refusals_total", "ciconia_commit_seconds_count"):
        assert name in metrics
    assert 'state="released"' in metrics
    assert json.loads(run.watched["/ready"])["ready"] is True
    for path, body in run.watched.items():
        assert not search(body, sought), path


@pytest.mark.spec("issue: structured logs with the login's reference")
def test_the_lines_of_a_login_have_one_reference_and_steps_of_our_words(run: Run) -> None:
    lines = [json.loads(line) for line in run.log.splitlines()]
    by_reference: dict[str, list[str]] = {}
    for line in lines:
        if line["event"] == "login":
            by_reference.setdefault(line["reference"], []).append(line["step"])
    assert ["begun", "asked", "answered", "released", "token"] in by_reference.values()
    assert {line["reference"] for line in lines if line["event"] == "refused" and "reference" in line} & set(by_reference)


def test_no_value_is_in_any_page_but_the_question_nor_in_any_header(run: Run, sought: dict[bytes, str]) -> None:
    assert {shown.status for shown in run.shown} >= {200, 303, 400, 403, 404, 409, 503}
    for shown in run.shown:
        assert not search(shown.headers, sought), shown.url
        if not shown.shows:
            assert not search(shown.body, sought), shown.url


def test_the_question_shows_what_may_go_and_no_identifier(run: Run, sought: dict[bytes, str]) -> None:
    for shown in (one for one in run.shown if one.shows):
        assert search(shown.body, sought) <= {VALUES["email"]}
