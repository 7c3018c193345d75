"""Reading on both sides of a border: after logins that end in every way no node holds a value, and no two share an id."""

import base64
import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from lxml import etree, html

from idp.config.settings import load_settings
from idp.demo.browser import Page, WalkError
from idp.keys.folder import load_keys
from idp.ledger.operator_records import METADATA
from idp.ledger.record_contents import CANCELLATION, REFUSAL, RELEASE, draft_node, new_record
from idp.login.onward import _handle
from idp.login.sealing import LoginId
from idp.login.states import ONWARD, ONWARD_LIFE
from idp.store.engine import database_file
from idp.store.store import open_store
from policies.parties import EntityId
from tests.canary.border_stage import (
    ALL_VALUES,
    COUNTRIES,
    Traveller,
    cells_of,
    crossing,
    files_of,
    identifiers,
    identifiers_of,
    in_answers,
    in_files,
    in_openings,
    openings_of,
    sealer_of,
)
from tests.canary.needles import needles, search
from tests.canary.stage import VALUES, Seen, until_it_takes_logins
from tests.canary.test_no_value_is_left import SPOILED
from tests.idp.cli.command import ciconia
from tests.idp.store.units import unit
from tests.kill.pair import ForkedBorder

pytestmark = pytest.mark.slow
NAME = VALUES["family_name"].encode()
# Words of closed lists, which every node uses: kinds of records, of one-time things that a mark stands for, of hourly keys
WORDS = {"artifact", "cancellation", "metadata", "response", "assertion", "requested"}


@dataclass
class Run:
    """The places to search, and the events."""

    border: ForkedBorder
    seen: list[Seen] = field(default_factory=list)
    ends: dict[str, Page] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)  # identifiers of what crossed
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by side
    logs: dict[str, bytes] = field(default_factory=dict)
    left: dict[LoginId, bytes] = field(default_factory=dict)  # refused at a sending node: the browser's secret

    @property
    def folders(self) -> dict[str, Path]:
        return {"receiving": self.border.receiving, **self.border.sending}

    @property
    def nodes(self) -> list[str]:
        return [url.removeprefix("http://") for url in (self.border.issuer, *self.border.nodes.values())]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    border = ForkedBorder(tmp_path_factory.mktemp("border") / "stage", lands=COUNTRIES)
    border.open()
    found = Run(border)
    try:
        go_well(found)
        for side, folder in found.folders.items():
            found.files[side] = files_of(folder, "after the logins")
        end_at_the_sending_node(found)
        fail_between_the_nodes(found)
        fail_in_the_stores(found)
        for side, folder in found.folders.items():
            found.files[side] |= files_of(folder, "while it runs")
        for name in ("broker", "node-ee", "node-bg"):
            border.kill(name)
        for side, folder in found.folders.items():
            verified = ciconia("ledger", "verify", "--config", folder)
            assert verified.returncode == 0, verified.stdout
            found.files[side] |= files_of(folder, "after its end")
            found.logs[f"what verify says of {side}"] = verified.stdout.encode()
        found.logs |= {name: border.log(name).read_bytes() for name in ("broker", "node-ee", "node-bg")}
        yield found
    finally:
        border.close()


def go_well(found: Run) -> None:
    """Those that cross, and end at the receiving node as the citizen wants."""
    for name, fields in {
        "released": {"choice": "approve"},
        "refused": {"choice": "refuse"},
        "cancelled": {"choice": "cancel"},
    }.items():
        for country in ("EE", "BG"):
            with Traveller(found.border, found.seen) as browser:
                answer = browser.decide(browser.to_the_node("canary", country), choice="continue")
                found.passed |= identifiers(crossing(answer, found.border, country))
                end = browser.decide(browser.submit(answer, {}), **fields)
                found.ends[f"{name} {country}"] = end
                if name == "released":
                    back = end.link("//main//a[contains(@href, 'code=')]")
                    found.ends[f"city {country}"] = browser.get(back, origin=found.border.issuer, accept="application/json")


def end_at_the_sending_node(found: Run) -> None:
    """Those that the citizen or the sending node ends, and what the receiving node then says."""
    for who in ("unsure", "incomplete", "overlong", ""):
        with Traveller(found.border, found.seen) as browser:
            ended(found, browser, who or "failed", browser.to_the_node(who))
    with Traveller(found.border, found.seen) as browser:
        left = browser.decide(browser.to_the_node("canary"), choice="cancel")
        ended(found, browser, "cancelled at the sending node", left)
        found.left |= browser.secrets(found.border.nodes["EE"])
    for name, spoil in SPOILED.items():
        with Traveller(found.border, found.seen) as browser:
            posting = browser.submit(browser.to_the_sign_in(), {"citizen": "canary"})
            page = browser.submit(posting, {"SAMLResponse": spoiled(posting, spoil)})
            ended(found, browser, f"spoiled, {name}", page)
    with Traveller(found.border, found.seen) as browser:
        informs = browser.to_the_node("canary")
        extra = {"choice": VALUES["person_identifier"], "share_email": VALUES["email"]}
        found.ends["foreign choice"] = browser.decide(informs, **extra)
        found.ends["foreign decided"] = browser.decide(informs, choice="continue", decided=VALUES["address.street"])
        browser.decide(informs, choice="continue")
        found.ends["decided otherwise"] = browser.decide(informs, choice="cancel")


def fail_between_the_nodes(found: Run) -> None:
    """Answers of the sending node that do not come as they were sent."""
    with Traveller(found.border, found.seen) as browser:
        answer = browser.decide(browser.to_the_node("canary"), choice="continue")
        found.ends["altered on the way"] = browser.submit(
            answer,
            {"SAMLResponse": spoiled(answer, lambda octets: octets.replace(b"CipherValue>", b"CipherValue>AAAA", 1))},
        )
        found.ends["in the clear"] = browser.submit(
            answer, {"SAMLResponse": base64.b64encode(b"<a>" + NAME + b"</a>").decode()}
        )
        question = browser.submit(answer, {})
        extra = {"choice": VALUES["person_identifier"], "share_email": VALUES["email"]}
        found.ends["foreign fields"] = browser.decide(question, **extra)
        browser.decide(question, choice="approve")
        found.ends["answered again"] = browser.submit(answer, {})


def fail_in_the_stores(found: Run) -> None:
    """A constraint of a database refuses the record, first at the one node and then at the other."""
    for side, folder in (("EE", found.border.sending["EE"]), ("receiving", found.border.receiving)):
        with Traveller(found.border, found.seen) as browser:
            page = browser.to_the_node("canary") if side == "EE" else browser.to_the_question()
            connection = sqlite3.connect(folder / "ciconia.db", isolation_level=None)
            connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'refused'); END")
            found.ends[f"violated, {side}"] = browser.decide(page, choice="continue" if side == "EE" else "approve")
            connection.execute("DROP TRIGGER refuse")
            connection.close()
            # If the sequencer saw the trigger, this process releases nothing any more
            node = "node-ee" if side == "EE" else "broker"
            found.border.kill(node)
            found.border.play(node)
            until_it_takes_logins(browser.to_the_question)


def ended(found: Run, browser: Traveller, name: str, page: Page) -> None:
    """A page of the sending node that ends a login, and the receiving node's where there is a way back to it."""
    found.ends[name] = page
    try:
        found.ends[f"{name}, at the receiving node"] = browser.onward(page)
    except WalkError:
        return


def spoiled(page: Page, spoil: Callable[[bytes], bytes]) -> str:
    """A message of a page, its letters written as UTF-8, changed after it was signed."""
    octets = base64.b64decode(str(page.tree.xpath("string(//input[@name='SAMLResponse']/@value)")))
    return base64.b64encode(spoil(etree.tostring(etree.fromstring(octets), encoding="utf-8"))).decode()


@pytest.fixture(scope="module")
def sought(run: Run) -> dict[bytes, str]:
    """Every value, and every identifier that crossed: person identifiers, NameIDs, ids of assertions."""
    return needles({*ALL_VALUES, *run.passed})


def test_every_login_ended_as_it_was_meant_to(run: Run) -> None:
    statuses = {name: page.status for name, page in run.ends.items()}
    good = [f"{end} {country}" for end in ("released", "city", "refused", "cancelled") for country in ("EE", "BG")]
    failed = ["unsure", "incomplete", "overlong", "failed", *(f"spoiled, {name}" for name in SPOILED)]
    assert statuses == {
        **dict.fromkeys(good, 200),
        **dict.fromkeys(failed, 403),
        **{f"{name}, at the receiving node": 403 for name in failed},
        "cancelled at the sending node": 200,
        "cancelled at the sending node, at the receiving node": 403,
        "foreign choice": 400,
        "foreign decided": 409,
        "decided otherwise": 409,
        "altered on the way": 403,
        "in the clear": 403,
        "foreign fields": 400,
        "answered again": 409,
        "violated, EE": 503,
        "violated, receiving": 503,
    }
    sides = {"EE": {RELEASE, CANCELLATION}, "receiving": {RELEASE, REFUSAL, CANCELLATION}}
    for side, kinds in sides.items():
        assert {one["kind"] for one in openings_of(run.folders[side]) if "kind" in one} - {METADATA} == kinds


def test_the_values_did_cross_and_the_citizen_did_see_them(run: Run, sought: dict[bytes, str]) -> None:
    sending, receiving = run.nodes[1:], run.nodes[0]
    informed = [search(one.body, sought) for one in run.seen if one.shows and one.host in sending]
    asked = [search(one.body, sought) for one in run.seen if one.shows and one.host == receiving]
    # Who continues sees all that goes, and never what the country calls them
    assert {"Xanthippe-Quirina", "Kanaarilind-Õitsev"} < informed[0]
    assert any({"Канарчева-Птицова", "Kanarcheva-Ptitsova"} < found for found in informed)
    assert len(run.passed & informed[0]) == 2
    assert VALUES["person_identifier"] not in set().union(*informed, *asked)
    # Who approves sees what may go, and no identifier
    assert len(asked) >= 8
    assert set().union(*asked) == {VALUES["email"], "ksantipa.kanarcheva@canary.example"}


@pytest.mark.spec("decisions.md 15; decisions.md 26")
@pytest.mark.parametrize("side", ["receiving", "EE", "BG"])
def test_no_file_of_a_node_holds_a_value_or_an_identifier_of_what_crossed(
    run: Run, sought: dict[bytes, str], side: str
) -> None:
    # A purge may have emptied the log a moment before
    logs = [len(data) for name, data in run.files[side].items() if name.startswith("ciconia.db-wal")]
    assert max(logs) > 10_000
    assert len(run.files[side]["ciconia.db after its end"]) > 10_000
    assert in_files(run.files[side], sought) == {}


@pytest.mark.spec("decisions.md 15")
def test_no_log_holds_a_value(run: Run, sought: dict[bytes, str]) -> None:
    assert len(run.logs["node-ee"].splitlines()) > len(SPOILED)
    assert in_files(run.logs, sought) == {}


@pytest.mark.parametrize("side", ["receiving", "EE", "BG"])
def test_what_a_ledger_keeps_encrypted_betrays_no_value_to_whoever_has_its_keys(
    run: Run, sought: dict[bytes, str], side: str
) -> None:
    openings = openings_of(run.folders[side])
    assert len(openings) >= 4
    assert in_openings(openings, sought) == set()
    # A file's pages may cut a column in pieces: each is searched whole too
    assert in_files({cell: cell.encode() for cell in cells_of(run.folders[side])}, sought) == {}


@pytest.mark.spec("decisions.md 26")
@pytest.mark.parametrize("country", ["EE", "BG"])
def test_a_sending_node_keeps_node_message_and_time_alone(run: Run, sought: dict[bytes, str], country: str) -> None:
    for one in openings_of(run.border.sending[country]):
        # An approval of metadata is of no login: it names the node, and what its metadata said
        facts = {"digest", "peer"} if "peer" in one else {"message", "node"}
        assert set(one) - {"kind"} == {*facts, "record", "time"}
        assert one.get("node", one.get("peer")) == f"{run.border.issuer}/eidas/metadata"
    with closing(sqlite3.connect(run.border.sending[country] / "ciconia.db")) as connection:
        kept = "SELECT count(*) FROM records WHERE subject IS NOT NULL OR login_opening IS NOT NULL"
        assert connection.execute(kept).fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM subjects").fetchone() == (0,)
        parked = connection.execute("SELECT kind, digest, payload, ends FROM parked").fetchall()
    # A refusal leaves the node's request for as long as its last page may be read
    kept_for = {hashlib.sha256(_handle(*one)).digest(): one for one in run.left.items() if country == "EE"}
    assert {(kind, digest) for kind, digest, *_ in parked} == {("onward", digest) for digest in kept_for}
    with sealer_of(run.border.sending[country]) as sealer:
        for kind, digest, payload, ends in parked:
            opened = sealer.unpark(kind, _handle(*kept_for[digest]), payload, 0)
            onward = ONWARD.load(opened)
            assert (onward.word, onward.decided, onward.approved, onward.values_nonce) == ("cancel", None, None, "")
            assert search(opened, sought) == set()
            assert ends == onward.pressed + ONWARD_LIFE


def test_no_address_no_header_and_no_page_but_where_the_citizen_decides_holds_a_value(
    run: Run, sought: dict[bytes, str]
) -> None:
    assert {one.status for one in run.seen if one.host in run.nodes} >= {200, 303, 400, 403, 409, 503}
    assert {one.host for one in run.seen} >= set(run.nodes)
    assert in_answers(run.seen, run.nodes, sought) == []


def test_what_a_deciding_page_carries_along_can_be_read_by_nobody_but_its_node(run: Run, sought: dict[bytes, str]) -> None:
    hidden = [
        found.get("value", "")
        for one in run.seen
        if one.shows
        for found in html.document_fromstring(one.body.decode()).iter("input")
        if found.get("type") == "hidden"
    ]
    assert max(len(one) for one in hidden) > 500
    assert search("\n".join(hidden).encode(), sought) == set()


def test_no_identifier_is_common_to_two_ledgers(run: Run) -> None:
    kept = {side: identifiers_of(folder) for side, folder in run.folders.items()}
    assert min(len(found) for found in kept.values()) > 30
    assert (kept["receiving"] & kept["EE"]) - WORDS == set()
    assert (kept["receiving"] & kept["BG"]) - WORDS == set()
    # Nor is one a part of another, but for the nodes' own addresses and hosts, which are public, in their entity ids
    urls = {run.border.issuer, *run.border.nodes.values()}
    public = urls | {str(urlsplit(url).hostname) for url in urls} | WORDS
    assert nested(kept["EE"], kept["receiving"]) <= public
    assert run.border.issuer in nested(kept["receiving"], kept["EE"]) <= public


def nested(some: set[str], others: set[str]) -> set[str]:
    return {one for one in some if any(one in other for other in others)}


# -- the controls: what is planted is found ----------------------------------------------------------------------------


def test_a_value_planted_in_a_file_or_an_answer_is_found(run: Run, sought: dict[bytes, str]) -> None:
    value, node = VALUES["address.postal_code"], run.nodes[1]
    assert in_files({"log": b'{"detail": "' + value.encode() + b'"}'}, sought) == {"log": {value}}
    plain = Seen(node, f"http://{node}/eidas/sso", 403, b"content-type: text/html", b"<h1>Refused</h1>")
    assert in_answers([plain], run.nodes, sought) == []
    planted = [
        replace(plain, url=f"{plain.url}?to={quote(value)}"),
        replace(plain, headers=b"x-about: " + base64.b64encode(b"about " + value.encode())),
        replace(plain, body=b"<p>" + value.encode() + b"</p>"),
        replace(plain, body=b'<input name="decided"><p>' + value.encode() + b"</p>"),
    ]
    found = [f"address at {node}", f"header of {node}", f"page of {node}, status 403"]
    assert in_answers(planted, run.nodes, sought) == found


def test_a_value_or_an_id_planted_in_a_ledger_is_found(run: Run, sought: dict[bytes, str], tmp_path: Path) -> None:
    copy = tmp_path / "sending"
    shutil.copytree(run.border.sending["EE"], copy)
    settings = load_settings(copy)
    assert database_file(settings.database_url).parent == copy
    (nonce, *_) = (str(one["nonce"]) for one in openings_of(run.border.receiving) if "nonce" in one)
    keys = load_keys(settings.key_folder, settings.origin).ledger
    with closing(open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)) as store:
        for message in (nonce, VALUES["email"]):
            node, moment = EntityId("https://node.example"), 1_800_000_000
            record = draft_node(record=new_record(), time=moment, kind=RELEASE, message=message, node=node)
            store.commit(replace(unit(record=record), tenant=settings.tenant))
    assert (identifiers_of(run.border.receiving) & identifiers_of(copy)) - WORDS == {nonce}
    assert in_openings(openings_of(copy), sought) == {VALUES["email"]}
    with closing(sqlite3.connect(f"file:{run.border.receiving / 'ciconia.db'}?mode=ro", uri=True)) as connection:
        ((subject,), *_) = connection.execute("SELECT subject FROM subjects")
    with closing(sqlite3.connect(copy / "ciconia.db")) as connection:
        connection.execute("INSERT INTO marks VALUES ('x', 'login', ?, x'00', 0)", (subject,))
        connection.commit()
    assert subject.hex() in identifiers_of(run.border.receiving) & identifiers_of(copy)
